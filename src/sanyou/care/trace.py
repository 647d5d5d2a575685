"""From a case back through the family's records to each chance of prevention, taken or not.

For the county's review: it tells what is on record and what may be asked, and blames nobody.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from sanyou.care import content
from sanyou.care.facts import facts_of
from sanyou.care.family import episodes_of, family_of
from sanyou.care.models import Episode
from sanyou.protocol.expression import Expression
from sanyou.protocol.trace import Chance, Verdict
from sanyou.registry.access import Actor, existing
from sanyou.registry.models import Birth


@dataclass(frozen=True)
class Looked:
    """One chance: what the record says, which record, and the values it rests on."""

    chance: Chance
    verdict: Verdict
    until: date
    record: Episode | None
    evidence: Mapping[str, Any]  # fact -> value, of the record's programme

    @property
    def missed(self) -> bool:
        return self.verdict in ("not_taken", "no_record")


def trace_of(case: Episode, actor: Actor, on: date) -> list[Looked]:
    """The chances that matter for a case, in the order of the programme's trace.

    Records are looked at as they stood on the day the child was born, or today, as the chance says.
    """
    programme = content.programme_of(case)
    child = case.person
    assert programme.trace is not None
    assert child is not None
    births = existing(actor, Birth.objects.filter(child=child))
    birth = births.select_related("pregnancy").first()
    records = episodes_of(family_of(child, actor), actor)
    facts = facts_of(case, on)
    return [
        _look(chance, records, child.pk, birth, child.birth_date, on)
        for chance in programme.trace.chances
        if chance.matters(facts)
    ]


def first_missed(looked: list[Looked]) -> Looked | None:
    """The earliest chance that the records do not show as taken."""
    return next((one for one in looked if one.missed), None)


def _look(
    chance: Chance,
    records: list[Episode],
    child: int,
    birth: Birth | None,
    born: date,
    on: date,
) -> Looked:
    until = min(born, on) if chance.spec.until == "born" else on
    record = _record(chance, records, child, birth, until)
    facts = None if record is None else facts_of(record, until)
    verdict = chance.verdict(facts)
    evidence = {} if facts is None else _evidence(chance, verdict, facts)
    return Looked(chance, verdict, until, record, evidence)


def _record(
    chance: Chance, records: list[Episode], child: int, birth: Birth | None, until: date
) -> Episode | None:
    """The latest record of the programme: the child's own; of the mother, that of this pregnancy
    where there is one; of the couple."""
    mine = [
        e
        for e in records
        if e.programme == chance.spec.programme
        and e.opened_on <= until
        and (chance.spec.of != "child" or e.person_id == child)
    ]
    if birth is not None and birth.pregnancy_id is not None:
        same = [e for e in mine if e.pregnancy_id == birth.pregnancy_id]
        other = [e for e in mine if e.pregnancy_id is None]
        mine = same or other
    return mine[-1] if mine else None


def _evidence(chance: Chance, verdict: Verdict, facts: Mapping[str, Any]) -> dict[str, Any]:
    """The values that decided; of a chance not taken, what its condition looked at."""
    condition: Expression = (
        chance.partly if verdict == "partly" and chance.partly is not None else chance.taken
    )
    if verdict in ("taken", "partly"):
        return dict(condition.support(facts))
    return {name: facts.get(name) for name in condition.facts if facts.get(name) is not None}
