"""Calendar intervals in full units, as the Civil Code counts them (民法典第二百零二条).

A period in months or years ends on the corresponding day; where that day does not
exist, on the last day of the month: six months from 31 August end on 28 or 29 February.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import date, timedelta

from sanyou.protocol.models import Duration


def add_months(start: date, months: int) -> date:
    """The corresponding day, clamped to the end of the month."""
    year, month = divmod(start.year * 12 + start.month - 1 + months, 12)
    return date(year, month + 1, min(start.day, monthrange(year, month + 1)[1]))


def add(start: date, duration: Duration, times: int = 1) -> date:
    """`start` plus the duration `times` over, counted from `start` so that ends do not drift."""
    moved = add_months(start, times * (duration.years * 12 + duration.months))
    return moved + timedelta(days=times * (duration.days + 7 * duration.weeks))


def back(start: date, duration: Duration) -> date:
    """The day this much before, clamped to the end of the month."""
    moved = add_months(start, -(duration.years * 12 + duration.months))
    return moved - timedelta(days=duration.days + 7 * duration.weeks)


def days_between(start: date, end: date) -> int:
    return (end - start).days


def weeks_between(start: date, end: date) -> int:
    """Full weeks completed."""
    return (end - start).days // 7


def months_between(start: date, end: date) -> int:
    """Full months completed: the largest n for which start + n months is not after end."""
    months = (end.year - start.year) * 12 + end.month - start.month
    return months if add_months(start, months) <= end else months - 1


def years_between(start: date, end: date) -> int:
    """Full years completed."""
    return months_between(start, end) // 12


BETWEEN = {
    "days": days_between,
    "weeks": weeks_between,
    "months": months_between,
    "years": years_between,
}
