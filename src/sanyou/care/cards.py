"""The service card: a number, a random token in a QR code, a period in which it is valid."""

import secrets
from datetime import date

import segno
from django.db import transaction
from django.utils.translation import gettext as _

from sanyou.care import content, flow, numbers
from sanyou.care.errors import NotAllowedNow
from sanyou.care.models import Card, Episode
from sanyou.protocol.dates import add
from sanyou.protocol.models import Duration
from sanyou.registry.access import Actor
from sanyou.registry.regions import county_code
from sanyou.trust import audit

UNLIMITED = Duration(years=1)  # where the programme gives no period of validity


@transaction.atomic
def issue(episode: Episode, actor: Actor, on: date, appointment_on: date | None = None) -> Card:
    """Issue the card once the centre has confirmed; a second click gives the same card."""
    actor.require("issue_card", episode)
    row = flow.lock(episode)
    current = row.cards.exclude(status=Card.Status.VOID).first()
    if current is not None:
        return current
    if row.status != Episode.Status.OPEN or not flow.is_closed(row, "confirm"):
        raise NotAllowedNow(_("中心还没有确认这对夫妇的资格，暂不能发卡。"))
    programme = content.programme_of(row)
    step = next((s for s in programme.steps if s.kind == "card"), None)
    county = county_code(row.region.code)
    number = numbers.take(f"card:{county}:{on.year}", row.compartment)
    card = Card.objects.create(
        episode=row,
        number=f"{county}{on.year}{number:06d}",
        token=secrets.token_urlsafe(18),
        issued_on=on,
        valid_until=add(on, (step.valid if step else None) or UNLIMITED),
        appointment_on=appointment_on,
        issued_by=actor.staff,
    )
    flow.advance(row, on)
    audit.record(actor, "issue", "card", card.key)
    return card


@transaction.atomic
def void(card: Card, actor: Actor, reason: str) -> Card:
    """Take a card out of use (lost, wrong); another may then be issued."""
    episode = flow.lock(card.episode)
    actor.require("issue_card", episode)
    row = Card.objects.select_for_update().get(pk=card.pk)
    if row.status != Card.Status.VOID:
        row.status = Card.Status.VOID
        row.save(update_fields=["status"])
        flow.advance(episode)
        audit.record(actor, "void", "card", row.key, reason=reason[:300])
    return row


def find(text: str) -> Card | None:
    """The card of a number or of what its QR code carries."""
    text = text.strip()
    rows = Card.objects.select_related("episode__region")
    return rows.filter(token=text).first() or rows.filter(number=text).first()


def qr_svg(card: Card) -> str:
    """The QR code as SVG; it carries only the random token."""
    svg: str = segno.make(card.token, error="m").svg_inline(border=2, omitsize=True)
    return svg
