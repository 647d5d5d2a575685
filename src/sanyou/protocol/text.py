"""Bilingual text: Chinese is the source language, English may follow it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pydantic_core import core_schema


@dataclass(frozen=True, slots=True)
class Text:
    """A label or sentence; `str()` of it is the Chinese."""

    zh: str
    en: str = ""

    def __str__(self) -> str:
        return self.zh

    def __bool__(self) -> bool:
        return bool(self.zh)

    def in_language(self, language: str) -> str:
        """The English where asked for and present, else the Chinese."""
        return self.en if language.startswith("en") and self.en else self.zh

    def as_json(self) -> dict[str, str]:
        return {"zh": self.zh, "en": self.en or self.zh}

    @classmethod
    def of(cls, value: object) -> Text:
        """Accept a plain string (Chinese) or {zh, en}; ValueError otherwise."""
        if isinstance(value, Text):
            return value
        if isinstance(value, str) and value.strip():
            return cls(value.strip())
        if isinstance(value, dict) and set(value) <= {"zh", "en"}:
            zh, en = value.get("zh"), value.get("en", "")
            if isinstance(zh, str) and zh.strip() and isinstance(en, str):
                return cls(zh.strip(), en.strip())
        raise ValueError("text")

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(cls.of)
