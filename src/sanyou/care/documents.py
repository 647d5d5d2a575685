"""Numbered prints. What is printed is frozen and sealed, so the same page can be printed for ever."""

import hashlib
import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

from django.db import transaction
from django.template import Context, Engine
from django.utils.translation import gettext as _

from sanyou.care import cards, content, flow, numbers
from sanyou.care.assessments import DECIDED, standing
from sanyou.care.errors import CareError
from sanyou.care.facts import facts_of, names_of, people_of, standing_beside
from sanyou.care.models import Assessment, Card, Consent, Document, Encounter, Episode, Task
from sanyou.protocol.dates import years_between
from sanyou.protocol.facts import flag, read_observation
from sanyou.protocol.form import value_flag
from sanyou.protocol.models import DocumentSpec
from sanyou.protocol.programme import Form, Programme
from sanyou.protocol.schedule import PlannedTask, plan
from sanyou.protocol.scope import COUPLE
from sanyou.protocol.wording import range_text, shown, unit_text
from sanyou.registry.access import Actor
from sanyou.registry.models import Organisation, Region
from sanyou.registry.people import masked_id, paper_number
from sanyou.registry.regions import county_code
from sanyou.trust import audit
from sanyou.trust.crypto import decrypt, encrypt

PURPOSE = "care.Document.payload"
DRAFT_NUMBER = "—"


# What a floor above adds to the data of a document: (episode, kind, day) -> {key: value}.
Supplier = Callable[[Episode, str, date], Mapping[str, Any]]
_suppliers: list[Supplier] = []


def supply(supplier: Supplier) -> None:
    """Let a floor above add to what a document prints."""
    if supplier not in _suppliers:
        _suppliers.append(supplier)


@cache
def _engine(folder: Path, roots: tuple[Path, ...]) -> Engine:
    """Templates beside the programme's documents, then those shared by all programmes."""
    dirs = [folder / "documents", *(root / "documents" for root in reversed(roots))]
    return Engine(dirs=[str(d) for d in dirs], autoescape=True)


@transaction.atomic
def issue(episode: Episode, kind: str, actor: Actor, on: date) -> Document:
    """Issue a document; where nothing has changed since the last one, that one."""
    actor.require("issue_document", episode)
    row = flow.lock(episode)
    programme, spec = _spec(row, kind)
    _ready(row, programme, spec)
    body = _payload(row, programme, spec, actor, on)
    fingerprint = _sha(body)
    last = row.documents.filter(kind=kind, void_reason="").order_by("-pk").first()
    if last is not None and opened(last)["fingerprint"] == fingerprint and _is_current(last, row):
        return last
    county = county_code(row.region.code)
    number = spec.number.format(
        kind=spec.id,
        code=spec.code,
        org=county,
        year=on.year,
        seq=numbers.take(f"document:{county}:{spec.code}:{on.year}", row.compartment),
    )
    body["document"]["number"] = number
    html = _html(programme, spec, body, _own_template(row, programme, spec))
    sealed = {"payload": body, "html": html, "fingerprint": fingerprint}
    made = Document.objects.create(
        episode=row,
        kind=kind,
        number=number,
        template_version=spec.text_version,
        payload={"sealed": encrypt(json.dumps(sealed, ensure_ascii=False), PURPOSE)},
        sha256=hashlib.sha256(html.encode()).hexdigest(),
        issued_on=on,
        issued_by=actor.staff,
    )
    step = next((s for s in programme.steps if s.document == kind and s.kind == "document"), None)
    if step is not None:
        row.stage = step.id
        row.save(update_fields=["stage"])
    flow.advance(row, on)
    audit.record(actor, "issue", "document", made.key, document=kind)
    return made


def _is_current(document: Document, episode: Episode) -> bool:
    """A notice belongs to the assessment that stands: one decided later needs a new one."""
    decided = standing(episode)
    return decided is None or decided.decided_at is None or document.at >= decided.decided_at


def preview(episode: Episode, kind: str, actor: Actor, on: date) -> str:
    """The document as HTML without issuing it; it has no number."""
    programme, spec = _spec(episode, kind)
    body = _payload(episode, programme, spec, actor, on)
    return _html(programme, spec, body, _own_template(episode, programme, spec))


def opened(document: Document) -> dict[str, Any]:
    """What was frozen: {"payload", "html", "fingerprint"}."""
    sealed: dict[str, Any] = json.loads(decrypt(document.payload["sealed"], PURPOSE))
    return sealed


def payload(document: Document) -> dict[str, Any]:
    """The data the document was printed from."""
    found: dict[str, Any] = opened(document)["payload"]
    return found


def render(document: Document) -> str:
    """The page as it was issued. CareError when it no longer has the seal it was given."""
    html = str(opened(document)["html"])
    if hashlib.sha256(html.encode()).hexdigest() != document.sha256:
        raise CareError(_("文书内容与出具时不一致，请联系系统管理员核对。"), "tampered")
    return html


def _spec(episode: Episode, kind: str) -> tuple[Programme, DocumentSpec]:
    programme = content.programme_of(episode)
    if kind not in programme.documents:
        raise CareError(_("这个项目没有这种文书。"), "no_document")
    return programme, programme.documents[kind]


def _ready(episode: Episode, programme: Programme, spec: DocumentSpec) -> None:
    """A document that a step issues waits for what that step waits for."""
    step = next((s for s in programme.steps if s.document == spec.id), None)
    if step is None:
        return
    if step.kind == "card" and not episode.cards.exclude(status=Card.Status.VOID).exists():
        raise CareError(_("还没有发卡，请先发放服务卡。"), "too_early")
    before = {programme.step(s).kind for s in step.after}
    decided = episode.assessments.filter(status__in=DECIDED).exists()
    if step.kind == "document" and "assess" in before and not decided:
        raise CareError(_("风险评估还没有由医生确认，暂不能出具。请先完成评估。"), "too_early")


def _own_template(episode: Episode, programme: Programme, spec: DocumentSpec) -> Path | None:
    """The district's template, as PROGRAMME_DOCUMENT; the main programme's also by its plain id."""
    district = content.library().district_for(episode.region.code)
    if district is None:
        return None
    policy = content.policy_of(episode)
    is_main = policy is not None and policy.programmes[0] == programme.id
    own = district.template(f"{programme.id}_{spec.id}")
    return own or (district.template(spec.id) if is_main else None)


def _html(
    programme: Programme, spec: DocumentSpec, body: dict[str, Any], own: Path | None = None
) -> str:
    from django.utils.safestring import mark_safe

    # The QR code is the one piece of markup in the data; we made it ourselves.
    card = body["card"] and {**body["card"], "qr_svg": mark_safe(body["card"]["qr_svg"])}  # noqa: S308
    if own is not None:
        template = Engine(dirs=[str(own.parent)], autoescape=True).get_template(own.name)
    else:
        engine = _engine(programme.folder, content.library().roots)
        template = engine.get_template(spec.template)
    return str(template.render(Context(body | {"card": card})))


def _sha(body: dict[str, Any]) -> str:
    """What makes two documents the same: all but their number, day, author and letterhead."""
    same = {k: v for k, v in body.items() if k not in {"document", "district"}}
    if isinstance(same.get("assessment"), dict):  # as it was before classes could stand beside
        same["assessment"] = dict(same["assessment"])
        same["assessment"].pop("class_label", None)
        if not same["assessment"].get("beside_labels"):
            same["assessment"].pop("beside_labels", None)
    if same.get("linked") is None:  # as it was before episodes could be linked
        same.pop("linked", None)
    same["text_version"] = body["document"]["text_version"]
    return hashlib.sha256(json.dumps(same, ensure_ascii=False, sort_keys=True).encode()).hexdigest()


def _payload(
    episode: Episode, programme: Programme, spec: DocumentSpec, actor: Actor, on: date
) -> dict[str, Any]:
    policy = content.policy_of(episode)
    forms = _forms(episode, programme, on)
    more = {k: v for supplier in _suppliers for k, v in supplier(episode, spec.id, on).items()}
    return more | {
        "document": {
            "number": DRAFT_NUMBER,
            "title": spec.label.zh,
            "issued_on": on.isoformat(),
            "issued_by": actor.display_name,
            "org": _centre(episode),
            "text_version": spec.text_version,
        },
        "programme": {"label": programme.label.zh},
        "policy": {
            "label": policy.label.zh if policy else "",
            "document_number": policy.document_number if policy else "",
        },
        "region": {"label": episode.region.full_name},
        "district": _district(episode),
        "episode": {
            "number": episode.number,
            "child_order": episode.child_order,
            "opened_on": episode.opened_on.isoformat(),
        },
        "card": _card(episode),
        "persons": _persons(episode, programme, on),
        "forms": forms,
        "assessment": _assessment(episode, programme),
        "tasks": _tasks(episode, programme, spec, on),
        "consent": _consent(episode, programme),
        "answers": _answers(episode, programme, on),
        "linked": _linked(episode, on),
    }


def _linked(episode: Episode, on: date) -> dict[str, Any] | None:
    """The latest episode of the same people in the programme done in the same visit."""
    policy = content.policy_of(episode)
    names = policy.one_stop.programmes if policy and policy.one_stop else []
    other = (
        Episode.objects.filter(
            episode.same_subject,
            programme__in=[name for name in names if name != episode.programme],
            compartment__in=("", episode.compartment),
            opened_on__lte=on,
        )
        .exclude(status=Episode.Status.CANCELLED)
        .order_by("opened_on", "pk")
        .last()
    )
    if other is None:
        return None
    programme = content.programme_of(other)
    return {
        "programme_label": programme.label.zh,
        "number": other.number,
        "assessment": _assessment(other, programme),
        "forms": _forms(other, programme, on),
    }


def _district(episode: Episode) -> dict[str, Any]:
    """The letterhead of the district: name, centre, mark (a data address), its own texts."""
    found = content.library().district_for(episode.region.code)
    if found is None:
        return {"label": "", "centre": {}, "mark": "", "texts": {}}
    centre = found.spec.centre
    mark = b64encode(found.logo_svg.encode()).decode()
    return {
        "label": found.label.zh,
        "centre": {
            "name": centre.name.zh,
            "address": centre.address.zh if centre.address else "",
            "phone": centre.phone,
        },
        "mark": f"data:image/svg+xml;base64,{mark}" if mark else "",
        "texts": {name: text.zh for name, text in found.spec.texts.items()},
    }


def _centre(episode: Episode) -> str:
    """The county's service centre, in whose name documents are issued."""
    centre = Organisation.objects.filter(
        region_id=county_code(episode.region.code), kind=Organisation.Kind.CENTRE, active=True
    ).first()
    return centre.name if centre else str(episode.organisation or "")


def _card(episode: Episode) -> dict[str, Any] | None:
    card = episode.cards.exclude(status=Card.Status.VOID).first()
    if card is None:
        return None
    return {
        "number": card.number,
        "qr_svg": cards.qr_svg(card),
        "valid_from": card.issued_on.isoformat(),
        "valid_to": card.valid_until.isoformat(),
        "appointment": card.appointment_on.isoformat() if card.appointment_on else "",
        "place": _centre(episode),
    }


def _persons(episode: Episode, programme: Programme, on: date) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if episode.unit is not None:
        unit = episode.unit
        found[programme.roles[0]] = {
            "name": unit.name,
            "code": unit.code,
            "kind": str(unit.get_kind_display()),
            "residence": unit.region.full_name,
        }
    for role, person in people_of(programme, episode).items():
        found[role] = {
            "name": person.name,
            "sex": person.sex,
            "birth_date": person.birth_date.isoformat(),
            "age": years_between(person.birth_date, on),
            "id_masked": masked_id(person),
            "id_number": paper_number(person),
            "phone": person.phone,
            "hukou": person.hukou_text,
            "residence": person.residence_text,
        }
    return found


def _forms(episode: Episode, programme: Programme, on: date) -> list[dict[str, Any]]:
    rows = (
        episode.encounters.filter(status=Encounter.Status.SIGNED, occurred_on__lte=on)
        .select_related("signed_by")
        .order_by("occurred_on", "pk")
    )
    return [
        _form(programme, programme.forms[row.form], row)
        for row in rows
        if row.form in programme.forms
    ]


def _form(programme: Programme, form: Form, row: Encounter) -> dict[str, Any]:
    elements = content.library().dictionary.elements
    sex = programme.role_sex.get(row.role)
    sections = []
    for section in form.sections:
        fields = []
        for item in section.fields:
            raw = row.data.get(item.element)
            element = elements[item.element]
            if raw is None or element.type == "image":
                continue
            value, low, high = read_observation(element, raw)
            usual = element.range_for(sex)
            if low is None and high is None and usual is not None:
                low, high = usual.low, usual.high
            marked = (
                flag(element, value, sex, low, high)
                if element.is_number
                else value_flag(element, value, sex)
            )
            fields.append(
                {
                    "id": item.element,
                    "label": (item.label or element.label).zh,
                    "value": _words(element, value),
                    "unit": unit_text(element.unit),
                    "range": range_text(low, high) if element.is_number else "",
                    "flag": "" if marked in (None, "normal") else marked,
                }
            )
        if fields:
            sections.append({"id": section.id, "label": section.label.zh, "fields": fields})
    return {
        "id": form.id,
        "label": form.label.zh,
        "role": row.role,
        "role_label": programme.role_label[row.role].zh if row.role != COUPLE else "",
        "signed_on": row.occurred_on.isoformat(),
        "signed_by": str(row.signed_by or ""),
        "sections": sections,
    }


def _words(element: Any, value: Any) -> str:
    if element.type == "region" and value:
        region = Region.objects.filter(pk=value).first()
        return region.full_name if region else str(value)
    return shown(element, value, unit=False)


def _answers(episode: Episode, programme: Programme, on: date) -> dict[str, str]:
    """Answers, in words, on the forms that follow the assessment (counselling), by element."""
    from sanyou.care.facts import following

    after = following(programme, "assess")
    forms = {s.form for s in programme.steps if s.form and s.id in after}
    elements = content.library().dictionary.elements
    found: dict[str, str] = {}
    for row in episode.encounters.filter(
        status=Encounter.Status.SIGNED, form__in=forms, occurred_on__lte=on
    ).order_by("occurred_on", "pk"):
        for name, raw in row.data.items():
            element = elements.get(name)
            if element is None or raw is None:
                continue
            found[name] = _words(element, read_observation(element, raw)[0])
    return found


def _assessment(episode: Episode, programme: Programme) -> dict[str, Any] | None:
    row = standing(episode)
    if row is None:
        return None
    labels = {c.id: c.label.zh for c in programme.risk_classes}
    removed, added = set(row.override.get("removed", [])), row.override.get("added", [])
    kept = [f for f in row.result["findings"] if f"{f['role']}.{f['rule']}" not in removed]
    rules = {rule.key: rule for rule in programme.rules}
    findings = [_finding(programme, row, f, labels) for f in kept]
    findings += [_added(programme, rules[key], labels) for key in added if key in rules]
    findings.sort(key=lambda f: -programme.severity(f["cls"]))
    return {
        "cls": row.cls,
        "class_label": labels.get(row.cls, ""),
        "beside_labels": [labels[c] for c in standing_beside(programme, row)],
        "level": row.level,
        "level_label": programme.risk_levels[row.level].zh if row.level else "",
        "findings": findings,
        "opinions": _opinions(programme, row, findings),
        "undetermined": [
            {
                "role": u["role"],
                "role_label": programme.role_label[u["role"]].zh,
                "label": u["label"]["zh"],
                "missing_labels": _missing(programme, u["missing"]),
            }
            for u in row.result["undetermined"]
        ],
        "decided_by": str(row.decided_by or ""),
        "decided_on": row.as_of.isoformat() if row.status in DECIDED else "",
        "override_reason": row.reason if row.status == Assessment.Status.OVERRIDDEN else "",
    }


def _opinions(
    programme: Programme, row: Assessment, findings: list[dict[str, Any]]
) -> dict[str, list[str]]:
    """Per role, the classes above the first level, worst first: what a paper may say that tells
    no result. A class the doctor gave the couple herself holds for both."""
    none_found = next(iter(programme.risk_levels), "")
    serious = {c.id: c.label.zh for c in programme.risk_classes if c.level != none_found}
    found: dict[str, list[str]] = {}
    for role in programme.roles:
        classes = [f["cls"] for f in findings if f["role"] in (role, COUPLE)]
        if row.override.get("cls"):
            classes = [row.cls]
        told = dict.fromkeys(c for c in classes if c in serious)
        found[role] = [serious[c].removeprefix(f"{c} 类").strip() for c in told]
    return found


def _missing(programme: Programme, names: list[str]) -> list[str]:
    """What is missing, each element once."""
    labels = [programme.fact_label(name.partition("__")[0]).zh for name in names]
    return list(dict.fromkeys(labels))


def _finding(
    programme: Programme, row: Assessment, found: dict[str, Any], labels: dict[str, str]
) -> dict[str, Any]:
    recheck, referral = found.get("recheck"), found.get("referral")
    return {
        "role": found["role"],
        "role_label": programme.role_label[found["role"]].zh,
        "label": found["label"]["zh"],
        "cls": found["class"],
        "cls_label": labels[found["class"]].removeprefix(f"{found['class']} 类").strip(),
        "evidence_text": _evidence(row, found["evidence"]),
        "advice": found["advice"]["zh"],
        "recheck": recheck["label"]["zh"] if recheck else "",
        "referral": referral["to"]["zh"] if referral else "",
        "source": found["source"],
    }


def _added(programme: Programme, rule: Any, labels: dict[str, str]) -> dict[str, Any]:
    spec = rule.spec
    return {
        "role": rule.role,
        "role_label": programme.role_label[rule.role].zh,
        "label": spec.label.zh,
        "cls": rule.cls,
        "cls_label": labels[rule.cls].removeprefix(f"{rule.cls} 类").strip(),
        "evidence_text": _("医生判断"),
        "advice": spec.advice.zh,
        "recheck": spec.recheck.label.zh if spec.recheck else "",
        "referral": spec.referral.to.zh if spec.referral else "",
        "source": spec.source.model_dump(),
    }


ARROWS = {"high": " ↑", "low": " ↓"}


def _evidence(row: Assessment, evidence: dict[str, Any]) -> str:
    """The values a finding rests on, in words: 谷丙转氨酶 55 U/L ↑（7–40）."""
    elements = content.library().dictionary.elements
    bases = dict.fromkeys(name.partition("__")[0] for name in evidence)
    parts = []
    for base in bases:
        element = elements.get(base.partition(".")[2])
        if element is None:
            continue
        if element.type == "codes" and element.value_set is not None:
            chosen = [
                c.label.zh for c in element.value_set.codes if evidence.get(f"{base}__{c.code}")
            ]
            parts.append(f"{element.label.zh}：{'、'.join(chosen)}")
            continue
        value, low, high = read_observation(element, row.facts.get(base))
        mark = ARROWS.get(row.facts.get(f"{base}__flag") or "", "")
        limits = f"（{range_text(low, high)}）" if low is not None or high is not None else ""
        if value is not None:
            parts.append(f"{element.label.zh} {shown(element, value)}{mark}{limits}")
    return "；".join(parts)


def _tasks(
    episode: Episode, programme: Programme, spec: DocumentSpec, on: date
) -> list[dict[str, Any]]:
    """Open follow-ups, rechecks and legs of loops, with the follow-ups that this document opens."""
    kinds = (Task.Kind.SCHEDULE, Task.Kind.RECHECK, Task.Kind.LOOP)
    known = episode.tasks.filter(kind__in=kinds).exclude(kind=Task.Kind.LOOP, form="")
    rows: list[Task | PlannedTask] = list(known.filter(status=Task.Status.OPEN))
    if any(s.kind == "document" and s.document == spec.id for s in programme.steps):
        facts = facts_of(episode, on)
        if facts.get(f"{COUPLE}.notice_on") is None:
            have = set(known.values_list("occurrence", flat=True))
            facts[f"{COUPLE}.notice_on"] = on
            rows += [w for w in plan(programme, facts, on) if w.key not in have]
    lines = [
        {
            "label": row.label.zh if isinstance(row, PlannedTask) else row.label,
            "role": row.role,
            "who": programme.role_label[row.role].zh if row.role else "",
            "opens": row.opens.isoformat(),
            "due": row.due.isoformat() if row.due else "",
        }
        for row in rows
    ]
    lines.sort(key=lambda line: (line["opens"], line["due"], line["label"], line["role"]))
    return _series([line for n, line in enumerate(lines) if line not in lines[:n]])


def _series(lines: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Says of each line how often its matter comes back; `again` on all but its first line."""
    same: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for line in lines:
        same.setdefault((line["label"], line["role"]), []).append(line)
    for of_one in same.values():
        for n, line in enumerate(of_one):
            line |= {"again": n > 0, "times": len(of_one), "last": of_one[-1]["due"]}
    return lines


def _consent(episode: Episode, programme: Programme) -> dict[str, Any]:
    names = names_of(programme, episode)
    rows = episode.consents.select_related("by").order_by("pk")
    latest: dict[str, Consent] = {row.role: row for row in rows}
    given = [row for row in latest.values() if _stands(row)]
    return {
        # Who explained it is who took the signature, not whoever prints the sheet later.
        "told_by": str(given[0].by or "") if given else "",
        "told_on": given[0].on.isoformat() if given else "",
        "signatures": [
            {
                "role": role,
                "role_label": programme.role_label[role].zh,
                "name": name if _stands(latest.get(role)) else "",
                "on": latest[role].on.isoformat() if _stands(latest.get(role)) else "",
                "image": latest[role].signature if _stands(latest.get(role)) else "",
            }
            for role, name in names.items()
        ],
    }


def _stands(row: Consent | None) -> bool:
    return row is not None and row.kind == Consent.Kind.GRANT
