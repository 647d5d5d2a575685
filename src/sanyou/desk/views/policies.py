"""Policies clause by clause, and the assessment rules in words."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import NoReverseMatch, resolve, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sanyou.care import content
from sanyou.desk import wording
from sanyou.desk.actor import actor_of, duty_page
from sanyou.desk.views.records_form import shown, words
from sanyou.protocol.library import Library
from sanyou.protocol.policy import Policy
from sanyou.protocol.programme import Programme
from sanyou.registry.access import Actor
from sanyou.registry.models import Region
from sanyou.trust import audit

STATUS = {
    "implemented": ("ok", gettext_lazy("已实现")),
    "exhortation": ("", gettext_lazy("倡导性")),
    "open": ("warn", gettext_lazy("未实现")),
}
KINDS = {
    "eligibility": gettext_lazy("资格条件"),
    "entitlement": gettext_lazy("享受次数"),
    "item": gettext_lazy("服务项目"),
    "price": gettext_lazy("价格"),
    "share": gettext_lazy("经费分担"),
    "settlement": gettext_lazy("结算"),
    "target": gettext_lazy("指标目标"),
    "calendar": gettext_lazy("日历"),
    "duty": gettext_lazy("职责分工"),
    "form": gettext_lazy("表单"),
    "document": gettext_lazy("文书"),
    "step": gettext_lazy("流程"),
    "task": gettext_lazy("任务"),
    "indicator": gettext_lazy("统计指标"),
    "report": gettext_lazy("报表"),
    "rule": gettext_lazy("规则"),
    "area": gettext_lazy("区域"),
    "page": gettext_lazy("页面"),
    "programme": gettext_lazy("项目"),
    "in_force": gettext_lazy("施行日期"),
    "repeals": gettext_lazy("废止"),
    "policy": gettext_lazy("文件"),
    "benefit": gettext_lazy("补助金额"),
    "shares": gettext_lazy("经费分担"),
    "tier": gettext_lazy("分担档次"),
    "funding": gettext_lazy("经费渠道"),
    "one_stop": gettext_lazy("一站式"),
    "milestone": gettext_lazy("推进步骤"),
    "benefit_programme": gettext_lazy("惠民项目"),
}


PAGES = {
    "statement": gettext_lazy("结算表"),
    "statements": gettext_lazy("结算表"),
    "special-account": gettext_lazy("经费专账"),
    "ledger": gettext_lazy("经费专账"),
    "annual-accounts": gettext_lazy("年度决算"),
    "budget": gettext_lazy("年度预算"),
    "benefits": gettext_lazy("补助申请"),
    "benefit-programmes": gettext_lazy("惠民项目"),
    "notices": gettext_lazy("公示"),
    "appeals": gettext_lazy("申诉"),
    "stock": gettext_lazy("药具库存"),
    "try-policy": gettext_lazy("政策试算"),
    "versions": gettext_lazy("内容版本"),
    "nominate": gettext_lazy("登记"),
    "staff": gettext_lazy("人员与岗位"),
    "audit": gettext_lazy("操作记录"),
    "keys": gettext_lazy("加密密钥"),
    "assess": gettext_lazy("风险评估"),
    "report": gettext_lazy("月报"),
    "reports": gettext_lazy("月报"),
    "task-numbers": gettext_lazy("年度任务"),
    "imports": gettext_lazy("导入文件"),
    "search": gettext_lazy("查找"),
    "queue": gettext_lazy("工作台"),
    "policies": gettext_lazy("政策条款"),
    "rules": gettext_lazy("评估规则"),
    "consent": gettext_lazy("知情同意"),
    "card": gettext_lazy("服务卡"),
    "task": gettext_lazy("随访任务"),
    "document": gettext_lazy("文书"),
}


LINK = 24  # characters of a sentence that stands for a link


@dataclass(frozen=True)
class By:
    """What implements a clause, in words, with the address where it can be seen."""

    label: str
    url: str


@dataclass(frozen=True)
class Kind:
    """All of one kind that implement a clause: 项目：血常规、尿常规."""

    label: str
    by: list[By]


@dataclass(frozen=True)
class ClauseLine:
    ref: str
    text: str
    status: str
    status_label: str
    kinds: list[Kind]
    reason: str


def holds_at(policy: Policy, code: str) -> bool:
    """Whether a document rules at a place (its own, one above it, or one below it)."""
    return code.startswith(policy.region) or policy.region.startswith(code)


@duty_page("see_policy", methods=("GET",))
def policies(request: HttpRequest) -> HttpResponse:
    """Every policy known: those of her own place before the others', the ones in force first."""
    actor, today = actor_of(request), timezone.localdate()
    own = actor.region.code if actor.region else ""

    def order(p: Policy) -> tuple[bool, bool, str]:
        return not holds_at(p, own), not p.in_force(today), p.id

    found = sorted(content.library().policies.values(), key=order)
    rows = [
        {
            "policy": p,
            "label": words(p.label),
            "in_force": p.in_force(today),
            "own": holds_at(p, own),
            "counts": [
                (cls, label, sum(c.status == status for c in p.clauses))
                for status, (cls, label) in STATUS.items()
            ],
        }
        for p in found
    ]
    return render(request, "desk/shell/policies.html", {"rows": rows})


@duty_page("see_policy", methods=("GET",))
def policy(request: HttpRequest, policy_id: str) -> HttpResponse:
    """One policy: every clause with what implements it, and the data drawn from it."""
    library = content.library()
    found = library.policies.get(policy_id)
    if found is None:
        raise Http404
    actor = actor_of(request)
    audit.record(actor, "read", "policy", policy_id)
    programmes = [
        library.programmes[name] for name in found.programmes if name in library.programmes
    ]
    context = {
        "policy": found,
        "label": words(found.label),
        "in_force": found.in_force(timezone.localdate()),
        "clauses": [_clause(found, c, programmes, actor) for c in found.clauses],
        "repeals": [library.policies.get(r) or r for r in found.repeals],
        "repealed_by": [p for p in library.policies.values() if found.id in p.repeals],
        "programmes": programmes,
        "parts": [_terms(library, found, part) for part in found.every_part()],
        "tiers": {t.id: words(t.label) for t in found.tiers},
        "tier_places": [(t, _places(t.include)) for t in found.tiers],
        "areas": [
            (name, a, _places(a.include), _places(a.exclude)) for name, a in found.areas.items()
        ],
        "benefit_programmes": [
            (entry, [words(found.funding[f].label) for f in entry.funding])
            for entry in found.benefit_programmes
        ],
        "one_stop": [words(library.programmes[p].label) for p in found.one_stop.programmes]
        if found.one_stop
        else [],
    }
    return render(request, "desk/shell/policy.html", context)


def _places(codes: Iterable[str]) -> str:
    """Regions by name; a code that no region has stands as it is."""
    padded = {code: code if len(code) > 6 else f"{code:0<6}" for code in codes}
    found = dict(Region.objects.filter(code__in=padded.values()).values_list("code", "name"))
    return "、".join(found.get(full, code) for code, full in padded.items())


def _terms(library: Library, whole: Policy, part: Policy) -> dict[str, Any]:
    """Who may have one programme of the document, how often, what is done, what it costs."""
    programme = library.programmes.get(part.programme)
    benefit = part.benefit.part if part.benefit else None
    decided = benefit.of if benefit else part.benefit.decided if part.benefit else None
    return {
        "policy": part,
        "programme": programme,
        "prefix": "" if part is whole else f"{part.programme}-",
        "eligibility": [
            {
                "spec": c,
                "label": words(c.label),
                "refuse": words(c.refuse),
                "ask": words(c.ask),
                "words": _condition(programme, part, f"eligibility:{c.id}"),
            }
            for c in part.eligibility
        ],
        "decisions": [
            (d, _condition(programme, part, f"entitlement:{d.id}"))
            for d in (part.entitlement.decisions if part.entitlement else [])
        ],
        "items": [
            {
                "spec": i,
                "label": words(i.label),
                "who": [words(programme.role_label[r]) for r in i.who] if programme else [],
                "requires": [words(library.dictionary.elements[e].label) for e in i.requires],
            }
            for i in part.items
        ],
        "money": bool(part.price or part.settlement or part.benefit or part.shares),
        "of": words(part.fact_label(decided)) if decided else "",
    }


def _condition(programme: Programme | None, part: Policy, name: str) -> str:
    """A condition of the document in words."""
    found = part.conditions.get(name)
    return wording.in_words(programme, found.node, "") if programme and found else ""


def _clause(
    policy: Policy, clause: Any, programmes: Iterable[Programme], actor: Actor
) -> ClauseLine:
    cls, label = STATUS[clause.status]
    if clause.status == "open" and clause.by:
        label = gettext_lazy("部分实现")
    kinds: dict[str, list[By]] = {}
    for one in clause.by:
        kind, by = _by(policy, one, list(programmes))
        kinds.setdefault(kind, []).append(_open_to(actor, by))
    listed = [Kind(kind, found) for kind, found in kinds.items()]
    return ClauseLine(clause.ref, clause.text, cls, str(label), listed, clause.reason)


def _open_to(actor: Actor, by: By) -> By:
    """The same, without the address of a page that the reader's duty may not open."""
    if not by.url or by.url.startswith("#"):
        return by
    action = getattr(resolve(urlsplit(by.url).path).func, "access", "")
    return by if actor.can(action) else By(by.label, "")


def _by(policy: Policy, reference: str, programmes: list[Programme]) -> tuple[str, By]:
    """(its kind, itself); a whole section (价格) is named by its kind alone."""
    whose, dot, rest = reference.partition(".")
    if dot and whose in policy.parts:
        policy, reference, prefix = policy.parts[whose], rest, f"{whose}-"
        programmes = [p for p in programmes if p.id == whose]
    else:
        prefix = ""
    kind, _colon, name = reference.partition(":")
    label = str(KINDS.get(kind, kind))
    if prefix and programmes:
        label = f"{words(programmes[0].label)} {label}"
    own = _label_of(policy, kind, name, programmes)
    url = _where(kind, name, programmes, prefix)
    return (label, By(own, url)) if own else ("", By(label, url))


@dataclass(frozen=True)
class _Share:
    """A payer under the name by which clauses refer to it."""

    id: str
    label: Any


def _label_of(policy: Policy, kind: str, name: str, programmes: list[Programme]) -> str:
    """The Chinese (or English) label of the thing a reference names."""
    spec = policy.spec
    lists: dict[str, Iterable[Any]] = {
        "eligibility": spec.eligibility,
        "entitlement": spec.entitlement.decisions if spec.entitlement else (),
        "item": spec.items,
        "target": spec.targets,
        "calendar": spec.calendar,
        "duty": spec.duties,
        "share": [_Share(s.payer, s.label) for s in spec.shares],
        "tier": spec.tiers,
        "milestone": spec.milestones,
        "benefit_programme": spec.benefit_programmes,
        "funding": [_Share(name, one.label) for name, one in spec.funding.items()],
    }
    for one in lists.get(kind, ()):
        if one.id == name:
            text = words(getattr(one, "label", None) or getattr(one, "text", None)) or name
            return _short(text) if kind == "entitlement" else text
    if kind == "area" and name in spec.areas:
        return words(spec.areas[name].label)
    if kind == "repeals":
        old = content.library().policies.get(name)
        return old.document_number if old else name
    if kind == "page":
        return str(PAGES.get(name, name))
    for programme in programmes:
        if kind == "programme" and programme.id == name:
            return words(programme.label)
        found = _in_programme(programme, kind, name)
        if found:
            return found
    return name


def _short(sentence: str) -> str:
    """The beginning of a sentence, where the whole of it stands further down the page."""
    first = sentence.partition("。")[0]
    return first if len(first) <= LINK else f"{first[: LINK - 1]}…"


def _in_programme(programme: Programme, kind: str, name: str) -> str:
    mappings: dict[str, Any] = {
        "form": programme.forms,
        "document": programme.documents,
        "indicator": programme.indicators,
        "report": programme.reports,
        "step": {s.id: s for s in programme.steps},
        "task": {t.spec.id: t.spec for t in programme.schedule},
        "rule": {r.id: r.spec for r in programme.rules},
    }
    found = mappings.get(kind, {}).get(name)
    return words(found.label) if found is not None else ""


def _where(kind: str, name: str, programmes: list[Programme], prefix: str = "") -> str:
    """The page that shows it; "" where there is none of its own."""
    if kind in {"eligibility", "entitlement", "item"}:
        return f"#{prefix}{kind}-{name}" if name else f"#{prefix}terms"
    if kind in {"target", "duty", "calendar", "area", "milestone", "benefit_programme"}:
        return f"#{kind}-{name}"
    if kind in {"price", "share", "shares", "settlement", "benefit"}:
        return f"#{prefix}money"
    if kind in {"tier", "funding", "one_stop"}:
        return f"#{kind}-{name}" if name else f"#{kind}"
    if kind == "page":
        return page_url(name)
    if kind in {"repeals", "policy"} and name:
        return reverse("policy", args=[name])
    if kind == "programme":
        return reverse("programme", args=[name])
    if kind == "rule":
        return f"{reverse('rules')}?programme={_holder(kind, name, programmes)}#{name}"
    if kind in {"indicator", "report"}:
        return page_url("reports")
    if kind in {"form", "step", "task", "document"}:
        holder = _holder(kind, name, programmes)
        return f"{reverse('programme', args=[holder])}#{kind}-{name}"
    return ""


def _holder(kind: str, name: str, programmes: list[Programme]) -> str:
    """The first of the document's programmes that has this part."""
    return next((p.id for p in programmes if _in_programme(p, kind, name)), programmes[0].id)


def page_url(name: str) -> str:
    """The address of a page that needs no record; "" for pages that do."""
    for candidate in (name, f"{name}s"):
        try:
            return reverse(candidate)
        except NoReverseMatch:
            continue
    return ""


@duty_page("see_policy", methods=("GET",))
def programme(request: HttpRequest, programme_id: str) -> HttpResponse:
    """What a programme consists of: steps, forms, documents, follow-up."""
    library = content.library()
    found = library.programmes.get(programme_id)
    if found is None:
        raise Http404
    context = {
        "programme": found,
        "label": words(found.label),
        "steps": [
            {
                "spec": s,
                "label": words(s.label),
                "roles": [words(found.role_label[r]) for r in s.roles],
                "after": [words(found.step(a).label) for a in s.after],
            }
            for s in found.steps
        ],
        "forms": [_form(library, found, form) for form in found.forms.values()],
        "documents": [(d, words(d.label)) for d in found.documents.values()],
        "tasks": [
            (t.spec, words(t.spec.label), words(found.role_label[t.spec.role]))
            for t in found.schedule
        ],
    }
    return render(request, "desk/shell/programme.html", context)


def _form(library: Library, programme: Programme, form: Any) -> dict[str, Any]:
    elements = library.dictionary.elements
    return {
        "id": form.id,
        "label": words(form.label),
        "version": form.version,
        "duty": form.duty,
        "roles": [words(programme.role_label[r]) for r in form.roles],
        "sections": [
            (words(s.label), [words(f.label or elements[f.element].label) for f in s.fields])
            for s in form.sections
        ],
        "fields": sum(len(s.fields) for s in form.sections),
    }


@duty_page("see_policy", methods=("GET",))
def rules(request: HttpRequest) -> HttpResponse:
    """Every rule of a programme: for whom, when, what advice, from which source."""
    library = content.library()
    wanted = request.GET.get("programme", "")
    with_rules = sorted(library.programmes.values(), key=lambda p: -len(p.rules))
    with_rules = [p for p in with_rules if p.rules]
    found = next((p for p in with_rules if p.id == wanted), with_rules[0] if with_rules else None)
    text = request.GET.get("q", "").strip()
    category = request.GET.get("category", "")
    lines = _rule_lines(library, found) if found else []
    categories = sorted({(line["category"], line["category_label"]) for line in lines})
    if category:
        lines = [line for line in lines if line["category"] == category]
    if text:
        lines = [line for line in lines if text in line["label"] or text in line["advice"]]
    context = {
        "programme": found,
        "programmes": [(p.id, words(p.label)) for p in with_rules],
        "lines": lines,
        "q": text,
        "category": category,
        "categories": categories,
        "classes": [(c.id, words(c.label)) for c in found.risk_classes] if found else [],
    }
    return render(request, "desk/shell/rules.html", context)


CATEGORIES = {
    "laboratory": gettext_lazy("实验室"),
    "habit": gettext_lazy("生活习惯"),
    "exposure": gettext_lazy("环境接触"),
    "history": gettext_lazy("病史"),
    "examination": gettext_lazy("体格检查"),
    "imaging": gettext_lazy("影像"),
    "psychosocial": gettext_lazy("心理社会"),
    "couple": gettext_lazy("夫妇双方"),
}


def _rule_lines(library: Library, programme: Programme) -> list[dict[str, Any]]:
    """One line a rule; a rule for both spouses stands once with its class for each."""
    lines: dict[str, dict[str, Any]] = {}
    for rule in programme.rules:
        spec = rule.spec
        line = lines.setdefault(
            rule.id,
            {
                "id": rule.id,
                "label": words(spec.label),
                "category": spec.category,
                "category_label": str(CATEGORIES.get(spec.category, spec.category)),
                "when": spec.when,
                "words": wording.in_words(programme, rule.when.node, rule.role),
                "advice": words(spec.advice),
                "recheck": words(spec.recheck.label) if spec.recheck else "",
                "referral": words(spec.referral.to) if spec.referral else "",
                "source": spec.source,
                "note": words(spec.note),
                "for": [],
            },
        )
        line["for"].append((rule.role, words(programme.role_label[rule.role]), rule.cls))
    return list(lines.values())


def in_words(library: Library, programme: Programme, fact: str, value: Any) -> str:
    """A fact's value as people read it: label of a code, unit, flag in words."""
    flags = {"high": _("偏高"), "low": _("偏低"), "normal": _("正常")}
    name = fact.partition(".")[2]
    base, _sep, rest = name.partition("__")
    element = library.dictionary.elements.get(base)
    if value is None:
        return _("未知")
    if rest == "flag":
        return str(flags.get(str(value), value))
    if rest or element is None or element.type == "region":
        return (_("是") if value else _("否")) if isinstance(value, bool) else str(value)
    return shown(element, value)
