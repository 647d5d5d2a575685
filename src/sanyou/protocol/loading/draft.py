"""What is read so far, and every mistake found on the way."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from sanyou.protocol.dictionary import Dictionary
from sanyou.protocol.errors import ContentError, Problem, similar
from sanyou.protocol.expression import Expression
from sanyou.protocol.formula import Formula
from sanyou.protocol.models import CaseSpec, Element, ValueSet
from sanyou.protocol.policy import Policy
from sanyou.protocol.programme import Programme
from sanyou.protocol.reachable import verdict
from sanyou.protocol.scope import Scope
from sanyou.protocol.yamlfile import Loc, YamlFile, read_yaml

M = TypeVar("M", bound=BaseModel)


class Draft:
    """A library being read. `errors` and `warnings` fill up; nothing is raised."""

    def __init__(self, roots: tuple[Path, ...]) -> None:
        self.roots = roots
        self.errors: list[ContentError] = []
        self.warnings: list[ContentError] = []
        self.value_sets: dict[str, ValueSet] = {}
        self.elements: dict[str, Element] = {}
        self.unreadable = False
        self.places: dict[str, tuple[YamlFile, Loc]] = {}
        self.formulas: dict[str, Formula] = {}
        self.used: set[str] = set()
        self.named_by: defaultdict[str, set[str]] = defaultdict(set)  # by programme, in conditions
        self.dictionary = Dictionary({}, {})
        self.programmes: dict[str, Programme] = {}
        self.policies: dict[str, Policy] = {}
        self.cases: list[tuple[YamlFile, int, CaseSpec, Programme]] = []

    def read(self, path: Path, root: Path, model: type[M]) -> tuple[YamlFile, M | None]:
        file = read_yaml(path, root)
        self.errors += file.errors
        if file.errors and file.data is None:
            return file, None
        try:
            return file, model.model_validate(file.data)
        except ValidationError as error:
            told = {mistake.line for mistake in file.errors}
            found = [_model_error(file, detail) for detail in error.errors()]
            self.errors += [mistake for mistake in found if mistake.line not in told]
            return file, None

    def fail(self, file: YamlFile, loc: Loc, code: str, zh: str, en: str) -> None:
        self.errors.append(file.error(code, loc, zh, en))

    def problem(self, file: YamlFile, loc: Loc, problem: Problem) -> None:
        self.fail(file, loc, problem.code, problem.zh, problem.en)

    def duplicate(self, file: YamlFile, loc: Loc, shown: str, first: str) -> None:
        self.fail(
            file,
            loc,
            "duplicate_id",
            f"编号“{shown}”已经用过（{first}），请换一个。",
            f'The id "{shown}" is already used ({first}); choose another.',
        )

    def unknown(
        self, file: YamlFile, loc: Loc, zh: str, en: str, name: str, known: Iterable[str]
    ) -> None:
        options = sorted(known)
        hint = similar(name, options)
        shown_zh = f"，可用：{'、'.join(options)}" if 0 < len(options) <= 40 else ""
        shown_en = f"; known: {', '.join(options)}" if 0 < len(options) <= 40 else ""
        self.fail(
            file,
            loc,
            "unknown_reference",
            f"{zh}“{name}”不存在{shown_zh}，请核对拼写。{hint[0]}",
            f'There is no {en} "{name}"{shown_en}; check the spelling.{hint[1]}',
        )

    def unique(self, file: YamlFile, base: Loc, ids: Iterable[str]) -> None:
        seen: dict[str, int] = {}
        for index, name in enumerate(ids):
            if name in seen:
                loc = (*base, index, "id")
                self.duplicate(file, loc, name, f"{file.shown}:{file.line((*base, seen[name]))}")
            seen.setdefault(name, index)

    def expression(
        self,
        file: YamlFile,
        loc: Loc,
        text: str | None,
        scope: Scope,
        *,
        may_always_hold: bool = False,
    ) -> Expression | None:
        """Parse; a condition that can never be TRUE (or never FALSE) is an error, too."""
        if text is None:
            return None
        try:
            expression = Expression.parse(text, scope)
        except Problem as problem:
            self.problem(file, loc, problem)
            return None
        names = {spec.element.id for spec in expression.specs.values()}
        self.used |= names
        self.named_by[scope.programme] |= names
        always = verdict(expression)
        if always is False or (always is True and not may_always_hold):
            self.fail(
                file,
                loc,
                "constant_condition",
                f"条件“{expression.text}”永远{'成立' if always else '不成立'}，"
                "请核对数值和 AND/OR。",
                f'"{expression.text}" is always {"true" if always else "false"}; '
                "check the values and AND/OR.",
            )
            return None
        return expression


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


_PATTERNS = {
    r"^[a-z][a-z0-9]*(_[a-z0-9]+)*$": (
        "小写字母开头，只用小写字母、数字和单个下划线",
        "start with a small letter; small letters, digits and single underscores only",
    ),
    r"^[a-z][a-z0-9-]*$": (
        "小写字母开头，只用小写字母、数字和连字符",
        "start with a small letter; small letters, digits and hyphens only",
    ),
    r"^[A-Za-z0-9][A-Za-z0-9_.-]*$": (
        "只用字母、数字、下划线、点和连字符",
        "letters, digits, underscore, dot and hyphen only",
    ),
    r"^\d+\.\d{2}$": ("元，两位小数，如 460.00", "yuan with two decimals, as 460.00"),
    r"^\d{2}(\d{2}(\d{2}(\d{3}(\d{3})?)?)?)?$": (
        "2、4、6、9 或 12 位行政区划代码",
        "a region code of 2, 4, 6, 9 or 12 digits",
    ),
}


def _shown(value: object) -> str:
    """A value as the message shows it."""
    if value is None:
        return "空"
    if isinstance(value, (str, int, float, bool, date, Decimal)):
        return str(value)
    return "列表" if isinstance(value, list) else "键值对"


def _model_error(file: YamlFile, detail: Any) -> ContentError:
    """A pydantic complaint in words, at its line."""
    loc: Loc = tuple(part for part in detail["loc"])
    kind, key = str(detail["type"]), str(detail["loc"][-1]) if detail["loc"] else ""
    context = detail.get("ctx") or {}
    value = detail.get("input")
    shown = _shown(value)
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
        options = str(context.get("expected", "")).replace("'", "").replace(" or ", ", ")
        zh = f"“{key}”的值“{shown}”不在允许的取值中：{options.replace(', ', '、')}。"
        return file.error("bad_value", loc, zh, f'"{shown}" is not allowed for {key}: {options}.')
    if kind == "string_pattern_mismatch":
        pattern = str(context.get("pattern", ""))
        rule_zh, rule_en = _PATTERNS.get(pattern, (f"格式 {pattern}", f"it must match {pattern}"))
        zh = f"“{key}”的写法“{shown}”不合规定（{rule_zh}），请改正。"
        return file.error("bad_value", loc, zh, f'"{shown}" will not do for {key}: {rule_en}.')
    if kind == "value_error" and str(context.get("error")) == "text":
        zh = (
            f"“{key}”要写成文字，或 {{zh: 中文, en: English}}，不能为空；"
            "花括号里的文字含逗号时要加引号。"
        )
        return file.error("bad_text", loc, zh, f'"{key}" must be text or {{zh, en}}, not empty.')
    if kind in _TYPE_ZH:
        zh = f"“{key}”应为{_TYPE_ZH[kind]}，现在是“{shown}”，请改正。"
        return file.error("wrong_type", loc, zh, f'"{key}": {detail["msg"]} (found {shown}).')
    zh = f"“{key}”的值“{shown}”不合要求（{detail['msg']}），请改正。"
    return file.error("bad_value", loc, zh, f'"{key}": {detail["msg"]} (found {shown}).')
