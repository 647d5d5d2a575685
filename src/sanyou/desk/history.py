"""The history of a statement, a report, a version as pages show it."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any


def steps(lines: Sequence[Mapping[str, Any]], words: Mapping[str, object]) -> list[dict[str, Any]]:
    """The lines with their moment and words, the newest first."""
    return [
        {
            **one,
            "when": dt.datetime.fromisoformat(one["at"]),
            "words": words.get(one["act"], one["act"]),
        }
        for one in reversed(lines)
    ]
