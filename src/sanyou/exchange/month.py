"""A centre's month from its files: register, judge, invite, examine, assess, notices, lists, report,
statement.

The database lies in OUT/.sanyou. Every step looks at what is done already, so the command may be
killed at any point and run again: it goes on, does nothing twice and ends with the same result.
Nothing is signed in a doctor's name: assessments are proposed and notices marked 待医生确认.
"""

import hashlib
import json
import re
from calendar import monthrange
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

from django.db import transaction
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from sanyou.care import assessments, cards, content, episodes, flow
from sanyou.care.models import Assessment, Card, Encounter, Episode
from sanyou.exchange import handout, jobs, outputs, summary, values
from sanyou.exchange.context import unpack
from sanyou.exchange.errors import BadValue, FileProblem
from sanyou.exchange.hl7lab import control_id, split
from sanyou.exchange.models import ImportFile
from sanyou.exchange.stations import may_be_examined
from sanyou.registry import organisations, people
from sanyou.registry.access import Actor
from sanyou.registry.models import Organisation, Region

Kind = ImportFile.Kind
# Files may hold several tables; they are worked through in this order, whatever file they are in.
CONTROL_ID = re.compile(r"\D+(\d+)-?\d{6}")  # letters, batch, running number
ORDER = (Kind.HISTORY, Kind.ROSTER, Kind.STATIONS, Kind.LAB)
BATCH = 20  # couples or rows per transaction


@dataclass
class Month:
    """Everything the steps need to know."""

    policy: Any
    programme: Any
    library: Any
    on: date
    actor: Actor
    centre: Organisation
    out: Path
    files: list[ImportFile]

    def of(self, *kinds: str) -> list[ImportFile]:
        return [f for f in self.files if f.kind in kinds]

    @property
    def rosters(self) -> list[ImportFile]:
        return self.of(Kind.ROSTER)

    @cached_property
    def last_day(self) -> date:
        """The last day of the month, or of the last record where the month ran over. Asked for
        only after all records are in."""
        end = self.on.replace(day=monthrange(self.on.year, self.on.month)[1])
        last = (
            Encounter.objects.filter(status=Encounter.Status.SIGNED)
            .order_by("-occurred_on")
            .values_list("occurred_on", flat=True)
            .first()
        )
        return max(end, last) if last else end


@dataclass(frozen=True)
class _Given:
    """One input file as found."""

    path: Path
    data: bytes
    parts: Sequence[jobs.Part]


def run(
    policy: str,
    roster: Path,
    stations: Path,
    lab: Path,
    out: Path,
    *,
    on: date | None = None,
    console: Console | None = None,
) -> dict[str, Any]:
    """Do the month and return its summary. FileProblem when a file cannot be used."""
    library = content.library()
    chosen = library.policies[policy]
    programme = next(
        (library.programmes[p] for p in chosen.programmes if library.programmes[p].is_couple), None
    )
    if programme is None:
        raise FileProblem(f"政策“{policy}”没有以夫妇为对象的项目，不能按月办理。")
    out.mkdir(parents=True, exist_ok=True)
    outputs.sweep(out)
    given = _look([roster, stations, lab], library, programme)
    day = _same_month(out, policy, given, on or _day(given))
    _check_in_force(chosen, day)
    with _bar(console) as progress:
        month = _begin(library, chosen, programme, day, out)
        month.files = _receive(month, given)
        _work(month, progress)
        result = _batch(given) | summary.of_files(month.files, library)
        handout.write_all(month, progress)
    text = json.dumps(result, ensure_ascii=False, indent=1) + "\n"
    outputs.write_text(out / "summary.json", text)
    return result


def _batch(given: Iterable[_Given]) -> dict[str, int]:
    """The batch that the laboratory's control ids carry before their running number of six digits.

    Given in the summary as `seed`; left out where the messages do not share one.
    """
    ids = [
        control_id(message)
        for file in given
        for part in file.parts
        if part.kind == Kind.LAB
        for message in split(file.data)
    ]
    found = {int(m[1]) if (m := CONTROL_ID.fullmatch(text)) else None for text in ids}
    batch = found.pop() if len(found) == 1 else None
    return {} if batch is None else {"seed": batch}


# --- what is given --------------------------------------------------------------------------------


def _look(paths: Iterable[Path], library: Any, programme: Any) -> list[_Given]:
    given = []
    for path in paths:
        try:
            data = path.read_bytes()
        except OSError as cause:
            raise FileProblem(f"“{path.name}”无法打开：{cause.strerror}。") from None
        given.append(_Given(path, data, jobs.look(path.name, data, library, programme)))
    found = {part.kind for g in given for part in g.parts}
    for kind in (Kind.ROSTER, Kind.STATIONS, Kind.LAB):
        if kind not in found:
            raise FileProblem(f"三个文件里没有认出“{kind.label}”。请核对文件和表头。")
    return given


def _day(given: list[_Given]) -> date:
    """The month the roster names, else the month of the earliest examination."""
    stated = jobs.stated_day([p for g in given for p in g.parts])
    if stated is not None:
        return stated
    days = [d for g in given for p in g.parts if p.kind == Kind.STATIONS for d in _exam_days(p)]
    if not days:
        raise FileProblem("花名册没有写明月份，检查站记录也没有检查日期。请用 --on 指定审核日期。")
    return min(days).replace(day=1)


def _exam_days(part: jobs.Part) -> list[date]:
    column = part.mapping["columns"].get("exam_on")
    days = []
    for _number, cells in part.rows:
        row = unpack(cells)
        try:
            found = values.day(row[column]) if column is not None and column < len(row) else None
        except BadValue:
            continue
        if found is not None:
            days.append(found)
    return days


def _same_month(out: Path, policy: str, given: list[_Given], day: date) -> date:
    """Remember which files this folder is for; another month's files do not mix with them."""
    stamp = {
        "policy": policy,
        "on": day.isoformat(),
        "files": [hashlib.sha256(g.data).hexdigest() for g in given],
    }
    path = out / ".sanyou" / "month.json"
    if path.exists():
        if json.loads(path.read_text("utf-8")) != stamp:
            raise FileProblem(
                f"“{out}”里已有另一批文件（或另一个审核日期）的结果。请换一个结果目录。"
            )
    else:
        outputs.write_text(path, json.dumps(stamp))
    return day


def _check_in_force(policy: Any, day: date) -> None:
    if day < policy.starts:
        raise FileProblem(
            f"政策“{policy.label}”自 {policy.starts} 起施行，不能用于 {day}。请核对 --policy 或 --on。"
        )


def _begin(library: Any, policy: Any, programme: Any, day: date, out: Path) -> Month:
    county = Region.objects.get(pk=policy.region)
    district = organisations.setup_district(policy.region, _centre_name(policy, county))
    actor = Actor.system("month", county)
    return Month(policy, programme, library, day, actor, district.centre, out, [])


def _centre_name(policy: Any, county: Region) -> str:
    """The service centre as the policy calls it, with the county's name in front."""
    for duty in policy.duties:
        if duty.who == "service_centre":
            return county.name + str(duty.label).removeprefix(county.name).removeprefix("区")
    return f"{county.name}妇幼保健计划生育服务中心"


def _receive(month: Month, given: list[_Given]) -> list[ImportFile]:
    """Store every table, in one transaction; those stored by an earlier run are found again."""
    evidence = _evidence(given)
    files = []
    with transaction.atomic():
        for g in given:
            files += jobs.receive(
                g.path.name,
                g.data,
                programme=month.programme.id,
                policy=month.policy.id,
                on=month.on,
                actor=month.actor,
                organisation=month.centre,
                parts=g.parts,
            )
        files = [jobs.prepare(f, month.actor, evidence=evidence) for f in files]
    return sorted(files, key=lambda f: (ORDER.index(Kind(f.kind)), f.pk))


def _evidence(given: list[_Given]) -> set[str]:
    """Id numbers of everybody who came or had a check before: where a roster lists somebody with two
    partners, the couple known from these files stands and the other row is held."""
    wanted = {Kind.STATIONS: ("id",), Kind.HISTORY: ("wife_id", "husband_id")}
    found = set()
    for part in (p for g in given for p in g.parts):
        columns = [part.mapping["columns"][name] for name in wanted.get(Kind(part.kind), ())]
        for _number, cells in part.rows if columns else ():
            row = unpack(cells)
            for column in columns:
                try:
                    number = values.identity(row[column]) if column < len(row) else None
                except BadValue:
                    continue
                if number:
                    found.add(people.normalise_id(number))
    return found


# --- the work -------------------------------------------------------------------------------------


def _bar(console: Console | None) -> Any:
    if console is None:
        return nullcontext(None)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    )


def each(
    progress: Progress | None, label: str, items: Sequence[Any], work: Callable[[Any], object]
) -> None:
    """Do `work` for each item, some per transaction, with a bar."""
    bar = progress.add_task(label, total=len(items)) if progress else None
    for start in range(0, len(items), BATCH):
        with transaction.atomic():
            for item in items[start : start + BATCH]:
                work(item)
        if progress and bar is not None:
            progress.advance(bar, len(items[start : start + BATCH]))


def _work(month: Month, progress: Progress | None) -> None:
    for file in month.of(Kind.HISTORY):
        _import(month, progress, file)
    for file in month.rosters:
        _import(month, progress, file)
    _judge(month, progress)
    _invite(month, progress)
    for file in month.of(Kind.STATIONS):
        _import(month, progress, file)
    for file in month.of(Kind.LAB):
        _import(month, progress, file)
    _assess(month, progress)
    _settle(month)


def _import(month: Month, progress: Progress | None, file: ImportFile) -> None:
    label = f"导入{file.get_kind_display()}" + (f"·{file.sheet}" if file.sheet else "")
    state = jobs.progress(file)
    bar = progress.add_task(label, total=state.total, completed=state.done) if progress else None
    while not state.finished:
        state = jobs.step(file, month.actor, budget_seconds=0.5, batch=BATCH)
        if progress and bar is not None:
            progress.update(bar, completed=state.done)
    jobs.step(file, month.actor, budget_seconds=0)  # marks a file without rows as done


def _judge(month: Month, progress: Progress | None) -> None:
    """Township review and confirmation by the centre, on the day of the roster."""
    waiting = list(
        summary.episodes_of(month.rosters)
        .filter(decisions=None, status=Episode.Status.OPEN)
        .select_related("couple__wife", "couple__husband", "region")
        .order_by("pk")
    )

    def judge(episode: Episode) -> None:
        with flow.at_end():
            episodes.review(episode, month.actor)
            episodes.confirm(episode, month.actor, on=month.on)
            if may_be_examined(episode):
                cards.issue(episode, month.actor, on=month.on)

    each(progress, "审核资格", waiting, judge)


def _invite(month: Month, progress: Progress | None) -> None:
    """A service card for each couple that may be examined free of charge."""
    carded = Card.objects.exclude(status=Card.Status.VOID).values("episode")
    waiting = list(
        summary.eligible_episodes(month.rosters)
        .exclude(pk__in=carded)
        .select_related("couple__wife", "couple__husband", "region")
        .order_by("pk")
    )
    each(progress, "发放服务卡", waiting, lambda e: cards.issue(e, month.actor, on=month.on))


def _assess(month: Month, progress: Progress | None) -> None:
    """Propose an assessment for each couple examined; a doctor confirms it later."""
    standing = Assessment.objects.exclude(status=Assessment.Status.SUPERSEDED).values("episode")
    waiting = list(
        summary.examined_episodes(month.rosters)
        .exclude(pk__in=standing)
        .select_related("couple__wife", "couple__husband", "region")
        .order_by("pk")
    )
    day = month.last_day
    each(progress, "风险评估", waiting, lambda e: assessments.propose(e, on=day))


def _settle(month: Month) -> None:
    """The statement of the settlement period, with a claim or a refusal for every couple served."""
    from sanyou.finance import statements

    start, end = statements.period_of(month.policy, month.on)
    statements.prepare(month.centre, month.policy, start, end, month.actor, month.programme.id)
