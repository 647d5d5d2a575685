"""One visit for several programmes: registered together, consent signed in one go.

Which programmes, the policy says (`one_stop`). What one of them finds the others reuse, as their
`reuse` says (care.reuse); which of two like steps comes first, care.together.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _

from sanyou.care import consents, content, episodes, flow, reuse
from sanyou.care.errors import CareError
from sanyou.care.models import Consent, Episode
from sanyou.protocol.policy import Policy
from sanyou.registry.access import Actor
from sanyou.registry.models import Couple, Person, Region
from sanyou.registry.regions import county_code

Answers = Mapping[str, Mapping[str, Any]]  # role -> element -> value


def offered(region_code: str, on: date) -> Policy | None:
    """The document in force in a region on a day that provides for one visit; None where none."""
    library = content.library()
    found = (library.policy_for(region_code, p, on) for p in library.programmes)
    return next((p for p in found if p is not None and p.one_stop is not None), None)


def programmes(region_code: str, on: date) -> list[str]:
    """The programmes done in one visit in a region; empty where no document provides for it."""
    policy = offered(region_code, on)
    return [] if policy is None or policy.one_stop is None else list(policy.one_stop.programmes)


@transaction.atomic
def register(
    actor: Actor,
    subject: Couple | Person,
    observations: Answers,
    on: date,
    region: Region,
    source: str = "",
) -> list[Episode]:
    """Open an episode of each programme by one set of answers; each takes what its form asks."""
    names = programmes(region.code, on)
    if not names:
        raise CareError(
            _("%s没有“一站式”检查的规定，请分别登记。") % region.full_name, "no_one_stop"
        )
    made = []
    for name in names:
        made.append(
            episodes.nominate(
                actor,
                name,
                subject,
                _own(name, observations),
                on,
                region,
                source=f"{source}:{name}" if source else "",
            )
        )
    return made


def _own(programme_id: str, observations: Answers) -> dict[str, dict[str, Any]]:
    """The answers that a programme's opening form asks for."""
    programme = content.library().programmes[programme_id]
    form = programme.forms[programme.opening_form or ""]
    return {
        role: {
            f.element: observations[role][f.element]
            for f in form.fields_for(role)
            if f.element in observations.get(role, {})
        }
        for role in form.roles
    }


def visit(episode: Episode) -> list[Episode]:
    """The episodes of the same visit, this one first: where its document provides for one."""
    policy = content.policy_of(episode)
    if policy is None or policy.one_stop is None:
        return [episode]
    names = set(policy.one_stop.programmes)
    county = county_code(episode.region_id)
    others = [
        o
        for o in reuse.partners(episode)
        if o.programme in names and county_code(o.region_id) == county and reuse.open_to(o, episode)
    ]
    return [episode, *others]


def consent_ready(found: Iterable[Episode]) -> list[Episode]:
    """Those whose consent may be taken now: the centre has confirmed them."""
    return [
        e
        for e in found
        if e.status == Episode.Status.OPEN
        and any(s.kind == "consent" for s in content.programme_of(e).steps)
        and flow.is_closed(e, "confirm")
    ]


@transaction.atomic
def grant(
    found: Sequence[Episode], role: str, actor: Actor, on: date, method: str, signature: str = ""
) -> list[Consent]:
    """One signature for the consent of a role to each of these episodes."""
    return [consents.grant(e, role, actor, on, method, signature) for e in found]
