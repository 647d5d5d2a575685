"""Z-scores agree with WHO's published tables, and beyond ±3 SD with WHO's adjustment."""

import math
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pytest

from sanyou.protocol.growth import LMS, Chart, corrected_age, length_due, score
from sanyou.protocol.library import Library
from sanyou.protocol.models import Growth

pytestmark = pytest.mark.requirement("D02")

MONTH = 30.4375  # days, as WHO counts them


@pytest.fixture(scope="module")
def charts() -> Any:
    return Library.load().charts


# WHO Child Growth Standards, simplified field tables, kg or cm at -3 … +3 SD.
PUBLISHED = [
    ("weight_for_age", "male", 0, [2.1, 2.5, 2.9, 3.3, 3.9, 4.4, 5.0]),
    ("weight_for_age", "male", 1, [2.9, 3.4, 3.9, 4.5, 5.1, 5.8, 6.6]),
    ("weight_for_age", "male", 2, [3.8, 4.3, 4.9, 5.6, 6.3, 7.1, 8.0]),
    ("weight_for_age", "male", 3, [4.4, 5.0, 5.7, 6.4, 7.2, 8.0, 9.0]),
    ("weight_for_age", "male", 12, [6.9, 7.7, 8.6, 9.6, 10.8, 12.0, 13.3]),
    ("weight_for_age", "male", 24, [8.6, 9.7, 10.8, 12.2, 13.6, 15.3, 17.1]),
    ("weight_for_age", "male", 60, [12.4, 14.1, 16.0, 18.3, 21.0, 24.2, 27.9]),
    ("weight_for_age", "female", 0, [2.0, 2.4, 2.8, 3.2, 3.7, 4.2, 4.8]),
    ("weight_for_age", "female", 6, [5.1, 5.7, 6.5, 7.3, 8.2, 9.3, 10.6]),
    ("weight_for_age", "female", 12, [6.3, 7.0, 7.9, 8.9, 10.1, 11.5, 13.1]),
    ("weight_for_age", "female", 60, [12.1, 13.7, 15.8, 18.2, 21.2, 24.9, 29.5]),
    ("length_height_for_age", "male", 0, [44.2, 46.1, 48.0, 49.9, 51.8, 53.7, 55.6]),
    ("length_height_for_age", "male", 12, [68.6, 71.0, 73.4, 75.7, 78.1, 80.5, 82.9]),
    ("length_height_for_age", "female", 6, [58.9, 61.2, 63.5, 65.7, 68.0, 70.3, 72.5]),
    ("length_height_for_age", "female", 60, [95.2, 99.9, 104.7, 109.4, 114.2, 118.9, 123.7]),
    ("head_circumference_for_age", "male", 0, [30.7, 31.9, 33.2, 34.5, 35.7, 37.0, 38.3]),
    ("head_circumference_for_age", "female", 12, [40.8, 42.2, 43.5, 44.9, 46.3, 47.6, 49.0]),
]


@pytest.mark.parametrize(("chart", "sex", "month", "values"), PUBLISHED)
def test_the_lines_are_those_of_the_published_tables(
    chart: str, sex: str, month: int, values: list[float], charts: Any
) -> None:
    # A month is no whole number of days: the published value lies between the days around it.
    before, after = (charts[chart].point(sex, math.floor(month * MONTH) + n) for n in (0, 1))
    if month == 0 or after is None:  # at birth the day itself; the charts end at 60 months
        after = before
    low, high = ([round(row.at(z) + 1e-9, 1) for z in range(-3, 4)] for row in (before, after))
    assert all(a <= value <= b for a, value, b in zip(low, values, high, strict=True))
    assert all(b - a <= 0.21 for a, b in zip(low, high, strict=True))


def oracle(row: LMS, value: float, adjusted: bool) -> float:
    """WHO, Computation of centiles and z-scores, written down a second time."""

    def sd(z: float) -> float:
        return row.median * (1 + row.power * row.variation * z) ** (1 / row.power)

    z = ((value / row.median) ** row.power - 1) / (row.power * row.variation)
    if adjusted and z > 3:
        return 3 + (value - sd(3)) / (sd(3) - sd(2))
    if adjusted and z < -3:
        return -3 + (value - sd(-3)) / (sd(-2) - sd(-3))
    return z


WANTED = {
    "weight_for_age": Growth(chart="weight_for_age", value="v", age="age"),
    "length_height_for_age": Growth(chart="length_height_for_age", value="v", age="age"),
    "bmi_for_age": Growth(chart="bmi_for_age", value="v", age="age"),
    "head_circumference_for_age": Growth(chart="head_circumference_for_age", value="v", age="age"),
    "arm_circumference_for_age": Growth(chart="arm_circumference_for_age", value="v", age="age"),
}


@pytest.mark.parametrize("sex", ["male", "female"])
@pytest.mark.parametrize("name", WANTED)
def test_scores_agree_to_two_decimals_over_the_whole_age_range(
    name: str, sex: str, charts: Any
) -> None:
    chart: Chart = charts[name]
    [(_until, table, _by_length)] = chart.tables
    ages = sorted(age for s, age in table if s == sex)
    assert (ages[0], ages[-1]) == (91 if name.startswith("arm") else 0, 1826)
    for age in [*ages[::7], ages[-1]]:
        row = table[sex, age]
        for times in (0.5, 0.7, 0.85, 1, 1.2, 1.5, 1.9):
            value = Decimal(str(round(row.median * times, 1)))
            expected = oracle(row, float(value), chart.spec.adjusted)
            found = score(charts, WANTED[name], sex, {"v": value, "age": Decimal(age)}, None)
            assert found == Decimal(str(expected)).quantize(Decimal("0.01"), ROUND_HALF_UP)


@pytest.mark.parametrize("sex", ["male", "female"])
def test_weight_for_length_agrees_over_the_whole_range_and_between_two_rows(
    sex: str, charts: Any
) -> None:
    wanted = Growth(chart="weight_for_length_height", value="v", age="age", by="cm")
    chart = charts["weight_for_length_height"]
    for (_until, table, _by), age in zip(chart.tables, (400, 1200), strict=True):
        lengths = sorted(t for s, t in table if s == sex)
        for tenths in lengths[::5]:
            row = table[sex, tenths]
            for times in (0.6, 1, 1.6):
                value = Decimal(str(round(row.median * times, 1)))
                numbers = {"v": value, "age": Decimal(age), "cm": Decimal(tenths) / 10}
                expected = oracle(row, float(value), adjusted=True)
                found = score(charts, wanted, sex, numbers, None)
                assert found == Decimal(str(expected)).quantize(Decimal("0.01"), ROUND_HALF_UP)
    low, high = (chart.point(sex, 400, Decimal(cm)) for cm in ("70.3", "70.4"))
    between = chart.point(sex, 400, Decimal("70.35"))
    assert between.median == pytest.approx((low.median + high.median) / 2)


def test_lying_and_standing_differ_by_seven_millimetres() -> None:
    assert length_due(Decimal("86"), 730, "standing") == Decimal("86.7")
    assert length_due(Decimal("86"), 730, "lying") == Decimal("86")
    assert length_due(Decimal("86"), 731, "lying") == Decimal("85.3")
    assert length_due(Decimal("86"), 731, None) == Decimal("86")


@pytest.mark.parametrize(
    ("age", "gestation", "expected"),
    [
        (100, 224, 44),
        (100, 258, 78),
        (100, 259, 100),
        (40, 200, 0),
        (730, 224, 674),
        (731, 224, 731),
        (100, None, 100),
    ],
)
def test_a_preterm_childs_age_is_corrected_until_24_months(
    age: int, gestation: int | None, expected: int
) -> None:
    assert corrected_age(age, gestation) == expected


def test_what_is_missing_or_off_the_chart_has_no_score(charts: Any) -> None:
    wanted = WANTED["weight_for_age"]
    known = {"v": Decimal(10), "age": Decimal(365)}
    assert score(charts, wanted, "male", known, None) is not None
    assert score(charts, wanted, None, known, None) is None
    assert score(charts, wanted, "male", known | {"v": None}, None) is None
    assert score(charts, wanted, "male", known | {"age": Decimal(1827)}, None) is None
