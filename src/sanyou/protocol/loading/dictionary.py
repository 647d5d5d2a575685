"""Reads dictionary/*.yaml: value sets and elements."""

from __future__ import annotations

import re
from typing import Any

from sanyou.protocol.dictionary import Dictionary, in_order, inputs_of
from sanyou.protocol.errors import Problem
from sanyou.protocol.formula import Formula
from sanyou.protocol.loading.draft import Draft
from sanyou.protocol.models import Derived, DictionaryFile, Element, ValueSet
from sanyou.protocol.yamlfile import Loc, YamlFile

_FACT_CODE = re.compile(r"^[A-Za-z0-9_]+$")


def load_dictionary(draft: Draft) -> None:
    for root in draft.roots:
        for path in sorted(root.glob("dictionary/*.yaml")):
            file, content = draft.read(path, root, DictionaryFile)
            if content is None:
                continue
            for index, value_set in enumerate(content.value_sets):
                _add_value_set(draft, file, ("value_sets", index), value_set)
            for index, element in enumerate(content.elements):
                _add_element(draft, file, ("elements", index), element)
    for name, element in draft.elements.items():
        file, loc = draft.places[name]
        if element.value_set is not None:
            zh, en = "不认识的键“value_set”，请用 codes。", 'Unknown key "value_set"; use codes.'
            draft.fail(file, (*loc, "value_set"), "unknown_key", zh, en)
        codes = draft.value_sets.get(element.codes or "")
        draft.elements[name] = element.model_copy(update={"value_set": codes})
    for name, element in draft.elements.items():
        file, loc = draft.places[name]
        _check_element(draft, file, loc, element)
    ordered, circular = in_order(draft.elements, draft.formulas)
    for name in circular:
        file, loc = draft.places[name]
        draft.fail(
            file,
            (*loc, "derived"),
            "cycle",
            f"“{name}”的计算绕回了自己，请改写 derived。",
            f'"{name}" is computed from itself; change derived.',
        )
    draft.dictionary = Dictionary(ordered, draft.value_sets, draft.formulas)


def _add_value_set(draft: Draft, file: YamlFile, loc: Loc, value_set: ValueSet) -> None:
    place = draft.places.get(f"value_set:{value_set.id}")
    if place is not None:
        first, where = place
        draft.duplicate(file, (*loc, "id"), value_set.id, f"{first.shown}:{first.line(where)}")
        return
    draft.places[f"value_set:{value_set.id}"] = (file, (*loc, "id"))
    draft.value_sets[value_set.id] = value_set
    names: dict[str, str] = {}
    for index, code in enumerate(value_set.codes):
        for name in (code.code, *code.alias):
            if name in names:
                where = (*loc, "codes", index)
                draft.duplicate(file, where, name, f"{value_set.id}.{names[name]}")
            names.setdefault(name, code.code)


def _add_element(draft: Draft, file: YamlFile, loc: Loc, element: Element) -> None:
    if element.id in draft.places:
        first, where = draft.places[element.id]
        line = first.line((*where, "id"))
        draft.duplicate(file, (*loc, "id"), element.id, f"{first.shown}:{line}")
        return
    draft.places[element.id] = (file, loc)
    draft.elements[element.id] = element


def _check_element(draft: Draft, file: YamlFile, loc: Loc, element: Element) -> None:
    label = f"“{element.label}”（{element.id}）"
    _check_codes(draft, file, loc, element, label)
    if element.is_number:
        if not element.unit:
            draft.fail(
                file,
                loc,
                "missing_unit",
                f'{label}是数值，必须写单位 unit；纯计数写 "1"。',
                f'"{element.id}" is a number and needs a unit ("1" for a pure count).',
            )
        if element.is_entered and element.plausible is None:
            draft.fail(
                file,
                loc,
                "missing_limits",
                f"{label}由人录入，必须写可能范围 plausible: {{min, max}}。",
                f'"{element.id}" is entered by hand and needs plausible: {{min, max}}.',
            )
    elif element.ranges or element.plausible or element.unit or element.decimals is not None:
        draft.fail(
            file,
            loc,
            "not_a_number",
            f"{label}不是数值，不能有 unit、decimals、ranges 或 plausible，请删除。",
            f'"{element.id}" is not a number: remove unit, decimals, ranges and plausible.',
        )
    _check_limits(draft, file, loc, element, label)
    if element.derived is not None:
        _check_derived(draft, file, (*loc, "derived"), element, label)
    _check_series(draft, file, loc, element, label)


def _check_codes(draft: Draft, file: YamlFile, loc: Loc, element: Element, label: str) -> None:
    if element.type in ("code", "codes"):
        value_set = draft.value_sets.get(element.codes or "")
        if element.codes is None:
            draft.fail(
                file,
                loc,
                "missing_codes",
                f"{label}的类型是 {element.type}，必须用 codes 指明值集。",
                f'"{element.id}" is {element.type} and must name its value set in codes.',
            )
        elif value_set is None:
            where = (*loc, "codes")
            draft.unknown(file, where, "值集", "value set", element.codes, draft.value_sets)
        else:
            _check_fact_codes(draft, file, loc, element, value_set)
    elif element.codes is not None:
        draft.fail(
            file,
            (*loc, "codes"),
            "not_coded",
            f"{label}的类型是 {element.type}，不能有 codes，请删除或改类型。",
            f'"{element.id}" is {element.type} and cannot have codes.',
        )
    for index, answer in enumerate(element.normal or []):
        known = element.value_set
        fits = (
            isinstance(answer, bool)
            if element.type == "boolean"
            else known is not None and known.find(str(answer)) is not None
        )
        if not fits:
            draft.fail(
                file,
                (*loc, "normal", index),
                "unknown_code",
                f"{label}的 normal 中“{answer}”不是它的取值，请核对。",
                f'"{answer}" in normal is not a value of "{element.id}".',
            )


def _check_fact_codes(
    draft: Draft, file: YamlFile, loc: Loc, element: Element, value_set: ValueSet
) -> None:
    if element.type != "codes":
        return
    for code in value_set.codes:
        if not _FACT_CODE.match(code.code):
            draft.fail(
                file,
                (*loc, "codes"),
                "bad_code",
                f"多选值集的代码“{code.code}”只能用字母、数字和下划线。",
                f'Code "{code.code}" of a multiple choice may use letters, digits and _ only.',
            )


def _check_limits(draft: Draft, file: YamlFile, loc: Loc, element: Element, label: str) -> None:
    limits = [(("ranges", i), r.low, r.high) for i, r in enumerate(element.ranges)]
    spans: list[tuple[tuple[str | int, ...], Any, Any]] = [*limits]
    if element.plausible is not None:
        spans.append((("plausible",), element.plausible.min, element.plausible.max))
    for where, low, high in spans:
        if (low is None and high is None) or (low is not None and high is not None and low >= high):
            draft.fail(
                file,
                (*loc, *where),
                "bad_limits",
                f"{label}的下限必须小于上限，请核对。",
                f'"{element.id}": the lower limit must be below the upper one.',
            )
    sexes = [r.sex for r in element.ranges]
    if len(set(sexes)) < len(sexes):
        draft.fail(
            file,
            (*loc, "ranges"),
            "duplicate_range",
            f"{label}对同一性别写了两个参考范围，请保留一个。",
            f'"{element.id}" has two reference ranges for the same sex.',
        )
    sources = [element.source, element.plausible.source if element.plausible else None]
    ranged = bool(element.ranges) and all(r.source for r in element.ranges)
    if spans and not ranged and not any(sources):
        draft.fail(
            file,
            loc,
            "missing_source",
            f"{label}有参考范围或可能范围，必须写来源 source。",
            f'"{element.id}" has limits and needs a source.',
        )
    for index, span in enumerate(element.ranges):
        if span.source is None and element.source is None:
            draft.fail(
                file,
                (*loc, "ranges", index),
                "missing_source",
                f"{label}的参考范围必须写来源 source。",
                f'"{element.id}": this reference range needs a source.',
            )


def _check_derived(draft: Draft, file: YamlFile, loc: Loc, element: Element, label: str) -> None:
    derived = element.derived
    if derived is None:
        return
    ways = [
        way
        for way in ("years", "months", "weeks", "days")
        if getattr(derived, f"{way}_between") is not None
    ]
    single = ("formula", "later", "earlier", "first_of", "score", "growth")
    others = sum(getattr(derived, way) is not None for way in single)
    if len(ways) + others != 1 or element.process:
        draft.fail(
            file,
            loc,
            "derived",
            f"{label}的 derived 只能有一种算法，且不能同时是 process。",
            f'"{element.id}": derived needs exactly one way and excludes process.',
        )
        return
    if derived.formula is not None:
        try:
            draft.formulas[element.id] = Formula.parse(derived.formula)
        except Problem as problem:
            draft.problem(file, (*loc, "formula"), problem)
            return
    dated = derived.later is not None or derived.earlier is not None
    if dated and element.type != "date":
        draft.fail(
            file,
            loc,
            "derived",
            f"{label}由 later 或 earlier 算出，类型须为 date。",
            f'"{element.id}" is worked out by later or earlier and must be a date.',
        )
    elif (not dated and derived.first_of is None and not element.is_number) or (
        derived.between is not None and len(derived.between[1]) != 2
    ):
        draft.fail(
            file,
            loc,
            "derived",
            f"{label}的 derived 要有两个日期，且类型须为 integer 或 decimal。",
            f'"{element.id}": derived needs two dates, and the type integer or decimal.',
        )
    for name in inputs_of(element, draft.formulas):
        source = draft.elements.get(name)
        draft.used.add(name)
        if source is None:
            draft.unknown(file, loc, "数据元", "element", name, ())
            continue
        need_zh, need_en, fits = _input_needed(derived, element, name, source)
        if source.scope != element.scope or not fits:
            draft.fail(
                file,
                loc,
                "derived",
                f"{label}引用的“{name}”必须是同一对象的{need_zh}。",
                f'"{element.id}": "{name}" must be a {need_en} of the same scope.',
            )


def _input_needed(
    derived: Derived, element: Element, name: str, source: Element
) -> tuple[str, str, bool]:
    """What an input of a computed element has to be, and whether it is."""
    if derived.score is not None:
        codes = source.value_set
        scored = codes is not None and any(c.points is not None for c in codes.codes)
        return "单选题（代码带 points）", "coded answer with points", scored
    if derived.first_of is not None:
        same = source.type == element.type or (source.is_number and element.is_number)
        return f" {element.type} 类型的数据元", f"element of type {element.type}", same
    if derived.growth is not None and name == derived.growth.position:
        return "单选题", "coded answer", source.type == "code"
    shift = derived.later is not None and name == derived.later.days
    if derived.formula is not None or derived.growth is not None or shift:
        return "数值", "number", source.is_number
    return "日期", "date", source.type == "date"


def _check_series(draft: Draft, file: YamlFile, loc: Loc, element: Element, label: str) -> None:
    """The type that a series tells, and what it reads."""
    series = element.series
    if series is None:
        return
    of_forms = series.tell in ("count", "first_on", "last_on")
    source = draft.elements.get(series.element or "")
    if series.element is not None:
        draft.used.add(series.element)
    wanted = {"count": "integer", "times": "integer", "first_on": "date", "last_on": "date"}
    kind = wanted.get(series.tell, source.type if source is not None else element.type)
    fits = (
        element.process
        and of_forms == bool(series.forms)
        and of_forms != bool(series.element)
        and (series.tell == "times") == bool(series.among)
        and element.type == kind
    )
    if not fits:
        draft.fail(
            file,
            (*loc, "series"),
            "series",
            f"{label}的 series 写法不对：要有 process: true；count、first_on、last_on 写 forms，"
            "其余写 element；times 另写 among；类型要与所说的相符。",
            f'"{element.id}": a series needs process: true; forms for count, first_on and last_on, '
            "element for the others; among for times; and the type of what it tells.",
        )
    elif series.element is not None and (source is None or source.scope != element.scope):
        draft.unknown(file, (*loc, "series", "element"), "数据元", "element", series.element, ())
