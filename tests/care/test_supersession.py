"""A result that changes after the assessment: assessed again, the old notice stays."""

from datetime import date
from typing import Any

import pytest

from sanyou.care import assessments, documents, encounters
from sanyou.care.errors import Conflict
from sanyou.care.models import Assessment

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("B05")]

DAY = date(2021, 3, 1)


@pytest.fixture
def episode(episode_at: Any) -> Any:
    return episode_at("noticed", facts={"wife": {"alt": 20}})


@pytest.fixture
def amend(episode: Any, actor: Any) -> Any:
    def act(**changes: Any) -> Any:
        row = episode.encounters.get(form="laboratory", role="wife", status="signed")
        return encounters.amend(row.key, changes, "录入错误", actor("laboratory"))

    return act


def statuses(episode: Any, *names: str) -> dict[str, str]:
    return dict(episode.tasks.filter(kind="step", name__in=names).values_list("name", "status"))


def test_a_changed_result_opens_assessment_and_notice_again(
    episode: Any, amend: Any, actor: Any
) -> None:
    notice = episode.documents.get(kind="notice")
    page = documents.render(notice)
    amend(alt=88)
    assert episode.assessments.get().status == "superseded"
    assert statuses(episode, "assess") == {"assess": "open"}

    doctor = actor("assessing_doctor")
    assessments.confirm(assessments.propose(episode, DAY), doctor)
    assert statuses(episode, "assess", "notice") == {"assess": "done", "notice": "open"}
    assert documents.render(notice) == page, "the old notice stays as it was"
    new = documents.issue(episode, "notice", doctor, DAY)
    assert new.pk != notice.pk
    assert statuses(episode, "assess", "notice") == {"assess": "done", "notice": "done"}
    assert episode.documents.filter(kind="notice").count() == 2


def test_a_change_without_effect_on_the_findings_supersedes_nothing(
    episode: Any, amend: Any
) -> None:
    amend(alt=21)
    assert episode.assessments.get().status == "confirmed"
    assert statuses(episode, "assess") == {"assess": "done"}


def test_follow_up_does_not_question_the_assessment(episode: Any, fill: Any, actor: Any) -> None:
    answers = fill("early_followup", "wife", pregnancy_result="not_pregnant")
    encounters.record(
        episode, "early_followup", "wife", answers, date(2021, 4, 1), actor("followup_worker")
    )
    assert episode.assessments.get().status == "confirmed"


def test_what_was_superseded_cannot_be_confirmed(episode: Any, amend: Any, actor: Any) -> None:
    old = episode.assessments.get()
    amend(alt=88)
    with pytest.raises(Conflict) as refused:
        assessments.confirm(old, actor("assessing_doctor"))
    assert "核对" in refused.value.message_zh


def test_only_one_assessment_stands(episode: Any, amend: Any) -> None:
    for value in (88, 20, 99):
        amend(alt=value)
        assessments.propose(episode, DAY)
    standing = Assessment.objects.filter(episode=episode).exclude(status="superseded")
    assert standing.count() == 1


def test_a_blank_in_a_later_record_hides_no_result(episode: Any, actor: Any) -> None:
    """A re-test writes down what was tested again; the rest stays known."""
    from sanyou.care.facts import facts_of

    encounters.record(
        episode,
        "retest",
        "wife",
        {"retest_on": "2021-04-01", "retest_result": "recovered", "tsh": "2.0"},
        date(2021, 4, 1),
        actor("followup_worker"),
    )
    facts = facts_of(episode, date(2021, 4, 2))
    assert facts["wife.alt"] == 20
    assert facts["wife.tsh"] == 2.0


def test_a_recheck_that_turns_out_well_supersedes_the_finding(episode_at: Any, actor: Any) -> None:
    episode = episode_at("noticed", facts={"wife": {"alt": 88}})
    recheck = episode.tasks.get(kind="recheck", name="recheck_alt_high")
    worker = actor("followup_worker")
    draft = encounters.open_draft(episode, recheck.form, "wife", worker, task=recheck)
    given = {"retest_on": "2021-04-01", "retest_result": "recovered", "alt": "20"}
    changes = {n: {"base": None, "value": v} for n, v in given.items()}
    saved = encounters.autosave(draft.key, changes, worker)
    encounters.sign(draft.key, worker, saved.version)
    recheck.refresh_from_db()
    assert recheck.status == "done"
    assert episode.assessments.get().status == "superseded"
    assert statuses(episode, "assess") == {"assess": "open"}
