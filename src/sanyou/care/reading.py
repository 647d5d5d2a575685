"""What of a record a duty may read: the one place that applies the privacy classes of elements.

`registry.access` decides whose record and which act; this decides which parts of it are shown.
"""

from collections.abc import Iterable

from django.db.models import Q

from sanyou.care import content
from sanyou.care.models import Encounter, Episode, Task
from sanyou.protocol.programme import Programme, Rule
from sanyou.registry.access import (
    Actor,
    existing,
    may_fill,
    may_see,
    reaches,
    within,
    works_in,
)


def reads(actor: Actor, facts: Iterable[str]) -> bool:
    """Whether her duty reads every element behind these facts."""
    elements = content.library().dictionary.elements
    found = (elements.get(f.partition(".")[2].partition("__")[0]) for f in facts)
    return all(element is None or may_see(actor, element) for element in found)


def reads_everything(actor: Actor) -> bool:
    """Whether her duty reads restricted results: whole documents and addresses of referrals tell
    what was found."""
    return actor.can("see_results") and "restricted" in actor.role.privacy


def may_read_document(actor: Actor, programme: Programme, kind: str) -> bool:
    """Documents of the card and consent steps hold no results; the others hold all of them.

    The print of a form is read by who fills the form; any document by who fills all the forms.
    """
    office = {s.document for s in programme.steps if s.kind in ("card", "consent")}
    if kind in office or reads_everything(actor):
        return True
    behind = [programme.forms[kind]] if kind in programme.forms else programme.forms.values()
    return all(may_fill(actor, form) for form in behind)


def readable_rules(actor: Actor, programme: Programme, keys: Iterable[str]) -> list[Rule]:
    """The rules ("role.rule") whose facts her duty reads, of those named."""
    named = set(keys)
    return [r for r in programme.rules if r.key in named and reads(actor, r.when.facts)]


def task_label(actor: Actor, programme: Programme, task: Task) -> str:
    """A recheck or a loop names what was found: others than its readers see only that there is one."""
    if actor.duty == task.duty or task.kind not in (Task.Kind.RECHECK, Task.Kind.LOOP):
        return task.label
    if task.kind == Task.Kind.LOOP:
        facts = [f for one in programme.loops if one.id == task.name for f in one.open.facts]
    else:
        rule = task.name.removeprefix("recheck_")
        facts = [f for r in programme.rules if r.id == rule for f in r.when.facts]
    return task.label if facts and reads(actor, facts) else str(Task.Kind(task.kind).label)


def may_read_elsewhere(actor: Actor, episode: Episode) -> bool:
    """Whether she may read, and only read, an episode outside her region.

    A district that handed it on goes on reading it. A clinical duty reads what was signed earlier
    of people who are now in its care.
    """
    if not works_in(actor, episode.compartment):
        return False
    if within(actor, episode):
        return True
    if not actor.can("see_person"):
        return False
    handed_on = episode.transfers.values_list("from_region", flat=True)
    if any(reaches(actor, code) for code in handed_on):
        return True
    if not reads_everything(actor):
        return False
    return _in_her_care(actor, episode) and (
        episode.encounters.filter(status=Encounter.Status.SIGNED).exists()
    )


def _in_her_care(actor: Actor, episode: Episode) -> bool:
    if episode.unit_id is not None:
        return False
    couple = episode.couple
    people = [couple.wife_id, couple.husband_id] if couple else [episode.person_id]
    theirs = Episode.objects.filter(
        Q(couple__wife__in=people) | Q(couple__husband__in=people) | Q(person__in=people),
        region__code__startswith=actor.region_prefix,
    ).exclude(status=Episode.Status.CANCELLED)
    return existing(actor, theirs).exists()
