"""What every page of a record shares: finding it within reach, who it is about, JSON in and out."""

import json
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet
from django.http import HttpRequest, JsonResponse
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from sanyou.care import facts
from sanyou.care.content import programme_of
from sanyou.care.models import Episode
from sanyou.care.reading import may_read_elsewhere
from sanyou.desk.actor import actor_of
from sanyou.desk.views.records_form import words
from sanyou.protocol.dates import years_between
from sanyou.protocol.programme import Programme
from sanyou.protocol.scope import COUPLE
from sanyou.registry.access import Actor, Forbidden, NotFoundForYou, visible
from sanyou.registry.models import Person

T = TypeVar("T", bound=Model)

MOST_BYTES = 1_000_000  # of one JSON request


class Unreadable(Exception):
    """The request itself is broken (409 with this message)."""

    def __init__(self) -> None:
        self.message_zh = _("页面发来的内容不完整，请刷新页面后再试。")
        super().__init__(self.message_zh)


@dataclass(frozen=True)
class PersonView:
    role: str
    role_label: str
    name: str
    sex: str = ""
    age: int | None = None


@dataclass(frozen=True)
class Subject:
    """The people a page is about, or the organisation."""

    people: tuple[PersonView, ...]


def find(request: HttpRequest, queryset: "QuerySet[T]", key: UUID) -> tuple[Actor, T]:
    """The record with this key, within the actor's region; NotFoundForYou otherwise."""
    actor = actor_of(request)
    found = visible(actor, queryset).filter(key=key).first()
    if found is None:
        raise NotFoundForYou
    return actor, found


def episode_of(request: HttpRequest, key: UUID) -> tuple[Actor, Episode]:
    """The episode with this key, with its people at hand."""
    return find(request, _episodes(), key)


def readable_episode(request: HttpRequest, key: UUID) -> tuple[Actor, Episode]:
    """The episode with this key, also of another district where she may read it."""
    return readable(request, _episodes(), key)


def readable(request: HttpRequest, queryset: "QuerySet[T]", key: UUID) -> tuple[Actor, T]:
    """An episode, or a record of one, that she may at least read; NotFoundForYou otherwise."""
    actor = actor_of(request)
    found = visible(actor, queryset).filter(key=key).first()
    if found is None:
        found = queryset.filter(key=key).first()
        episode = getattr(found, "episode", found)
        if not isinstance(episode, Episode) or not may_read_elsewhere(actor, episode):
            raise NotFoundForYou
        assert found is not None
    return actor, found


def _episodes() -> "QuerySet[Episode]":
    return Episode.objects.select_related(
        "couple__wife", "couple__husband", "person", "unit__region", "region"
    )


def people_of(episode: Episode) -> dict[str, Person]:
    """role -> person; nobody where it is about an organisation."""
    return facts.people_of(programme_of(episode), episode)


def names_of(episode: Episode) -> dict[str, str]:
    """role -> name: wife and husband, the one person, or the organisation."""
    return facts.names_of(programme_of(episode), episode)


def who_of(episode: Episode) -> str:
    """Everybody it is about in one line."""
    return "、".join(names_of(episode).values())


def subject_of(programme: Programme, episode: Episode, role: str = COUPLE) -> Subject:
    """Both spouses for "couple", else the one person or the organisation."""
    everyone = people_of(episode)
    if episode.unit is not None:
        unit_role = programme.roles[0]
        label = words(programme.role_label.get(unit_role, unit_role))
        return Subject((PersonView(unit_role, label, episode.unit.name),))
    wanted = everyone if role == COUPLE or role not in everyone else {role: everyone[role]}
    today = timezone.localdate()
    return Subject(
        tuple(
            PersonView(
                name_of_role,
                words(programme.role_label.get(name_of_role, name_of_role)),
                person.name,
                str(person.get_sex_display()),
                years_between(person.birth_date, today) if person.birth_date else None,
            )
            for name_of_role, person in wanted.items()
        )
    )


def uuid_of(text: str) -> UUID:
    """A key as a page sent it; where it is none, the nil key, which no record has."""
    try:
        return UUID(text)
    except ValueError:
        return UUID(int=0)


def home_of(episode: Episode) -> str:
    """The page that shows the whole record."""
    try:
        if episode.couple is not None:
            return reverse("couple", args=[episode.couple.key])
        if episode.person is not None:
            return reverse("person", args=[episode.person.key])
        return reverse("episode", args=[episode.key])
    except NoReverseMatch:
        return reverse("home")


def body(request: HttpRequest) -> dict[str, Any]:
    """The JSON object a script sent."""
    if len(request.body) > MOST_BYTES:
        raise Unreadable
    try:
        found = json.loads(request.body)
    except (ValueError, UnicodeDecodeError) as error:
        raise Unreadable from error
    if not isinstance(found, dict):
        raise Unreadable
    return found


def answer(data: dict[str, Any], status: int = 200) -> JsonResponse:
    return JsonResponse(data, status=status, json_dumps_params={"ensure_ascii": False})


def refuse(what: str) -> Forbidden:
    """Not her duty, with the remedy."""
    return Forbidden(
        _("您的岗位不能%(what)s。如确需办理，请切换岗位或联系系统管理员。") % {"what": what}
    )


def clock(moment: Any) -> str:
    """12:03:05 in Shanghai."""
    return timezone.localtime(moment).strftime("%H:%M:%S")
