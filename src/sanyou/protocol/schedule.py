"""Follow-up tasks with their windows, worked out from facts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from sanyou.protocol.assessment import Assessment
from sanyou.protocol.dates import add
from sanyou.protocol.models import TaskSpec
from sanyou.protocol.programme import Programme
from sanyou.protocol.text import Text


@dataclass(frozen=True, slots=True)
class PlannedTask:
    """One window. `opens` and `due` are the first and last day; `key` never changes."""

    id: str
    key: str
    label: Text
    role: str
    form: str | None
    duty: str | None
    opens: date
    due: date
    state: Literal["future", "open", "overdue"]
    attempts: int | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "key": self.key,
            "label": self.label.as_json(),
            "role": self.role,
            "form": self.form,
            "duty": self.duty,
            "opens": self.opens.isoformat(),
            "due": self.due.isoformat(),
            "state": self.state,
            "attempts": self.attempts,
        }


def plan(programme: Programme, facts: Mapping[str, Any], on: date) -> list[PlannedTask]:
    """All windows of all tasks whose anchor is known and whose condition is TRUE.

    Windows already past are listed as overdue (a caller that first sees them now is
    catching up), windows to come as future. Ordered by opening day.
    """
    planned = [
        task
        for entry in programme.schedule
        if entry.when is None or entry.when.evaluate(facts) is True
        for task in _windows(entry.spec, facts, on)
    ]
    return sorted(planned, key=lambda t: (t.opens, t.due, t.id))


def _windows(spec: TaskSpec, facts: Mapping[str, Any], on: date) -> Iterator[PlannedTask]:
    anchor = facts.get(spec.anchor)
    if not isinstance(anchor, date):
        return
    soonest = anchor
    for one in spec.also_after:
        day = facts.get(one.anchor)
        if not isinstance(day, date):
            return
        soonest = max(soonest, add(day, one.by))
    last = add(anchor, spec.until) if spec.until is not None else None
    times = 0
    while True:
        start = add(anchor, spec.every, times) if spec.every is not None else anchor
        opens, due = add(start, spec.from_), add(start, spec.due)
        if soonest > opens:
            opens, due = soonest, due + (soonest - opens)
        if last is not None and opens > last:
            return
        yield PlannedTask(
            spec.id,
            f"{spec.id}:{anchor.isoformat()}:{times}",
            spec.label,
            spec.role,
            spec.form,
            spec.duty,
            opens,
            due,
            _state(opens, due, on),
            spec.attempts,
        )
        if spec.every is None:
            return
        times += 1


def _state(opens: date, due: date, on: date) -> Literal["future", "open", "overdue"]:
    if on < opens:
        return "future"
    return "overdue" if on > due else "open"


def recheck_tasks(assessment: Assessment, on: date) -> list[PlannedTask]:
    """A task per finding that asks for a re-check, counted from the day it was confirmed."""
    tasks = []
    for finding in assessment.findings:
        recheck = finding.recheck
        if recheck is None:
            continue
        opens, due = add(on, recheck.after), add(on, recheck.due)
        key = f"recheck:{finding.key}:{on.isoformat()}"
        tasks.append(
            PlannedTask(
                f"recheck_{finding.rule}",
                key,
                recheck.label,
                finding.role,
                None,
                None,
                opens,
                due,
                _state(opens, due, on),
            )
        )
    return sorted(tasks, key=lambda t: (t.opens, t.due, t.key))
