"""Workbooks as offices print them: merged title, ruled table, who exported it and why."""

from collections.abc import Sequence
from io import BytesIO
from types import TracebackType
from typing import Any, Self

import xlsxwriter
from django.utils import timezone
from django.utils.translation import gettext as _

from sanyou.registry.access import Actor

FONT = "宋体"
Cell = str | int | float | None


class Book:
    """An A4 workbook in memory. Every sheet is marked with who exported it, when and for what."""

    def __init__(self, actor: Actor, reason: str) -> None:
        self._bytes = BytesIO()
        self.book = xlsxwriter.Workbook(
            self._bytes, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
        )
        now = timezone.localtime().strftime("%Y-%m-%d %H:%M")
        self.mark = _("导出：%(who)s（%(name)s） %(when)s 用途：%(why)s") % {
            "who": actor.display_name,
            "name": actor.username,
            "when": now,
            "why": reason,
        }
        base = {"font_name": FONT, "font_size": 11, "valign": "vcenter"}
        ruled = base | {"border": 1, "text_wrap": True}
        self.formats = {
            name: self.book.add_format(given)
            for name, given in {
                "title": base | {"font_size": 18, "bold": True, "align": "center"},
                "plain": base,
                "right": base | {"align": "right"},
                "mark": base | {"font_size": 9, "font_color": "#888888"},
                "head": ruled | {"bold": True, "align": "center", "bg_color": "#EEF3F2"},
                "text": ruled,
                "centre": ruled | {"align": "center"},
                "whole": ruled | {"num_format": "0", "align": "center"},
                "money": ruled | {"num_format": "#,##0.00"},
                "total": ruled | {"bold": True, "num_format": "#,##0.00"},
                "strong": ruled | {"bold": True},
            }.items()
        }

    def sheet(self, name: str, widths: Sequence[float], *, landscape: bool = False) -> Any:
        """A sheet of that many columns, one page wide."""
        sheet = self.book.add_worksheet(name)
        for column, width in enumerate(widths):
            sheet.set_column(column, column, width)
        sheet.set_paper(9)
        if landscape:
            sheet.set_landscape()
        sheet.fit_to_pages(1, 0)
        sheet.set_margins(left=0.6, right=0.6, top=0.7, bottom=0.8)
        # "&" begins a code in header and footer text.
        sheet.set_footer("&L&8" + self.mark.replace("&", "&&")[:200] + "&R&8&P / &N")
        return sheet

    def title(self, sheet: Any, text: str, columns: int, below: Sequence[str] = ()) -> int:
        """The merged title over the table and a line left and right below it; the next row."""
        f = self.formats
        sheet.merge_range(0, 0, 0, columns - 1, text, f["title"])
        sheet.set_row(0, 34)
        left, right = (*below, "", "")[:2]
        middle = max(columns // 2, 1)
        merge(sheet, 1, 0, 1, middle - 1, left, f["plain"])
        merge(sheet, 1, middle, 1, columns - 1, right, f["right"])
        return 2

    def table(
        self,
        sheet: Any,
        row: int,
        head: Sequence[str],
        rows: Sequence[Sequence[Cell]],
        formats: Sequence[str],
    ) -> int:
        """A ruled table with its head repeated on every printed page; the next row."""
        for column, text in enumerate(head):
            sheet.write_string(row, column, text, self.formats["head"])
        sheet.repeat_rows(row)
        for number, cells in enumerate(rows, row + 1):
            for column, cell in enumerate(cells):
                self.cell(sheet, number, column, cell, formats[column])
        return row + 1 + len(rows)

    def cell(self, sheet: Any, row: int, column: int, value: Cell, style: str) -> None:
        """Text stays text: what begins with "=" is never a formula."""
        if value is None:
            sheet.write_blank(row, column, None, self.formats[style])
        elif isinstance(value, int | float):
            sheet.write_number(row, column, value, self.formats[style])
        else:
            sheet.write_string(row, column, value, self.formats[style])

    def close(self, sheet: Any, row: int, columns: int, *lines: str) -> None:
        """Signature lines and the mark of the export under the table."""
        for number, line in enumerate(lines, row + 1):
            merge(sheet, number, 0, number, columns - 1, line, self.formats["plain"])
        last = row + len(lines) + 2
        merge(sheet, last, 0, last, columns - 1, self.mark, self.formats["mark"])

    def bytes(self) -> bytes:
        """The finished file."""
        self.book.close()
        return self._bytes.getvalue()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is not None:
            self.book.close()


def merge(sheet: Any, top: int, left: int, bottom: int, right: int, text: str, style: Any) -> None:
    """Merge cells, or write the single one (a merge of one cell is refused by spreadsheets)."""
    if (top, left) == (bottom, right):
        sheet.write_string(top, left, text, style)
    else:
        sheet.merge_range(top, left, bottom, right, text, style)
