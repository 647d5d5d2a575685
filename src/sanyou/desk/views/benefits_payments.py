"""The list by which approved subsidies are paid out: the only place where finance reads accounts."""

from typing import Any
from uuid import UUID

from django.db.models import Count
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _

from sanyou.benefits import applications
from sanyou.care import content
from sanyou.care.errors import CareError
from sanyou.desk.actor import actor_of, duty_page
from sanyou.desk.paging import leaf
from sanyou.desk.views.records import find
from sanyou.desk.views.records_form import words
from sanyou.finance.models import Claim, Statement
from sanyou.finance.money import capitals, yuan
from sanyou.registry.access import visible
from sanyou.trust import audit

READY = (Statement.Status.APPROVED, Statement.Status.PAID)


def _statements() -> Any:
    """Approved statements of subsidies."""
    programmes = [p.id for p in applications.programmes()]
    return Statement.objects.filter(programme__in=programmes, status__in=READY).select_related(
        "organisation"
    )


@duty_page("pay_statement", methods=("GET",))
def payments(request: HttpRequest) -> HttpResponse:
    """Approved statements of subsidies, the newest first."""
    actor = actor_of(request)
    rows = visible(actor, _statements()).annotate(people=Count("claims")).order_by("-pk")
    audit.record(actor, "list", "statement", "")
    library = content.library()
    context = {
        "actor": actor,
        "leaf": (page := leaf(request, rows)),
        "rows": [
            {
                "statement": s,
                "label": words(library.programmes[s.programme].label),
                "total": yuan(s.total),
            }
            for s in page
        ],
        "here": "payments",
    }
    return render(request, "desk/benefits/payments.html", context)


@duty_page("pay_statement", methods=("GET",))
def payment_sheet(request: HttpRequest, key: UUID) -> HttpResponse:
    """Who is paid how much into which account, corrections of earlier ones too; printed for the
    bank, and every look is recorded."""
    actor, found = find(request, _statements(), key)
    lines = _lines(found)
    if not lines:
        raise CareError(_("这张结算表没有可以拨付的补助。"), "empty")
    audit.record(actor, "export", "statement", found.key, rows=len(lines), what="accounts")
    context = {
        "statement": found,
        "label": words(content.library().programmes[found.programme].label),
        "policy": content.library().policies[found.policy],
        "rows": [
            {
                "claim": claim,
                "yuan": yuan(amount),
                "corrected": corrected,
                "account": applications.account_of(claim.episode),
            }
            for claim, amount, corrected in lines
        ],
        "total": yuan(found.total),
        "capitals": capitals(found.total),
        "who": actor.display_name,
    }
    return render(request, "desk/benefits/payment_sheet.html", context)


def _lines(statement: Statement) -> list[tuple[Claim, int, bool]]:
    """(claim, fen, whether it corrects an earlier statement); they add up to the total."""
    people = ("episode__person", "episode__region")
    own = statement.claims.select_related(*people).order_by("pk")
    later = statement.corrections.exclude(amount=0).order_by("pk")
    corrected = later.select_related(*(f"claim__{name}" for name in people))
    return [(c, c.amount, False) for c in own] + [(c.claim, c.amount, True) for c in corrected]
