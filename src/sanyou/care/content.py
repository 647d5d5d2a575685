"""The content in use. Loaded once for the process."""

from datetime import date
from functools import cache

from django.conf import settings

from sanyou.care.models import Episode
from sanyou.protocol.library import Library
from sanyou.protocol.policy import Policy
from sanyou.protocol.programme import Programme

_given: list[Library] = []


@cache
def _packaged() -> Library:
    return Library.load(None, *settings.CONTENT_ROOTS)


def library() -> Library:
    """The packaged content with the district's own folders, or what `set_library` gave."""
    return _given[-1] if _given else _packaged()


def set_library(lib: Library | None) -> None:
    """Use other content in this process (tests); None goes back to the packaged one."""
    _given.clear()
    if lib is not None:
        _given.append(lib)


def programme_of(episode: Episode) -> Programme:
    return library().programmes[episode.programme]


def policy_of(episode: Episode) -> Policy | None:
    """The policy under which the episode was opened, with the terms of its programme."""
    found = library().policies.get(episode.policy)
    return None if found is None else found.for_programme(episode.programme)


def current_policy(region_code: str, programme: str, on: date) -> Policy | None:
    """The document in force in a region on a day, with the terms of the programme; None where
    there is none or only a stub."""
    found = library().policy_for(region_code, programme, on)
    return None if found is None or found.stub else found.for_programme(programme)
