"""The special account of the programme's money, line by line."""

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from sanyou.care import content
from sanyou.desk.actor import actor_of, duty_page
from sanyou.desk.views.records_form import words
from sanyou.finance import account, money
from sanyou.finance.models import Statement
from sanyou.registry.access import visible
from sanyou.registry.models import Organisation
from sanyou.trust import audit


@dataclass(frozen=True)
class Line:
    """An entry with its amounts in yuan; "" where there is none."""

    entry: account.Entry
    owed: str
    paid: str
    balance: str


@dataclass(frozen=True)
class Book:
    """The account of one organisation under one document."""

    organisation: Organisation
    document: str
    label: str
    lines: list[Line]
    owed: str
    paid: str
    balance: str


@duty_page("see_money", methods=("GET",))
def special_account(request: HttpRequest) -> HttpResponse:
    """What was approved, what was paid under which voucher, and what is still owed."""
    actor = actor_of(request)
    pairs = visible(actor, Statement.objects.all()).order_by("organisation", "policy")
    found = pairs.values_list("organisation", "policy").distinct()
    organisations = Organisation.objects.in_bulk([pk for pk, _policy in found])
    books = [_book(organisations[pk], policy) for pk, policy in found]
    audit.record(actor, "read", "special-account", actor.region.code if actor.region else "")
    context = {"region": actor.region, "books": [b for b in books if b.lines]}
    return render(request, "desk/money/special_account.html", context)


def _book(organisation: Organisation, policy_id: str) -> Book:
    entries = account.entries(organisation, policy_id)
    policy = content.library().policies.get(policy_id)
    return Book(
        organisation,
        policy.document_number if policy else policy_id,
        words(policy.label) if policy else "",
        [_line(e) for e in entries],
        money.yuan(sum(e.owed for e in entries)),
        money.yuan(sum(e.paid for e in entries)),
        money.yuan(entries[-1].balance if entries else 0),
    )


def _line(entry: account.Entry) -> Line:
    return Line(
        entry,
        money.yuan(entry.owed) if entry.owed else "",
        money.yuan(entry.paid) if entry.paid else "",
        money.yuan(entry.balance),
    )
