"""Booking goods: in, on to another store, arrived, counted, written off."""

from datetime import date
from typing import Any
from uuid import UUID, uuid4

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from sanyou.care.errors import CareError
from sanyou.desk.actor import actor_of, duty_page, say
from sanyou.desk.views.records import uuid_of
from sanyou.desk.views.stock import STATES, items_offered, kept_store
from sanyou.protocol.entry import parse_date
from sanyou.registry.access import Actor, NotFoundForYou, may_keep, visible
from sanyou.registry.models import Organisation
from sanyou.registry.regions import county_code
from sanyou.stock import counts, moves, reading, stores, transfers
from sanyou.stock.errors import StockError
from sanyou.stock.models import Balance, Batch, Transfer, TransferLine
from sanyou.trust import audit


def _day(request: HttpRequest, name: str, what: str) -> date:
    found = parse_date(request.POST.get(name, "").strip())
    if found is None:
        raise StockError(_("%s请按年月日填写，如 20270331。") % what, "bad_day")
    return found


def _number(text: str, what: str) -> int:
    """A whole number as typed, full-width digits too."""
    try:
        return int(text.strip())
    except ValueError:
        raise StockError(_("%s请填整数。") % what, "bad_quantity") from None


def _token(request: HttpRequest) -> UUID:
    found = uuid_of(request.POST.get("token", ""))
    if found.int == 0:
        raise StockError(_("页面已过期，请刷新后重新填写。"), "no_token")
    return found


def _again(
    request: HttpRequest, template: str, context: dict[str, Any], error: CareError | None
) -> HttpResponse:
    """The page, with what was typed and what is wrong."""
    context |= {
        "token": request.POST.get("token") or uuid4(),
        "error": error.message_zh if error else "",
        "typed": request.POST,
        "today": timezone.localdate(),
    }
    return render(request, template, context, status=422 if error else 200)


@duty_page("manage_stock")
def receive(request: HttpRequest, pk: int) -> HttpResponse:
    """Goods from a supplier into a store."""
    actor = actor_of(request)
    store, error = kept_store(actor, pk), None
    if request.method == "POST":
        try:
            made = moves.receive(
                actor,
                store,
                request.POST.get("item", ""),
                request.POST.get("number", ""),
                request.POST.get("maker", ""),
                _day(request, "expires_on", _("有效期")),
                _number(request.POST.get("quantity", ""), _("数量")),
                _day(request, "on", _("入库日期")),
                _token(request),
                request.POST.get("document", ""),
            )
        except CareError as found:
            error = found
        else:
            say(request, _("已入库 %(n)d，批号 %(batch)s。")
                % {"n": made.change, "batch": made.batch.number})  # fmt: skip
            return redirect("stock-store", store.pk)
    makers = Batch.objects.order_by("maker").values_list("maker", flat=True).distinct()[:20]
    context = {"store": store, "supplies": items_offered(), "makers": list(makers)}
    return _again(request, "desk/stock/receive.html", context, error)


def _shelves(store: Organisation) -> list[reading.Shelf]:
    return [s for held in reading.held_in(store, timezone.localdate()) for s in held.shelves]


def _quantities(request: HttpRequest, shelves: list[reading.Shelf]) -> dict[Batch, int]:
    found = {}
    for shelf in shelves:
        text = request.POST.get(f"q-{shelf.batch.pk}", "").strip()
        if text:
            found[shelf.batch] = _number(text, _("批号 %s 的数量") % shelf.batch.number)
    return found


@duty_page("see_stock")
def send(request: HttpRequest, pk: int) -> HttpResponse:
    """Goods to another store of the county; back to the store above is a return."""
    actor = actor_of(request)
    store, error = kept_store(actor, pk), None
    shelves = _shelves(store)
    offered = _receivers(actor, store)
    if request.method == "POST":
        chosen = next((s for s in offered if str(s.pk) == request.POST.get("receiver")), None)
        try:
            if chosen is None:
                raise StockError(_("请选择收货库。"), "no_store")
            made = transfers.send(
                actor,
                store,
                chosen,
                _quantities(request, shelves),
                _day(request, "on", _("发货日期")),
                _token(request),
                request.POST.get("note", ""),
            )
        except CareError as found:
            error = found
        else:
            say(request, _("已发出，在途。请%s收到后确认数量。") % chosen.name)
            return redirect("stock-transfer", made.key)
    above = stores.upper(store)
    context = {
        "store": store,
        "shelves": [(s, request.POST.get(f"q-{s.batch.pk}", "")) for s in shelves],
        "states": STATES,
        "receivers": offered,
        "chosen": request.POST.get("receiver")
        or (str(above.pk) if above is not None and "back" in request.GET else ""),
        "is_return": "back" in request.GET,
    }
    return _again(request, "desk/stock/send.html", context, error)


def _receivers(actor: Actor, store: Organisation) -> list[Organisation]:
    """Stores of the same county: from a village only the one above."""
    above = stores.upper(store)
    if not actor.can("manage_stock"):
        return [above] if above is not None else []
    rows = Organisation.objects.filter(
        kind__in=stores.STORES,
        active=True,
        region__code__startswith=county_code(store.region_id),
    ).exclude(pk=store.pk)
    found = list(rows.order_by("region__code", "code"))
    return [*([above] if above else []), *(s for s in found if above is None or s.pk != above.pk)]


@duty_page("see_stock")
def transfer(request: HttpRequest, key: UUID) -> HttpResponse:
    """A consignment: what was sent, what arrived, what became of the difference."""
    actor = actor_of(request)
    rows = Transfer.objects.select_related("sender__region", "receiver__region", "sent_by")
    found = visible(actor, rows).filter(key=key).first()
    if found is None:
        raise NotFoundForYou
    error = None
    lines = list(
        found.lines.select_related("batch", "settled_by").order_by("batch__expires_on", "pk")
    )
    if request.method == "POST":
        try:
            counted = {
                row.pk: _number(request.POST.get(f"a-{row.pk}", ""), _("收到数")) for row in lines
            }
            done = transfers.arrive(
                found, actor, counted, timezone.localdate(), request.POST.get("note", "")
            )
        except CareError as problem:
            error = problem
        else:
            if done.status == Transfer.Status.DIFFERENT:
                say(request, _("已入账。少收的部分作为差异留着，请物资管理员查明后处理。"))
            else:
                say(request, _("已确认到货，全部入账。"))
            return redirect("stock-transfer", found.key)
    audit.record(actor, "read", "transfer", found.key)
    context = {
        "actor": actor,
        "transfer": found,
        "lines": [(row, request.POST.get(f"a-{row.pk}", str(row.sent))) for row in lines],
        "may_arrive": found.status == Transfer.Status.SENT and may_keep(actor, found.receiver),
        "may_settle": actor.can("manage_stock", found),
        "ways": transfers.SETTLEMENTS.items(),
        "settled_words": transfers.SETTLEMENTS,
        "unit": stores.supply_of(lines[0].batch.item).unit.zh if lines else "",
    }
    return _again(request, "desk/stock/transfer.html", context, error)


@duty_page("manage_stock", methods=("POST",))
def settle(request: HttpRequest, pk: int) -> HttpResponse:
    """Say what became of what was missing."""
    actor = actor_of(request)
    row = TransferLine.objects.select_related("transfer").filter(pk=pk).first()
    if row is None or not visible(actor, Transfer.objects.filter(pk=row.transfer_id)).exists():
        raise NotFoundForYou
    transfers.settle(row, actor, request.POST.get("how", ""), request.POST.get("reason", ""))
    say(request, _("差异已处理，并记在您名下。"))
    return redirect("stock-transfer", row.transfer.key)


@duty_page("see_stock")
def count(request: HttpRequest, pk: int) -> HttpResponse:
    """The sheet of a stock count: type what lies there, give a reason for each difference."""
    actor = actor_of(request)
    store, error = kept_store(actor, pk), None
    rows = list(
        Balance.objects.filter(store=store)
        .select_related("batch")
        .order_by("batch__item", "batch__expires_on", "batch")
    )
    rows = [r for r in rows if r.quantity or f"c-{r.batch_id}" in request.POST]
    if request.method == "POST":
        try:
            lines = {
                r.batch_id: counts.Counted(
                    r.batch,
                    _number(request.POST.get(f"b-{r.batch_id}", ""), _("账面数")),
                    _number(
                        request.POST.get(f"c-{r.batch_id}", ""),
                        _("批号 %s 的实盘数") % r.batch.number,
                    ),
                    request.POST.get(f"r-{r.batch_id}", ""),
                )
                for r in rows
            }
            made = counts.close(
                actor, store, lines, timezone.localdate(), _token(request),
                request.POST.get("note", ""),
            )  # fmt: skip
        except CareError as found:
            error = found
        else:
            say(request, _("盘点已入账。"))
            return redirect("stock-count-sheet", made.key)
    context = {
        "store": store,
        "rows": [
            {
                "row": r,
                "unit": stores.supply_of(r.batch.item).unit.zh,
                "counted": request.POST.get(f"c-{r.batch_id}", ""),
                "reason": request.POST.get(f"r-{r.batch_id}", ""),
            }
            for r in rows
        ],
    }
    return _again(request, "desk/stock/count.html", context, error)


@duty_page("see_stock")
def write_off(request: HttpRequest, pk: int) -> HttpResponse:
    """Expired, damaged or lost goods out of the books."""
    actor = actor_of(request)
    store, error = kept_store(actor, pk), None
    shelves = _shelves(store)
    if request.method == "POST":
        shelf = next((s for s in shelves if str(s.batch.pk) == request.POST.get("batch")), None)
        try:
            if shelf is None:
                raise StockError(_("请选择批次。"), "no_batch")
            moves.write_off(
                actor,
                store,
                shelf.batch,
                _number(request.POST.get("quantity", ""), _("数量")),
                request.POST.get("reason", ""),
                timezone.localdate(),
                _token(request),
            )
        except CareError as found:
            error = found
        else:
            say(request, _("已报损出账。"))
            return redirect("stock-store", store.pk)
    wanted = request.POST.get("batch") or request.GET.get("batch", "")
    context = {
        "store": store,
        "shelves": [(s, str(s.batch.pk) == wanted) for s in shelves],
        "states": STATES,
        # The whole of it only where it may not be handed out any more.
        "whole": next(
            (
                s.quantity
                for s in shelves
                if str(s.batch.pk) == wanted and s.state in ("expired", "recalled")
            ),
            "",
        ),
    }
    return _again(request, "desk/stock/write_off.html", context, error)
