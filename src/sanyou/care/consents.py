"""Informed consent of each spouse. Append-only: the latest row of a role tells whether it stands."""

from datetime import date

from django.db import transaction
from django.utils.translation import gettext as _

from sanyou.care import content, flow
from sanyou.care.errors import CareError, NotAllowedNow
from sanyou.care.models import Consent, Episode
from sanyou.registry.access import Actor
from sanyou.trust import audit

Kind = Consent.Kind


def standing(episode: Episode) -> dict[str, bool | None]:
    """role -> True (stands), False (refused or withdrawn), None (not asked yet)."""
    programme = content.programme_of(episode)
    found: dict[str, bool | None] = dict.fromkeys(programme.roles)
    for row in episode.consents.defer("signature").order_by("pk"):
        found[row.role] = row.kind == Kind.GRANT
    return found


def grant(
    episode: Episode, role: str, actor: Actor, on: date, method: str, signature: str = ""
) -> Consent:
    """Consent given, on screen (with signature), on paper, or as a file reports it."""
    return _put(episode, role, actor, on, Kind.GRANT, method, signature=signature)


def refuse(
    episode: Episode,
    role: str,
    actor: Actor,
    on: date,
    reason: str = "",
    method: str = "screen",
) -> Consent:
    """Consent refused: no examination."""
    return _put(episode, role, actor, on, Kind.REFUSE, method, reason=reason)


def withdraw(episode: Episode, role: str, actor: Actor, on: date, reason: str = "") -> Consent:
    """Consent taken back: follow-up stops, the records so far are kept by law."""
    if standing(episode).get(role) is not True:
        raise NotAllowedNow(_("没有有效的知情同意，不需要撤回。"))
    return _put(episode, role, actor, on, Kind.WITHDRAW, "screen", reason=reason)


@transaction.atomic
def _put(
    episode: Episode,
    role: str,
    actor: Actor,
    on: date,
    kind: str,
    method: str,
    signature: str = "",
    reason: str = "",
) -> Consent:
    actor.require("take_consent", episode)
    row = flow.lock(episode)
    programme = content.programme_of(row)
    if role not in programme.roles:
        raise CareError(_("请分别为夫妇双方办理知情同意。"), "bad_role")
    if row.status in (Episode.Status.CANCELLED, Episode.Status.INELIGIBLE, Episode.Status.RETURNED):
        raise NotAllowedNow(_("档案当前为“%s”，不能办理知情同意。") % row.get_status_display())
    last = row.consents.filter(role=role).order_by("-pk").first()
    if last is not None and last.kind == kind and kind != Kind.REFUSE:
        return last  # a second click
    if kind == Kind.GRANT and actor.duty != "system" and not flow.is_closed(row, "confirm"):
        raise NotAllowedNow(_("中心还没有确认这对夫妇的资格，请先在“中心确认”中办理。"))
    step = next((s for s in programme.steps if s.kind == "consent"), None)
    document = programme.documents.get(step.document or "") if step else None
    made = Consent.objects.create(
        episode=row,
        role=role,
        kind=kind,
        on=on,
        text_version=document.text_version if document else "",
        method=method,
        signature=signature,
        reason=reason[:300],
        by=actor.staff,
    )
    row.status = _status(row)
    row.status_reason = (reason or str(made.get_kind_display())) if _ended(row) else ""
    row.closed_on = on if _ended(row) else None
    row.save(update_fields=["status", "status_reason", "closed_on"])
    flow.advance(row, on)
    audit.record(actor, f"consent-{kind}", "episode", row.key, role=role)
    return made


def _ended(episode: Episode) -> bool:
    return episode.status in (Episode.Status.REFUSED, Episode.Status.WITHDRAWN)


def _status(episode: Episode) -> str:
    """What the consents make of an episode: any withdrawal or refusal ends it, granting resumes."""
    kinds = {row.role: row.kind for row in episode.consents.defer("signature").order_by("pk")}
    if Kind.WITHDRAW in kinds.values():
        return Episode.Status.WITHDRAWN
    if Kind.REFUSE in kinds.values():
        return Episode.Status.REFUSED
    return Episode.Status.OPEN
