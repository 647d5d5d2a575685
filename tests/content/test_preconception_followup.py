"""When the follow-up tasks of the preconception programme open and close."""

from datetime import date
from typing import Any

import pytest

from sanyou.protocol.library import Library
from sanyou.protocol.programme import Programme
from sanyou.protocol.schedule import plan

NOTICE = date(2021, 3, 15)


@pytest.fixture(scope="module")
def programme() -> Programme:
    return Library.load().programmes["preconception"]


def windows(programme: Programme, **facts: Any) -> list[tuple[str, date, date]]:
    named = {key.replace("__", "."): value for key, value in facts.items()}
    return [(t.id, t.opens, t.due) for t in plan(programme, named, NOTICE)]


@pytest.mark.requirement("B09")
def test_a_couple_is_asked_every_quarter_for_a_year_until_she_is_pregnant(
    programme: Programme,
) -> None:
    quarters = [
        ("early_followup", date(2021, 3, 15), date(2021, 6, 15)),
        ("early_followup", date(2021, 6, 15), date(2021, 9, 15)),
        ("early_followup", date(2021, 9, 15), date(2021, 12, 15)),
        ("early_followup", date(2021, 12, 15), date(2022, 3, 15)),
    ]
    assert windows(programme, couple__notice_on=NOTICE) == quarters
    not_yet = {"couple__notice_on": NOTICE, "wife__pregnancy_result": "not_pregnant"}
    assert windows(programme, **not_yet) == quarters


@pytest.mark.requirement("B09")
def test_a_pregnancy_is_followed_to_its_outcome(programme: Programme) -> None:
    facts = {
        "couple__notice_on": NOTICE,
        "wife__pregnancy_result": "pregnant",
        "wife__lmp": date(2021, 5, 1),
    }
    # 40 weeks = 280 days, 46 weeks = 322 days after 2021-05-01
    assert windows(programme, **facts) == [
        ("outcome_followup", date(2022, 2, 5), date(2022, 3, 19))
    ]


@pytest.mark.requirement("B09")
def test_a_lost_woman_is_not_asked_again(programme: Programme) -> None:
    facts = {"couple__notice_on": NOTICE, "wife__pregnancy_result": "lost"}
    assert windows(programme, **facts) == []


@pytest.mark.requirement("B10")
@pytest.mark.requirement("B09")
def test_a_defect_found_at_the_outcome_asks_for_its_card_within_a_week(
    programme: Programme,
) -> None:
    facts = {
        "wife__pregnancy_result": "pregnant",
        "wife__lmp": date(2021, 5, 1),
        "wife__outcome_result": "ended",
        "wife__outcome": "birth_defect",
        "wife__outcome_followup_on": date(2022, 2, 10),
    }
    assert windows(programme, **facts) == [("defect_card", date(2022, 2, 10), date(2022, 2, 17))]
    reported = facts | {"couple__defect_reported_on": date(2022, 2, 11)}
    assert windows(programme, **reported) == []
