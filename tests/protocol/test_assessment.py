"""Findings with their evidence, what cannot be excluded, and the worst class."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from sanyou.protocol.assessment import assess
from sanyou.protocol.facts import build_facts
from sanyou.protocol.library import Library
from sanyou.protocol.schedule import recheck_tasks

ON = date(2021, 3, 1)


def assessed(tiny: Library, **roles: Any) -> Any:
    return assess(tiny.programmes["tiny"], build_facts(tiny, "tiny", roles, ON))


@pytest.mark.requirement("B05")
def test_a_finding_carries_the_values_it_rests_on(tiny: Library) -> None:
    result = assessed(tiny, wife={"alt": {"value": 55, "high": 40}})
    finding = next(f for f in result.findings if f.key == "wife.alt_high")
    assert finding.evidence == {"wife.alt": 55.0, "wife.alt__flag": "high"}
    assert (finding.cls, finding.category, finding.advice.zh) == ("C", "laboratory", "查明原因。")
    assert finding.source.ref == "测试"


def test_the_class_of_the_couple_is_the_worst_of_either(tiny: Library) -> None:
    result = assessed(tiny, wife={"smoking": True}, husband={"alt": 60, "smoking": False})
    assert (result.cls, result.level) == ("B", "high")
    assert result.roles_at_risk == ("wife", "husband")


def test_nothing_found_is_the_general_level_without_a_class(tiny: Library) -> None:
    result = assessed(tiny)
    assert (result.findings, result.cls, result.level) == ((), None, "general")


@pytest.mark.requirement("B05")
def test_a_missing_result_cannot_be_excluded_and_says_what_is_needed(tiny: Library) -> None:
    result = assessed(tiny, wife={"rubella_igg": "negative", "pregnancies": 2})
    found = {u.key: u.missing for u in result.undetermined}
    assert found["wife.rubella_susceptible"] == ("wife.age",)
    assert found["husband.alt_high"] == ("husband.alt__flag",)
    assert "wife.age" in result.missing


def test_a_rule_over_both_spouses_belongs_to_the_couple(tiny: Library) -> None:
    result = assessed(tiny, wife={"smoking": True}, husband={"smoking": True})
    finding = next(f for f in result.findings if f.rule == "both_smoke")
    assert finding.role == "couple"
    assert finding.evidence == {"wife.smoking": True, "husband.smoking": True}


@pytest.mark.parametrize(("alt", "certain"), [(81, True), (80, None)])
def test_a_referral_has_its_own_condition(tiny: Library, alt: float, certain: Any) -> None:
    finding = assessed(tiny, wife={"alt": alt}).findings[0]
    assert (finding.referral.certain if finding.referral else None) is certain


def test_a_recheck_becomes_a_task_with_a_window(tiny: Library) -> None:
    (task,) = recheck_tasks(assessed(tiny, wife={"alt": 81}), ON)
    assert (task.label.zh, task.role) == ("复查肝功能", "wife")
    assert (task.opens, task.due) == (date(2021, 3, 15), date(2021, 3, 29))
    assert task.key == "recheck:wife.alt_high:2021-03-01"


def test_the_assessment_can_be_kept_as_json(tiny: Library) -> None:
    import json

    kept = json.loads(json.dumps(assessed(tiny, wife={"alt": 81, "smoking": True}).as_json()))
    assert kept["class"] == "C"
    assert kept["rules_version"] == "1"
    assert kept["findings"][0]["recheck"]["due"]["weeks"] == 4
    assert kept["undetermined"]
