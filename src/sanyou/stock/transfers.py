"""Consignments between stores: sent, on the way, counted by the receiver, differences settled."""

from collections.abc import Mapping
from datetime import date
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sanyou.registry.access import Actor
from sanyou.registry.models import Organisation
from sanyou.registry.regions import county_code
from sanyou.stock import stores
from sanyou.stock.errors import StockError
from sanyou.stock.models import Batch, Movement, Transfer, TransferLine
from sanyou.stock.moves import day_of, held, put, quantity_of, reason_of
from sanyou.trust import audit

Kind, Status = Movement.Kind, Transfer.Status

# How a difference may end: where the missing units were.
SETTLEMENTS = {
    "found": gettext_lazy("后来收到，补记入收货库"),
    "back": gettext_lazy("没有发出，退回发货库"),
    "lost": gettext_lazy("途中丢失或损坏，报损"),
}


@transaction.atomic
def send(
    actor: Actor,
    sender: Organisation,
    receiver: Organisation,
    lines: Mapping[Batch, int],
    on: date,
    token: UUID,
    note: str = "",
) -> Transfer:
    """Goods out of one store, on their way to another of the same county. The same token once."""
    stores.require_keeper(actor, sender)
    audit.hold()
    found = Transfer.objects.filter(token=token).first()
    if found is not None:
        return found
    if sender.pk == receiver.pk:
        raise StockError(_("发货库和收货库相同，请重新选择。"), "same_store")
    if receiver.kind not in stores.STORES or not receiver.active:
        raise StockError(_("这个单位没有库房，请重新选择收货库。"), "no_store")
    if county_code(sender.region_id) != county_code(receiver.region_id):
        raise StockError(_("只能在本区县的库之间调拨。"), "other_county")
    wanted = {batch: n for batch, n in lines.items() if n}
    if not wanted:
        raise StockError(_("请至少填写一个批次的数量。"), "nothing")
    day_of(on)
    balances = held(sender, wanted)
    above = stores.upper(sender)
    transfer = Transfer.objects.create(
        token=token,
        sender=sender,
        receiver=receiver,
        note=note.strip()[:300],
        sent_on=on,
        sent_by=actor.staff,
        is_return=above is not None and above.pk == receiver.pk,
    )
    for batch, quantity in wanted.items():
        put(balances[batch.pk], -quantity_of(quantity), Kind.SEND, on, actor, transfer=transfer)
        TransferLine.objects.create(transfer=transfer, batch=batch, sent=quantity)
    audit.record(actor, "stock-send", "transfer", transfer.key, lines=len(wanted))
    return transfer


@transaction.atomic
def arrive(
    transfer: Transfer, actor: Actor, counted: Mapping[int, int], on: date, note: str = ""
) -> Transfer:
    """The receiver counts what came. `counted`: line pk -> units. Less than sent stays open as a
    difference until a named person settles it. The same again gives the first."""
    stores.require_keeper(actor, transfer.receiver)
    audit.hold()
    row = Transfer.objects.select_for_update(of=("self",)).get(pk=transfer.pk)
    if row.status != Status.SENT:
        return row
    day_of(on)
    if on < row.sent_on:
        raise StockError(_("到货日期早于发货日期，请核对。"), "bad_day")
    lines = list(row.lines.select_related("batch").order_by("pk"))
    balances = held(row.receiver, [line.batch for line in lines])
    for line in lines:
        units = counted.get(line.pk)
        if units is None or units < 0:
            raise StockError(_("请填写每个批次实际收到的数量，没有收到填 0。"), "not_counted")
        if units > line.sent:
            raise StockError(
                _(
                    "批号 %(number)s 发出 %(sent)d，收到数不能多于发出数。确实多了，请让发货方补一张调拨单。"
                )
                % {"number": line.batch.number, "sent": line.sent},
                "too_many",
            )
        line.arrived = units
        line.save(update_fields=["arrived"])
        if units:
            put(balances[line.batch_id], units, Kind.ARRIVE, on, actor, transfer=row)
    row.status = Status.DIFFERENT if any(line.missing for line in lines) else Status.DONE
    row.arrived_on, row.arrived_by = on, actor.staff
    if note.strip():
        row.note = f"{row.note} {note.strip()}".strip()[:300]
    row.save(update_fields=["status", "arrived_on", "arrived_by", "note"])
    missing = sum(line.missing for line in lines)
    audit.record(actor, "stock-arrive", "transfer", row.key, missing=missing)
    return row


@transaction.atomic
def settle(line: TransferLine, actor: Actor, how: str, reason: str) -> TransferLine:
    """A named person says what became of what was missing. Settled once."""
    found = TransferLine.objects.select_related("transfer__sender", "transfer__receiver").get(
        pk=line.pk
    )
    actor.require("manage_stock", found.transfer)
    audit.hold()
    transfer = Transfer.objects.select_for_update(of=("self",)).get(pk=found.transfer_id)
    row = TransferLine.objects.select_related("batch").get(pk=line.pk)
    if row.settled or transfer.status == Status.DONE:
        return row
    if how not in SETTLEMENTS:
        raise StockError(_("请选择差异的处理办法。"), "no_choice")
    if row.missing == 0:
        raise StockError(_("这一行没有差异，不需要处理。"), "no_difference")
    why, today = reason_of(reason, _("差异原因")), timezone.localdate()
    units = row.missing
    if how == "found":
        balance = held(transfer.receiver, [row.batch])[row.batch_id]
        put(balance, units, Kind.ARRIVE, today, actor, transfer=transfer, reason=why)
    else:
        # Back into the sender's books; what is lost is then written off there, in the open.
        balance = held(transfer.sender, [row.batch])[row.batch_id]
        put(balance, units, Kind.BACK, today, actor, transfer=transfer, reason=why)
        if how == "lost":
            put(balance, -units, Kind.WRITE_OFF, today, actor, transfer=transfer, reason=why)
    row.settled, row.settled_reason = how, why
    row.settled_on, row.settled_by = today, actor.staff
    row.save(update_fields=["settled", "settled_reason", "settled_on", "settled_by"])
    if not any(other.open_difference for other in transfer.lines.all()):
        transfer.status = Status.DONE
        transfer.save(update_fields=["status"])
    audit.record(actor, "stock-settle", "transfer", transfer.key, how=how, units=units)
    return row
