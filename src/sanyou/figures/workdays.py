"""Working days by the State Council's yearly holiday notices (chinesecalendar)."""

import datetime as dt

from chinese_calendar import is_workday


def working_days(start: dt.date, end: dt.date) -> tuple[int, bool]:
    """Working days from `start` to `end`, both included.

    The second value is False where the holidays of a day are not known (before they are announced
    for its year): then Mondays to Fridays are counted instead.
    """
    days = [start + dt.timedelta(n) for n in range((end - start).days + 1)]
    try:
        return sum(is_workday(day) for day in days), True
    except NotImplementedError:
        return sum(day.weekday() < 5 for day in days), False
