"""Policies clause by clause, and monthly figures."""

import datetime as dt
from typing import Any

from django.http import HttpRequest
from ninja import Router

from sanyou.api import shapes
from sanyou.api.auth import actor_of
from sanyou.care import content
from sanyou.figures import report
from sanyou.protocol.policy import Policy
from sanyou.registry.access import NotFoundForYou, reaches
from sanyou.registry.models import Region
from sanyou.trust import audit

router = Router(tags=["policies and figures"])


def _line(policy: Policy) -> dict[str, Any]:
    return {
        "id": policy.id,
        "label": policy.label.zh,
        "document_number": policy.document_number,
        "region": policy.region,
        "starts": policy.starts,
        "ends": policy.ends,
        "stub": policy.stub,
    }


@router.get("/policies", response=list[shapes.PolicyLine])
def policies(request: HttpRequest) -> object:
    """Every policy known here."""
    actor_of(request).require("see_policy")
    found = content.library().policies.values()
    return [_line(p) for p in sorted(found, key=lambda p: (p.region, p.starts))]


@router.get("/policies/{policy_id}", response=shapes.PolicyOut)
def policy(request: HttpRequest, policy_id: str) -> object:
    """Every clause of a document with what implements it."""
    actor_of(request).require("see_policy")
    found = content.library().policies.get(policy_id)
    if found is None:
        raise NotFoundForYou
    return _line(found) | {"clauses": [c.model_dump() for c in found.clauses]}


@router.get("/figures/{programme}/{report_id}", response=shapes.FiguresOut)
def figures(
    request: HttpRequest, programme: str, report_id: str, region: str, month: dt.date
) -> object:
    """A month's figures as known on its last day; `month` is any day of it.

    The keys behind a figure are given where the duty reads every element it counts by.
    """
    actor = actor_of(request)
    actor.require("report")
    chosen = content.programmes_for(actor).get(programme)
    place = Region.objects.filter(pk=region).first()
    if place is None or not reaches(actor, place.code):
        raise NotFoundForYou
    if chosen is None or report_id not in chosen.reports:
        raise NotFoundForYou
    found = report.compute(chosen, report_id, place, month)
    listed = actor.can("see_person")
    opened = {i.id for i in report.indicators_of(chosen, report_id) if report.opens_to(actor, i)}
    cases = {
        name: keys
        for name, keys in found.cases.items()
        if listed and name.removesuffix(report.DENOMINATOR) in opened
    }
    audit.record(actor, "read", "figures", region, report=report_id, cases=sorted(cases))
    return {
        "programme": programme,
        "report": report_id,
        "region": region,
        "month": report.month_of(month)[0],
        "values": found.values,
        "cases": cases,
    }
