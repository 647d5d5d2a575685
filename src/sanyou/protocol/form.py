"""Checks what was entered on a form: values, errors beside the field, flags, visible fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sanyou.protocol.entry import FieldError, Parsed, parse_value
from sanyou.protocol.expression import json_value
from sanyou.protocol.facts import Observation, flag
from sanyou.protocol.models import Element, FormField, Section
from sanyou.protocol.programme import Form

if TYPE_CHECKING:
    from sanyou.protocol.library import Library


_BLANK = Parsed()


@dataclass(frozen=True, slots=True)
class FormResult:
    """`values` holds every visible field (None for blank); hidden fields are left out."""

    values: dict[str, Any]
    errors: dict[str, FieldError]
    flags: dict[str, str]
    visible: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return not self.errors

    def as_json(self) -> dict[str, Any]:
        """`values` is what an encounter stores; `build_facts` reads it back."""
        return {
            "values": {name: stored(value) for name, value in self.values.items()},
            "errors": {name: error.as_json() for name, error in self.errors.items()},
            "flags": dict(self.flags),
            "visible": list(self.visible),
        }


def stored(value: Any) -> Any:
    """A value as JSON keeps it."""
    return value.as_json() if isinstance(value, Observation) else json_value(value)


def validate(
    lib: Library,
    form: Form,
    role: str,
    data: Mapping[str, Any],
    sex: str | None = None,
    *,
    draft: bool = False,
    facts: Mapping[str, Any] | None = None,
) -> FormResult:
    """Check the data of one role's form.

    `facts` are facts known from elsewhere, for fields shown only under a condition; what is
    on the form wins over them. `draft` does not ask for required fields.
    """
    elements = lib.dictionary.elements
    parsed = {
        name: parse_value(elements[name], raw) for name, raw in data.items() if name in elements
    }
    known = dict(facts or {})
    for name, result in parsed.items():
        _add_fact(known, elements[name], f"{role}.{name}", result.value, sex)
    values: dict[str, Any] = {}
    errors: dict[str, FieldError] = {}
    flags: dict[str, str] = {}
    visible: list[str] = []
    for section in form.sections:
        for item in section.fields:
            if not _is_visible(form, section, item, role, sex, elements[item.element], known):
                continue
            name = item.element
            element = elements[name]
            visible.append(name)
            result = parsed.get(name, _BLANK)
            values[name] = result.value
            if result.error:
                errors[name] = result.error
            elif values[name] is None and item.required and not draft:
                errors[name] = _required(item, element)
            found = value_flag(element, values[name], sex)
            if found:
                flags[name] = found
    for name in data:
        if name not in elements:
            errors[name] = _unknown(name)
    return FormResult(values, errors, flags, tuple(visible))


def _is_visible(
    form: Form,
    section: Section,
    item: FormField,
    role: str,
    sex: str | None,
    element: Element,
    facts: Mapping[str, Any],
) -> bool:
    if item.roles and role not in item.roles:
        return False
    if element.sex and sex and element.sex != sex:
        return False
    whole = form.show_section.get((role, section.id))
    if whole is not None and whole.evaluate(facts) is not True:
        return False
    own = form.show.get((role, item.element))
    return own is None or own.evaluate(facts) is True


def _add_fact(
    known: dict[str, Any], element: Element, name: str, value: Any, sex: str | None
) -> None:
    observed = value if isinstance(value, Observation) else Observation(value)
    plain = observed.value
    if element.type == "codes":
        for code in element.value_set.codes if element.value_set else ():
            known[f"{name}__{code.code}"] = None if plain is None else code.code in plain
        return
    known[name] = plain
    if element.is_number:
        number = None if plain is None else Decimal(str(plain))
        known[f"{name}__flag"] = flag(element, number, sex, observed.low, observed.high)


def value_flag(element: Element, value: Any, sex: str | None) -> str | None:
    """'high', 'low' or 'abnormal' for a value to be marked; None for a normal or blank one."""
    observed = value if isinstance(value, Observation) else Observation(value)
    value = observed.value
    if value is None:
        return None
    if element.is_number:
        found = flag(element, Decimal(str(value)), sex, observed.low, observed.high)
        return found if found in ("low", "high") else None
    if element.normal is None or isinstance(value, date):
        return None
    answers = value if isinstance(value, (tuple, list)) else (value,)
    return None if all(answer in element.normal for answer in answers) else "abnormal"


def _required(item: FormField, element: Element) -> FieldError:
    label = item.label or element.label
    verb = "选择" if element.type in ("code", "codes", "boolean", "region") else "填写"
    return FieldError(
        "required",
        f"{label.zh}必须{verb}；确实无法取得时请先存为草稿并注明原因。",
        f"{label.in_language('en')} is required; keep a draft and say why if it cannot be had.",
    )


def _unknown(name: str) -> FieldError:
    return FieldError(
        "unknown_field",
        f"表单中没有“{name}”这一项，请刷新页面后重试。",
        f'There is no field "{name}" on this form; reload the page.',
    )


__all__ = ["FieldError", "FormResult", "stored", "validate", "value_flag"]
