"""What of a record a duty may read: the one place that applies the privacy classes of elements.

`registry.access` decides whose record and which act; this decides which parts of it are shown.
"""

from collections.abc import Iterable

from sanyou.care import content
from sanyou.care.models import Task
from sanyou.protocol.programme import Programme, Rule
from sanyou.registry.access import Actor, may_see


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
    """Documents of the card and consent steps hold no results; the others hold all of them."""
    office = {s.document for s in programme.steps if s.kind in ("card", "consent")}
    return kind in office or reads_everything(actor)


def readable_rules(actor: Actor, programme: Programme, keys: Iterable[str]) -> list[Rule]:
    """The rules ("role.rule") whose facts her duty reads, of those named."""
    named = set(keys)
    return [r for r in programme.rules if r.key in named and reads(actor, r.when.facts)]


def task_label(actor: Actor, programme: Programme, task: Task) -> str:
    """A recheck names what was found: others than its readers see only that there is one."""
    if task.kind != Task.Kind.RECHECK or actor.duty == task.duty:
        return task.label
    rule = task.name.removeprefix("recheck_")
    facts = [f for r in programme.rules if r.id == rule for f in r.when.facts]
    return task.label if facts and reads(actor, facts) else str(Task.Kind.RECHECK.label)
