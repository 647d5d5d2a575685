"""An invented programme in a compartment (tests/fixtures/quiet): a record of it with everything that
can hang on a record, and how pages and answers are compared."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

from django.utils import timezone

from sanyou.care import (
    assessments,
    consents,
    documents,
    encounters,
    episodes,
    referrals,
    sessions,
    tasks,
)
from sanyou.care.models import Episode
from sanyou.care.models import Session as GroupSession
from sanyou.figures import submissions, tasknumbers
from sanyou.finance import claims, statements
from sanyou.registry.access import Actor
from sanyou.registry.duties import DUTIES
from sanyou.registry.models import Group, Organisation, Person, Region
from sanyou.registry.people import PersonData, register_couple, register_person

QUIET = Path(__file__).parent / "fixtures" / "quiet"
COUNTY, TOWN = "500107", "500107102"
COMPARTMENT = "infection"
OUTSIDE = [d.id for d in DUTIES.values() if COMPARTMENT not in d.compartments]
BORN = date(1993, 7, 4)
HIDDEN = 402  # sequence of the id number of the woman whom only the compartment knows
UNKNOWN = 404  # and of one whom nobody knows; both born on BORN


@dataclass
class Hidden:
    """What lies in the compartment: keys by the kind of record that an address names."""

    episode: Episode  # of a woman who is known outside, too
    alone: Episode  # of one who is not
    keys: dict[str, list[UUID]]
    words: list[str]  # what no page outside may show


def woman(
    make_id: Callable[..., str], sequence: int, name: str, actor: Actor, within: str
) -> Person:
    town = Region.objects.get(pk=TOWN)
    data = PersonData(
        name=name,
        id_number=make_id("500107", BORN, sequence),
        phone=f"13900000{sequence}",
        residence_region=town,
        residence_text=town.full_name,
    )
    return register_person(data, actor, within)


def record(officer: Actor, person: Person, on: date) -> Episode:
    """The record of a woman, with a positive result, a paper, and what follows."""
    town = Region.objects.get(pk=TOWN)
    made = episodes.nominate(officer, "quiet", person, {"wife": {"quiet_from": "转介"}}, on, town)
    episodes.confirm(made, officer, on)
    made.refresh_from_db()
    consents.grant(made, "wife", officer, on, "paper")
    answers = {"quiet_test": "positive", "quiet_tested_on": on.isoformat()}
    encounters.record(made, "quiet_test", "wife", answers, on, officer)
    assessments.confirm(assessments.propose(made, on), officer)
    documents.issue(made, "quiet_notice", officer, on)
    made.refresh_from_db()
    return made


def open_compartment(
    known: Person, couple: Any, officer: Actor, make_id: Callable[..., str], centre: Organisation
) -> Hidden:
    """Everything at once: for somebody known outside, and for somebody who is not."""
    today = timezone.localdate()
    system = Actor.system("tests")
    episode = record(officer, known, today)
    stranger = woman(make_id, HIDDEN, "慕容静秋", officer, COMPARTMENT)
    alone = record(officer, stranger, today)
    referral = referrals.send(episode, "wife", "感染科", "静访阳性", officer, today)
    task = episode.tasks.get(kind="loop")
    tasks.attempt(task, officer, "phone", False, "静访未接")
    draft = encounters.open_draft(episode, "quiet_followup", "wife", officer)
    other = woman(make_id, HIDDEN + 4, "慕容静夏", officer, COMPARTMENT)
    husband = register_person(
        PersonData(name="拓跋静山", id_number=make_id("500107", BORN, HIDDEN + 1)),
        officer,
        COMPARTMENT,
    )
    pair = register_couple(other, husband, actor=officer, compartment=COMPARTMENT)
    group = Group.objects.get()
    session = GroupSession.objects.create(
        programme="quiet", kind="quiet_day", group=group, region=centre.region, held_on=today
    )
    claim = claims.claim(alone, today)
    policy = sessions.content.library().policies["quiet-2021"]
    county = Region.objects.get(pk=COUNTY)
    statement = statements.prepare(
        centre, policy, *statements.period_of(policy, today), system, "quiet"
    )
    report = submissions.draft("quiet", "quiet_report", county, today, officer)
    tasknumbers.distribute(system, "quiet", county, today.year, 50, "虚构〔2021〕3号")
    keys = {
        "episodes": [episode.key, alone.key],
        "encounters": [draft.key, *episode.encounters.values_list("key", flat=True)],
        "tasks": list(episode.tasks.values_list("key", flat=True)),
        "documents": list(episode.documents.values_list("key", flat=True)),
        "assessments": list(episode.assessments.values_list("key", flat=True)),
        "people": [stranger.key, other.key, husband.key],
        "couples": [pair.key],
        "referrals": [referral.key],
        "sessions": [session.key],
        "claims": [claim.key],
        "statements": [statement.key],
        "reports": [report.key],
    }
    paper = episode.documents.get().number
    words = [episode.number, alone.number, paper, "慕容静秋", "静夏", "静山", "静访登", "静访用药"]
    words += [str(key) for several in keys.values() for key in several]
    return Hidden(episode, alone, keys, words)


_VARYING = re.compile(
    r'name="csrfmiddlewaretoken" value="[^"]*"|nonce="[^"]*"|"X-CSRFToken": ?"[^"]*"'
    r'|name="(?:key|token)" value="[^"]*"|<span>[-0-9]{10} [0-9:]{5} '
)


def clean(response: Any, *keys: object) -> tuple[int, str, str]:
    """Status, place and body without what differs from one asking to the next, and these keys."""
    body = _VARYING.sub("", response.content.decode("utf-8", "replace"))
    place = response.headers.get("Location", "")
    for key in keys:
        body, place = body.replace(str(key), "KEY"), place.replace(str(key), "KEY")
    return response.status_code, place, body
