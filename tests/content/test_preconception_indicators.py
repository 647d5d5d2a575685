"""The monthly report: a case is counted normal or abnormal, never both, and untested in neither."""

from itertools import product

import pytest

from sanyou.protocol.library import Library
from sanyou.protocol.programme import Programme

VALUES = {
    "urinalysis": {
        "urine_protein": ["negative", "positive"],
        "urine_glucose": ["negative", "positive_2"],
    },
    "blood_group": {"rh": ["positive", "negative"]},
    "glucose": {"glucose__flag": ["low", "normal", "high"]},
    "alt": {"alt__flag": ["low", "normal", "high"]},
    "hepatitis_b": {
        "hbsag": ["positive", "negative", "suspicious"],
        "hbeag": ["positive", "negative"],
    },
    "creatinine": {"creatinine__flag": ["low", "normal", "high"]},
    "syphilis": {"syphilis": ["positive", "negative", "suspicious"]},
    "blood_count": {
        "hemoglobin__flag": ["low", "normal", "high"],
        "platelet__flag": ["low", "normal"],
    },
    "tsh": {"tsh__flag": ["low", "normal", "high"]},
    "rubella": {"rubella_igg": ["positive", "negative", "suspicious"]},
    "cmv": {"cmv_igm": ["positive", "negative"]},
    "toxoplasma": {"toxoplasma_igm": ["positive", "negative"]},
    "discharge": {
        "candida": ["positive", "negative"],
        "trichomonas": ["positive", "negative"],
        "bacterial_vaginosis": ["positive", "negative"],
    },
    "gonococcus": {"gonococcus": ["positive", "negative"]},
    "chlamydia": {"chlamydia": ["positive", "negative"]},
    "ultrasound": {"ultrasound_result": ["normal", "abnormal", "uncertain"]},
}


@pytest.fixture(scope="module")
def programme() -> Programme:
    return Library.load().programmes["preconception"]


@pytest.mark.requirement("F02")
@pytest.mark.parametrize("item", VALUES)
@pytest.mark.parametrize("role", ["wife", "husband"])
def test_a_tested_person_is_normal_or_abnormal_and_never_both(
    programme: Programme, item: str, role: str
) -> None:
    people = "wives" if role == "wife" else "husbands"
    normal = programme.indicators.get(f"{item}_normal_{people}")
    abnormal = programme.indicators.get(f"{item}_abnormal_{people}")
    assert (normal is None) == (abnormal is None)
    if normal is None or abnormal is None:
        assert role == "husband"  # a test only the wife has
        return
    names = [f"{role}.{name}" for name in VALUES[item]]
    for values in product(*VALUES[item].values()):
        facts = dict.fromkeys(programme.scope.facts) | dict(zip(names, values, strict=True))
        counted = [x.count.evaluate(facts) for x in (normal, abnormal) if x.count]
        assert counted.count(True) == 1, values
    untested = dict.fromkeys(programme.scope.facts)
    assert [x.count.evaluate(untested) for x in (normal, abnormal) if x.count] == [None, None]


@pytest.mark.requirement("F02")
def test_every_indicator_is_printed_in_the_monthly_report_once(programme: Programme) -> None:
    report = programme.reports["service_month"]
    rows = [row for section in report.sections for row in section.rows]
    assert sorted(rows) == sorted(programme.indicators)


@pytest.mark.requirement("F02")
def test_couples_at_risk_are_split_by_who_carries_the_risk(programme: Programme) -> None:
    split = ("high_wife_only", "high_husband_only", "high_both")
    for wife, husband in product([True, False], repeat=2):
        facts = dict.fromkeys(programme.scope.facts)
        facts |= {"wife.at_risk": wife, "husband.at_risk": husband}
        found = [programme.indicators[i].count.evaluate(facts) for i in split]  # type: ignore[union-attr]
        assert found == [wife and not husband, husband and not wife, wife and husband]
