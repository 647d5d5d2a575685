"""The family record: dictionary and forms of the preconception programme."""

import pytest

from sanyou.protocol.library import Library
from sanyou.protocol.programme import Programme

# Service item -> (who, elements that carry it).
NINETEEN = {
    "优生健康教育": ("both", ["education_given", "education_topics"]),
    "病史询问": ("both", ["history_diabetes", "family_thalassaemia", "medication_now", "smoking"]),
    "体格检查": ("both", ["height", "weight", "sbp", "dbp", "thyroid_exam", "lung_exam"]),
    "女性生殖系统检查": ("wife", ["vulva_exam", "cervix_exam", "uterus_exam", "adnexa_exam"]),
    "男性生殖系统检查": (
        "husband",
        ["foreskin", "testis_left_ml", "epididymis_exam", "varicocele"],
    ),
    "白带常规": ("wife", ["vaginal_cleanliness", "candida", "trichomonas", "bacterial_vaginosis"]),
    "淋球菌": ("wife", ["gonococcus"]),
    "沙眼衣原体": ("wife", ["chlamydia"]),
    "血常规": ("wife", ["hemoglobin", "platelet", "wbc", "rbc"]),
    "尿液常规": ("both", ["urine_protein", "urine_glucose", "urine_leukocyte"]),
    "血型": ("both", ["abo", "rh"]),
    "血糖": ("both", ["glucose"]),
    "肝功能": ("both", ["alt"]),
    "乙肝五项": ("both", ["hbsag", "anti_hbs", "hbeag", "anti_hbe", "anti_hbc"]),
    "肾功能": ("both", ["creatinine"]),
    "甲状腺功能": ("wife", ["tsh"]),
    "梅毒螺旋体筛查": ("both", ["syphilis"]),
    "风疹病毒": ("wife", ["rubella_igg"]),
    "巨细胞病毒": ("wife", ["cmv_igm", "cmv_igg"]),
    "弓形体": ("wife", ["toxoplasma_igm", "toxoplasma_igg"]),
    "妇科超声": ("wife", ["ultrasound_result", "ultrasound_findings"]),
}


@pytest.fixture(scope="module")
def content() -> Library:
    return Library.load()


@pytest.fixture(scope="module")
def programme(content: Library) -> Programme:
    return content.programmes["preconception"]


def asked(programme: Programme, role: str) -> set[str]:
    """Elements the station forms ask of a role."""
    stations = ("history", "physical", "laboratory", "ultrasound")
    return {
        f.element
        for form_id in stations
        if role in programme.forms[form_id].roles
        for f in programme.forms[form_id].fields_for(role)
    }


@pytest.mark.requirement("B01")
@pytest.mark.parametrize("item", NINETEEN)
def test_every_service_item_is_recorded_for_those_who_receive_it(
    programme: Programme, item: str
) -> None:
    who, elements = NINETEEN[item]
    for role in ("wife", "husband") if who == "both" else (who,):
        assert set(elements) <= asked(programme, role)


@pytest.mark.requirement("B03")
def test_every_element_is_entered_on_a_form_or_computed_or_supplied(
    content: Library,
) -> None:
    entered = {
        f.element
        for programme in content.programmes.values()
        for form in programme.forms.values()
        for r in form.roles
        for f in form.fields_for(r)
    }
    for element in content.dictionary.elements.values():
        assert element.is_entered == (element.id in entered), element.id


@pytest.mark.requirement("B04")
def test_every_number_has_a_unit_limits_and_sources(content: Library) -> None:
    for element in content.dictionary.elements.values():
        if not element.is_number:
            continue
        assert element.unit, element.id
        if element.is_entered:
            assert element.plausible is not None, element.id
            assert element.source or element.plausible.source, element.id
        for found in element.ranges:
            assert found.source is not None, element.id
            assert found.source.ref, element.id
            if element.plausible and found.low is not None:
                assert element.plausible.min <= found.low, element.id


@pytest.mark.requirement("H01")
def test_infection_genetic_and_abortion_data_are_restricted(content: Library) -> None:
    for name in (
        "syphilis",
        "gonococcus",
        "chlamydia",
        "history_sti",
        "thalassaemia_gene",
        "family_down",
        "child_with_defect",
        "induced_abortions",
        "spontaneous_abortions",
        "outcome",
        "narcotics",
        "history_mental_disorder",
        "defect_types",
    ):
        assert content.dictionary.elements[name].privacy == "restricted", name


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("阳性", "positive"),
        ("弱阳性", "positive"),
        ("＋", "positive"),
        ("-", "negative"),
        ("±", "suspicious"),
    ],
)
def test_results_are_understood_as_laboratories_write_them(
    content: Library, typed: str, code: str
) -> None:
    from sanyou.protocol.entry import parse_value

    assert parse_value(content.dictionary.elements["hbsag"], typed).value == code


def test_a_plus_in_the_urine_is_not_a_trace(content: Library) -> None:
    from sanyou.protocol.entry import parse_value

    protein = content.dictionary.elements["urine_protein"]
    graded = [parse_value(protein, t).value for t in ("-", "±", "+", "++", "+++", "++++")]
    assert graded == [
        "negative",
        "suspicious",
        "positive",
        "positive_2",
        "positive_3",
        "positive_4",
    ]
