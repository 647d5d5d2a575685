"""Which organisation hands out: the village's own store, else its township's."""

from django.db import transaction
from django.db.models import Case, IntegerField, QuerySet, Sum, Value, When
from django.utils.translation import gettext as _

from sanyou.care import content
from sanyou.protocol.models import SupplySpec
from sanyou.registry.access import Actor, Forbidden, may_keep, visible
from sanyou.registry.models import Organisation, Region
from sanyou.registry.regions import county_code
from sanyou.stock.errors import StockError
from sanyou.stock.models import Balance
from sanyou.trust import audit

Kind = Organisation.Kind
STORES = (Kind.CENTRE, Kind.HOSPITAL, Kind.TOWNSHIP, Kind.VILLAGE)


def supply_of(item: str) -> SupplySpec:
    """The supply as content describes it."""
    found = content.library().supplies.get(item)
    if found is None:
        raise StockError(_("没有这种物资，请刷新页面后重新选择。"), "no_supply")
    return found


def stores(actor: Actor) -> QuerySet[Organisation]:
    """Organisations in her region that may keep stock, the centre first, then as places are coded."""
    rank = Case(
        *(When(kind=kind, then=Value(n)) for n, kind in enumerate(STORES)),
        output_field=IntegerField(),
    )
    rows = Organisation.objects.filter(kind__in=STORES, active=True).annotate(rank=rank)
    return visible(actor, rows).select_related("region").order_by("rank", "region__code", "code")


def require_keeper(actor: Actor, store: Organisation) -> None:
    """Pass, or raise NotFoundForYou or Forbidden."""
    actor.require("see_stock", store)
    if not may_keep(actor, store):
        raise Forbidden(
            _("“%(store)s”的库存由物资管理员或镇街管理，请联系他们办理。") % {"store": store.name}
        )


def home_store(actor: Actor, item: str = "") -> Organisation | None:
    """The store from which she hands out; None where neither her place nor the township has one.

    A place has a store once something was ever booked in it (of `item`, where one is named).
    """
    place = actor.region
    if actor.organisation is not None and actor.organisation.kind in STORES:
        own = actor.organisation
        if place is not None and own.region_id.startswith(place.code) and _booked(own, item):
            return own
    return nearest(place, item) if place is not None else None


def nearest(place: Region, item: str = "") -> Organisation | None:
    """The store of a place: the village's, else the township's; of a county its centre's."""
    while place is not None:
        found = _fullest(place, item)
        if found is not None:
            return found
        if place.level not in (Region.Level.VILLAGE,) or place.parent is None:
            return None
        place = place.parent
    return None


def _booked(store: Organisation, item: str) -> bool:
    rows = Balance.objects.filter(store=store)
    return (rows.filter(batch__item=item) if item else rows).exists()


# The stores that serve a whole place of each level.
_SERVING = {
    Region.Level.VILLAGE: (Kind.VILLAGE,),
    Region.Level.TOWNSHIP: (Kind.TOWNSHIP, Kind.HOSPITAL),
    Region.Level.COUNTY: (Kind.CENTRE,),
}


def _fullest(place: Region, item: str) -> Organisation | None:
    """Of the stores that serve a place (a township's office and hospital) the one with most."""
    serving = _SERVING.get(Region.Level(place.level), ())
    rows = Organisation.objects.filter(
        region=place, kind__in=serving, active=True, balances__isnull=False
    )
    rows = rows.filter(balances__batch__item=item) if item else rows
    return rows.annotate(n=Sum("balances__quantity")).order_by("-n", "code").first()


def upper(store: Organisation) -> Organisation | None:
    """The store one level above: village -> township, township -> the county's centre."""
    offices = Organisation.objects.filter(active=True)
    if store.kind == Kind.VILLAGE:
        place = store.region
        if place.level == Region.Level.VILLAGE and place.parent is not None:
            place = place.parent
        return _fullest(place, "") or offices.filter(region=place, kind=Kind.TOWNSHIP).first()
    if store.kind in (Kind.TOWNSHIP, Kind.HOSPITAL):
        return offices.filter(region_id=county_code(store.region_id), kind=Kind.CENTRE).first()
    return None


def open_village_store(actor: Actor, place: Region, name: str) -> Organisation:
    """A village's own store, opened by whoever manages its township's stock. The same name of a
    place gives the first. `place` is the village where the region tree has it, else its township.
    """
    actor.require("manage_stock", place)
    if place.level not in (Region.Level.VILLAGE, Region.Level.TOWNSHIP):
        raise StockError(_("请选择村（社区）所在的镇街。"), "too_broad")
    name = name.strip()[:80]
    if not name:
        raise StockError(_("请填写村（社区）的名称。"), "no_name")
    with transaction.atomic():
        Region.objects.select_for_update().get(pk=place.pk)
        same = Organisation.objects.filter(region=place, kind=Kind.VILLAGE)
        found = same.filter(name=name).first()
        if found is None:
            found = Organisation.objects.create(
                code=f"{place.code}-cw{same.count() + 1}",
                name=name,
                kind=Kind.VILLAGE,
                region=place,
                parent=Organisation.objects.filter(region=place, kind=Kind.TOWNSHIP).first(),
            )
            audit.record(actor, "stock-open-store", "organisation", found.code)
    return found
