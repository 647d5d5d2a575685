"""A form of a programme as a page shows it: sections, fields, units, ranges, choices, answers."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from sanyou.care.reuse import Reused
from sanyou.protocol import wording
from sanyou.protocol.facts import read_observation
from sanyou.protocol.library import Library
from sanyou.protocol.models import Element, FormField
from sanyou.protocol.programme import Form, Programme
from sanyou.protocol.text import Text
from sanyou.protocol.wording import number, range_text, unit_text
from sanyou.registry.access import Actor, may_fill, may_see

MOST_CHIPS = 12  # more choices than this become a drop-down list


def words(text: Text | str | None) -> str:
    """Content text in the language of the page."""
    if isinstance(text, Text):
        return text.in_language(get_language() or "zh-hans")
    return text or ""


@dataclass(frozen=True)
class Choice:
    """One option; `key` is the digit that chooses it, 0 for “none of these”, "" beyond nine."""

    value: str
    label: str
    key: str
    chosen: bool


@dataclass(frozen=True)
class FieldView:
    name: str
    label: str
    kind: str  # the element's type
    unit: str
    required: bool
    hint: str
    width: str
    low: str
    high: str
    least: str  # plausible limits
    most: str
    range_text: str
    normal: str  # JSON list of values that are not marked
    choices: tuple[Choice, ...]
    dropdown: bool
    long_text: bool
    value: Any
    display: str
    flag: str
    depends: str  # names of the fields its condition reads, separated by blanks
    steers: bool  # other fields depend on it
    last: str  # the answer of the last record, in words
    taken: str = ""  # 2026-03-01 婚前医学检查: where the value is taken over from
    taken_key: str = ""  # of the record that holds it

    @property
    def input_mode(self) -> str:
        return {"integer": "numeric", "decimal": "decimal", "date": "numeric"}.get(
            self.kind, "text"
        )

    @property
    def shown_unit(self) -> str:
        return unit_text(self.unit)


@dataclass(frozen=True)
class SectionView:
    id: str
    label: str
    hint: str
    fields: tuple[FieldView, ...]

    @property
    def many_yes_no(self) -> bool:
        """Long lists of yes and no, where one click may answer the rest."""
        return sum(f.kind == "boolean" for f in self.fields) >= 5

    @property
    def answered(self) -> tuple[FieldView, ...]:
        return tuple(f for f in self.fields if f.value is not None)


@dataclass(frozen=True)
class Filled:
    """What a form holds, and how it is judged: stored values, flags, visible fields."""

    data: Mapping[str, Any] = field(default_factory=dict)
    flags: Mapping[str, str] = field(default_factory=dict)
    visible: frozenset[str] = frozenset()
    last: Mapping[str, Any] = field(default_factory=dict)
    taken: Mapping[str, Reused] = field(default_factory=dict)  # among `data`, from other programmes


def seen(lib: Library, actor: Actor, form: Form, role: str) -> list[str]:
    """The fields of a form this person may read: all where her duty fills the form."""
    names = [f.element for f in form.fields_for(role)]
    if may_fill(actor, form):
        return names
    return [n for n in names if may_see(actor, lib.dictionary.elements[n])]


def only(names: Iterable[str], values: Mapping[str, Any]) -> dict[str, Any]:
    """The part of a mapping that concerns these fields."""
    kept = set(names)
    return {name: value for name, value in values.items() if name in kept}


def sections(
    lib: Library, programme: Programme, form: Form, role: str, names: Iterable[str], filled: Filled
) -> list[SectionView]:
    """The form for one role with what it holds, limited to the fields `names`."""
    kept = set(names)
    depends = {name: _depends(form, role, name) for name in kept}
    steering = {name for found in depends.values() for name in found}
    sex = programme.role_sex.get(role)
    found = []
    for section in form.sections:
        fields = tuple(
            _field(lib, item, role, sex, filled, depends[item.element], item.element in steering)
            for item in section.fields
            if item.element in kept and (not item.roles or role in item.roles)
        )
        if fields:
            found.append(SectionView(section.id, words(section.label), words(section.hint), fields))
    return found


def _depends(form: Form, role: str, name: str) -> list[str]:
    """Elements of this form that decide whether a field is shown."""
    names: dict[str, None] = {}
    section_of = {f.element: s.id for s in form.sections for f in s.fields}
    for condition in (
        form.show.get((role, name)),
        form.show_section.get((role, section_of.get(name, ""))),
    ):
        for fact in condition.facts if condition is not None else ():
            owner, _dot, rest = fact.partition(".")
            if owner == role:
                names[rest.partition("__")[0]] = None
    return list(names)


def _field(
    lib: Library,
    item: FormField,
    role: str,
    sex: str | None,
    filled: Filled,
    depends: list[str],
    steers: bool,
) -> FieldView:
    element = lib.dictionary.elements[item.element]
    value, own_low, own_high = read_observation(element, filled.data.get(element.id))
    low, high = own_low, own_high
    if low is None and high is None:
        usual = element.range_for(sex)
        low, high = (usual.low, usual.high) if usual else (None, None)
    choices = tuple(_choices(element, value))
    plausible = element.plausible
    taken = filled.taken.get(element.id)
    return FieldView(
        name=element.id,
        label=words(item.label or element.label),
        kind=element.type,
        unit=element.unit,
        required=item.required,
        hint=words(item.hint),
        width=_width(item, choices),
        low=number(low),
        high=number(high),
        least=number(plausible.min) if plausible else "",
        most=number(plausible.max) if plausible else "",
        range_text=range_text(low, high),
        normal="" if element.normal is None else json.dumps(element.normal),
        choices=choices,
        dropdown=element.type == "code" and len(choices) > MOST_CHIPS,
        long_text=element.type == "text" and item.width == "full",
        value=value,
        display=shown(element, value),
        flag=filled.flags.get(element.id, ""),
        depends=" ".join(depends),
        steers=steers,
        last=_last(element, filled) if item.copy_last else "",
        taken=taken.where if taken else "",
        taken_key=str(taken.encounter.key) if taken else "",
    )


def _width(item: FormField, choices: tuple[Choice, ...]) -> str:
    """Many choices need more room than a third of the line."""
    if item.width != "third" or len(choices) > MOST_CHIPS:
        return item.width
    return "half" if sum(len(c.label) + 3 for c in choices) > 30 else "third"


def _last(element: Element, filled: Filled) -> str:
    value = read_observation(element, filled.last.get(element.id))[0]
    return "" if value is None else shown(element, value)


def _choices(element: Element, value: Any) -> Iterable[Choice]:
    if element.type == "boolean":
        yield Choice("true", _("是"), "1", value is True)
        yield Choice("false", _("否"), "2", value is False)
        return
    if element.value_set is None:
        return
    chosen = value if isinstance(value, tuple) else (value,)
    key = 0
    for code in element.value_set.codes:
        if code.retired and code.code not in chosen:
            continue
        key += 1
        yield Choice(
            code.code, words(code.label), str(key) if key <= 9 else "", code.code in chosen
        )
    if element.type == "codes" and not any(c.label.zh == "无" for c in element.value_set.codes):
        yield Choice("", _("无"), "0", value == ())


def shown(element: Element, value: Any, unit: bool = True) -> str:
    """A value in words, in the language of the page."""
    return wording.shown(element, value, get_language() or "zh-hans", unit=unit)
