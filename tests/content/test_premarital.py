"""The premarital programme: opinions per person, a certificate without results, one joint report."""

from datetime import date
from typing import Any

import pytest

from sanyou.care import assessments, cards, documents, encounters, episodes, one_stop
from sanyou.care.facts import facts_of
from sanyou.care.models import Episode
from sanyou.finance import claims
from sanyou.protocol.assessment import assess
from sanyou.protocol.facts import build_facts
from sanyou.protocol.library import Library
from sanyou.protocol.programme import Programme
from sanyou.registry import organisations
from sanyou.registry.models import Region
from sanyou.synth.filling import unremarkable

GUANNAN, XINAN = "320724", "320724100"
DAY = date(2021, 9, 6)
ROLES = ("wife", "husband")
RESTRICTED = ("梅毒", "艾滋病", "精神", "遗传", "淋球菌")


@pytest.fixture(scope="module")
def lib() -> Library:
    return Library.load()


@pytest.fixture(scope="module")
def programme(lib: Library) -> Programme:
    return lib.programmes["premarital"]


# --- rules ---------------------------------------------------------------------


def opinion(lib: Library, **given: Any) -> str:
    facts = build_facts(lib, "premarital", {"wife": {}, "husband": {}, **given}, DAY)
    return assess(lib.programmes["premarital"], facts).cls or ""


@pytest.mark.requirement("B07")
@pytest.mark.parametrize(
    ("wife", "cls"),
    [
        ({"consanguineous": True, "kinship": "direct"}, "5"),
        ({"history_genetic_disease": True, "hereditary_severe": True}, "4"),
        ({"history_mental_disorder": True, "mental_disorder_acute": True}, "3"),
        ({"syphilis": "positive", "syphilis_rpr": "positive"}, "3"),
        ({"history_tuberculosis": True, "tuberculosis_active": True}, "3"),
        ({"hbsag": "positive"}, "2"),
        ({"candida": "positive"}, "1"),
        ({"syphilis": "negative"}, ""),
    ],
)
def test_each_disease_leads_to_its_medical_opinion(
    lib: Library, wife: dict[str, Any], cls: str
) -> None:
    assert opinion(lib, wife=wife) == cls


def test_ordinary_complaints_do_not_stand_in_the_way_of_marriage(programme: Programme) -> None:
    assert programme.level_of(None) == programme.level_of("1") == "general"
    assert programme.risk_levels["general"].zh == "未发现医学上不宜结婚的情形"
    assert all(programme.level_of(cls) == "high" for cls in "2345")


def test_rules_from_knowledge_say_so(programme: Programme) -> None:
    assert {rule.spec.source.status for rule in programme.rules} == {"from-knowledge"}


def test_hiv_is_restricted_voluntary_and_may_be_declined(
    lib: Library, programme: Programme
) -> None:
    hiv = lib.dictionary.elements["hiv"]
    assert hiv.privacy == "restricted"
    declined = hiv.value_set.find("declined") if hiv.value_set else None
    assert declined is not None
    assert declined.not_done
    assert opinion(lib, wife={"hiv": "declined"}, husband={"hiv": "declined"}) == ""


# --- one visit -----------------------------------------------------------------


@pytest.mark.requirement("B07")
def test_tests_of_both_programmes_are_the_same_elements(lib: Library) -> None:
    def asked(name: str, form: str, role: str) -> set[str]:
        return {f.element for f in lib.programmes[name].forms[form].fields_for(role)}

    for role in ROLES:
        both = asked("premarital", "premarital_laboratory", role) & asked(
            "preconception", "laboratory", role
        )
        assert {"alt", "hbsag", "syphilis", "glucose", "urine_protein"} <= both
        physical = asked("premarital", "premarital_physical", role)
        assert physical <= asked("preconception", "physical", role)


@pytest.mark.requirement("B07")
def test_each_programme_says_how_long_results_of_the_other_count(lib: Library) -> None:
    for name, other in (("premarital", "preconception"), ("preconception", "premarital")):
        reuse = lib.programmes[name].spec.reuse
        assert {spec.from_ for spec in reuse} == {other}
        of_blood_group = next(s for s in reuse if s.elements == ["abo", "rh"])
        assert of_blood_group.within.years == 50
        assert all(spec.source.ref and spec.source.status for spec in reuse)


@pytest.fixture
def visit(regions: None, make_couple: Any, actor: Any) -> dict[str, Episode]:
    """A couple of 新安镇 at the one-stop visit, consented to both checks."""
    organisations.setup_district(GUANNAN, "灌南县婚前孕前健康检查服务中心")
    answers = {
        "premarital_source": "one_stop",
        "premarital_told": True,
        "child_order": 1,
        "planning": True,
        "policy_compliant": True,
        "marriage_applied_on": "2021-09-10",
    }
    town = Region.objects.get(pk=XINAN)
    desk = actor("registration", GUANNAN)
    found = one_stop.register(desk, make_couple(1, town=XINAN), {"couple": answers}, DAY, town)
    for episode in found:
        if episode.tasks.filter(name="review").exists():
            episodes.review(episode, actor("township_officer", GUANNAN), DAY)
        episodes.confirm(episode, desk, DAY)
        episode.refresh_from_db()
        if episode.tasks.filter(name="card").exists():
            cards.issue(episode, actor("village_worker", GUANNAN), DAY)
    for role in ROLES:
        one_stop.grant(one_stop.consent_ready(found), role, desk, DAY, "paper")
    for episode in found:
        episode.refresh_from_db()
    return {e.programme: e for e in found}


@pytest.fixture
def examine(lib: Library, actor: Any) -> Any:
    """Fill every station of an episode with normal answers, `given` on top."""

    def act(episode: Episode, **given: dict[str, Any]) -> None:
        programme = lib.programmes[episode.programme]
        for step in programme.steps:
            if step.kind != "form" or not step.form or not _is_station(programme, step.id):
                continue
            form = programme.forms[step.form]
            for role in step.roles:
                taken = encounters.taken_over(episode, form, role, DAY)
                data = unremarkable(lib, episode.programme, step.form, role)
                own = {f.element for f in form.fields_for(role)}
                data |= {k: v for k, v in given.get(role, {}).items() if k in own}
                data = {k: v for k, v in data.items() if k not in taken}
                encounters.record(episode, step.form, role, data, DAY, actor(form.duty[0], GUANNAN))

    return act


def _is_station(programme: Programme, step_id: str) -> bool:
    step = programme.step(step_id)
    return any(programme.step(before).kind == "consent" for before in step.after)


def decide(episode: Episode, actor: Any) -> None:
    doctor = actor("assessing_doctor", GUANNAN)
    assessments.confirm(assessments.propose(episode, on=DAY), doctor)


def page(episode: Episode, kind: str, actor: Any) -> str:
    doctor = actor("assessing_doctor", GUANNAN)
    return documents.render(documents.issue(episode, kind, doctor, DAY))


ILL: dict[str, dict[str, Any]] = {
    "wife": {"hbsag": "positive", "alt": 55, "rubella_igg": "negative"},
    "husband": {"syphilis": "positive", "syphilis_rpr": "positive", "hiv": "positive"},
}


@pytest.mark.django_db
@pytest.mark.requirement("B07")
def test_a_result_of_the_preconception_check_counts_in_the_premarital_one(
    visit: dict[str, Episode], examine: Any
) -> None:
    examine(visit["preconception"], **ILL)
    facts = facts_of(visit["premarital"], DAY)
    assert facts["wife.hbsag"] == "positive"
    assert facts["husband.syphilis"] == "positive"
    assert facts["wife.chest_xray"] is None


@pytest.mark.django_db
@pytest.mark.requirement("B07")
def test_the_certificate_gives_opinions_and_no_results(
    visit: dict[str, Episode], examine: Any, actor: Any
) -> None:
    examine(visit["preconception"], **ILL)
    examine(visit["premarital"], **ILL)
    decide(visit["premarital"], actor)
    wife, husband = page(visit["premarital"], "premarital_certificate", actor).split("男方<")
    assert "☑ 建议采取医学措施，尊重受检者意愿" in wife
    assert "建议暂缓结婚" not in wife, "what was found in him is not hers to read"
    assert "☑ 建议暂缓结婚" in husband
    assert "未发现" not in wife + husband
    for word in (*RESTRICTED, "乙肝", "转氨酶", "阳性"):
        assert word not in wife + husband


@pytest.mark.django_db
def test_a_healthy_couple_is_certified_so(
    visit: dict[str, Episode], examine: Any, actor: Any
) -> None:
    examine(visit["preconception"])
    examine(visit["premarital"])
    decide(visit["premarital"], actor)
    html = page(visit["premarital"], "premarital_certificate", actor)
    assert html.count("☑ 未发现医学上不宜结婚的情形") == 2


@pytest.mark.django_db
def test_a_class_set_by_the_doctor_stands_on_both_halves(
    visit: dict[str, Episode], examine: Any, actor: Any
) -> None:
    examine(visit["preconception"])
    examine(visit["premarital"])
    doctor = actor("assessing_doctor", GUANNAN)
    found = assessments.propose(visit["premarital"], on=DAY)
    assessments.override(found, doctor, "3", [], [], "会诊意见")
    html = page(visit["premarital"], "premarital_certificate", actor)
    assert html.count("☑ 建议暂缓结婚") == 2
    assert "未发现" not in html


@pytest.mark.django_db
@pytest.mark.requirement("B07")
def test_the_joint_report_holds_both_checks_on_one_sheet_for_each(
    visit: dict[str, Episode], examine: Any, actor: Any
) -> None:
    examine(visit["preconception"], **ILL)
    examine(visit["premarital"], **ILL)
    decide(visit["preconception"], actor)
    decide(visit["premarital"], actor)
    html = page(visit["premarital"], "one_stop_report", actor)
    wife, husband = html.split("男方联")
    assert visit["preconception"].number in wife
    assert "乙肝表面抗原阳性" in wife
    assert "风疹" in wife
    assert "现症梅毒" in husband
    assert "梅毒" not in wife.partition("本人的检查结果")[0]
    assert "艾滋病" not in html
    for leak in ("{'", "None", "{{", "Decimal", "True", "False"):
        assert leak not in html


@pytest.mark.django_db
def test_each_test_is_printed_once_on_the_joint_report(
    visit: dict[str, Episode], examine: Any, actor: Any
) -> None:
    examine(visit["preconception"])
    examine(visit["premarital"])
    decide(visit["preconception"], actor)
    decide(visit["premarital"], actor)
    wife, _husband = page(visit["premarital"], "one_stop_report", actor).split("男方联")
    for label in ("谷丙转氨酶", "乙肝表面抗原", "梅毒螺旋体筛查", "身高", "胸部 X 线检查"):
        assert wife.count(f"<dt>{label}</dt>") == 1, label


@pytest.mark.django_db
@pytest.mark.requirement("E02")
def test_each_check_of_the_visit_is_claimed_once_at_its_own_price(
    visit: dict[str, Episode], examine: Any, actor: Any
) -> None:
    examine(visit["preconception"])
    examine(visit["premarital"])
    for episode in visit.values():
        decide(episode, actor)
    found = {name: claims.claim(episode, DAY) for name, episode in visit.items()}
    assert {n: (c.amount, c.refusal) for n, c in found.items()} == {
        "premarital": (16_000, {}),
        "preconception": (24_000, {}),
    }
    assert found["premarital"].unit != found["preconception"].unit


@pytest.mark.django_db
@pytest.mark.requirement("B06")
@pytest.mark.parametrize("name", ["premarital", "preconception"])
def test_the_contact_card_names_where_to_go_and_no_results(
    visit: dict[str, Episode], examine: Any, actor: Any, name: str
) -> None:
    examine(visit["preconception"], **ILL)
    examine(visit["premarital"], **ILL)
    decide(visit[name], actor)
    html = page(visit[name], "green_card", actor)
    assert "转诊绿色通道联系卡" in html
    assert "皮肤" in html
    assert "梅毒" not in html


# --- figures -------------------------------------------------------------------


@pytest.mark.requirement("F01")
def test_the_check_rate_counts_couples_that_register_a_marriage(programme: Programme) -> None:
    rate = programme.indicators["premarital_rate"]
    assert rate.spec.on == "couple.marriage_applied_on"
    facts = dict.fromkeys(rate.numerator.facts if rate.numerator else (), True)
    assert rate.numerator is not None
    assert rate.numerator.evaluate(facts) is True
    assert rate.numerator.evaluate(facts | {"husband.examined": False}) is False
