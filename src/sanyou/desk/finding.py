"""Couples by what is on their service card, or printed at the head of their documents."""

from django.db.models import Q, QuerySet

from sanyou.registry.models import Couple


def by_card(text: str) -> QuerySet[Couple]:
    """Couples whose card has this number or this QR text; a void card still finds them."""
    if len(text) < 8:
        return Couple.objects.none()
    return Couple.objects.filter(
        Q(episodes__cards__number=text) | Q(episodes__cards__token=text)
    ).distinct()


def by_record(text: str) -> QuerySet[Couple]:
    """Couples whose record (500107-2026-000015) or document (GZ-500107-2026-000015) it is."""
    if text.count("-") < 2:
        return Couple.objects.none()
    number = text.upper()
    return Couple.objects.filter(
        Q(episodes__number=number) | Q(episodes__documents__number=number)
    ).distinct()
