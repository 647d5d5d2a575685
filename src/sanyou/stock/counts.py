"""Stock counts: what is on the shelf against what is in the books."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext as _

from sanyou.registry.access import Actor
from sanyou.registry.models import Organisation
from sanyou.stock import stores
from sanyou.stock.errors import StockError
from sanyou.stock.models import Batch, Count, CountLine, Movement
from sanyou.stock.moves import day_of, held, put
from sanyou.trust import audit


@dataclass(frozen=True, slots=True)
class Counted:
    """One batch on the sheet. `booked` is what the sheet showed when it was opened."""

    batch: Batch
    booked: int
    counted: int
    reason: str = ""


@transaction.atomic
def close(
    actor: Actor,
    store: Organisation,
    lines: Mapping[int, Counted],
    on: date,
    token: UUID,
    note: str = "",
) -> Count:
    """Enter a counted sheet: differences are booked, each with its reason. The same token once.

    StockError when the store's books have moved since the sheet was opened.
    """
    stores.require_keeper(actor, store)
    audit.hold()
    found = Count.objects.filter(token=token).first()
    if found is not None:
        return found
    if not lines:
        raise StockError(_("盘点表上没有批次。"), "nothing")
    day_of(on)
    balances = held(store, [line.batch for line in lines.values()])
    for line in lines.values():
        if balances[line.batch.pk].quantity != line.booked:
            raise StockError(
                _("盘点期间批号 %s 有出入库，账面数已变。请刷新盘点表，核对后重新提交。")
                % line.batch.number,
                "moved",
            )
        if line.counted < 0:
            raise StockError(_("实盘数不能小于 0。"), "bad_quantity")
        if line.counted != line.booked and not line.reason.strip():
            raise StockError(
                _("批号 %s 的实盘数与账面数不同，请填写差异原因。") % line.batch.number,
                "reason_missing",
            )
    count = Count.objects.create(
        token=token, store=store, on=on, note=note.strip()[:300], by=actor.staff
    )
    for line in lines.values():
        CountLine.objects.create(
            count=count,
            batch=line.batch,
            booked=line.booked,
            counted=line.counted,
            reason=line.reason.strip()[:300],
        )
        if change := line.counted - line.booked:
            put(
                balances[line.batch.pk],
                change,
                Movement.Kind.ADJUST,
                on,
                actor,
                count=count,
                reason=line.reason.strip()[:300],
            )
    wrong = sum(1 for line in lines.values() if line.counted != line.booked)
    audit.record(actor, "stock-count", "count", count.key, differences=wrong)
    return count
