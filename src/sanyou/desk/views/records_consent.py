"""Informed consent of each spouse: text, signature on screen or paper, refusal, withdrawal."""

import base64
import binascii
from dataclasses import dataclass
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from sanyou.care import consents, one_stop
from sanyou.care.content import programme_of
from sanyou.care.errors import CareError
from sanyou.care.models import Consent, Episode
from sanyou.desk.actor import duty_page, say
from sanyou.desk.views.records import Subject, episode_of, home_of, subject_of
from sanyou.desk.views.records_document import Consentable, text_of
from sanyou.desk.views.records_form import words
from sanyou.registry.access import Actor, NotFoundForYou
from sanyou.trust import audit

PNG = "data:image/png;base64,"
MOST_SIGNATURE = 200_000  # characters of the picture
LEAST_SIGNATURE = 200


@dataclass(frozen=True)
class Side:
    """One spouse's consent as it stands."""

    subject: Subject
    role: str
    standing: bool | None
    last: Consent | None
    history: list[Consent]


@duty_page("take_consent")
def consent(request: HttpRequest, key: UUID) -> HttpResponse:
    """Read the text with the couple, then record what each of them decides."""
    actor, episode = episode_of(request, key)
    roles = list(programme_of(episode).roles)
    wrong = ""
    if request.method == "POST":
        role = request.POST.get("role", "")
        if role not in roles:
            raise NotFoundForYou
        try:
            done = _decide(request, episode, role)
        except CareError as error:
            wrong = error.message_zh
        else:
            say(request, done)
            return redirect("consent", episode.key)
    audit.record(actor, "read", "consent", episode.key)
    together = _together(episode)
    context = {
        "actor": actor,
        "episode": episode,
        "subject": subject_of(programme_of(episode), episode),
        "sides": [_side(episode, role) for role in roles],
        "texts": [_text(e, actor) for e in together],
        "later": [
            words(programme_of(e).label)
            for e in one_stop.visit(episode)
            if e not in together and e.status == Episode.Status.OPEN
        ],
        "error": wrong,
        "failed_role": request.POST.get("role", ""),
        "reason": request.POST.get("reason", ""),
        "back": home_of(episode),
    }
    return render(request, "desk/records/consent.html", context, status=409 if wrong else 200)


@dataclass(frozen=True)
class Paper:
    """The text one programme asks to be signed."""

    episode: Episode
    kind: str
    label: str
    text: Consentable


def _together(episode: Episode) -> list[Episode]:
    """The episodes one signature consents to: this one, and those of the same visit."""
    others = [e for e in one_stop.visit(episode) if e.pk != episode.pk]
    return [episode, *one_stop.consent_ready(others)]


def _text(episode: Episode, actor: Actor) -> Paper:
    programme = programme_of(episode)
    step = next((s for s in programme.steps if s.kind == "consent"), None)
    kind = (step.document if step else None) or "consent"
    return Paper(episode, kind, words(programme.label), text_of(episode, kind, actor))


def _decide(request: HttpRequest, episode: Episode, role: str) -> str:
    """Record one decision; returns the line of success."""
    from sanyou.desk.actor import actor_of

    actor, on = actor_of(request), timezone.localdate()
    how = request.POST.get("decision", "")
    reason = request.POST.get("reason", "").strip()[:300]
    standing = consents.standing(episode).get(role)
    if how in ("screen", "paper"):
        signature = _signature(request.POST.get("signature", "")) if how == "screen" else ""
        if standing is not True:  # a second click changes nothing
            one_stop.grant(_together(episode), role, actor, on, how, signature)
        return _("已记录知情同意。")
    if not reason:
        raise CareError(_("请填写原因，再点一次。"), "reason_missing")
    if how == "refuse":
        if standing is not False:
            consents.refuse(episode, role, actor, on, reason)
        return _("已记录不同意，检查不再进行。")
    if how == "withdraw":
        if standing is True:
            consents.withdraw(episode, role, actor, on, reason)
        return _("已记录撤回，后续随访停止，已有记录依法保留。")
    raise CareError(_("请选择“同意”“不同意”或“撤回”。"), "decision_missing")


def _signature(data: str) -> str:
    """A PNG as a data URL; CareError when there is none or it is not a picture."""
    missing = CareError(
        _("没有签名。请在签名框内手写签名，或选择“已在纸质同意书上签名”。"), "unsigned"
    )
    if not data.startswith(PNG) or len(data) < LEAST_SIGNATURE:
        raise missing
    if len(data) > MOST_SIGNATURE:
        raise CareError(_("签名图片过大，请清除后重签。"), "signature_too_big")
    try:
        picture = base64.b64decode(data[len(PNG) :], validate=True)
    except (ValueError, binascii.Error) as error:
        raise missing from error
    if not picture.startswith(b"\x89PNG\r\n\x1a\n"):
        raise missing
    return data


def _side(episode: Episode, role: str) -> Side:
    rows = list(episode.consents.filter(role=role).select_related("by").order_by("-at", "-pk"))
    return Side(
        subject=subject_of(programme_of(episode), episode, role),
        role=role,
        standing=consents.standing(episode).get(role),
        last=rows[0] if rows else None,
        history=rows,
    )
