"""Facts: derived values, flags, areas, and values that do not fit."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sanyou.protocol.dates import add_months, months_between, years_between
from sanyou.protocol.facts import Observation, build_facts, in_area, region_prefix, same_unit
from sanyou.protocol.library import Library
from sanyou.protocol.models import Area
from sanyou.protocol.text import Text

ON = date(2021, 3, 1)


def facts_of(tiny: Library, **roles: dict[str, Any]) -> dict[str, Any]:
    return build_facts(tiny, "tiny", roles, ON, tiny.policies["tiny-2020"])


def test_every_fact_of_the_programme_is_there_even_when_nothing_is_known(tiny: Library) -> None:
    facts = facts_of(tiny)
    assert set(facts) >= set(tiny.programmes["tiny"].scope.facts)
    assert set(facts.values()) == {None}


def test_age_counts_completed_years(tiny: Library) -> None:
    assert facts_of(tiny, wife={"birth_date": date(1986, 3, 1)})["wife.age"] == 35
    assert facts_of(tiny, wife={"birth_date": date(1986, 3, 2)})["wife.age"] == 34


def test_a_formula_is_rounded_half_up_and_unknown_without_its_inputs(tiny: Library) -> None:
    assert facts_of(tiny, wife={"height": 160, "weight": 48})["wife.bmi"] == 18.8
    facts = facts_of(tiny, wife={"height": 160})
    assert (facts["wife.bmi"], facts["wife.bmi__flag"]) == (None, None)


@pytest.mark.parametrize(
    ("value", "flag"), [(6.9, "low"), (7, "normal"), (40, "normal"), (40.1, "high"), (None, None)]
)
def test_a_value_equal_to_a_bound_is_normal(tiny: Library, value: Any, flag: Any) -> None:
    assert facts_of(tiny, wife={"alt": value})["wife.alt__flag"] == flag


def test_ranges_depend_on_sex(tiny: Library) -> None:
    facts = facts_of(tiny, wife={"alt": 45}, husband={"alt": 45})
    assert (facts["wife.alt__flag"], facts["husband.alt__flag"]) == ("high", "normal")


def test_the_laboratory_s_own_range_wins(tiny: Library) -> None:
    own = Observation(38, high=35)
    assert facts_of(tiny, wife={"alt": own})["wife.alt__flag"] == "high"
    as_stored = {"value": 45, "low": None, "high": 60, "unit": "U/L"}
    assert facts_of(tiny, wife={"alt": as_stored})["wife.alt__flag"] == "normal"


def test_an_element_without_ranges_is_flagged_by_the_laboratory_only(tiny: Library) -> None:
    assert facts_of(tiny, wife={"tsh": 9})["wife.tsh__flag"] is None
    own = {"value": 9, "low": 0.3, "high": 4.2}
    assert facts_of(tiny, wife={"tsh": own})["wife.tsh__flag"] == "high"


def test_a_value_in_another_unit_is_not_known_rather_than_wrong(tiny: Library) -> None:
    assert facts_of(tiny, wife={"alt": Observation(55, unit="ukat/L")})["wife.alt"] is None
    assert facts_of(tiny, wife={"alt": Observation(55, unit="u/l")})["wife.alt"] == 55


@pytest.mark.parametrize(
    ("one", "other"), [("μmol/L", "umol/L"), ("10*9/L", "10^9/L"), ("×10^9/L", "10^9/L")]
)
def test_spellings_of_a_unit_are_the_same_unit(one: str, other: str) -> None:
    assert same_unit(one, other)


def test_multiple_choice_becomes_one_boolean_per_code(tiny: Library) -> None:
    facts = facts_of(tiny, wife={"exposure": ["pesticide"]}, husband={"exposure": []})
    assert facts["wife.exposure__pesticide"] is True
    assert facts["wife.exposure__radiation"] is False
    assert facts["husband.exposure__pesticide"] is False
    assert "wife.exposure" not in facts


def test_a_retired_spelling_of_a_code_is_read_as_the_code(tiny: Library) -> None:
    assert facts_of(tiny, wife={"rubella_igg": "2"})["wife.rubella_igg"] == "negative"


@pytest.mark.parametrize("raw", ["abc", float("nan"), True, [1]])
def test_a_value_of_the_wrong_type_is_not_known(tiny: Library, raw: Any) -> None:
    assert facts_of(tiny, wife={"alt": raw})["wife.alt"] is None


def test_what_a_form_stores_is_read_back(tiny: Library) -> None:
    facts = facts_of(tiny, wife={"birth_date": "1990-01-31", "alt": 12.5, "smoking": False})
    assert facts["wife.birth_date"] == date(1990, 1, 31)
    assert facts["wife.alt"] == 12.5
    assert facts["wife.smoking"] is False


SERVED = Area(label=Text("区"), include=["500107"], exclude=["500107103"])


@pytest.mark.parametrize(
    ("code", "inside"),
    [
        ("500107001", True),
        ("500107001002", True),
        ("500107103", False),
        ("500107103004", False),
        ("500108", False),
        ("500107", None),
        ("500107000000", None),
        ("500100", None),
        ("50", None),
        ("110000", False),
        (None, None),
    ],
)
def test_a_region_is_inside_outside_or_too_broad_to_tell(code: Any, inside: Any) -> None:
    assert in_area(code, SERVED) is inside


def test_padding_of_region_codes_does_not_matter() -> None:
    assert region_prefix("500000000000") == region_prefix("500000") == region_prefix("50")


def test_months_end_on_the_last_day_where_the_day_does_not_exist() -> None:
    assert months_between(date(2020, 8, 31), date(2021, 2, 27)) == 5
    assert months_between(date(2020, 8, 31), date(2021, 2, 28)) == 6
    assert years_between(date(2020, 2, 29), date(2021, 2, 28)) == 1


@given(st.dates(date(1950, 1, 1), date(2050, 1, 1)), st.integers(0, 600))
def test_n_months_after_a_day_n_months_are_completed_and_not_the_day_before(
    start: date, months: int
) -> None:
    end = add_months(start, months)
    assert months_between(start, end) == months
    assert months_between(start, end - timedelta(days=1)) == months - 1
