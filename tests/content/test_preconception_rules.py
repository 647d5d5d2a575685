"""The ABCDX rules of the preconception programme: explained, sourced, and silent without cause."""

from datetime import date

import pytest

from sanyou.protocol.assessment import assess
from sanyou.protocol.facts import Observation, build_facts
from sanyou.protocol.library import Library

# The findings a centre's month is summed up by.
SUMMARY = {
    "wife": [
        "alcohol",
        "smoking",
        "toxic_exposure",
        "alt_high",
        "creatinine_high",
        "glucose_high",
        "glucose_low",
        "hbsag_positive",
        "syphilis_positive",
        "bacterial_vaginosis_positive",
        "candida_positive",
        "chlamydia_positive",
        "gonococcus_positive",
        "trichomonas_positive",
        "hemoglobin_low",
        "platelet_low",
        "rh_negative",
        "rubella_not_immune",
        "toxoplasma_igm_positive",
        "cmv_igm_positive",
        "tsh_high",
        "tsh_low",
    ],
    "husband": [
        "alcohol",
        "smoking",
        "toxic_exposure",
        "alt_high",
        "creatinine_high",
        "glucose_high",
        "glucose_low",
        "hbsag_positive",
        "syphilis_positive",
    ],
}
ON = date(2021, 3, 8)


@pytest.fixture(scope="module")
def lib() -> Library:
    return Library.load()


def findings(lib: Library, **given: dict) -> tuple[set[str], set[str], str | None]:
    programme = lib.programmes["preconception"]
    result = assess(programme, build_facts(lib, programme, given, ON))
    fired = {f.key for f in result.findings}
    return fired, {u.key for u in result.undetermined}, result.cls


@pytest.mark.requirement("B05")
def test_every_worked_case_answers_as_written_and_covers_every_rule(lib: Library) -> None:
    report = lib.check()
    assert report.failures == ()
    assert report.missing == ()
    assert report.cases > 200


@pytest.mark.requirement("B05")
def test_every_rule_has_a_source_advice_and_english_name(lib: Library) -> None:
    rules = {rule.id: rule.spec for rule in lib.programmes["preconception"].rules}
    assert len(rules) > 150
    for rule_id, rule in rules.items():
        assert rule.source.ref, rule_id
        assert rule.label.en, rule_id
        assert len(rule.advice.zh) >= 15, rule_id
        assert rule.advice.zh.endswith("。"), rule_id


@pytest.mark.requirement("B05")
def test_findings_of_the_monthly_summary_exist_for_their_person(lib: Library) -> None:
    keys = {rule.key for rule in lib.programmes["preconception"].rules}
    for role, names in SUMMARY.items():
        assert {f"{role}.{name}" for name in names} <= keys


@pytest.mark.requirement("B05")
def test_factors_that_are_not_from_a_published_list_say_so(lib: Library) -> None:
    for rule in lib.programmes["preconception"].rules:
        if rule.cls in ("D", "X") and rule.id != "ntd_history":
            assert rule.spec.source.status == "from-knowledge", rule.id


@pytest.mark.requirement("B05")
def test_the_range_of_the_laboratory_wins_over_the_usual_one(lib: Library) -> None:
    own = Observation("110", low=100, high=300)
    fired, unknown, _ = findings(lib, wife={"platelet": own})
    assert "wife.platelet_low" not in fired | unknown
    fired, _, _ = findings(lib, wife={"platelet": "110"})
    assert "wife.platelet_low" in fired


@pytest.mark.requirement("B05")
def test_a_missing_result_is_never_no_risk(lib: Library) -> None:
    fired, unknown, cls = findings(lib)
    rules = {rule.key for rule in lib.programmes["preconception"].rules}
    assert fired == set()
    assert cls is None
    # A treatment date that was never entered is the one thing that is not asked about.
    assert rules - unknown == {"wife.iodine_131", "husband.iodine_131"}


@pytest.mark.requirement("B05")
def test_a_second_line_test_is_asked_for_only_when_the_first_is_abnormal(lib: Library) -> None:
    _, unknown, _ = findings(
        lib, wife={"hbsag": "negative", "glucose": "5", "tsh": "2", "syphilis": "negative"}
    )
    second = {"wife.hbv_dna_high", "wife.hba1c_high", "wife.tpoab_positive", "wife.syphilis_active"}
    assert not second & unknown
    _, unknown, _ = findings(
        lib, wife={"hbsag": "positive", "glucose": "8", "tsh": "9", "syphilis": "positive"}
    )
    assert second <= unknown


@pytest.mark.requirement("B05")
def test_an_equivocal_result_is_not_taken_for_negative(lib: Library) -> None:
    for element in ("hbsag", "syphilis", "chlamydia", "cmv_igm", "toxoplasma_igm", "urine_protein"):
        fired, _, _ = findings(lib, wife={element: "suspicious"})
        assert "wife.suspicious_result" in fired, element
    fired, _, _ = findings(lib, wife={"rubella_igg": "suspicious"})
    assert "wife.rubella_not_immune" in fired
