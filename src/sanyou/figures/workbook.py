"""A month's report as a workbook in the form of the national tables, with the cases behind it."""

from typing import Any

from django.utils.translation import gettext as _

from sanyou.care.models import Episode
from sanyou.figures import layout
from sanyou.figures.models import Submission
from sanyou.figures.report import Value, opens_to, programme_of, shown
from sanyou.figures.submissions import ReportError, previous_of
from sanyou.finance.sheet import Book, Cell, merge
from sanyou.protocol.programme import Programme
from sanyou.registry.access import Actor, visible
from sanyou.trust import audit

COLUMNS = 6


def write(submission: Submission, actor: Actor, reason: str) -> bytes:
    """The file's bytes. Needs the duty "export" and a reason; every sheet is marked with both.

    The second sheet lists the records behind each figure by their number, without names, as far
    as the actor may know of them.
    """
    actor.require("export", submission)
    if not reason.strip():
        raise ReportError("no_reason", _("请填写导出用途。"))
    programme = programme_of(submission.programme)
    with Book(actor, reason.strip()) as book:
        _form(book, submission, programme)
        _cases(book, submission, programme, actor)
        audit.record(actor, "export", "report", submission.key, reason=reason.strip())
        return book.bytes()


def _form(book: Book, submission: Submission, programme: Programme) -> None:
    sheet = book.sheet(_("月报表"), [18, 26, 13, 13, 13, 13])
    month = _("%(year)d年%(month)d月") % {
        "year": submission.month.year,
        "month": submission.month.month,
    }
    title = str(programme.reports[submission.report].label)
    if submission.amendment:
        title += _("（第 %d 次更正）") % submission.amendment
    unit = _("填报单位：%s") % submission.region.full_name
    row = book.title(sheet, title, COLUMNS, [unit, _("报告期：%s") % month])
    before = previous_of(submission)
    for block in layout.blocks(programme, submission.report):
        if block.crossed:
            row = _crossed(book, sheet, row, block, submission.figures)
        else:
            old = before.figures if before else None
            row = _plain(book, sheet, row, block, submission.figures, old, programme)
    by = submission.submitted_by.display_name if submission.submitted_by else ""
    day = submission.submitted_at.date().isoformat() if submission.submitted_at else ""
    line = _("单位负责人：　　　　　填表人：%(by)s　　　　　报出日期：%(day)s") % {
        "by": by,
        "day": day,
    }
    book.close(sheet, row, COLUMNS, line)


def _plain(
    book: Book,
    sheet: Any,
    row: int,
    block: layout.Block,
    figures: dict[str, Value],
    before: dict[str, Value] | None,
    programme: Programme,
) -> int:
    """Section | indicator (merged) | unit | figure | before the amendment."""
    f = book.formats
    sheet.write_string(row, 0, _("类别"), f["head"])
    merge(sheet, row, 1, row, 2, _("指标"), f["head"])
    sheet.write_string(row, 3, _("单位"), f["head"])
    if before is None:
        merge(sheet, row, 4, row, 5, _("本月"), f["head"])
    else:
        sheet.write_string(row, 4, _("更正后"), f["head"])
        sheet.write_string(row, 5, _("更正前"), f["head"])
    first = row + 1
    for number, indicator in enumerate(block.rows, first):
        spec = programme.indicators[indicator].spec
        merge(sheet, number, 1, number, 2, str(spec.label), f["text"])
        sheet.write_string(number, 3, spec.unit, f["centre"])
        if before is None:
            merge(sheet, number, 4, number, 5, "", f["centre"])
        else:
            _figure(book, sheet, number, 5, before.get(indicator))
        _figure(book, sheet, number, 4, figures.get(indicator))
    merge(sheet, first, 0, first + len(block.rows) - 1, 0, block.label, f["centre"])
    return first + len(block.rows)


def _crossed(
    book: Book, sheet: Any, row: int, block: layout.Block, figures: dict[str, Value]
) -> int:
    """Section | examination | wives normal, abnormal | husbands normal, abnormal; two-line head."""
    f = book.formats
    merge(sheet, row, 0, row + 1, 0, _("类别"), f["head"])
    merge(sheet, row, 1, row + 1, 1, _("检查项目"), f["head"])
    merge(sheet, row, 2, row, 3, _("女方（人）"), f["head"])
    merge(sheet, row, 4, row, 5, _("男方（人）"), f["head"])
    for column, text in enumerate((_("正常"), _("异常"), _("正常"), _("异常")), 2):
        sheet.write_string(row + 1, column, text, f["head"])
    first = row + 2
    for number, line in enumerate(block.crossed, first):
        sheet.write_string(number, 1, line.label, f["text"])
        for column, indicator in enumerate(line.cells, 2):
            if indicator is None:
                sheet.write_string(number, column, "—", f["centre"])
            else:
                _figure(book, sheet, number, column, figures.get(indicator))
    merge(sheet, first, 0, first + len(block.crossed) - 1, 0, block.label, f["centre"])
    return first + len(block.crossed)


def _figure(book: Book, sheet: Any, row: int, column: int, value: Value | None) -> None:
    if isinstance(value, int):
        sheet.write_number(row, column, value, book.formats["whole"])
    else:
        sheet.write_string(row, column, shown(value), book.formats["centre"])


def _cases(book: Book, submission: Submission, programme: Programme, actor: Actor) -> None:
    sheet = book.sheet(_("个案清单"), [34, 24, 20])
    row = book.title(sheet, _("各项数字对应的档案"), 3)
    keys = {key for listed in submission.cases.values() for key in listed}
    episodes = visible(actor, Episode.objects.filter(key__in=keys)).select_related("region")
    known = {str(e.key): e for e in episodes}
    rows: list[list[Cell]] = []
    for indicator in submission.figures:
        if not opens_to(actor, programme.indicators[indicator]):
            continue
        label = str(programme.indicators[indicator].label)
        listed = [known[k] for k in submission.cases.get(indicator, ()) if k in known]
        rows += [[label, e.number, e.region.name] for e in listed]
    head = [_("指标"), _("档案编号"), _("镇街")]
    row = book.table(sheet, row, head, rows, ["text", "text", "text"])
    book.close(sheet, row, 3)
