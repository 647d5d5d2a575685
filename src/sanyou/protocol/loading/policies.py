"""Reads policies/*.yaml: entries, money, clauses, dates."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from sanyou.protocol.expression import Expression
from sanyou.protocol.facts import region_prefix
from sanyou.protocol.loading.draft import Draft
from sanyou.protocol.models import PolicyFile
from sanyou.protocol.policy import Policy
from sanyou.protocol.programme import Programme
from sanyou.protocol.scope import COUPLE, Scope, build_scope
from sanyou.protocol.yamlfile import Loc, YamlFile


def load_policies(draft: Draft) -> None:
    found: dict[str, tuple[YamlFile, PolicyFile]] = {}
    for root in draft.roots:
        for path in sorted(root.glob("policies/*.yaml")):
            file, spec = draft.read(path, root, PolicyFile)
            if spec is None:
                continue
            if spec.id in found:
                draft.duplicate(file, ("id",), spec.id, found[spec.id][0].shown)
                continue
            found[spec.id] = (file, spec)
    specs = {name: spec for name, (_, spec) in found.items()}
    for name, (file, spec) in found.items():
        for index, old in enumerate(spec.repeals):
            if old not in specs:
                draft.unknown(file, ("repeals", index), "政策", "policy", old, specs)
        start = _start(spec)
        if start is None:
            draft.fail(
                file,
                ("in_force",),
                "in_force",
                "in_force 要写 from，或写 days_after_issue。",
                "in_force needs from, or days_after_issue.",
            )
            continue
        end = _end(spec, specs)
        if end is not None and end < start:
            draft.fail(
                file,
                ("in_force",),
                "in_force",
                f"终止日 {end} 早于生效日 {start}，请核对日期和废止关系。",
                f"It ends on {end}, before it starts on {start}; check dates and repeals.",
            )

        draft.policies[name] = _build_policy(draft, file, spec, start, end)
    _check_overlaps(draft, found)


def _check_overlaps(draft: Draft, found: Mapping[str, tuple[YamlFile, PolicyFile]]) -> None:
    policies = list(draft.policies.values())
    for index, one in enumerate(policies):
        for other in policies[index + 1 :]:
            shared = set(one.programmes) & set(other.programmes)
            if not shared or region_prefix(one.region) != region_prefix(other.region):
                continue
            if (one.ends is None or other.starts <= one.ends) and (
                other.ends is None or one.starts <= other.ends
            ):
                later = max(one, other, key=lambda p: p.starts)
                earlier = one if later is other else other
                draft.fail(
                    found[later.id][0],
                    ("in_force",),
                    "date_overlap",
                    f"与“{earlier.id}”的有效期重叠（同一地区、同一项目），请写 repeals 或 until。",
                    f'In force at the same time as "{earlier.id}" for the same region and '
                    "programme; add repeals or until.",
                )


def _start(spec: PolicyFile) -> date | None:
    if spec.in_force.from_ is not None:
        return spec.in_force.from_
    if spec.in_force.days_after_issue is not None:
        return spec.issued_on + timedelta(days=spec.in_force.days_after_issue)
    return None


def _end(spec: PolicyFile, specs: Mapping[str, PolicyFile]) -> date | None:
    """The last day: its own `until`, or the day before a repealing document starts."""
    ends = [spec.in_force.until]
    for other in specs.values():
        if spec.id in other.repeals:
            start = _start(other)
            ends.append(start - timedelta(days=1) if start else None)
    return min((end for end in ends if end is not None), default=None)


def _build_policy(
    draft: Draft, file: YamlFile, spec: PolicyFile, start: date, end: date | None
) -> Policy:
    """The policy; mistakes are added to the draft's errors."""
    programmes = []
    for index, name in enumerate(spec.programmes):
        programme = draft.programmes.get(name)
        if programme is None:
            known = draft.programmes
            if not spec.stub:
                draft.unknown(file, ("programmes", index), "项目", "programme", name, known)
        else:
            programmes.append(programme)
    scope = _scope(draft, spec, programmes[0]) if programmes else None
    conditions: dict[str, Expression] = {}
    if scope is not None:
        conditions = _conditions(draft, file, spec, scope)
        _check_items(draft, file, spec, scope, programmes[0])
    _check_money(draft, file, spec)
    _check_cited(draft, file, spec)
    _check_targets(draft, file, spec, programmes)
    _check_clauses(draft, file, spec, programmes)
    lines = {c.id: file.line(("eligibility", i, "id")) for i, c in enumerate(spec.eligibility)}
    return Policy(spec, start, end, scope, conditions, file.shown, lines)


def _scope(draft: Draft, spec: PolicyFile, programme: Programme) -> Scope:
    areas = {name: area.label for name, area in spec.areas.items()}
    return build_scope(
        draft.dictionary.elements,
        programme.roles,
        programme.role_sex,
        programme.role_label,
        programme.is_couple,
        areas,
    )


def _conditions(
    draft: Draft, file: YamlFile, spec: PolicyFile, scope: Scope
) -> dict[str, Expression]:
    found: dict[str, Expression] = {}
    draft.unique(file, ("eligibility",), (c.id for c in spec.eligibility))
    for index, criterion in enumerate(spec.eligibility):
        loc: Loc = ("eligibility", index, "when")
        expression = draft.expression(file, loc, criterion.when, scope)
        if expression is not None:
            found[f"eligibility:{criterion.id}"] = expression
    if spec.entitlement is not None:
        decisions = spec.entitlement.decisions
        draft.unique(file, ("entitlement", "decisions"), (d.id for d in decisions))
        for index, decision in enumerate(decisions):
            loc = ("entitlement", "decisions", index, "when")
            last = index == len(decisions) - 1
            expression = draft.expression(file, loc, decision.when, scope, may_always_hold=last)
            if expression is not None:
                found[f"entitlement:{decision.id}"] = expression
        for index, name in enumerate(spec.entitlement.unit):
            element = draft.elements.get(name)
            if element is None and name not in (COUPLE, *scope.roles):
                loc = ("entitlement", "unit", index)
                draft.unknown(file, loc, "享受单位", "entitlement unit", name, ())
            draft.used.add(name)
    return found


def _check_items(
    draft: Draft, file: YamlFile, spec: PolicyFile, scope: Scope, programme: Programme
) -> None:
    draft.unique(file, ("items",), (i.id for i in spec.items))
    for index, item in enumerate(spec.items):
        for role in item.who:
            if role not in programme.risk_roles:
                loc: Loc = ("items", index, "who")
                draft.unknown(file, loc, "角色", "role", role, programme.risk_roles)
                continue
            known = {e.id for e in programme.elements_of[role]}
            for i, name in enumerate(item.requires):
                draft.used.add(name)
                if name not in known:
                    draft.fail(
                        file,
                        ("items", index, "requires", i),
                        "unknown_element",
                        f"{role} 没有数据元“{name}”，请核对拼写、性别和归属。",
                        f'{role} has no element "{name}"; check spelling, sex and scope.',
                    )


def _check_money(draft: Draft, file: YamlFile, spec: PolicyFile) -> None:
    dates = [p.from_ for p in spec.price]
    if dates != sorted(set(dates)):
        draft.fail(
            file,
            ("price",),
            "date_overlap",
            "价格的起始日期必须各不相同并由早到晚排列。",
            "Prices must have distinct start dates in rising order.",
        )
    total = sum(s.percent for s in spec.shares)
    if spec.shares and total != 100:
        draft.fail(
            file,
            ("shares",),
            "shares",
            f"各方分担比例合计为 {total:f}%，必须等于 100%。",
            f"The shares add up to {total:f} %; they must make 100 %.",
        )


def _check_cited(draft: Draft, file: YamlFile, spec: PolicyFile) -> None:
    """Every entry cites a clause of the document, or another source."""
    entries: list[tuple[Loc, Any]] = []
    for name in ("eligibility", "items", "price", "shares", "targets", "calendar", "duties"):
        entries += [((name, i), entry) for i, entry in enumerate(getattr(spec, name))]
    if spec.entitlement is not None:
        base = ("entitlement", "decisions")
        entries += [((*base, i), d) for i, d in enumerate(spec.entitlement.decisions)]
    if spec.settlement is not None:
        entries.append((("settlement",), spec.settlement))
    refs = {c.ref for c in spec.clauses}
    for loc, entry in entries:
        if not entry.clause and entry.source is None:
            draft.fail(
                file,
                loc,
                "missing_source",
                "这一条必须写 clause（文件条款）或 source（来源）。",
                "This entry needs clause or source.",
            )
        elif entry.clause and refs and entry.clause not in refs:
            draft.fail(
                file,
                (*loc, "clause"),
                "unknown_reference",
                f"条款“{entry.clause}”不在 clauses 列表中，请核对编号。",
                f'Clause "{entry.clause}" is not among the clauses; check the number.',
            )


def _check_targets(
    draft: Draft, file: YamlFile, spec: PolicyFile, programmes: list[Programme]
) -> None:
    known = {name for programme in programmes for name in programme.indicators}
    counts = {
        name
        for programme in programmes
        for name, indicator in programme.indicators.items()
        if indicator.count is not None
    }
    draft.unique(file, ("targets",), (t.id for t in spec.targets))
    for index, target in enumerate(spec.targets):
        if target.indicator is not None and target.indicator not in known:
            loc = ("targets", index, "indicator")
            draft.unknown(file, loc, "指标", "indicator", target.indicator, known)
        elif target.base is not None and target.indicator not in counts:
            draft.fail(
                file,
                ("targets", index, "base"),
                "target_base",
                f"目标“{target.id}”以任务数为基数，indicator 必须是一个计数指标（写 count 的）。",
                f'Target "{target.id}" is measured against a number of its own; its indicator '
                "must be a count.",
            )


def _check_clauses(
    draft: Draft, file: YamlFile, spec: PolicyFile, programmes: list[Programme]
) -> None:
    known = _implementers(spec, programmes)
    refs: dict[str, int] = {}
    for index, clause in enumerate(spec.clauses):
        loc: Loc = ("clauses", index)
        if clause.ref in refs:
            first = f"{file.shown}:{file.line(('clauses', refs[clause.ref]))}"
            draft.duplicate(file, (*loc, "ref"), clause.ref, first)
        refs.setdefault(clause.ref, index)
        for i, name in enumerate(clause.by):
            if name not in known and not name.startswith("page:"):
                draft.fail(
                    file,
                    (*loc, "by", i),
                    "unknown_reference",
                    f"条款“{clause.ref}”引用的“{name}”不存在，请核对种类和编号。",
                    f'Clause "{clause.ref}": there is no "{name}"; check kind and id.',
                )
        if clause.status == "implemented" and not clause.by:
            draft.fail(
                file,
                loc,
                "missing_key",
                f"条款“{clause.ref}”标为 implemented，必须用 by 写明由什么实现。",
                f'Clause "{clause.ref}" is implemented and must say by what (by).',
            )
        if clause.status != "implemented" and not clause.reason:
            draft.fail(
                file,
                loc,
                "missing_key",
                f"条款“{clause.ref}”没有实现，必须用 reason 说明原因。",
                f'Clause "{clause.ref}" is not implemented and needs a reason.',
            )


def _implementers(spec: PolicyFile, programmes: list[Programme]) -> set[str]:
    known = {f"eligibility:{c.id}" for c in spec.eligibility}
    known |= {f"item:{i.id}" for i in spec.items} | {f"target:{t.id}" for t in spec.targets}
    known |= {f"calendar:{c.id}" for c in spec.calendar}
    known |= {f"duty:{d.id or d.who}" for d in spec.duties} | {f"duty:{d.who}" for d in spec.duties}
    known |= {f"area:{name}" for name in spec.areas} | {f"share:{s.payer}" for s in spec.shares}
    known |= {f"repeals:{name}" for name in spec.repeals}
    known |= {f"policy:{name}" for name in spec.repeals}
    if spec.entitlement is not None:
        known |= {f"entitlement:{d.id}" for d in spec.entitlement.decisions}
        known.add("entitlement")
    for name in ("price", "shares", "settlement", "in_force", "repeals", "eligibility"):
        if getattr(spec, name):
            known.add(name)
    for programme in programmes:
        known |= {f"form:{name}" for name in programme.forms}
        known |= {f"document:{name}" for name in programme.documents}
        known |= {f"step:{s.id}" for s in programme.steps}
        known |= {f"task:{t.spec.id}" for t in programme.schedule}
        known |= {f"indicator:{name}" for name in programme.indicators}
        known |= {f"report:{name}" for name in programme.reports}
        known |= {f"rule:{rule.id}" for rule in programme.rules}
        known.add(f"programme:{programme.id}")
    return known
