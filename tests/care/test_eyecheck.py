"""A programme made only of YAML (a made-up school eye check) gets its queue, forms, rules, tasks and
figures from the same services, with no Python of its own."""

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from sanyou.care import assessments, content, encounters, episodes, tasks
from sanyou.care.errors import FormInvalid
from sanyou.care.models import Episode
from sanyou.figures import report
from sanyou.finance import claims
from sanyou.protocol.library import Library
from sanyou.registry.access import Actor
from sanyou.registry.models import Region
from sanyou.registry.people import PersonData, register_person

pytestmark = pytest.mark.django_db

EYECHECK = Path(__file__).parents[1] / "fixtures" / "eyecheck"
HUAYAN = "500107102"
DAY = date(2021, 9, 10)


@pytest.fixture(scope="module")
def eyecheck() -> Library:
    return Library.load(None, EYECHECK)


@pytest.fixture(autouse=True)
def in_use(eyecheck: Library) -> Iterator[None]:
    content.set_library(eyecheck)
    yield
    content.set_library(None)


@pytest.fixture
def pupil(district: Any, make_id: Callable[..., str]) -> Callable[[int], Any]:
    town = Region.objects.get(pk=HUAYAN)

    def make(number: int) -> Any:
        return register_person(
            PersonData(
                name=f"学生{'甲乙丙丁'[number]}",
                id_number=make_id("500107", date(2012, 5, 1), number),
                residence_region=town,
                residence_text=town.full_name,
            ),
            Actor.system("tests"),
        )

    return make


@pytest.fixture
def enrol(pupil: Any, actor: Any) -> Callable[..., Episode]:
    def make(number: int = 0, **answers: Any) -> Episode:
        return episodes.nominate(
            actor("registration"),
            "eyecheck",
            pupil(number),
            {"child": {"eye_grade": 3, "eye_glasses": False} | answers},
            on=DAY,
            region=Region.objects.get(pk=HUAYAN),
        )

    return make


def look(episode: Episode, actor: Any, right: str, left: str = "5.0") -> Any:
    """The eye check of the day, signed."""
    answers = {"eye_checked_on": DAY.isoformat(), "eye_right": right, "eye_left": left}
    return encounters.record(episode, "eye_vision", "child", answers, DAY, actor("physician"))


def names(actor: Actor) -> list[tuple[str, str]]:
    return [(t.name, t.role) for t in tasks.queue(actor)]


def test_each_duty_finds_its_step_in_its_queue(enrol: Any, actor: Any) -> None:
    episode = enrol()
    assert names(actor("physician")) == [("vision", "child")]
    assert names(actor("assessing_doctor")) == []
    look(episode, actor, "5.0")
    assert names(actor("physician")) == []
    assert [name for name, _role in names(actor("assessing_doctor"))] == ["assess"]


def test_its_forms_judge_what_is_typed(enrol: Any, actor: Any) -> None:
    episode, doctor = enrol(), actor("physician")
    draft = encounters.open_draft(episode, "eye_vision", "child", doctor)
    saved = encounters.autosave(
        draft.key,
        {"eye_right": {"base": None, "value": "４．７"}, "eye_left": {"base": None, "value": "9"}},
        doctor,
    )
    assert saved.flags == {"eye_right": "low"}
    assert "eye_left" in saved.errors
    with pytest.raises(FormInvalid) as refused:
        encounters.sign(draft.key, doctor, saved.version)
    assert {"eye_left", "eye_checked_on"} <= refused.value.errors.keys()


def test_its_rules_find_open_a_recheck_and_follow_up(enrol: Any, actor: Any) -> None:
    episode = enrol()
    look(episode, actor, "4.7")
    proposal = assessments.propose(episode, DAY)
    assert [f["rule"] for f in proposal.result["findings"]] == ["eye_low"]
    assert (proposal.cls, proposal.level) == ("refer", "attention")
    assessments.confirm(proposal, actor("assessing_doctor"))
    recheck = episode.tasks.get(kind="recheck")
    assert (recheck.opens, recheck.due) == (date(2021, 12, 10), date(2022, 1, 10))
    follow = episode.tasks.get(kind="schedule")
    assert (follow.name, follow.opens, follow.due) == (
        "eye_referral_followup",
        date(2021, 9, 24),
        date(2021, 10, 22),
    )


def test_the_answer_of_the_clinic_closes_the_follow_up(enrol: Any, actor: Any) -> None:
    episode = enrol()
    look(episode, actor, "4.7")
    worker = actor("followup_worker")
    encounters.record(
        episode, "eye_followup", "child", {"eye_refraction": "myopia"}, date(2021, 10, 1), worker
    )
    assert episode.tasks.get(kind="schedule").status == "done"


def test_good_eyes_need_no_follow_up(enrol: Any, actor: Any) -> None:
    episode = enrol()
    look(episode, actor, "5.0")
    assessments.confirm(assessments.propose(episode, DAY), actor("assessing_doctor"))
    assert not episode.tasks.exclude(kind="step").exists()
    assert not episode.tasks.filter(status="open").exists()


def test_its_figures_count_and_open_their_cases(enrol: Any, actor: Any, eyecheck: Library) -> None:
    low, good = enrol(0), enrol(1)
    enrol(2)
    look(low, actor, "4.7")
    look(good, actor, "5.0")
    found = report.compute(
        eyecheck.programmes["eyecheck"], "eye_month", Region.objects.get(pk="500107"), DAY
    )
    assert found.values["eye_checked"] == 2
    assert found.values["eye_low_rate"] == {"numerator": 1, "denominator": 2, "rate": "50.0"}
    assert found.cases["eye_low_rate"] == [str(low.key)]


def test_its_policy_decides_and_prices(enrol: Any, actor: Any) -> None:
    episode = enrol()
    look(episode, actor, "5.0")
    decision = episodes.judge(episode, DAY, Actor.system("tests"))
    assert (decision.answer, decision.grant) == ("yes", "free")
    claim = claims.claim(episode, DAY)
    assert (claim.status, claim.amount) == ("ready", 1250)


def test_no_word_of_a_programme_stands_in_the_engine(library: Any) -> None:
    """The names of the programmes, their forms and rules are nowhere in the engine's code."""
    source = Path(content.__file__).parent
    code = "\n".join(p.read_text("utf-8") for p in source.glob("*.py"))
    for programme in library.programmes.values():
        for name in (programme.id, *programme.forms, *(r.id for r in programme.rules)):
            assert f'"{name}"' not in code, name
