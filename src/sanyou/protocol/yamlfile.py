"""Reads YAML (1.2 core scalars and dates) keeping the line of every key and value.

`yes`, `no`, `on` are plain words here, numbers with a point are `Decimal`, and a key
written twice is an error instead of silently winning.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from sanyou.protocol.errors import ContentError, relative

Loc = tuple[str | int, ...]
_BASE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Loader(_BASE):  # type: ignore[misc]
    """Leaves plain scalars as they are written: `_scalar` decides what they are."""

    def resolve(self, kind: Any, value: Any, implicit: Any) -> str:
        return "tag:yaml.org,2002:str"


_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)$")
_DECIMAL = re.compile(
    r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?$|[-+]?[0-9]+[eE][-+]?[0-9]+$"
)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}$")
_PLAIN = {"": None, "~": None, "null": None, "Null": None, "NULL": None}
_BOOLEAN = {
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}


@dataclass(slots=True)
class YamlFile:
    """Content of one file: plain data and the line of each place in it."""

    path: Path
    shown: str
    data: Any
    lines: dict[Loc, int]
    errors: list[ContentError]

    def line(self, loc: Loc) -> int:
        """Line of the place, or of the nearest thing around it."""
        while loc and loc not in self.lines:
            loc = loc[:-1]
        return self.lines.get(loc, 1)

    def error(self, code: str, loc: Loc, zh: str, en: str) -> ContentError:
        return ContentError(code, self.shown, self.line(loc), zh, en)


def read_yaml(path: Path, root: Path) -> YamlFile:
    """Read one file; mistakes are collected in `.errors`, never raised."""
    shown = relative(path, root)
    result = YamlFile(path, shown, None, {}, [])
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=_Loader)
    except UnicodeDecodeError:
        zh, en = "文件不是 UTF-8 编码，请另存为 UTF-8。", "The file is not UTF-8; save it as UTF-8."
        result.errors.append(ContentError("encoding", shown, 1, zh, en))
        return result
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        problem = getattr(error, "problem", None) or str(error)
        result.errors.append(
            ContentError(
                "yaml_syntax",
                shown,
                mark.line + 1 if mark else 1,
                f"YAML 写法有误（{problem}），请检查这一行的缩进、冒号和引号。",
                f"Not valid YAML ({problem}); check indentation, colons and quotes here.",
            )
        )
        return result
    if node is None:
        zh, en = (
            "文件是空的，请填写内容或删除该文件。",
            "The file is empty; fill it in or delete it.",
        )
        result.errors.append(ContentError("empty_file", shown, 1, zh, en))
        return result
    result.data = _value(node, (), result)
    return result


def _value(node: Any, loc: Loc, file: YamlFile) -> Any:
    file.lines.setdefault(loc, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, loc, file)
    if isinstance(node, yaml.SequenceNode):
        return [_value(child, (*loc, i), file) for i, child in enumerate(node.value)]
    return _scalar(node, loc, file)


def _mapping(node: Any, loc: Loc, file: YamlFile) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key, line = str(key_node.value), key_node.start_mark.line + 1
        if key in result:
            file.errors.append(
                ContentError(
                    "duplicate_key",
                    file.shown,
                    line,
                    f"“{key}”在同一处写了两次，请删除其中一个。",
                    f'"{key}" is written twice in the same place; remove one of them.',
                )
            )
            continue
        file.lines[(*loc, key)] = line
        result[key] = _value(value_node, (*loc, key), file)
    return result


def _scalar(node: Any, loc: Loc, file: YamlFile) -> Any:
    text = str(node.value)
    if node.style in ("'", '"', "|", ">"):
        return text
    if text in _PLAIN:
        return None
    if text in _BOOLEAN:
        return _BOOLEAN[text]
    if _INTEGER.match(text):
        return int(text)
    if _DECIMAL.match(text):
        return Decimal(text)
    if _DATE.match(text):
        try:
            return date.fromisoformat(text)
        except ValueError:
            zh = f"“{text}”不是真实存在的日期，请按 年-月-日 改正。"
            en = f'"{text}" is not a real date; correct it (YYYY-MM-DD).'
            file.errors.append(
                ContentError("bad_date", file.shown, node.start_mark.line + 1, zh, en)
            )
            return None
    return text
