"""What the stores hold and what moved, for pages, prints and the API. Nothing here writes."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta

from django.db.models import Q, QuerySet, Sum

from sanyou.care.models import Episode
from sanyou.registry.access import Actor, visible
from sanyou.registry.models import Organisation, Region
from sanyou.stock import stores
from sanyou.stock.models import Balance, Batch, Movement, Transfer, TransferLine

Kind = Movement.Kind
USED_UP_DAYS = 30  # a store is low when it would not last this long at the pace of late
PACE_DAYS = 90


@dataclass(frozen=True)
class Shelf:
    """A batch in a store as it stands today. `state`: good | soon | expired | recalled."""

    balance: Balance
    state: str
    days: int  # until its last day; below nought once it is past

    @property
    def batch(self) -> Batch:
        return self.balance.batch

    @property
    def quantity(self) -> int:
        return self.balance.quantity


@dataclass(frozen=True)
class Held:
    """One supply in one store: what may be handed out, what may not, how long it lasts."""

    item: str
    label: str
    unit: str
    shelves: tuple[Shelf, ...]
    usable: int
    barred: int  # expired or recalled
    pace: int  # handed out or sent on in the last PACE_DAYS
    low: bool

    @property
    def days_left(self) -> int | None:
        """Days it lasts at the pace of late; None where nothing went out."""
        return self.usable * PACE_DAYS // self.pace if self.pace else None


def state_of(batch: Batch, on: date) -> tuple[str, int]:
    """(good | soon | expired | recalled, days until its last day)."""
    days = (batch.expires_on - on).days
    if batch.recalled_on is not None:
        return "recalled", days
    if days < 0:
        return "expired", days
    warn = stores.supply_of(batch.item).warn_days_before_expiry
    return ("soon" if days <= warn else "good"), days


def held_in(store: Organisation, on: date) -> list[Held]:
    """Every supply ever booked in a store, the first-expiring batch first."""
    rows = (
        Balance.objects.filter(store=store)
        .select_related("batch")
        .order_by("batch__expires_on", "batch")
    )
    by_item: dict[str, list[Shelf]] = defaultdict(list)
    for row in rows:
        by_item[row.batch.item].append(Shelf(row, *state_of(row.batch, on)))
    return [_held(store, item, shelves, on) for item, shelves in sorted(by_item.items())]


def _held(store: Organisation, item: str, shelves: list[Shelf], on: date) -> Held:
    supply = stores.supply_of(item)
    usable = sum(s.quantity for s in shelves if s.state in ("good", "soon"))
    barred = sum(s.quantity for s in shelves if s.state in ("expired", "recalled"))
    pace = -(
        Movement.objects.filter(
            store=store,
            batch__item=item,
            kind__in=(Kind.ISSUE, Kind.CORRECT, Kind.SEND),
            on__gt=on - timedelta(days=PACE_DAYS),
            on__lte=on,
        ).aggregate(n=Sum("change"))["n"]
        or 0
    )
    low = usable == 0 or (pace > 0 and usable * PACE_DAYS < pace * USED_UP_DAYS)
    shown = tuple(s for s in shelves if s.quantity)
    return Held(item, supply.label.zh, supply.unit.zh, shown, usable, barred, max(pace, 0), low)


def ledger(store: Organisation, start: date, end: date, item: str = "") -> QuerySet[Movement]:
    """The lines of a store's ledger in a period, in the order they were booked."""
    rows = Movement.objects.filter(store=store, on__gte=start, on__lte=end)
    rows = rows.filter(batch__item=item) if item else rows
    return rows.select_related(
        "batch", "by", "transfer__sender", "transfer__receiver", "issue__episode"
    ).order_by("on", "pk")


def sums(rows: Iterable[tuple[str, int]]) -> dict[str, int]:
    """Kind -> units, of (kind, change) pairs."""
    found: dict[str, int] = defaultdict(int)
    for kind, change in rows:
        found[kind] += change
    return dict(found)


@dataclass(frozen=True)
class BatchTotal:
    """What became of a batch in all stores one may see; `holds` when the sum is right."""

    batch: Batch
    by_kind: Mapping[str, int]
    in_stores: int
    on_the_way: int

    @property
    def accounted(self) -> int:
        """Received - issued - written off + returned (+ counted differences)."""
        kinds = (Kind.RECEIVE, Kind.ISSUE, Kind.CORRECT, Kind.RETURN, Kind.ADJUST, Kind.WRITE_OFF)
        return sum(self.by_kind.get(kind, 0) for kind in kinds)

    @property
    def holds(self) -> bool:
        return self.accounted == self.in_stores + self.on_the_way

    def of(self, *kinds: str) -> int:
        return sum(self.by_kind.get(kind, 0) for kind in kinds)


def batch_total(batch: Batch, county: str = "") -> BatchTotal:
    """One batch, in the stores of a county ("" everywhere)."""
    here = {"store__region__code__startswith": county}
    moved = Movement.objects.filter(batch=batch, **here).values_list("kind", "change")
    lying = Balance.objects.filter(batch=batch, **here).aggregate(n=Sum("quantity"))["n"] or 0
    lines = TransferLine.objects.filter(
        batch=batch, transfer__sender__region__code__startswith=county
    ).exclude(transfer__status=Transfer.Status.DONE)
    return BatchTotal(batch, sums(moved), lying, sum(line.on_the_way for line in lines))


@dataclass
class Recipient:
    """Somebody who got units of a batch and has not brought them back."""

    episode: Episode
    units: int
    last_on: date
    stores: set[str] = field(default_factory=set)


def recipients(actor: Actor, batch: Batch) -> list[Recipient]:
    """Who got a batch, in the actor's region, the latest first."""
    rows = (
        Movement.objects.filter(batch=batch, issue__isnull=False)
        .select_related("store")
        .values_list("issue__episode", "change", "on", "store__name", "kind")
    )
    units: dict[int, int] = defaultdict(int)
    last: dict[int, date] = {}
    where: dict[int, set[str]] = defaultdict(set)
    for pk, change, on, store, kind in rows:
        units[pk] -= change
        where[pk].add(store)
        if kind == Kind.ISSUE:
            last[pk] = max(last.get(pk, on), on)
    concerned = [pk for pk, n in units.items() if n > 0]
    found = visible(actor, Episode.objects.filter(pk__in=concerned)).select_related(
        "person", "couple__wife", "couple__husband", "region"
    )
    people = [Recipient(e, units[e.pk], last[e.pk], where[e.pk]) for e in found]
    return sorted(people, key=lambda r: (r.last_on, r.episode.pk), reverse=True)


@dataclass(frozen=True)
class Place:
    """A township (or the centre) in the district's overview, with the stores in it."""

    region: Region
    stores: int
    usable: int
    barred: int
    soon: int
    issued: int  # handed out in the last PACE_DAYS
    on_the_way: int
    differences: int

    @property
    def low(self) -> bool:
        return self.usable * PACE_DAYS < self.issued * USED_UP_DAYS or self.usable == 0


def overview(actor: Actor, item: str, on: date) -> list[Place]:
    """Townships of the actor's region with what their stores hold of a supply; the centre first."""
    mine = {s.pk: s for s in stores.stores(actor)}
    towns: dict[str, list[int]] = defaultdict(list)
    for pk, store in mine.items():
        towns[store.region_id[:9] if len(store.region_id) > 6 else store.region_id].append(pk)
    balances = Balance.objects.filter(store__in=mine, batch__item=item).select_related("batch")
    by_store: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for row in balances:
        by_store[row.store_id][state_of(row.batch, on)[0]] += row.quantity
    issued = dict(
        Movement.objects.filter(
            store__in=mine,
            batch__item=item,
            kind__in=(Kind.ISSUE, Kind.CORRECT, Kind.RETURN),
            on__gt=on - timedelta(days=PACE_DAYS),
            on__lte=on,
        )
        .values_list("store")
        .annotate(n=Sum("change"))
    )
    way: dict[int, int] = defaultdict(int)
    open_lines: dict[int, int] = defaultdict(int)
    for line in (
        TransferLine.objects.filter(transfer__receiver__in=mine, batch__item=item)
        .exclude(transfer__status=Transfer.Status.DONE)
        .select_related("transfer")
    ):
        way[line.transfer.receiver_id] += line.sent if line.arrived is None else 0
        open_lines[line.transfer.receiver_id] += line.open_difference
    regions = Region.objects.in_bulk(list(towns))
    found = []
    for code, pks in sorted(towns.items()):
        booked = [pk for pk in pks if pk in by_store]
        found.append(
            Place(
                regions[code],
                len(booked),
                sum(by_store[pk]["good"] + by_store[pk]["soon"] for pk in booked),
                sum(by_store[pk]["expired"] + by_store[pk]["recalled"] for pk in booked),
                sum(by_store[pk]["soon"] for pk in booked),
                sum(-issued.get(pk, 0) for pk in pks),
                sum(way[pk] for pk in pks),
                sum(open_lines[pk] for pk in pks),
            )
        )
    return found


def arrivals(actor: Actor) -> QuerySet[Transfer]:
    """Consignments that are on the way or different, from or to her stores."""
    rows = visible(actor, Transfer.objects.exclude(status=Transfer.Status.DONE))
    return rows.select_related("sender__region", "receiver__region", "sent_by").order_by(
        "sent_on", "pk"
    )


def of_store(store: Organisation) -> Q:
    """Consignments from or to a store."""
    return Q(sender=store) | Q(receiver=store)
