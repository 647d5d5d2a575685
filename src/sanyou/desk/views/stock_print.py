"""The ledger of a store to print or as a workbook; the sheet of a stock count."""

from datetime import date
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _

from sanyou.desk.actor import actor_of, duty_page
from sanyou.desk.views.money import workbook_response
from sanyou.desk.views.stock import line, store_of
from sanyou.finance.sheet import Book, Cell
from sanyou.protocol.entry import parse_date
from sanyou.registry.access import Actor, NotFoundForYou, visible
from sanyou.registry.models import Organisation
from sanyou.stock import reading, stores
from sanyou.stock.errors import StockError
from sanyou.stock.models import Count, Movement
from sanyou.trust import audit


def _period(given: Any) -> tuple[date, date]:
    """From and to as asked for; this year to date otherwise."""
    today = timezone.localdate()
    start = parse_date(given.get("from", "")) or today.replace(month=1, day=1)
    end = parse_date(given.get("to", "")) or today
    if start > end:
        raise StockError(_("开始日期晚于结束日期，请核对。"), "bad_day")
    return start, end


def _lines(actor: Actor, store: Organisation, start: date, end: date) -> list[dict[str, Any]]:
    return [line(row, actor) for row in reading.ledger(store, start, end)]


@duty_page("see_stock", methods=("GET",))
def ledger(request: HttpRequest, pk: int) -> HttpResponse:
    """Every line of a period with the balance after it, on paper."""
    actor = actor_of(request)
    store = store_of(actor, pk)
    start, end = _period(request.GET)
    rows = _lines(actor, store, start, end)
    totals = reading.sums((r["row"].kind, r["row"].change) for r in rows)
    audit.record(actor, "print", "stock", store.code)
    context = {
        "store": store,
        "start": start,
        "end": end,
        "rows": rows,
        "totals": [(Movement.Kind(kind).label, n) for kind, n in sorted(totals.items())],
        "held": reading.held_in(store, timezone.localdate()),
        "printed_by": actor.display_name,
        "today": timezone.localdate(),
    }
    return render(request, "desk/stock/ledger_print.html", context)


@duty_page("export", methods=("POST",))
def export(request: HttpRequest, pk: int) -> HttpResponse:
    """The same as a workbook, marked with who took it and why. Nobody is named in it."""
    actor = actor_of(request)
    actor.require("see_stock")
    store = store_of(actor, pk)
    reason = request.POST.get("reason", "").strip()
    if not reason:
        raise StockError(_("请填写导出用途。"), "reason_missing")
    start, end = _period(request.POST)
    with Book(actor, reason) as book:
        _ledger_sheet(book, actor, store, start, end)
        _stock_sheet(book, store)
        audit.record(actor, "export", "stock", store.code, reason=reason)
        return workbook_response(book.bytes(), f"{store.name} {start}—{end}.xlsx")


def _ledger_sheet(book: Book, actor: Actor, store: Organisation, start: date, end: date) -> None:
    head = [_("日期"), _("类别"), _("批号"), _("有效期"), _("收入"), _("发出"), _("结存"),
            _("摘要"), _("经手人")]  # fmt: skip
    sheet = book.sheet(_("出入库明细"), [12, 10, 14, 12, 8, 8, 8, 34, 12], landscape=True)
    row = book.title(sheet, _("%s出入库明细账") % store.name, len(head), [f"{start} — {end}"])
    lines: list[list[Cell]] = [
        [
            found["row"].on.isoformat(),
            found["row"].get_kind_display(),
            found["row"].batch.number,
            found["row"].batch.expires_on.isoformat(),
            max(found["row"].change, 0) or None,
            max(-found["row"].change, 0) or None,
            found["row"].left,
            found["about"],
            str(found["row"].by or _("系统")),
        ]
        for found in _lines(actor, store, start, end)
    ]
    formats = ["centre", "centre", "text", "centre", "whole", "whole", "whole", "text", "text"]
    book.close(sheet, book.table(sheet, row, head, lines, formats), len(head))


def _stock_sheet(book: Book, store: Organisation) -> None:
    head = [_("物资"), _("批号"), _("生产厂家"), _("有效期"), _("数量"), _("单位")]
    sheet = book.sheet(_("现有库存"), [22, 16, 24, 12, 10, 8])
    row = book.title(sheet, _("%s现有库存") % store.name, len(head), [str(timezone.localdate())])
    lines: list[list[Cell]] = [
        [h.label, s.batch.number, s.batch.maker, s.batch.expires_on.isoformat(), s.quantity, h.unit]
        for h in reading.held_in(store, timezone.localdate())
        for s in h.shelves
    ]
    formats = ["text", "text", "text", "centre", "whole", "centre"]
    book.close(sheet, book.table(sheet, row, head, lines, formats), len(head))


@duty_page("see_stock", methods=("GET",))
def count_sheet(request: HttpRequest, key: UUID) -> HttpResponse:
    """A stock count with its differences, to print and sign."""
    actor = actor_of(request)
    rows = visible(actor, Count.objects.select_related("store", "by"))
    found = rows.filter(key=key).first()
    if found is None:
        raise NotFoundForYou
    audit.record(actor, "read", "count", found.key)
    lines = list(found.lines.select_related("batch").order_by("batch__expires_on", "pk"))
    context = {
        "count": found,
        "lines": [(row, stores.supply_of(row.batch.item)) for row in lines],
        "wrong": sum(1 for row in lines if row.difference),
    }
    return render(request, "desk/stock/count_sheet.html", context)
