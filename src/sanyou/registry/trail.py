"""Which acts of the audit chain somebody may read: of people in her region, and nothing that tells
of a compartment she does not work in. The chain itself is whole, and is proved as a whole."""

from collections.abc import Collection, Iterator
from typing import Any

from django.apps import apps
from django.db import connection, models
from django.db.models import CharField, Q, QuerySet, Value
from django.db.models.functions import Cast, Concat, Substr

from sanyou.registry.access import PLACES, PROGRAMMES, Actor, closed_programmes, is_plural, visible
from sanyou.registry.duties import DUTIES
from sanyou.registry.models import Staff
from sanyou.trust.models import AuditEvent


def events(actor: Actor) -> QuerySet[AuditEvent]:
    """The acts she may read, the newest first.

    Whoever works in a compartment reads what was done in it, and only that.
    """
    rows = AuditEvent.objects.order_by("-seq")
    if actor.region_prefix:
        own = visible(actor, Staff.objects.all()).values("username")
        rows = rows.filter(Q(actor__in=own) | Q(actor__startswith="system:"))
    mine = actor.role.compartments
    rows = rows.exclude(duty__in=[d for d, theirs in _inside().items() if theirs - mine])
    for keys in _about(mine):
        rows = rows.exclude(subject__in=keys)
    for programme in closed_programmes(mine):  # of a whole programme: its id, id/region/year
        rows = rows.exclude(Q(subject=programme) | Q(subject__startswith=f"{programme}/"))
    if mine and actor.staff is not None:
        hers = Q(duty__in=[d for d, theirs in _inside().items() if theirs & mine])
        for keys in _about(()):
            hers |= Q(subject__in=keys)
        rows = rows.filter(hers)
    return rows


def _inside() -> dict[str, frozenset[str]]:
    """The duties that work in compartments; the system works for everybody."""
    return {d.id: d.compartments for d in DUTIES.values() if d.compartments and d.id != "system"}


def _about(but: Collection[str]) -> Iterator[QuerySet[Any]]:
    """Keys of everything in a compartment but these, as the events write them."""
    allowed = ["", *sorted(but)]
    for label, ways in PLACES.items():
        model = apps.get_model(label)
        if not any(f.name == "key" for f in model._meta.concrete_fields):
            continue
        rows = model._base_manager.all()
        paths = {path for way in ways for path in way[1:] if not is_plural(model, path)}
        for path in sorted(paths):
            yield _keys(_shut(model, path, allowed))
        if (programme := PROGRAMMES.get(label)) and (closed := closed_programmes(but)):
            yield _keys(rows.filter(**{f"{programme}__in": sorted(closed)}))


def _shut(model: type[models.Model], path: str, allowed: list[str]) -> QuerySet[Any]:
    """The rows in another compartment: from the few records that lie in one to what hangs on them."""
    way, _dot, name = path.rpartition("__")
    owner: Any = model
    for step in filter(None, way.split("__")):
        owner = owner._meta.get_field(step).related_model
    there = owner._base_manager.exclude(**{f"{name}__in": allowed})
    return model._base_manager.filter(**{f"{way}__in": there.values("pk")}) if way else there


def _keys(rows: QuerySet[Any]) -> QuerySet[Any]:
    """Their keys as text with dashes, which one of the databases keeps without."""
    text: models.Expression = Cast("key", CharField(max_length=40))
    if not connection.features.has_native_uuid_field:
        parts: list[models.Expression] = []
        for start, length in ((1, 8), (9, 4), (13, 4), (17, 4), (21, 12)):
            parts += [Substr(text, start, length), Value("-")]
        text = Concat(*parts[:-1], output_field=CharField())
    return rows.values(told=text)
