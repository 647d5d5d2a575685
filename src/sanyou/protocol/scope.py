"""What a condition may name: every fact of a programme with its kind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
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

    facts: Facts
    elements: Mapping[str, Element]
    roles: tuple[str, ...]
    role_sex: Mapping[str, str | None]
    areas: tuple[str, ...] = ()
    person: str | None = None
    programme: str = ""
    without: frozenset[str] = frozenset()  # elements that the subject does not have

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
        if spec is not None and spec.element.id in self.without:
            raise ExpressionError(
                "not_of_people",
                f"“{role}.{name}”是人的情况，以机构为对象的项目不能用。",
                f'"{role}.{name}" tells of people; a programme of organisations has none of it.',
            )
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
        return COUPLE in self.facts.roles


def build_scope(
    elements: Mapping[str, Element],
    roles: Iterable[str],
    role_sex: Mapping[str, str | None],
    role_label: Mapping[str, Text],
    couple: bool,
    areas: Mapping[str, Text] | None = None,
    programme: str = "",
    without: frozenset[str] = frozenset(),
) -> Scope:
    """Every fact of the roles. `couple` adds the facts of scope couple."""
    people = tuple(roles)
    everyone = (*people, COUPLE) if couple else people
    labels = {r: role_label.get(r, KNOWN_ROLES.get(r, (Text(r), None))[0]) for r in everyone}
    facts = Facts(elements, labels, role_sex, areas or {})
    return Scope(
        facts, elements, people, role_sex, tuple(areas or ()), programme=programme, without=without
    )


class Facts(Mapping[str, FactSpec]):
    """The facts of these roles by name, each worked out when it is first asked for: a programme
    uses a small part of a large dictionary."""

    def __init__(
        self,
        elements: Mapping[str, Element],
        labels: Mapping[str, Text],
        role_sex: Mapping[str, str | None],
        areas: Mapping[str, Text],
    ) -> None:
        """`labels`: every role with what a person calls it."""
        self._elements, self._labels = elements, labels
        self._sex, self._areas = role_sex, areas
        self._known: dict[tuple[str, str], dict[str, FactSpec]] = {}

    @property
    def roles(self) -> Iterable[str]:
        return self._labels

    def __getitem__(self, name: str) -> FactSpec:
        role, _dot, rest = name.partition(".")
        return self._of(role, rest.partition("__")[0])[name]

    def __iter__(self) -> Iterator[str]:
        for role in self._labels:
            for element in self._elements:
                yield from self._of(role, element)

    def __len__(self) -> int:
        return sum(1 for _name in self)

    def _of(self, role: str, element_id: str) -> dict[str, FactSpec]:
        found = self._known.get((role, element_id))
        if found is None:
            found = {spec.name: spec for spec in self._specs(role, element_id)}
            self._known[role, element_id] = found
        return found

    def _specs(self, role: str, element_id: str) -> Iterable[FactSpec]:
        element = self._elements.get(element_id)
        if element is None or role not in self._labels:
            return ()
        if (element.scope == "couple") != (role == COUPLE):
            return ()
        sex = self._sex.get(role)
        if element.sex and sex and element.sex != sex:
            return ()
        return _facts_of(element, role, self._labels[role], self._areas)


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
