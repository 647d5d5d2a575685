"""The year's final accounts (决算) and the next year's budget (预算).

Both are worked out from the claims, the statements and the ledger, kept as they were on the day,
handed in by one person and approved by another. How many couples were planned is not known here:
whoever draws them up brings the year's task number along.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import QuerySet, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from sanyou.care import content
from sanyou.finance import ledger
from sanyou.finance.errors import FinanceError
from sanyou.finance.models import AnnualAccount, Claim, Correction, Statement
from sanyou.protocol.errors import Problem
from sanyou.protocol.policy import Policy
from sanyou.protocol.pricing import price_on, split_shares, tier_of
from sanyou.registry import history
from sanyou.registry.access import Actor, require_programme
from sanyou.registry.models import Region
from sanyou.trust import audit

Kind, Status = AnnualAccount.Kind, AnnualAccount.Status
OPEN = {Status.DRAFT, Status.RETURNED}
SETTLED = (Statement.Status.APPROVED, Statement.Status.PAID)
LARGEST = 10_000_000  # cases a year
TOWN = 9  # digits of a town's region code


@dataclass(frozen=True, slots=True)
class Plan:
    """Cases planned for a year: of the district, and of its towns by region code."""

    number: int | None
    source: str = ""
    towns: Mapping[str, int] | None = None


def terms(policy_id: str, programme: str) -> Policy:
    """The terms of a programme in a document; FinanceError where there are none."""
    policy = content.library().policies.get(policy_id)
    if policy is None or programme not in policy.programmes:
        raise FinanceError("no_policy", _("没有这份政策文件或项目，请从列表中选择。"))
    return policy.for_programme(programme)


# --- drawing up ----------------------------------------------------------------------------------


@transaction.atomic
def draw_up(
    kind: str, region: Region, policy: Policy, year: int, plan: Plan, actor: Actor
) -> AnnualAccount:
    """Draft the accounts or the budget of a year, or draw them up again while they are open.

    What was handed in or approved is returned as it is. A budget needs its number of cases and a
    document with a price.
    """
    actor.require("plan_money", region)
    require_programme(actor, policy.programme or "")
    Region.objects.select_for_update(no_key=True).get(pk=region.pk)
    wanted = {
        "kind": Kind(kind),
        "region": region,
        "policy": policy.id,
        "programme": policy.programme,
        "year": year,
    }
    row = AnnualAccount.objects.select_for_update().filter(**wanted).first()
    if row is not None and row.status not in OPEN:
        return row
    row = row or AnnualAccount(**wanted)
    make = final_accounts if row.kind == Kind.FINAL else budget
    row.content = make(region, policy, year, plan)
    row.prepared_by = actor.staff
    _note(row, actor, "prepare", row.status)
    row.save()
    audit.record(actor, "prepare", "annual-account", row.key)
    return row


def final_accounts(region: Region, policy: Policy, year: int, plan: Plan) -> dict[str, Any]:
    """What was planned, done, granted, received and spent in a year (all amounts in fen).

    Cases count in the month they were served, money where it was entered in the ledger. Claims
    count once approved, with the corrections that later statements made to them.
    """
    done = _done(region, policy, year)
    months: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    towns: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for served_on, town, amount, lines in done:
        for table, key in ((months, f"{served_on:%m}"), (towns, town)):
            table[key][0] += lines
            table[key][1] += amount
    planned = dict(plan.towns or {})
    names = _names({*towns, *planned})
    granted = sum(amount for _on, _town, amount, _lines in done)
    return {
        "as_of": timezone.localdate().isoformat(),
        "planned": plan.number,
        "planned_source": plan.source,
        "cases": sum(lines for *_rest, lines in done),
        "granted": granted,
        "months": [
            {"month": n, "cases": months[f"{n:02d}"][0], "amount": months[f"{n:02d}"][1]}
            for n in range(1, 13)
        ],
        "towns": [
            {
                "code": code,
                "name": names.get(code, code),
                "planned": planned.get(code),
                "cases": towns[code][0],
                "amount": towns[code][1],
            }
            for code in sorted({*towns, *planned})
        ],
        "payers": _payers(region, policy, year, granted),
        "statements": _statements(region, policy, year),
    }


def _done(region: Region, policy: Policy, year: int) -> list[tuple[dt.date, str, int, int]]:
    """(day served, town, fen, 1) of approved claims with their corrections; 0 where all of it was
    taken back."""
    claims = Claim.objects.filter(
        policy=policy.id,
        programme=policy.programme,
        region__code__startswith=region.prefix,
        served_on__year=year,
        statement__status__in=SETTLED,
    )
    later = Correction.objects.filter(
        statement__status__in=SETTLED, claim__in=claims.values("pk")
    ).order_by()
    changes = dict(later.values_list("claim").annotate(Sum("amount")))
    found = []
    for pk, on, code, amount in claims.values_list("pk", "served_on", "region_id", "amount"):
        assert on is not None
        stands = amount + changes.get(pk, 0)
        found.append((on, (code or "")[:TOWN], stands, int(stands > 0)))
    return found


def _names(codes: set[str]) -> dict[str, str]:
    return dict(Region.objects.filter(pk__in=codes).values_list("pk", "name"))


def _payers(region: Region, policy: Policy, year: int, granted: int) -> list[dict[str, Any]]:
    """What each payer should bear of the year's cases; what it gave and what was used of it, as
    entered in the ledger that year, of the whole document."""
    rows = ledger.Book(region, policy.id).rows.filter(on__year=year)
    due = _shares(policy, region, granted)
    return [
        {
            "payer": fund.payer,
            "label": fund.label,
            "due": due.get(fund.payer, 0),
            "received": fund.received,
            "borne": fund.borne,
            "spent": fund.spent,
            "left": fund.left,
        }
        for fund in ledger.funds(rows, policy.id)
        if fund.payer in due or fund.received or fund.borne or fund.spent
    ]


def _shares(policy: Policy, region: Region, amount: int) -> dict[str, int]:
    """Who bears an amount of this region; FinanceError where the document does not say."""
    try:
        return split_shares(policy, amount, tier_of(policy, region.code))
    except Problem as problem:
        raise FinanceError(problem.code, problem.zh) from problem


def _statements(region: Region, policy: Policy, year: int) -> list[dict[str, Any]]:
    """The statements of the year, as they stand."""
    rows: QuerySet[Statement] = Statement.objects.filter(
        policy=policy.id,
        programme=policy.programme,
        period_to__year=year,
        organisation__region__code__startswith=region.prefix,
    ).order_by("period_from", "pk")
    return [
        {
            "key": str(row.key),
            "number": row.number,
            "from": row.period_from.isoformat(),
            "to": row.period_to.isoformat(),
            "status": str(row.get_status_display()),
            "total": row.total,
        }
        for row in rows
    ]


def budget(region: Region, policy: Policy, year: int, plan: Plan) -> dict[str, Any]:
    """Planned cases at the price of the year, by payer, less what is left over (in fen)."""
    if not plan.number or not 0 < plan.number <= LARGEST:
        text = _("还没有 %s 年的任务数，请先在“年度任务”中录入，再编制预算。") % year
        raise FinanceError("no_number", text)
    try:
        price = price_on(policy, dt.date(year, 12, 31))
    except Problem as problem:
        text = _("这份文件没有固定的结算标准，不能按任务数编制预算；请在政策文件中补充价格。")
        raise FinanceError("no_price", text) from problem
    need = plan.number * price
    left = {
        fund.payer: fund.left
        for fund in ledger.funds(ledger.Book(region, policy.id).rows, policy.id)
    }
    labels = ledger.payers(policy.id)
    names = _names(set(plan.towns or {}))
    return {
        "as_of": timezone.localdate().isoformat(),
        "planned": plan.number,
        "planned_source": plan.source,
        "price": price,
        "need": need,
        "payers": [
            {
                "payer": payer,
                "label": labels.get(payer, payer),
                "share": share,
                "left": left.get(payer, 0),
                "asked": share - left.get(payer, 0),
            }
            for payer, share in _shares(policy, region, need).items()
        ],
        "towns": [
            {
                "code": code,
                "name": names.get(code, code),
                "planned": number,
                "amount": number * price,
            }
            for code, number in sorted((plan.towns or {}).items())
        ],
        "before": _last_year(region, policy, year),
    }


def _last_year(region: Region, policy: Policy, year: int) -> dict[str, Any] | None:
    """The final accounts of the year before, where there are any."""
    row = AnnualAccount.objects.filter(
        kind=Kind.FINAL,
        region=region,
        policy=policy.id,
        programme=policy.programme,
        year=year - 1,
    ).first()
    if row is None:
        return None
    return {
        "key": str(row.key),
        "status": str(row.get_status_display()),
        "planned": row.content.get("planned"),
        "cases": row.content.get("cases"),
        "granted": row.content.get("granted"),
    }


# --- its way -------------------------------------------------------------------------------------


def submit(row: AnnualAccount, actor: Actor) -> AnnualAccount:
    """Hand it in; from then on its figures do not change."""
    return _move(row, actor, "submit", OPEN, Status.SUBMITTED)


def return_(row: AnnualAccount, actor: Actor, reason: str) -> AnnualAccount:
    """Send it back with a reason, by another person."""
    if not reason.strip():
        raise FinanceError("no_reason", _("请填写退回理由。"))
    return _move(row, actor, "return", {Status.SUBMITTED}, Status.RETURNED, reason.strip())


def approve(row: AnnualAccount, actor: Actor) -> AnnualAccount:
    """Approve it, by another person than who drew it up or handed it in."""
    return _move(row, actor, "approve", {Status.SUBMITTED}, Status.APPROVED)


@transaction.atomic
def _move(
    account: AnnualAccount,
    actor: Actor,
    act: str,
    allowed: set[AnnualAccount.Status],
    to: AnnualAccount.Status,
    reason: str = "",
) -> AnnualAccount:
    actor.require("plan_money", account)
    row = AnnualAccount.objects.select_for_update().get(pk=account.pk)
    if row.status not in allowed:
        text = _("这份表现在是“%s”，不能进行这一步，请刷新页面。") % row.get_status_display()
        raise FinanceError("wrong_state", text)
    if act != "submit" and actor.username in hands(row):
        raise FinanceError("four_eyes", _("编制、提交人不能审批自己的表，请由另一人审批。"))
    _note(row, actor, act, to, reason)
    row.status = to
    if act != "submit":
        row.checked_by = actor.staff
    row.save()
    audit.record(actor, act, "annual-account", row.key)
    return row


def hands(row: AnnualAccount) -> set[str]:
    """Who drew it up or handed it in."""
    return history.hands(row.history, "prepare", "submit")


def _note(row: AnnualAccount, actor: Actor, act: str, to: str, reason: str = "") -> None:
    """One more line of the history."""
    change = {"from": str(row.status), "to": str(to)}
    row.history.append(history.line(actor, act=act, **change, reason=reason))
