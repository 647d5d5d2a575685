"""What goes into a store and out of it. One act is one transaction; a double click gives the first.

Every act first takes the audit head (see `sanyou.trust.audit.hold`) and then the balances in order
of their keys, so that acts wait for each other and never for ever.
"""

from collections.abc import Iterable
from datetime import date
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from sanyou.care.models import Encounter
from sanyou.registry.access import Actor, Forbidden
from sanyou.registry.models import Organisation
from sanyou.stock import stores
from sanyou.stock.errors import NotEnough, StockError
from sanyou.stock.models import Balance, Batch, Count, Movement, Transfer
from sanyou.trust import audit

Kind = Movement.Kind
MOST = 1_000_000  # units in one act: more is a slip of the finger


def quantity_of(value: int) -> int:
    """A whole number of units above nought, or a StockError."""
    if value <= 0:
        raise StockError(_("数量要填大于 0 的整数。"), "bad_quantity")
    if value > MOST:
        raise StockError(_("数量过大，请核对是否多填了位数。"), "bad_quantity")
    return value


def reason_of(text: str, what: str) -> str:
    """A reason that says something, or a StockError."""
    if not text.strip():
        raise StockError(_("请填写%s，以后核对时要用。") % what, "reason_missing")
    return text.strip()[:300]


def day_of(on: date) -> date:
    """A day that is not still to come, or a StockError."""
    if on > timezone.localdate():
        raise StockError(_("日期晚于今天，请核对。"), "bad_day")
    return on


def clicked(token: UUID, kinds: Iterable[str]) -> list[Movement]:
    """What a page has already done: its lines, or none."""
    return list(Movement.objects.filter(token=token, kind__in=list(kinds)).order_by("pk"))


def held(store: Organisation, batches: Iterable[Batch]) -> dict[int, Balance]:
    """The balances of these batches in a store, held; batch pk -> balance. New ones at nought."""
    wanted = sorted({b.pk for b in batches})
    have = set(
        Balance.objects.filter(store=store, batch__in=wanted).values_list("batch_id", flat=True)
    )
    Balance.objects.bulk_create(
        [Balance(store=store, batch_id=pk) for pk in wanted if pk not in have],
        ignore_conflicts=True,
    )
    rows = (
        Balance.objects.select_for_update(of=("self",))
        .select_related("batch", "store")
        .filter(store=store, batch__in=wanted)
        .order_by("pk")
    )
    return {row.batch_id: row for row in rows}


def put(
    balance: Balance,
    change: int,
    kind: str,
    on: date,
    actor: Actor,
    *,
    token: UUID | None = None,
    reason: str = "",
    document: str = "",
    transfer: Transfer | None = None,
    count: Count | None = None,
    issue: Encounter | None = None,
) -> Movement:
    """One line of the ledger and the balance after it. The balance is held by the caller."""
    left = balance.quantity + change
    if left < 0:
        unit = stores.supply_of(balance.batch.item).unit.zh
        raise NotEnough(
            _(
                "%(store)s的批号 %(batch)s 只剩 %(left)d %(unit)s，不能减少 %(want)d %(unit)s。请核对。"
            )
            % {
                "store": balance.store.name,
                "batch": balance.batch.number,
                "left": balance.quantity,
                "unit": unit,
                "want": -change,
            }
        )
    balance.quantity = left
    balance.save(update_fields=["quantity"])
    return Movement.objects.create(
        token=token,
        kind=kind,
        store=balance.store,
        batch=balance.batch,
        change=change,
        left=left,
        on=on,
        reason=reason,
        document=document,
        transfer=transfer,
        count=count,
        issue=issue,
        by=actor.staff,
    )


@transaction.atomic
def receive(
    actor: Actor,
    store: Organisation,
    item: str,
    number: str,
    maker: str,
    expires_on: date,
    quantity: int,
    on: date,
    token: UUID,
    document: str = "",
) -> Movement:
    """Goods from outside the district: a batch with maker and expiry into a store."""
    stores.require_keeper(actor, store)
    stores.supply_of(item)
    audit.hold()
    if done := clicked(token, [Kind.RECEIVE]):
        return done[0]
    quantity_of(quantity)
    day_of(on)
    number, maker = number.strip()[:60], maker.strip()[:80]
    if not number or not maker:
        raise StockError(_("请照包装填写批号和生产厂家，召回时要靠它找人。"), "batch_missing")
    if expires_on < on:
        raise StockError(_("这批物资在入库日已过有效期，不能入库。请退回供货方。"), "expired")
    batch, _created = Batch.objects.get_or_create(
        item=item, number=number, maker=maker, defaults={"expires_on": expires_on}
    )
    if batch.expires_on != expires_on:
        raise StockError(
            _("批号 %(number)s 以前登记的有效期是 %(on)s，与这次不同。请对照包装核实。")
            % {"number": number, "on": batch.expires_on.isoformat()},
            "other_expiry",
        )
    balance = held(store, [batch])[batch.pk]
    made = put(
        balance, quantity, Kind.RECEIVE, on, actor, token=token, document=document.strip()[:60]
    )
    audit.record(actor, "stock-receive", "stock", made.key, quantity=quantity)
    return made


@transaction.atomic
def write_off(
    actor: Actor,
    store: Organisation,
    batch: Batch,
    quantity: int,
    reason: str,
    on: date,
    token: UUID,
) -> Movement:
    """Expired, damaged or lost goods out of the books."""
    stores.require_keeper(actor, store)
    audit.hold()
    if done := clicked(token, [Kind.WRITE_OFF]):
        return done[0]
    why = reason_of(reason, _("报损原因"))
    balance = held(store, [batch])[batch.pk]
    made = put(
        balance, -quantity_of(quantity), Kind.WRITE_OFF, day_of(on), actor, token=token, reason=why
    )
    audit.record(actor, "stock-write-off", "stock", made.key, quantity=quantity)
    return made


def usable(rows: Iterable[Balance], on: date) -> list[Balance]:
    """What may be handed out on a day, the first to expire first: its last day still counts."""
    good = [
        b
        for b in rows
        if b.quantity > 0 and b.batch.expires_on >= on and b.batch.recalled_on is None
    ]
    return sorted(good, key=lambda b: (b.batch.expires_on, b.batch_id))


def hand_out(
    store: Organisation, item: str, quantity: int, on: date, actor: Actor, issue: Encounter
) -> list[Movement]:
    """Units of a supply to somebody, first-expiring first. Inside the signing's transaction."""
    rows = list(
        Balance.objects.select_for_update(of=("self",))
        .select_related("batch", "store")
        .filter(store=store, batch__item=item)
        .order_by("pk")
    )
    good = usable(rows, on)
    there = sum(b.quantity for b in good)
    if there < quantity:
        raise NotEnough(_short(store, item, quantity, there, rows, on))
    made = []
    for balance in good:
        part = min(quantity, balance.quantity)
        if part == 0:
            break
        made.append(put(balance, -part, Kind.ISSUE, on, actor, issue=issue))
        quantity -= part
    return made


def _short(
    store: Organisation, item: str, want: int, there: int, rows: list[Balance], on: date
) -> str:
    supply = stores.supply_of(item)
    unit = supply.unit.zh
    text = _("%(store)s的%(item)s可发的只剩 %(there)d %(unit)s，不够发 %(want)d %(unit)s。") % {
        "store": store.name,
        "item": supply.label.zh,
        "there": there,
        "unit": unit,
        "want": want,
    }
    barred = sum(b.quantity for b in rows) - there
    if barred:
        text += _("另有 %(n)d %(unit)s已过期或被召回，不能发放。") % {"n": barred, "unit": unit}
    return text + _("请少发几%(unit)s，或先请上级调拨、入库后再签名。") % {"unit": unit}


def given(issue: Encounter) -> list[tuple[Balance, int]]:
    """What was handed out on an occasion and not come back: balances, held, with units, the last
    to expire first."""
    net: dict[tuple[int, int], int] = {}
    for row in Movement.objects.filter(issue=issue):
        place = (row.store_id, row.batch_id)
        net[place] = net.get(place, 0) - row.change
    out = {place: n for place, n in net.items() if n > 0}
    rows = (
        Balance.objects.select_for_update(of=("self",))
        .select_related("batch", "store")
        .filter(
            store__in={store for store, _batch in out}, batch__in={batch for _store, batch in out}
        )
        .order_by("pk")
    )
    found = [(b, out[b.store_id, b.batch_id]) for b in rows if (b.store_id, b.batch_id) in out]
    return sorted(found, key=lambda f: (f[0].batch.expires_on, f[0].batch_id), reverse=True)


def give_back(
    issue: Encounter,
    quantity: int,
    kind: str,
    on: date,
    actor: Actor,
    reason: str,
    token: UUID | None = None,
) -> list[Movement]:
    """Units of an occasion back into the store they came from. Inside a transaction."""
    made = []
    for balance, units in given(issue):
        part = min(units, quantity)
        if part == 0:
            break
        made.append(put(balance, part, kind, on, actor, reason=reason, issue=issue, token=token))
        quantity -= part
    return made


@transaction.atomic
def recall(actor: Actor, batch: Batch, reason: str) -> Batch:
    """Stop handing out a batch everywhere. The women who got it: `reading.recipients`."""
    actor.require("manage_stock", batch)
    if actor.region is not None and actor.region.level in ("township", "village"):
        raise Forbidden(_("召回涉及全区各库，请报区县中心的物资管理员办理。"))
    audit.hold()
    row = Batch.objects.select_for_update(of=("self",)).get(pk=batch.pk)
    if row.recalled_on is not None:
        return row
    row.recalled_on = timezone.localdate()
    row.recall_reason = reason_of(reason, _("召回原因"))
    row.recalled_by = actor.staff
    row.save(update_fields=["recalled_on", "recall_reason", "recalled_by"])
    audit.record(actor, "stock-recall", "batch", row.key)
    return row
