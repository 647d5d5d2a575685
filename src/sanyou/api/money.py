"""Statements, claims and the ledger. Amounts are integer fen."""

import datetime as dt
from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import Query, Router, Schema, Status
from pydantic import Field

from sanyou.api import reach
from sanyou.api.auth import actor_of
from sanyou.api.shapes import Body, Page, ReasonIn
from sanyou.care import content
from sanyou.finance import ledger, statements
from sanyou.finance.errors import FinanceError
from sanyou.finance.ledger import Book
from sanyou.finance.models import Claim, Correction, Posting, Statement
from sanyou.registry.access import Actor, NotFoundForYou, shut_programmes, visible
from sanyou.registry.models import Organisation, Region
from sanyou.trust import audit

router = Router(tags=["money"])


class PrepareIn(Body):
    """`organisation`: its code; the caller's own district centre where it is left out."""

    policy: str
    programme: str = ""
    period_from: dt.date
    period_to: dt.date
    organisation: str = ""


class VoucherIn(Body):
    voucher: str = Field(max_length=80)


class PostingIn(Body):
    """Money received from a payer, or spent of its money, in fen."""

    region: str = Field(description="区县区划代码")
    policy: str
    payer: str
    amount: int = Field(description="分")
    on: dt.date
    voucher: str = Field(max_length=80)
    text: str = Field(default="", max_length=300)
    key: UUID | None = Field(default=None, description="分录的编号；同一编号再次提交不会重复记账")


class BookIn(Schema):
    region: str = Field(description="区县区划代码")
    policy: str


class ClaimLine(Schema):
    key: UUID
    episode: UUID
    number: str
    programme: str
    policy: str
    status: str
    amount: int
    served_on: dt.date | None
    statement: UUID | None


class ClaimOut(ClaimLine):
    unit: str
    tier: str
    working: dict[str, Any]
    refusal: dict[str, Any]
    evidence: list[UUID]
    corrections: list["CorrectionOut"]


class CorrectionOut(Schema):
    key: UUID
    claim: UUID
    statement: UUID
    amount: int
    code: str
    text: str
    clause: str
    before: list[UUID]
    after: list[UUID]


class StatementLine(Schema):
    key: UUID
    number: str
    organisation: str
    policy: str
    programme: str
    period_from: dt.date
    period_to: dt.date
    status: str
    total: int
    shares: dict[str, int]


class StatementOut(StatementLine):
    claims: list[ClaimLine]
    corrections: list[CorrectionOut]
    problems: list[str]
    history: list[dict[str, Any]]


class PostingOut(Schema):
    key: UUID
    kind: str
    debit: str
    credit: str
    amount: int
    on: dt.date
    voucher: str
    text: str
    statement: UUID | None
    claim: UUID | None
    correction: UUID | None
    reverses: UUID | None


class FundOut(Schema):
    payer: str
    label: str
    received: int
    borne: int
    spent: int
    left: int


class BalanceOut(Schema):
    account: str
    debit: int
    credit: int
    balance: int


class LedgerOut(Schema):
    """`trial_balance` is 0 as long as the book holds."""

    region: str
    policy: str
    funds: list[FundOut]
    accounts: list[BalanceOut]
    trial_balance: int
    owed: int


ClaimOut.model_rebuild()


def _claim_line(row: Claim) -> dict[str, Any]:
    return {
        "key": row.key,
        "episode": row.episode.key,
        "number": row.episode.number,
        "programme": row.programme,
        "policy": row.policy,
        "status": row.status,
        "amount": row.amount,
        "served_on": row.served_on,
        "statement": row.statement.key if row.statement else None,
    }


def _correction(row: Correction) -> dict[str, Any]:
    return {
        "key": row.key,
        "claim": row.claim.key,
        "statement": row.statement.key,
        "amount": row.amount,
        "code": row.code,
        "text": row.text,
        "clause": row.clause,
        "before": row.before,
        "after": row.after,
    }


def _statement_line(row: Statement) -> dict[str, Any]:
    return {
        "key": row.key,
        "number": row.number,
        "organisation": row.organisation.code,
        "policy": row.policy,
        "programme": row.programme,
        "period_from": row.period_from,
        "period_to": row.period_to,
        "status": row.status,
        "total": row.total,
        "shares": row.shares,
    }


def _statement(row: Statement) -> dict[str, Any]:
    lines = row.claims.select_related("episode", "statement").order_by("served_on", "pk")
    changes = row.corrections.select_related("claim", "statement").order_by("pk")
    open_ = row.status not in {Statement.Status.APPROVED, Statement.Status.PAID}
    return _statement_line(row) | {
        "claims": [_claim_line(c) for c in lines],
        "corrections": [_correction(c) for c in changes],
        "problems": statements.problems(row) if open_ else [],
        "history": row.history,
    }


def _found(request: HttpRequest, key: UUID) -> tuple[Actor, Statement]:
    actor = actor_of(request)
    rows = Statement.objects.select_related("organisation__region")
    row = reach.find(actor, rows, key)
    actor.require("see_money", row)
    return actor, row


@router.get("/statements", response=list[StatementLine])
def statement_list(request: HttpRequest, page: Query[Page], status: str = "") -> object:
    """Statements of the caller's region, the latest period first."""
    actor = actor_of(request)
    actor.require("see_money")
    rows = visible(actor, Statement.objects.select_related("organisation"))
    rows = rows.filter(status=status) if status else rows
    found = list(rows.order_by("-period_from", "-pk")[page.offset : page.offset + page.limit])
    audit.record(actor, "list", "statement", "", rows=len(found))
    return [_statement_line(row) for row in found]


@router.post("/statements", response={201: StatementOut})
def statement_prepare(request: HttpRequest, body: PrepareIn) -> object:
    """Draw up the statement of a period, or draw it up again while it is open."""
    actor = actor_of(request)
    actor.require("claim")
    policy = content.library().policies.get(body.policy)
    programme = body.programme or (policy.programme if policy is not None else "")
    shut = shut_programmes(actor)
    if policy is None or programme not in policy.programmes or programme in shut:
        raise FinanceError("no_policy", _("没有这份政策文件或项目，请核对编号。"))
    if body.period_from > body.period_to:
        raise FinanceError("no_period", _("结算期的开始日期不能晚于结束日期。"))
    rows = visible(actor, Organisation.objects.filter(active=True))
    if body.organisation:
        rows = rows.filter(code=body.organisation)
    else:
        rows = rows.filter(kind=Organisation.Kind.CENTRE)
    centre = rows.order_by("code").first()
    if centre is None:
        raise NotFoundForYou
    made = statements.prepare(centre, policy, body.period_from, body.period_to, actor, programme)
    return Status(201, _statement(made))


@router.get("/statements/{uuid:key}", response=StatementOut)
def statement_read(request: HttpRequest, key: UUID) -> object:
    """One statement with its lines, corrections, shares and history."""
    actor, row = _found(request, key)
    audit.record(actor, "read", "statement", row.key)
    return _statement(row)


@router.post("/statements/{uuid:key}/submit", response=StatementOut)
def statement_submit(request: HttpRequest, key: UUID) -> object:
    """Hand it in for approval."""
    actor, row = _found(request, key)
    return _statement(statements.submit(row, actor))


@router.post("/statements/{uuid:key}/return", response=StatementOut)
def statement_return(request: HttpRequest, key: UUID, body: ReasonIn) -> object:
    """Send it back with a reason."""
    actor, row = _found(request, key)
    return _statement(statements.return_(row, actor, body.reason))


@router.post("/statements/{uuid:key}/approve", response=StatementOut)
def statement_approve(request: HttpRequest, key: UUID) -> object:
    """Approve it and post it to the ledger; by another person than who drew it up."""
    actor, row = _found(request, key)
    return _statement(statements.approve(row, actor))


@router.post("/statements/{uuid:key}/pay", response=StatementOut)
def statement_pay(request: HttpRequest, key: UUID, body: VoucherIn) -> object:
    """Post its payment under a voucher number; once."""
    actor, row = _found(request, key)
    return _statement(statements.mark_paid(row, actor, body.voucher))


@router.get("/claims", response=list[ClaimLine])
def claim_list(request: HttpRequest, page: Query[Page], status: str = "") -> object:
    """Claims of the caller's region, the latest served first."""
    actor = actor_of(request)
    actor.require("see_money")
    rows = visible(actor, Claim.objects.select_related("episode", "statement"))
    rows = rows.filter(status=status) if status else rows
    found = list(rows.order_by("-served_on", "-pk")[page.offset : page.offset + page.limit])
    audit.record(actor, "list", "claim", "", rows=len(found))
    return [_claim_line(row) for row in found]


@router.get("/claims/{uuid:key}", response=ClaimOut)
def claim_read(request: HttpRequest, key: UUID) -> object:
    """One claim: amount and how it was worked out, or the refusal; the keys of the records that
    prove it, and its corrections."""
    actor = actor_of(request)
    row = reach.find(actor, Claim.objects.select_related("episode", "statement", "region"), key)
    actor.require("see_money", row)
    audit.record(actor, "read", "claim", row.key)
    changes = row.corrections.select_related("claim", "statement").order_by("pk")
    return _claim_line(row) | {
        "unit": row.unit.partition(":")[0],  # what it counts by, not whose number it is
        "tier": row.tier,
        "working": row.working,
        "refusal": row.refusal,
        "evidence": row.evidence,
        "corrections": [_correction(c) for c in changes],
    }


def _book(actor: Actor, region: str, policy: str) -> Book:
    """A ledger within the caller's region."""
    found = visible(actor, Region.objects.filter(pk=region, level=Region.Level.COUNTY)).first()
    if found is None or policy not in content.library().policies:
        raise NotFoundForYou
    return Book(found, policy)


@router.get("/ledger", response=LedgerOut)
def ledger_read(request: HttpRequest, of: Query[BookIn]) -> object:
    """The special account of a district under a document: by payer, by account, and its balance."""
    actor = actor_of(request)
    actor.require("see_money")
    book = _book(actor, of.region, of.policy)
    audit.record(actor, "read", "ledger", f"{of.region}|{of.policy}")
    sums = ledger.balances(book.rows)
    return {
        "region": of.region,
        "policy": of.policy,
        "funds": ledger.funds(book.rows, book.policy),
        "accounts": sums,
        "trial_balance": sum(b.balance for b in sums),
        "owed": ledger.owed(book.rows),
    }


def _rows() -> "QuerySet[Posting]":
    return Posting.objects.select_related("statement", "claim", "correction", "reverses", "region")


def _posting(row: Posting) -> dict[str, Any]:
    links = ("statement", "claim", "correction", "reverses")
    keys = {name: one.key if (one := getattr(row, name)) else None for name in links}
    plain = ("key", "kind", "debit", "credit", "amount", "on", "voucher", "text")
    return keys | {name: getattr(row, name) for name in plain}


@router.get("/ledger/postings", response=list[PostingOut])
def posting_list(request: HttpRequest, of: Query[BookIn], page: Query[Page]) -> object:
    """Every posting of a ledger, in the order they were made."""
    actor = actor_of(request)
    actor.require("see_money")
    book = _book(actor, of.region, of.policy)
    rows = _rows().filter(region=book.region, policy=book.policy).order_by("pk")
    found = list(rows[page.offset : page.offset + page.limit])
    audit.record(actor, "list", "posting", f"{of.region}|{of.policy}", rows=len(found))
    return [_posting(row) for row in found]


@router.post("/ledger/receive", response={201: PostingOut})
def ledger_receive(request: HttpRequest, body: PostingIn) -> object:
    """Post money received from a payer."""
    actor = actor_of(request)
    book = _book(actor, body.region, body.policy)
    row = ledger.receive(
        book, actor, body.payer, body.amount, body.on, body.voucher, body.text, body.key
    )
    return Status(201, _posting(row))


@router.post("/ledger/spend", response={201: PostingOut})
def ledger_spend(request: HttpRequest, body: PostingIn) -> object:
    """Post other spending by its voucher."""
    actor = actor_of(request)
    book = _book(actor, body.region, body.policy)
    row = ledger.spend(
        book, actor, body.payer, body.amount, body.on, body.voucher, body.text, body.key
    )
    return Status(201, _posting(row))


@router.post("/ledger/postings/{uuid:key}/reverse", response={201: PostingOut})
def ledger_reverse(request: HttpRequest, key: UUID, body: ReasonIn) -> object:
    """Take a receipt or other spending back by a posting the other way."""
    actor = actor_of(request)
    row = reach.find(actor, _rows(), key)
    return Status(201, _posting(ledger.reverse(row, actor, timezone.localdate(), body.reason)))
