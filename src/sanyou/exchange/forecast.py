"""What would happen to a file with the columns as they are mapped now, before anything is stored."""

import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sanyou.exchange import jobs, laboratory, roster
from sanyou.exchange.context import MASKED_TYPES, Context, unpack
from sanyou.exchange.elements import element_infos
from sanyou.exchange.errors import Problem
from sanyou.exchange.models import ImportFile
from sanyou.exchange.values import is_blank, masked, plain

LIMIT = 2000  # rows read for the preview
SHOWN = 12


@dataclass
class Forecast:
    """Rows read, how many of them carry a problem, each kind of problem with its first examples."""

    rows: int = 0
    troubled: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    examples: list[tuple[int, Problem]] = field(default_factory=list)

    def add(self, number: int, problems: list[Problem]) -> None:
        self.rows += 1
        if problems:
            self.troubled += 1
        for problem in problems:
            if not self.kinds[problem.rule] and len(self.examples) < SHOWN:
                self.examples.append((number, problem))
            self.kinds[problem.rule] += 1


@dataclass(frozen=True)
class Column:
    """One column for the mapping page: its heading, some values, the field it is taken for."""

    index: int
    heading: str
    samples: tuple[str, ...]
    field: str


@dataclass(frozen=True)
class Sample:
    """One laboratory message for the preview: whose, of which day, which tests were read."""

    number: int
    name: str
    identity: str
    day: date | None
    tests: tuple[str, ...]


def forecast(ctx: Context, columns: dict[str, int] | None = None) -> Forecast:
    """Read the stored rows without touching the registry."""
    found = Forecast()
    stored: list[tuple[int, str]] = json.loads(ctx.file.content or "[]")
    if columns is not None:
        ctx.file.mapping = ctx.file.mapping | {"columns": columns}
    for number, cells in stored[:LIMIT]:
        if ctx.file.kind == ImportFile.Kind.LAB:
            found.add(number, _message(ctx, cells, number))
        else:
            found.add(number, _row(ctx, unpack(cells)))
    return found


def _message(ctx: Context, text: str, number: int) -> list[Problem]:
    message = laboratory.read(ctx, text, number)
    problems = list(message.problems)
    if message.broken:
        remedy = "请检验科重新发送完整的消息"
        problems.append(Problem("broken", "MSH-10", message.control_id, message.broken, remedy))
    return problems


def messages_of(ctx: Context, shown: int = 8) -> list[Sample]:
    """The first messages of a laboratory's file, identifiers masked: does it look like our people?"""
    stored: list[tuple[int, str]] = json.loads(ctx.file.content or "[]")
    labels = {info.id: info.label for info in dict(element_infos(ctx.library)).values()}
    found = []
    for number, text in stored[:shown]:
        message = laboratory.read(ctx, text, number)
        found.append(
            Sample(
                number,
                masked(message.name, "name") if message.name else "",
                masked(message.id_number, "identity") if message.id_number else "",
                message.observed_on,
                tuple(labels.get(r.element, r.element) for r in message.results),
            )
        )
    return found


def _row(ctx: Context, cells: list[Any]) -> list[Problem]:
    reader = jobs.reader(ctx, cells)
    problems = []
    if ctx.file.kind in {ImportFile.Kind.ROSTER, ImportFile.Kind.HISTORY}:
        _found, problem = roster.identities(reader)
        problems += [problem] if problem else []
    for name in reader.columns:
        if not name.endswith("_id") and name != "id":
            reader.get(name)
    return problems + reader.problems


def columns_of(ctx: Context, samples: int = 3) -> list[Column]:
    """Every headed column with sample values, identifiers masked."""
    mapping = ctx.file.mapping
    by_index = {index: name for name, index in mapping["columns"].items()}
    spec = jobs.spec_for(ctx)
    types = {f.id: f.type for f in spec.fields}
    rows = [cells for _number, cells in jobs.sample(ctx.file, 40)]
    found = []
    for index, heading in enumerate(mapping.get("headings", [])):
        if not heading:
            continue
        name = by_index.get(index, "")
        given = [r[index] for r in rows if index < len(r) and not is_blank(r[index])][:samples]
        kind = types.get(name, "text")
        shown = tuple(
            masked(v, kind) if kind in MASKED_TYPES else _careful(plain(v)) for v in given
        )
        found.append(Column(index, heading, shown, name))
    return found


def _careful(text: str) -> str:
    """A value of a column nobody named may still be an id or phone number."""
    digits = sum(c.isdigit() for c in text)
    return masked(text, "identity") if digits >= 11 else text[:24]
