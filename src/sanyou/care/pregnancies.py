"""Episodes of a programme of pregnancies hang on the woman's pregnancy and keep its days up to date.

The newest statement counts: a signed form changes the days only where it tells something of them.
"""

from datetime import date
from typing import Any

from django.utils.translation import gettext as _

from sanyou.care import content, encounters
from sanyou.care.errors import CareError
from sanyou.care.facts import facts_of, people_of
from sanyou.care.models import Encounter, Episode
from sanyou.protocol.dictionary import inputs_of
from sanyou.protocol.programme import Programme
from sanyou.registry import pregnancies
from sanyou.registry.access import Actor
from sanyou.registry.models import Pregnancy

Days = tuple[date | None, date | None]  # first and last of a pregnancy


def signed(row: Encounter, actor: Actor) -> None:
    """Put the episode of a signed or corrected form on a pregnancy, and the pregnancy right."""
    episode = row.episode
    programme = content.programme_of(episode)
    if programme.spec.pregnancy is None:
        return
    if episode.pregnancy_id is None:
        attach(episode, row.occurred_on, actor, encounters.seen_on(row))
    elif _tells(row, programme):
        _keep(episode, programme, encounters.seen_on(row), actor)


def attach(episode: Episode, on: date, actor: Actor, seen: date | None = None) -> None:
    """The woman's pregnancy of a day, or a new one, for an episode that has none."""
    programme = content.programme_of(episode)
    if programme.spec.pregnancy is None or episode.pregnancy_id is not None:
        return
    began, ended = _checked(_told(episode, programme, seen or on))
    found = pregnancies.find_or_make(
        people_of(programme, episode)[role_of(programme)],
        on,
        actor,
        began,
        ended,
        episode.compartment,
    )
    _set(episode, found)


def _set(episode: Episode, found: Pregnancy) -> None:
    Episode.objects.filter(pk=episode.pk).update(pregnancy=found)
    episode.pregnancy = found


def role_of(programme: Programme) -> str:
    """The role whose pregnancy it is."""
    women = (role for role in programme.roles if programme.role_sex.get(role) == "female")
    return next(women, programme.roles[0])


def _told(episode: Episode, programme: Programme, on: date) -> Days:
    spec, role = programme.spec.pregnancy, role_of(programme)
    assert spec is not None
    facts = facts_of(episode, on)
    return _day(facts.get(f"{role}.{spec.began}")), _day(facts.get(f"{role}.{spec.ended}"))


def _day(value: Any) -> date | None:
    return value if isinstance(value, date) else None


def _checked(days: Days) -> Days:
    began, ended = days
    if began is not None and ended is not None and ended < began:
        raise CareError(
            _("妊娠结束的日期早于末次月经，请核对这两个日期后再签名。"), "ended_before_begun"
        )
    return days


def _tells(row: Encounter, programme: Programme) -> bool:
    """Whether the form answers something that the days are worked out from, or took it back."""
    spec, dictionary = programme.spec.pregnancy, content.library().dictionary
    assert spec is not None
    if row.role != role_of(programme):
        return False
    named, waiting = set(), [spec.began, spec.ended]
    while waiting:
        name = waiting.pop()
        if name not in named:
            named.add(name)
            waiting += inputs_of(dictionary.elements[name], dictionary.formulas)
    before = row.replaces.data if row.replaces is not None else {}
    return any(row.data.get(name) != before.get(name) for name in named)


def _keep(episode: Episode, programme: Programme, on: date, actor: Actor) -> None:
    held = Pregnancy.objects.select_for_update(of=("self",), no_key=True)
    pregnancy = held.get(episodes=episode)
    if episode.compartment and not pregnancy.compartment:
        return  # nothing leaves a compartment
    told = _told(episode, programme, on)
    if None in told:
        told = _filled(told, episode, pregnancy, on)
    pregnancies.keep(pregnancy, *_checked(told), actor)


def _filled(told: Days, episode: Episode, pregnancy: Pregnancy, on: date) -> Days:
    """What this episode does not tell, another of the same pregnancy may."""
    began, ended = told
    others = pregnancy.episodes.filter(compartment__in=("", pregnancy.compartment))
    others = others.exclude(pk=episode.pk).exclude(status=Episode.Status.CANCELLED)
    for other in others.order_by("pk"):
        programme = content.programme_of(other)
        if programme.spec.pregnancy is not None and None in (began, ended):
            first, last = _told(other, programme, on)
            began, ended = began or first, ended or last
    return began, ended
