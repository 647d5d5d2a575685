"""Couples by what is on their service card, or printed at the head of their documents."""

from django.db.models import Q, QuerySet

from sanyou.care.models import Card, Episode
from sanyou.registry.access import Actor, existing
from sanyou.registry.models import Couple


def by_card(actor: Actor, text: str) -> QuerySet[Couple]:
    """Couples whose card has this number or this QR text; a void card still finds them."""
    if len(text) < 8:
        return Couple.objects.none()
    cards = existing(actor, Card.objects.filter(Q(number=text) | Q(token=text)))
    return Couple.objects.filter(episodes__in=cards.values("episode")).distinct()


def by_record(actor: Actor, text: str) -> QuerySet[Couple]:
    """Couples whose record (500107-2026-000015) or document (GZ-500107-2026-000015) it is."""
    if text.count("-") < 2:
        return Couple.objects.none()
    number = text.upper()
    found = existing(actor, Episode.objects.filter(Q(number=number) | Q(documents__number=number)))
    return Couple.objects.filter(episodes__in=found.values("pk")).distinct()
