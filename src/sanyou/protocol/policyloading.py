"""Checks one policy file and compiles its conditions."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

from sanyou.protocol.expression import Expression
from sanyou.protocol.models import PolicyFile
from sanyou.protocol.policy import Policy
from sanyou.protocol.programme import Programme
from sanyou.protocol.scope import COUPLE, Scope, build_scope
from sanyou.protocol.yamlfile import Loc, YamlFile

if TYPE_CHECKING:
    from sanyou.protocol.loading import Loader


def build_policy(
    loader: Loader, file: YamlFile, spec: PolicyFile, start: date, end: date | None
) -> Policy:
    """The policy; mistakes are added to the loader's errors."""
    programmes = []
    for index, name in enumerate(spec.programmes):
        programme = loader.programmes.get(name)
        if programme is None:
            known = loader.programmes
            if not spec.stub:
                loader._unknown(file, ("programmes", index), "项目", "programme", name, known)
        else:
            programmes.append(programme)
    scope = _scope(loader, spec, programmes[0]) if programmes else None
    conditions: dict[str, Expression] = {}
    if scope is not None:
        conditions = _conditions(loader, file, spec, scope)
        _check_items(loader, file, spec, scope, programmes[0])
    _check_money(loader, file, spec)
    _check_cited(loader, file, spec)
    _check_targets(loader, file, spec, programmes)
    _check_clauses(loader, file, spec, programmes)
    return Policy(spec, start, end, scope, conditions, file.shown)


def _scope(loader: Loader, spec: PolicyFile, programme: Programme) -> Scope:
    areas = {name: area.label for name, area in spec.areas.items()}
    return build_scope(
        loader.dictionary.elements,
        programme.roles,
        programme.role_sex,
        programme.role_label,
        programme.is_couple,
        areas,
    )


def _conditions(
    loader: Loader, file: YamlFile, spec: PolicyFile, scope: Scope
) -> dict[str, Expression]:
    found: dict[str, Expression] = {}
    loader._unique(file, ("eligibility",), (c.id for c in spec.eligibility))
    for index, criterion in enumerate(spec.eligibility):
        loc: Loc = ("eligibility", index, "when")
        expression = loader._expression(file, loc, criterion.when, scope)
        if expression is not None:
            found[f"eligibility:{criterion.id}"] = expression
    if spec.entitlement is not None:
        decisions = spec.entitlement.decisions
        loader._unique(file, ("entitlement", "decisions"), (d.id for d in decisions))
        for index, decision in enumerate(decisions):
            loc = ("entitlement", "decisions", index, "when")
            last = index == len(decisions) - 1
            expression = loader._expression(file, loc, decision.when, scope, constant=last)
            if expression is not None:
                found[f"entitlement:{decision.id}"] = expression
        for index, name in enumerate(spec.entitlement.unit):
            element = loader.elements.get(name)
            if element is None and name not in (COUPLE, *scope.roles):
                loc = ("entitlement", "unit", index)
                loader._unknown(file, loc, "享受单位", "entitlement unit", name, ())
            loader.used.add(name)
    return found


def _check_items(
    loader: Loader, file: YamlFile, spec: PolicyFile, scope: Scope, programme: Programme
) -> None:
    loader._unique(file, ("items",), (i.id for i in spec.items))
    for index, item in enumerate(spec.items):
        for role in item.who:
            if role not in programme.risk_roles:
                loc: Loc = ("items", index, "who")
                loader._unknown(file, loc, "角色", "role", role, programme.risk_roles)
                continue
            known = {e.id for e in programme.elements_of[role]}
            for i, name in enumerate(item.requires):
                loader.used.add(name)
                if name not in known:
                    loader._fail(
                        file,
                        ("items", index, "requires", i),
                        "unknown_element",
                        f"{role} 没有数据元“{name}”，请核对拼写、性别和归属。",
                        f'{role} has no element "{name}"; check spelling, sex and scope.',
                    )


def _check_money(loader: Loader, file: YamlFile, spec: PolicyFile) -> None:
    dates = [p.from_ for p in spec.price]
    if dates != sorted(set(dates)):
        loader._fail(
            file,
            ("price",),
            "date_overlap",
            "价格的起始日期必须各不相同并由早到晚排列。",
            "Prices must have distinct start dates in rising order.",
        )
    total = sum(s.percent for s in spec.shares)
    if spec.shares and total != 100:
        loader._fail(
            file,
            ("shares",),
            "shares",
            f"各方分担比例合计为 {total:f}%，必须等于 100%。",
            f"The shares add up to {total:f} %; they must make 100 %.",
        )


def _check_cited(loader: Loader, file: YamlFile, spec: PolicyFile) -> None:
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
            loader._fail(
                file,
                loc,
                "missing_source",
                "这一条必须写 clause（文件条款）或 source（来源）。",
                "This entry needs clause or source.",
            )
        elif entry.clause and refs and entry.clause not in refs:
            loader._fail(
                file,
                (*loc, "clause"),
                "unknown_reference",
                f"条款“{entry.clause}”不在 clauses 列表中，请核对编号。",
                f'Clause "{entry.clause}" is not among the clauses; check the number.',
            )


def _check_targets(
    loader: Loader, file: YamlFile, spec: PolicyFile, programmes: list[Programme]
) -> None:
    known = {name for programme in programmes for name in programme.indicators}
    loader._unique(file, ("targets",), (t.id for t in spec.targets))
    for index, target in enumerate(spec.targets):
        if target.indicator is not None and target.indicator not in known:
            loc = ("targets", index, "indicator")
            loader._unknown(file, loc, "指标", "indicator", target.indicator, known)


def _check_clauses(
    loader: Loader, file: YamlFile, spec: PolicyFile, programmes: list[Programme]
) -> None:
    known = _implementers(spec, programmes)
    refs: dict[str, int] = {}
    for index, clause in enumerate(spec.clauses):
        loc: Loc = ("clauses", index)
        if clause.ref in refs:
            first = f"{file.shown}:{file.line(('clauses', refs[clause.ref]))}"
            loader._duplicate(file, (*loc, "ref"), clause.ref, first)
        refs.setdefault(clause.ref, index)
        for i, name in enumerate(clause.by):
            if name not in known and not name.startswith("page:"):
                loader._fail(
                    file,
                    (*loc, "by", i),
                    "unknown_reference",
                    f"条款“{clause.ref}”引用的“{name}”不存在，请核对种类和编号。",
                    f'Clause "{clause.ref}": there is no "{name}"; check kind and id.',
                )
        if clause.status == "implemented" and not clause.by:
            loader._fail(
                file,
                loc,
                "missing_key",
                f"条款“{clause.ref}”标为 implemented，必须用 by 写明由什么实现。",
                f'Clause "{clause.ref}" is implemented and must say by what (by).',
            )
        if clause.status != "implemented" and not clause.reason:
            loader._fail(
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
