"""Referrals: sent, received, answered."""

from datetime import date

from django.db import transaction
from django.utils.translation import gettext as _

from sanyou.care import flow
from sanyou.care.errors import CareError, NotAllowedNow
from sanyou.care.models import Episode, Referral
from sanyou.registry.access import Actor
from sanyou.trust import audit

Status = Referral.Status


@transaction.atomic
def send(episode: Episode, role: str, to: str, why: str, actor: Actor, on: date) -> Referral:
    """Refer somebody. The same referral on the same day is made once."""
    if not actor.can("assess", episode):
        actor.require("follow_up", episode)
    row = flow.lock(episode)
    to, why = to.strip()[:80], why.strip()[:300]
    if not to or not why:
        raise CareError(_("请填写转往科室和原因。"), "referral_incomplete")
    made, created = Referral.objects.get_or_create(
        episode=row, role=role, to=to, why=why, sent_on=on, defaults={"by": actor.staff}
    )
    if created:
        audit.record(actor, "refer", "referral", made.key)
    return made


@transaction.atomic
def receive(referral: Referral, actor: Actor) -> Referral:
    """The other side has received the couple."""
    row = _held(referral, actor)
    if row.status == Status.SENT:
        row.status = Status.RECEIVED
        row.save(update_fields=["status"])
        audit.record(actor, "received", "referral", row.key)
    return row


@transaction.atomic
def answer(referral: Referral, text: str, actor: Actor, on: date) -> Referral:
    """What the other side found or did."""
    row = _held(referral, actor)
    if not text.strip():
        raise CareError(_("请填写对方的诊断或处理意见。"), "answer_missing")
    if row.status == Status.ANSWERED:
        if row.answer == text.strip():
            return row
        raise NotAllowedNow(_("这次转诊已有反馈，不能覆盖。如需补充请另建转诊。"))
    row.status, row.answer, row.answered_on = Status.ANSWERED, text.strip(), on
    row.save(update_fields=["status", "answer", "answered_on"])
    audit.record(actor, "answered", "referral", row.key)
    return row


def _held(referral: Referral, actor: Actor) -> Referral:
    episode = flow.lock(referral.episode)
    if not actor.can("assess", episode):
        actor.require("follow_up", episode)
    row = Referral.objects.select_for_update().get(pk=referral.pk)
    row.episode = episode
    return row
