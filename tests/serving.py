"""A couple served by the services in any district, for tests that begin where that has been done."""

from collections.abc import Callable
from datetime import date
from typing import Any

from sanyou.care import assessments, cards, consents, documents, encounters, episodes
from sanyou.care.models import Episode
from sanyou.registry.access import Actor
from sanyou.registry.models import Couple, Region
from tests.conftest import answers

Actors = Callable[..., Actor]
LOCAL = {"village_worker", "township_officer"}


def at_work(actor: Actors, town: str, county: str) -> Callable[[str], Actor]:
    """`at("physician")` -> somebody of that duty of the county, or of the town."""
    return lambda duty: actor(duty, town if duty in LOCAL else county)


def register(
    at: Callable[[str], Actor], couple: Couple, town: str, on: date, **told: Any
) -> Episode:
    """Registered in the town and reviewed: the centre is to confirm."""
    answered = {"child_order": 1, "policy_compliant": True, "planning": True} | told
    region = Region.objects.get(pk=town)
    worker = at("village_worker")
    found = episodes.nominate(worker, "preconception", couple, {"couple": answered}, on, region)
    episodes.review(found, at("township_officer"))
    return found


def examine(at: Callable[[str], Actor], episode: Episode, library: Any, on: date) -> None:
    """From the card to the notice, with unremarkable results."""
    programme = library.programmes[episode.programme]
    cards.issue(episode, at("village_worker"), on=on)
    for role in ("wife", "husband"):
        consents.grant(episode, role, at("registration"), on=on, method="paper")
    for step in programme.steps:
        if step.kind == "form" and step.form and "consent" in step.after:
            duty = programme.forms[step.form].duty[0]
            for role in step.roles:
                data = answers(library, step.form, role)
                encounters.record(episode, step.form, role, data, on=on, actor=at(duty))
    doctor = at("assessing_doctor")
    assessments.confirm(assessments.propose(episode, on=on), doctor)
    documents.issue(episode, "notice", doctor, on=on)


def lose_pregnancy(
    at: Callable[[str], Actor], episode: Episode, library: Any, lmp: date, ended: date
) -> None:
    """Followed up: pregnant, then a miscarriage; the episode is closed."""
    worker = at("followup_worker")
    pregnant = {"pregnancy_result": "pregnant", "lmp": lmp.isoformat()}
    lost = {
        "outcome_followup_on": ended.isoformat(),
        "outcome_result": "ended",
        "outcome": "spontaneous_abortion",
        "outcome_on": ended.isoformat(),
    }
    for form, told in (("early_followup", pregnant), ("outcome_followup", lost)):
        data = answers(library, form, "wife", **told)
        encounters.record(episode, form, "wife", data, ended, worker)
    episodes.close(episode, at("registration"), "随访结束")
