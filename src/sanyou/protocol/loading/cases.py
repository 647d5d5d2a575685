"""Reads cases/*.yaml and checks what they name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from sanyou.protocol.entry import parse_value
from sanyou.protocol.loading.draft import Draft
from sanyou.protocol.models import CasesFile, CaseSpec
from sanyou.protocol.programme import Programme
from sanyou.protocol.yamlfile import Loc, YamlFile

_NEEDS_POLICY = ("eligibility", "entitlement", "pricing")


def read_cases(draft: Draft, folder: Path, root: Path) -> Iterator[tuple[YamlFile, int, CaseSpec]]:
    for path in sorted(folder.glob("cases/**/*.yaml")):
        file, content = draft.read(path, root, CasesFile)
        if content is not None:
            yield from ((file, index, case) for index, case in enumerate(content.cases))


def check_case(
    draft: Draft, file: YamlFile, index: int, case: CaseSpec, programme: Programme | None
) -> None:
    """`programme` is None for a policy's case: its policy tells the programme."""
    loc: Loc = ("cases", index)
    policy = draft.policies.get(case.policy or "")
    if case.policy is not None and policy is None:
        draft.unknown(file, (*loc, "policy"), "政策", "policy", case.policy, draft.policies)
        return
    if policy is None and (programme is None or case.kind in _NEEDS_POLICY):
        zh = f"{case.kind} 案例必须写 policy（政策编号）。"
        draft.fail(file, loc, "missing_key", zh, f"A case of kind {case.kind} needs policy.")
        return
    if programme is None:
        name = case.programme or (policy.programmes[0] if policy else "")
        programme = draft.programmes.get(name)
        if programme is None:
            draft.unknown(file, loc, "项目", "programme", name, draft.programmes)
            return
    _check_given(draft, file, loc, case, programme)
    loops = {loop.id: loop for loop in programme.loops}
    for i, wanted in enumerate(case.expect.loops or ()):
        where: Loc = (*loc, "expect", "loops", i)
        loop = loops.get(wanted.id)
        if loop is None:
            draft.unknown(file, (*where, "id"), "闭环", "loop", wanted.id, loops)
        elif wanted.leg is not None and wanted.leg not in [leg.id for leg in loop.spec.legs]:
            legs = [leg.id for leg in loop.spec.legs]
            draft.unknown(file, (*where, "leg"), "环节", "leg", wanted.leg, legs)
    keys = {rule.key for rule in programme.rules}
    for name, listed in (
        ("fires", case.expect.fires),
        ("not", case.expect.not_),
        ("unknown", case.expect.unknown),
    ):
        for i, key in enumerate(listed):
            if key not in keys:
                draft.fail(
                    file,
                    (*loc, "expect", name, i),
                    "unknown_reference",
                    f"没有规则“{key}”（应写 角色.规则编号），请核对。",
                    f'There is no rule "{key}" (write ROLE.RULE); check it.',
                )


def _check_given(
    draft: Draft, file: YamlFile, loc: Loc, case: CaseSpec, programme: Programme
) -> None:
    roles = programme.risk_roles
    for role, values in case.given.items():
        where: Loc = (*loc, "given", role)
        if role not in roles:
            draft.unknown(file, where, "角色", "role", role, roles)
            continue
        known = {e.id: e for e in programme.elements_of[role]}
        for name, raw in values.items():
            element = known.get(name)
            if element is None:
                draft.fail(
                    file,
                    (*where, name),
                    "unknown_element",
                    f"{role} 没有数据元“{name}”，请核对拼写、性别和归属（个人或夫妇）。",
                    f'{role} has no element "{name}"; check spelling, sex and scope.',
                )
            elif element.derived is not None:
                draft.fail(
                    file,
                    (*where, name),
                    "not_entered",
                    f"“{element.label}”（{name}）由系统计算，请改给它的来源数据。",
                    f'"{name}" is computed; give what it is computed from.',
                )
            else:
                error = parse_value(element, raw).error
                if error is not None:
                    draft.fail(file, (*where, name), "bad_value", error.zh, error.en)


def placed(file: YamlFile, index: int, case: CaseSpec) -> tuple[str, int, CaseSpec]:
    return file.shown, file.line(("cases", index)), case
