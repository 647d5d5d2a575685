"""Conditions: what parses, three-valued answers, evidence and what is missing."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from sanyou.protocol.errors import ExpressionError
from sanyou.protocol.expression import Expression
from sanyou.protocol.library import Library


@pytest.fixture(scope="module")
def scope(tiny: Library) -> Any:
    return tiny.programmes["tiny"].scope.with_person("wife")


@pytest.fixture
def parse(scope: Any) -> Any:
    return lambda text: Expression.parse(text, scope)


@pytest.mark.parametrize(
    ("text", "facts", "truth"),
    [
        ("person.smoking", {"wife.smoking": True}, True),
        ("person.smoking", {"wife.smoking": False}, False),
        ("person.smoking", {}, None),
        ("NOT person.smoking", {}, None),
        ("person.smoking AND person.alt > 5", {"wife.smoking": False}, False),
        ("person.smoking AND person.alt > 5", {"wife.smoking": True}, None),
        ("person.smoking OR person.alt > 5", {"wife.alt": 6}, True),
        ("person.smoking OR person.alt > 5", {"wife.alt": 5}, None),
        ("person.alt BETWEEN 5 AND 6", {"wife.alt": 6}, True),
        ("person.alt NOT BETWEEN 5 AND 6", {"wife.alt": 6.1}, True),
        ("person.alt BETWEEN person.weight AND 6", {"wife.alt": 7}, False),
        ("person.alt BETWEEN person.weight AND 6", {"wife.alt": 5}, None),
        ("person.alt IS NULL", {}, True),
        ("person.alt IS NOT NULL", {}, False),
        (
            "person.rubella_igg IN ('positive', 'suspicious')",
            {"wife.rubella_igg": "negative"},
            False,
        ),
        ("person.rubella_igg NOT IN ('positive')", {}, None),
        ("person.birth_date < DATE '1990-01-01'", {"wife.birth_date": date(1989, 12, 31)}, True),
        ("person.smoking = husband.smoking", {"wife.smoking": True, "husband.smoking": True}, True),
        ("person.weight * 2 - 1 >= 9", {"wife.weight": 5}, True),
        ("person.weight + -1.5 < 0", {"wife.weight": Decimal("1.4")}, True),
        ("person.alt = 0.3", {"wife.alt": Decimal("0.3")}, True),
        ("person.alt >= 0.27", {"wife.alt": Decimal("0.27")}, True),
    ],
)
def test_a_condition_is_true_false_or_unknown(
    parse: Any, text: str, facts: Any, truth: Any
) -> None:
    assert parse(text).evaluate(facts) is truth


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("person.alt >", "expression_syntax"),
        ("", "expression_syntax"),
        ("person.smoking; person.smoking", "expression_syntax"),
        ("lower(person.exposure_detail) = 'x'", "expression_not_allowed"),
        ("person.alt / 2 > 1", "expression_not_allowed"),
        ("(SELECT TRUE)", "expression_not_allowed"),
        ("person.alt IN (SELECT 1)", "expression_not_allowed"),
        ("CASE WHEN person.smoking THEN TRUE END", "expression_not_allowed"),
        ("person.exposure_detail LIKE 'a%'", "expression_not_allowed"),
        ("person.smoking IS TRUE", "expression_not_allowed"),
        ("CAST(person.alt AS INTEGER) > 1", "expression_not_allowed"),
        ("person.alt IN (person.weight)", "expression_not_allowed"),
        ("person.alt BETWEEN SYMMETRIC 2 AND 1", "expression_not_allowed"),
        ("NULL", "expression_not_allowed"),
        ("person.alt > 'x'", "expression_type"),
        ("person.smoking + 1 > 2", "expression_type"),
        ("person.rubella_igg < 'positive'", "expression_type"),
        ("person.birth_date > 5", "expression_type"),
        ("person.alt AND person.smoking", "expression_type"),
        ("person.birth_date > DATE '2021-13-01'", "bad_date"),
        ("smoking", "not_a_fact"),
        ('person."smoking"', "not_a_fact"),
        ("a.person.smoking", "not_a_fact"),
        ("person.exposure = 'pesticide'", "not_a_fact"),
        ("aunt.smoking", "unknown_role"),
        ("person.smokes", "unknown_element"),
        ("person.exposure__lead", "unknown_code"),
        ("person.rubella_igg = 'pos'", "unknown_code"),
        ("person.alt__flag = 'raised'", "unknown_code"),
        ("husband.tsh > 1", "wrong_sex"),
        ("wife.planning", "wrong_scope"),
        ("couple.smoking", "wrong_scope"),
        ("person.hukou_region__in_moon", "unknown_area"),
    ],
)
def test_what_is_outside_the_subset_or_the_dictionary_is_refused(
    parse: Any, text: str, code: str
) -> None:
    with pytest.raises(ExpressionError) as caught:
        parse(text)
    assert caught.value.code == code
    assert caught.value.zh
    assert caught.value.en


def test_person_needs_a_role(tiny: Library) -> None:
    with pytest.raises(ExpressionError) as caught:
        Expression.parse("person.smoking", tiny.programmes["tiny"].scope)
    assert caught.value.code == "unknown_role"


def test_the_evidence_holds_what_decided_and_nothing_else(parse: Any) -> None:
    condition = parse("(person.alt > 40 AND person.smoking) OR person.pregnancies = 0")
    facts = {"wife.alt": 50, "wife.smoking": True, "wife.pregnancies": 2}
    assert condition.support(facts) == {"wife.alt": 50, "wife.smoking": True}
    assert condition.support({"wife.smoking": False, "wife.pregnancies": 2}) == {
        "wife.smoking": False,
        "wife.pregnancies": 2,
    }


def test_the_explanation_shows_every_part_with_its_truth_and_values(parse: Any) -> None:
    condition = parse("person.alt > 40 AND NOT person.smoking")
    tree = condition.explain({"wife.alt": 50})
    assert tree.truth is None
    assert [(part.text, part.truth) for part in tree.parts] == [
        ("wife.alt > 40", True),
        ("NOT (wife.smoking)", None),
    ]
    assert tree.as_json()["parts"][0]["facts"] == {"wife.alt": 50}


@pytest.mark.parametrize(
    ("facts", "missing"),
    [
        ({}, ("wife.alt", "wife.smoking", "wife.pregnancies")),
        ({"wife.alt": 50}, ("wife.smoking", "wife.pregnancies")),
        ({"wife.alt": 10}, ("wife.pregnancies",)),
        ({"wife.pregnancies": 0}, ()),
        ({"wife.smoking": False}, ("wife.pregnancies",)),
        ({"wife.smoking": True, "wife.pregnancies": 1}, ("wife.alt",)),
    ],
)
def test_missing_lists_exactly_the_facts_that_could_change_the_answer(
    parse: Any, facts: Any, missing: Any
) -> None:
    condition = parse("(person.alt > 40 AND person.smoking) OR person.pregnancies = 0")
    assert condition.missing(facts) == missing


def test_the_same_condition_is_written_for_other_databases(parse: Any) -> None:
    condition = parse("person.alt > 0.5 AND person.rubella_igg = 'negative'")
    assert (
        condition.sql("duckdb") == """("wife.alt" > 0.5e0) AND ("wife.rubella_igg" = 'negative')"""
    )
    assert "`wife.alt`" in condition.sql("spark")
    assert '"wife.alt"' in condition.sql("postgres")
