"""Queues: what a duty has to do in its region; contacts made, done, or lost."""

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from sanyou.care import content, flow
from sanyou.care.errors import CareError, NotAllowedNow
from sanyou.care.models import ContactAttempt, Episode, Task
from sanyou.registry.access import Actor, visible
from sanyou.trust import audit

ATTEMPTS = 3  # before a contact may be given up, where the schedule does not say


def queue(actor: Actor) -> QuerySet[Task]:
    """Open tasks of her duty in her region, the most urgent first."""
    rows = Task.objects.filter(
        duty=actor.duty,
        status=Task.Status.OPEN,
        episode__status__in=(Episode.Status.OPEN, Episode.Status.RETURNED),
    )
    return visible(actor, rows).order_by(F("due").asc(nulls_last=True), "opens", "pk")


def attempts_needed(task: Task) -> int:
    """Failed contacts after which the task may be closed as lost."""
    programme = content.programme_of(task.episode)
    if task.kind == Task.Kind.LOOP:
        leg = task.occurrence.removeprefix(flow.LOST).rpartition(":")[0]
        legs = (s for loop in programme.loops if loop.id == task.name for s in loop.spec.legs)
        wanted = next((s.attempts for s in legs if s.id == leg), None)
        return wanted or ATTEMPTS
    for entry in programme.schedule:
        if entry.spec.id == task.name and entry.spec.attempts is not None:
            return entry.spec.attempts
    return ATTEMPTS


def _held(task: Task, actor: Actor) -> Task:
    episode = flow.lock(task.episode)
    if actor.duty != task.duty:
        actor.require("follow_up", episode)
    actor.require("home", episode)
    row = Task.objects.select_for_update(of=("self",)).get(pk=task.pk)
    row.episode = episode
    return row


@transaction.atomic
def attempt(task: Task, actor: Actor, way: str, reached: bool, note: str) -> ContactAttempt:
    """Write down one attempt to reach somebody."""
    row = _held(task, actor)
    if row.status != Task.Status.OPEN:
        raise NotAllowedNow(_("这项任务已经结束，不需要再联系。"))
    if way not in {"phone", "visit", "message"}:
        raise CareError(_("请选择联系方式。"), "bad_way")
    made = ContactAttempt.objects.create(
        task=row, at=timezone.now(), way=way, reached=reached, note=note[:300], by=actor.staff
    )
    audit.record(actor, "contact", "task", row.key, reached=reached)
    return made


@transaction.atomic
def complete(task: Task, actor: Actor, reason: str = "") -> Task:
    """Close a task that needs no form, or is answered elsewhere."""
    row = _held(task, actor)
    if row.status == Task.Status.OPEN:
        if row.kind == Task.Kind.STEP:
            raise NotAllowedNow(_("请在对应的页面办理这一步。"))
        if row.kind == Task.Kind.LOOP and row.form:
            raise NotAllowedNow(_("阳性追踪要填写对应的表单才能进入下一步，不能直接完成。"))
        flow.close_task(row, actor.staff, reason=reason[:300])
        flow.advance(row.episode)
        audit.record(actor, "complete", "task", row.key)
    return row


@transaction.atomic
def close_lost(task: Task, actor: Actor, reason: str) -> Task:
    """Give up after enough failed contacts; the reason stays with the task."""
    row = _held(task, actor)
    if row.status != Task.Status.OPEN:
        return row
    if row.kind == Task.Kind.STEP:
        raise NotAllowedNow(_("流程步骤不能按失访结案。"))
    needed = attempts_needed(row)
    failed = row.attempts.filter(reached=False).count()
    if failed < needed:
        raise NotAllowedNow(
            _("至少联系 %(needed)d 次未果才能按失访结案，现在记录了 %(failed)d 次。")
            % {"needed": needed, "failed": failed}
        )
    if not reason.strip():
        raise CareError(_("请填写失访原因。"), "reason_missing")
    flow.close_task(row, actor.staff, Task.Status.LOST, reason.strip()[:300])
    flow.advance(row.episode)
    audit.record(actor, "lost", "task", row.key)
    return row
