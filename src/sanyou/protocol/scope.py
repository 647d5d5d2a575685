"""What a condition may name: every fact of a programme with its kind."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from sanyou.protocol.errors import ExpressionError, similar
from sanyou.protocol.models import Element
from sanyou.protocol.text import Text

Kind = Literal["boolean", "number", "code", "text", "region", "date"]

COUPLE = "couple"
PERSON = "person"

# Roles known without being described in programme.yaml: (label, sex).
KNOWN_ROLES: dict[str, tuple[Text, str | None]] = {
    "wife": (Text("女方", "Wife"), "female"),
    "husband": (Text("男方", "Husband"), "male"),
    "couple": (Text("夫妇", "Couple"), None),
    "mother": (Text("母亲", "Mother"), "female"),
    "child": (Text("儿童", "Child"), None),
}
SEX_LABEL = {"female": Text("女性", "female"), "male": Text("男性", "male")}


@dataclass(frozen=True, slots=True)
class FactSpec:
    """One fact: `name` is "role.element" or "role.element__suffix"."""

    name: str
    role: str
    kind: Kind
    element: Element
    label: Text
    suffix: str = ""
    codes: frozenset[str] | None = None
    integer: bool = False

    @property
    def base(self) -> str:
        """The fact of the element itself: "wife.alt" for "wife.alt__flag"."""
        return f"{self.role}.{self.element.id}"

    @property
    def sql_type(self) -> str:
        if self.kind == "number":
            return "BIGINT" if self.integer else "DOUBLE"
        return {"boolean": "BOOLEAN", "date": "DATE"}.get(self.kind, "VARCHAR")


_KINDS: dict[str, Kind] = {
    "boolean": "boolean",
    "integer": "number",
    "decimal": "number",
    "code": "code",
    "date": "date",
    "text": "text",
    "region": "region",
}
_FLAG_LABEL = Text("（高低标志）", " (flag)")


@dataclass(frozen=True)
class Scope:
    """The facts a condition may use. `person` is the role that `person.` stands for."""

    facts: Mapping[str, FactSpec]
    elements: Mapping[str, Element]
    roles: tuple[str, ...]
    role_sex: Mapping[str, str | None]
    areas: tuple[str, ...] = ()
    person: str | None = None
    programme: str = ""

    def with_person(self, role: str) -> Scope:
        return replace(self, person=role)

    def lookup(self, role: str, name: str) -> FactSpec:
        """The fact, or an ExpressionError that says why it cannot be used."""
        if role == PERSON:
            if self.person is None:
                raise ExpressionError(
                    "unknown_role",
                    f"此处不能写 person.{name}，请写明角色：{'、'.join(self.roles)}。",
                    f"person.{name} cannot be used here; name a role: {', '.join(self.roles)}.",
                )
            role = self.person
        spec = self.facts.get(f"{role}.{name}")
        if spec is not None:
            return spec
        raise self._why(role, name)

    def _why(self, role: str, name: str) -> ExpressionError:
        shown = f"{role}.{name}"
        allowed = (*self.roles, COUPLE) if self._has_couple else self.roles
        if role not in allowed:
            return ExpressionError(
                "unknown_role",
                f"“{shown}”中的角色“{role}”不存在，可用：{'、'.join(allowed)}。",
                f'"{shown}": there is no role "{role}"; use {", ".join(allowed)}.',
            )
        base, _, suffix = name.partition("__")
        element = self.elements.get(base)
        if element is None:
            hint = similar(base, self.elements)
            return ExpressionError(
                "unknown_element",
                f"数据元“{base}”（{shown}）不在数据字典中，请核对拼写或先在 dictionary/ 中登记。"
                + hint[0],
                f'"{base}" ({shown}) is not in the dictionary; check the spelling or add it there.'
                + hint[1],
            )
        if (element.scope == "couple") != (role == COUPLE):
            where = COUPLE if element.scope == "couple" else "/".join(self.roles)
            return ExpressionError(
                "wrong_scope",
                f"“{element.label}”（{base}）应写在 {where} 之下，不能写“{shown}”。",
                f'"{base}" belongs to {where}; "{shown}" does not exist.',
            )
        sex = self.role_sex.get(role)
        if element.sex and sex and element.sex != sex:
            return ExpressionError(
                "wrong_sex",
                f"“{element.label}”（{base}）只用于{SEX_LABEL[element.sex]}，不能写“{shown}”。",
                f'"{base}" is for {element.sex} persons only; "{shown}" does not exist.',
            )
        return self._why_suffix(element, shown, suffix)

    def _why_suffix(self, element: Element, shown: str, suffix: str) -> ExpressionError:
        if element.type == "codes" and element.value_set is not None:
            codes = "、".join(c.code for c in element.value_set.codes)
            return ExpressionError(
                "unknown_code" if suffix else "not_a_fact",
                f"“{element.label}”是多选题，请写 {element.id}__代码，可用代码：{codes}。",
                f'"{element.id}" has several answers; write {element.id}__CODE with one of: '
                f"{', '.join(c.code for c in element.value_set.codes)}.",
            )
        if element.type == "region" and suffix.startswith("in_"):
            return ExpressionError(
                "unknown_area",
                f"“{shown}”中的地域未定义，可用：{'、'.join(self.areas) or '（此处没有地域）'}。",
                f'"{shown}": no such area; defined here: {", ".join(self.areas) or "none"}.',
            )
        return ExpressionError(
            "not_a_fact",
            f"“{shown}”不能用于条件（“{element.label}”的类型是 {element.type}）。",
            f'"{shown}" cannot be used in a condition ("{element.id}" is {element.type}).',
        )

    @property
    def _has_couple(self) -> bool:
        return any(name.startswith("couple.") for name in self.facts)


def build_scope(
    elements: Mapping[str, Element],
    roles: Iterable[str],
    role_sex: Mapping[str, str | None],
    role_label: Mapping[str, Text],
    couple: bool,
    areas: Mapping[str, Text] | None = None,
    programme: str = "",
) -> Scope:
    """List every fact of the roles. `couple` adds the facts of scope couple."""
    areas = areas or {}
    facts: dict[str, FactSpec] = {}
    people = tuple(roles)
    for role in (*people, COUPLE) if couple else people:
        for element in elements.values():
            if (element.scope == "couple") != (role == COUPLE):
                continue
            sex = role_sex.get(role)
            if element.sex and sex and element.sex != sex:
                continue
            prefix = role_label.get(role, KNOWN_ROLES.get(role, (Text(role), None))[0])
            for spec in _facts_of(element, role, prefix, areas):
                facts[spec.name] = spec
    return Scope(facts, elements, people, role_sex, tuple(areas), programme=programme)


def _facts_of(
    element: Element, role: str, prefix: Text, areas: Mapping[str, Text]
) -> Iterable[FactSpec]:
    label = _join(prefix, element.label)
    name = f"{role}.{element.id}"
    kind = _KINDS.get(element.type)
    value_set = element.value_set
    if kind is not None:
        codes = frozenset(c.code for c in value_set.codes) if value_set else None
        integer = element.type == "integer"
        yield FactSpec(name, role, kind, element, label, "", codes, integer)
    if element.is_number:
        flags = frozenset(("low", "normal", "high"))
        flag_label = Text(label.zh + _FLAG_LABEL.zh, label.en + _FLAG_LABEL.en)
        yield FactSpec(f"{name}__flag", role, "code", element, flag_label, "flag", flags)
    if element.type == "codes" and value_set is not None:
        for code in value_set.codes:
            part = _colon(label, code.label)
            yield FactSpec(f"{name}__{code.code}", role, "boolean", element, part, code.code)
    if element.type == "region":
        for area, area_label in areas.items():
            part = _colon(label, area_label)
            yield FactSpec(f"{name}__in_{area}", role, "boolean", element, part, f"in_{area}")


def _join(first: Text, second: Text) -> Text:
    return Text(f"{first.zh}{second.zh}", f"{first.en or first.zh} {second.en or second.zh}")


def _colon(first: Text, second: Text) -> Text:
    return Text(f"{first.zh}：{second.zh}", f"{first.en}: {second.en or second.zh}")
