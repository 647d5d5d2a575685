"""Works out from what has been done what is to be done next. May be called any number of times.

Steps open when the steps before them are done; follow-ups open in their windows. What was done is
read from signed rows, so the tasks can always be made anew from them.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import date
from functools import cached_property
from typing import Any

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from sanyou.care import content, reuse, together
from sanyou.care.facts import facts_of, stations
from sanyou.care.models import Assessment, Card, Consent, Document, Encounter, Episode, Task
from sanyou.care.reuse import Reused
from sanyou.protocol.dates import add
from sanyou.protocol.loop import LoopState, loops_of
from sanyou.protocol.models import Step
from sanyou.protocol.programme import Programme
from sanyou.protocol.schedule import PlannedTask, plan
from sanyou.protocol.scope import COUPLE
from sanyou.registry.models import Staff

Status = Task.Status


def lock(episode: Episode) -> Episode:
    """The episode, held until the transaction ends: one act on an episode at a time.

    Episodes of the same subject that share its results are held with it, always in the same order.
    """
    held = Q(pk=episode.pk)
    if reuse.linked_programmes(episode.programme):
        going_on = (Episode.Status.OPEN, Episode.Status.RETURNED)
        held |= episode.same_subject & Q(status__in=going_on)
    rows = (
        Episode.objects.select_for_update(of=("self",))
        .select_related("region", "couple__wife", "couple__husband", "person", "unit")
        .filter(held)
        .order_by("pk")
    )
    return next(row for row in rows if row.pk == episode.pk)


def roles_of(programme: Programme, step: Step) -> list[str]:
    """The roles for which a step is done; one for the whole case where none is named."""
    if step.roles:
        return list(step.roles)
    if step.kind == "consent":
        return list(programme.roles)
    return [COUPLE if programme.is_couple else programme.roles[0]]


class Done:
    """Which steps of an episode are done, by the rows that prove it."""

    def __init__(self, episode: Episode, programme: Programme, on: date | None = None) -> None:
        self.episode, self.programme = episode, programme
        self.on = on or timezone.localdate()
        self._answers: dict[tuple[str, str], bool] = {}

    @cached_property
    def tasks(self) -> list[Task]:
        return list(self.episode.tasks.all())

    @cached_property
    def signed(self) -> set[tuple[str, str]]:
        rows = self.episode.encounters.filter(status=Encounter.Status.SIGNED)
        return set(rows.values_list("form", "role"))

    @cached_property
    def closed(self) -> set[tuple[str, str]]:
        steps = (t for t in self.tasks if t.kind == Task.Kind.STEP and t.status == Status.DONE)
        return {(t.name, t.role) for t in steps}

    @cached_property
    def card(self) -> bool:
        return self.episode.cards.exclude(status=Card.Status.VOID).exists()

    @cached_property
    def consent(self) -> dict[str, bool]:
        rows = self.episode.consents.defer("signature").order_by("pk")
        return {row.role: row.kind == Consent.Kind.GRANT for row in rows}

    @cached_property
    def assessment(self) -> Assessment | None:
        rows = self.episode.assessments.filter(
            status__in=(Assessment.Status.CONFIRMED, Assessment.Status.OVERRIDDEN)
        )
        return rows.defer("facts", "result").first()

    @cached_property
    def reused(self) -> dict[tuple[str, str], Reused]:
        return reuse.of(self.episode, self.on)

    @cached_property
    def _facts(self) -> dict[str, Any]:
        return facts_of(self.episode, self.on)

    def covered(self, step: Step, role: str) -> list[Reused]:
        """The valid results of other programmes that make this form needless."""
        if not self.reused or step.form not in stations(self.programme):
            return []
        policy = content.policy_of(self.episode)
        return reuse.covering(self.programme, policy, step, role, self.reused, self._facts)

    def step(self, step: Step, role: str) -> bool:
        if (step.id, role) not in self._answers:
            self._answers[step.id, role] = self._step(step, role)
        return self._answers[step.id, role]

    def _step(self, step: Step, role: str) -> bool:
        match step.kind:
            case "form":
                return (step.form, role) in self.signed or bool(self.covered(step, role))
            case "card":
                return self.card
            case "consent":
                return self.consent.get(role, False)
            case "assess":
                return self.assessment is not None
            case "document":
                return self._issued(step)
        return (step.id, role) in self.closed  # review, confirm: decided by a person

    def passed(self, step: Step, role: str) -> str:
        """The later step that makes this one needless, "" where there is none.

        A form that no step waits for (taking specimens) is over once its own duty has signed a
        later form of the same stage for the same role (the results).
        """
        steps = self.programme.steps
        if step.kind != "form" or any(step.id in s.after for s in steps):
            return ""
        for later in steps[steps.index(step) + 1 :]:
            same = (later.kind, later.duty, later.after) == (step.kind, step.duty, step.after)
            if same and role in roles_of(self.programme, later) and self.step(later, role):
                return later.label.zh
        return ""

    def whole(self, step: Step) -> bool:
        return all(self.step(step, role) for role in roles_of(self.programme, step))

    def _issued(self, step: Step) -> bool:
        """Issued, and after the assessment that stands where it tells of one."""
        rows = Document.objects.filter(episode=self.episode, kind=step.document, void_reason="")
        if "assess" in {self.programme.step(s).kind for s in step.after}:
            if self.assessment is None or self.assessment.decided_at is None:
                return False
            rows = rows.filter(at__gte=self.assessment.decided_at)
        return rows.exists()


_waiting: ContextVar[dict[int, tuple[Episode, date]] | None] = ContextVar("waiting", default=None)


@contextmanager
def at_end() -> Iterator[None]:
    """Several acts in one transaction, and one look at what is to be done next at their end.

    For files and other bulk work; within it the tasks are not up to date.
    """
    if _waiting.get() is not None:
        yield
        return
    waiting: dict[int, tuple[Episode, date]] = {}
    token = _waiting.set(waiting)
    try:
        yield
    finally:
        _waiting.reset(token)
    for episode, on in waiting.values():
        advance(lock(episode), on)


def advance(episode: Episode, on: date | None = None) -> None:
    """Open, close and cancel tasks so that they fit the signed rows, as seen on a day."""
    today = on or timezone.localdate()
    waiting = _waiting.get()
    if waiting is not None:
        waiting[episode.pk] = episode, today
        return
    others = reuse.partners(episode)
    _advance(episode, today, others)
    if others:
        for other in others:
            _advance(other, today, [*(o for o in others if o.pk != other.pk), episode])
        _advance(episode, today, others)  # what the others now leave to it, or take from it


def _advance(episode: Episode, today: date, others: list[Episode]) -> None:
    programme = content.programme_of(episode)
    if episode.status == Episode.Status.RETURNED:
        _returned(episode, programme, today)
        return
    if episode.status != Episode.Status.OPEN:
        _cancel(episode.tasks.filter(status=Status.OPEN), str(episode.get_status_display()))
        return
    done = _steps(episode, programme, today, others)
    follows = _may_follow(programme, done)
    if not follows and not programme.loops:
        return
    facts = facts_of(episode, today)
    if follows:
        _follow_ups(episode, programme, facts, today)
    if programme.loops:
        _loops(episode, programme, facts, today)


def _returned(episode: Episode, programme: Programme, today: date) -> None:
    """Sent back: only whoever registered it has something to do."""
    opening = next((s for s in programme.steps if s.form == programme.opening_form), None)
    others = episode.tasks.filter(status=Status.OPEN)
    if opening is not None:
        for role in roles_of(programme, opening):
            _open_step(episode, opening, role, today, label=_("补正：%s") % opening.label.zh)
        others = others.exclude(kind=Task.Kind.STEP, name=opening.id)
    _cancel(others, _("已退回补正"))


def _steps(episode: Episode, programme: Programme, today: date, others: list[Episode]) -> Done:
    done = Done(episode, programme, today)
    shared = together.Shared(episode, others)
    whole = {step.id: done.whole(step) for step in programme.steps}
    existing = {(t.name, t.role): t for t in done.tasks if t.kind == Task.Kind.STEP}
    for step in programme.steps:
        ready = all(whole[before] for before in step.after)
        for role in roles_of(programme, step):
            task = existing.get((step.id, role))
            is_open = task is not None and task.status == Status.OPEN
            if done.step(step, role):
                taken = step.kind == "form" and (step.form, role) not in done.signed
                if taken and ready and (task is None or task.status == Status.CANCELLED):
                    _open_step(episode, step, role, today)
                    is_open = True
                if is_open:
                    why = reuse.words(done.covered(step, role)) if taken else ""
                    _finish(episode.tasks.filter(kind=Task.Kind.STEP, name=step.id, role=role), why)
            elif later := done.passed(step, role):
                if task is not None and is_open:
                    _finish(episode.tasks.filter(pk=task.pk), _("已有“%s”") % later)
            elif ready and shared.leads(step, role):
                if task is not None and is_open:
                    _cancel(episode.tasks.filter(pk=task.pk), _("与另一项目同一次办理"))
            elif ready:
                if not is_open:
                    _open_step(episode, step, role, today)
            elif task is not None and is_open:
                _cancel(episode.tasks.filter(pk=task.pk), _("前面的步骤有变化"))
    return done


def _open_step(
    episode: Episode, step: Step, role: str, today: date, label: str | None = None
) -> None:
    wanted: dict[str, Any] = {
        "form": step.form or "",
        "label": label or step.label.zh,
        "duty": step.duty,
        "region": episode.region,
        "opens": today,
        "due": add(today, step.within) if step.within else None,
    }
    task, created = Task.objects.get_or_create(
        episode=episode, kind=Task.Kind.STEP, name=step.id, role=role, occurrence="",
        defaults=wanted,
    )  # fmt: skip
    if not created and (task.status != Status.OPEN or label):
        for name, value in (wanted | {"status": Status.OPEN, "reason": ""}).items():
            setattr(task, name, value)
        task.closed_at = task.closed_by = None
        task.save()


def _may_follow(programme: Programme, done: Done) -> bool:
    """Whether any follow-up can have its anchor yet; most of the course it cannot."""
    elements = content.library().dictionary.elements
    for entry in programme.schedule:
        role, _dot, name = entry.spec.anchor.partition(".")
        if name == "notice_on":
            if any(done.whole(s) for s in programme.steps if s.kind == "document"):
                return True
        elif (
            elements[name].process
            or elements[name].derived is not None
            or any(
                r == role and any(f.element == name for f in programme.forms[form].fields_for(r))
                for form, r in done.signed
                if form in programme.forms
            )
        ):
            return True
    return any(task.kind == Task.Kind.SCHEDULE for task in done.tasks)


def _follow_ups(
    episode: Episode, programme: Programme, facts: Mapping[str, Any], today: date
) -> None:
    """Windows of the schedule. A condition that no longer holds cancels what was planned by it."""
    existing = {t.occurrence: t for t in episode.tasks.filter(kind=Task.Kind.SCHEDULE)}
    planned = {p.key: p for p in plan(programme, facts, today)}
    for key, task in existing.items():
        if key not in planned and task.status == Status.OPEN:
            _cancel(episode.tasks.filter(pk=task.pk), _("情况已变化，不再需要"))
        elif key in planned and task.status == Status.CANCELLED:
            Task.objects.filter(pk=task.pk).update(
                status=Status.OPEN, reason="", closed_at=None, closed_by=None
            )
    Task.objects.bulk_create(
        [
            _planned(episode, programme, window, Task.Kind.SCHEDULE, today)
            for key, window in planned.items()
            if key not in existing
        ]
    )


def _planned(
    episode: Episode, programme: Programme, window: PlannedTask, kind: Task.Kind, today: date
) -> Task:
    """A task of a window. One whose window has passed already says that it catches up."""
    late = window.due < today
    return Task(
        episode=episode,
        kind=kind,
        name=window.id,
        occurrence=window.key,
        role=window.role,
        form=window.form or "",
        label=window.label.zh + (_("（补录）") if late else ""),
        reason=_("建立时期限已过，属补录") if late else "",
        duty=window.duty or "",
        region=episode.region,
        opens=window.opens,
        due=window.due,
    )


def _loops(episode: Episode, programme: Programme, facts: Mapping[str, Any], today: date) -> None:
    """Keep exactly one task open for every loop that is not closed."""
    rows = list(episode.tasks.filter(kind=Task.Kind.LOOP).order_by("pk"))
    for state in loops_of(programme, facts):
        mine = [task for task in rows if task.name == state.loop.id]
        kept = _kept_of_loop(episode, state, mine, today) if state.state == "open" else None
        over = [t.pk for t in mine if t.status == Status.OPEN and t is not kept]
        if over and state.state == "none":
            _cancel(episode.tasks.filter(pk__in=over), _("情况已变化，不再需要"))
        elif over:
            _finish(episode.tasks.filter(pk__in=over), "" if kept else _("已闭环"))


LOST = "lost:"  # before the leg in the occurrence of a search for somebody given up as lost


def _kept_of_loop(episode: Episode, state: LoopState, mine: list[Task], today: date) -> Task | None:
    """The task of the leg to be done; a new one where there is none.

    Given up as lost, the leg goes to whoever looks for the lost, again and again; once she has
    found them the leg opens anew. So nobody drops out of every list.
    """
    leg, spec = state.leg, state.loop.spec
    assert leg is not None
    of_leg = [t for t in mine if t.occurrence.rpartition(":")[0] in (leg.id, LOST + leg.id)]
    last = of_leg[-1] if of_leg else None
    if last is not None and last.status == Status.OPEN:
        first = len(of_leg) == 1
        if first and state.due is not None and last.due != state.due:
            last.opens, last.due = state.opens or last.opens, state.due
            last.save(update_fields=["opens", "due"])
        return last
    lost = last is not None and last.status == Status.LOST
    found = last is not None and last.occurrence.startswith(LOST) and not lost
    if lost:
        opens, due = today, add(today, spec.lost.due)
    elif found or state.due is None:
        opens, due = today, add(today, leg.due)
    else:
        opens, due = state.opens or today, state.due
    return Task.objects.create(
        episode=episode,
        kind=Task.Kind.LOOP,
        name=spec.id,
        occurrence=f"{LOST if lost else ''}{leg.id}:{len(of_leg) + 1}",
        role=spec.role,
        form="" if lost else leg.form,
        label=spec.lost.label.zh + "：" + leg.label.zh if lost else leg.label.zh,
        duty=spec.lost.duty if lost else leg.duty,
        region=episode.region,
        opens=opens,
        due=due,
    )


def open_rechecks(episode: Episode, windows: list[tuple[PlannedTask, str, str]], on: date) -> None:
    """Recheck tasks of a confirmed assessment: (window, form, duty). Existing ones stay."""
    programme = content.programme_of(episode)
    have = set(
        episode.tasks.filter(kind=Task.Kind.RECHECK)
        .exclude(status=Status.CANCELLED)
        .values_list("name", "role")
    )
    rows = []
    for window, form, duty in windows:
        if (window.id, window.role) in have:
            continue
        task = _planned(episode, programme, window, Task.Kind.RECHECK, on)
        task.form, task.duty = form, duty
        rows.append(task)
    Task.objects.bulk_create(rows, ignore_conflicts=True)


def close_task(task: Task, by: Staff | None, status: str = Status.DONE, reason: str = "") -> None:
    """Close one task by somebody's act."""
    task.status, task.closed_at, task.closed_by = status, timezone.now(), by
    if reason:
        task.reason = reason
    task.save(update_fields=["status", "closed_at", "closed_by", "reason"])


def close_step(episode: Episode, kind: str, by: Staff | None) -> None:
    """Close the steps of a kind that a person decided: review, confirm."""
    programme = content.programme_of(episode)
    for step in programme.steps:
        if step.kind != kind:
            continue
        for role in roles_of(programme, step):
            task, _created = Task.objects.get_or_create(
                episode=episode, kind=Task.Kind.STEP, name=step.id, role=role, occurrence="",
                defaults={
                    "label": step.label.zh,
                    "duty": step.duty,
                    "region": episode.region,
                    "opens": episode.opened_on,
                },
            )  # fmt: skip
            if task.status != Status.DONE:
                close_task(task, by)


def is_closed(episode: Episode, kind: str) -> bool:
    """Whether every step of a kind has been decided; TRUE where the programme has none."""
    programme = content.programme_of(episode)
    done = Done(episode, programme)
    return all(done.whole(step) for step in programme.steps if step.kind == kind)


def unfinished_before(episode: Episode, kind: str) -> list[str]:
    """Labels of the forms that the steps of a kind wait for and that are not signed yet."""
    programme = content.programme_of(episode)
    done = Done(episode, programme)
    before = {name for step in programme.steps if step.kind == kind for name in step.after}
    steps = (s for s in programme.steps if s.id in before and s.kind == "form")
    return [s.label.zh for s in steps if s.form != programme.opening_form and not done.whole(s)]


def reopen_steps(episode: Episode, *kinds: str) -> None:
    """Forget that steps of these kinds were decided."""
    programme = content.programme_of(episode)
    names = [s.id for s in programme.steps if s.kind in kinds]
    episode.tasks.filter(kind=Task.Kind.STEP, name__in=names).update(
        status=Status.CANCELLED, closed_at=timezone.now()
    )


def _finish(rows: Any, reason: str = "") -> None:
    rows.update(status=Status.DONE, closed_at=timezone.now(), reason=reason[:300])


def _cancel(rows: Any, reason: str) -> None:
    rows.update(status=Status.CANCELLED, closed_at=timezone.now(), reason=reason[:300])
