"""Reads charts/charts.yaml and the tables beside it."""

from __future__ import annotations

from pathlib import Path

from sanyou.protocol.growth import LMS, Chart, Table
from sanyou.protocol.loading.draft import Draft
from sanyou.protocol.models import ChartsFile

_SEX = {"1": "male", "2": "female"}


def load_charts(draft: Draft) -> dict[str, Chart]:
    found: dict[str, Chart] = {}
    for root in draft.roots:
        path = root / "charts" / "charts.yaml"
        if not path.exists():
            continue
        file, content = draft.read(path, root, ChartsFile)
        if content is None:
            continue
        draft.unique(file, ("charts",), (c.id for c in content.charts))
        for index, spec in enumerate(content.charts):
            tables = []
            for number, table in enumerate(spec.tables):
                source = path.parent / table.file
                if not source.is_file():
                    draft.fail(
                        file,
                        ("charts", index, "tables", number, "file"),
                        "missing_file",
                        f"数据表“{table.file}”不在同一目录，请补上或改名。",
                        f'The table "{table.file}" is not beside this file.',
                    )
                    continue
                rows, by_length = _table(source)
                tables.append((table.until, rows, by_length))
            found[spec.id] = Chart(spec, tuple(tables))
    return found


def _table(path: Path) -> tuple[Table, bool]:
    """Rows by sex and day of age, or by tenths of a centimetre."""
    head, *lines = path.read_text("utf-8").splitlines()
    by_length = head.split("\t")[1] != "age"
    rows: dict[tuple[str, int], LMS] = {}
    for line in lines:
        sex, at, power, median, variation, *_more = line.split("\t")
        key = round(float(at) * 10) if by_length else int(at)
        rows[_SEX[sex], key] = LMS(float(power), float(median), float(variation))
    return rows, by_length
