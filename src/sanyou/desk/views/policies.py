"""Policies clause by clause, and the assessment rules in words."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

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
from sanyou.trust import audit

STATUS = {
    "implemented": ("ok", gettext_lazy("已实现")),
    "exhortation": ("", gettext_lazy("倡导性")),
    "open": ("warn", gettext_lazy("未实现")),
}
KINDS = {
    "eligibility": gettext_lazy("资格条件"),
    "entitlement": gettext_lazy("享受次数"),
    "item": gettext_lazy("项目"),
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
}


PAGES = {
    "statement": gettext_lazy("结算表"),
    "statements": gettext_lazy("结算表"),
    "special-account": gettext_lazy("经费专账"),
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


@dataclass(frozen=True)
class By:
    """What implements a clause, in words, with the address where it can be seen."""

    label: str
    url: str


@dataclass(frozen=True)
class ClauseLine:
    ref: str
    text: str
    status: str
    status_label: str
    by: list[By]
    reason: str


@duty_page("see_policy", methods=("GET",))
def policies(request: HttpRequest) -> HttpResponse:
    """Every policy known, the ones in force first."""
    today = timezone.localdate()
    found = sorted(content.library().policies.values(), key=lambda p: (not p.in_force(today), p.id))
    rows = [
        {
            "policy": p,
            "label": words(p.label),
            "in_force": p.in_force(today),
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
    programmes = [library.programmes[name] for name in found.programmes]
    context = {
        "policy": found,
        "label": words(found.label),
        "in_force": found.in_force(timezone.localdate()),
        "clauses": [_clause(found, c, programmes, actor) for c in found.clauses],
        "repeals": [library.policies.get(r) or r for r in found.repeals],
        "repealed_by": [p for p in library.policies.values() if found.id in p.repeals],
        "programmes": programmes,
        "eligibility": [
            {"spec": c, "label": words(c.label), "refuse": words(c.refuse), "ask": words(c.ask)}
            for c in found.eligibility
        ],
        "decisions": found.entitlement.decisions if found.entitlement else [],
        "items": [
            {
                "spec": i,
                "label": words(i.label),
                "who": [words(programmes[0].role_label[r]) for r in i.who],
                "requires": [words(library.dictionary.elements[e].label) for e in i.requires],
            }
            for i in found.items
        ],
    }
    return render(request, "desk/shell/policy.html", context)


def _clause(
    policy: Policy, clause: Any, programmes: Iterable[Programme], actor: Actor
) -> ClauseLine:
    cls, label = STATUS[clause.status]
    by = [_open_to(actor, _by(policy, one, list(programmes))) for one in clause.by]
    return ClauseLine(clause.ref, clause.text, cls, str(label), by, clause.reason)


def _open_to(actor: Actor, by: By) -> By:
    """The same, without the address of a page that the reader's duty may not open."""
    if not by.url or by.url.startswith("#"):
        return by
    action = getattr(resolve(by.url.partition("#")[0]).func, "access", "")
    return by if actor.can(action) else By(by.label, "")


def _by(policy: Policy, reference: str, programmes: list[Programme]) -> By:
    kind, _colon, name = reference.partition(":")
    label = str(KINDS.get(kind, kind))
    own = _label_of(policy, kind, name, programmes)
    return By(f"{label}：{own}" if own else label, _where(kind, name, programmes))


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
    }
    for one in lists.get(kind, ()):
        if one.id == name:
            return words(getattr(one, "label", None) or getattr(one, "text", None)) or name
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


def _where(kind: str, name: str, programmes: list[Programme]) -> str:
    """The page that shows it; "" where there is none of its own."""
    if kind in {"eligibility", "entitlement", "item", "target", "duty", "calendar", "area"}:
        return f"#{kind}-{name}"
    if kind in {"price", "share", "settlement"}:
        return "#money"
    if kind == "page":
        return page_url(name)
    if kind == "repeals":
        return reverse("policy", args=[name])
    if kind == "programme":
        return reverse("programme", args=[name])
    if kind == "rule":
        return f"{reverse('rules')}#{name}"
    if kind in {"indicator", "report"}:
        return page_url("reports")
    if kind in {"form", "step", "task", "document"}:
        return f"{reverse('programme', args=[programmes[0].id])}#{kind}-{name}"
    return ""


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
    with_rules = [p for p in library.programmes.values() if p.rules]
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
