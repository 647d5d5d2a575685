"""Risk assessment: the proposal with its evidence by spouse, confirmed or changed by a doctor."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from sanyou.care import assessments
from sanyou.care.content import library, programme_of
from sanyou.care.errors import CareError
from sanyou.care.facts import standing_beside
from sanyou.care.models import Assessment, Encounter, Episode
from sanyou.desk.actor import actor_of, duty_page, say
from sanyou.desk.views.records import episode_of, home_of, subject_of
from sanyou.desk.views.records_form import shown, words
from sanyou.protocol.facts import read_observation
from sanyou.protocol.models import Element, Source
from sanyou.protocol.programme import Programme
from sanyou.protocol.scope import COUPLE
from sanyou.protocol.wording import range_text
from sanyou.registry.access import Actor, may_fill
from sanyou.trust import audit

Status = Assessment.Status


@dataclass(frozen=True)
class Evidence:
    label: str
    value: str
    range_text: str
    flag: str


@dataclass(frozen=True)
class FindingView:
    key: str  # role.rule
    label: str
    cls: str
    category: str
    evidence: list[Evidence]
    advice: str
    recheck: str
    referral: str
    source: str
    from_knowledge: bool
    removed: bool
    added: bool


@dataclass(frozen=True)
class Missing:
    label: str
    url: str  # the form where it is filled, "" where this duty cannot


@dataclass(frozen=True)
class Unknown:
    key: str
    label: str
    cls: str
    missing: list[Missing]


@dataclass(frozen=True)
class Side:
    role: str
    label: str
    name: str
    findings: list[FindingView]
    unknowns: list[Unknown]


@duty_page("assess")
def assess(request: HttpRequest, key: UUID) -> HttpResponse:
    """The proposal; POST confirms it or records the doctor's own judgement with a reason."""
    actor, episode = episode_of(request, key)
    today = timezone.localdate()
    wrong = ""
    standing = _standing(episode)
    if request.method == "POST":
        try:
            done = _decide(request, episode, standing)
        except CareError as error:
            wrong = error.message_zh
            standing = _standing(episode)
        else:
            say(request, done)
            return redirect("assess", episode.key)
    elif standing is None or standing.status == Status.PROPOSED:
        standing = assessments.propose(episode, today)
    audit.record(actor, "read", "assessment", episode.key)
    status = 409 if wrong else 200
    return render(
        request,
        "desk/records/assess.html",
        _context(request, actor, episode, standing, wrong),
        status=status,
    )


def _standing(episode: Episode) -> Assessment | None:
    return episode.assessments.exclude(status=Status.SUPERSEDED).first()


def _decide(request: HttpRequest, episode: Episode, standing: Assessment | None) -> str:
    """Confirm or override what was on the page; not something computed since."""
    actor = actor_of(request)
    if standing is None or str(standing.key) != request.POST.get("assessment"):
        raise CareError(
            _("检查结果刚刚有变化，评估已重新计算。请核对下面的新结果后再确认。"), "superseded"
        )
    if request.POST.get("do") == "confirm":
        if standing.status == Status.PROPOSED:  # a second click changes nothing
            assessments.confirm(standing, actor)
        return _("已确认评估结论，复查与转诊任务已建立。")
    reason = request.POST.get("reason", "").strip()[:500]
    if not reason:
        raise CareError(_("请填写调整原因，例如“已复查正常”。"), "reason_missing")
    programme = programme_of(episode)
    keep = set(request.POST.getlist("keep"))
    found = {_key(f) for f in standing.result.get("findings", [])}
    removed = sorted(found - keep)
    added = sorted(set(request.POST.getlist("add")) & {r.key for r in programme.rules})
    cls = request.POST.get("cls", "")
    if cls and cls not in {c.id for c in programme.risk_classes}:
        raise CareError(_("请选择风险分类。"), "class_missing")
    assessments.override(standing, actor, cls, removed, added, reason)
    return _("已按您的判断调整评估结论，系统建议与调整原因都已保留。")


def _key(finding: dict[str, Any]) -> str:
    return f"{finding['role']}.{finding['rule']}"


def _context(
    request: HttpRequest, actor: Actor, episode: Episode, standing: Assessment | None, wrong: str
) -> dict[str, Any]:
    programme = programme_of(episode)
    subject = subject_of(programme, episode)
    names = {p.role: p.name for p in subject.people}
    decided = standing is not None and standing.status in (Status.CONFIRMED, Status.OVERRIDDEN)
    superseded = episode.assessments.filter(status=Status.SUPERSEDED).order_by("-pk").first()
    steps = (s for s in programme.steps if s.kind == "assess")
    return {
        "actor": actor,
        "step": next((words(s.label) for s in steps), _("风险评估")),
        "episode": episode,
        "subject": subject,
        "assessment": standing,
        "decided": decided,
        "overridden": standing is not None and standing.status == Status.OVERRIDDEN,
        "cls": class_label(programme, standing.cls) if standing else "",
        "level": words(programme.risk_levels.get(standing.level, standing.level))
        if standing
        else "",
        "sides": [
            side(actor, episode, programme, standing, role, names.get(role, ""))
            for role in programme.risk_roles
        ]
        if standing
        else [],
        "waiting": _waiting(actor, episode, programme),
        "superseded": superseded,
        "others": _other_rules(programme, standing),
        "classes": [c for c in programme.risk_classes if not c.beside],
        "beside": (beside := standing_beside(programme, standing) if standing else ()),
        "beside_labels": [class_label(programme, c) for c in beside],
        "notice": "notice" in programme.documents,
        "error": wrong,
        "sent": _sent(request),
        "back": home_of(episode),
    }


@dataclass(frozen=True)
class Sent:
    """What the doctor had entered when the page came back with an error; nothing is lost."""

    keep: list[str]
    add: list[str]
    cls: str
    reason: str


def _sent(request: HttpRequest) -> Sent | None:
    if request.POST.get("do") != "override":
        return None
    post = request.POST
    return Sent(
        post.getlist("keep"), post.getlist("add"), post.get("cls", ""), post.get("reason", "")
    )


def class_label(programme: Programme, cls: str) -> str:
    found = next((c for c in programme.risk_classes if c.id == cls), None)
    return words(found.label) if found else ""


def side(
    actor: Actor, episode: Episode, programme: Programme, row: Assessment, role: str, name: str
) -> Side:
    removed = set(row.override.get("removed", []))
    added = row.override.get("added", [])
    findings = [
        _finding(programme, row, f, _key(f) in removed)
        for f in row.result.get("findings", [])
        if f["role"] == role
    ]
    rules = {r.key: r for r in programme.rules}
    filled = _filled(episode)
    for key in added:
        rule = rules.get(key)
        if rule is not None and rule.role == role:
            findings.append(_added(rule))
    unknowns = [
        Unknown(
            _key(u),
            _text(u["label"]),
            u["class"],
            [_missing(actor, episode, programme, fact, filled) for fact in u["missing"]],
        )
        for u in row.result.get("undetermined", [])
        if u["role"] == role
    ]
    return Side(role, words(programme.role_label.get(role, role)), name, findings, unknowns)


def _finding(
    programme: Programme, row: Assessment, found: dict[str, Any], removed: bool
) -> FindingView:
    source = found.get("source") or {}
    recheck, referral = found.get("recheck"), found.get("referral")
    return FindingView(
        key=_key(found),
        label=_text(found["label"]),
        cls=found["class"],
        category=found["category"],
        evidence=_evidence(programme, row, found["evidence"]),
        advice=_text(found["advice"]),
        recheck=_text(recheck["label"]) if recheck else "",
        referral=_text(referral["to"]) if referral else "",
        source=_cite(source),
        from_knowledge=source.get("status") == "from-knowledge",
        removed=removed,
        added=False,
    )


def _added(rule: Any) -> FindingView:
    spec = rule.spec
    return FindingView(
        key=rule.key,
        label=words(spec.label),
        cls=rule.cls,
        category=spec.category,
        evidence=[],
        advice=words(spec.advice),
        recheck=words(spec.recheck.label) if spec.recheck else "",
        referral=words(spec.referral.to) if spec.referral else "",
        source=_cite(spec.source.model_dump() if isinstance(spec.source, Source) else {}),
        from_knowledge=False,
        removed=False,
        added=True,
    )


def _cite(source: dict[str, Any]) -> str:
    return " ".join(str(source[k]) for k in ("ref", "clause") if source.get(k))


def _text(value: Any) -> str:
    """Bilingual text as an assessment stored it."""
    if not isinstance(value, dict):
        return str(value)
    english = (get_language() or "").startswith("en")
    return str(value.get("en" if english else "zh") or value.get("zh") or "")


def _evidence(programme: Programme, row: Assessment, facts: dict[str, Any]) -> list[Evidence]:
    """Each value a finding rests on, once, in words; a flag stands beside its number."""
    lib = library()
    bases: dict[tuple[str, str], None] = {}
    for name in facts:
        role, _dot, rest = name.partition(".")
        bases[role, rest.partition("__")[0]] = None
    found = []
    for role, element_id in bases:
        element = lib.dictionary.elements.get(element_id)
        if element is None:
            continue
        base = f"{role}.{element_id}"
        found.append(_one(programme, row, facts, element, role, base))
    return found


def _one(
    programme: Programme,
    row: Assessment,
    facts: dict[str, Any],
    element: Element,
    role: str,
    base: str,
) -> Evidence:
    label = words(element.label)
    if element.type == "codes":
        parts = [n for n in facts if n.startswith(f"{base}__")]
        said = []
        for name in parts:
            code = element.value_set.find(name.partition("__")[2]) if element.value_set else None
            answer = _("是") if facts[name] else _("否")
            said.append(f"{words(code.label) if code else name}：{answer}")
        return Evidence(label, "、".join(said), "", "")
    stored = row.facts.get(base, facts.get(base))
    value, low, high = read_observation(element, stored)
    if low is None and high is None:
        usual = element.range_for(programme.role_sex.get(role))
        low, high = (usual.low, usual.high) if usual else (None, None)
    flag = row.facts.get(f"{base}__flag") or facts.get(f"{base}__flag") or ""
    text = shown(element, value) if value is not None else _("未知")
    return Evidence(label, text, range_text(low, high), flag if flag in ("high", "low") else "")


def _filled(episode: Episode) -> dict[tuple[str, str], Encounter]:
    """(form, role) -> its latest record, draft or signed."""
    rows = episode.encounters.filter(
        status__in=(Encounter.Status.DRAFT, Encounter.Status.SIGNED)
    ).order_by("pk")
    return {(row.form, row.role): row for row in rows}


def _missing(
    actor: Actor,
    episode: Episode,
    programme: Programme,
    fact: str,
    filled: dict[tuple[str, str], Encounter],
) -> Missing:
    """What is needed, and the form where this person may fill it."""
    role, _dot, rest = fact.partition(".")
    element_id = rest.partition("__")[0]
    label = words(programme.fact_label(f"{role}.{element_id}"))
    for form in programme.forms.values():
        if role in form.roles and any(f.element == element_id for f in form.fields_for(role)):
            row = filled.get((form.id, role))
            if row is not None:
                name = (
                    "encounter-amend"
                    if row.status == "signed" and may_fill(actor, form)
                    else "encounter"
                )
                return Missing(label, f"{reverse(name, args=[row.key])}#f-{element_id}")
            if may_fill(actor, form):
                url = reverse("encounter-open", args=[episode.key, form.id, role])
                return Missing(label, f"{url}#f-{element_id}")
            return Missing(f"{label}（{words(form.label)}）", "")
    return Missing(label, "")


def _waiting(actor: Actor, episode: Episode, programme: Programme) -> list[dict[str, str]]:
    """Stations not signed yet."""
    step = next((s for s in programme.steps if s.kind == "assess"), None)
    before = set(step.after) if step else set()
    rows = episode.tasks.filter(kind="step", name__in=before, status="open").order_by("pk")
    return [
        {
            "label": t.label,
            "role": words(programme.role_label.get(t.role, t.role))
            if t.role not in ("", COUPLE)
            else "",
        }
        for t in rows
    ]


def _other_rules(programme: Programme, row: Assessment | None) -> list[dict[str, Any]]:
    """Rules a doctor may add, by role, without those that fired."""
    fired = {_key(f) for f in row.result.get("findings", [])} if row else set()
    marks = {c.id: words(c.mark) for c in programme.risk_classes if c.mark}
    groups: dict[str, list[dict[str, str]]] = {}
    for rule in programme.rules:
        if rule.key not in fired:
            groups.setdefault(rule.role, []).append(
                {
                    "key": rule.key,
                    "label": words(rule.spec.label),
                    "mark": marks.get(rule.cls, rule.cls),
                }
            )
    return [
        {"label": words(programme.role_label.get(role, role)), "rules": rules}
        for role, rules in groups.items()
    ]
