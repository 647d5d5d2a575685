"""Closed loops (闭环): from a positive to its end, leg by leg, worked out from facts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from sanyou.protocol.dates import add
from sanyou.protocol.expression import Expression
from sanyou.protocol.models import LegSpec, LoopSpec
from sanyou.protocol.programme import Programme


@dataclass(frozen=True)
class Leg:
    """A leg with its conditions compiled."""

    spec: LegSpec
    done: Expression
    when: Expression | None

    def applies(self, facts: Mapping[str, Any]) -> bool:
        """Left out only where its condition is FALSE: what cannot be told is asked for."""
        return self.when is None or self.when.evaluate(facts) is not False


@dataclass(frozen=True)
class Loop:
    """A loop with its conditions compiled."""

    spec: LoopSpec
    open: Expression
    closed: Expression
    legs: tuple[Leg, ...]
    place: tuple[str, int] = ("", 1)

    @property
    def id(self) -> str:
        return self.spec.id


@dataclass(frozen=True, slots=True)
class LoopState:
    """How a loop stands. `leg` is the one to be done where it is open; `opens` and `due` are its
    first and last day, None where no date of the facts tells them."""

    loop: Loop
    state: Literal["none", "open", "closed"]
    leg: LegSpec | None = None
    opens: date | None = None
    due: date | None = None


def loops_of(programme: Programme, facts: Mapping[str, Any]) -> list[LoopState]:
    """The state of every loop. A positive that cannot be told is none; an end that cannot be told
    leaves the loop open."""
    return [_state(loop, facts) for loop in programme.loops]


def _state(loop: Loop, facts: Mapping[str, Any]) -> LoopState:
    if loop.open.evaluate(facts) is not True:
        return LoopState(loop, "none")
    if loop.closed.evaluate(facts) is True:
        return LoopState(loop, "closed")
    legs = [leg for leg in loop.legs if leg.applies(facts)] or [loop.legs[-1]]
    leg = next((one for one in legs if one.done.evaluate(facts) is not True), legs[-1]).spec
    anchor = facts.get(leg.anchor) if leg.anchor else None
    start = anchor if isinstance(anchor, date) else facts.get(loop.spec.since)
    if not isinstance(start, date):
        return LoopState(loop, "open", leg)
    return LoopState(loop, "open", leg, add(start, leg.from_), add(start, leg.due))
