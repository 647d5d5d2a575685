"""Final accounts of a year and the budget of the next: drawn up, handed in, approved, printed."""

import datetime as dt
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sanyou.care import content
from sanyou.desk.actor import actor_of, duty_page
from sanyou.desk.history import steps
from sanyou.desk.paging import leaf
from sanyou.desk.views.money import workbook_response
from sanyou.desk.views.records_form import words
from sanyou.figures import tasknumbers
from sanyou.finance import annual, annual_workbook, money
from sanyou.finance.annual import Plan
from sanyou.finance.models import AnnualAccount
from sanyou.protocol.policy import Policy
from sanyou.registry.access import Actor, shut_programmes, visible
from sanyou.registry.models import Region
from sanyou.registry.regions import prefix_of
from sanyou.trust import audit

BADGE = {"draft": "", "submitted": "warn", "returned": "bad", "approved": "ok"}
ACTS = {
    "prepare": gettext_lazy("编制"),
    "submit": gettext_lazy("提交"),
    "return": gettext_lazy("退回"),
    "approve": gettext_lazy("批准"),
}
YEARS_BACK = 3
Kind = AnnualAccount.Kind


@dataclass(frozen=True)
class Row:
    """One line of the list."""

    account: AnnualAccount
    document: str
    programme: str
    badge: str
    cases: str
    yuan: str


@dataclass(frozen=True)
class Offer:
    """What may be drawn up; `value` comes back in the form."""

    value: str
    label: str


def _terms(actor: Actor) -> list[Policy]:
    """Programmes with money of the documents of the actor's district."""
    region = actor.region
    if region is None or region.level != Region.Level.COUNTY:
        return []
    here = [
        p
        for p in content.library().policies.values()
        if not p.stub and region.code.startswith(prefix_of(p.region))
    ]
    shut = shut_programmes(actor)
    parts = [q for p in here for q in p.every_part() if q.price or q.benefit]
    return [q for q in parts if q.programme not in shut]


def _offers(actor: Actor, kind: str, today: dt.date) -> list[Offer]:
    """Years a document was in force; budgets only where a case has its price."""
    years = range(today.year + (kind == Kind.BUDGET), today.year - YEARS_BACK, -1)
    return [
        Offer(f"{policy.id}|{policy.programme}|{year}", f"{_('%d年') % year} · {_name(policy)}")
        for policy in _terms(actor)
        if kind == Kind.FINAL or policy.price
        for year in years
        if policy.starts.year <= year and (policy.ends is None or policy.ends.year >= year)
    ]


def _name(policy: Policy) -> str:
    return f"{_programme(policy.programme)} · {policy.document_number}"


def _programme(programme_id: str) -> str:
    found = content.library().programmes.get(programme_id)
    return words(found.label) if found is not None else programme_id


@duty_page("see_money", methods=("GET",))
def annual_accounts(request: HttpRequest) -> HttpResponse:
    """The final accounts, newest first."""
    return _list(request, Kind.FINAL)


@duty_page("see_money", methods=("GET",))
def budget(request: HttpRequest) -> HttpResponse:
    """The budgets, newest first."""
    return _list(request, Kind.BUDGET)


def _list(request: HttpRequest, kind: str) -> HttpResponse:
    actor = actor_of(request)
    rows = visible(actor, AnnualAccount.objects.filter(kind=kind)).select_related("region")
    page = leaf(request, rows.order_by("-year", "-pk"))
    context = {
        "kind": kind,
        "leaf": page,
        "rows": [_row(r) for r in page],
        "offers": _offers(actor, kind, timezone.localdate()) if actor.can("plan_money") else [],
    }
    return render(request, "desk/money/annual_accounts.html", context)


def _row(row: AnnualAccount) -> Row:
    policy = content.library().policies.get(row.policy)
    final = row.kind == Kind.FINAL
    return Row(
        row,
        policy.document_number if policy else row.policy,
        _programme(row.programme),
        BADGE[row.status],
        str(row.content.get("cases" if final else "planned", "—")),
        money.yuan(row.content.get("granted" if final else "need", 0)),
    )


@duty_page("plan_money", methods=("POST",))
def annual_prepare(request: HttpRequest) -> HttpResponse:
    """Draw up the accounts or the budget of a year, or draw them up again."""
    actor = actor_of(request)
    kind, offer = request.POST.get("kind", ""), request.POST.get("offer", "")
    if kind not in Kind.values or actor.region is None:
        raise Http404
    if offer not in {o.value for o in _offers(actor, kind, timezone.localdate())}:
        raise Http404
    policy_id, programme, year = offer.split("|")
    policy = annual.terms(policy_id, programme)
    plan = _plan(programme, int(year), actor.region)
    row = annual.draw_up(kind, actor.region, policy, int(year), plan, actor)
    if row.status in annual.OPEN:
        messages.success(request, _("已按现有记录编制，请核对后提交。"))
    else:
        messages.info(request, _("这份表已经提交，不能重新编制。"))
    return redirect("annual-account", row.key)


def _plan(programme: str, year: int, region: Region) -> Plan:
    """The year's task numbers of a district and its towns."""
    numbers = tasknumbers.of_regions(programme, year, region)
    own = numbers.get(region.code)
    towns = {code: row.number for code, row in numbers.items() if code != region.code}
    return Plan(own.number if own else None, own.source if own else "", towns)


def _account(request: HttpRequest, key: UUID) -> AnnualAccount:
    rows = AnnualAccount.objects.select_related("region", "prepared_by", "checked_by")
    found: AnnualAccount = get_object_or_404(visible(actor_of(request), rows), key=key)
    return found


@duty_page("see_money", methods=("GET",))
def annual_account(request: HttpRequest, key: UUID) -> HttpResponse:
    """One year's accounts or budget: figures, who bears what, its history."""
    actor = actor_of(request)
    row = _account(request, key)
    audit.record(actor, "read", "annual-account", row.key)
    is_open = row.status in annual.OPEN
    submitted = row.status == AnnualAccount.Status.SUBMITTED
    may, own = actor.can("plan_money", row), actor.username in annual.hands(row)
    context = _paper(row) | {
        "badge": BADGE[row.status],
        "offer": f"{row.policy}|{row.programme}|{row.year}",
        "may": {
            "prepare": is_open and may and actor.region == row.region,
            "submit": is_open and may,
            "check": submitted and may,
            "export": actor.can("export"),
        },
        "own": own,
        "history": steps(row.history, ACTS),
    }
    return render(request, "desk/money/annual_account.html", context)


def _paper(row: AnnualAccount) -> dict[str, Any]:
    """What both the page and the print show, amounts in yuan."""
    policy = content.library().policies.get(row.policy)
    final = row.kind == Kind.FINAL
    body = _yuan(row.content)
    total = row.content["granted" if final else "need"]
    return {
        "account": row,
        "final": final,
        "body": body,
        "title": annual_workbook.title(row),
        "document": policy.cite("") if policy else row.policy,
        "programme": _programme(row.programme),
        "total": money.yuan(total),
        "capitals": money.capitals(total),
        "rate": _rate(row.content),
    }


_AMOUNTS = {
    "amount", "granted", "due", "received", "borne", "spent", "left", "total", "price", "need",
    "share", "asked",
}  # fmt: skip


def _yuan(value: Any, name: str = "") -> Any:
    """The kept figures with every amount as yuan."""
    if isinstance(value, dict):
        return {k: _yuan(v, k) for k, v in value.items()}
    if isinstance(value, list):
        return [_yuan(v) for v in value]
    if name in _AMOUNTS and isinstance(value, int):
        return money.yuan(value)
    return value


def _rate(body: dict[str, Any]) -> str:
    """Done of what was planned, in per cent with one decimal."""
    planned, cases = body.get("planned"), body.get("cases")
    if not planned or cases is None:
        return ""
    tenths = (int(cases) * 2000 + int(planned)) // (2 * int(planned))
    return f"{tenths // 10}.{tenths % 10}%"


@duty_page("plan_money", methods=("POST",))
def annual_submit(request: HttpRequest, key: UUID) -> HttpResponse:
    """Hand it in."""
    annual.submit(_account(request, key), actor_of(request))
    messages.success(request, _("已提交，请由另一人审批。"))
    return redirect("annual-account", key)


@duty_page("plan_money", methods=("POST",))
def annual_return(request: HttpRequest, key: UUID) -> HttpResponse:
    """Send it back with a reason."""
    annual.return_(_account(request, key), actor_of(request), request.POST.get("reason", ""))
    messages.success(request, _("已退回。"))
    return redirect("annual-account", key)


@duty_page("plan_money", methods=("POST",))
def annual_approve(request: HttpRequest, key: UUID) -> HttpResponse:
    """Approve it."""
    annual.approve(_account(request, key), actor_of(request))
    messages.success(request, _("已批准。"))
    return redirect("annual-account", key)


@duty_page("see_money", methods=("GET",))
def annual_print(request: HttpRequest, key: UUID) -> HttpResponse:
    """The A4 sheet."""
    row = _account(request, key)
    audit.record(actor_of(request), "print", "annual-account", row.key)
    return render(request, "desk/money/annual_print.html", _paper(row))


@duty_page("export", methods=("POST",))
def annual_export(request: HttpRequest, key: UUID) -> HttpResponse:
    """The workbook, with who took it and why on every sheet."""
    row = _account(request, key)
    actor = actor_of(request)
    actor.require("see_money", row)
    data = annual_workbook.write(row, actor, request.POST.get("reason", ""))
    return workbook_response(data, f"{annual_workbook.title(row)}.xlsx")
