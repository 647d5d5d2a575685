"""The content in use: the packaged content with the signed releases of the day over it.

A case is judged by the document as it stood on the day it was opened; findings are made by the rules
of the day they are made.
"""

from datetime import date
from functools import cache

from django.conf import settings

from sanyou.care.models import Episode
from sanyou.protocol.library import Library
from sanyou.protocol.policy import Policy
from sanyou.protocol.programme import Programme
from sanyou.registry.access import Actor, works_in
from sanyou.releases.content import library_on

_given: list[Library] = []


@cache
def packaged() -> Library:
    """What came with the program, and the district's own folders; no releases."""
    return Library.load(None, *settings.CONTENT_ROOTS)


def library(on: date | None = None) -> Library:
    """The content in force on a day (today where None), or what `set_library` gave."""
    return _given[-1] if _given else library_on(packaged(), on)


def set_library(lib: Library | None) -> None:
    """Use other content in this process (tests); None goes back to the packaged one."""
    _given.clear()
    if lib is not None:
        _given.append(lib)


def programme_of(episode: Episode) -> Programme:
    return library().programmes[episode.programme]


def compartments() -> dict[str, str]:
    """The programmes that lie in a compartment: id -> compartment."""
    programmes = library().programmes.values()
    return {p.id: p.spec.compartment for p in programmes if p.spec.compartment}


def programmes_for(actor: Actor) -> dict[str, Programme]:
    """The programmes that exist for her duty."""
    programmes = library().programmes
    return {n: p for n, p in programmes.items() if works_in(actor, p.spec.compartment)}


def policy_of(episode: Episode) -> Policy | None:
    """The policy under which the episode was opened, as it stood that day, with the terms of its
    programme."""
    found = library(episode.opened_on).policies.get(episode.policy)
    return None if found is None else found.for_programme(episode.programme)


def current_policy(region_code: str, programme: str, on: date) -> Policy | None:
    """The document in force in a region on a day, with the terms of the programme; None where
    there is none or only a stub."""
    found = library(on).policy_for(region_code, programme, on)
    return None if found is None or found.stub else found.for_programme(programme)
