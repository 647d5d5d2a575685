"""Which pregnancy of a woman something belongs to. Programmes that serve one pregnancy share its row."""

import datetime as dt

from django.db import transaction
from django.utils.timezone import localtime

from sanyou.registry.access import Actor
from sanyou.registry.models import Person, Pregnancy
from sanyou.registry.people import current, known_outside
from sanyou.trust import audit

LONGEST = dt.timedelta(weeks=44)  # since the last period; a pregnancy not ended by then is over
# One pregnancy told by two programmes: its first days differ by no more than a wrong reckoning,
# its last by no more than a slip of the pen.
BEGAN_APART = dt.timedelta(days=70)
ENDED_APART = dt.timedelta(days=7)


def is_same(one: Pregnancy, two: Pregnancy) -> bool:
    """Whether two rows of one woman tell of one pregnancy: both days fit, and one is known of both."""
    return fits(one, two.began_on, two.ended_on) and (
        None not in (one.began_on, two.began_on) or None not in (one.ended_on, two.ended_on)
    )


def fits(row: Pregnancy, began: dt.date | None, ended: dt.date | None) -> bool:
    """Whether what is told may be of this pregnancy."""
    if began and row.began_on and abs(began - row.began_on) > BEGAN_APART:
        return False
    if ended and row.ended_on and abs(ended - row.ended_on) > ENDED_APART:
        return False
    if began and row.ended_on and began > row.ended_on:
        return False
    return not (ended and row.began_on and row.began_on > ended)


def going_on(
    woman: Person, on: dt.date, began: dt.date | None = None, ended: dt.date | None = None
) -> Pregnancy | None:
    """The woman's pregnancy of a day, the latest that fits what is told of it."""
    for row in Pregnancy.objects.filter(woman=current(woman)).order_by("-began_on", "-pk"):
        if not fits(row, began, ended):
            continue
        if (began and row.began_on) or (ended and row.ended_on):
            return row
        since = row.began_on or localtime(row.created_at).date()
        if row.ended_on is None and since <= on <= since + LONGEST:
            return row
    return None


@transaction.atomic
def find_or_make(
    woman: Person,
    on: dt.date,
    actor: Actor,
    began: dt.date | None = None,
    ended: dt.date | None = None,
    compartment: str = "",
) -> Pregnancy:
    """The pregnancy of a day, made where there is none. What is told fills what was not known; told
    outside of the compartment that alone knew of it, it is known generally from now on."""
    woman = Person.objects.select_for_update(no_key=True).get(pk=current(woman).pk)
    row = going_on(woman, on, began, ended)
    if row is None:
        row = Pregnancy.objects.create(
            woman=woman, began_on=began, ended_on=ended, compartment=compartment
        )
        audit.record(actor, "register", "pregnancy", row.key)
        return row
    hidden = bool(row.compartment) and not compartment
    if hidden:
        known_outside(row)
    keep(
        row,
        (began if hidden else None) or row.began_on or began,
        (ended if hidden else None) or row.ended_on or ended,
        actor,
    )
    return row


def keep(row: Pregnancy, began: dt.date | None, ended: dt.date | None, actor: Actor) -> None:
    """Set the days of a pregnancy; audited where one changes."""
    given = {"began_on": began, "ended_on": ended}
    changed = [name for name, day in given.items() if getattr(row, name) != day]
    if changed:
        row.began_on, row.ended_on = began, ended
        row.save(update_fields=changed)
        audit.record(actor, "update", "pregnancy", row.key, fields=changed)
