"""The ledger of the special account (专款专用): double entry, in fen, only ever added to.

One book per district and document. Each posting moves an amount from a credit account to a debit
account, so every book balances by construction; `trial_balance` adds it up again all the same.

    拨入 received   bank            <- fund:<payer>
    核定 approved   expense         <- payable:<organisation>   a line for each claim or correction
    分担 shared     fund:<payer>    <- expense                  what each payer bears of them
    支付 paid       payable:<org.>  <- bank                     a line for each claim or correction
    支出 spent      fund:<payer>    <- bank                     other spending, by voucher

A line that is taken back runs the other way. What was posted is never changed: receipts and other
spending are reversed by a posting of their own, claims by a correction on a later statement.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID, uuid4

from django.db import IntegrityError, transaction
from django.db.models import Count, Max, Q, QuerySet, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from sanyou.care import content
from sanyou.finance.errors import FinanceError
from sanyou.finance.models import Claim, Correction, Posting, Statement
from sanyou.registry.access import Actor
from sanyou.registry.models import Organisation, Region, Staff
from sanyou.trust import audit

BANK, EXPENSE = "bank", "expense"
FUND, PAYABLE = "fund:", "payable:"
Kind = Posting.Kind
REVERSIBLE = (Kind.RECEIVED, Kind.SPENT)
BATCH = 1000


@dataclass(frozen=True, slots=True)
class Book:
    """The ledger of one district under one document."""

    region: Region
    policy: str

    @property
    def rows(self) -> QuerySet[Posting]:
        return Posting.objects.filter(region=self.region, policy=self.policy)


@dataclass(frozen=True, slots=True)
class Balance:
    """The sums of one account in fen; `balance` is debit less credit."""

    account: str
    debit: int
    credit: int

    @property
    def balance(self) -> int:
        return self.debit - self.credit


def book_of(statement: Statement) -> Book:
    """The book a statement is posted in."""
    return Book(statement.organisation.region, statement.policy)


def fund(payer: str) -> str:
    """The account of what a payer has given."""
    return FUND + payer


def payable(organisation: Organisation) -> str:
    """The account of what an organisation has been granted and not yet paid."""
    return PAYABLE + organisation.code


def labels(rows: QuerySet[Posting], policy: str) -> dict[str, str]:
    """What people call each account that some postings touch."""
    pairs = rows.order_by().values_list("debit", "credit").distinct()
    accounts = {account for pair in pairs for account in pair}
    codes = [a.removeprefix(PAYABLE) for a in accounts if a.startswith(PAYABLE)]
    owners = dict(Organisation.objects.filter(code__in=codes).values_list("code", "name"))
    names = payers(policy)

    def label(account: str) -> str:
        if account == BANK:
            return _("专户存款")
        if account == EXPENSE:
            return _("项目支出（待分担）")
        if account.startswith(FUND):
            payer = account.removeprefix(FUND)
            return _("%s拨入") % names.get(payer, payer)
        code = account.removeprefix(PAYABLE)
        return _("应付%s") % owners.get(code, code)

    return {account: label(account) for account in sorted(accounts)}


def payers(policy: str) -> dict[str, str]:
    """Who pays under a document: id -> label, of all its programmes."""
    found = content.library().policies.get(policy)
    parts = found.every_part() if found is not None else ()
    return {s.payer: str(s.label) for part in parts for s in part.shares}


# --- statements ----------------------------------------------------------------------------------


def post_approval(statement: Statement, by: Staff | None, on: dt.date) -> None:
    """Each line of an approved statement, and what each payer bears of it."""
    to = payable(statement.organisation)
    rows = [
        _line(statement, Kind.APPROVED, EXPENSE, to, amount, on, statement.number, by, number, of)
        for number, (amount, of) in enumerate(_lines(statement), 1)
    ]
    rows += [
        _line(statement, Kind.SHARED, fund(payer), EXPENSE, fen, on, statement.number, by, number)
        for number, (payer, fen) in enumerate(sorted(statement.shares.items()), 1)
        if fen
    ]
    _insert(rows)


def post_payment(statement: Statement, by: Staff | None, on: dt.date, voucher: str) -> None:
    """Each line of a statement as paid under a voucher."""
    due = payable(statement.organisation)
    _insert(
        _line(statement, Kind.PAID, due, BANK, amount, on, voucher, by, number, of)
        for number, (amount, of) in enumerate(_lines(statement), 1)
    )


def _lines(statement: Statement) -> list[tuple[int, Claim | Correction]]:
    """(fen, claim or correction) of a statement; what changes no money is not posted."""
    both: list[Claim | Correction] = [
        *statement.claims.order_by("pk"),
        *statement.corrections.order_by("pk"),
    ]
    return [(one.amount, one) for one in both if one.amount]


def _line(
    statement: Statement,
    kind: Posting.Kind,
    debit: str,
    credit: str,
    amount: int,
    on: dt.date,
    voucher: str,
    by: Staff | None,
    number: int,
    of: Claim | Correction | None = None,
) -> Posting:
    """A posting of a statement; below 0 it runs the other way."""
    if amount < 0:
        debit, credit, amount = credit, debit, -amount
    return Posting(
        region_id=statement.organisation.region_id,
        policy=statement.policy,
        kind=kind,
        debit=debit,
        credit=credit,
        amount=amount,
        on=on,
        voucher=voucher,
        text=_text(kind),
        statement=statement,
        line=number,
        claim=of if isinstance(of, Claim) else None,
        correction=of if isinstance(of, Correction) else None,
        author=by,
    )


def _text(kind: Posting.Kind) -> str:
    return {
        Kind.APPROVED: _("结算审核通过"),
        Kind.SHARED: _("按比例分担"),
        Kind.PAID: _("经费拨付"),
    }[kind]


def _insert(rows: Iterable[Posting]) -> None:
    """FinanceError where the database has one of them already."""
    try:
        with transaction.atomic():
            Posting.objects.bulk_create(list(rows), batch_size=BATCH)
    except IntegrityError as error:
        text = _("这张结算表的款项已经记账，不能重复记账，请刷新页面核对。")
        raise FinanceError("posted_before", text) from error


# --- receipts, other spending, reversals ----------------------------------------------------------


@transaction.atomic
def receive(
    book: Book,
    actor: Actor,
    payer: str,
    amount: int,
    on: dt.date,
    voucher: str,
    text: str = "",
    key: UUID | None = None,
) -> Posting:
    """Money that came into the special account from a payer. The same key again gives the first."""
    row = _by_hand(book, actor, Kind.RECEIVED, payer, amount, on, voucher, key)
    row.debit, row.credit, row.text = BANK, fund(payer), text.strip() or _("收到拨入经费")
    return _once(row, actor, "receive")


@transaction.atomic
def spend(
    book: Book,
    actor: Actor,
    payer: str,
    amount: int,
    on: dt.date,
    voucher: str,
    text: str,
    key: UUID | None = None,
) -> Posting:
    """Other spending for the programme from a payer's money, by its voucher. The same key again
    gives the first."""
    if not text.strip():
        raise FinanceError("no_reason", _("请填写支出的用途。"))
    row = _by_hand(book, actor, Kind.SPENT, payer, amount, on, voucher, key)
    row.debit, row.credit, row.text = fund(payer), BANK, text.strip()
    return _once(row, actor, "spend")


def _by_hand(
    book: Book,
    actor: Actor,
    kind: Posting.Kind,
    payer: str,
    amount: int,
    on: dt.date,
    voucher: str,
    key: UUID | None,
) -> Posting:
    actor.require("pay_statement", book.region)
    if payer not in payers(book.policy):
        raise FinanceError("no_payer", _("文件中没有这个出资方，请从列表中选择。"))
    if amount <= 0:
        raise FinanceError("no_amount", _("金额要大于 0；记错的请用“冲正”。"))
    if on > timezone.localdate():
        raise FinanceError("future", _("记账日期不能晚于今天。"))
    if not voucher.strip():
        raise FinanceError("no_voucher", _("请填写凭证号。"))
    return Posting(
        key=key or uuid4(),
        region=book.region,
        policy=book.policy,
        kind=kind,
        amount=amount,
        on=on,
        voucher=voucher.strip()[:80],
        author=actor.staff,
    )


def _once(row: Posting, actor: Actor, act: str) -> Posting:
    """Keep a posting; the one there is where its page was sent twice."""
    same = Posting.objects.filter(
        key=row.key, kind=row.kind, region_id=row.region_id, policy=row.policy
    )
    found = same.first()
    if found is not None:
        return found
    try:
        with transaction.atomic():
            return _keep(row, actor, act)
    except IntegrityError:
        return same.get()


@transaction.atomic
def reverse(row: Posting, actor: Actor, on: dt.date, reason: str) -> Posting:
    """Take a receipt or other spending back by a posting the other way; the first one stays."""
    actor.require("pay_statement", row)
    if row.kind not in REVERSIBLE:
        text = _("核定和支付随结算表产生，有误时由下一期结算表的更正冲减，不能在这里冲正。")
        raise FinanceError("not_reversible", text)
    if not reason.strip():
        raise FinanceError("no_reason", _("请填写冲正理由。"))
    if Posting.objects.filter(reverses=row).exists():
        raise FinanceError("reversed_before", _("这一笔已经冲正过，请刷新页面。"))
    made = Posting(
        region=row.region,
        policy=row.policy,
        kind=Kind.REVERSED,
        debit=row.credit,
        credit=row.debit,
        amount=row.amount,
        on=on,
        voucher=row.voucher,
        text=reason.strip()[:300],
        reverses=row,
        author=actor.staff,
    )
    try:
        with transaction.atomic():
            return _keep(made, actor, "reverse")
    except IntegrityError as error:
        text = _("这一笔已经冲正过，请刷新页面。")
        raise FinanceError("reversed_before", text) from error


def _keep(row: Posting, actor: Actor, act: str) -> Posting:
    row.text = row.text[:300]
    row.save()
    audit.record(actor, act, "posting", row.key, amount=row.amount)
    return row


# --- reading -------------------------------------------------------------------------------------


def balances(rows: QuerySet[Posting]) -> list[Balance]:
    """The sums of each account of some postings, in a fixed order."""
    debit: dict[str, int] = defaultdict(int)
    credit: dict[str, int] = defaultdict(int)
    for account, amount in rows.order_by().values_list("debit").annotate(Sum("amount")):
        debit[account] += amount
    for account, amount in rows.order_by().values_list("credit").annotate(Sum("amount")):
        credit[account] += amount
    return [Balance(a, debit[a], credit[a]) for a in sorted(debit.keys() | credit.keys())]


def trial_balance(rows: QuerySet[Posting]) -> int:
    """All debits less all credits; anything but 0 means the book does not hold."""
    return sum(b.balance for b in balances(rows))


def owed(rows: QuerySet[Posting]) -> int:
    """What has been granted to organisations and not yet paid, in fen."""
    return -sum(b.balance for b in balances(rows) if b.account.startswith(PAYABLE))


@dataclass(frozen=True, slots=True)
class Fund:
    """One payer's money in fen: given, borne of statements, spent otherwise, and what is left
    (below 0: still to be received)."""

    payer: str
    label: str
    received: int
    borne: int
    spent: int

    @property
    def left(self) -> int:
        return self.received - self.borne - self.spent


def funds(rows: QuerySet[Posting], policy: str) -> list[Fund]:
    """The special account payer by payer."""
    sums: dict[tuple[str, str], int] = defaultdict(int)
    for sign, side in ((-1, "debit"), (1, "credit")):
        found = rows.filter(**{f"{side}__startswith": FUND}).order_by()
        for account, kind, first, amount in found.values_list(
            side, "kind", "reverses__kind"
        ).annotate(Sum("amount")):
            sums[account.removeprefix(FUND), first or kind] += sign * amount
    names = payers(policy)
    listed = [*names, *sorted({payer for payer, _kind in sums} - names.keys())]
    return [
        Fund(
            payer,
            names.get(payer, payer),
            sums[payer, Kind.RECEIVED],
            -sums[payer, Kind.SHARED],
            -sums[payer, Kind.SPENT],
        )
        for payer in listed
    ]


def about(account: str) -> Q:
    """Postings that touch an account."""
    return Q(debit=account) | Q(credit=account)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the journal, in fen: a posting by hand, or a statement's lines of one kind and
    pair of accounts added up (`count` of them). `row` only where it stands for one by hand."""

    order: int
    on: dt.date
    kind: str
    text: str
    voucher: str
    debit: str
    credit: str
    amount: int
    count: int
    statement: Statement | None
    row: Posting | None

    @property
    def kind_label(self) -> str:
        return str(Kind(self.kind).label)


def journal(rows: QuerySet[Posting]) -> list[Entry]:
    """The postings in the order they were made. Three queries however many there are."""
    same = ("statement", "kind", "debit", "credit", "on", "voucher", "text")
    found: list[Entry] = []
    grouped = rows.filter(statement__isnull=False).order_by().values(*same)
    grouped = grouped.annotate(sum=Sum("amount"), count=Count("pk"), last=Max("pk"))
    lines = list(grouped)
    statements = Statement.objects.in_bulk({g["statement"] for g in lines})
    for g in lines:
        of = statements[g["statement"]]
        amounts = (g["debit"], g["credit"], g["sum"], g["count"], of, None)
        found.append(Entry(g["last"], g["on"], g["kind"], g["text"], g["voucher"], *amounts))
    alone = rows.filter(statement__isnull=True)
    for r in alone.select_related("reverses", "reversed_by", "author"):
        amounts_ = (r.debit, r.credit, r.amount, 1, None, r)
        found.append(Entry(r.pk, r.on, r.kind, r.text, r.voucher, *amounts_))
    return sorted(found, key=lambda e: e.order)
