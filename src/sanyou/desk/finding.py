"""Couples by what is on their service card."""

from django.db.models import Q, QuerySet

from sanyou.registry.models import Couple


def by_card(text: str) -> QuerySet[Couple]:
    """Couples whose card has this number or this QR text; a void card still finds them."""
    if len(text) < 8:
        return Couple.objects.none()
    return Couple.objects.filter(
        Q(episodes__cards__number=text) | Q(episodes__cards__token=text)
    ).distinct()
