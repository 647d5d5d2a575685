"""A month's figures are counted from facts, and every figure is its cases."""

import datetime as dt
import uuid
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sanyou.care.models import Episode
from sanyou.figures import checks, layout, report
from sanyou.figures.report import Figures
from sanyou.registry.models import Region
from tests.conftest import COUNTY, HUAYAN, TODAY, XIPENG

pytestmark = pytest.mark.requirement("F02")
START, END = dt.date(2021, 3, 1), dt.date(2021, 3, 31)


@pytest.fixture(scope="module")
def programme() -> Any:
    from sanyou.care import content

    return content.library().programmes["preconception"]


def count(programme: Any, names: list[str], cases: list[dict[str, Any]]) -> Figures:
    indicators = [programme.indicators[n] for n in names]
    return report.count(indicators, [(f"k{n}", c) for n, c in enumerate(cases)], START, END)


def case(day: dt.date | None = START, **facts: Any) -> dict[str, Any]:
    found = {name.replace("__", ".", 1): value for name, value in facts.items()}
    return {"couple.exam_on": day, "wife.examined": True, "husband.examined": True} | found


def test_a_case_counts_in_the_month_its_date_lies_in(programme: Any) -> None:
    days = [START, END, START - dt.timedelta(1), END + dt.timedelta(1), None]
    found = count(programme, ["examined_couples"], [case(d) for d in days])
    assert found.values == {"examined_couples": 2}
    assert found.cases == {"examined_couples": ["k0", "k1"]}


def test_unknown_does_not_count_as_yes_or_as_no(programme: Any) -> None:
    cases = [case(wife__rh=v) for v in ("positive", "negative", None)]
    found = count(programme, ["blood_group_normal_wives", "blood_group_abnormal_wives"], cases)
    assert found.cases == {
        "blood_group_normal_wives": ["k0"],
        "blood_group_abnormal_wives": ["k1"],
    }


def test_a_rate_shows_its_parts_and_the_cases_of_both(programme: Any) -> None:
    cases = [
        case(wife__knowledge_reached=a, husband__knowledge_reached=b)
        for a, b in ((True, True), (True, False), (True, True), (None, True))
    ]
    found = count(programme, ["knowledge_rate"], cases)
    assert found.values["knowledge_rate"] == {"numerator": 2, "denominator": 3, "rate": "66.7"}
    assert found.cases == {"knowledge_rate": ["k0", "k2"], "knowledge_rate/of": ["k0", "k1", "k2"]}


def test_a_rate_of_nothing_is_no_number(programme: Any) -> None:
    found = count(programme, ["knowledge_rate"], [case()])
    assert report.shown(found.values["knowledge_rate"]) == "—"


@given(st.integers(0, 500), st.integers(1, 500))
def test_a_rate_is_its_quotient_to_the_last_place(numerator: int, denominator: int) -> None:
    spec = SimpleNamespace(unit="%", decimals=1)
    rate = report.rate(numerator, denominator, SimpleNamespace(spec=spec))  # type: ignore[arg-type]
    assert rate is not None
    assert abs(float(rate) - 100 * numerator / denominator) <= 0.05 + 1e-9
    assert len(rate.partition(".")[2]) == 1


@pytest.mark.parametrize(
    ("numerator", "denominator", "unit", "decimals", "rate"),
    [
        (1, 8, "%", 1, "12.5"),
        (1, 16, "%", 1, "6.3"),
        (1, 3, "‰", 2, "333.33"),
        (1, 3, "", 2, "0.33"),
        (24, 25, "%", 0, "96"),
    ],
)
def test_rates_in_their_unit_half_rounded_up(
    numerator: int, denominator: int, unit: str, decimals: int, rate: str
) -> None:
    indicator: Any = SimpleNamespace(spec=SimpleNamespace(unit=unit, decimals=decimals))
    assert report.rate(numerator, denominator, indicator) == rate


def test_every_indicator_of_every_report_can_be_counted(library: Any) -> None:
    for programme in library.programmes.values():
        for name in programme.reports:
            indicators = report.indicators_of(programme, name)
            found = report.count(indicators, [("k", {})], START, END)
            assert set(found.values) == {i.id for i in indicators}


def test_normal_and_abnormal_make_the_crossed_table_of_the_national_form(programme: Any) -> None:
    blocks = layout.blocks(programme, "service_month")
    crossed = {line.label: line.cells for block in blocks for line in block.crossed}
    assert crossed["尿液常规"] == [
        "urinalysis_normal_wives",
        "urinalysis_abnormal_wives",
        "urinalysis_normal_husbands",
        "urinalysis_abnormal_husbands",
    ]
    assert crossed["血型"][2] == "blood_group_normal_husbands"
    assert crossed["促甲状腺激素"][2:] == [None, None]
    assert sum(len(b.rows) for b in blocks) == len(report.indicators_of(programme, "service_month"))


def keys(*names: object) -> list[str]:
    return [str(uuid.uuid5(uuid.NAMESPACE_OID, str(name))) for name in names]


def figures(**cases: list[str]) -> tuple[dict[str, Any], dict[str, list[str]]]:
    return {name: len(listed) for name, listed in cases.items()}, cases


@pytest.mark.django_db
def test_figures_that_agree_raise_nothing(programme: Any) -> None:
    values, cases = figures(alt_normal_wives=keys("a", "b"), alt_abnormal_wives=keys("c"))
    assert checks.run(programme, values, cases) == []


@pytest.mark.django_db
def test_a_figure_without_its_cases_is_an_error(programme: Any) -> None:
    found = checks.run(programme, {"alt_normal_wives": 3}, {"alt_normal_wives": keys("a")})
    assert [(c.level, c.indicators) for c in found] == [("error", ("alt_normal_wives",))]


@pytest.mark.django_db
def test_a_rate_above_its_whole_is_an_error(programme: Any) -> None:
    value: dict[str, Any] = {"knowledge_rate": {"numerator": 2, "denominator": 1, "rate": "200.0"}}
    cases = {"knowledge_rate": keys("a", "b"), "knowledge_rate/of": keys("a")}
    assert [c.level for c in checks.run(programme, value, cases)] == ["error"]


@pytest.mark.django_db
def test_normal_and_abnormal_at_once_is_an_error(programme: Any) -> None:
    values, cases = figures(alt_normal_wives=keys("a"), alt_abnormal_wives=keys("a"))
    assert [c.level for c in checks.run(programme, values, cases)] == ["error"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("before", "now", "noted"), [(10, 40, True), (10, 19, False), (100, 130, False), (40, 10, True)]
)
def test_a_large_change_since_last_month_is_noted(
    before: int, now: int, noted: bool, programme: Any
) -> None:
    values, cases = figures(target_couples=keys(*range(now)))
    found = checks.run(programme, values, cases, {"target_couples": before})
    assert [c.level for c in found] == (["note"] if noted else [])


@pytest.mark.django_db
class TestOfADistrict:
    @pytest.fixture
    def three(self, episode_at: Callable[..., Episode]) -> list[Episode]:
        return [episode_at("nominated", 1), episode_at("confirmed", 2), episode_at("examined", 3)]

    def compute(self, programme: Any, region: str = COUNTY, month: dt.date = TODAY) -> Figures:
        place = Region.objects.get(pk=region)
        return report.compute(programme, "service_month", place, month)

    def test_figures_follow_the_episodes(self, three: list[Episode], programme: Any) -> None:
        found = self.compute(programme)
        assert found.values["target_couples"] == 3
        assert found.values["eligible_couples"] == 2
        assert found.values["examined_couples"] == 1
        assert found.values["complete_couples"] == 1
        assert found.cases["examined_couples"] == [str(three[2].key)]

    def test_a_town_counts_its_own(self, three: list[Episode], programme: Any) -> None:
        assert self.compute(programme, HUAYAN).values["target_couples"] == 3
        assert self.compute(programme, XIPENG).values["target_couples"] == 0

    def test_another_month_is_another_report(self, three: list[Episode], programme: Any) -> None:
        assert self.compute(programme, month=dt.date(2021, 2, 1)).values["target_couples"] == 0
        april = self.compute(programme, month=dt.date(2021, 4, 1)).values
        assert (april["target_couples"], april["examined_couples"]) == (0, 0)

    def test_what_was_registered_in_error_does_not_count(
        self, three: list[Episode], programme: Any
    ) -> None:
        Episode.objects.filter(pk=three[2].pk).update(status=Episode.Status.CANCELLED)
        assert self.compute(programme).values["examined_couples"] == 0

    def test_unsigned_records_of_the_month_are_pointed_out(
        self, three: list[Episode], programme: Any
    ) -> None:
        record = three[2].encounters.get(form="laboratory", role="wife")
        type(record).objects.filter(pk=record.pk).update(status="draft")
        found = checks.waiting("preconception", Region.objects.get(pk=COUNTY), TODAY)
        assert any("1 份检查记录没有签名" in c.text for c in found)

    @pytest.mark.requirement("H01")
    def test_who_is_behind_a_result_is_for_those_who_read_such_results(
        self, programme: Any, actor: Callable[..., Any]
    ) -> None:
        indicators = programme.indicators
        statistician, doctor = actor("statistician"), actor("assessing_doctor")
        assert report.opens_to(statistician, indicators["target_couples"])
        assert report.opens_to(statistician, indicators["cards_issued"])
        assert not report.opens_to(statistician, indicators["syphilis_abnormal_wives"])
        assert not report.opens_to(statistician, indicators["alt_abnormal_wives"])
        assert report.opens_to(doctor, indicators["syphilis_abnormal_wives"])
