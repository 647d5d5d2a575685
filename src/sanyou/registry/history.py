"""The history kept in a row (JSON): who did what and when; never a person's data."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.utils import timezone

from sanyou.registry.access import Actor


def line(actor: Actor, **more: Any) -> dict[str, Any]:
    """One line, of now: {"at", "by", "name"} and what else is to be kept."""
    return {
        "at": timezone.now().isoformat(timespec="seconds"),
        "by": actor.username,
        "name": str(actor.display_name),
        **more,
    }


def hands(lines: Iterable[Mapping[str, Any]], *acts: str) -> set[str]:
    """Who did one of these acts: none of them checks it (four eyes)."""
    return {one["by"] for one in lines if one["act"] in acts}
