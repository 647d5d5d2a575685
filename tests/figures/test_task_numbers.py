"""The year's task numbers: setting, splitting, progress, forecast, and whom to invite."""

import dataclasses
import datetime as dt
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sanyou.care.facts import course_facts, course_table, facts_table
from sanyou.care.models import Episode
from sanyou.figures import tasknumbers
from sanyou.figures.models import TaskNumber
from sanyou.figures.workdays import working_days
from sanyou.protocol.library import Library
from sanyou.registry.access import Forbidden, NotFoundForYou
from sanyou.registry.models import Organisation, Region
from sanyou.trust.models import AuditEvent
from tests.conftest import CARVED_OUT, COUNTY, FIXTURES, HUAYAN, TODAY, XIPENG

pytestmark = pytest.mark.requirement("A07")
PAPER = "渝卫办〔2021〕9号"
DAY = dt.date


@pytest.fixture
def county(district: Any) -> Region:
    return Region.objects.get(pk=COUNTY)


@pytest.fixture
def found(library: Library) -> tasknumbers.Basis:
    basis = tasknumbers.basis("preconception", COUNTY, TODAY)
    assert basis is not None
    return basis


@pytest.fixture
def give(county: Region, actor: Callable[..., Any]) -> Callable[..., list[TaskNumber]]:
    def run(total: int, source: str = PAPER, **more: Any) -> list[TaskNumber]:
        return tasknumbers.distribute(
            actor("manager"), "preconception", county, 2021, total, source, **more
        )

    return run


# --- working days, split, forecast --------------------------------------------------------------


@pytest.mark.parametrize(
    ("start", "end", "days", "announced"),
    [
        (DAY(2021, 1, 1), DAY(2021, 3, 1), 38, True),  # New Year, the Spring Festival, two Sundays
        (DAY(2021, 2, 11), DAY(2021, 2, 17), 0, True),
        (DAY(2021, 2, 7), DAY(2021, 2, 7), 1, True),  # a Sunday worked for the festival
        (DAY(2021, 1, 1), DAY(2021, 12, 31), 250, True),
        (DAY(2090, 1, 2), DAY(2090, 1, 8), 5, False),  # not announced: Mondays to Fridays
        (DAY(2021, 3, 2), DAY(2021, 3, 1), 0, True),
    ],
)
def test_working_days_follow_the_holiday_notices(
    start: DAY, end: DAY, days: int, announced: bool
) -> None:
    assert working_days(start, end) == (days, announced)


def test_the_forecast_is_a_straight_line_over_working_days() -> None:
    ahead = tasknumbers.forecast(19, 2021, TODAY)
    assert ahead is not None
    assert (ahead.elapsed, ahead.total) == (38, 250)
    assert ahead.expected == 125  # 19 / 38 * 250
    assert ahead.early
    assert ahead.announced


def test_a_year_that_is_over_is_its_own_forecast() -> None:
    on = tasknumbers.as_of(2021, DAY(2022, 5, 1))
    ahead = tasknumbers.forecast(321, 2021, on)
    assert on == DAY(2021, 12, 31)
    assert ahead is not None
    assert (ahead.expected, ahead.early) == (321, False)


@pytest.mark.parametrize("on", [DAY(2020, 12, 31), DAY(2021, 1, 1), DAY(2021, 1, 3)])
def test_before_the_first_working_day_nothing_is_forecast(on: DAY) -> None:
    assert tasknumbers.forecast(0, 2021, on) is None


@given(
    st.integers(0, 100_000),
    st.dictionaries(st.text("0123456789", min_size=1), st.integers(0, 500), min_size=1),
)
def test_a_split_adds_up_and_each_part_is_within_one_of_its_share(
    total: int, weights: dict[str, int]
) -> None:
    parts = tasknumbers.split(total, weights)
    assert sum(parts.values()) == total
    used = weights if any(weights.values()) else dict.fromkeys(weights, 1)
    whole = sum(used.values())
    for code, part in parts.items():
        assert abs(part * whole - total * used[code]) < whole


def test_a_split_follows_the_weights() -> None:
    assert tasknumbers.split(10, {"a": 2, "b": 1, "c": 0}) == {"a": 7, "b": 3, "c": 0}
    assert tasknumbers.split(7, {"a": 0, "b": 0, "c": 0}) == {"a": 3, "b": 2, "c": 2}
    assert tasknumbers.split(7, {}) == {}


@pytest.mark.parametrize(
    ("number", "done", "percent", "missing", "for_target", "reached"),
    [
        (100, 95, "95.0", 5, 1, False),
        (100, 96, "96.0", 4, 0, True),
        (101, 96, "95.0", 5, 1, False),  # 96 % of 101 is 96.96
        (30, 40, "133.3", 0, 0, True),
        (7, 0, "0.0", 7, 7, False),
    ],
)
def test_coverage_is_measured_against_the_number(
    found: tasknumbers.Basis,
    number: int,
    done: int,
    percent: str,
    missing: int,
    for_target: int,
    reached: bool,
) -> None:
    come = tasknumbers.progress(found, number, done, 2021, TODAY)
    assert come.percent == Decimal(percent)
    assert (come.missing, come.missing_for_target) == (missing, for_target)
    assert come.reached is reached


def test_without_a_number_only_what_was_done_is_known(found: tasknumbers.Basis) -> None:
    come = tasknumbers.progress(found, None, 12, 2021, TODAY)
    assert come.examined == 12
    assert (come.percent, come.missing, come.reached, come.expected_percent) == (None,) * 4


def test_the_target_of_the_document_is_what_is_measured(found: tasknumbers.Basis) -> None:
    assert (found.policy.id, found.target.clause, found.target.value) == (
        "jiulongpo-2020", "二（二）", 96,
    )  # fmt: skip
    assert found.indicator.id == "examined_free_couples"


def test_a_programme_without_such_a_target_has_no_task_number() -> None:
    from sanyou.care import content

    content.set_library(Library.load(None, FIXTURES / "eyecheck"))
    try:
        assert tasknumbers.basis("eyecheck", COUNTY, DAY(2021, 9, 10)) is None
        assert tasknumbers.basis("preconception", "110101", TODAY) is None
    finally:
        content.set_library(None)


# --- setting ------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_the_districts_number_is_set_and_split_over_its_towns(
    give: Callable[..., Any], county: Region
) -> None:
    give(300, towns={HUAYAN: 180, XIPENG: 100, CARVED_OUT: 0})
    rows = tasknumbers.of_regions("preconception", 2021, county)
    assert {code: row.number for code, row in rows.items()} == {
        COUNTY: 300, HUAYAN: 180, XIPENG: 100,
    }  # fmt: skip
    assert tasknumbers.difference(300, [180, 100]) == 20
    assert rows[HUAYAN].source == PAPER
    assert AuditEvent.objects.filter(kind="task-number").count() == 1


@pytest.mark.django_db
def test_a_change_keeps_what_was_before(give: Callable[..., Any], county: Region) -> None:
    give(300, towns={HUAYAN: 300})
    assert give(300, towns={HUAYAN: 300}) == []
    give(280, source="渝卫办〔2021〕30号", towns={HUAYAN: 0})
    row = tasknumbers.of_regions("preconception", 2021, county)[COUNTY]
    assert [(h["number"], h["source"]) for h in row.history] == [
        (300, PAPER), (280, "渝卫办〔2021〕30号"),
    ]  # fmt: skip
    town = TaskNumber.objects.get(region=HUAYAN)
    assert [h["number"] for h in town.history] == [300, 0]


@pytest.mark.django_db
def test_organisations_have_numbers_of_their_own(give: Callable[..., Any], county: Region) -> None:
    centre = Organisation.objects.get(region=county, kind=Organisation.Kind.CENTRE)
    give(300, organisations={centre.code: 250})
    (row,) = tasknumbers.of_organisations("preconception", 2021, county)
    assert (row.organisation, row.number, row.region) == (centre, 250, county)
    assert tasknumbers.of_regions("preconception", 2021, county)[COUNTY].number == 300


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"source": " "}, "no_source"),
        ({"towns": {HUAYAN: -1}}, "number"),
        ({"towns": {"500106001": 5}}, "not_here"),
        ({"organisations": {"nobody": 5}}, "not_here"),
    ],
)
def test_a_wrong_entry_changes_nothing(
    give: Callable[..., Any], wrong: dict[str, Any], code: str
) -> None:
    with pytest.raises(tasknumbers.TaskNumberError) as caught:
        give(300, **wrong)
    assert caught.value.code == code
    assert not TaskNumber.objects.exists()


@pytest.mark.django_db
@pytest.mark.requirement("H01")
def test_only_the_districts_manager_sets_numbers(county: Region, actor: Any) -> None:
    args = ("preconception", county, 2021, 300, PAPER)
    with pytest.raises(Forbidden):
        tasknumbers.distribute(actor("statistician"), *args)
    with pytest.raises(NotFoundForYou):
        tasknumbers.distribute(actor("manager", region="500106"), *args)
    assert not TaskNumber.objects.exists()


@pytest.mark.django_db
def test_the_suggestion_follows_the_couples_of_each_town_served(
    county: Region, found: tasknumbers.Basis, episode_at: Callable[..., Episode]
) -> None:
    towns = tasknumbers.towns_of(found, county)
    assert CARVED_OUT not in {t.code for t in towns}
    even = tasknumbers.suggest(found, county, towns, 2021, 2 * len(towns))
    assert set(even.values()) == {2}
    episode_at("nominated", 1)
    episode_at("nominated", 2)
    moved = episode_at("nominated", 3)
    Episode.objects.filter(pk=moved.pk).update(region_id=XIPENG)
    suggested = tasknumbers.suggest(found, county, towns, 2021, 300)
    assert (suggested[HUAYAN], suggested[XIPENG], sum(suggested.values())) == (200, 100, 300)


# --- progress -----------------------------------------------------------------------------------


@pytest.mark.django_db
def test_a_couple_counts_once_both_were_examined_free_of_charge(
    county: Region, found: tasknumbers.Basis, episode_at: Callable[..., Episode]
) -> None:
    episode_at("consented", 1)
    done = episode_at("examined", 2)
    cancelled = episode_at("examined", 3)
    Episode.objects.filter(pk=cancelled.pk).update(status=Episode.Status.CANCELLED)
    rows = tasknumbers.examined(found, county, 2021, DAY(2021, 3, 31))
    assert [(r.episode, r.region, r.on) for r in rows] == [(done.pk, HUAYAN, TODAY)]
    assert tasknumbers.examined(found, county, 2021, DAY(2021, 2, 28)) == []
    assert tasknumbers.examined(found, county, 2022, DAY(2022, 3, 31)) == []
    assert tasknumbers.examined(found, Region.objects.get(pk=XIPENG), 2021, TODAY) == []


@pytest.mark.django_db
def test_an_examination_counts_in_the_year_it_began(
    county: Region, found: tasknumbers.Basis, episode_at: Callable[..., Episode]
) -> None:
    episode_at("examined", 1, on=DAY(2020, 12, 31))
    assert len(tasknumbers.examined(found, county, 2020, DAY(2020, 12, 31))) == 1
    assert tasknumbers.examined(found, county, 2021, TODAY) == []


@pytest.mark.django_db
@pytest.mark.parametrize(
    "stage", ["nominated", "confirmed", "carded", "consented", "examined", "assessed", "noticed"]
)
def test_the_course_alone_tells_the_same_as_all_facts(
    episode_at: Callable[..., Episode], found: tasknumbers.Basis, stage: str
) -> None:
    episode = episode_at(stage, 1, facts={"wife": {"hbsag": "positive"}})
    (course,), (facts,) = course_table([episode], TODAY), facts_table([episode], TODAY)
    assert course.keys() == course_facts(found.programme)
    assert course == {name: facts.get(name) for name in course}
    assert course.keys() <= found.programme.scope.facts.keys()
    assert {*found.indicator.count.facts, "couple.exam_on"} <= course.keys()


@pytest.mark.django_db
def test_an_indicator_that_asks_for_results_is_counted_too(
    county: Region, found: tasknumbers.Basis, episode_at: Callable[..., Episode]
) -> None:
    episode_at("examined", 1)
    episode_at("examined", 2, facts={"wife": {"hbsag": "positive"}})
    indicator = next(
        i for i in found.programme.indicators.values() if i.id == "hepatitis_b_abnormal_wives"
    )
    by_result = dataclasses.replace(found, indicator=indicator)
    assert len(tasknumbers.examined(by_result, county, 2021, TODAY)) == 1


@pytest.mark.django_db
def test_couples_are_counted_by_town_and_by_organisation(
    county: Region, found: tasknumbers.Basis, episode_at: Callable[..., Episode]
) -> None:
    episode_at("examined", 1)
    moved = episode_at("examined", 2)
    Episode.objects.filter(pk=moved.pk).update(region_id=COUNTY, origin_id=COUNTY)
    rows = tasknumbers.examined(found, county, 2021, TODAY)
    towns = tasknumbers.towns_of(found, county)
    counts, elsewhere = tasknumbers.by_region(rows, towns)
    assert ({code: n for code, n in counts.items() if n}, elsewhere) == ({HUAYAN: 1}, 1)
    (organisation,) = tasknumbers.by_organisation(rows)
    assert Organisation.objects.filter(pk=organisation).exists()
    assert sum(tasknumbers.by_organisation(rows).values()) == 2


@pytest.mark.django_db
def test_those_to_invite_are_free_registered_this_year_and_not_examined(
    found: tasknumbers.Basis, episode_at: Callable[..., Episode], actor: Callable[..., Any]
) -> None:
    registered = episode_at("nominated", 1)
    confirmed = episode_at("carded", 2)
    episode_at("examined", 3)
    last_year = episode_at("confirmed", 4, on=DAY(2020, 12, 20))
    gone = episode_at("confirmed", 5)
    Episode.objects.filter(pk=gone.pk).update(status=Episode.Status.WITHDRAWN)
    own_cost = episode_at("reviewed", 6)
    own_cost.decisions.create(
        on=TODAY, policy="jiulongpo-2020", answer="yes", grant="own_cost", result={}
    )
    manager = actor("manager")
    listed = tasknumbers.to_invite(manager, found.programme, 2021)
    assert list(listed) == [registered, confirmed]
    assert list(tasknumbers.to_invite(manager, found.programme, 2020)) == [last_year]


@pytest.mark.django_db
@pytest.mark.requirement("H01")
def test_a_town_invites_its_own_couples_only(
    found: tasknumbers.Basis, episode_at: Callable[..., Episode], actor: Callable[..., Any]
) -> None:
    episode = episode_at("confirmed", 1)
    worker = actor("village_worker")
    assert list(tasknumbers.to_invite(worker, found.programme, 2021)) == [episode]
    other = actor("village_worker", region=XIPENG)
    assert not tasknumbers.to_invite(other, found.programme, 2021).exists()
