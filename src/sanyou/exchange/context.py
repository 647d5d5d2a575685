"""What every importer needs to know while it works on one file, and what it answers for one row."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from functools import cached_property
from typing import Any

from sanyou.care import content
from sanyou.exchange import values
from sanyou.exchange.errors import BadValue, Problem
from sanyou.exchange.models import ImportFile, ImportRow
from sanyou.exchange.spec import FieldSpec, SheetSpec
from sanyou.exchange.values import Cell
from sanyou.registry import regions
from sanyou.registry.access import Actor
from sanyou.registry.models import Region

MASKED_TYPES = {"identity", "phone", "name"}


@dataclass
class Done:
    """What became of one row."""

    outcome: str
    code: str = ""
    problems: list[Problem] = field(default_factory=list)
    created: list[tuple[str, int]] = field(default_factory=list)
    subject: str = ""


@dataclass
class Context:
    file: ImportFile
    actor: Actor

    @cached_property
    def library(self) -> Any:
        return content.library()

    @cached_property
    def programme(self) -> Any:
        return self.library.programmes[self.file.programme]

    @cached_property
    def policy(self) -> Any:
        return self.library.policies[self.file.policy]

    @cached_property
    def county(self) -> Region:
        return Region.objects.get(pk=self.policy.region)

    @cached_property
    def _places(self) -> dict[str, Region | None]:
        return {}

    def place(self, text: str) -> Region | None:
        """The region an address names, within the county when it does not say more."""
        if text not in self._places:
            self._places[text] = regions.find(text, self.county)
        return self._places[text]

    @cached_property
    def caller(self) -> Actor:
        """Acts for the stations whose results the file brings, in the name of who imports it."""
        if self.actor.duty == "system":
            return self.actor
        return Actor.system(f"import:{self.actor.username}", self.actor.region)

    def source(self, row: ImportRow, what: str = "") -> str:
        """Where a record came from; the same row always gives the same source."""
        return f"import:{self.file.key}:{row.number}" + (f":{what}" if what else "")


class Reader:
    """Reads the cells of one row by field; collects a problem for each that cannot be read."""

    def __init__(
        self, spec: SheetSpec, columns: Mapping[str, int], headings: list[str], cells: list[Cell]
    ) -> None:
        self.spec = spec
        self.columns = columns
        self.headings = headings
        self.cells = cells
        self.problems: list[Problem] = []

    def cell(self, name: str) -> Cell:
        column = self.columns.get(name)
        return self.cells[column] if column is not None and column < len(self.cells) else None

    def blank(self, name: str) -> bool:
        return values.is_blank(self.cell(name))

    def get(self, name: str) -> Any:
        """The field's value, None when blank or unreadable (then a problem is noted)."""
        spec = self.spec.field(name)
        parse = _PARSERS[spec.type]
        try:
            return parse(self.cell(name))
        except BadValue as bad:
            self.note(name, bad.code, bad.rule, bad.remedy)
            return None

    def note(self, name: str, code: str, rule: str, remedy: str) -> None:
        self.problems.append(self.problem(name, code, rule, remedy))

    def problem(self, name: str, code: str, rule: str, remedy: str) -> Problem:
        spec: FieldSpec = self.spec.field(name)
        column = self.columns.get(name)
        heading = self.headings[column] if column is not None else ""
        kind = spec.type if spec.type in MASKED_TYPES else "text"
        shown = values.masked(self.cell(name), kind) if not self.blank(name) else ""
        return Problem(code, name, shown, rule, remedy, heading or spec.label)

    def has_problem(self, name: str) -> bool:
        return any(p.field == name for p in self.problems)


_PARSERS = {
    "name": values.name,
    "identity": values.identity,
    "phone": values.phone,
    "address": values.text,
    "text": values.text,
    "date": values.day,
    "child_order": values.child_order,
    "yes_no": values.yes_no,
    "planning": values.planning,
    "element": values.text,
    "blood_pressure": values.blood_pressure,
    "codes_text": values.text,
    "finding_text": values.text,
    "ignore": values.text,
}


def pack(cells: list[Cell]) -> str:
    """Cells as JSON; days and times keep what they are."""

    def one(cell: Cell) -> Any:
        if isinstance(cell, datetime):
            return {"moment": cell.isoformat()}
        if isinstance(cell, date):
            return {"day": cell.isoformat()}
        if isinstance(cell, time | timedelta):
            return str(cell)
        return cell

    return json.dumps([one(c) for c in cells], ensure_ascii=False)


def unpack(text: str) -> list[Cell]:
    def one(cell: Any) -> Cell:
        if isinstance(cell, dict):
            if "day" in cell:
                return date.fromisoformat(cell["day"])
            return datetime.fromisoformat(cell["moment"])
        plain: Cell = cell
        return plain

    return [one(c) for c in json.loads(text)]


@dataclass(frozen=True)
class Progress:
    done: int
    total: int

    @property
    def finished(self) -> bool:
        return self.done >= self.total

    @property
    def percent(self) -> int:
        return 100 * self.done // self.total if self.total else 100
