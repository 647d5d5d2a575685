"""How a report is laid out: plain rows, and the national form's table of normal and abnormal by
spouse wherever a section's indicators are named so (alt_normal_wives, alt_abnormal_husbands …)."""

import re
from dataclasses import dataclass, field
from itertools import takewhile

from sanyou.protocol.models import ReportSection
from sanyou.protocol.programme import Programme

_CROSSED = re.compile(r"(.+)_(normal|abnormal)_(wives|husbands)$")
COLUMNS = ("normal_wives", "abnormal_wives", "normal_husbands", "abnormal_husbands")


@dataclass(frozen=True, slots=True)
class Crossed:
    """One examination of the crossed table: its label, and the indicator of each column."""

    label: str
    columns: dict[str, str] = field(default_factory=dict)

    @property
    def cells(self) -> list[str | None]:
        """Indicator ids in the order of COLUMNS; None where the form has none."""
        return [self.columns.get(c) for c in COLUMNS]


@dataclass(frozen=True, slots=True)
class Block:
    """A section of a report: `rows` are indicator ids, or `crossed` when it is a crossed table."""

    label: str
    rows: list[str]
    crossed: list[Crossed]


def blocks(programme: Programme, report_id: str) -> list[Block]:
    """The sections of a report, in order."""
    return [_block(programme, s) for s in programme.reports[report_id].sections]


def _block(programme: Programme, section: ReportSection) -> Block:
    found = {row: _CROSSED.match(row) for row in section.rows}
    if not all(found.values()):
        return Block(str(section.label), list(section.rows), [])
    groups: dict[str, dict[str, str]] = {}
    for row, match in found.items():
        assert match is not None
        groups.setdefault(match[1], {})[f"{match[2]}_{match[3]}"] = row
    crossed = [
        Crossed(_label([str(programme.indicators[r].label) for r in columns.values()]), columns)
        for columns in groups.values()
    ]
    return Block(str(section.label), list(section.rows), crossed)


def _label(labels: list[str]) -> str:
    """What the labels of one examination have in common: 尿液常规正常（女方）… -> 尿液常规."""
    bare = [re.sub(r"(正常|异常)?（[女男]方）$", "", label) for label in labels]
    shared = "".join(c[0] for c in takewhile(lambda c: len(set(c)) == 1, zip(*bare, strict=False)))
    return shared.rstrip(" 非(（") or labels[0]
