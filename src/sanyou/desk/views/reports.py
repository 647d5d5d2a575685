"""Monthly reports: the months, the cases behind each figure, the way up, corrections."""

import datetime as dt
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sanyou.care import content
from sanyou.care.models import Episode
from sanyou.desk.actor import actor_of, duty_page
from sanyou.desk.below import Below, below
from sanyou.desk.history import steps
from sanyou.desk.paging import leaf
from sanyou.desk.views.money import workbook_response
from sanyou.desk.views.records_form import words
from sanyou.figures import layout, submissions, workbook
from sanyou.figures.models import Submission
from sanyou.figures.report import DENOMINATOR, Value, month_of, opens_to, programme_of, shown
from sanyou.protocol.programme import Programme
from sanyou.registry.access import Actor, visible
from sanyou.registry.regions import prefix_of
from sanyou.trust import audit

BADGE = {
    Submission.Status.DRAFT: "",
    Submission.Status.SUBMITTED: "warn",
    Submission.Status.RETURNED: "bad",
    Submission.Status.ACCEPTED: "ok",
}
ACTS = {
    "draft": gettext_lazy("编制"),
    "submit": gettext_lazy("上报"),
    "return": gettext_lazy("退回"),
    "accept": gettext_lazy("接收"),
    "amend": gettext_lazy("更正"),
}


@dataclass(frozen=True)
class Figure:
    """A figure on the page: `of` describes a rate's parts."""

    indicator: str
    label: str
    unit: str
    text: str
    of: str
    rate: bool
    target: str = ""  # what the policy asks for, with its clause


@dataclass(frozen=True)
class Line:
    """One examination of a crossed table: its figures in the order of the columns."""

    label: str
    figures: list[Figure | None]


@dataclass(frozen=True)
class Block:
    """A section on the page: plain rows or crossed lines."""

    label: str
    rows: list[Figure]
    crossed: list[Line]


def _targets(submission: Submission) -> dict[str, str]:
    """Indicator -> what the document in force that month asks for: ≥ 90% 二（一）."""
    policy = content.current_policy(
        submission.region.code, submission.programme, month_of(submission.month)[1]
    )
    signs = {"higher": "≥", "lower": "≤"}
    return {
        t.indicator: f"{signs[t.direction]} {t.value}{t.unit} {t.clause}".strip()
        for t in (policy.targets if policy else ())
        if t.indicator is not None and t.base is None
    }


def _figure(
    programme: Programme, indicator: str, values: dict[str, Value], target: str = ""
) -> Figure:
    spec = programme.indicators[indicator].spec
    value = values.get(indicator)
    is_rate = isinstance(value, dict)
    of = f"{value['numerator']} / {value['denominator']}" if isinstance(value, dict) else ""
    return Figure(indicator, words(spec.label), spec.unit, shown(value), of, is_rate, target)


def _blocks(submission: Submission) -> list[Block]:
    programme = programme_of(submission.programme)
    values, targets = submission.figures, _targets(submission)
    found = []
    for block in layout.blocks(programme, submission.report):
        rows = [_figure(programme, i, values, targets.get(i, "")) for i in block.rows]
        crossed = [
            Line(c.label, [_figure(programme, i, values) if i else None for i in c.cells])
            for c in block.crossed
        ]
        found.append(Block(block.label, [] if block.crossed else rows, crossed))
    return found


def _choices(actor: Actor, districts: Below | None = None) -> list[tuple[str, str, str]]:
    """(programme, report, label) of the programmes that run in the actor's district, or below."""
    found = []
    policies = content.library().policies.values()
    codes = districts.codes if districts else [actor.region.code if actor.region else ""]
    # A programme's place in its documents: what a document is mainly about comes first.
    here: dict[str, int] = {}
    for policy in policies:
        if any(code.startswith(prefix_of(policy.region)) for code in codes):
            for place, programme in enumerate(policy.programmes):
                here[programme] = min(place, here.get(programme, place))
    programmes = content.programmes_for(actor)
    wanted = sorted(here, key=lambda p: (here[p], p)) if actor.region_prefix else programmes
    for programme in (p for p in wanted if p in programmes):
        reports = programmes[programme].reports.values()
        found += [(programme, r.id, words(r.label)) for r in reports]
    return found


def _chosen(choices: list[tuple[str, str, str]], given: Any) -> tuple[str, str, str]:
    if not choices:
        raise Http404
    asked = given.get("report", "")
    return next((c for c in choices if f"{c[0]}/{c[1]}" == asked), choices[0])


@duty_page("report", methods=("GET",))
def report_list(request: HttpRequest) -> HttpResponse:
    """The last twelve months: handed in, missing, late; above the districts those of each."""
    actor = actor_of(request)
    districts = below(request, actor)
    choices = _choices(actor, districts)
    region = districts.chosen if districts else actor.region
    context: dict[str, Any] = {
        "actor": actor,
        "choices": choices,
        "below": districts,
        "region": region,
        "keep": f"district={region.code}&" if districts and region else "",
    }
    if choices and districts and region is None:
        programme, report, label = _chosen(choices, request.GET)
        context |= {
            "chosen": f"{programme}/{report}",
            "label": label,
            "board": _board(programme, report, districts),
        }
    elif choices and region:
        programme, report, label = _chosen(choices, request.GET)
        today = timezone.localdate()
        months = submissions.months(programme, report, region, today)
        context |= {
            "may_draft": actor.can("submit_report") and region == actor.region,
            "chosen": f"{programme}/{report}",
            "label": label,
            "months": [
                {
                    "month": m,
                    "badge": BADGE[Submission.Status(m.submission.status)] if m.submission else "",
                    "late": m.submission is not None and submissions.is_late(m.submission),
                }
                for m in months
            ],
            "elsewhere": visible(actor, Submission.objects.all())
            .filter(programme=programme, report=report, region__code__startswith=region.prefix)
            .exclude(region=region)
            .select_related("region")
            .order_by("-month", "region__code")[:40],
        }
    return render(request, "desk/reports/reports.html", context)


BOARD = 6  # months of the board


def _board(programme: str, report: str, districts: Below) -> dict[str, Any]:
    """A line for each district in which the programme runs: its last months."""
    today = timezone.localdate()
    policies = content.library().policies.values()
    lines: list[dict[str, Any]] = []
    for region in districts.districts:
        if not any(
            programme in p.programmes and region.code.startswith(prefix_of(p.region))
            for p in policies
        ):
            continue
        months = submissions.months(programme, report, region, today, BOARD)
        cells = [
            {
                "month": m,
                "badge": BADGE[Submission.Status(m.submission.status)] if m.submission else "",
                "late": m.submission is not None and submissions.is_late(m.submission),
            }
            for m in months
        ]
        lines.append({"region": region, "cells": cells})
    return {
        "months": [c["month"].month for c in lines[0]["cells"]] if lines else [],
        "lines": lines,
    }


@duty_page("submit_report", methods=("POST",))
def report_draft(request: HttpRequest) -> HttpResponse:
    """Draw a month up, or draw its draft up again."""
    actor = actor_of(request)
    programme, report, _label = _chosen(_choices(actor), request.POST)
    try:
        month = dt.date.fromisoformat(request.POST.get("month", ""))
    except ValueError:
        raise Http404 from None
    if actor.region is None:
        raise Http404
    found = submissions.draft(programme, report, actor.region, month, actor)
    return redirect("report", found.key)


def _submission(request: HttpRequest, key: UUID) -> Submission:
    rows = Submission.objects.select_related("region", "submitted_by")
    found: Submission = get_object_or_404(visible(actor_of(request), rows), key=key)
    return found


@duty_page("report", methods=("GET",))
def report(request: HttpRequest, key: UUID) -> HttpResponse:
    """One report, each figure opening its cases; what an amendment changed; its history."""
    actor = actor_of(request)
    found = _submission(request, key)
    programme = programme_of(found.programme)
    audit.record(actor, "read", "report", found.key)
    is_open = found.status in {Submission.Status.DRAFT, Submission.Status.RETURNED}
    newest = submissions.latest(found.programme, found.report, found.region, found.month)
    context = {
        "submission": found,
        "badge": BADGE[Submission.Status(found.status)],
        "label": words(programme.reports[found.report].label),
        "blocks": _blocks(found),
        "checks": submissions.check(found),
        "changes": _changes(programme, submissions.changes(found)),
        "versions": Submission.objects.filter(
            programme=found.programme, report=found.report, region=found.region, month=found.month
        ).order_by("amendment"),
        "late": submissions.is_late(found),
        "due": submissions.due_on(found.month),
        "history": steps(found.history, ACTS),
        "may": {
            "draft": is_open and actor.can("submit_report", found),
            "submit": is_open and actor.can("submit_report", found),
            "check": found.status == Submission.Status.SUBMITTED
            and actor.can("accept_report", found)
            and found.submitted_by != actor.staff,
            "amend": not is_open and newest == found and actor.can("submit_report", found),
            "export": actor.can("export", found),
        },
    }
    return render(request, "desk/reports/report.html", context)


@duty_page("report", methods=("GET",))
def report_drift(request: HttpRequest, key: UUID) -> HttpResponse:
    """How the records differ from the report by now; asked for once the page is there."""
    actor = actor_of(request)
    found = _submission(request, key)
    is_open = found.status in {Submission.Status.DRAFT, Submission.Status.RETURNED}
    newest = submissions.latest(found.programme, found.report, found.region, found.month)
    drift = submissions.drift(found) if newest == found else []
    context = {
        "changes": _changes(programme_of(found.programme), drift),
        "is_open": is_open,
        "may_amend": actor.can("submit_report", found),
    }
    return render(request, "desk/reports/drift.html", context)


def _changes(programme: Programme, changes: list[submissions.Change]) -> list[dict[str, Any]]:
    return [
        {
            "indicator": c.indicator,
            "label": words(programme.indicators[c.indicator].label)
            if c.indicator in programme.indicators
            else c.indicator,
            "before": shown(c.before),
            "after": shown(c.after),
            "added": len(c.added),
            "removed": len(c.removed),
        }
        for c in changes
    ]


@duty_page("submit_report", methods=("POST",))
def report_redraft(request: HttpRequest, key: UUID) -> HttpResponse:
    """Compute a draft anew."""
    found = _submission(request, key)
    submissions.draft(found.programme, found.report, found.region, found.month, actor_of(request))
    messages.success(request, _("已按最新的签名记录重新生成，请核对。"))
    return redirect("report", key)


@duty_page("submit_report", methods=("POST",))
def report_submit(request: HttpRequest, key: UUID) -> HttpResponse:
    """Hand it in."""
    submissions.submit(_submission(request, key), actor_of(request))
    messages.success(request, _("已上报，数字和个案清单已固定。"))
    return redirect("report", key)


@duty_page("accept_report", methods=("POST",))
def report_return(request: HttpRequest, key: UUID) -> HttpResponse:
    """Send it back with a reason."""
    submissions.return_(
        _submission(request, key), actor_of(request), request.POST.get("reason", "")
    )
    messages.success(request, _("已退回。"))
    return redirect("report", key)


@duty_page("accept_report", methods=("POST",))
def report_accept(request: HttpRequest, key: UUID) -> HttpResponse:
    """Accept it."""
    submissions.accept(_submission(request, key), actor_of(request))
    messages.success(request, _("已接收。"))
    return redirect("report", key)


@duty_page("submit_report", methods=("POST",))
def report_amend(request: HttpRequest, key: UUID) -> HttpResponse:
    """A correction beside the frozen report."""
    new = submissions.amend(
        _submission(request, key), actor_of(request), request.POST.get("reason", "")
    )
    messages.success(request, _("已生成更正稿，原报表保留不变。请核对变动后上报。"))
    return redirect("report", new.key)


@duty_page("report", methods=("GET",))
def report_cases(request: HttpRequest, key: UUID, indicator: str) -> HttpResponse:
    """The cases behind one figure, as far as the reader may know of them.

    Where the figure counts by results her duty does not read, only the number per town is shown.
    """
    actor = actor_of(request)
    found = _submission(request, key)
    programme = programme_of(found.programme)
    if indicator not in found.figures:
        raise Http404
    of = "of" in request.GET and indicator + DENOMINATOR in found.cases
    listed = found.cases.get(indicator + DENOMINATOR if of else indicator, [])
    mine = visible(actor, Episode.objects.filter(key__in=listed))
    audit.record(actor, "read", "report-cases", found.key, indicator=indicator, cases=len(listed))
    is_open = opens_to(actor, programme.indicators[indicator])
    context: dict[str, Any] = {
        "submission": found,
        "label": words(programme.reports[found.report].label),
        "figure": _figure(programme, indicator, found.figures),
        "of": of,
        "count": len(listed),
        "open": is_open,
        "note": words(programme.indicators[indicator].spec.note),
        "towns": mine.values("region__name", "region__code")
        .annotate(n=Count("id"))
        .order_by("region__code"),
        "hidden": len(listed) - mine.count(),
        "names": actor.can("see_person"),
    }
    if is_open:
        rows = mine.select_related("region", "couple__wife", "couple__husband", "person").order_by(
            "number"
        )
        context["leaf"] = leaf(request, rows)
    return render(request, "desk/reports/cases.html", context)


@duty_page("export", methods=("POST",))
def report_export(request: HttpRequest, key: UUID) -> HttpResponse:
    """The workbook in the national form."""
    found = _submission(request, key)
    actor = actor_of(request)
    actor.require("report", found)
    data = workbook.write(found, actor, request.POST.get("reason", ""))
    label = words(programme_of(found.programme).reports[found.report].label)
    return workbook_response(data, f"{found.month:%Y-%m} {found.region.name} {label}.xlsx")


@duty_page("report", methods=("GET",))
def report_print(request: HttpRequest, key: UUID) -> HttpResponse:
    """The report on A4."""
    actor = actor_of(request)
    found = _submission(request, key)
    programme = programme_of(found.programme)
    audit.record(actor, "print", "report", found.key)
    context = {
        "submission": found,
        "label": words(programme.reports[found.report].label),
        "blocks": _blocks(found),
    }
    return render(request, "desk/reports/print.html", context)
