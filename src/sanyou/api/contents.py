"""Versions of rules and policies, and drafts with what they would change. Read only."""

import datetime as dt
from uuid import UUID

from django.http import HttpRequest
from ninja import Router, Schema

from sanyou.api import reach
from sanyou.api.auth import actor_of
from sanyou.figures.models import PolicyDraft
from sanyou.registry.access import Actor, NotFoundForYou, visible
from sanyou.releases import service
from sanyou.releases.models import Release
from sanyou.trust import audit

router = Router(tags=["versions"])


class VersionLine(Schema):
    """`region` is null for rules, which all districts share. `changed`: records of the replay."""

    key: UUID
    kind: str
    name: str
    version: str
    region: str | None
    status: str
    active: bool
    starts_on: dt.date
    sha256: str
    reason: str
    signed_by: list[str]
    cases: int | None
    changed: int | None


class DraftOut(Schema):
    """`changes`: field -> value, as in docs/how-to/whatif.md."""

    key: UUID
    name: str
    policy: str
    programme: str
    region: str
    version: int
    changes: dict[str, object]
    updated_at: dt.datetime


def _line(row: Release) -> dict[str, object]:
    return {
        "key": row.key,
        "kind": row.kind,
        "name": row.name,
        "version": row.version,
        "region": row.region_id,
        "status": row.status,
        "active": service.is_active(row),
        "starts_on": row.starts_on,
        "sha256": row.sha256,
        "reason": row.reason,
        "signed_by": [s.by.username for s in row.signatures.all()],
        "cases": row.replay.get("cases"),
        "changed": row.replay.get("changed"),
    }


@router.get("/versions", response=list[VersionLine])
def versions(request: HttpRequest) -> object:
    """Every release that concerns the caller's region, newest first."""
    actor = actor_of(request)
    actor.require("see_versions")
    return [_line(row) for row in service.seen_by(actor).prefetch_related("signatures__by")]


@router.get("/versions/{key}", response=VersionLine)
def version(request: HttpRequest, key: UUID) -> object:
    """One release."""
    actor = actor_of(request)
    actor.require("see_versions")
    row = service.seen_by(actor).filter(key=key).first()
    if row is None:
        raise NotFoundForYou
    audit.record(actor, "read", "release", row.key)
    return _line(row)


def _draft(row: PolicyDraft) -> dict[str, object]:
    return {
        "key": row.key,
        "name": row.name,
        "policy": row.base,
        "programme": row.programme,
        "region": row.region_id,
        "version": row.version,
        "changes": row.changes,
        "updated_at": row.updated_at,
    }


def _actor(request: HttpRequest) -> Actor:
    actor = actor_of(request)
    actor.require("try_policy")
    return actor


@router.get("/policy-drafts", response=list[DraftOut])
def drafts(request: HttpRequest) -> object:
    """Drafts of the caller's region."""
    return [_draft(row) for row in visible(_actor(request), PolicyDraft.objects.all())[:200]]


@router.get("/policy-drafts/{key}", response=DraftOut)
def draft(request: HttpRequest, key: UUID) -> object:
    """One draft with its changes."""
    actor = _actor(request)
    row = reach.find(actor, PolicyDraft.objects.all(), key)
    audit.record(actor, "read", "policy-draft", row.key)
    return _draft(row)
