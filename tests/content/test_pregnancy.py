"""Pregnancy as content: how it is dated, what the national tables ask, what the indicators count."""

from datetime import date, timedelta
from typing import Any

import pytest

from sanyou.protocol.facts import build_facts

pytestmark = pytest.mark.requirement("C02")

DAY = date(2021, 3, 1)
LMP = date(2020, 12, 1)
EDD = date(2021, 9, 7)


@pytest.fixture
def programme(library: Any) -> Any:
    return library.programmes["maternity"]


def facts(library: Any, on: date = DAY, **wife: Any) -> dict[str, Any]:
    return build_facts(library, "maternity", {"wife": wife}, on)


@pytest.mark.requirement("C01")
@pytest.mark.parametrize(
    ("told", "edd"),
    [
        ({"lmp": LMP}, EDD),
        ({"lmp": LMP, "cycle_days": 28}, EDD),
        ({"lmp": LMP, "cycle_days": 35}, EDD + timedelta(days=7)),
        ({"lmp": LMP, "cycle_days": 21}, EDD - timedelta(days=7)),
        ({"lmp": LMP, "transfer_on": date(2020, 12, 25), "embryo_age": 5}, date(2021, 9, 12)),
        ({"lmp": LMP, "transfer_on": date(2020, 12, 25), "embryo_age": 3}, date(2021, 9, 14)),
        ({"dating_scan_on": DAY, "dating_scan_weeks": 12, "dating_scan_days": 6}, date(2021, 9, 7)),
        ({"lmp": LMP, "edd_corrected": date(2021, 9, 20)}, date(2021, 9, 20)),
        ({}, None),
    ],
)
def test_the_due_date_rests_on_the_best_that_is_known(
    library: Any, told: dict[str, Any], edd: date | None
) -> None:
    found = facts(library, **told)
    assert found["wife.edd"] == edd
    assert found["wife.dated_lmp"] == (edd - timedelta(days=280) if edd else None)


@pytest.mark.requirement("C01")
@pytest.mark.parametrize(("days", "weeks"), [(0, 0), (6, 0), (7, 1), (90, 12), (91, 13), (280, 40)])
def test_gestation_is_in_full_weeks_and_days(library: Any, days: int, weeks: int) -> None:
    found = facts(library, LMP + timedelta(days=days), lmp=LMP, cycle_days=28)
    assert (found["wife.gestation_day"], found["wife.gestation_week"]) == (days, weeks)


@pytest.mark.requirement("C01")
@pytest.mark.parametrize(("days", "early"), [(89, True), (90, True), (91, False)])
def test_early_booking_ends_with_the_twelfth_week(
    library: Any, programme: Any, days: int, early: bool
) -> None:
    booked = LMP + timedelta(days=days)
    told = {"pregnancy_registered_on": booked, "first_visit_on": booked}
    found = facts(library, EDD, lmp=LMP, cycle_days=28, **told)
    assert programme.indicators["early_booking_rate"].numerator.evaluate(found) is early
    assert programme.indicators["booked_early"].count.evaluate(found) is early


def test_every_item_of_the_national_tables_is_a_rule(programme: Any) -> None:
    numbers: dict[str, list[str]] = {}
    for rule in programme.rules:
        name, _, number = rule.spec.label.zh.partition(" ")
        if name in ("筛查", "黄", "橙", "红", "紫"):
            numbers.setdefault(name, []).append(number.partition(" ")[0])
    assert {name: len(found) for name, found in numbers.items()} == {
        "筛查": 37,
        "黄": 36,
        "橙": 37,
        "红": 36,
        "紫": 6,
    }
    for name, found in numbers.items():
        assert len(set(found)) == len(found), name
    groups = [len([n for n in numbers["筛查"] if n.startswith(f"{g}.")]) for g in range(1, 8)]
    assert groups == [4, 5, 6, 4, 3, 7, 8]


def test_each_code_of_the_doctors_form_has_its_rule_and_its_colour(programme: Any) -> None:
    """Nothing can be ticked that does not count, and the colour before it is the one it gets."""
    colours = {"【黄】": "yellow", "【橙】": "orange", "【红】": "red"}
    by_fact = {
        name: rule.cls
        for rule in programme.rules
        if rule.spec.category != "screening"
        for name in rule.when.facts
        if name.startswith("wife.risk_")
    }
    form = programme.forms["risk_assessment"]
    elements = programme.scope.elements
    seen = 0
    for field in form.fields_for("wife"):
        element = elements[field.element]
        if element.type != "codes":
            continue
        for code in element.value_set.codes:
            if code.code == "none":
                continue
            seen += 1
            wanted = colours.get(code.label.zh[:3], "purple")
            assert by_fact[f"wife.{element.id}__{code.code}"] == wanted, code.code
    assert seen == 106


def test_what_names_an_infection_or_the_mind_is_restricted(programme: Any) -> None:
    elements = programme.scope.elements
    for name in ("risk_infection", "risk_mental", "risk_other", "syphilis", "hiv", "epds_10"):
        assert elements[name].privacy == "restricted", name
    for rule in programme.rules:
        if rule.cls == "purple":
            read = {
                elements[n.partition(".")[2].partition("__")[0]].privacy for n in rule.when.facts
            }
            assert "restricted" in read, rule.id


@pytest.mark.requirement("C03")
@pytest.mark.parametrize(
    ("given", "total"),
    [
        ({}, 0),
        ({"epds_1": "not_at_all", "epds_3": "mostly", "epds_10": "often"}, 9),
        ({"epds_6": "mostly_not", "epds_4": "often", "epds_5": "sometimes"}, 8),
        ({"epds_7": None}, None),
    ],
)
def test_the_scale_is_the_sum_of_its_ten_answers(
    library: Any, given: dict[str, Any], total: int | None
) -> None:
    lowest = {"epds_1": "same", "epds_2": "same", "epds_6": "always"}
    lowest |= {f"epds_{n}": "never" for n in (3, 4, 5, 7, 8, 9, 10)}
    assert facts(library, **(lowest | given))["wife.epds_total"] == total


def test_every_positive_names_who_looks_for_the_lost(programme: Any) -> None:
    assert {loop.id for loop in programme.loops} == {
        "screening",
        "red_case",
        "orange_case",
        "purple_case",
        "urgent",
        "self_harm",
        "mood",
        "glucose",
        "hypertension",
        "thyroid",
        "anaemia",
        "weight",
        "pelvic",
    }
    due = {loop.id: loop.spec.legs[0].due.days for loop in programme.loops}
    assert (due["red_case"], due["orange_case"], due["self_harm"], due["urgent"]) == (1, 3, 0, 0)
    assert due["screening"] == 14
    assert all(loop.spec.lost.duty == "case_manager" for loop in programme.loops)
