"""The service card: issue, show, void; and the page where a card is scanned."""

import datetime as dt
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.safestring import mark_safe
from django.utils.translation import gettext as _

from sanyou.care import cards
from sanyou.care.content import programme_of
from sanyou.care.errors import CareError
from sanyou.care.models import Card, Episode
from sanyou.desk.actor import actor_of, duty_page, say
from sanyou.desk.views.records import episode_of, home_of, people_of, subject_of
from sanyou.desk.views.stock_hand_out import offers
from sanyou.protocol.entry import clean, parse_date
from sanyou.registry.access import Actor, visible
from sanyou.trust import audit


@duty_page("issue_card")
def card(request: HttpRequest, key: UUID) -> HttpResponse:
    """Issue the couple's card, print it, or void a lost one."""
    actor, episode = episode_of(request, key)
    wrong = ""
    if request.method == "POST":
        try:
            done = _act(request, actor, episode)
        except CareError as error:
            wrong = error.message_zh
        else:
            say(request, done)
            return redirect("card", episode.key)
    audit.record(actor, "read", "card", episode.key)
    current = _current(episode)
    context = {
        "actor": actor,
        "episode": episode,
        "subject": subject_of(programme_of(episode), episode),
        "card": current,
        "qr": mark_safe(cards.qr_svg(current)) if current else "",  # noqa: S308 drawn by segno
        "voided": episode.cards.filter(status=Card.Status.VOID).order_by("-pk"),
        "expired": bool(current and current.valid_until < timezone.localdate()),
        "document": _document(episode),
        "today": timezone.localdate(),
        "error": wrong,
        "back": home_of(episode),
        "hand_outs": [
            (person, programme_id, label)
            for person in people_of(episode).values()
            for programme_id, label in offers(actor, person)
        ],
    }
    return render(request, "desk/records/card.html", context, status=409 if wrong else 200)


def _current(episode: Episode) -> Card | None:
    return episode.cards.exclude(status=Card.Status.VOID).first()


def _document(episode: Episode) -> str:
    """The id of the programme's card document, "" where it has none."""
    return "card" if "card" in programme_of(episode).documents else ""


def _act(request: HttpRequest, actor: Actor, episode: Episode) -> str:
    today = timezone.localdate()
    if request.POST.get("do") == "void":
        reason = request.POST.get("reason", "").strip()[:300]
        if not reason:
            raise CareError(_("请填写作废原因，例如“遗失”。"), "reason_missing")
        found = _current(episode)
        if found is not None:
            cards.void(found, actor, reason)
        return _("已作废，可以重新发卡。")
    appointment = _appointment(request.POST.get("appointment_on", ""), today)
    if _current(episode) is None:  # a second click issues no second card
        cards.issue(episode, actor, today, appointment_on=appointment)
    return _("已发放服务卡，请打印后交给夫妇。")


def _appointment(text: str, today: dt.date) -> dt.date | None:
    if not text.strip():
        return None
    found = parse_date(text)
    if found is None:
        raise CareError(_("预约日期请按年月日填写，例如 20210310。"), "bad_date")
    if found < today:
        raise CareError(_("预约日期不能早于今天，请改为今天或以后的日期。"), "date_past")
    return found


@duty_page("search")
def scan(request: HttpRequest) -> HttpResponse:
    """Type a card number, or let the scanner type it: opens the couple's record."""
    text, wrong = "", ""
    if request.method == "POST":
        actor = actor_of(request)
        text = clean(request.POST.get("card", ""))[:80]
        found = cards.find(text) if text else None
        if found is not None and visible(actor, Card.objects.filter(pk=found.pk)).exists():
            audit.record(actor, "scan", "card", found.key)
            if found.status == Card.Status.VOID:
                wrong = _("这张卡已作废，请让夫妇出示新卡，或按姓名查找。")
            else:
                return redirect(home_of(found.episode))
        else:
            wrong = _("没有找到这张卡。请核对卡号后重扫，或用姓名、身份证后四位查找。")
    context = {"text": text, "error": wrong}
    return render(request, "desk/records/scan.html", context, status=404 if wrong else 200)
