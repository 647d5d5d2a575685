"""What the turn of a day alone changes: conditions that read an age or an interval until today.

Everything else is worked out when a record is signed, so only programmes with such conditions are
gone through. May be interrupted and run again; the same day again does nothing.
"""

from collections.abc import Callable
from datetime import date

from django.db import transaction

from sanyou.care import content, flow
from sanyou.care.models import Episode, Sequence
from sanyou.protocol.dictionary import inputs_of
from sanyou.protocol.programme import Programme

NAME = "daily"


def is_done(on: date) -> bool:
    """Whether this day's turn was gone through to its end."""
    row = Sequence.objects.filter(name=NAME).first()
    return row is not None and row.value >= on.toordinal()


def turn(on: date, progress: Callable[[int, int], None] = lambda done, whole: None) -> int:
    """Bring the tasks of open episodes up to the day; how many episodes were looked at."""
    programmes = [p.id for p in content.library(on).programmes.values() if reads_today(p)]
    rows = Episode.objects.filter(status=Episode.Status.OPEN, programme__in=programmes)
    pks = list(rows.order_by("pk").values_list("pk", flat=True))
    for number, pk in enumerate(pks, start=1):
        with transaction.atomic():
            episode = flow.lock(Episode.objects.get(pk=pk))
            flow.advance(episode, on)
        progress(number, len(pks))
    Sequence.objects.update_or_create(name=NAME, defaults={"value": on.toordinal()})
    return len(pks)


def reads_today(programme: Programme) -> bool:
    """Whether a schedule or a loop asks for something that changes by itself from day to day."""
    conditions = [task.when for task in programme.schedule if task.when is not None]
    for loop in programme.loops:
        conditions += [loop.open, loop.closed]
        for leg in loop.legs:
            conditions += [leg.done, *([leg.when] if leg.when is not None else [])]
    names = {spec.element.id for c in conditions for spec in c.specs.values()}
    dictionary = content.library().dictionary
    seen: set[str] = set()
    while names:
        name = names.pop()
        seen.add(name)
        element = dictionary.elements[name]
        between = element.derived.between if element.derived is not None else None
        if between is not None and "today" in between[1]:
            return True
        names |= set(inputs_of(element, dictionary.formulas)) - seen
    return False
