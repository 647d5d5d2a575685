"""The special account of the programme's money by payer, and the ledger line by line."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from sanyou.care import content
from sanyou.desk.actor import actor_of, duty_page
from sanyou.desk.paging import leaf
from sanyou.desk.views.money import workbook_response
from sanyou.desk.views.records_form import words
from sanyou.finance import ledger, money, workbook
from sanyou.finance.errors import FinanceError
from sanyou.finance.ledger import Book
from sanyou.finance.models import Posting
from sanyou.registry.access import Actor, visible
from sanyou.registry.models import Region
from sanyou.registry.regions import prefix_of
from sanyou.trust import audit


@dataclass(frozen=True)
class Payer:
    """A payer's money in yuan; `short` where more was borne than received."""

    label: str
    url: str  # its lines in the journal
    received: str
    borne: str
    spent: str
    left: str
    short: bool


@dataclass(frozen=True)
class Account:
    """The special account of one district under one document, in yuan."""

    key: str
    place: str
    document: str
    label: str
    payers: list[Payer]
    bank: str
    overdrawn: bool
    owed: str
    url: str


def _books(actor: Actor) -> list[Book]:
    """The ledgers of the actor's region, and an empty one for her district's documents."""
    rows = visible(actor, Posting.objects.all()).order_by("region", "policy")
    pairs = list(rows.values_list("region", "policy").distinct())
    own = actor.region
    if own is not None and own.level == Region.Level.COUNTY:
        pairs += [(own.pk, p) for p in _documents(own) if (own.pk, p) not in pairs]
    regions = Region.objects.in_bulk({pk for pk, _policy in pairs})
    return [Book(regions[pk], policy) for pk, policy in pairs]


def _documents(region: Region) -> list[str]:
    """Documents in force in a district today under which somebody pays."""
    today = timezone.localdate()
    return [
        p.id
        for p in content.library().policies.values()
        if not p.stub
        and p.in_force(today)
        and region.code.startswith(prefix_of(p.region))
        and any(part.shares for part in p.every_part())
    ]


def _key(book: Book) -> str:
    return f"{book.region.code}|{book.policy}"


def _chosen(request: HttpRequest, given: Any) -> tuple[Book, list[Book]]:
    """The book asked for, or the first; 404 where she has none or not this one."""
    books = _books(actor_of(request))
    if not books:
        raise Http404
    asked = given.get("book", "")
    found = next((b for b in books if _key(b) == asked), None)
    if asked and found is None:
        raise Http404
    return found or books[0], books


@duty_page("see_money", methods=("GET",))
def special_account(request: HttpRequest) -> HttpResponse:
    """What each payer gave, bore and has left; what is in the bank and what is still owed."""
    actor = actor_of(request)
    books = [b for b in _books(actor) if b.rows.exists()]
    audit.record(actor, "read", "special-account", actor.region.code if actor.region else "")
    context = {"region": actor.region, "accounts": [_account(b) for b in books]}
    return render(request, "desk/money/special_account.html", context)


def _account(book: Book) -> Account:
    policy = content.library().policies.get(book.policy)
    sums = {b.account: b.balance for b in ledger.balances(book.rows)}
    bank = sums.get(ledger.BANK, 0)
    payers = [
        Payer(
            f.label,
            f"{_address(book)}&account={ledger.fund(f.payer)}",
            money.yuan(f.received),
            money.yuan(f.borne),
            money.yuan(f.spent),
            money.yuan(f.left),
            f.left < 0,
        )
        for f in ledger.funds(book.rows, book.policy)
    ]
    return Account(
        _key(book),
        book.region.full_name,
        policy.document_number if policy else book.policy,
        words(policy.label) if policy else "",
        payers,
        money.yuan(bank),
        bank < 0,
        money.yuan(ledger.owed(book.rows)),
        _address(book),
    )


def _address(book: Book) -> str:
    return f"{reverse('ledger')}?book={_key(book)}"


@duty_page("see_money", methods=("GET",))
def ledger_page(request: HttpRequest) -> HttpResponse:
    """The journal of a book (or of one account of it), its trial balance, and what may be added."""
    actor = actor_of(request)
    try:
        book, books = _chosen(request, request.GET)
    except Http404:
        if request.GET.get("book"):
            raise
        return render(request, "desk/money/ledger.html", {"books": []})
    names = ledger.labels(book.rows, book.policy)
    account = request.GET.get("account", "")
    rows = book.rows.filter(ledger.about(account)) if account in names else book.rows
    entries = ledger.journal(rows)
    page = leaf(request, list(reversed(entries)))
    policy = content.library().policies.get(book.policy)
    sums = ledger.balances(book.rows)
    audit.record(actor, "read", "ledger", _key(book))
    context = {
        "book": book,
        "key": _key(book),
        "books": [(_key(b), _book_label(b)) for b in books],
        "document": policy.document_number if policy else book.policy,
        "leaf": page,
        "entries": [_entry(e, names) for e in page],
        "account": account if account in names else "",
        "account_label": names.get(account, ""),
        "balances": [_balance(b, names) for b in sums],
        "debits": money.yuan(sum(b.debit for b in sums)),
        "credits": money.yuan(sum(b.credit for b in sums)),
        "off": ledger.trial_balance(book.rows),
        "payers": ledger.payers(book.policy).items(),
        "may_post": actor.can("pay_statement", book.region),
        "may_export": actor.can("export"),
        "today": timezone.localdate(),
        "new_keys": {"receive": uuid4(), "spend": uuid4()},
    }
    return render(request, "desk/money/ledger.html", context)


@duty_page("see_money", methods=("GET",))
def ledger_print(request: HttpRequest) -> HttpResponse:
    """The whole book on A4: by payer, every line in the order made, the trial balance."""
    book = _chosen(request, request.GET)[0]
    names = ledger.labels(book.rows, book.policy)
    sums = ledger.balances(book.rows)
    policy = content.library().policies.get(book.policy)
    audit.record(actor_of(request), "print", "ledger", _key(book))
    context = {
        "book": book,
        "key": _key(book),
        "document": policy.document_number if policy else book.policy,
        "account": _account(book),
        "entries": [_entry(e, names) for e in ledger.journal(book.rows)],
        "balances": [_balance(b, names) for b in sums],
        "debits": money.yuan(sum(b.debit for b in sums)),
        "credits": money.yuan(sum(b.credit for b in sums)),
    }
    return render(request, "desk/money/ledger_print.html", context)


def _book_label(book: Book) -> str:
    policy = content.library().policies.get(book.policy)
    return f"{book.region.name} · {policy.document_number if policy else book.policy}"


def _entry(entry: ledger.Entry, names: dict[str, str]) -> dict[str, Any]:
    row = entry.row
    reversed_by = getattr(row, "reversed_by", None) if row is not None else None
    return {
        "entry": entry,
        "debit": names[entry.debit],
        "credit": names[entry.credit],
        "yuan": money.yuan(entry.amount),
        "reversed": reversed_by is not None,
        "may_reverse": row is not None and row.kind in ledger.REVERSIBLE and reversed_by is None,
    }


def _balance(balance: ledger.Balance, names: dict[str, str]) -> dict[str, Any]:
    return {
        "account": balance.account,
        "label": names[balance.account],
        "debit": money.yuan(balance.debit),
        "credit": money.yuan(balance.credit),
        "side": _("借") if balance.balance > 0 else _("贷") if balance.balance < 0 else _("平"),
        "balance": money.yuan(abs(balance.balance)),
    }


def _amount(text: str) -> int:
    """Yuan as typed, to fen; FinanceError where it is not an amount."""
    try:
        return money.fen_of(text)
    except ValueError as error:
        raise FinanceError("no_amount", _("金额请填数字，最多两位小数，例如 46000.00。")) from error


def _day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError as error:
        raise FinanceError("no_day", _("请填写日期，例如 2021-03-01。")) from error


def _post_by_hand(request: HttpRequest, act: Callable[..., Posting], said: str) -> HttpResponse:
    """Post what the form holds; the key it was made with keeps a second click from posting again."""
    book, given = _chosen(request, request.POST)[0], request.POST
    act(
        book,
        actor_of(request),
        given.get("payer", ""),
        _amount(given.get("amount", "")),
        _day(given.get("on", "")),
        given.get("voucher", ""),
        given.get("text", ""),
        _key_of(given.get("key", "")),
    )
    messages.success(request, said)
    return redirect(_address(book))


def _key_of(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


@duty_page("pay_statement", methods=("POST",))
def ledger_receive(request: HttpRequest) -> HttpResponse:
    """Post money received from a payer."""
    return _post_by_hand(request, ledger.receive, _("已登记拨入。"))


@duty_page("pay_statement", methods=("POST",))
def ledger_spend(request: HttpRequest) -> HttpResponse:
    """Post other spending by its voucher."""
    return _post_by_hand(request, ledger.spend, _("已登记支出。"))


@duty_page("pay_statement", methods=("POST",))
def ledger_reverse(request: HttpRequest, key: UUID) -> HttpResponse:
    """Take a receipt or other spending back."""
    actor = actor_of(request)
    row = get_object_or_404(visible(actor, Posting.objects.select_related("region")), key=key)
    ledger.reverse(row, actor, timezone.localdate(), request.POST.get("reason", ""))
    messages.success(request, _("已冲正，原记录保留。"))
    return redirect(_address(Book(row.region, row.policy)))


@duty_page("export", methods=("POST",))
def ledger_export(request: HttpRequest) -> HttpResponse:
    """The account by payer, the journal and the trial balance as a workbook."""
    actor = actor_of(request)
    book = _chosen(request, request.POST)[0]
    actor.require("see_money", book.region)
    data = workbook.write_ledger(book, actor, request.POST.get("reason", ""))
    return workbook_response(data, f"{_('专账')}-{book.region.name}-{timezone.localdate()}.xlsx")
