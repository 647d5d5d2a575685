"""An application for a subsidy from the village to the account, and back again."""

from datetime import date, timedelta
from typing import Any

import pytest

from sanyou.benefits import applications, decisions, notices
from sanyou.benefits.models import Decision, NoticeEntry
from sanyou.care import documents, encounters, episodes
from sanyou.care.errors import CareError
from sanyou.care.models import Episode, Task
from sanyou.finance.models import Claim
from tests.benefits.conftest import DAY, child_answers

pytestmark = pytest.mark.django_db

AFTER = DAY + timedelta(days=8)


def open_steps(episode: Episode) -> set[str]:
    rows = episode.tasks.filter(kind=Task.Kind.STEP, status=Task.Status.OPEN)
    return set(rows.values_list("name", flat=True))


def test_each_step_opens_the_next(application: Any) -> None:
    steps = ["papers", "review", "check", "confirm", "publish", "publish", "approve", "notice"]
    stages = [
        "applied", "papers", "reviewed", "checked", "confirmed", "published", "ended", "approved",
    ]  # fmt: skip
    for number, (stage, step) in enumerate(zip(stages, steps, strict=True), 1):
        assert open_steps(application(stage, number)) == {step}, stage


@pytest.mark.requirement("E03")
@pytest.mark.parametrize(
    ("cost", "paid", "fen"),
    [("5000.01", "0", 0), ("5000.02", "0", 1), ("50000", "11666.66", 1_000_000)],
)
def test_the_part_above_the_threshold_is_worth_its_share(
    application: Any, cost: str, paid: str, fen: int
) -> None:
    episode = application("confirmed", cost_total=cost, medical_insurance_paid=paid)
    assert applications.worth(episode, DAY).fen == fen


@pytest.mark.requirement("E03")
def test_exactly_the_threshold_is_refused_with_the_clause(application: Any) -> None:
    episode = application("confirmed", cost_total="5000", medical_insurance_paid="0")
    assert episode.status == Episode.Status.INELIGIBLE
    refusal = applications.refusal_of(episode)
    assert refusal is not None
    assert refusal.clause == "二"
    assert "5000" in refusal.reason


@pytest.mark.requirement("E03")
def test_what_rounds_to_nothing_is_refused_when_it_is_confirmed(application: Any, at: Any) -> None:
    """Neither announced nor sent on to be approved."""
    episode = application("confirmed", cost_total="5000.01", medical_insurance_paid="0")
    assert episode.status == Episode.Status.INELIGIBLE
    refusal = applications.refusal_of(episode)
    assert refusal is not None
    assert refusal.clause == "二"
    assert "0.00 元，没有可以补助的金额" in refusal.reason
    assert notices.ready(at("registration"), DAY) == []
    made = documents.issue(episode, "congenital_aid_notice", at("registration"), DAY)
    assert "没有可以补助的金额" in documents.render(made)


@pytest.mark.requirement("E03")
def test_what_came_to_nothing_after_it_was_confirmed_is_refused_by_the_approver(
    application: Any, at: Any
) -> None:
    episode = application("confirmed")
    [row] = episode.encounters.filter(form="congenital_aid_application", status="signed")
    less = {"cost_total": "5000.01", "medical_insurance_paid": "0"}
    encounters.amend(row.key, less, "票据重复", at("registration"))
    with pytest.raises(CareError, match="没有可补助的金额"):
        notices.make(at("registration"), "congenital_aid", "aid-2018", [episode], DAY, on=DAY)
    [line] = notices.ready(at("registration"), DAY)
    assert line.problem
    decisions.refuse(episode, at("manager"), "补助金额不足一分", DAY)
    episode.refresh_from_db()
    assert episode.status == Episode.Status.INELIGIBLE


@pytest.mark.requirement("E03")
@pytest.mark.parametrize(
    ("born", "status"), [(date(2016, 3, 2), "open"), (date(2016, 3, 1), "ineligible")]
)
def test_the_fifth_birthday_decides(application: Any, born: date, status: str) -> None:
    assert application("confirmed", born=born).status == status


@pytest.mark.requirement("E03")
def test_an_approved_application_has_a_claim_and_a_notice_of_decision(
    application: Any, at: Any
) -> None:
    episode = application("approved")
    claim = Claim.objects.get(episode=episode)
    assert (claim.status, claim.amount) == (Claim.Status.READY, 1_000_000)
    assert claim.unit.startswith("child:")
    made = documents.issue(episode, "congenital_aid_notice", at("registration"), AFTER)
    html = documents.render(made)
    assert "批准告知书" in html
    assert "10000.00" in html
    assert "壹万元整" in html
    assert "尾号 2333" in html
    assert "6222000011112222333" not in html
    assert open_steps(episode) == set()


def test_a_notice_of_decision_waits_for_the_decision(application: Any, at: Any) -> None:
    with pytest.raises(CareError, match="审批决定"):
        documents.issue(application("ended"), "congenital_aid_notice", at("registration"), AFTER)


@pytest.mark.requirement("E03")
def test_a_child_is_helped_once_wherever_it_applies(application: Any, child: Any, at: Any) -> None:
    """The second application is refused with the clause that says so."""
    person = child(1)
    first = application("approved", person=person)
    episodes.close(first, at("registration"), "办结")
    second = application("confirmed", person=person)
    assert second.status == Episode.Status.INELIGIBLE
    refusal = applications.refusal_of(second)
    assert refusal is not None
    assert refusal.clause == "二"
    assert "已补助过一次" in refusal.reason
    assert Claim.objects.exclude(status=Claim.Status.REFUSED).count() == 1


def test_eligibility_waits_for_the_originals(application: Any, at: Any) -> None:
    episode = application("reviewed")
    with pytest.raises(CareError, match="核对原件"):
        episodes.confirm(episode, at("registration"), DAY)


def test_a_refusal_is_not_confirmed_away(application: Any, at: Any) -> None:
    episode = application("confirmed", born=date(2010, 1, 1))
    with pytest.raises(CareError, match="申诉"):
        episodes.confirm(episode, at("registration"), DAY)


# --- public notice -------------------------------------------------------------------------------


def test_a_notice_names_nobody_in_full_and_stands_seven_days(application: Any, at: Any) -> None:
    episode = application("published")
    entry = NoticeEntry.objects.get(episode=episode)
    assert entry.name == "欧**"
    assert (entry.notice.ends_on - entry.notice.starts_on).days == 6
    assert entry.amount == 1_000_000


def test_a_second_click_gives_the_same_notice(application: Any, at: Any) -> None:
    episode = application("published")
    again = notices.make(at("registration"), "congenital_aid", "aid-2018", [episode], DAY, on=DAY)
    assert again == NoticeEntry.objects.get().notice


def test_what_was_announced_stays_as_it_was(application: Any, at: Any) -> None:
    episode = application("published")
    [row] = episode.encounters.filter(form="congenital_aid_application", status="signed")
    encounters.amend(row.key, {"cost_total": "20000"}, "票据重复", at("registration"))
    entry = NoticeEntry.objects.get()
    assert entry.amount == 1_000_000
    notices.close(entry.notice, at("registration"), AFTER)
    with pytest.raises(CareError, match="公示的金额与现在的计算不一致"):
        decisions.approve(episode, at("manager"), AFTER)


def test_a_notice_cannot_be_ended_early(application: Any, at: Any) -> None:
    application("published")
    with pytest.raises(CareError, match="期满后"):
        notices.close(NoticeEntry.objects.get().notice, at("registration"), DAY + timedelta(days=6))


def test_nothing_is_approved_while_the_notice_stands(application: Any, at: Any) -> None:
    with pytest.raises(CareError, match="公示还没有结束"):
        decisions.approve(application("published"), at("manager"), DAY)


@pytest.mark.requirement("E03")
def test_an_objection_that_is_upheld_sends_the_application_back(application: Any, at: Any) -> None:
    episode = application("published")
    entry = NoticeEntry.objects.get()
    objection = notices.object_to(entry, at("registration"), "户籍已迁出", "匿名", DAY)
    assert notices.object_to(entry, at("registration"), "户籍已迁出", "匿名", DAY) == objection
    with pytest.raises(CareError, match="1 条异议没有答复"):
        notices.close(entry.notice, at("registration"), AFTER)
    notices.answer(objection, at("manager"), True, "经查户籍已迁出", AFTER)
    episode.refresh_from_db()
    assert episode.status == Episode.Status.RETURNED
    assert "户籍已迁出" in episode.status_reason
    assert not NoticeEntry.objects.get().standing
    notices.close(entry.notice, at("registration"), AFTER)
    with pytest.raises(CareError):
        decisions.approve(episode, at("manager", "b"), AFTER)


def test_an_objection_that_is_not_upheld_lets_it_pass(application: Any, at: Any) -> None:
    episode = application("published")
    entry = NoticeEntry.objects.get()
    objection = notices.object_to(entry, at("registration"), "金额太高", "李某", DAY)
    notices.answer(objection, at("manager"), False, "票据真实", AFTER)
    notices.close(entry.notice, at("registration"), AFTER)
    assert decisions.approve(episode, at("manager"), AFTER).amount == 1_000_000


def test_an_objection_is_never_changed(application: Any, at: Any) -> None:
    application("published")
    made = notices.object_to(NoticeEntry.objects.get(), at("registration"), "不实", "", DAY)
    with pytest.raises(TypeError):
        made.save()
    with pytest.raises(TypeError):
        made.delete()


# --- four eyes -----------------------------------------------------------------------------------


def test_whoever_checked_does_not_approve(application: Any, at: Any) -> None:
    """Even when she is given the manager's duty, too."""
    from sanyou.registry.access import Actor
    from sanyou.registry.models import DutyAssignment, Region

    episode = application("ended")
    clerk = at("registration").staff
    held = DutyAssignment.objects.create(
        staff=clerk, duty="manager", region=Region.objects.get(pk="500111"), valid_from=DAY
    )
    with pytest.raises(CareError, match="由另一人办理"):
        decisions.approve(episode, Actor.of(clerk, held), AFTER)


def test_a_second_click_approves_once(application: Any, at: Any) -> None:
    episode = application("approved")
    decisions.approve(episode, at("manager", "b"), AFTER)
    assert episode.benefit_decisions.count() == 1


# --- appeals -------------------------------------------------------------------------------------


@pytest.mark.requirement("E03")
def test_an_appeal_that_is_upheld_is_judged_again(application: Any, at: Any) -> None:
    episode = application("ended")
    decisions.refuse(episode, at("manager"), "票据不清", AFTER)
    later = AFTER + timedelta(days=30)
    made = decisions.appeal(episode, at("village_worker"), "票据已补盖章", later, later)
    assert decisions.appeal(episode, at("village_worker"), "票据已补盖章", later, later) == made
    with pytest.raises(CareError, match="由另一人办理"):
        decisions.decide_appeal(made, at("manager"), True, "属实", later)
    decisions.decide_appeal(made, at("manager", "b"), True, "补盖章属实", later)
    episode.refresh_from_db()
    assert episode.status == Episode.Status.OPEN
    assert "补盖章属实" in episode.status_reason
    assert open_steps(episode) == {"confirm"}
    episodes.confirm(episode, at("registration"), later)
    notice = notices.make(
        at("registration"), "congenital_aid", "aid-2018", [episode], later, on=later
    )
    notices.close(notice, at("registration"), later + timedelta(days=7))
    decisions.approve(episode, at("manager"), later + timedelta(days=7))
    kinds = list(episode.benefit_decisions.values_list("kind", flat=True))
    assert kinds == ["refused", "reopened", "approved"]
    assert Claim.objects.get(episode=episode).status == Claim.Status.READY


def test_an_appeal_that_is_rejected_is_final(application: Any, at: Any) -> None:
    episode = application("confirmed", born=date(2010, 1, 1))
    made = decisions.appeal(episode, at("village_worker"), "请照顾", DAY, DAY)
    assert made.against == "refusal"
    decisions.decide_appeal(made, at("manager"), False, "已满五周岁", DAY)
    with pytest.raises(CareError, match="最终"):
        decisions.appeal(episode, at("village_worker"), "再请照顾", DAY, DAY)


def test_an_appeal_is_in_time_until_the_last_day(application: Any, at: Any) -> None:
    episode = application("confirmed", born=date(2010, 1, 1))
    late = DAY + timedelta(days=61)
    with pytest.raises(CareError, match="申诉期到 2021-04-30"):
        decisions.appeal(episode, at("village_worker"), "请照顾", late, late)
    last = DAY + timedelta(days=60)
    assert decisions.appeal(episode, at("village_worker"), "请照顾", last, late).deadline == last


def test_an_appeal_about_the_amount_takes_the_claim_back_until_it_is_decided(
    application: Any, at: Any
) -> None:
    episode = application("approved")
    made = decisions.appeal(episode, at("village_worker"), "还有一张票据", AFTER, AFTER)
    assert made.against == "amount"
    decisions.decide_appeal(made, at("manager", "b"), True, "确有遗漏票据", AFTER)
    assert Claim.objects.get(episode=episode).refusal["code"] == "not_approved"


def test_nothing_decided_nothing_to_appeal(application: Any, at: Any) -> None:
    with pytest.raises(CareError, match="还没有可以申诉的决定"):
        decisions.appeal(application("published"), at("village_worker"), "快点", DAY, DAY)


def test_the_course_is_known_as_of_each_day(application: Any) -> None:
    from sanyou.care.facts import facts_of

    episode = application("approved")
    before, after = facts_of(episode, DAY), facts_of(episode, AFTER)
    assert before["child.applied_on"] == DAY
    assert (before["child.approved_on"], after["child.approved_on"]) == (None, AFTER)
    assert Decision.objects.get().on == AFTER


def test_the_answers_of_an_application_are_complete(subsidies: Any) -> None:
    from sanyou.protocol.form import validate

    form = subsidies.programmes["congenital_aid"].forms["congenital_aid_application"]
    assert validate(subsidies, form, "child", child_answers()).ok


def test_the_months_report_counts_applications_and_approvals(
    application: Any, aid: str, subsidies: Any
) -> None:
    from sanyou.figures import report
    from sanyou.registry.models import Region

    application("approved", 1)
    application("confirmed", 3, born=date(2010, 1, 1))
    region = Region.objects.get(pk=aid)
    programme = subsidies.programmes["congenital_aid"]
    found = report.compute(programme, "congenital_aid_month", region, DAY)
    got = found.values
    assert got["congenital_aid_applied"] == 2
    assert got["congenital_aid_approved"] == 1
    assert got["congenital_aid_refused"] == 1


def test_a_confirmed_application_is_taken_back_with_its_line_on_the_notice(
    application: Any, at: Any
) -> None:
    episode = application("published")
    with pytest.raises(CareError, match="补助办理页退回"):
        episodes.send_back(episode, at("registration"), "票据重复")
    notices.take_back(episode, at("registration"), "票据重复，请剔除", DAY)
    episode.refresh_from_db()
    assert (episode.status, episode.status_reason) == (
        Episode.Status.RETURNED,
        "票据重复，请剔除",
    )
    assert not NoticeEntry.objects.get().standing
    episodes.resubmit(episode, at("village_worker"))
    assert open_steps(episode) == {"review"}


def test_what_is_decided_is_not_taken_back(application: Any, at: Any) -> None:
    with pytest.raises(CareError, match="已有决定"):
        notices.take_back(application("approved"), at("manager"), "改主意", AFTER)
