"""A month's report on its way: drafted, submitted, returned or accepted; corrected by amendment.

What was submitted is frozen with its cases and the version of the content that computed it.
"""

import datetime as dt
from dataclasses import dataclass

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from sanyou.figures import checks
from sanyou.figures.models import Submission
from sanyou.figures.report import DENOMINATOR, Figures, Value, compute, month_of, programme_of
from sanyou.registry import history
from sanyou.registry.access import Actor, require_programme
from sanyou.registry.models import Region
from sanyou.trust import audit

# County to city by the 5th of the next month (monthly chain of the national programme, F02).
DUE_DAY = 5
_OPEN = {Submission.Status.DRAFT, Submission.Status.RETURNED}
_FROZEN = {Submission.Status.SUBMITTED, Submission.Status.ACCEPTED}


class ReportError(Exception):
    """Cannot be done; `message_zh` says why and what to do."""

    def __init__(self, code: str, message_zh: str) -> None:
        super().__init__(message_zh)
        self.code = code
        self.message_zh = message_zh


@dataclass(frozen=True, slots=True)
class Change:
    """How an amendment (or today's data) differs in one figure, case by case."""

    indicator: str
    before: Value | None
    after: Value | None
    added: list[str]
    removed: list[str]


def latest(programme_id: str, report: str, region: Region, month: dt.date) -> Submission | None:
    """The last amendment of a report, whatever its status."""
    return (
        Submission.objects.filter(
            programme=programme_id, report=report, region=region, month=month.replace(day=1)
        )
        .order_by("-amendment")
        .first()
    )


@transaction.atomic
def draft(
    programme_id: str, report: str, region: Region, month: dt.date, actor: Actor
) -> Submission:
    """Draw up a month's report, or draw a draft (or returned one) up again.

    A report already submitted is returned as it stands; `amend` corrects it.
    """
    actor.require("submit_report", region)
    require_programme(actor, programme_id)
    if report not in programme_of(programme_id).reports:
        raise ReportError("no_report", _("这个项目没有这种报表。"))
    first, _last = month_of(month)
    if first > timezone.localdate():
        raise ReportError("future", _("这个月份还没有到，不能编制报表。"))
    # One at a time for a region, so that a second click finds what the first has drawn up.
    Region.objects.select_for_update(no_key=True).get(pk=region.pk)
    found = latest(programme_id, report, region, first)
    if found is not None and found.status in _FROZEN:
        return found
    if found is None:
        found = Submission(programme=programme_id, report=report, region=region, month=first)
        _note(found, actor, "draft")
    _fill(found)
    found.save()
    audit.record(actor, "draft", "report", found.key)
    return found


def _fill(submission: Submission) -> None:
    """Compute it anew."""
    figures = _compute(submission)
    submission.figures = figures.values
    submission.cases = figures.cases
    submission.content_version = programme_of(submission.programme).version


def _compute(submission: Submission) -> Figures:
    programme = programme_of(submission.programme)
    return compute(programme, submission.report, submission.region, submission.month)


def check(submission: Submission) -> list[checks.Check]:
    """What to look at before it is handed in."""
    programme = programme_of(submission.programme)
    before = month_of(submission.month)[0] - dt.timedelta(days=1)
    previous = latest(submission.programme, submission.report, submission.region, before)
    found = checks.run(
        programme,
        submission.figures,
        submission.cases,
        previous.figures if previous else None,
    )
    if submission.status in _OPEN:
        found += checks.waiting(submission.programme, submission.region, submission.month)
    return found


@transaction.atomic
def submit(submission: Submission, actor: Actor) -> Submission:
    """Hand a draft in; from then on it is frozen.

    ReportError when a check fails, or when the records have changed since the draft was drawn up:
    what is handed in is what was looked at.
    """
    row = _locked(submission, actor, "submit_report", _OPEN)
    if _compute(row).values != row.figures:
        raise ReportError("stale", _("编制之后个案又有变动，请重新生成报表，核对后再上报。"))
    wrong = [c.text for c in check(row) if c.level == "error"]
    if wrong:
        raise ReportError("check_failed", " ".join(wrong))
    row.submitted_at, row.submitted_by = timezone.now(), actor.staff
    return _move(row, actor, "submit", Submission.Status.SUBMITTED)


@transaction.atomic
def return_(submission: Submission, actor: Actor, reason: str) -> Submission:
    """Send a submitted report back with a reason; it may then be drawn up again."""
    row = _locked(submission, actor, "accept_report", {Submission.Status.SUBMITTED})
    _another(row, actor)
    if not reason.strip():
        raise ReportError("no_reason", _("请填写退回理由。"))
    return _move(row, actor, "return", Submission.Status.RETURNED, reason.strip())


@transaction.atomic
def accept(submission: Submission, actor: Actor) -> Submission:
    """Accept a submitted report; never by whoever submitted it."""
    row = _locked(submission, actor, "accept_report", {Submission.Status.SUBMITTED})
    _another(row, actor)
    return _move(row, actor, "accept", Submission.Status.ACCEPTED)


@transaction.atomic
def amend(submission: Submission, actor: Actor, reason: str) -> Submission:
    """A dated correction of a submitted report: a new draft beside the frozen one."""
    row = _locked(submission, actor, "submit_report", _FROZEN)
    if not reason.strip():
        raise ReportError("no_reason", _("请填写更正理由。"))
    newest = latest(row.programme, row.report, row.region, row.month)
    if newest != row:
        raise ReportError("amended", _("这份报表已有更正，请在最新的一份上操作。"))
    new = Submission(
        programme=row.programme,
        report=row.report,
        region=row.region,
        month=row.month,
        amendment=row.amendment + 1,
        reason=reason.strip(),
    )
    _note(new, actor, "amend", reason.strip())
    _fill(new)
    new.save()
    audit.record(actor, "amend", "report", new.key, of=row.key)
    return new


def _locked(
    submission: Submission, actor: Actor, action: str, allowed: set[Submission.Status]
) -> Submission:
    actor.require(action, submission)
    row = Submission.objects.select_for_update().get(pk=submission.pk)
    if row.status not in allowed:
        raise ReportError(
            "wrong_state",
            _("报表现在是“%s”，不能进行这一步，请刷新页面。") % row.get_status_display(),
        )
    return row


def _another(submission: Submission, actor: Actor) -> None:
    if actor.staff is not None and submission.submitted_by == actor.staff:
        raise ReportError("four_eyes", _("上报人不能审核自己的报表，请由另一人审核。"))


def _move(
    row: Submission, actor: Actor, act: str, to: Submission.Status, reason: str = ""
) -> Submission:
    _note(row, actor, act, reason)
    row.status = to
    row.save()
    audit.record(actor, act, "report", row.key)
    return row


def _note(row: Submission, actor: Actor, act: str, reason: str = "") -> None:
    row.history.append(history.line(actor, act=act, reason=reason))


def due_on(month: dt.date) -> dt.date:
    """The day a month's report is due."""
    return (month_of(month)[1] + dt.timedelta(days=1)).replace(day=DUE_DAY)


def is_late(submission: Submission) -> bool:
    """Whether its first version was handed in after the day it was due."""
    at = submission.submitted_at
    return bool(at) and timezone.localtime(at).date() > due_on(submission.month)


def previous_of(submission: Submission) -> Submission | None:
    """The version an amendment corrects."""
    if not submission.amendment:
        return None
    return Submission.objects.get(
        programme=submission.programme,
        report=submission.report,
        region=submission.region,
        month=submission.month,
        amendment=submission.amendment - 1,
    )


def changes(submission: Submission) -> list[Change]:
    """What an amendment changed against the version before it; empty for a first version."""
    before = previous_of(submission)
    if before is None:
        return []
    return _differences(
        Figures(before.figures, before.cases), Figures(submission.figures, submission.cases)
    )


def drift(submission: Submission) -> list[Change]:
    """How today's records differ from what was frozen; a reason to amend."""
    return _differences(Figures(submission.figures, submission.cases), _compute(submission))


def _differences(before: Figures, after: Figures) -> list[Change]:
    found = []
    for indicator in {**before.values, **after.values}:
        old, new = before.values.get(indicator), after.values.get(indicator)
        key = indicator + DENOMINATOR if isinstance(new or old, dict) else indicator
        was, now = set(before.cases.get(key, ())), set(after.cases.get(key, ()))
        if old != new or was != now:
            found.append(Change(indicator, old, new, sorted(now - was), sorted(was - now)))
    return found


@dataclass(frozen=True, slots=True)
class Month:
    """A month of the list: its report if any, whether it is overdue."""

    month: dt.date
    due: dt.date
    submission: Submission | None
    overdue: bool


def months(
    programme_id: str, report: str, region: Region, today: dt.date, count: int = 12
) -> list[Month]:
    """The last months up to the current one, newest first, missing ones included."""
    firsts = [today.replace(day=1)]
    while len(firsts) < count:
        firsts.append((firsts[-1] - dt.timedelta(days=1)).replace(day=1))
    rows = Submission.objects.filter(
        programme=programme_id, report=report, region=region, month__in=firsts
    ).order_by("amendment")
    newest = {row.month: row for row in rows}
    found = []
    for first in firsts:
        submission = newest.get(first)
        handed_in = submission is not None and (
            submission.status in _FROZEN or submission.amendment > 0
        )
        due = due_on(first)
        found.append(Month(first, due, submission, not handed_in and today > due))
    return found
