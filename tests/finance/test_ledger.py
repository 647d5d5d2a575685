"""The special account: double entry, only ever added to, nothing paid twice."""

import threading
import uuid
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from sanyou.care.models import Episode
from sanyou.finance import ledger, statements
from sanyou.finance.errors import FinanceError
from sanyou.finance.ledger import Book
from sanyou.finance.models import Claim, Posting, Statement
from sanyou.registry.access import Actor, Forbidden, NotFoundForYou
from sanyou.registry.models import Region
from tests.finance.conftest import FIRST

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("E02")]
ON = date(2021, 3, 1)


@pytest.fixture
def book(district: Any, policy: Any) -> Book:
    return Book(district.county, policy.id)


@pytest.fixture
def paid(episode_at: Any, settle: Callable[..., Statement]) -> Statement:
    episode_at("examined", 1)
    return settle(FIRST)


def put(book: Book, clerk: Actor, amount: int = 100_000, voucher: str = "收-1") -> Posting:
    return ledger.receive(book, clerk, "district_finance", amount, ON, voucher)


def test_money_in_is_the_payers_until_it_is_used(book: Book, clerk: Actor) -> None:
    put(book, clerk)
    ledger.spend(book, clerk, "district_finance", 30_000, ON, "支-1", "宣传折页印制")
    (fund,) = ledger.funds(book.rows, book.policy)
    assert (fund.received, fund.spent, fund.borne, fund.left) == (100_000, 30_000, 0, 70_000)
    assert {b.account: b.balance for b in ledger.balances(book.rows)} == {
        "bank": 70_000,
        "fund:district_finance": -70_000,
    }
    assert ledger.trial_balance(book.rows) == 0


def test_a_statement_is_posted_line_by_line(paid: Statement) -> None:
    rows = Posting.objects.filter(statement=paid).order_by("pk")
    claim = paid.claims.get()
    assert [(r.kind, r.debit, r.credit, r.amount, r.claim) for r in rows] == [
        ("approved", "expense", "payable:500107-zx", 46_000, claim),
        ("shared", "fund:district_finance", "expense", 46_000, None),
        ("paid", "payable:500107-zx", "bank", 46_000, claim),
    ]


def test_what_is_posted_is_reversed_never_changed(book: Book, clerk: Actor) -> None:
    first = put(book, clerk)
    back = ledger.reverse(first, clerk, ON, "金额录错")
    assert (back.debit, back.credit, back.amount) == (first.credit, first.debit, first.amount)
    (fund,) = ledger.funds(book.rows, book.policy)
    assert (fund.received, fund.left) == (0, 0)
    with pytest.raises(FinanceError, match="已经冲正过"):
        ledger.reverse(first, clerk, ON, "再冲一次")
    with pytest.raises(FinanceError, match="不能在这里冲正"):
        ledger.reverse(back, clerk, ON, "冲正的冲正")


def test_the_lines_of_a_statement_are_not_reversed_by_hand(paid: Statement, clerk: Actor) -> None:
    for row in paid.postings.all():
        with pytest.raises(FinanceError, match="更正冲减"):
            ledger.reverse(row, clerk, ON, "x")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"amount": 0}, "大于 0"),
        ({"amount": -5}, "冲正"),
        ({"payer": "nobody"}, "出资方"),
        ({"voucher": " "}, "凭证号"),
        ({"on": date(2099, 1, 1)}, "今天"),
    ],
)
def test_what_cannot_be_posted_is_refused_in_words(
    given: dict[str, Any], words: str, book: Book, clerk: Actor
) -> None:
    whole = {"payer": "district_finance", "amount": 100, "on": ON, "voucher": "收-1"} | given
    with pytest.raises(FinanceError, match=words):
        ledger.receive(book, clerk, **whole)


def test_spending_needs_its_purpose(book: Book, clerk: Actor) -> None:
    with pytest.raises(FinanceError, match="用途"):
        ledger.spend(book, clerk, "district_finance", 100, ON, "支-1", " ")


def test_a_second_click_posts_once(book: Book, clerk: Actor) -> None:
    key = uuid.uuid4()
    given = ("district_finance", 100_000, ON, "收-1", "", key)
    assert ledger.receive(book, clerk, *given) == ledger.receive(book, clerk, *given)
    assert book.rows.count() == 1


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_fifty_clicks_at_once_post_once(book: Book, clerk: Actor) -> None:
    key = uuid.uuid4()
    answers = crowd(
        lambda: ledger.spend(book, clerk, "district_finance", 5_000, ON, "支-1", "宣传", key)
    )
    assert answers == ["done"] * CROWD
    assert book.rows.count() == 1


@pytest.mark.requirement("H01")
def test_only_finance_of_the_district_posts(book: Book, actor: Callable[..., Any]) -> None:
    with pytest.raises(Forbidden):
        put(book, actor("manager"))
    with pytest.raises(NotFoundForYou):
        put(book, actor("finance", "500106"))


def test_a_posting_is_neither_changed_nor_deleted(book: Book, clerk: Actor) -> None:
    row = put(book, clerk)
    row.amount = 1
    for act in (row.save, row.delete, book.rows.delete, lambda: book.rows.update(amount=1)):
        with pytest.raises(TypeError, match="append-only"):
            act()


@pytest.mark.parametrize("sql", ["UPDATE {} SET amount = 1", "DELETE FROM {}"])
def test_the_database_refuses_to_change_a_posting(sql: str, book: Book, clerk: Actor) -> None:
    put(book, clerk)
    with (
        pytest.raises(IntegrityError, match="append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql.format("finance_posting"))
    assert book.rows.get().amount == 100_000


def again(row: Posting, **changed: Any) -> Posting:
    """The same posting once more, as somebody with the database in hand would add it."""
    twin = Posting.objects.get(pk=row.pk)
    twin.pk = None
    twin.key = uuid.uuid4()
    for name, value in changed.items():
        setattr(twin, name, value)
    return twin


@pytest.mark.parametrize("kind", ["approved", "paid", "shared"])
def test_the_database_refuses_a_second_posting_of_a_statement(kind: str, paid: Statement) -> None:
    row = paid.postings.get(kind=kind)
    with pytest.raises(IntegrityError), transaction.atomic():
        again(row).save()


@pytest.mark.parametrize(
    "changed",
    [
        {"line": 99},
        {"line": 99, "voucher": "另一张"},
        {"line": 99, "claim": None},
        {"line": None},
        {"statement": None},
        {"amount": 0, "line": 99},
        {"amount": -46_000, "line": 99},
    ],
    ids=str,
)
def test_the_database_refuses_a_second_payment_of_a_claim(
    changed: dict[str, Any], paid: Statement
) -> None:
    row = paid.postings.get(kind="paid")
    with pytest.raises(IntegrityError), transaction.atomic():
        again(row, **changed).save()
    assert Posting.objects.filter(kind="paid").count() == 1


def test_a_statement_paid_behind_the_services_back_is_not_paid_again(
    episode_at: Any, settle: Callable[..., Statement], clerk: Actor
) -> None:
    episode_at("examined", 1)
    approved = settle(FIRST, pay=False)
    statements.mark_paid(approved, clerk, "拨字1")
    Statement.objects.filter(pk=approved.pk).update(status="approved")
    with pytest.raises(FinanceError, match="已经记账"):
        statements.mark_paid(approved, clerk, "拨字2")
    approved.refresh_from_db()
    assert approved.status == "approved"
    assert Posting.objects.filter(kind="paid").count() == 1


def test_each_district_and_document_has_its_own_book(paid: Statement, clerk: Actor) -> None:
    other = Book(Region.objects.get(pk="500106"), paid.policy)
    assert not other.rows.exists()
    assert ledger.book_of(paid).rows.count() == 3


def test_the_journal_adds_up_the_lines_of_a_statement(
    episode_at: Any, settle: Callable[..., Statement], book: Book, clerk: Actor
) -> None:
    for number in (1, 2, 3):
        episode_at("examined", number)
    put(book, clerk)
    settle(FIRST)
    lines = [(e.kind, e.amount, e.count) for e in ledger.journal(book.rows)]
    assert lines == [
        ("received", 100_000, 1),
        ("approved", 138_000, 3),
        ("shared", 138_000, 1),
        ("paid", 138_000, 3),
    ]


def test_the_past_is_posted_when_the_ledger_comes(paid: Statement) -> None:
    """The migration makes of the history what the services post."""
    from importlib import import_module

    from django.apps import apps

    module = import_module("sanyou.finance.migrations.0003_postings_of_the_past")
    steps = [s for s in paid.history if s["act"] in {"approve", "pay"}]
    made = [row for step in steps for row in module._lines(Posting, paid, step, None)]
    same = ("kind", "debit", "credit", "amount", "line", "claim_id", "voucher", "policy", "on")
    posted = paid.postings.order_by("pk").values_list(*same)
    assert [tuple(getattr(row, name) for name in same) for row in made] == list(posted)
    claim = paid.claims.get()
    assert module._unit(claim) == claim.unit
    assert apps.get_model("finance", "Posting") is Posting


# --- at the same time ----------------------------------------------------------------------------

CROWD = 50


def crowd(act: Callable[[], Any]) -> list[str]:
    """The act by fifty people at once: what each was answered."""
    start, answers = threading.Barrier(CROWD), []

    def work() -> None:
        try:
            start.wait()
            act()
            answers.append("done")
        except (FinanceError, IntegrityError) as refused:
            answers.append(getattr(refused, "code", "refused by the database"))
        finally:
            connection.close()

    people = [threading.Thread(target=work) for _each in range(CROWD)]
    for one in people:
        one.start()
    for one in people:
        one.join()
    assert len(answers) == CROWD
    return sorted(answers)


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_fifty_people_approving_and_paying_at_once_pay_once(
    episode_at: Callable[..., Episode],
    draw_up: Callable[..., Statement],
    clerk: Actor,
    chief: Actor,
) -> None:
    for number in (1, 2):
        episode_at("examined", number)
    drawn = statements.submit(draw_up(FIRST), clerk)
    answers = crowd(lambda: statements.approve(Statement.objects.get(pk=drawn.pk), chief))
    assert answers == ["done"] + ["wrong_state"] * (CROWD - 1)
    answers = crowd(lambda: statements.mark_paid(Statement.objects.get(pk=drawn.pk), clerk, "拨1"))
    assert answers == ["done"] + ["wrong_state"] * (CROWD - 1)
    book = ledger.book_of(drawn)
    assert [b.balance for b in ledger.balances(book.rows) if b.account == "bank"] == [-92_000]
    assert set(Claim.objects.values_list("status", flat=True)) == {"paid"}


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_fifty_payments_of_one_claim_written_straight_into_the_database_leave_one(
    episode_at: Callable[..., Episode], settle: Callable[..., Statement], clerk: Actor
) -> None:
    episode_at("examined", 1)
    approved = settle(FIRST, pay=False)
    line = approved.postings.get(kind="approved")
    lines = iter(range(1, 10 * CROWD))

    def pay() -> None:
        again(line, kind="paid", debit=line.credit, credit="bank", line=next(lines)).save()

    answers = crowd(pay)
    assert answers == ["done"] + ["refused by the database"] * (CROWD - 1)
    assert Posting.objects.filter(kind="paid").count() == 1
    with pytest.raises(FinanceError, match="已经记账"):
        statements.mark_paid(approved, clerk, "拨1")


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_fifty_reversals_at_once_take_it_back_once(book: Book, clerk: Actor) -> None:
    row = put(book, clerk)
    today = timezone.localdate() - timedelta(days=0)
    answers = crowd(lambda: ledger.reverse(Posting.objects.get(pk=row.pk), clerk, today, "重复"))
    assert answers == ["done"] + ["reversed_before"] * (CROWD - 1)
    assert ledger.funds(book.rows, book.policy)[0].left == 0
