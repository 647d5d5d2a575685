"""Errors of content and expressions, in Chinese and English, with file and line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ContentError:
    """One mistake in a content file. `path` is relative to its content root."""

    code: str
    path: str
    line: int
    zh: str
    en: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.zh}"

    def as_json(self) -> dict[str, str | int]:
        return {
            "code": self.code,
            "path": self.path,
            "line": self.line,
            "zh": self.zh,
            "en": self.en,
        }


class ContentErrors(Exception):
    """Every mistake found while loading, in file order."""

    def __init__(self, errors: Iterable[ContentError]) -> None:
        once = dict.fromkeys(errors)
        self.errors: list[ContentError] = sorted(once, key=lambda e: (e.path, e.line, e.code))
        super().__init__("\n".join(str(error) for error in self.errors))


class Problem(Exception):
    """A mistake found where file and line are not known; the loader adds them."""

    def __init__(self, code: str, zh: str, en: str) -> None:
        super().__init__(zh)
        self.code, self.zh, self.en = code, zh, en


class ExpressionError(Problem):
    """A condition that does not parse, is not allowed, or does not fit the dictionary."""


def similar(name: str, options: Iterable[str]) -> tuple[str, str]:
    """A hint at the nearest known name, in Chinese and English; empty where nothing is near."""
    near = get_close_matches(name, list(options), n=1, cutoff=0.6)
    return (f"是不是“{near[0]}”？", f' Did you mean "{near[0]}"?') if near else ("", "")


def relative(path: Path, root: Path) -> str:
    """The path as shown to people: relative to the content root where it lies inside."""
    try:
        return path.relative_to(root).as_posix()
    except ValueError:
        return path.as_posix()
