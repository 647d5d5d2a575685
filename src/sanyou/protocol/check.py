"""Runs the worked cases of a library and names what no case covers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sanyou.protocol.assessment import assess
from sanyou.protocol.conditions import Truth
from sanyou.protocol.eligibility import decide
from sanyou.protocol.entitlement import decide_entitlement
from sanyou.protocol.errors import ContentError, Problem
from sanyou.protocol.facts import build_facts
from sanyou.protocol.loop import loops_of
from sanyou.protocol.models import CaseSpec
from sanyou.protocol.policy import Policy
from sanyou.protocol.pricing import amount_on, completeness, split_shares, tier_of, to_yuan
from sanyou.protocol.programme import Programme
from sanyou.protocol.schedule import plan

if TYPE_CHECKING:
    from sanyou.protocol.library import Library


@dataclass(frozen=True)
class CheckReport:
    """How many cases ran, which answered otherwise, and what no case covers."""

    cases: int
    failures: tuple[ContentError, ...]
    missing: tuple[ContentError, ...]
    warnings: tuple[ContentError, ...] = ()

    @property
    def ok(self) -> bool:
        return not self.failures and not self.missing

    def as_json(self) -> dict[str, Any]:
        return {
            "ok": self.ok,
            "cases": self.cases,
            "failures": [e.as_json() for e in self.failures],
            "missing": [e.as_json() for e in self.missing],
            "warnings": [e.as_json() for e in self.warnings],
        }


class _Run:
    def __init__(self, lib: Library) -> None:
        self.lib = lib
        self.failures: list[ContentError] = []
        self.missing: list[ContentError] = []
        self.count = 0
        self.rules: dict[tuple[str, str], set[str]] = {}
        self.criteria: dict[tuple[str, str, str], set[Truth]] = {}
        self.loops: dict[tuple[str, str], set[str]] = {}

    def run(self) -> CheckReport:
        for programme in self.lib.programmes.values():
            for path, line, case in programme.cases:
                self._case(path, line, case, programme)
        for path, line, case in self.lib.policy_cases:
            name = case.programme or self.lib.policies[case.policy or ""].programmes[0]
            self._case(path, line, case, self.lib.programmes[name])
        self._uncovered_rules()
        self._uncovered_criteria()
        self._uncovered_loops()
        return CheckReport(self.count, tuple(self.failures), tuple(self.missing), self.lib.warnings)

    def _case(self, path: str, line: int, case: CaseSpec, programme: Programme) -> None:
        self.count += 1
        policy = self.lib.policies.get(case.policy or "")
        if policy is not None:
            policy = policy.for_programme(programme.id)
        if case.policy and policy is None:
            self._failed(path, line, case, f"政策“{case.policy}”不存在", f"no policy {case.policy}")
            return
        facts = build_facts(self.lib, programme, case.given, case.on, policy)
        if case.expect.eligibility is not None:
            self._note_criteria(policy, facts)
        for zh, en in self._differences(case, programme, policy, facts):
            self._failed(path, line, case, zh, en)

    def _failed(self, path: str, line: int, case: CaseSpec, zh: str, en: str) -> None:
        self.failures.append(
            ContentError(
                "case_failed",
                path,
                line,
                f"案例“{case.name}”：{zh}。",
                f'Case "{case.name}": {en}.',
            )
        )

    def _differences(
        self, case: CaseSpec, programme: Programme, policy: Policy | None, facts: dict[str, Any]
    ) -> Iterator[tuple[str, str]]:
        expect = case.expect
        told = (expect.class_, expect.level, expect.beside)
        if expect.fires or expect.not_ or expect.unknown or any(told):
            yield from self._assessment(case, programme, facts)
        elif case.kind == "assessment":
            yield "没有写期望（fires、not、unknown 或 class）", "expects nothing"
        if expect.schedule is not None:
            yield from _schedule(case, programme, facts)
        if expect.loops is not None:
            yield from self._loops(case, programme, facts)
        needs_policy = (expect.eligibility, expect.entitlement, expect.pricing)
        if any(part is not None for part in needs_policy):
            if policy is None:
                yield "需要写 policy", "needs a policy"
                return
            yield from _eligibility(case, policy, facts)
            yield from _entitlement(case, policy, facts)
            yield from _pricing(case, policy, facts)
        wanted = {"loop": "loops"}.get(case.kind, case.kind)
        if case.kind != "assessment" and getattr(expect, wanted) is None:
            yield f"kind 是 {case.kind}，但 expect 里没有 {wanted}", f"expects no {wanted}"

    def _loops(
        self, case: CaseSpec, programme: Programme, facts: dict[str, Any]
    ) -> Iterator[tuple[str, str]]:
        found = {state.loop.id: state for state in loops_of(programme, facts)}
        for wanted in case.expect.loops or ():
            state = found[wanted.id]
            seen = state.leg.id if state.leg is not None else state.state
            self.loops.setdefault((programme.id, wanted.id), set()).add(seen)
            if wanted.state != state.state:
                yield _differs(f"loops {wanted.id} state", wanted.state, state.state)
            elif wanted.leg is not None and (state.leg is None or state.leg.id != wanted.leg):
                yield _differs(f"loops {wanted.id} leg", wanted.leg, seen)
            elif wanted.due is not None and wanted.due != state.due:
                yield _differs(f"loops {wanted.id} due", wanted.due, state.due)

    def _assessment(
        self, case: CaseSpec, programme: Programme, facts: dict[str, Any]
    ) -> Iterator[tuple[str, str]]:
        result = assess(programme, facts)
        fired = {f.key for f in result.findings}
        unknown = {u.key: u.missing for u in result.undetermined}
        for wanted, keys in (
            ("fires", case.expect.fires),
            ("not", case.expect.not_),
            ("unknown", case.expect.unknown),
        ):
            for key in keys:
                state = "fires" if key in fired else "unknown" if key in unknown else "not"
                self.rules.setdefault((programme.id, key.split(".")[1]), set()).add(wanted)
                if state == wanted:
                    continue
                lacking = f"，缺 {'、'.join(unknown[key])}" if key in unknown else ""
                english = f" (missing {', '.join(unknown[key])})" if key in unknown else ""
                yield (
                    f"规则 {key} 应为 {_STATE[wanted]}，实际 {_STATE[state]}{lacking}",
                    f"rule {key} should be {wanted}, is {state}{english}",
                )
        expected = case.expect.class_
        if expected is not None and expected != (result.cls or "none"):
            found = ", ".join(sorted(fired)) or "—"
            yield (
                f"类别应为 {expected}，实际 {result.cls or 'none'}（命中：{found}）",
                f"class should be {expected}, is {result.cls or 'none'} (found: {found})",
            )
        beside = ",".join(result.beside)
        if case.expect.beside is not None and case.expect.beside != (beside or "none"):
            yield _differs("beside", case.expect.beside, beside or "none")
        if case.expect.level is not None and case.expect.level != result.level:
            yield (
                f"等级应为 {case.expect.level}，实际 {result.level}",
                f"level should be {case.expect.level}, is {result.level}",
            )

    def _note_criteria(self, policy: Policy | None, facts: dict[str, Any]) -> None:
        if policy is None:
            return
        for result in decide(policy, facts).criteria:
            self.criteria.setdefault((policy.id, policy.programme, result.id), set()).add(
                result.truth
            )

    def _uncovered_rules(self) -> None:
        for programme in self.lib.programmes.values():
            for rule_id, place in {rule.id: rule.place for rule in programme.rules}.items():
                seen = self.rules.get((programme.id, rule_id), set())
                lacking = [state for state in _STATE if state not in seen]
                if lacking:
                    self._uncovered(
                        place,
                        f"规则 {rule_id} 没有这样的案例：{'、'.join(_STATE[s] for s in lacking)}。",
                        f"Rule {rule_id} has no case for: {', '.join(lacking)}.",
                    )

    def _uncovered_criteria(self) -> None:
        parts = (part for policy in self.lib.policies.values() for part in policy.every_part())
        for policy in parts:
            for criterion in policy.eligibility:
                seen = self.criteria.get((policy.id, policy.programme, criterion.id), set())
                lacking = [truth for truth in (True, False, None) if truth not in seen]
                if lacking:
                    self._uncovered(
                        (policy.path, policy.lines[criterion.id]),
                        f"资格条件 {criterion.id} 没有这样的案例："
                        f"{'、'.join(_TRUTH[t] for t in lacking)}。",
                        f"Criterion {criterion.id} has no case where it is: "
                        f"{', '.join(str(t) for t in lacking)}.",
                    )

    def _uncovered_loops(self) -> None:
        for programme in self.lib.programmes.values():
            for loop in programme.loops:
                seen = self.loops.get((programme.id, loop.id), set())
                wanted = ["none", *(leg.id for leg in loop.spec.legs), "closed"]
                lacking = [state for state in wanted if state not in seen]
                if lacking:
                    self._uncovered(
                        loop.place,
                        f"闭环 {loop.id} 没有这样的案例：{'、'.join(lacking)}。",
                        f"Loop {loop.id} has no case for: {', '.join(lacking)}.",
                    )

    def _uncovered(self, place: tuple[str, int], zh: str, en: str) -> None:
        self.missing.append(ContentError("no_case", *place, zh, en))


_STATE = {"fires": "命中", "not": "不命中", "unknown": "不能排除"}
_TRUTH = {True: "成立", False: "不成立", None: "无法判断"}


def _differs(what: str, expected: object, found: object) -> tuple[str, str]:
    return f"{what} 应为 {expected}，实际 {found}", f"{what} should be {expected}, is {found}"


def _schedule(
    case: CaseSpec, programme: Programme, facts: dict[str, Any]
) -> Iterator[tuple[str, str]]:
    if case.expect.schedule is None:
        return
    planned = plan(programme, facts, case.on)
    wanted = sorted((t.id, str(t.from_), str(t.due)) for t in case.expect.schedule.tasks)
    found = sorted((t.id, str(t.opens), str(t.due)) for t in planned)
    if wanted != found:
        yield _differs("schedule", wanted, found)
    states = {(t.id, t.opens): t.state for t in planned}
    for task in case.expect.schedule.tasks:
        state = states.get((task.id, task.from_))
        if task.state is not None and state is not None and task.state != state:
            yield _differs(f"{task.id} state", task.state, state)


def _eligibility(
    case: CaseSpec, policy: Policy, facts: dict[str, Any]
) -> Iterator[tuple[str, str]]:
    expected = case.expect.eligibility
    if expected is None:
        return
    decision = decide(policy, facts)
    if expected.answer != decision.answer:
        yield _differs("answer", expected.answer, f"{decision.answer}（{decision.clause_line}）")
    wanted = {"yes": True, "no": False, "unknown": None}[decision.answer]
    deciding = [c for c in decision.criteria if c.truth is wanted]
    if expected.reason is not None and expected.reason not in [c.id for c in deciding]:
        yield _differs("reason", expected.reason, [c.id for c in deciding])
    if expected.clause is not None and expected.clause not in [c.clause for c in deciding]:
        yield _differs("clause", expected.clause, [c.clause for c in deciding])
    if expected.missing is not None and sorted(expected.missing) != sorted(decision.missing):
        yield _differs("missing", sorted(expected.missing), sorted(decision.missing))


def _entitlement(
    case: CaseSpec, policy: Policy, facts: dict[str, Any]
) -> Iterator[tuple[str, str]]:
    expected = case.expect.entitlement
    if expected is None:
        return
    grant = decide_entitlement(policy, facts)
    if expected.grant != grant.grant:
        yield _differs("grant", expected.grant, grant.grant)
    if expected.clause is not None and expected.clause != grant.clause:
        yield _differs("clause", expected.clause, grant.clause)
    if expected.reason is not None and expected.reason != grant.id:
        yield _differs("reason", expected.reason, grant.id)


def _pricing(case: CaseSpec, policy: Policy, facts: dict[str, Any]) -> Iterator[tuple[str, str]]:
    expected = case.expect.pricing
    if expected is None:
        return
    try:
        worth = amount_on(policy, facts, case.on)
        tier = tier_of(policy, expected.region or policy.region)
        shares = split_shares(policy, worth.fen or 0, tier)
    except Problem as problem:
        yield problem.zh, problem.en
        return
    amount = "unknown" if worth.fen is None else to_yuan(worth.fen)
    if expected.amount != amount:
        yield _differs("amount", expected.amount, amount)
    paid = {payer: to_yuan(fen) for payer, fen in shares.items()}
    if expected.shares is not None and expected.shares != paid:
        yield _differs("shares", expected.shares, paid)
    if expected.missing is not None:
        found = sorted({name for item in completeness(policy, facts) for name in item.facts})
        if sorted(expected.missing) != found:
            yield _differs("missing", sorted(expected.missing), found)


def check(lib: Library) -> CheckReport:
    """Run all worked cases of the library."""
    return _Run(lib).run()
