"""Stores: what they hold, and the acts that move it. The same services as the pages."""

import datetime as dt
from typing import Any
from uuid import UUID

from django.http import HttpRequest
from django.utils import timezone
from ninja import Query, Router, Schema, Status
from pydantic import Field

from sanyou.api import reach, shapes
from sanyou.api.auth import actor_of
from sanyou.care.models import Encounter
from sanyou.registry.access import Actor, NotFoundForYou, visible
from sanyou.registry.models import Organisation
from sanyou.stock import counts, moves, reading, signing, stores, transfers
from sanyou.stock.models import Batch, Movement, Transfer, TransferLine
from sanyou.trust import audit

router = Router(tags=["stock"])


class BatchOut(Schema):
    key: UUID
    number: str
    maker: str
    expires_on: dt.date
    quantity: int
    state: str = Field(description="good | soon | expired | recalled")


class HeldOut(Schema):
    item: str
    label: str
    unit: str
    usable: int
    barred: int
    low: bool
    batches: list[BatchOut]


class StoreOut(Schema):
    id: int
    name: str
    kind: str
    region: str
    held: list[HeldOut]


class MovementOut(Schema):
    key: UUID
    kind: str
    batch: UUID
    change: int
    left: int
    on: dt.date
    reason: str


class ReceiveIn(shapes.Body):
    """`token`: a fresh uuid of the sender; the same token is booked once."""

    token: UUID
    item: str
    number: str
    maker: str
    expires_on: dt.date
    quantity: int
    on: dt.date | None = None
    document: str = ""


class WriteOffIn(shapes.Body):
    token: UUID
    batch: UUID
    quantity: int
    reason: str


class SendIn(shapes.Body):
    token: UUID
    receiver: int = Field(description="id of the receiving store")
    lines: dict[UUID, int] = Field(description="batch key -> units")
    on: dt.date | None = None
    note: str = ""


class LineOut(Schema):
    id: int
    batch: UUID
    sent: int
    arrived: int | None
    open_difference: int
    settled: str


class TransferOut(Schema):
    key: UUID
    sender: int
    receiver: int
    status: str
    is_return: bool
    sent_on: dt.date
    arrived_on: dt.date | None
    lines: list[LineOut]


class ArriveIn(shapes.Body):
    counted: dict[int, int] = Field(description="line id -> units that came")
    note: str = ""


class SettleIn(shapes.Body):
    how: str = Field(description="found | back | lost")
    reason: str


class CountLineIn(shapes.Body):
    batch: UUID
    booked: int
    counted: int
    reason: str = ""


class CountIn(shapes.Body):
    token: UUID
    lines: list[CountLineIn]
    note: str = ""


class CountOut(Schema):
    key: UUID
    on: dt.date
    differences: int


class ReturnIn(shapes.Body):
    token: UUID
    quantity: int
    reason: str


class RecipientOut(Schema):
    episode: UUID
    number: str
    region: str
    units: int
    last_on: dt.date


def _store(actor: Actor, pk: int) -> Organisation:
    actor.require("see_stock")
    found = stores.stores(actor).filter(pk=pk).first()
    if found is None:
        raise NotFoundForYou
    return found


def _batch(actor: Actor, key: UUID) -> Batch:
    actor.require("see_stock")
    return reach.find(actor, Batch.objects.all(), key)


def _store_out(row: Organisation) -> dict[str, Any]:
    held = [
        {
            "item": h.item,
            "label": h.label,
            "unit": h.unit,
            "usable": h.usable,
            "barred": h.barred,
            "low": h.low,
            "batches": [
                {
                    "key": s.batch.key,
                    "number": s.batch.number,
                    "maker": s.batch.maker,
                    "expires_on": s.batch.expires_on,
                    "quantity": s.quantity,
                    "state": s.state,
                }
                for s in h.shelves
            ],
        }
        for h in reading.held_in(row, timezone.localdate())
    ]
    return {
        "id": row.pk,
        "name": row.name,
        "kind": row.kind,
        "region": row.region_id,
        "held": held,
    }


def _movement_out(row: Movement) -> dict[str, Any]:
    return {
        "key": row.key,
        "kind": row.kind,
        "batch": row.batch.key,
        "change": row.change,
        "left": row.left,
        "on": row.on,
        "reason": row.reason,
    }


def _transfer_out(row: Transfer) -> dict[str, Any]:
    return {
        "key": row.key,
        "sender": row.sender_id,
        "receiver": row.receiver_id,
        "status": row.status,
        "is_return": row.is_return,
        "sent_on": row.sent_on,
        "arrived_on": row.arrived_on,
        "lines": [
            {
                "id": line.pk,
                "batch": line.batch.key,
                "sent": line.sent,
                "arrived": line.arrived,
                "open_difference": line.open_difference,
                "settled": line.settled,
            }
            for line in row.lines.select_related("batch").order_by("pk")
        ],
    }


@router.get("/stores", response=list[StoreOut])
def listed(request: HttpRequest, page: Query[shapes.Page]) -> object:
    """Stores of the caller's region in which something was ever booked."""
    actor = actor_of(request)
    actor.require("see_stock")
    rows = stores.stores(actor).filter(balances__isnull=False).distinct()
    found = list(rows[page.offset : page.offset + page.limit])
    audit.record(actor, "list", "stock", "", rows=len(found))
    return [_store_out(row) for row in found]


@router.get("/stores/{int:pk}", response=StoreOut)
def store(request: HttpRequest, pk: int) -> object:
    """One store with its batches, the first to expire first."""
    actor = actor_of(request)
    row = _store(actor, pk)
    audit.record(actor, "read", "stock", row.code)
    return _store_out(row)


@router.get("/stores/{int:pk}/movements", response=list[MovementOut])
def movements(request: HttpRequest, pk: int, page: Query[shapes.Page]) -> object:
    """The ledger of a store, the latest first."""
    actor = actor_of(request)
    row = _store(actor, pk)
    rows = Movement.objects.filter(store=row).select_related("batch").order_by("-pk")
    audit.record(actor, "read", "stock", row.code)
    return [_movement_out(m) for m in rows[page.offset : page.offset + page.limit]]


@router.post("/stores/{int:pk}/receipts", response={201: MovementOut})
def receive(request: HttpRequest, pk: int, body: ReceiveIn) -> object:
    """Goods from a supplier into a store."""
    actor = actor_of(request)
    made = moves.receive(
        actor, _store(actor, pk), body.item, body.number, body.maker, body.expires_on,
        body.quantity, body.on or timezone.localdate(), body.token, body.document,
    )  # fmt: skip
    return Status(201, _movement_out(made))


@router.post("/stores/{int:pk}/write-offs", response={201: MovementOut})
def write_off(request: HttpRequest, pk: int, body: WriteOffIn) -> object:
    """Expired, damaged or lost goods out of the books."""
    actor = actor_of(request)
    row, batch = _store(actor, pk), _batch(actor, body.batch)
    made = moves.write_off(
        actor, row, batch, body.quantity, body.reason, timezone.localdate(), body.token
    )
    return Status(201, _movement_out(made))


@router.post("/stores/{int:pk}/transfers", response={201: TransferOut})
def send(request: HttpRequest, pk: int, body: SendIn) -> object:
    """Goods on their way to another store of the county; to the store above it is a return."""
    actor = actor_of(request)
    sender = _store(actor, pk)
    receiver = Organisation.objects.filter(pk=body.receiver).select_related("region").first()
    if receiver is None:
        raise NotFoundForYou
    lines = {_batch(actor, key): units for key, units in body.lines.items()}
    made = transfers.send(
        actor, sender, receiver, lines, body.on or timezone.localdate(), body.token, body.note
    )
    return Status(201, _transfer_out(made))


def _transfer(actor: Actor, key: UUID) -> Transfer:
    actor.require("see_stock")
    rows = Transfer.objects.select_related("sender__region", "receiver__region")
    return reach.find(actor, rows, key)


@router.get("/transfers", response=list[TransferOut])
def open_transfers(request: HttpRequest, page: Query[shapes.Page]) -> object:
    """Consignments on the way, or with a difference nobody has settled."""
    actor = actor_of(request)
    actor.require("see_stock")
    found = list(reading.arrivals(actor)[page.offset : page.offset + page.limit])
    audit.record(actor, "list", "transfer", "", rows=len(found))
    return [_transfer_out(row) for row in found]


@router.post("/transfers/{uuid:key}/arrival", response=TransferOut)
def arrive(request: HttpRequest, key: UUID, body: ArriveIn) -> object:
    """The receiver's count of what came."""
    actor = actor_of(request)
    row = _transfer(actor, key)
    return _transfer_out(
        transfers.arrive(row, actor, body.counted, timezone.localdate(), body.note)
    )


@router.post("/transfers/{uuid:key}/lines/{int:pk}/settlement", response=TransferOut)
def settle(request: HttpRequest, key: UUID, pk: int, body: SettleIn) -> object:
    """What became of what was missing."""
    actor = actor_of(request)
    row = _transfer(actor, key)
    line = TransferLine.objects.filter(pk=pk, transfer=row).first()
    if line is None:
        raise NotFoundForYou
    transfers.settle(line, actor, body.how, body.reason)
    return _transfer_out(_transfer(actor, key))


@router.post("/stores/{int:pk}/counts", response={201: CountOut})
def count(request: HttpRequest, pk: int, body: CountIn) -> object:
    """A counted sheet; every difference with its reason."""
    actor = actor_of(request)
    row = _store(actor, pk)
    lines = {}
    for line in body.lines:
        batch = _batch(actor, line.batch)
        lines[batch.pk] = counts.Counted(batch, line.booked, line.counted, line.reason)
    made = counts.close(actor, row, lines, timezone.localdate(), body.token, body.note)
    wrong = sum(1 for found in made.lines.all() if found.difference)
    return Status(201, {"key": made.key, "on": made.on, "differences": wrong})


@router.post("/batches/{uuid:key}/recall", response=list[RecipientOut])
def recall(request: HttpRequest, key: UUID, body: shapes.ReasonIn) -> object:
    """Stop handing out a batch; answers who got it."""
    actor = actor_of(request)
    batch = moves.recall(actor, _batch(actor, key), body.reason)
    return _recipients(actor, batch)


@router.get("/batches/{uuid:key}/recipients", response=list[RecipientOut])
def recipients(request: HttpRequest, key: UUID) -> object:
    """The records of those who got a batch, in the caller's region; nobody is named."""
    actor = actor_of(request)
    return _recipients(actor, _batch(actor, key))


def _recipients(actor: Actor, batch: Batch) -> list[dict[str, Any]]:
    found = reading.recipients(actor, batch)
    audit.record(actor, "read", "batch", batch.key, people=len(found))
    return [
        {
            "episode": r.episode.key,
            "number": r.episode.number,
            "region": r.episode.region_id,
            "units": r.units,
            "last_on": r.last_on,
        }
        for r in found
    ]


@router.post("/encounters/{uuid:key}/return", response={201: list[MovementOut]})
def bring_back(request: HttpRequest, key: UUID, body: ReturnIn) -> object:
    """Unopened units of a signed record of issue, back into the store they came from."""
    actor = actor_of(request)
    rows = Encounter.objects.select_related("episode__region", "episode__person", "replaces")
    row = visible(actor, rows).filter(key=key).first()
    if row is None or signing.use_of(row) is None:
        raise NotFoundForYou
    made = signing.take_back(
        row, actor, body.quantity, body.reason, timezone.localdate(), body.token
    )
    return Status(201, [_movement_out(m) for m in made])
