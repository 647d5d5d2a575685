"""What a month leaves on the desk: notices, follow-up list, report, statement, refused rows.

All of it is made anew from the database on each run; nothing here changes a record.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _
from rich.progress import Progress

from sanyou.care.facts import facts_table
from sanyou.care.models import Assessment, Episode
from sanyou.exchange import notices, outputs, summary
from sanyou.figures import submissions
from sanyou.figures import workbook as report_workbook
from sanyou.finance import statements
from sanyou.finance import workbook as statement_workbook
from sanyou.finance.models import Statement
from sanyou.protocol.assessment import assess
from sanyou.protocol.pricing import completeness
from sanyou.protocol.schedule import plan, recheck_tasks
from sanyou.trust import audit

if TYPE_CHECKING:
    from sanyou.exchange.month import Month

REASON = "按月办理"
REFUSED, FOLLOW_UP, STATEMENT = "未导入和待核实.xlsx", "随访名单.xlsx", "结算表.xlsx"
NOTICES = "告知书"


def write_all(month: Month, progress: Progress | None) -> None:
    """Write every file of the month."""
    steps = [
        (_("未导入和待核实的行"), _refused),
        (_("随访名单"), _follow_up),
        (_("月报表"), _reports),
        (_("结算表"), _statement),
    ]
    bar = progress.add_task("输出表格", total=len(steps)) if progress else None
    for _label, work in steps:
        work(month)
        if progress and bar is not None:
            progress.advance(bar)
    notices.write(month, month.out / NOTICES, progress)


def _refused(month: Month) -> None:
    data = outputs.refused_workbook(month.files, month.actor, unmasked=True)
    outputs.write_bytes(month.out / REFUSED, data)
    for file in month.files:
        audit.record(month.actor, "export", "file", file.key, reason=REASON)


def _reports(month: Month) -> None:
    """Each monthly report of the programme, as a draft."""
    for report_id, report in month.programme.reports.items():
        draft = submissions.draft(
            month.programme.id, report_id, month.centre.region, month.on, month.actor
        )
        data = report_workbook.write(draft, month.actor, REASON)
        outputs.write_bytes(month.out / f"{report.label}.xlsx", data)


def _statement(month: Month) -> None:
    start, end = statements.period_of(month.policy, month.on)
    drawn = Statement.objects.get(
        organisation=month.centre,
        policy=month.policy.id,
        programme=month.programme.id,
        period_from=start,
        period_to=end,
    )
    outputs.write_bytes(month.out / STATEMENT, statement_workbook.write(drawn, month.actor, REASON))


# --- the follow-up list ---------------------------------------------------------------------------


def _follow_up(month: Month) -> None:
    headings = [
        _("档案编号"), _("女方"), _("男方"), _("联系电话"), _("镇街"), _("对象"), _("事项"), _("原因"),
        _("最早"), _("最迟"), _("经办"),
    ]  # fmt: skip
    lines = sorted(_lines(month), key=lambda line: (str(line[9]), str(line[0]), str(line[6])))
    data = outputs.table(
        _("随访名单"), headings, lines, [18, 10, 10, 14, 16, 8, 24, 34, 12, 12, 12]
    )
    outputs.write_bytes(month.out / FOLLOW_UP, data)
    audit.record(month.actor, "export", "follow-up", "", rows=len(lines), reason=REASON)


def _lines(month: Month) -> Iterator[list[Any]]:
    for episode in _with_people(summary.absent_episodes(month.rosters)):
        yield [*_who(episode), "", _("再次通知到检"), _("符合条件，尚未到检"), "", "", _("镇街")]
    examined = _with_people(summary.examined_episodes(month.rosters))
    day = month.last_day
    standing = {
        a.episode_id: a
        for a in Assessment.objects.filter(episode__in=examined).exclude(
            status=Assessment.Status.SUPERSEDED
        )
    }
    for episode, facts in zip(examined, facts_table(examined, day), strict=True):
        if episode.pk in standing:
            yield from _of_couple(month, episode, facts, day)


def _with_people(episodes: Any) -> list[Episode]:
    return list(episodes.select_related("couple__wife", "couple__husband", "region").order_by("pk"))


def _of_couple(
    month: Month, episode: Episode, facts: dict[str, Any], day: date
) -> Iterator[list[Any]]:
    who = _who(episode)
    labels = {role: str(label) for role, label in month.programme.role_label.items()}
    duties = {d.id: str(d.label) for d in _duties()}
    items = {i.id: str(i.label) for i in month.policy.items}
    for missing in completeness(month.policy, facts):
        names = "、".join(str(month.programme.fact_label(f)) for f in missing.facts)
        why = _("必查项目没有结果：%s") % names
        yield [*who, labels.get(missing.role, ""), _("补查%s") % items[missing.item], why, day, "",
               duties.get("laboratory", "")]  # fmt: skip
    result = assess(month.programme, facts)
    findings = {f.key: str(f.label) for f in result.findings}
    for task in recheck_tasks(result, day):
        key = f"{task.role}.{task.id.removeprefix('recheck_')}"
        yield [*who, labels.get(task.role, ""), str(task.label), findings.get(key, ""), task.opens,
               task.due, duties.get("assessing_doctor", "")]  # fmt: skip
    # The first contact, counted from the day the notice is handed over.
    told = {**facts, "couple.notice_on": facts.get("couple.notice_on") or day}
    for task in plan(month.programme, told, day)[:1]:
        yield [*who, labels.get(task.role, ""), str(task.label), _("自出具告知书之日起"), task.opens,
               task.due, duties.get(task.duty or "", "")]  # fmt: skip


def _duties() -> Any:
    from sanyou.registry.duties import DUTIES

    return DUTIES.values()


def _who(episode: Episode) -> list[Any]:
    assert episode.couple is not None
    wife, husband = episode.couple.wife, episode.couple.husband
    phone = wife.phone or husband.phone
    return [episode.number, wife.name, husband.name, phone, episode.region.name]
