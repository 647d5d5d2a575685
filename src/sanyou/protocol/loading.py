"""Reads content folders into a Library and collects every mistake with file and line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from sanyou.protocol.dictionary import Dictionary, in_order, inputs_of
from sanyou.protocol.entry import parse_value
from sanyou.protocol.errors import ContentError, Problem, relative
from sanyou.protocol.expression import Expression
from sanyou.protocol.facts import region_prefix
from sanyou.protocol.formula import Formula
from sanyou.protocol.library import Library
from sanyou.protocol.models import (
    CasesFile,
    CaseSpec,
    DictionaryFile,
    DocumentSpec,
    Duration,
    Element,
    FormFile,
    IndicatorsFile,
    PolicyFile,
    ProgrammeFile,
    RulesFile,
    RuleSpec,
    ScheduleFile,
    Source,
    ValueSet,
)
from sanyou.protocol.policy import Policy
from sanyou.protocol.programme import (
    Form,
    Indicator,
    Programme,
    Rule,
    Task,
    role_details,
)
from sanyou.protocol.reachable import verdict
from sanyou.protocol.scope import COUPLE, Scope, build_scope
from sanyou.protocol.text import Text
from sanyou.protocol.yamlfile import Loc, YamlFile, read_yaml

M = TypeVar("M", bound=BaseModel)
_FACT_CODE = re.compile(r"^[A-Za-z0-9_]+$")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_NUMBER_FIELDS = ("kind", "code", "org", "year", "seq")


@dataclass
class _Parts:
    """Files of one programme folder."""

    folder: Path
    root: Path
    file: YamlFile
    spec: ProgrammeFile


class Loader:
    """One loading of several roots. `errors` and `warnings` fill up on the way."""

    def __init__(self, roots: tuple[Path, ...]) -> None:
        self.roots = roots
        self.errors: list[ContentError] = []
        self.warnings: list[ContentError] = []
        self.value_sets: dict[str, ValueSet] = {}
        self.elements: dict[str, Element] = {}
        self.places: dict[str, tuple[YamlFile, Loc]] = {}
        self.formulas: dict[str, Formula] = {}
        self.used: set[str] = set()
        self.dictionary = Dictionary({}, {})
        self.programmes: dict[str, Programme] = {}
        self.policies: dict[str, Policy] = {}

    # --- reading ---------------------------------------------------------------

    def load(self) -> Library | None:
        for root in self.roots:
            if not root.is_dir():
                self.errors.append(
                    ContentError(
                        "missing_folder",
                        str(root),
                        1,
                        "内容目录不存在，请核对路径。",
                        "The content folder does not exist; check the path.",
                    )
                )
        self._load_dictionary()
        for root in self.roots:
            for path in sorted(root.glob("programmes/*/programme.yaml")):
                self._load_programme(path, root)
        self._load_policies()
        cases = [case for root in self.roots for case in self._cases(root / "policies", root)]
        for file, index, case in cases:
            self._check_case(file, index, case, None)
        if self.errors:
            return None
        self._warn_unused()
        return Library(
            self.dictionary,
            self.programmes,
            self.policies,
            tuple(_placed(file, index, case) for file, index, case in cases),
            tuple(self.warnings),
            self.roots,
        )

    def _read(self, path: Path, root: Path, model: type[M]) -> tuple[YamlFile, M | None]:
        file = read_yaml(path, root)
        self.errors += file.errors
        if file.errors and file.data is None:
            return file, None
        try:
            return file, model.model_validate(file.data)
        except ValidationError as error:
            self.errors += [_model_error(file, detail) for detail in error.errors()]
            return file, None

    def _fail(self, file: YamlFile, loc: Loc, code: str, zh: str, en: str) -> None:
        self.errors.append(file.error(code, loc, zh, en))

    def _problem(self, file: YamlFile, loc: Loc, problem: Problem) -> None:
        self._fail(file, loc, problem.code, problem.zh, problem.en)

    def _duplicate(self, file: YamlFile, loc: Loc, shown: str, first: str) -> None:
        self._fail(
            file,
            loc,
            "duplicate_id",
            f"编号“{shown}”已经用过（{first}），请换一个。",
            f'The id "{shown}" is already used ({first}); choose another.',
        )

    def _unknown(
        self, file: YamlFile, loc: Loc, zh: str, en: str, name: str, known: Iterable[str]
    ) -> None:
        options = sorted(known)
        shown_zh = f"，可用：{'、'.join(options)}" if 0 < len(options) <= 40 else ""
        shown_en = f"; known: {', '.join(options)}" if 0 < len(options) <= 40 else ""
        self._fail(
            file,
            loc,
            "unknown_reference",
            f"{zh}“{name}”不存在{shown_zh}，请核对拼写。",
            f'There is no {en} "{name}"{shown_en}; check the spelling.',
        )

    def _unique(self, file: YamlFile, base: Loc, ids: Iterable[str]) -> None:
        seen: dict[str, int] = {}
        for index, name in enumerate(ids):
            if name in seen:
                loc = (*base, index, "id")
                self._duplicate(file, loc, name, f"{file.shown}:{file.line((*base, seen[name]))}")
            seen.setdefault(name, index)

    # --- dictionary ------------------------------------------------------------

    def _load_dictionary(self) -> None:
        for root in self.roots:
            for path in sorted(root.glob("dictionary/*.yaml")):
                file, content = self._read(path, root, DictionaryFile)
                if content is None:
                    continue
                for index, value_set in enumerate(content.value_sets):
                    self._add_value_set(file, ("value_sets", index), value_set)
                for index, element in enumerate(content.elements):
                    self._add_element(file, ("elements", index), element)
        for name, element in self.elements.items():
            file, loc = self.places[name]
            self._check_element(file, loc, element)
        ordered, circular = in_order(self.elements, self.formulas)
        for name in circular:
            file, loc = self.places[name]
            self._fail(
                file,
                (*loc, "derived"),
                "cycle",
                f"“{name}”的计算绕回了自己，请改写 derived。",
                f'"{name}" is computed from itself; change derived.',
            )
        self.dictionary = Dictionary(ordered, self.value_sets, self.formulas)

    def _add_value_set(self, file: YamlFile, loc: Loc, value_set: ValueSet) -> None:
        place = self.places.get(f"value_set:{value_set.id}")
        if place is not None:
            first, where = place
            self._duplicate(file, (*loc, "id"), value_set.id, f"{first.shown}:{first.line(where)}")
            return
        self.places[f"value_set:{value_set.id}"] = (file, (*loc, "id"))
        self.value_sets[value_set.id] = value_set
        names: dict[str, str] = {}
        for index, code in enumerate(value_set.codes):
            for name in (code.code, *code.alias):
                if name in names:
                    where = (*loc, "codes", index)
                    self._duplicate(file, where, name, f"{value_set.id}.{names[name]}")
                names.setdefault(name, code.code)

    def _add_element(self, file: YamlFile, loc: Loc, element: Element) -> None:
        if element.id in self.places:
            first, where = self.places[element.id]
            line = first.line((*where, "id"))
            self._duplicate(file, (*loc, "id"), element.id, f"{first.shown}:{line}")
            return
        self.places[element.id] = (file, loc)
        self.elements[element.id] = element

    def _check_element(self, file: YamlFile, loc: Loc, element: Element) -> None:
        label = f"“{element.label}”（{element.id}）"
        self._check_codes(file, loc, element, label)
        if element.is_number:
            if not element.unit:
                self._fail(
                    file,
                    loc,
                    "missing_unit",
                    f'{label}是数值，必须写单位 unit；纯计数写 "1"。',
                    f'"{element.id}" is a number and needs a unit ("1" for a pure count).',
                )
            if element.is_entered and element.plausible is None:
                self._fail(
                    file,
                    loc,
                    "missing_limits",
                    f"{label}由人录入，必须写可能范围 plausible: {{min, max}}。",
                    f'"{element.id}" is entered by hand and needs plausible: {{min, max}}.',
                )
        elif element.ranges or element.plausible or element.unit or element.decimals is not None:
            self._fail(
                file,
                loc,
                "not_a_number",
                f"{label}不是数值，不能有 unit、decimals、ranges 或 plausible，请删除。",
                f'"{element.id}" is not a number: remove unit, decimals, ranges and plausible.',
            )
        self._check_limits(file, loc, element, label)
        if element.derived is not None:
            self._check_derived(file, (*loc, "derived"), element, label)

    def _check_codes(self, file: YamlFile, loc: Loc, element: Element, label: str) -> None:
        if element.type in ("code", "codes"):
            value_set = self.value_sets.get(element.codes or "")
            if element.codes is None:
                self._fail(
                    file,
                    loc,
                    "missing_codes",
                    f"{label}的类型是 {element.type}，必须用 codes 指明值集。",
                    f'"{element.id}" is {element.type} and must name its value set in codes.',
                )
            elif value_set is None:
                where = (*loc, "codes")
                self._unknown(file, where, "值集", "value set", element.codes, self.value_sets)
            else:
                element._value_set = value_set
                self._check_fact_codes(file, loc, element, value_set)
        elif element.codes is not None:
            self._fail(
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
                self._fail(
                    file,
                    (*loc, "normal", index),
                    "unknown_code",
                    f"{label}的 normal 中“{answer}”不是它的取值，请核对。",
                    f'"{answer}" in normal is not a value of "{element.id}".',
                )

    def _check_fact_codes(
        self, file: YamlFile, loc: Loc, element: Element, value_set: ValueSet
    ) -> None:
        if element.type != "codes":
            return
        for code in value_set.codes:
            if not _FACT_CODE.match(code.code):
                self._fail(
                    file,
                    (*loc, "codes"),
                    "bad_code",
                    f"多选值集的代码“{code.code}”只能用字母、数字和下划线。",
                    f'Code "{code.code}" of a multiple choice may use letters, digits and _ only.',
                )

    def _check_limits(self, file: YamlFile, loc: Loc, element: Element, label: str) -> None:
        limits = [(("ranges", i), r.low, r.high) for i, r in enumerate(element.ranges)]
        spans: list[tuple[tuple[str | int, ...], Any, Any]] = [*limits]
        if element.plausible is not None:
            spans.append((("plausible",), element.plausible.min, element.plausible.max))
        for where, low, high in spans:
            if (low is None and high is None) or (low is not None and high is not None and low >= high):
                self._fail(
                    file,
                    (*loc, *where),
                    "bad_limits",
                    f"{label}的下限必须小于上限，请核对。",
                    f'"{element.id}": the lower limit must be below the upper one.',
                )
        sexes = [r.sex for r in element.ranges]
        if len(set(sexes)) < len(sexes):
            self._fail(
                file,
                (*loc, "ranges"),
                "duplicate_range",
                f"{label}对同一性别写了两个参考范围，请保留一个。",
                f'"{element.id}" has two reference ranges for the same sex.',
            )
        sources = [element.source, element.plausible.source if element.plausible else None]
        ranged = bool(element.ranges) and all(r.source for r in element.ranges)
        if spans and not ranged and not any(sources):
            self._fail(
                file,
                loc,
                "missing_source",
                f"{label}有参考范围或可能范围，必须写来源 source。",
                f'"{element.id}" has limits and needs a source.',
            )
        for index, span in enumerate(element.ranges):
            if span.source is None and element.source is None:
                self._fail(
                    file,
                    (*loc, "ranges", index),
                    "missing_source",
                    f"{label}的参考范围必须写来源 source。",
                    f'"{element.id}": this reference range needs a source.',
                )

    def _check_derived(self, file: YamlFile, loc: Loc, element: Element, label: str) -> None:
        derived = element.derived
        if derived is None:
            return
        ways = [
            way
            for way in ("years", "months", "weeks", "days")
            if getattr(derived, f"{way}_between") is not None
        ]
        if len(ways) + (derived.formula is not None) != 1 or (element.process):
            self._fail(
                file,
                loc,
                "derived",
                f"{label}的 derived 只能有一种算法，且不能同时是 process。",
                f'"{element.id}": derived needs exactly one way and excludes process.',
            )
            return
        if derived.formula is not None:
            try:
                self.formulas[element.id] = Formula.parse(derived.formula)
            except Problem as problem:
                self._problem(file, (*loc, "formula"), problem)
                return
        wanted = "date" if ways else "number"
        if (derived.between is not None and len(derived.between[1]) != 2) or not element.is_number:
            self._fail(
                file,
                loc,
                "derived",
                f"{label}的 derived 要有两个日期，且类型须为 integer 或 decimal。",
                f'"{element.id}": derived needs two dates, and the type integer or decimal.',
            )
        for name in inputs_of(element, self.formulas):
            source = self.elements.get(name)
            self.used.add(name)
            if source is None:
                self._unknown(file, loc, "数据元", "element", name, ())
            elif source.scope != element.scope or (
                source.type != "date" if wanted == "date" else not source.is_number
            ):
                need = "日期" if wanted == "date" else "数值"
                self._fail(
                    file,
                    loc,
                    "derived",
                    f"{label}引用的“{name}”必须是同一对象的{need}。",
                    f'"{element.id}": "{name}" must be a {wanted} of the same scope.',
                )

    # --- programme -------------------------------------------------------------

    def _load_programme(self, path: Path, root: Path) -> None:
        file, spec = self._read(path, root, ProgrammeFile)
        if spec is None:
            return
        if spec.id in self.programmes:
            self._duplicate(file, ("id",), spec.id, "programme")
            return
        roles, labels, sexes = role_details(spec)
        couple = spec.subject == "couple"
        elements = self.dictionary.elements
        scope = build_scope(elements, roles, sexes, labels, couple)
        parts = _Parts(path.parent, root, file, spec)
        of_role = {
            role: tuple(
                e
                for e in elements.values()
                if (e.scope == "couple") == (role == COUPLE)
                and not (e.sex and sexes.get(role) and e.sex != sexes[role])
            )
            for role in ((*roles, COUPLE) if couple else roles)
        }
        self._check_classes(parts)
        forms = self._forms(parts, scope)
        rules, version = self._rules(parts, scope)
        schedule = self._schedule(parts, scope, forms)
        documents = self._documents(parts)
        indicators = self._indicators(parts, scope, {f"{r.role}.{r.id}" for r in rules})
        self._check_steps(parts, scope, forms, documents)
        cases = list(self._cases(parts.folder, root))
        programme = Programme(
            spec,
            roles,
            labels,
            sexes,
            scope,
            of_role,
            forms,
            rules,
            version,
            schedule,
            documents,
            {i.id: i for i in indicators[0]},
            {r.id: r for r in indicators[1].reports},
            indicators[1].summaries,
            tuple(_placed(f, i, c) for f, i, c in cases),
            parts.folder,
        )
        self.programmes[spec.id] = programme
        for case_file, index, case in cases:
            self._check_case(case_file, index, case, programme)

    def _check_classes(self, parts: _Parts) -> None:
        self._unique(parts.file, ("risk_classes",), (c.id for c in parts.spec.risk_classes))
        for index, risk_class in enumerate(parts.spec.risk_classes):
            if risk_class.level not in parts.spec.risk_levels:
                where = ("risk_classes", index, "level")
                levels = parts.spec.risk_levels
                self._unknown(parts.file, where, "风险等级", "risk level", risk_class.level, levels)

    def _expression(
        self, file: YamlFile, loc: Loc, text: str | None, scope: Scope, constant: bool = False
    ) -> Expression | None:
        """Parse; a condition that can never be both TRUE and FALSE is an error, too."""
        if text is None:
            return None
        try:
            expression = Expression.parse(text, scope)
        except Problem as problem:
            self._problem(file, loc, problem)
            return None
        self.used.update(spec.element.id for spec in expression.specs.values())
        always = None if constant else verdict(expression)
        if always is not None:
            self._fail(
                file,
                loc,
                "constant_condition",
                f"条件“{expression.text}”永远{'成立' if always else '不成立'}，请核对数值和 AND/OR。",
                f'"{expression.text}" is always {"true" if always else "false"}; '
                "check the values and AND/OR.",
            )
            return None
        return expression

    def _role_known(self, parts: _Parts, file: YamlFile, loc: Loc, role: str, scope: Scope) -> bool:
        known = (*scope.roles, COUPLE) if parts.spec.subject == "couple" else scope.roles
        if role in known:
            return True
        self._unknown(file, loc, "角色", "role", role, known)
        return False

    def _forms(self, parts: _Parts, scope: Scope) -> dict[str, Form]:
        forms: dict[str, Form] = {}
        for path in sorted(parts.folder.glob("forms/*.yaml")):
            file, spec = self._read(path, parts.root, FormFile)
            if spec is None:
                continue
            if spec.id in forms:
                self._duplicate(file, ("id",), spec.id, "form")
                continue
            forms[spec.id] = self._form(parts, file, spec, scope)
        return forms

    def _form(self, parts: _Parts, file: YamlFile, spec: FormFile, scope: Scope) -> Form:
        show: dict[tuple[str, str], Expression] = {}
        show_section: dict[tuple[str, str], Expression] = {}
        roles = [
            r
            for i, r in enumerate(spec.roles)
            if self._role_known(parts, file, ("roles", i), r, scope)
        ]
        self._unique(file, ("sections",), (s.id for s in spec.sections))
        seen: dict[tuple[str, str], int] = {}
        for s, section in enumerate(spec.sections):
            for role in roles:
                where = ("sections", s, "show_if")
                found = self._expression(file, where, section.show_if, scope.with_person(role))
                if found is not None:
                    show_section[role, section.id] = found
            for f, item in enumerate(section.fields):
                loc = ("sections", s, "fields", f)
                line = file.line(loc)
                for role in item.roles or roles:
                    if role not in roles:
                        self._unknown(file, (*loc, "roles"), "角色", "role", role, roles)
                        continue
                    if (role, item.element) in seen:
                        first = f"{file.shown}:{seen[role, item.element]}"
                        self._duplicate(file, (*loc, "element"), item.element, first)
                        continue
                    seen[role, item.element] = line
                    if not self._field_fits(file, loc, item.element, role, scope):
                        continue
                    where = (*loc, "show_if")
                    found = self._expression(file, where, item.show_if, scope.with_person(role))
                    if found is not None:
                        show[role, item.element] = found
                self._check_default(file, (*loc, "default"), item.element, item.default)
        return Form(spec, show, show_section)

    def _field_fits(self, file: YamlFile, loc: Loc, name: str, role: str, scope: Scope) -> bool:
        element = self.elements.get(name)
        where = (*loc, "element")
        if element is None:
            self._fail(
                file,
                where,
                "unknown_element",
                f"数据元“{name}”不在数据字典中，请核对拼写或先在 dictionary/ 中登记。",
                f'"{name}" is not in the dictionary; check the spelling or add it there.',
            )
            return False
        self.used.add(name)
        if not element.is_entered:
            self._fail(
                file,
                where,
                "not_entered",
                f"“{element.label}”（{name}）由系统给出，不能放在表单里录入。",
                f'"{name}" is supplied by the system and cannot be a form field.',
            )
            return False
        sex = scope.role_sex.get(role)
        wrong_scope = (element.scope == "couple") != (role == COUPLE)
        wrong_sex = bool(element.sex and sex and element.sex != sex)
        if wrong_scope or wrong_sex:
            self._fail(
                file,
                where,
                "wrong_sex" if wrong_sex else "wrong_scope",
                f"“{element.label}”（{name}）不适用于 {role}，请用 roles 限定或移到别的表单。",
                f'"{name}" does not apply to {role}; limit it with roles or move it.',
            )
            return False
        return True

    def _check_default(self, file: YamlFile, loc: Loc, name: str, default: Any) -> None:
        element = self.elements.get(name)
        if default is None or element is None:
            return
        error = parse_value(element, default).error
        if error is not None:
            self._fail(file, loc, "bad_value", f"默认值：{error.zh}", f"Default: {error.en}")

    def _rules(self, parts: _Parts, scope: Scope) -> tuple[tuple[Rule, ...], str]:
        rules: list[Rule] = []
        version = ""
        first: dict[str, str] = {}
        for path in sorted(parts.folder.glob("rules/*.yaml")):
            file, content = self._read(path, parts.root, RulesFile)
            if content is None:
                continue
            if version and content.version != version:
                self._fail(
                    file,
                    ("version",),
                    "rules_version",
                    f"规则版本“{content.version}”与其他规则文件“{version}”不一致，请统一。",
                    f'Rule version "{content.version}" differs from "{version}" in other files.',
                )
            version = version or content.version
            for index, spec in enumerate(content.rules):
                loc: Loc = ("rules", index)
                if spec.id in first:
                    self._duplicate(file, (*loc, "id"), spec.id, first[spec.id])
                    continue
                first[spec.id] = f"{file.shown}:{file.line((*loc, 'id'))}"
                rules += self._rule(parts, file, loc, spec, scope)
        return tuple(rules), version

    def _rule(
        self, parts: _Parts, file: YamlFile, loc: Loc, spec: RuleSpec, scope: Scope
    ) -> Iterator[Rule]:
        classes = [c.id for c in parts.spec.risk_classes]
        for role, cls in spec.for_.items():
            where = (*loc, "for", role)
            if not self._role_known(parts, file, where, role, scope):
                continue
            if cls not in classes:
                self._unknown(file, where, "风险类别", "risk class", cls, classes)
                continue
            scoped = scope.with_person(role)
            when = self._expression(file, (*loc, "when"), spec.when, scoped)
            referral = None
            if spec.referral is not None:
                to = (*loc, "referral", "when")
                referral = self._expression(file, to, spec.referral.when, scoped)
            if when is None:
                return
            yield Rule(spec, role, cls, when, referral)
        if spec.recheck is not None:
            self._check_window(file, (*loc, "recheck"), spec.recheck.after, spec.recheck.due)

    def _check_window(self, file: YamlFile, loc: Loc, opens: Duration, due: Duration) -> None:
        if _days(due) < _days(opens):
            self._fail(
                file,
                loc,
                "window",
                "截止时间 due 早于开始时间（两者都从同一天算起），请改大 due。",
                "due comes before the opening (both count from the same day); make due longer.",
            )

    def _schedule(self, parts: _Parts, scope: Scope, forms: Mapping[str, Form]) -> tuple[Task, ...]:
        path = parts.folder / "schedule.yaml"
        if not path.exists():
            return ()
        file, content = self._read(path, parts.root, ScheduleFile)
        if content is None:
            return ()
        self._unique(file, ("tasks",), (t.id for t in content.tasks))
        tasks = []
        for index, spec in enumerate(content.tasks):
            loc: Loc = ("tasks", index)
            self._role_known(parts, file, (*loc, "role"), spec.role, scope)
            if spec.form is not None and spec.form not in forms:
                self._unknown(file, (*loc, "form"), "表单", "form", spec.form, forms)
            self._date_fact(file, (*loc, "anchor"), spec.anchor, scope)
            if (spec.every is None) != (spec.until is None) or (
                spec.every is not None and _days(spec.every) == 0
            ):
                self._fail(
                    file,
                    loc,
                    "series",
                    "every 与 until 要同时写，且 every 必须大于 0。",
                    "every and until go together, and every must be longer than 0.",
                )
            self._check_window(file, (*loc, "due"), spec.from_, spec.due)
            when = self._expression(
                file, (*loc, "when"), spec.when, scope.with_person(spec.role), constant=True
            )
            tasks.append(Task(spec, when))
        return tuple(tasks)

    def _date_fact(self, file: YamlFile, loc: Loc, name: str, scope: Scope) -> None:
        role, _, element = name.partition(".")
        try:
            spec = scope.lookup(role, element)
        except Problem as problem:
            self._problem(file, loc, problem)
            return
        self.used.add(spec.element.id)
        if spec.kind != "date":
            self._fail(
                file,
                loc,
                "expression_type",
                f"“{name}”不是日期，请换成日期类的事实。",
                f'"{name}" is not a date; name a date fact.',
            )

    def _documents(self, parts: _Parts) -> dict[str, DocumentSpec]:
        documents: dict[str, DocumentSpec] = {}
        for path in sorted(parts.folder.glob("documents/*.yaml")):
            file, spec = self._read(path, parts.root, DocumentSpec)
            if spec is None:
                continue
            if spec.id in documents:
                self._duplicate(file, ("id",), spec.id, "document")
            documents[spec.id] = spec
            if not (path.parent / spec.template).is_file():
                self._fail(
                    file,
                    ("template",),
                    "missing_file",
                    f"模板文件“{spec.template}”不在同一目录，请补上或改名。",
                    f'The template "{spec.template}" is not beside this file.',
                )
            for name in _PLACEHOLDER.findall(spec.number):
                if name.partition(":")[0] not in _NUMBER_FIELDS:
                    where = ("number",)
                    self._unknown(file, where, "编号占位符", "placeholder", name, _NUMBER_FIELDS)
        return documents

    def _indicators(
        self, parts: _Parts, scope: Scope, findings: set[str]
    ) -> tuple[list[Indicator], IndicatorsFile]:
        path = parts.folder / "indicators.yaml"
        if not path.exists():
            return [], IndicatorsFile()
        file, content = self._read(path, parts.root, IndicatorsFile)
        if content is None:
            return [], IndicatorsFile()
        self._unique(file, ("indicators",), (i.id for i in content.indicators))
        self._unique(file, ("reports",), (r.id for r in content.reports))
        found = []
        for index, spec in enumerate(content.indicators):
            loc: Loc = ("indicators", index)
            self._date_fact(file, (*loc, "on"), spec.on, scope)
            rate = spec.numerator is not None and spec.denominator is not None
            partly = spec.numerator is not None or spec.denominator is not None
            if (spec.count is not None) == partly or (partly and not rate):
                self._fail(
                    file,
                    loc,
                    "indicator",
                    "指标要么写 count，要么同时写 numerator 和 denominator。",
                    "An indicator has either count, or both numerator and denominator.",
                )
            conditions = [
                self._expression(file, (*loc, name), getattr(spec, name), scope, constant=True)
                for name in ("count", "numerator", "denominator")
            ]
            found.append(Indicator(spec, *conditions))
        known = {i.id for i in found}
        for r, report in enumerate(content.reports):
            for s, section in enumerate(report.sections):
                for i, row in enumerate(section.rows):
                    if row not in known:
                        where = ("reports", r, "sections", s, "rows", i)
                        self._unknown(file, where, "指标", "indicator", row, known)
        for index, key in enumerate(content.summaries.findings):
            if key not in findings:
                where = ("summaries", "findings", index)
                self._unknown(file, where, "规则", "rule", key, findings)
        return found, content

    def _check_steps(
        self,
        parts: _Parts,
        scope: Scope,
        forms: Mapping[str, Form],
        documents: Mapping[str, DocumentSpec],
    ) -> None:
        file, steps = parts.file, parts.spec.steps
        self._unique(file, ("steps",), (s.id for s in steps))
        opening = parts.spec.opening_form
        if opening is not None and opening not in forms:
            self._unknown(file, ("opening_form",), "表单", "form", opening, forms)
        known: set[str] = set()
        for index, step in enumerate(steps):
            loc: Loc = ("steps", index)
            for role in step.roles:
                self._role_known(parts, file, (*loc, "roles"), role, scope)
            if step.form is not None and step.form not in forms:
                self._unknown(file, (*loc, "form"), "表单", "form", step.form, forms)
            elif step.form is not None:
                for role in step.roles:
                    if role not in forms[step.form].roles:
                        roles = forms[step.form].roles
                        self._unknown(file, (*loc, "roles"), "表单角色", "form role", role, roles)
            if step.document is not None and step.document not in documents:
                where = (*loc, "document")
                self._unknown(file, where, "文书", "document", step.document, documents)
            if step.kind == "form" and step.form is None:
                self._fail(
                    file,
                    loc,
                    "missing_key",
                    "kind: form 的步骤必须写 form。",
                    "A step of kind form needs form.",
                )
            for name in step.after:
                if name not in known:
                    self._fail(
                        file,
                        (*loc, "after"),
                        "unknown_reference",
                        f"after 中的“{name}”不是前面的步骤，请核对顺序和拼写。",
                        f'"{name}" in after is not an earlier step; check order and spelling.',
                    )
            self._expression(file, (*loc, "when"), step.when, scope)
            known.add(step.id)

    # --- cases -----------------------------------------------------------------

    def _cases(self, folder: Path, root: Path) -> Iterator[tuple[YamlFile, int, CaseSpec]]:
        for path in sorted(folder.glob("cases/**/*.yaml")):
            file, content = self._read(path, root, CasesFile)
            if content is not None:
                yield from ((file, index, case) for index, case in enumerate(content.cases))

    def _check_case(
        self, file: YamlFile, index: int, case: CaseSpec, programme: Programme | None
    ) -> None:
        loc: Loc = ("cases", index)
        policy = self.policies.get(case.policy or "")
        late = programme is not None  # policies are not loaded yet while programmes are
        if not late and case.policy is None:
            self._fail(
                file, loc, "missing_key", "政策案例必须写 policy。", "A policy case needs policy."
            )
            return
        if not late and policy is None:
            where = (*loc, "policy")
            self._unknown(file, where, "政策", "policy", case.policy or "", self.policies)
            return
        if programme is None:
            name = case.programme or (policy.programmes[0] if policy else "")
            programme = self.programmes.get(name)
        if programme is None:
            self._unknown(file, loc, "项目", "programme", case.programme or "", self.programmes)
            return
        self._check_given(file, loc, case, programme)
        keys = {rule.key for rule in programme.rules}
        for name, listed in (
            ("fires", case.expect.fires),
            ("not", case.expect.not_),
            ("unknown", case.expect.unknown),
        ):
            for i, key in enumerate(listed):
                if key not in keys:
                    self._fail(
                        file,
                        (*loc, "expect", name, i),
                        "unknown_reference",
                        f"没有规则“{key}”（应写 角色.规则编号），请核对。",
                        f'There is no rule "{key}" (write ROLE.RULE); check it.',
                    )

    def _check_given(self, file: YamlFile, loc: Loc, case: CaseSpec, programme: Programme) -> None:
        roles = programme.risk_roles
        for role, values in case.given.items():
            where: Loc = (*loc, "given", role)
            if role not in roles:
                self._unknown(file, where, "角色", "role", role, roles)
                continue
            known = {e.id: e for e in programme.elements_of[role]}
            for name, raw in values.items():
                element = known.get(name)
                if element is None:
                    self._fail(
                        file,
                        (*where, name),
                        "unknown_element",
                        f"{role} 没有数据元“{name}”，请核对拼写、性别和归属（个人或夫妇）。",
                        f'{role} has no element "{name}"; check spelling, sex and scope.',
                    )
                elif element.derived is not None:
                    self._fail(
                        file,
                        (*where, name),
                        "not_entered",
                        f"“{element.label}”（{name}）由系统计算，请改给它的来源数据。",
                        f'"{name}" is computed; give what it is computed from.',
                    )
                else:
                    error = parse_value(element, raw).error
                    if error is not None:
                        self._fail(file, (*where, name), "bad_value", error.zh, error.en)

    # --- policies --------------------------------------------------------------

    def _load_policies(self) -> None:
        found: dict[str, tuple[YamlFile, PolicyFile]] = {}
        for root in self.roots:
            for path in sorted(root.glob("policies/*.yaml")):
                file, spec = self._read(path, root, PolicyFile)
                if spec is None:
                    continue
                if spec.id in found:
                    self._duplicate(file, ("id",), spec.id, found[spec.id][0].shown)
                    continue
                found[spec.id] = (file, spec)
        specs = {name: spec for name, (_, spec) in found.items()}
        for name, (file, spec) in found.items():
            for index, old in enumerate(spec.repeals):
                if old not in specs:
                    self._unknown(file, ("repeals", index), "政策", "policy", old, specs)
            start = _start(spec)
            if start is None:
                self._fail(
                    file,
                    ("in_force",),
                    "in_force",
                    "in_force 要写 from，或写 days_after_issue。",
                    "in_force needs from, or days_after_issue.",
                )
                continue
            end = _end(spec, specs)
            if end is not None and end < start:
                self._fail(
                    file,
                    ("in_force",),
                    "in_force",
                    f"终止日 {end} 早于生效日 {start}，请核对日期和废止关系。",
                    f"It ends on {end}, before it starts on {start}; check dates and repeals.",
                )
            from sanyou.protocol.policyloading import build_policy

            self.policies[name] = build_policy(self, file, spec, start, end)
        self._check_overlaps(found)

    def _check_overlaps(self, found: Mapping[str, tuple[YamlFile, PolicyFile]]) -> None:
        policies = list(self.policies.values())
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
                    self._fail(
                        found[later.id][0],
                        ("in_force",),
                        "date_overlap",
                        f"与“{earlier.id}”的有效期重叠（同一地区、同一项目），请写 repeals 或 until。",
                        f'In force at the same time as "{earlier.id}" for the same region and '
                        "programme; add repeals or until.",
                    )

    def _warn_unused(self) -> None:
        for name in self.elements:
            if name not in self.used:
                file, loc = self.places[name]
                element = self.elements[name]
                self.warnings.append(
                    file.error(
                        "unused_element",
                        (*loc, "id"),
                        f"“{element.label}”（{name}）没有被任何表单、条件或计算使用。",
                        f'"{name}" is not used by any form, condition or computation.',
                    )
                )


def _placed(file: YamlFile, index: int, case: CaseSpec) -> tuple[str, int, CaseSpec]:
    return file.shown, file.line(("cases", index)), case


def _days(duration: Duration) -> int:
    """About how many days; only for comparing windows."""
    months = duration.years * 12 + duration.months
    return months * 30 + duration.weeks * 7 + duration.days


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


_TYPE_ZH = {
    "string_type": "文字（数字和符号请加引号）",
    "int_type": "整数",
    "int_from_float": "整数",
    "bool_type": "true 或 false",
    "list_type": "列表（每项一行，以 - 开头，或写在 [ ] 中）",
    "dict_type": "键值对",
    "model_type": "键值对",
    "date_type": "日期（如 2021-03-01）",
    "decimal_type": "数字",
    "is_instance_of": "数字",
}


def _model_error(file: YamlFile, detail: Any) -> ContentError:
    """A pydantic complaint in words, at its line."""
    loc: Loc = tuple(part for part in detail["loc"])
    kind, key = str(detail["type"]), str(detail["loc"][-1]) if detail["loc"] else ""
    context = detail.get("ctx") or {}
    value = detail.get("input")
    shown = value if isinstance(value, (str, int, float, bool, date)) else type(value).__name__
    if kind == "extra_forbidden":
        zh, en = (
            f"不认识的键“{key}”，请核对拼写或删除。",
            f'Unknown key "{key}"; check it or remove it.',
        )
        return file.error("unknown_key", loc, zh, en)
    if kind == "missing":
        zh, en = f"缺少必填的键“{key}”，请补上。", f'The key "{key}" is required; add it.'
        return file.error("missing_key", loc[:-1], zh, en)
    if kind in ("literal_error", "enum"):
        options = context.get("expected", "")
        zh = f"“{key}”的值“{shown}”不在允许的取值中：{options.replace(' or ', '、')}。"
        return file.error("bad_value", loc, zh, f'"{shown}" is not allowed for {key}: {options}.')
    if kind == "string_pattern_mismatch":
        pattern = context.get("pattern", "")
        zh = f"“{key}”的写法“{shown}”不合规定（格式 {pattern}），请改正。"
        return file.error("bad_value", loc, zh, f'"{shown}" does not fit {pattern} for {key}.')
    if kind == "value_error" and str(context.get("error")) == "text":
        zh = f"“{key}”要写成文字，或 {{zh: 中文, en: English}}，不能为空；花括号里的文字含逗号时要加引号。"
        return file.error("bad_text", loc, zh, f'"{key}" must be text or {{zh, en}}, not empty.')
    if kind in _TYPE_ZH:
        zh = f"“{key}”应为{_TYPE_ZH[kind]}，现在是“{shown}”，请改正。"
        return file.error("wrong_type", loc, zh, f'"{key}": {detail["msg"]} (found {shown}).')
    zh = f"“{key}”的值“{shown}”不合要求（{detail['msg']}），请改正。"
    return file.error("bad_value", loc, zh, f'"{key}": {detail["msg"]} (found {shown}).')


__all__ = ["Loader", "Source", "Text", "relative"]
