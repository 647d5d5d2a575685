"""Errors of content and expressions, in Chinese and English, with file and line."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
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
        self.errors: list[ContentError] = sorted(errors, key=lambda e: (e.path, e.line, e.code))
        super().__init__("\n".join(str(error) for error in self.errors))


class Problem(Exception):
    """A mistake found where file and line are not known; the loader adds them."""

    def __init__(self, code: str, zh: str, en: str) -> None:
        super().__init__(zh)
        self.code, self.zh, self.en = code, zh, en


class ExpressionError(Problem):
    """A condition that does not parse, is not allowed, or does not fit the dictionary."""


def relative(path: Path, root: Path) -> str:
    """The path as shown to people: relative to the content root where it lies inside."""
    try:
        return path.relative_to(root).as_posix()
    except ValueError:
        return path.as_posix()
