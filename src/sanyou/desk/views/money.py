"""Claims and statements: every yuan opens to the signed records that prove it."""

import datetime as dt
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote
from uuid import UUID

from django.contrib import messages
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sanyou.care import content
from sanyou.care.models import Encounter
from sanyou.desk.actor import actor_of, duty_page
from sanyou.desk.below import below
from sanyou.desk.history import steps
from sanyou.desk.paging import leaf
from sanyou.desk.views.records_form import words
from sanyou.finance import corrections, money, statements, workbook
from sanyou.finance.claims import policy_of, remedy
from sanyou.finance.models import Claim, Correction, Statement
from sanyou.protocol.models import ItemSpec
from sanyou.protocol.policy import Policy
from sanyou.protocol.pricing import split_shares
from sanyou.registry.access import Actor, shut_programmes, visible
from sanyou.registry.models import Organisation
from sanyou.registry.regions import prefix_of
from sanyou.trust import audit

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
BADGE = {
    Statement.Status.DRAFT: "",
    Statement.Status.SUBMITTED: "warn",
    Statement.Status.RETURNED: "bad",
    Statement.Status.APPROVED: "info",
    Statement.Status.PAID: "ok",
}
ACTS = {
    "prepare": gettext_lazy("生成"),
    "submit": gettext_lazy("提交"),
    "return": gettext_lazy("退回"),
    "approve": gettext_lazy("审核通过"),
    "pay": gettext_lazy("登记拨付"),
}
PERIODS_OFFERED = 4


@dataclass(frozen=True)
class Row:
    """A statement in a list."""

    statement: Statement
    programme: str
    period: str
    total: str
    badge: str
    couples: int


@dataclass(frozen=True)
class Offer:
    """A period a statement may be drawn up for; `value` comes back in the form."""

    value: str
    label: str


@dataclass(frozen=True)
class Item:
    """Whether a service item of one spouse is proved, and by which signed records."""

    who: str
    needed: bool
    records: list[Encounter]
    missing: list[str]


def _row(statement: Statement) -> Row:
    period = statements.period_label(statement.period_from, statement.period_to)
    badge = BADGE[Statement.Status(statement.status)]
    couples = getattr(statement, "couples", None)  # counted with the list
    if couples is None:
        couples = statement.claims.count()
    programme = _programme_label(statement.programme)
    return Row(statement, programme, period, money.yuan(statement.total), badge, couples)


def _policies(actor: Actor) -> list[Policy]:
    """Documents of the actor's district that price something."""
    code = actor.region.code if actor.region else ""
    found = content.library().policies.values()
    here = [p for p in found if not p.stub and code.startswith(prefix_of(p.region))]
    shut = shut_programmes(actor)
    parts = [q for p in here for q in p.every_part() if q.price or q.benefit]
    return [q for q in parts if q.programme not in shut]


def _offers(actor: Actor, today: dt.date) -> list[Offer]:
    """The current and the last periods of each document in force then."""
    found = []
    for policy in _policies(actor):
        day = today
        for _each in range(PERIODS_OFFERED):
            start, end = statements.period_of(policy, day)
            if policy.in_force(start) or policy.in_force(end):
                label = f"{statements.period_label(start, end)} · {_named(policy)}"
                found.append(Offer(f"{policy.id}|{policy.programme}|{start}|{end}", label))
            day = start - dt.timedelta(days=1)
    return found


def _programme_label(programme_id: str) -> str:
    programme = content.library().programmes.get(programme_id)
    return words(programme.label) if programme is not None else programme_id


def _named(policy: Policy) -> str:
    """The document and the programme."""
    return f"{_programme_label(policy.programme)} · {policy.document_number}"


@duty_page("see_money", methods=("GET",))
def statement_list(request: HttpRequest) -> HttpResponse:
    """Statements, newest first; or the claims refused, with clause and remedy."""
    actor = actor_of(request)
    refused = visible(actor, Claim.objects.filter(status=Claim.Status.REFUSED)).filter(
        served_on__isnull=False
    )
    districts = below(request, actor)
    if districts is not None and districts.chosen is not None:
        refused = refused.filter(episode__region__code__startswith=districts.chosen.prefix)
    tab = request.GET.get("tab", "statements")
    context: dict[str, Any] = {"tab": tab, "refused_count": refused.count(), "actor": actor}
    context |= {"below": districts, "keep": f"tab={tab}"}
    if tab == "refused":
        rows = refused.select_related("episode__region").order_by("-served_on", "-id")
        page = leaf(request, rows)
        context |= {"leaf": page, "refused": [_refusal(c) for c in page]}
    else:
        found = visible(actor, Statement.objects.annotate(couples=Count("claims")))
        found = found.select_related("organisation")
        if districts is not None and districts.chosen is not None:
            found = found.filter(organisation__region__code__startswith=districts.chosen.prefix)
        page = leaf(request, found.order_by("-period_from", "-id"))
        context |= {"leaf": page, "rows": [_row(s) for s in page]}
        if actor.can("claim"):
            context["offers"] = _offers(actor, timezone.localdate())
    return render(request, "desk/money/statements.html", context)


def _refusal(claim: Claim) -> dict[str, Any]:
    code = claim.refusal.get("code", "")
    return {"claim": claim, "remedy": remedy(code) if code else "", **claim.refusal}


@duty_page("claim", methods=("POST",))
def statement_prepare(request: HttpRequest) -> HttpResponse:
    """Draw up the statement of one period, or draw it up again."""
    actor = actor_of(request)
    offer = request.POST.get("period", "")
    if offer not in {o.value for o in _offers(actor, timezone.localdate())}:
        raise Http404
    policy_id, programme, start, end = offer.split("|")
    centre = (
        visible(actor, Organisation.objects.filter(kind=Organisation.Kind.CENTRE, active=True))
        .order_by("code")
        .first()
    )
    if centre is None:
        raise Http404
    statement = statements.prepare(
        centre,
        content.library().policies[policy_id],
        dt.date.fromisoformat(start),
        dt.date.fromisoformat(end),
        actor,
        programme,
    )
    if statement.status in {Statement.Status.DRAFT, Statement.Status.RETURNED}:
        messages.success(request, _("已按截至期末的签名记录生成结算表，请核对后提交。"))
    else:
        messages.info(request, _("这一期的结算表已经提交，不能重新生成。"))
    return redirect("statement", statement.key)


def _statement(request: HttpRequest, key: UUID) -> Statement:
    rows = Statement.objects.select_related("organisation__region", "prepared_by", "checked_by")
    found: Statement = get_object_or_404(visible(actor_of(request), rows), key=key)
    return found


@duty_page("see_money", methods=("GET",))
def statement(request: HttpRequest, key: UUID) -> HttpResponse:
    """One statement: sums, shares, its lines, what was refused, its history."""
    actor = actor_of(request)
    found = _statement(request, key)
    policy = statements.current_policy(found)
    audit.record(actor, "read", "statement", found.key)
    lines = found.claims.select_related("episode__region").order_by("served_on", "id")
    page = leaf(request, lines)
    labels = {s.payer: words(s.label) for s in policy.shares}
    is_open = found.status in {Statement.Status.DRAFT, Statement.Status.RETURNED}
    is_submitted = found.status == Statement.Status.SUBMITTED
    context = {
        "row": _row(found),
        "statement": found,
        "policy": policy,
        "policy_label": words(policy.label),
        "capitals": money.capitals(found.total),
        "settlement": words(policy.settlement.text) if policy.settlement else "",
        "clause": policy.clause(policy.settlement.clause) if policy.settlement else None,
        "shares": [
            {"label": labels.get(payer, payer), "yuan": money.yuan(fen)}
            for payer, fen in found.shares.items()
        ],
        "leaf": page,
        "lines": [{"claim": c, "yuan": money.yuan(c.amount)} for c in page],
        "programme_label": _programme_label(found.programme),
        "corrections": _corrections(found),
        "corrected": money.yuan(corrections.total(found)),
        "refused": [_refusal(c) for c in workbook.refused(found).order_by("served_on", "id")[:100]],
        "problems": statements.problems(found) if is_open or is_submitted else [],
        "history": steps(found.history, ACTS),
        "may": {
            "prepare": is_open and actor.can("claim"),
            "submit": is_open and actor.can("claim"),
            "check": is_submitted and actor.can("approve_statement"),
            "pay": found.status == Statement.Status.APPROVED and actor.can("pay_statement"),
            "export": actor.can("export"),
        },
        "offer": f"{found.policy}|{found.programme}|{found.period_from}|{found.period_to}",
        "own": actor.username in statements.hands(found),
    }
    return render(request, "desk/money/statement.html", context)


@duty_page("see_money", methods=("GET",))
def statement_print(request: HttpRequest, key: UUID) -> HttpResponse:
    """The whole statement on A4, every line of it."""
    found = _statement(request, key)
    policy = statements.current_policy(found)
    audit.record(actor_of(request), "print", "statement", found.key)
    labels = {s.payer: words(s.label) for s in policy.shares}
    lines = found.claims.select_related("episode__region").order_by("served_on", "id")
    context = {
        "row": _row(found),
        "statement": found,
        "policy": policy,
        "policy_label": words(policy.label),
        "programme_label": _programme_label(found.programme),
        "capitals": money.capitals(found.total),
        "shares": [
            {"label": labels.get(payer, payer), "yuan": money.yuan(fen)}
            for payer, fen in found.shares.items()
        ],
        "lines": [{"claim": c, "yuan": money.yuan(c.amount)} for c in lines],
        "corrections": _corrections(found),
        "corrected": money.yuan(corrections.total(found)),
    }
    return render(request, "desk/money/statement_print.html", context)


def _corrections(statement: Statement) -> list[dict[str, Any]]:
    rows = statement.corrections.select_related("claim__episode__region", "claim__statement")
    return [_correction(c) for c in rows.order_by("pk")]


def _correction(one: Correction) -> dict[str, Any]:
    """What a statement sets right of an earlier one, in words."""
    return {
        "correction": one,
        "claim": one.claim,
        "original": one.claim.statement,
        "yuan": money.yuan(one.amount),
        "remedy": remedy(one.code),
    }


@duty_page("claim", methods=("POST",))
def statement_submit(request: HttpRequest, key: UUID) -> HttpResponse:
    """Hand it in for approval."""
    statements.submit(_statement(request, key), actor_of(request))
    messages.success(request, _("已提交，请由另一人审核。"))
    return redirect("statement", key)


@duty_page("approve_statement", methods=("POST",))
def statement_return(request: HttpRequest, key: UUID) -> HttpResponse:
    """Send it back with a reason."""
    statements.return_(_statement(request, key), actor_of(request), request.POST.get("reason", ""))
    messages.success(request, _("已退回。"))
    return redirect("statement", key)


@duty_page("approve_statement", methods=("POST",))
def statement_approve(request: HttpRequest, key: UUID) -> HttpResponse:
    """Approve it, by somebody else than whoever drew it up."""
    statements.approve(_statement(request, key), actor_of(request))
    messages.success(request, _("已审核通过，可以拨付。"))
    return redirect("statement", key)


@duty_page("pay_statement", methods=("POST",))
def statement_paid(request: HttpRequest, key: UUID) -> HttpResponse:
    """Note the payment."""
    statements.mark_paid(
        _statement(request, key), actor_of(request), request.POST.get("voucher", "")
    )
    messages.success(request, _("已登记拨付。"))
    return redirect("statement", key)


@duty_page("export", methods=("POST",))
def statement_export(request: HttpRequest, key: UUID) -> HttpResponse:
    """The workbook, with who took it and why on every sheet."""
    found = _statement(request, key)
    actor = actor_of(request)
    actor.require("see_money", found)
    data = workbook.write(found, actor, request.POST.get("reason", ""))
    return workbook_response(data, f"{found.number}.xlsx")


def workbook_response(data: bytes, name: str) -> HttpResponse:
    """A spreadsheet to keep."""
    response = HttpResponse(data, content_type=XLSX)
    response["Content-Disposition"] = f"attachment; filename*=UTF-8''{quote(name)}"
    return response


@duty_page("see_money", methods=("GET",))
def claim(request: HttpRequest, key: UUID) -> HttpResponse:
    """One claim: amount or refusal, the words of the document, and each record that proves it.

    Results themselves are not shown: money is checked by who signed what and when.
    """
    actor = actor_of(request)
    found = get_object_or_404(
        visible(actor, Claim.objects.all()).select_related(
            "episode__region", "statement", "episode__organisation"
        ),
        key=key,
    )
    audit.record(actor, "read", "claim", found.key)
    policy = policy_of(found.episode)
    changes = list(found.corrections.order_by("pk"))
    keys = {*found.evidence, *(key for c in changes for key in c.after)}
    records = list(
        Encounter.objects.filter(key__in=keys)
        .select_related("signed_by", "organisation")
        .order_by("occurred_on", "id")
    )
    programme = content.programme_of(found.episode)
    labels = {s.payer: words(s.label) for s in policy.shares}
    context = {
        "claim": found,
        "yuan": money.yuan(found.amount),
        "working": found.working.get("text", ""),
        "corrections": [
            {"correction": c, "statement": c.statement, "yuan": money.yuan(c.amount)}
            for c in found.corrections.select_related("statement").order_by("pk")
        ],
        "stands": money.yuan(corrections.standing([found])[found.pk].amount),
        "shares": [
            {"label": labels.get(payer, payer), "yuan": money.yuan(fen)}
            for payer, fen in _shares(policy, found).items()
        ],
        "policy": policy,
        "policy_label": words(policy.label),
        "refusal": _refusal(found) if found.status == Claim.Status.REFUSED else None,
        "clauses": _clauses(policy, found),
        "decision": found.episode.decisions.order_by("-id").first(),
        "consents": [
            {"role": words(programme.role_label.get(c.role, c.role)), "consent": c}
            for c in found.episode.consents.select_related("by").order_by("id")
        ],
        "records": [
            {
                "record": r,
                "form": words(programme.forms[r.form].label)
                if r.form in programme.forms
                else r.form,
                "role": words(programme.role_label.get(r.role, r.role)),
            }
            for r in records
        ],
        "whose": [words(programme.role_label.get(r, r)) for r in programme.roles],
        "items": _items(policy, found, records),
    }
    return render(request, "desk/money/claim.html", context)


def _shares(policy: Policy, claim: Claim) -> dict[str, int]:
    """Who bears a claim; nothing where it was refused."""
    if claim.status == Claim.Status.REFUSED:
        return {}
    return split_shares(policy, claim.amount, claim.tier or None)


def _clauses(policy: Policy, claim: Claim) -> list[dict[str, str]]:
    """The clauses a claim rests on (or is refused by), in full."""
    refs = claim.refusal.get("clause", "").split("、")
    if claim.status != Claim.Status.REFUSED:
        again = policy.entitlement.decisions if policy.entitlement else []
        refs = [claim.working.get("clause", ""), *(d.clause for d in again if d.grant == "free")]
    found = (policy.clause(ref) for ref in dict.fromkeys(filter(None, refs)))
    return [{"ref": c.ref, "text": words(c.text)} for c in found if c is not None]


def _items(
    policy: Policy, claim: Claim, records: list[Encounter]
) -> list[tuple[str, list[Item | None]]]:
    """(item, per role of the programme its check) with the records its results stand in."""
    programme = content.programme_of(claim.episode)
    lacking = {(m["item"], m["role"]): m["elements"] for m in claim.refusal.get("missing", ())}

    def check(item: ItemSpec, role: str) -> Item | None:
        if role not in item.who:
            return None
        proof = [
            r
            for r in records
            if r.status == Encounter.Status.SIGNED
            and r.role == role
            and any(r.data.get(e) is not None for e in item.requires)
        ]
        absent = lacking.get((item.id, role), ())
        missing = [words(policy.fact_label(f"{role}.{e}")) for e in absent]
        who = words(programme.role_label.get(role, role))
        return Item(who, bool(item.requires), proof, missing)

    return [(words(i.label), [check(i, r) for r in programme.roles]) for i in policy.items]
