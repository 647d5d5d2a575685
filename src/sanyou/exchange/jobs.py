"""Importing a file: received, looked at, prepared, worked through row by row, undone.

Every row is written in one transaction with what it created, so a process may be killed at any point
and the next `step` goes on where it stopped. Receiving the same file again gives the same ImportFile.
"""

import hashlib
import json
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.utils.translation import gettext as _

from sanyou.care.errors import CareError
from sanyou.exchange import history, hl7lab, laboratory, roster, spreadsheet, stations, values
from sanyou.exchange.context import Context, Done, Progress, Reader, pack, unpack
from sanyou.exchange.elements import stations_spec
from sanyou.exchange.errors import FileProblem, Problem
from sanyou.exchange.models import ImportFile, ImportRow
from sanyou.exchange.spec import SheetSpec, sheet_spec
from sanyou.registry.access import Actor, Forbidden, require_programme
from sanyou.registry.models import Organisation
from sanyou.registry.people import RegistryError
from sanyou.trust import audit

log = logging.getLogger(__name__)

Kind, Status, Outcome = ImportFile.Kind, ImportFile.Status, ImportRow.Outcome
MAX_BYTES = 20 * 1024 * 1024
# What a duty must be able to do by hand to be allowed to import it from a file.
NEEDS = {
    Kind.ROSTER: "nominate",
    Kind.HISTORY: "confirm",
    Kind.STATIONS: "take_consent",
    Kind.LAB: "see_results",
}
SHEETS = {
    Kind.ROSTER: roster.process,
    Kind.HISTORY: history.process,
    Kind.STATIONS: stations.process,
}


@dataclass(frozen=True)
class Part:
    """One recognised table of an uploaded file (or all its messages), not yet stored."""

    kind: str
    sheet: str
    mapping: dict[str, Any]
    rows: list[tuple[int, str]]  # (number, packed cells or message)


def spec_for(ctx: Context) -> SheetSpec:
    if ctx.file.kind == Kind.STATIONS:
        return stations_spec(ctx.library, ctx.programme)
    return sheet_spec(ctx.file.kind)


# --- receiving ------------------------------------------------------------------------------------


def look(name: str, data: bytes, library: Any, programme: Any) -> list[Part]:
    """The tables and messages in a file. Raises FileProblem when there is nothing to import."""
    if len(data) > MAX_BYTES:
        raise FileProblem(f"“{name}”超过 {MAX_BYTES // 1024 // 1024} MB。请分成几个文件上传。")
    if not data:
        raise FileProblem(f"“{name}”是空文件。请重新选择。")
    if _is_hl7(name, data):
        messages = hl7lab.split(data)
        return [Part(Kind.LAB, "", {"columns": {}}, list(enumerate(messages, 1)))]
    specs = [sheet_spec("roster"), sheet_spec("history"), stations_spec(library, programme)]
    parts = []
    for sheet in spreadsheet.read(data, name):
        layout = spreadsheet.best_kind(sheet, specs)
        if layout is None:
            continue
        spec = next(s for s in specs if s.id == layout.kind)
        rows = [(r.number, pack(r.cells)) for r in spreadsheet.data_rows(sheet, layout, spec)]
        mapping = {
            "columns": layout.columns,
            "headings": list(layout.headings),
            "title": [values.masked(text, "text") for text in layout.title],
            "header_row": layout.header_row + layout.header_height,
        }
        parts.append(Part(layout.kind, sheet.name, mapping, rows))
    if not parts:
        raise FileProblem(
            f"“{name}”里没有认出可导入的表。花名册要有女方、男方身份证号；检查站记录要有身份证号、"
            "知情同意书签署日期和检查日期。请核对表头后重新上传。"
        )
    return parts


def _is_hl7(name: str, data: bytes) -> bool:
    head = data[:4096].lstrip(b"\xef\xbb\xbf\x0b\r\n ")
    return name.lower().endswith((".hl7", ".oru")) or head.startswith((b"MSH|", b"FHS|", b"BHS|"))


def stated_day(parts: Sequence[Part]) -> date | None:
    """The first day of the month a roster says it is for."""
    for part in parts:
        if part.kind == Kind.ROSTER:
            month = spreadsheet.stated_month(part.mapping["title"])
            if month is not None:
                return date(*month, 1)
    return None


def receive(
    name: str,
    data: bytes,
    *,
    programme: str,
    policy: str,
    on: date,
    actor: Actor,
    organisation: Organisation | None = None,
    parts: Sequence[Part] | None = None,
) -> list[ImportFile]:
    """Store what a file holds, one ImportFile per table. The same file again gives the same rows.

    Raises FileProblem when nothing can be imported, Forbidden when the duty may not import it.
    """
    from sanyou.care import content

    actor.require("import")
    require_programme(actor, programme)
    library = content.library()
    if parts is None:
        parts = look(name, data, library, library.programmes[programme])
    digest = hashlib.sha256(data).hexdigest()
    files = []
    for part in parts:
        _may_import(actor, part.kind)
        files.append(_store(part, name, digest, programme, policy, on, actor, organisation))
    return files


def _may_import(actor: Actor, kind: str) -> None:
    if not actor.can(NEEDS[Kind(kind)]):
        raise Forbidden(
            _("“%(duty)s”职责不能导入“%(kind)s”。请切换职责，或交由相应岗位导入。")
            % {"duty": actor.role.label, "kind": Kind(kind).label}
        )


def _store(
    part: Part,
    name: str,
    digest: str,
    programme: str,
    policy: str,
    on: date,
    actor: Actor,
    organisation: Organisation | None,
) -> ImportFile:
    same = ImportFile.objects.filter(
        kind=part.kind, sheet=part.sheet[:60], sha256=digest, programme=programme, on=on
    ).exclude(status=Status.UNDONE)
    found = same.first()
    if found is not None:
        return found
    try:
        with transaction.atomic():
            file = ImportFile.objects.create(
                kind=part.kind,
                name=Path(name).name[:200],
                sheet=part.sheet[:60],
                sha256=digest,
                programme=programme,
                policy=policy,
                on=on,
                mapping=part.mapping,
                content=json.dumps(part.rows, ensure_ascii=False),
                rows=len(part.rows),
                organisation=organisation or actor.organisation,
                by=actor.staff,
            )
            audit.record(actor, "import", "file", file.key, content=part.kind, rows=len(part.rows))
            return file
    except IntegrityError:  # somebody else has just uploaded the same file
        return same.get()


# --- preparing ------------------------------------------------------------------------------------


def sample(file: ImportFile, count: int = 8) -> list[tuple[int, list[Any]]]:
    """The first rows of a file that is not prepared yet: (row number, cells)."""
    stored = json.loads(file.content) if file.content else []
    if file.kind == Kind.LAB:
        return [(number, [text]) for number, text in stored[:count]]
    return [(number, unpack(cells)) for number, cells in stored[:count]]


def prepare(
    file: ImportFile,
    actor: Actor,
    columns: dict[str, int] | None = None,
    evidence: set[str] | None = None,
) -> ImportFile:
    """Make the rows to be worked through, with the columns as a person confirmed them.

    `evidence`: id numbers of people known to have come (see roster.ranks). All or nothing.
    """
    with transaction.atomic():
        row = ImportFile.objects.select_for_update().get(pk=file.pk)
        if row.status != Status.UPLOADED:
            return row
        ctx = Context(row, actor)
        if columns is not None:
            row.mapping = row.mapping | {"columns": columns}
        stored: list[tuple[int, str]] = json.loads(row.content)
        if row.kind == Kind.LAB:
            items = _lab_rows(ctx, stored)
        else:
            items = _sheet_rows(ctx, stored, evidence)
        ImportRow.objects.bulk_create(items, batch_size=500)
        row.rows, row.content, row.status = len(items), "", Status.MAPPED
        row.save(update_fields=["mapping", "rows", "content", "status"])
    return row


def _lab_rows(ctx: Context, stored: list[tuple[int, str]]) -> list[ImportRow]:
    messages = [laboratory.read(ctx, text, number) for number, text in stored]
    rank = hl7lab.order_of_processing(messages)
    return [
        ImportRow(
            file=ctx.file,
            number=m.ordinal,
            rank=rank[m.ordinal],
            cells=m.text,
            reference=m.control_id[:120],
            fingerprint=m.fingerprint,
        )
        for m in messages
    ]


def _sheet_rows(
    ctx: Context, stored: list[tuple[int, str]], evidence: set[str] | None
) -> list[ImportRow]:
    rank: dict[int, int] = {}
    if ctx.file.kind == Kind.ROSTER:
        readers = [(number, reader(ctx, unpack(cells))) for number, cells in stored]
        rank = roster.ranks(readers, evidence)
    return [
        ImportRow(file=ctx.file, number=number, rank=rank.get(number, 0), cells=cells)
        for number, cells in stored
    ]


def reader(ctx: Context, cells: list[Any]) -> Reader:
    mapping = ctx.file.mapping
    return Reader(spec_for(ctx), mapping["columns"], mapping.get("headings", []), cells)


# --- working through ------------------------------------------------------------------------------


def progress(file: ImportFile) -> Progress:
    total = file.items.count()
    return Progress(total - file.items.filter(outcome=Outcome.PENDING).count(), total)


def step(file: ImportFile, actor: Actor, budget_seconds: float = 2.0, batch: int = 1) -> Progress:
    """Work through pending rows for about that long. `batch` rows share one transaction; each still
    has its own savepoint, so one bad row never takes another with it."""
    file = ImportFile.objects.get(pk=file.pk)
    if file.status in {Status.UPLOADED, Status.UNDONE}:
        return progress(file)
    ctx = Context(file, actor)
    until = time.monotonic() + budget_seconds
    while time.monotonic() < until:
        if not _batch(ctx, batch):
            break
    now = progress(file)
    wanted = Status.DONE if now.finished else Status.RUNNING
    ImportFile.objects.filter(pk=file.pk).exclude(status=Status.UNDONE).update(status=wanted)
    return now


def _batch(ctx: Context, size: int) -> int:
    """Process the next pending rows in one transaction; returns how many there were."""
    skip = connection.features.has_select_for_update_skip_locked
    with transaction.atomic():
        rows = list(
            ImportRow.objects.select_for_update(skip_locked=skip)
            .filter(file=ctx.file, outcome=Outcome.PENDING)
            .order_by("rank", "number")[:size]
        )
        for row in rows:
            _one(ctx, row)
    return len(rows)


def _one(ctx: Context, row: ImportRow) -> None:
    try:
        with transaction.atomic():
            _write(row, _process(ctx, row))
    except (CareError, RegistryError) as refused:
        code = getattr(refused, "code", "") or "refused"
        _write(row, _stopped(code, refused.message_zh, "请按提示处理后重新处理本行"))
    except Exception as crash:
        # Never lose the other rows; the trace goes to the log, without the row's content.
        log.exception("import row %s:%s failed: %s", ctx.file.pk, row.number, type(crash).__name__)
        _write(
            row, _stopped("internal", "系统处理本行时出错", "请稍后重新处理；仍不成功请联系管理员")
        )


def _stopped(code: str, rule: str, remedy: str) -> Done:
    return Done(Outcome.HELD, code, [Problem(code, "", "", str(rule), remedy)])


def _process(ctx: Context, row: ImportRow) -> Done:
    if ctx.file.kind == Kind.LAB:
        return laboratory.process(ctx, row, row.cells)
    return SHEETS[Kind(ctx.file.kind)](ctx, row, reader(ctx, unpack(row.cells)))


def _write(row: ImportRow, done: Done) -> None:
    row.outcome, row.code, row.subject = done.outcome, done.code[:40], done.subject
    row.problems = [p.as_json() for p in done.problems]
    row.created = [list(c) for c in done.created]
    row.save(update_fields=["outcome", "code", "subject", "problems", "created"])


def run(file: ImportFile, actor: Actor, batch: int = 20) -> Progress:
    """Work through to the end (the command line)."""
    while True:
        now = step(file, actor, budget_seconds=5.0, batch=batch)
        if now.finished:
            return now


def retry(file: ImportFile, actor: Actor) -> int:
    """Put held rows back to be processed again, after what held them has been dealt with."""
    _may_import(actor, file.kind)
    with transaction.atomic():
        waiting = ImportRow.objects.filter(file=file, outcome=Outcome.HELD)
        again = waiting.update(outcome=Outcome.PENDING, code="", problems=[])
        if again:
            ImportFile.objects.filter(pk=file.pk).update(status=Status.RUNNING)
            audit.record(actor, "import-again", "file", file.key, rows=again)
    return again
