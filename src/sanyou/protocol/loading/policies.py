"""Reads policies/*.yaml: entries, money, clauses, dates."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from sanyou.protocol.expression import Expression
from sanyou.protocol.facts import region_prefix
from sanyou.protocol.loading.compartments import check_together
from sanyou.protocol.loading.draft import Draft
from sanyou.protocol.models import PolicyFile, PolicyTerms
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
    _check_further(draft, file, spec)
    first = spec.programmes[0]
    sha256 = hashlib.sha256(file.path.read_bytes()).hexdigest()

    def part(name: str, terms: PolicyFile, base: Loc, **more: Any) -> Policy:
        programme = draft.programmes.get(name)
        scope = _scope(draft, spec, programme) if programme is not None else None
        conditions: dict[str, Expression] = {}
        if programme is not None and scope is not None:
            conditions = _conditions(draft, file, terms, scope, base)
            _check_items(draft, file, terms, scope, programme, base)
            _check_benefit(draft, file, terms, scope, base)
        _check_money(draft, file, terms, base)
        _check_cited(draft, file, terms, base)
        lines = {
            c.id: file.line((*base, "eligibility", i, "id"))
            for i, c in enumerate(terms.eligibility)
        }
        return Policy(
            terms, start, end, scope, conditions, file.shown, lines, name, sha256=sha256, **more
        )

    parts = {
        name: part(name, _with_terms(spec, terms), ("terms", name))
        for name, terms in spec.terms.items()
        if name in spec.programmes[1:]
    }
    policy = part(first, spec, (), parts=parts)
    _check_cited_once(draft, file, spec)
    _check_targets(draft, file, spec, programmes)
    _check_clauses(draft, file, policy, programmes)
    return policy


def _with_terms(spec: PolicyFile, terms: PolicyTerms) -> PolicyFile:
    """The document as one of its further programmes sees it."""
    return spec.model_copy(update={name: getattr(terms, name) for name in PolicyTerms.model_fields})


def _check_further(draft: Draft, file: YamlFile, spec: PolicyFile) -> None:
    """Terms and programmes name each other; every programme but the first has its own terms."""
    further = spec.programmes[1:]
    for name in spec.terms:
        if name not in further:
            draft.unknown(file, ("terms", name), "后续项目", "further programme", name, further)
    for index, name in enumerate(further, start=1):
        if name not in spec.terms and not spec.stub:
            draft.fail(
                file,
                ("programmes", index),
                "missing_key",
                f"项目“{name}”的条件、次数、金额要写在 terms.{name} 下。",
                f'The terms of "{name}" belong under terms.{name}.',
            )
    tiers = {tier.id for tier in spec.tiers}
    for loc, terms in [((), spec), *((("terms", n), t) for n, t in spec.terms.items())]:
        for index, share in enumerate(terms.shares):
            if share.tier is not None and share.tier not in tiers:
                where: Loc = (*loc, "shares", index, "tier")
                draft.unknown(file, where, "分担档次", "tier", share.tier, tiers)
    if spec.one_stop is not None:
        check_together(draft, file, spec.one_stop.programmes)
        for index, name in enumerate(spec.one_stop.programmes):
            if name not in spec.programmes:
                where = ("one_stop", "programmes", index)
                draft.unknown(file, where, "项目", "programme", name, spec.programmes)
    for index, entry in enumerate(spec.benefit_programmes):
        for i, name in enumerate(entry.funding):
            if name not in spec.funding:
                where = ("benefit_programmes", index, "funding", i)
                draft.unknown(file, where, "经费渠道", "funding source", name, spec.funding)
        if entry.programme is not None and entry.programme not in draft.programmes:
            where = ("benefit_programmes", index, "programme")
            draft.unknown(file, where, "项目", "programme", entry.programme, draft.programmes)
    for name in ("tiers", "benefit_programmes", "milestones"):
        draft.unique(file, (name,), (entry.id for entry in getattr(spec, name)))


def _check_benefit(draft: Draft, file: YamlFile, spec: PolicyFile, scope: Scope, base: Loc) -> None:
    """A benefit is worked out in exactly one way, from a numeric fact of its programme."""
    benefit = spec.benefit
    if benefit is None:
        return
    ways = [way for way in ("fixed", "part", "decided") if getattr(benefit, way) is not None]
    if len(ways) != 1 or spec.price:
        draft.fail(
            file,
            (*base, "benefit"),
            "benefit",
            "benefit 只能写 fixed、part、decided 中的一种，并且不能同时写 price。",
            "A benefit has exactly one of fixed, part, decided, and no price beside it.",
        )
        return
    name = benefit.part.of if benefit.part is not None else benefit.decided
    if name is None:
        return
    fact = scope.facts.get(name)
    if fact is None or fact.kind != "number":
        loc: Loc = (
            (*base, "benefit", "part", "of") if benefit.part else (*base, "benefit", "decided")
        )
        draft.fail(
            file,
            loc,
            "unknown_element",
            f"“{name}”不是这个项目的数值数据元，请核对（写法：角色.数据元）。",
            f'"{name}" is not a number of this programme; write ROLE.ELEMENT.',
        )
        return
    draft.used.add(fact.element.id)
    draft.named_by[scope.programme].add(fact.element.id)


def _scope(draft: Draft, spec: PolicyFile, programme: Programme) -> Scope:
    areas = {name: area.label for name, area in spec.areas.items()}
    return build_scope(
        draft.dictionary.elements,
        programme.roles,
        programme.role_sex,
        programme.role_label,
        programme.is_couple,
        areas,
        programme.id,
        programme.scope.without,
    )


def _conditions(
    draft: Draft, file: YamlFile, spec: PolicyFile, scope: Scope, base: Loc
) -> dict[str, Expression]:
    found: dict[str, Expression] = {}
    draft.unique(file, (*base, "eligibility"), (c.id for c in spec.eligibility))
    for index, criterion in enumerate(spec.eligibility):
        loc: Loc = (*base, "eligibility", index, "when")
        expression = draft.expression(file, loc, criterion.when, scope)
        if expression is not None:
            found[f"eligibility:{criterion.id}"] = expression
    if spec.entitlement is not None:
        decisions = spec.entitlement.decisions
        inside: Loc = (*base, "entitlement")
        draft.unique(file, (*inside, "decisions"), (d.id for d in decisions))
        for index, decision in enumerate(decisions):
            loc = (*inside, "decisions", index, "when")
            last = index == len(decisions) - 1
            expression = draft.expression(file, loc, decision.when, scope, may_always_hold=last)
            if expression is not None:
                found[f"entitlement:{decision.id}"] = expression
        for index, name in enumerate(spec.entitlement.unit):
            element = draft.elements.get(name)
            if element is None and name not in (COUPLE, *scope.roles):
                loc = (*inside, "unit", index)
                draft.unknown(file, loc, "享受单位", "entitlement unit", name, ())
            draft.used.add(name)
            draft.named_by[scope.programme].add(name)
    return found


def _check_items(
    draft: Draft,
    file: YamlFile,
    spec: PolicyFile,
    scope: Scope,
    programme: Programme,
    base: Loc,
) -> None:
    draft.unique(file, (*base, "items"), (i.id for i in spec.items))
    for index, item in enumerate(spec.items):
        for role in item.who:
            if role not in programme.risk_roles:
                loc: Loc = (*base, "items", index, "who")
                draft.unknown(file, loc, "角色", "role", role, programme.risk_roles)
                continue
            known = {e.id for e in programme.elements_of[role]}
            for i, name in enumerate(item.requires):
                draft.used.add(name)
                draft.named_by[programme.id].add(name)
                if name not in known:
                    draft.fail(
                        file,
                        (*base, "items", index, "requires", i),
                        "unknown_element",
                        f"{role} 没有数据元“{name}”，请核对拼写、性别和归属。",
                        f'{role} has no element "{name}"; check spelling, sex and scope.',
                    )


def _check_money(draft: Draft, file: YamlFile, spec: PolicyFile, base: Loc) -> None:
    dates = [p.from_ for p in spec.price]
    if dates != sorted(set(dates)):
        draft.fail(
            file,
            (*base, "price"),
            "date_overlap",
            "价格的起始日期必须各不相同并由早到晚排列。",
            "Prices must have distinct start dates in rising order.",
        )
    tiers = dict.fromkeys(s.tier for s in spec.shares)
    for tier in tiers if len(tiers) == 1 else [t for t in tiers if t is not None]:
        total = sum(s.percent for s in spec.shares if s.tier in (None, tier))
        if total != 100:
            where, place = (f"“{tier}”档", f' of tier "{tier}"') if tier else ("", "")
            draft.fail(
                file,
                (*base, "shares"),
                "shares",
                f"{where}各方分担比例合计为 {total:f}%，必须等于 100%。",
                f"The shares{place} add up to {total:f} %; they must make 100 %.",
            )


def _check_cited(draft: Draft, file: YamlFile, spec: PolicyFile, base: Loc) -> None:
    """Every entry of the terms cites a clause of the document, or another source."""
    entries: list[tuple[Loc, Any]] = []
    for name in ("eligibility", "items", "price", "shares"):
        entries += [((*base, name, i), entry) for i, entry in enumerate(getattr(spec, name))]
    if spec.entitlement is not None:
        inside = (*base, "entitlement", "decisions")
        entries += [((*inside, i), d) for i, d in enumerate(spec.entitlement.decisions)]
    for name in ("settlement", "benefit"):
        if getattr(spec, name) is not None:
            entries.append(((*base, name), getattr(spec, name)))
    _cite(draft, file, spec, entries)


def _check_cited_once(draft: Draft, file: YamlFile, spec: PolicyFile) -> None:
    """The same for what stands once for the whole document."""
    entries: list[tuple[Loc, Any]] = []
    for name in ("targets", "calendar", "duties", "tiers", "benefit_programmes", "milestones"):
        entries += [((name, i), entry) for i, entry in enumerate(getattr(spec, name))]
    entries += [(("funding", name), entry) for name, entry in spec.funding.items()]
    if spec.one_stop is not None:
        entries.append((("one_stop",), spec.one_stop))
    _cite(draft, file, spec, entries)


def _cite(draft: Draft, file: YamlFile, spec: PolicyFile, entries: list[tuple[Loc, Any]]) -> None:
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
    draft: Draft, file: YamlFile, policy: Policy, programmes: list[Programme]
) -> None:
    spec = policy.spec
    known = _implementers(spec, programmes) | _of_terms(spec)
    for name, part in policy.parts.items():
        known |= {f"{name}.{entry}" for entry in _of_terms(part.spec)}
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


def _of_terms(spec: PolicyFile) -> set[str]:
    """What the terms of one programme may be cited as."""
    known = {f"eligibility:{c.id}" for c in spec.eligibility}
    known |= {f"item:{i.id}" for i in spec.items} | {f"share:{s.payer}" for s in spec.shares}
    if spec.entitlement is not None:
        known |= {f"entitlement:{d.id}" for d in spec.entitlement.decisions}
    for name in ("eligibility", "entitlement", "price", "benefit", "shares", "settlement"):
        if getattr(spec, name):
            known.add(name)
    return known


def _implementers(spec: PolicyFile, programmes: list[Programme]) -> set[str]:
    known = {f"target:{t.id}" for t in spec.targets} | {f"calendar:{c.id}" for c in spec.calendar}
    known |= {f"duty:{d.id or d.who}" for d in spec.duties} | {f"duty:{d.who}" for d in spec.duties}
    known |= {f"area:{name}" for name in spec.areas} | {f"tier:{t.id}" for t in spec.tiers}
    known |= {f"repeals:{name}" for name in spec.repeals}
    known |= {f"policy:{name}" for name in spec.repeals}
    known |= {f"milestone:{m.id}" for m in spec.milestones}
    known |= {f"benefit_programme:{b.id}" for b in spec.benefit_programmes}
    known |= {f"funding:{name}" for name in spec.funding}
    for name in ("in_force", "repeals", "one_stop"):
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
