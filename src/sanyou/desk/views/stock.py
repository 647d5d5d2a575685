"""What the stores hold: the district by township, one store, one batch."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sanyou.care import content
from sanyou.desk.actor import actor_of, duty_page, say
from sanyou.desk.paging import leaf
from sanyou.desk.views.records import who_of
from sanyou.desk.views.records_form import words
from sanyou.registry.access import Actor, NotFoundForYou, may_keep, visible, works_in
from sanyou.registry.models import Organisation, Region
from sanyou.registry.regions import county_code
from sanyou.stock import moves, reading, stores
from sanyou.stock.errors import StockError
from sanyou.stock.models import Batch, Movement
from sanyou.trust import audit

STATES = {
    "good": ("", ""),
    "soon": ("warn", gettext_lazy("快到期")),
    "expired": ("bad", gettext_lazy("已过期")),
    "recalled": ("bad", gettext_lazy("已召回")),
}


def store_of(actor: Actor, pk: int) -> Organisation:
    """A store within her region; NotFoundForYou otherwise."""
    found = stores.stores(actor).filter(pk=pk).first()
    if found is None:
        raise NotFoundForYou
    return found


def kept_store(actor: Actor, pk: int) -> Organisation:
    """A store whose books she keeps."""
    found = store_of(actor, pk)
    stores.require_keeper(actor, found)
    return found


def items_offered() -> list[dict[str, str]]:
    """Supplies that may be booked."""
    return [
        {"id": s.id, "label": words(s.label), "unit": words(s.unit)}
        for s in content.library().supplies.values()
    ]


def _is_local(actor: Actor) -> bool:
    """Works for one township or village: her store is the page she wants."""
    return actor.region is not None and actor.region.level in ("township", "village")


@duty_page("see_stock", methods=("GET",))
def stock(request: HttpRequest) -> HttpResponse:
    """A local worker's own store; for the county each township, and its own stores."""
    actor = actor_of(request)
    if _is_local(actor) and "all" not in request.GET:
        own = stores.home_store(actor)
        if own is not None:
            return redirect("stock-store", own.pk)
    today = timezone.localdate()
    supplies = items_offered()
    item = request.GET.get("item", "")
    item = item if item in {s["id"] for s in supplies} else (supplies[0]["id"] if supplies else "")
    rows = stores.stores(actor)
    booked = rows.filter(balances__isnull=False).distinct()
    place = request.GET.get("place", "")
    if place.isdigit():
        booked = booked.filter(region__code__startswith=place)
    places = [] if _is_local(actor) else reading.overview(actor, item, today)
    context = {
        "actor": actor,
        "supplies": supplies,
        "item": item,
        "above_county": actor.region is None or actor.region.level in ("city", "province"),
        "unit": next((s["unit"] for s in supplies if s["id"] == item), ""),
        "places": [p for p in places if p.stores or p.on_the_way],
        "without": [p.region.name for p in places if not (p.stores or p.on_the_way)],
        "place": Region.objects.filter(pk=place).first() if place.isdigit() else None,
        "rows": [(s, reading.held_in(s, today)) for s in booked[:60]] if _few(actor, place) else [],
        "startable": _startable(actor, rows),
        "villages_in": _townships(actor),
        "arrivals": list(reading.arrivals(actor)[:20]),
    }
    audit.record(actor, "list", "stock", item)
    return render(request, "desk/stock/overview.html", context)


def _few(actor: Actor, place: str) -> bool:
    return _is_local(actor) or bool(place)


def _startable(actor: Actor, rows: Any) -> list[Organisation]:
    """Stores in which she may book the first goods: her centre, or her township's."""
    kinds = [Organisation.Kind.CENTRE] if not _is_local(actor) else list(stores.STORES)
    if not actor.can("manage_stock"):
        return []
    return [s for s in rows.filter(kind__in=kinds)[:8] if may_keep(actor, s)]


def _townships(actor: Actor) -> list[Region]:
    if not actor.can("manage_stock") or actor.region is None:
        return []
    if _is_local(actor):
        return [actor.region]
    found = Region.objects.filter(level=Region.Level.TOWNSHIP)
    return list(found.filter(code__startswith=actor.region_prefix)[:200])


@duty_page("manage_stock", methods=("POST",))
def open_store(request: HttpRequest) -> HttpResponse:
    """Open the store of a village; goods are then sent to it."""
    actor = actor_of(request)
    place = Region.objects.filter(pk=request.POST.get("place", "")).first()
    if place is None:
        raise StockError(_("请选择镇街。"), "no_place")
    made = stores.open_village_store(actor, place, request.POST.get("name", ""))
    say(request, _("已建立%s的库房，可以向它调拨。") % made.name)
    return redirect("stock-store", made.pk)


@duty_page("see_stock", methods=("GET",))
def store(request: HttpRequest, pk: int) -> HttpResponse:
    """One store: what lies in it, what is on its way, what moved."""
    actor = actor_of(request)
    found = store_of(actor, pk)
    today = timezone.localdate()
    page = leaf(
        request,
        Movement.objects.filter(store=found)
        .select_related("batch", "by", "transfer__sender", "transfer__receiver", "issue__episode")
        .order_by("-pk"),
    )
    keeps = may_keep(actor, found)
    above = stores.upper(found)
    context = {
        "actor": actor,
        "store": found,
        "held": reading.held_in(found, today),
        "states": STATES,
        "leaf": page,
        "lines": [line(row, actor) for row in page],
        "transfers": list(reading.arrivals(actor).filter(reading.of_store(found))[:20]),
        "keeps": keeps,
        "receives": keeps and actor.can("manage_stock"),
        "above": above,
        "may_export": actor.can("export"),
        "wide": not _is_local(actor),
        "today": today,
        "start": today.replace(month=1, day=1),
    }
    audit.record(actor, "read", "stock", found.code)
    return render(request, "desk/stock/store.html", context)


def line(row: Movement, actor: Actor) -> dict[str, Any]:
    """A line of a ledger in words; nobody is named, and no record that does not exist for her."""
    about, url = row.reason, ""
    if row.transfer is not None:
        other = row.transfer.receiver if row.kind == Movement.Kind.SEND else row.transfer.sender
        about = f"{other.name} {row.reason}".strip()
    elif row.issue is not None:
        episode = row.issue.episode
        number = episode.number if works_in(actor, episode.compartment) else ""
        about = f"{number} {row.reason}".strip()
    elif row.document:
        about = f"{row.document} {row.reason}".strip()
    return {"row": row, "about": about, "url": url, "sign": "+" if row.change > 0 else ""}


@duty_page("see_stock", methods=("GET",))
def batch(request: HttpRequest, key: UUID) -> HttpResponse:
    """One batch: where it lies, what became of it, who got it."""
    actor = actor_of(request)
    found = visible(actor, Batch.objects.all()).filter(key=key).first()
    if found is None:
        raise NotFoundForYou
    today = timezone.localdate()
    county = county_code(actor.region.code) if actor.region else ""
    may_name = actor.can("see_person")
    people = reading.recipients(actor, found)
    audit.record(actor, "read", "batch", found.key, people=len(people))
    supply = stores.supply_of(found.item)
    total = reading.batch_total(found, county)
    context = {
        "actor": actor,
        "batch": found,
        "state": STATES[reading.state_of(found, today)[0]],
        "label": words(supply.label),
        "unit": words(supply.unit),
        "total": total,
        "written_off": -total.of(Movement.Kind.WRITE_OFF),
        "out": -total.of(Movement.Kind.ISSUE, Movement.Kind.CORRECT),
        "balances": visible(actor, found.balances.filter(quantity__gt=0)).select_related("store"),
        "people": [(p, who_of(p.episode)) for p in people],
        "may_name": may_name,
        "may_recall": actor.can("manage_stock") and not _is_local(actor),
    }
    return render(request, "desk/stock/batch.html", context)


@duty_page("manage_stock", methods=("POST",))
def recall(request: HttpRequest, key: UUID) -> HttpResponse:
    """Stop handing out a batch."""
    actor = actor_of(request)
    found = visible(actor, Batch.objects.all()).filter(key=key).first()
    if found is None:
        raise NotFoundForYou
    moves.recall(actor, found, request.POST.get("reason", ""))
    messages.warning(request, _("已召回，各库不能再发这一批。请按下面的名单通知领取人。"))
    return redirect("stock-batch", found.key)
