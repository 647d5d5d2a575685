"""Which columns a kind of sheet may have, read from content/exchange/*.yaml."""

import re
import unicodedata
from decimal import Decimal
from functools import cache, cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field

CONTENT = Path(__file__).resolve().parents[1] / "content" / "exchange"

FieldType = Literal[
    "ignore",
    "name",
    "identity",
    "phone",
    "address",
    "date",
    "child_order",
    "yes_no",
    "planning",
    "text",
    "element",
    "blood_pressure",
    "codes_text",
    "finding_text",
]

_PUNCTUATION = re.compile(r"[\s*＊#:：、,，.。;；/／\\|_\-—–~·!！?？\"“”'‘’<>《》＜＞]+")
_BRACKETS = re.compile(r"[(（\[【〔{].*?[)）\]】〕}]")
_BRACKET_MARKS = re.compile(r"[()（）\[\]【】〔〕{}]")


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FieldSpec(Strict):
    """One thing a column may hold. `who` = a spouse whose word stands before or after the heading."""

    id: str
    label: str
    type: FieldType
    who: str = ""
    bare: bool = False  # the heading may also stand alone, without the spouse's word
    required: bool = False  # without this column the sheet is not of this kind
    exact: bool = False  # only a heading that is one of the aliases, not one that contains it
    element: str = ""
    text_element: str = ""
    elements: tuple[str, ...] = ()
    aliases: tuple[str, ...]

    @cached_property
    def keys(self) -> frozenset[str]:
        return frozenset(heading_key(a) for a in (*self.aliases, self.label))


class FindingText(Strict):
    normal: tuple[str, ...] = ()
    abnormal: tuple[str, ...] = ()
    not_done: tuple[str, ...] = ()


class CodesText(Strict):
    none: tuple[str, ...] = ()
    other: str = ""
    detail: str = ""
    words: dict[str, str] = Field(default_factory=dict)


class SheetSpec(Strict):
    id: str
    label: str
    who: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    any_who: bool = False
    fields: tuple[FieldSpec, ...]
    totals: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    finding_text: FindingText = FindingText()
    codes_text: CodesText = CodesText()

    def field(self, name: str) -> FieldSpec:
        return next(f for f in self.fields if f.id == name)

    @cached_property
    def loose_fields(self) -> tuple[FieldSpec, ...]:
        return tuple(f for f in self.fields if not f.exact)

    @cached_property
    def exact_fields(self) -> dict[str, FieldSpec]:
        """Heading -> the field that only that heading names."""
        return {key: f for f in self.fields if f.exact for key in f.keys}

    @cached_property
    def _known_words(self) -> re.Pattern[str]:
        words = {key for f in self.loose_fields for key in f.keys if len(key) >= 2}
        return re.compile("|".join(map(re.escape, sorted(words, key=len, reverse=True))))

    def mentions(self, key: str) -> bool:
        """Whether a known heading makes up most of a reduced text."""
        found = self._known_words.findall(key)
        return bool(found) and 2 * max(map(len, found)) > len(key)

    def with_fields(self, more: tuple[FieldSpec, ...]) -> "SheetSpec":
        return self.model_copy(update={"fields": self.fields + more})


@lru_cache(maxsize=20_000)
def heading_key(text: object, *, keep_brackets: bool = False) -> str:
    """A heading reduced to what counts: normal width, lower case, no spaces, punctuation, brackets."""
    found = unicodedata.normalize("NFKC", str(text)).lower()
    if not keep_brackets:
        without = _BRACKETS.sub("", found)
        found = without if without.strip() else found
    return _PUNCTUATION.sub("", _BRACKET_MARKS.sub("", found))


@lru_cache(maxsize=2_000)
def heading_unit(text: object) -> str:
    """The unit in a heading's brackets, e.g. 身高(cm) -> cm; empty when there is none."""
    found = unicodedata.normalize("NFKC", str(text))
    match = re.search(r"[(\[【]\s*([^()\[\]【】]+?)\s*[)\]】]\s*$", found)
    if not match:
        return ""
    unit = re.sub(r"^(单位)[::]?", "", match[1]).strip()
    return (
        unit
        if re.fullmatch(r"[A-Za-zμµ°℃/%*^\d.]+|厘米|米|公斤|千克|斤|毫米汞柱|次/分", unit)
        else ""
    )


def load(path: Path) -> dict[str, Any]:
    with path.open(encoding="utf-8") as f:
        found: dict[str, Any] = yaml.safe_load(f)
    return found


class Panel(Strict):
    """What a laboratory's group of tests holds, by sex (F, M); the order is that of the messages."""

    label: str = ""
    tests: dict[str, tuple[str, ...]]


class Conversion(Strict):
    """value in `unit` * factor = value in the element's own unit."""

    elements: tuple[str, ...]
    unit: str
    factor: Decimal


class TestSpec(Strict):
    element: str
    aliases: tuple[str, ...] = ()  # other local codes or names of the same test
    values: dict[str, str] = Field(default_factory=dict)  # words of this test only -> code


class LabSpec(Strict):
    """How one laboratory's messages are read: local codes, words for results, units."""

    id: str
    label: str
    region: str
    tests: dict[str, TestSpec]
    panels: dict[str, Panel] = Field(default_factory=dict)
    words: dict[str, dict[str, str]] = Field(default_factory=dict)  # value set -> word -> code
    same_units: tuple[tuple[str, ...], ...] = ()
    conversions: tuple[Conversion, ...] = ()

    @cached_property
    def by_name(self) -> dict[str, str]:
        """Code, alias or name of a test, reduced by `test_key` -> local code."""
        return {
            test_key(name): code
            for code, test in self.tests.items()
            for name in (code, *test.aliases)
        }


def test_key(text: str) -> str:
    return re.sub(r"[\s_()（）-]+", "", unicodedata.normalize("NFKC", text)).lower()


@cache
def lab_specs() -> tuple[LabSpec, ...]:
    """Every laboratory mapping of the content."""
    return tuple(LabSpec.model_validate(load(p)) for p in sorted(CONTENT.glob("*-lab.yaml")))


def lab_spec_for(region_code: str) -> LabSpec | None:
    """The mapping of the laboratory that serves a region: the narrowest that contains it."""
    serving = [s for s in lab_specs() if region_code.startswith(s.region)]
    return max(serving, key=lambda s: len(s.region), default=None)


@cache
def sheet_spec(kind: str) -> SheetSpec:
    """The columns of one kind of sheet: roster, history or stations."""
    return SheetSpec.model_validate(load(CONTENT / f"{kind}.yaml"))
