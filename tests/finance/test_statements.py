"""Statements: a half year, two people, one payment."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from io import BytesIO
from typing import Any

import pytest
from django.utils import timezone
from openpyxl import load_workbook

from sanyou.care.models import Encounter, Episode
from sanyou.finance import statements, workbook
from sanyou.finance.errors import FinanceError
from sanyou.finance.models import Claim, Statement
from sanyou.registry.access import Actor, Forbidden, NotFoundForYou
from sanyou.trust.models import AuditEvent
from tests.conftest import TODAY

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("E02")]
START, END = date(2021, 1, 1), date(2021, 6, 30)


@pytest.fixture
def policy(library: Any) -> Any:
    return library.policies["jiulongpo-2020"]


@pytest.fixture
def clerk(actor: Callable[..., Any]) -> Actor:
    found: Actor = actor("finance", username="clerk")
    return found


@pytest.fixture
def chief(actor: Callable[..., Any]) -> Actor:
    found: Actor = actor("finance", username="chief")
    return found


@pytest.fixture
def two(episode_at: Callable[..., Episode]) -> list[Episode]:
    """One complete couple, and one without a TSH."""
    complete, lacking = episode_at("examined", 1), episode_at("examined", 2)
    record = lacking.encounters.get(form="laboratory", role="wife", status="signed")
    Encounter.objects.filter(pk=record.pk).update(data={**record.data, "tsh": None})
    return [complete, lacking]


@pytest.fixture
def draft(two: list[Episode], district: Any, policy: Any, clerk: Actor) -> Statement:
    return statements.prepare(district.centre, policy, START, END, clerk)


@pytest.mark.parametrize(
    ("day", "period", "label"),
    [
        (date(2021, 3, 1), (START, END), "2021年上半年"),
        (date(2021, 6, 30), (START, END), "2021年上半年"),
        (date(2020, 12, 31), (date(2020, 7, 1), date(2020, 12, 31)), "2020年下半年"),
    ],
)
def test_periods_are_half_years(
    day: date, period: tuple[date, date], label: str, policy: Any
) -> None:
    assert statements.period_of(policy, day) == period
    assert statements.period_label(*period) == label


@pytest.mark.requirement("E01")
@pytest.mark.parametrize(
    ("length", "first", "last", "label"),
    [
        ("month", date(2021, 2, 1), date(2021, 2, 28), "2021年2月"),
        ("quarter", date(2021, 1, 1), date(2021, 3, 31), "2021年第一季度"),
        ("half_year", START, END, "2021年上半年"),
        ("year", date(2021, 1, 1), date(2021, 12, 31), "2021年全年"),
    ],
)
def test_the_document_says_how_long_a_period_is(
    length: str, first: date, last: date, label: str, policy: Any
) -> None:
    settlement = policy.settlement.model_copy(update={"period": length})
    other = replace(policy, spec=policy.spec.model_copy(update={"settlement": settlement}))
    assert statements.period_of(other, date(2021, 2, 10)) == (first, last)
    assert statements.period_label(first, last) == label


def test_a_statement_lists_what_is_ready_and_leaves_out_the_rest(draft: Statement) -> None:
    assert (draft.total, draft.shares) == (46000, {"district_finance": 46000})
    assert draft.claims.get().status == Claim.Status.STATED
    refused = workbook.refused(draft).get()
    assert refused.refusal["code"] == "items_missing"


def test_preparing_again_gives_the_same(
    draft: Statement, district: Any, policy: Any, clerk: Actor
) -> None:
    again = statements.prepare(district.centre, policy, START, END, clerk)
    assert (again.pk, again.number, again.total) == (draft.pk, draft.number, draft.total)
    assert Claim.objects.count() == 2


def test_what_became_complete_meanwhile_is_taken_in(
    draft: Statement, two: list[Episode], district: Any, policy: Any, clerk: Actor
) -> None:
    record = two[1].encounters.get(form="laboratory", role="wife", status="signed")
    Encounter.objects.filter(pk=record.pk).update(data={**record.data, "tsh": 2.1})
    assert statements.prepare(district.centre, policy, START, END, clerk).total == 92000


def test_what_was_missed_is_stated_in_the_next_period(
    draft: Statement, two: list[Episode], district: Any, policy: Any, clerk: Actor, chief: Actor
) -> None:
    statements.approve(statements.submit(draft, clerk), chief)
    record = two[1].encounters.get(form="laboratory", role="wife", status="signed")
    Encounter.objects.filter(pk=record.pk).update(data={**record.data, "tsh": 2.1})
    later = statements.prepare(district.centre, policy, date(2021, 7, 1), date(2021, 12, 31), clerk)
    assert [c.episode for c in later.claims.all()] == [two[1]]
    draft.refresh_from_db()
    assert draft.total == 46000


def test_what_happened_after_the_period_is_not_in_it(
    two: list[Episode], district: Any, policy: Any, clerk: Actor
) -> None:
    past = statements.prepare(district.centre, policy, date(2020, 7, 1), date(2020, 12, 31), clerk)
    assert (past.total, past.claims.count()) == (0, 0)


def test_the_way_of_a_statement(draft: Statement, clerk: Actor, chief: Actor) -> None:
    statements.submit(draft, clerk)
    returned = statements.return_(draft, chief, "请补附件")
    assert returned.status == "returned"
    statements.submit(draft, clerk)
    assert statements.approve(draft, chief).checked_by == chief.staff
    paid = statements.mark_paid(draft, clerk, "拨字2021-07")
    assert paid.status == "paid"
    assert paid.claims.get().status == Claim.Status.PAID
    assert [h["act"] for h in paid.history] == [
        "prepare", "submit", "return", "submit", "approve", "pay",
    ]  # fmt: skip


def test_nobody_approves_her_own_statement(draft: Statement, clerk: Actor) -> None:
    statements.submit(draft, clerk)
    for act in (lambda: statements.approve(draft, clerk),
                lambda: statements.return_(draft, clerk, "x")):  # fmt: skip
        with pytest.raises(FinanceError) as refused:
            act()
        assert refused.value.code == "four_eyes"


def test_whoever_submitted_it_for_another_does_not_approve_it_either(
    draft: Statement, chief: Actor
) -> None:
    statements.submit(draft, chief)
    with pytest.raises(FinanceError, match="另一人"):
        statements.approve(draft, chief)


@pytest.mark.parametrize("act", ["approve", "return", "pay"])
def test_steps_are_not_skipped(draft: Statement, chief: Actor, act: str) -> None:
    with pytest.raises(FinanceError) as refused:
        {
            "approve": lambda: statements.approve(draft, chief),
            "return": lambda: statements.return_(draft, chief, "x"),
            "pay": lambda: statements.mark_paid(draft, chief, "x"),
        }[act]()
    assert refused.value.code == "wrong_state"


def test_a_submitted_statement_stays_as_it_is(
    draft: Statement, two: list[Episode], district: Any, policy: Any, clerk: Actor
) -> None:
    statements.submit(draft, clerk)
    two[0].consents.all().delete()
    again = statements.prepare(district.centre, policy, START, END, clerk)
    assert (again.status, again.total) == ("submitted", 46000)


def test_an_amended_record_stops_the_approval(
    draft: Statement, two: list[Episode], clerk: Actor, chief: Actor
) -> None:
    statements.submit(draft, clerk)
    two[0].encounters.filter(form="laboratory", role="wife").update(status="amended")
    with pytest.raises(FinanceError, match="更正"):
        statements.approve(draft, chief)


def test_a_sum_that_was_tampered_with_stops_the_approval(
    draft: Statement, clerk: Actor, chief: Actor
) -> None:
    statements.submit(draft, clerk)
    Statement.objects.filter(pk=draft.pk).update(total=99999)
    with pytest.raises(FinanceError, match="不一致"):
        statements.approve(draft, chief)


def test_an_empty_statement_is_not_submitted(district: Any, policy: Any, clerk: Actor) -> None:
    empty = statements.prepare(district.centre, policy, START, END, clerk)
    with pytest.raises(FinanceError, match="没有可结算"):
        statements.submit(empty, clerk)


def test_returning_and_paying_need_words(draft: Statement, clerk: Actor, chief: Actor) -> None:
    statements.submit(draft, clerk)
    with pytest.raises(FinanceError, match="理由"):
        statements.return_(draft, chief, " ")
    statements.approve(draft, chief)
    with pytest.raises(FinanceError, match="凭证号"):
        statements.mark_paid(draft, chief, "")


@pytest.mark.requirement("H01")
def test_money_is_for_finance_and_within_its_district(
    draft: Statement, actor: Callable[..., Any], district: Any, policy: Any, clerk: Actor
) -> None:
    with pytest.raises(Forbidden):
        statements.submit(draft, actor("assessing_doctor"))
    with pytest.raises(NotFoundForYou):
        statements.submit(draft, actor("finance", "500106"))
    with pytest.raises(NotFoundForYou):
        statements.prepare(district.centre, policy, START, END, actor("finance", "500106"))


def test_every_step_is_audited(draft: Statement, clerk: Actor) -> None:
    statements.submit(draft, clerk)
    acts = AuditEvent.objects.filter(kind="statement", subject=str(draft.key))
    assert list(acts.values_list("action", flat=True)) == ["prepare", "submit"]


def cells(sheet: Any) -> list[Any]:
    return [c for row in sheet.iter_rows(values_only=True) for c in row if c is not None]


def test_the_workbook_has_sums_lines_refusals_and_the_account(
    draft: Statement, two: list[Episode], clerk: Actor, chief: Actor
) -> None:
    statements.approve(statements.submit(draft, clerk), chief)
    statements.mark_paid(draft, clerk, "拨字2021-07")
    draft.refresh_from_db()
    book = load_workbook(BytesIO(workbook.write(draft, clerk, "报财政局")))
    assert book.sheetnames == ["结算表", "明细", "不予结算", "专账", "日记账", "试算平衡"]
    assert {460, "肆佰陆拾元整"} <= set(cells(book["结算表"]))
    assert two[0].number in cells(book["明细"])
    assert two[1].number in cells(book["不予结算"])
    assert {"区财政", -460} <= set(cells(book["专账"]))
    assert "拨字2021-07" in cells(book["日记账"])
    assert cells(book["试算平衡"])[-2] == 0
    assert book["结算表"].merged_cells.ranges


@pytest.mark.requirement("H01")
def test_an_export_needs_a_reason_is_marked_and_names_nobody(
    draft: Statement, two: list[Episode], clerk: Actor
) -> None:
    with pytest.raises(FinanceError, match="用途"):
        workbook.write(draft, clerk, " ")
    book = load_workbook(BytesIO(workbook.write(draft, clerk, "报财政局")))
    couple = two[0].couple
    assert couple is not None
    for sheet in book:
        text = " ".join(map(str, cells(sheet)))
        assert "报财政局" in text
        assert clerk.username in text
        assert couple.wife.name not in text
        assert couple.wife.id_number not in text
    event = AuditEvent.objects.latest("seq")
    assert (event.action, event.detail) == ("export", {"reason": "报财政局"})


def test_what_is_on_a_statement_is_a_fact(draft: Statement, two: list[Episode]) -> None:
    from sanyou.care.facts import facts_table

    rows = facts_table(two, timezone.localdate())
    assert [row["couple.claimed"] for row in rows] == [True, False]
    assert facts_table(two, TODAY)[0]["couple.claimed"] is False  # not yet, on that day
