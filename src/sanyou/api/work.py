"""Queues and follow-up tasks."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest
from ninja import Query, Router, Status

from sanyou.api import reach, shapes
from sanyou.api.auth import actor_of
from sanyou.care import content, tasks
from sanyou.care.models import Task
from sanyou.care.reading import task_label
from sanyou.registry.access import Actor
from sanyou.trust import audit

router = Router(tags=["tasks"])


def _out(actor: Actor, row: Task) -> dict[str, Any]:
    """Of a recheck that tells what her duty does not read, only that there is one."""
    label = task_label(actor, content.programme_of(row.episode), row)
    return {
        "key": row.key,
        "episode": row.episode.key,
        "kind": row.kind,
        "name": row.name if label == row.label else "",
        "label": label,
        "role": row.role,
        "form": row.form,
        "duty": row.duty,
        "region": row.region_id,
        "opens": row.opens,
        "due": row.due,
        "status": row.status,
        "reason": row.reason,
    }


def _rows() -> "QuerySet[Task]":
    return Task.objects.select_related("episode__region", "region")


@router.get("", response=list[shapes.TaskOut])
def queue(
    request: HttpRequest,
    page: Query[shapes.Page],
    name: str = "",
) -> object:
    """Open tasks of the caller's duty and region, the most urgent first."""
    actor = actor_of(request)
    actor.require("see_person")
    rows = tasks.queue(actor).select_related("episode")
    rows = rows.filter(name=name) if name else rows
    found = list(rows[page.offset : page.offset + page.limit])
    audit.record(actor, "list", "task", "", rows=len(found))
    return [_out(actor, row) for row in found]


def _own(actor: Actor, key: UUID) -> Task:
    """A task of her region: of her own duty, or a follow-up for who follows up."""
    row = reach.find(actor, _rows(), key)
    if actor.duty != row.duty:
        actor.require("follow_up", row)
    return row


@router.get("/{uuid:key}", response=shapes.TaskOut)
def read(request: HttpRequest, key: UUID) -> object:
    """One task."""
    actor = actor_of(request)
    row = reach.find(actor, _rows(), key)
    actor.require("see_person", row)
    audit.record(actor, "read", "task", row.key)
    return _out(actor, row)


@router.post("/{uuid:key}/attempts", response={201: shapes.TaskOut})
def attempt(request: HttpRequest, key: UUID, body: shapes.AttemptIn) -> object:
    """Write down one attempt to reach somebody."""
    actor = actor_of(request)
    row = _own(actor, key)
    tasks.attempt(row, actor, body.way, body.reached, body.note)
    return Status(201, _out(actor, _rows().get(pk=row.pk)))


@router.post("/{uuid:key}/complete", response=shapes.TaskOut)
def complete(request: HttpRequest, key: UUID, body: shapes.ReasonIn) -> object:
    """Close a task that needs no form."""
    actor = actor_of(request)
    row = tasks.complete(_own(actor, key), actor, body.reason)
    return _out(actor, _rows().get(pk=row.pk))


@router.post("/{uuid:key}/lost", response=shapes.TaskOut)
def lost(request: HttpRequest, key: UUID, body: shapes.ReasonIn) -> object:
    """Give up after enough failed attempts."""
    actor = actor_of(request)
    row = tasks.close_lost(_own(actor, key), actor, body.reason)
    return _out(actor, _rows().get(pk=row.pk))
