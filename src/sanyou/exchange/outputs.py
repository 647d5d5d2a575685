"""Files that go out: written to a temporary name first, so nobody ever sees half of one."""

import io
import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import xlsxwriter
from django.utils.translation import gettext as _

from sanyou.exchange import jobs, values
from sanyou.exchange.context import Context, unpack
from sanyou.exchange.models import ImportFile, ImportRow
from sanyou.registry.access import Actor

Outcome = ImportRow.Outcome
REFUSED = [Outcome.REJECTED, Outcome.HELD]


def write_bytes(path: Path, data: bytes) -> None:
    """Put the file in place in one step; an interrupted write leaves the old one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as f:
            f.write(data)
            f.flush()
            os.fsync(f.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    write_bytes(path, text.encode("utf-8"))


def sweep(folder: Path) -> None:
    """Remove what an interrupted write left behind."""
    for left in folder.rglob(".*.tmp"):
        left.unlink(missing_ok=True)


def table(
    title: str, headings: Sequence[str], rows: Iterable[Sequence[Any]], widths: Sequence[int] = ()
) -> bytes:
    """One sheet as xlsx. Text stays text: nothing in it is ever taken for a formula."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False}) as book:
        sheet = book.add_worksheet(title[:31])
        head = book.add_format(
            {"bold": True, "bg_color": "#E8F0EE", "border": 1, "text_wrap": True}
        )
        body = book.add_format({"text_wrap": True, "valign": "top", "border": 1})
        for c, text in enumerate(headings):
            sheet.write_string(0, c, text, head)
            sheet.set_column(c, c, widths[c] if c < len(widths) else 16)
        count = 0
        for r, row in enumerate(rows, 1):
            count = r
            for c, value in enumerate(row):
                if isinstance(value, int | float) and not isinstance(value, bool):
                    sheet.write_number(r, c, value, body)
                else:
                    sheet.write_string(r, c, "" if value is None else str(value), body)
        sheet.freeze_panes(1, 0)
        sheet.autofilter(0, 0, max(count, 1), len(headings) - 1)
        sheet.set_landscape()
        sheet.set_paper(9)  # A4
        sheet.fit_to_pages(1, 0)
        sheet.repeat_rows(0)
    return out.getvalue()


def refused_rows(files: Iterable[ImportFile], actor: Actor, *, unmasked: bool) -> list[list[Any]]:
    """Every problem of every row, one line each: where, what was given, which rule, what to do."""
    lines: list[list[Any]] = []
    for file in files:
        ctx = Context(file, actor)
        for row in file.items.order_by("number").exclude(problems=[]):
            if row.code == "duplicate":
                continue
            lines += _lines(ctx, row, unmasked=unmasked)
    return lines


def _lines(ctx: Context, row: ImportRow, *, unmasked: bool) -> list[list[Any]]:
    file = ctx.file
    lab = file.kind == ImportFile.Kind.LAB
    reader = None if lab else jobs.reader(ctx, unpack(row.cells))
    became = row.get_outcome_display()
    if row.outcome in {Outcome.ACCEPTED, Outcome.MERGED}:
        became = _("已导入，但此项未采用或须核对")
    lines = []
    for problem in row.problems:
        shown = problem["value"]
        if unmasked and reader is not None and problem["field"] in reader.columns:
            shown = values.plain(reader.cell(problem["field"]))
        where = _("第 %d 条消息") % row.number if lab else row.number
        lines.append(
            [
                file.name, file.sheet, where, became, problem["column"] or problem["field"], shown,
                problem["rule"], problem["remedy"],
            ]
        )  # fmt: skip
    return lines


def refused_workbook(files: Iterable[ImportFile], actor: Actor, *, unmasked: bool) -> bytes:
    headings = [
        _("文件"), _("工作表"), _("行号"), _("处理结果"), _("字段"), _("原值"), _("违反的规则"), _("处理办法"),
    ]  # fmt: skip
    return table(
        _("未导入和待核实"),
        headings,
        refused_rows(files, actor, unmasked=unmasked),
        [16, 14, 8, 16, 20, 24, 40, 46],
    )
