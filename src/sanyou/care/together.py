"""Two programmes in one visit: which of two steps that ask the same is done first.

A station sees a couple once. Where the programmes' steps ask for the same results, the fuller form
leads; the other waits, and then finds its answers there or asks only for what is left.
"""

from functools import cached_property

from sanyou.care import content, reuse
from sanyou.care.models import Encounter, Episode, Task
from sanyou.care.steps import stations
from sanyou.protocol.models import Step
from sanyou.registry.regions import county_code


class Shared:
    """The other episodes of the same visit, as seen from one."""

    def __init__(self, episode: Episode, others: list[Episode]) -> None:
        self.episode = episode
        self.programme = content.programme_of(episode)
        county = county_code(episode.region_id)
        self.others = {
            o.pk: o
            for o in others
            if county_code(o.region_id) == county
            and o.status == Episode.Status.OPEN
            and reuse.open_to(o, episode)
        }

    @cached_property
    def _open(self) -> list[Task]:
        """Open step tasks of the others."""
        return list(
            Task.objects.filter(
                episode__in=self.others, kind=Task.Kind.STEP, status=Task.Status.OPEN
            )
        )

    def leads(self, step: Step, role: str) -> bool:
        """Whether an open step of another episode is to be done before this one of the same role."""
        if not self.others or step.kind not in ("form", "consent"):
            return False
        if not any(self._before(task, step, role) for task in self._open):
            return False
        # What somebody has begun to write here is finished here.
        return not self.episode.encounters.filter(
            form=step.form or "", role=role, status=Encounter.Status.DRAFT
        ).exists()

    def _before(self, task: Task, step: Step, role: str) -> bool:
        if (task.role, task.duty) != (role, step.duty):
            return False
        programme = content.programme_of(self.others[task.episode_id])
        other = next((s for s in programme.steps if s.id == task.name), None)
        if other is None or other.kind != step.kind:
            return False
        if step.kind == "consent":
            return task.episode_id < self.episode.pk
        if step.form not in stations(self.programme) or other.form not in stations(programme):
            return False
        if programme.id not in {s.from_ for s in self.programme.spec.reuse}:
            return False
        mine = {f.element for f in self.programme.forms[step.form or ""].fields_for(role)}
        theirs = {f.element for f in programme.forms[other.form or ""].fields_for(role)}
        if not mine & theirs:
            return False
        return (len(theirs), -task.episode_id) > (len(mine), -self.episode.pk)
