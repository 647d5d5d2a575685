"""A report on its way: frozen once handed in, corrected by amendment."""

import datetime as dt
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from openpyxl import load_workbook

from sanyou.care.models import Episode
from sanyou.figures import submissions, workbook
from sanyou.figures.models import Submission
from sanyou.figures.submissions import ReportError
from sanyou.registry.access import Actor, Forbidden, NotFoundForYou
from sanyou.registry.models import Region
from sanyou.trust.models import AuditEvent
from tests.conftest import COUNTY, TODAY

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("F02")]


@pytest.fixture
def county(regions: None) -> Region:
    return Region.objects.get(pk=COUNTY)


@pytest.fixture
def statistician(actor: Callable[..., Any]) -> Actor:
    found: Actor = actor("statistician")
    return found


@pytest.fixture
def manager(actor: Callable[..., Any]) -> Actor:
    found: Actor = actor("manager")
    return found


def draw_up(county: Region, actor: Actor, month: dt.date = TODAY) -> Submission:
    return submissions.draft("preconception", "service_month", county, month, actor)


@pytest.fixture
def draft(episode_at: Callable[..., Episode], county: Region, statistician: Actor) -> Submission:
    episode_at("examined", 1)
    return draw_up(county, statistician)


def test_a_draft_may_be_drawn_up_again(
    draft: Submission, episode_at: Any, county: Region, statistician: Actor
) -> None:
    assert draft.figures["examined_couples"] == 1
    episode_at("examined", 2)
    again = draw_up(county, statistician)
    assert (again.pk, again.figures["examined_couples"]) == (draft.pk, 2)


def test_what_is_handed_in_is_what_was_looked_at(
    draft: Submission, episode_at: Any, statistician: Actor
) -> None:
    episode_at("examined", 2)
    with pytest.raises(ReportError) as refused:
        submissions.submit(draft, statistician)
    assert refused.value.code == "stale"


def test_a_submitted_report_is_frozen(
    draft: Submission, episode_at: Any, county: Region, statistician: Actor
) -> None:
    submissions.submit(draft, statistician)
    episode_at("examined", 2)
    again = draw_up(county, statistician)
    assert (again.status, again.figures["examined_couples"]) == ("submitted", 1)
    with pytest.raises(ReportError, match="已上报"):
        submissions.submit(draft, statistician)


def test_the_way_of_a_report(draft: Submission, statistician: Actor, manager: Actor) -> None:
    submissions.submit(draft, statistician)
    assert submissions.return_(draft, manager, "血型人数请核实").status == "returned"
    submissions.submit(draft, statistician)
    done = submissions.accept(draft, manager)
    assert done.status == Submission.Status.ACCEPTED
    assert [h["act"] for h in done.history] == ["draft", "submit", "return", "submit", "accept"]
    acts = AuditEvent.objects.filter(kind="report", subject=str(draft.key))
    assert acts.count() == 5


def test_returning_needs_a_reason(draft: Submission, statistician: Actor, manager: Actor) -> None:
    submissions.submit(draft, statistician)
    with pytest.raises(ReportError, match="理由"):
        submissions.return_(draft, manager, "")


def test_nobody_accepts_her_own_report(
    draft: Submission, staff: Callable[..., Any], statistician: Actor
) -> None:
    from sanyou.registry.models import DutyAssignment

    submissions.submit(draft, statistician)
    assert statistician.staff is not None
    second = DutyAssignment.objects.create(
        staff=statistician.staff, duty="manager", region_id=COUNTY, valid_from=dt.date(2020, 1, 1)
    )
    with pytest.raises(ReportError, match="另一人"):
        submissions.accept(draft, Actor.of(statistician.staff, second))


@pytest.mark.requirement("H01")
def test_reports_are_handed_in_and_accepted_by_duty_and_district(
    draft: Submission, actor: Callable[..., Any], manager: Actor, statistician: Actor
) -> None:
    with pytest.raises(Forbidden):
        submissions.submit(draft, manager)
    with pytest.raises(NotFoundForYou):
        submissions.submit(draft, actor("statistician", "500106"))
    submissions.submit(draft, statistician)
    with pytest.raises(Forbidden):
        submissions.accept(draft, statistician)


def test_an_amendment_shows_what_it_changed_and_leaves_the_old_report(
    draft: Submission, episode_at: Any, statistician: Actor
) -> None:
    submissions.submit(draft, statistician)
    later = episode_at("examined", 2)
    with pytest.raises(ReportError, match="理由"):
        submissions.amend(draft, statistician, " ")
    new = submissions.amend(draft, statistician, "补录一对")
    draft.refresh_from_db()
    assert (draft.figures["examined_couples"], new.figures["examined_couples"]) == (1, 2)
    assert (new.amendment, new.status, new.reason) == (1, "draft", "补录一对")
    change = next(c for c in submissions.changes(new) if c.indicator == "examined_couples")
    assert (change.before, change.after) == (1, 2)
    assert (change.added, change.removed) == ([str(later.key)], [])
    with pytest.raises(ReportError, match="最新"):
        submissions.amend(draft, statistician, "再更正")


def test_later_changes_of_the_records_are_shown_beside_the_frozen_report(
    draft: Submission, statistician: Actor
) -> None:
    submissions.submit(draft, statistician)
    assert submissions.drift(draft) == []
    Episode.objects.update(status=Episode.Status.CANCELLED)
    drift = {c.indicator: (c.before, c.after) for c in submissions.drift(draft)}
    assert drift["examined_couples"] == (1, 0)


def test_a_report_whose_figures_do_not_match_its_cases_is_not_handed_in(
    draft: Submission, statistician: Actor
) -> None:
    Submission.objects.filter(pk=draft.pk).update(cases=draft.cases | {"examined_couples": []})
    with pytest.raises(ReportError, match="不一致"):
        submissions.submit(draft, statistician)


def test_a_month_to_come_has_no_report(county: Region, statistician: Actor) -> None:
    with pytest.raises(ReportError, match="还没有到"):
        draw_up(county, statistician, dt.date(2999, 1, 1))


@pytest.mark.parametrize(
    ("month", "due"),
    [(dt.date(2021, 3, 9), dt.date(2021, 4, 5)), (dt.date(2020, 12, 1), dt.date(2021, 1, 5))],
)
def test_a_report_is_due_on_the_fifth_of_the_next_month(month: dt.date, due: dt.date) -> None:
    assert submissions.due_on(month) == due


def test_missing_and_late_months_are_visible(
    draft: Submission, county: Region, statistician: Actor
) -> None:
    submissions.submit(draft, statistician)  # handed in today, years after March 2021
    listed = submissions.months(
        "preconception", "service_month", county, dt.date(2021, 4, 6), count=3
    )
    assert [(m.month.month, bool(m.submission), m.overdue) for m in listed] == [
        (4, False, False),
        (3, True, False),
        (2, False, True),
    ]
    draft.refresh_from_db()
    assert submissions.is_late(draft)


def test_the_workbook_is_the_national_form_with_its_cases(
    draft: Submission, statistician: Actor
) -> None:
    submissions.submit(draft, statistician)
    draft.refresh_from_db()
    book = load_workbook(BytesIO(workbook.write(draft, statistician, "报市卫生健康委")))
    assert book.sheetnames == ["月报表", "个案清单"]
    sheet = book["月报表"]
    text = [c for row in sheet.iter_rows(values_only=True) for c in row if c is not None]
    assert sheet["A1"].value == "孕前优生健康检查服务工作月报表"
    assert {"尿液常规", "女方（人）", "男方（人）", "报告期：2021年3月"} <= set(text)
    merged = {str(r) for r in sheet.merged_cells.ranges}
    assert "A1:F1" in merged
    row = next(r for r in sheet.iter_rows() if r[1].value == "双方均完成检查的夫妇")
    assert row[4].value == draft.figures["examined_couples"] == 1
    cases = list(book["个案清单"].iter_rows(values_only=True))
    number = Episode.objects.get().number
    assert ("双方均完成检查的夫妇", number, "华岩镇") in cases
    assert not [r for r in cases if r[0] and "尿液常规" in str(r[0])]


@pytest.mark.requirement("H01")
def test_an_export_needs_a_reason_and_is_marked(draft: Submission, statistician: Actor) -> None:
    with pytest.raises(ReportError, match="用途"):
        workbook.write(draft, statistician, "")
    book = load_workbook(BytesIO(workbook.write(draft, statistician, "核对")))
    for sheet in book:
        marks = [str(c.value) for row in sheet.iter_rows() for c in row if c.value]
        assert any("核对" in m and statistician.username in m for m in marks)


def test_an_amendments_workbook_shows_both_figures(
    draft: Submission, episode_at: Any, statistician: Actor
) -> None:
    submissions.submit(draft, statistician)
    episode_at("examined", 2)
    new = submissions.amend(draft, statistician, "补录")
    sheet = load_workbook(BytesIO(workbook.write(new, statistician, "核对")))["月报表"]
    assert "第 1 次更正" in str(sheet["A1"].value)
    row = next(r for r in sheet.iter_rows() if r[1].value == "双方均完成检查的夫妇")
    assert (row[4].value, row[5].value) == (2, 1)
