"""Files that come in: upload, columns, progress, what was refused and why, undo."""

from datetime import date
from typing import Any
from uuid import UUID

from django.db.models import Count
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django_htmx.http import HttpResponseClientRefresh

from sanyou.care import content
from sanyou.desk.actor import actor_of, duty_page, say
from sanyou.desk.paging import leaf
from sanyou.desk.views.money import workbook_response
from sanyou.exchange import forecast, jobs, outputs, undo, values
from sanyou.exchange.context import Context
from sanyou.exchange.errors import BadValue, FileProblem
from sanyou.exchange.models import ImportFile, ImportRow
from sanyou.registry.access import Actor, Forbidden, may_unmask, visible
from sanyou.registry.models import Organisation
from sanyou.trust import audit

Status, Outcome = ImportFile.Status, ImportRow.Outcome
STEP_SECONDS = 1.5


class Refused(Exception):
    """Shown to the person as it is."""

    def __init__(self, message_zh: str) -> None:
        super().__init__(message_zh)
        self.message_zh = message_zh


def _file(request: HttpRequest, key: UUID) -> tuple[Actor, ImportFile]:
    """The file, if it lies in her region and she may import its kind."""
    actor = actor_of(request)
    file = visible(actor, ImportFile.objects.filter(key=key)).first()
    if file is None:
        raise Http404
    if not actor.can(jobs.NEEDS[ImportFile.Kind(file.kind)]):
        raise Forbidden(_("这类文件由其他岗位导入，您不能打开。"))
    return actor, file


def _kinds(actor: Actor) -> list[ImportFile.Kind]:
    return [kind for kind, action in jobs.NEEDS.items() if actor.can(action)]


def _programmes(actor: Actor, on: date) -> list[tuple[str, str, str]]:
    """(programme, label, policy in force) of the actor's region; only programmes for couples."""
    library = content.library()
    code = actor.region.code if actor.region else ""
    found = []
    for programme in content.programmes_for(actor).values():
        policy = library.policy_for(code, programme.id, on)
        if policy is not None and programme.is_couple:
            found.append((programme.id, str(programme.label), policy.id))
    return found


@duty_page("import", methods=("GET",))
def imports(request: HttpRequest) -> HttpResponse:
    """Files that came in, newest first, and the upload."""
    actor = actor_of(request)
    files = (
        visible(actor, ImportFile.objects.filter(kind__in=_kinds(actor)))
        .select_related("by", "organisation")
        .order_by("-created_at", "-pk")
    )
    page = leaf(request, files)
    counted = {
        (row["file"], row["outcome"]): row["n"]
        for row in ImportRow.objects.filter(file__in=list(page))
        .values("file", "outcome")
        .annotate(n=Count("pk"))
    }
    lines = [
        {
            "file": f,
            "refused": counted.get((f.pk, Outcome.REJECTED), 0),
            "held": counted.get((f.pk, Outcome.HELD), 0),
        }
        for f in page
    ]
    context = {
        "lines": lines,
        "page": page,
        "kinds": [k.label for k in _kinds(actor)],
        "programmes": _programmes(actor, timezone.localdate()),
        "limit": jobs.MAX_BYTES // 1024 // 1024,
    }
    return render(request, "desk/imports/list.html", context)


@duty_page("import", methods=("POST",))
def import_new(request: HttpRequest) -> HttpResponse:
    """Take an uploaded file; each table in it becomes a file of its own."""
    actor = actor_of(request)
    upload = request.FILES.get("file")
    if upload is None:
        raise Refused(_("没有选择文件。请选择 Excel、CSV 或 HL7 文件后再上传。"))
    if upload.size and upload.size > jobs.MAX_BYTES:
        limit = jobs.MAX_BYTES // 1024 // 1024
        raise Refused(_("文件超过 %d MB。请分成几个文件上传。") % limit)
    data = upload.read()
    try:
        files = _receive(request, actor, upload.name or "", data)
    except FileProblem as problem:
        raise Refused(str(problem)) from problem
    waiting = [f for f in files if f.status == Status.UPLOADED]
    if not waiting:
        say(request, _("这个文件以前导入过，没有重复导入。"))
    elif len(files) > 1:
        names = "、".join(f"{f.get_kind_display()}（{f.sheet}）" for f in files)
        say(
            request,
            _("文件里认出 %(n)d 张表：%(names)s。请逐一核对后导入。")
            % {"n": len(files), "names": names},
        )
    if len(files) == 1:
        return redirect("import", files[0].key)
    return redirect("imports")


def _receive(request: HttpRequest, actor: Actor, name: str, data: bytes) -> list[ImportFile]:
    library = content.library()
    today = timezone.localdate()
    offered = _programmes(actor, today)
    wanted = request.POST.get("programme") or (offered[0][0] if offered else "")
    if wanted not in {p for p, _label, _policy in offered}:
        raise Refused(_("本地区没有施行中的政策，不能导入。请联系系统管理员。"))
    parts = jobs.look(name, data, library, library.programmes[wanted])
    on = _day(request.POST.get("on", "")) or jobs.stated_day(parts) or today
    code = actor.region.code if actor.region else ""
    policy = library.policy_for(code, wanted, on)
    if policy is None:
        raise Refused(_("%s 本地区没有施行中的政策，请核对审核日期。") % on.isoformat())
    home = actor.organisation
    if home is None or not home.region_id.startswith(actor.region_prefix):
        home = Organisation.objects.filter(region=actor.region).first()
    return jobs.receive(
        name,
        data,
        programme=wanted,
        policy=policy.id,
        on=on,
        actor=actor,
        organisation=home,
        parts=parts,
    )


def _day(text: str) -> date | None:
    try:
        return values.day(text)
    except BadValue as bad:
        raise Refused(
            _("审核日期无法识别：%(rule)s。%(remedy)s。") % {"rule": bad.rule, "remedy": bad.remedy}
        ) from bad


@duty_page("import", methods=("GET",))
def import_file(request: HttpRequest, key: UUID) -> HttpResponse:
    """Columns to confirm while the file waits; afterwards progress and results."""
    actor, file = _file(request, key)
    if file.status == Status.UPLOADED:
        return _mapping(request, actor, file, {})
    return _result(request, actor, file)


def _mapping(
    request: HttpRequest, actor: Actor, file: ImportFile, errors: dict[str, str]
) -> HttpResponse:
    audit.record(actor, "read", "file", file.key)
    ctx = Context(file, actor)
    lab = file.kind == ImportFile.Kind.LAB
    fields = [] if lab else [f for f in jobs.spec_for(ctx).fields if f.type != "ignore"]
    context: dict[str, Any] = {
        "file": file,
        "columns": [] if lab else forecast.columns_of(ctx),
        "fields": fields,
        "samples": forecast.messages_of(ctx) if lab else [],
        "forecast": forecast.forecast(ctx),
        "errors": errors,
    }
    return render(request, "desk/imports/mapping.html", context, status=409 if errors else 200)


@duty_page("import", methods=("POST",))
def import_prepare(request: HttpRequest, key: UUID) -> HttpResponse:
    """Confirm the columns and start."""
    actor, file = _file(request, key)
    if file.status != Status.UPLOADED:
        return redirect("import", file.key)
    columns, errors = _columns(request, actor, file)
    if columns is not None:
        file.mapping = file.mapping | {"columns": columns}
    if errors or request.POST.get("look"):
        return _mapping(request, actor, file, errors)
    jobs.prepare(file, actor, columns)
    return redirect("import", file.key)


def _columns(
    request: HttpRequest, actor: Actor, file: ImportFile
) -> tuple[dict[str, int] | None, dict[str, str]]:
    """field -> column as chosen on the page, and what is wrong with the choice."""
    if file.kind == ImportFile.Kind.LAB:
        return None, {}
    spec = jobs.spec_for(Context(file, actor))
    known = {f.id: f for f in spec.fields}
    columns: dict[str, int] = {}
    errors: dict[str, str] = {}
    for index in range(len(file.mapping.get("headings", []))):
        name = request.POST.get(f"column-{index}", "")
        if not name or name not in known:
            continue
        if name in columns:
            errors[str(index)] = _("“%s”选了两次，请只保留一列。") % known[name].label
        else:
            columns[name] = index
    for field in spec.fields:
        if field.required and field.id not in columns:
            errors[field.id] = _("缺少“%s”这一列，请在下面指定。") % field.label
    return columns, errors


def _result(request: HttpRequest, actor: Actor, file: ImportFile) -> HttpResponse:
    audit.record(actor, "read", "file", file.key)
    counts = dict(file.items.values_list("outcome").annotate(n=Count("pk")))
    wanted = request.GET.get("outcome", "")
    rows = file.items.exclude(problems=[]).exclude(code="duplicate").order_by("number")
    if wanted in Outcome.values:
        rows = rows.filter(outcome=wanted)
    context = {
        "file": file,
        "progress": jobs.progress(file),
        "counts": [(value, label, counts.get(value, 0)) for value, label in Outcome.choices
                   if counts.get(value, 0)],
        "held": counts.get(Outcome.HELD, 0),
        "page": leaf(request, rows),
        "outcome": wanted,
        "lab": file.kind == ImportFile.Kind.LAB,
        "running": file.status in {Status.MAPPED, Status.RUNNING},
    }  # fmt: skip
    return render(request, "desk/imports/result.html", context)


@duty_page("import", methods=("POST",))
def import_step(request: HttpRequest, key: UUID) -> HttpResponse:
    """Work for a moment and answer with the progress; the page asks again until it is done."""
    actor, file = _file(request, key)
    progress = jobs.step(file, actor, STEP_SECONDS)
    if not getattr(request, "htmx", False):
        return redirect("import", file.key)
    if progress.finished:
        return HttpResponseClientRefresh()
    return render(request, "desk/imports/progress.html", {"file": file, "progress": progress})


@duty_page("import", methods=("POST",))
def import_retry(request: HttpRequest, key: UUID) -> HttpResponse:
    """Process held rows again, after what held them was dealt with."""
    actor, file = _file(request, key)
    again = jobs.retry(file, actor)
    if not again:
        say(request, _("没有待核实的行。"))
    return redirect("import", file.key)


@duty_page("import", methods=("POST",))
def import_undo(request: HttpRequest, key: UUID) -> HttpResponse:
    """Take the whole file back, if nothing was built on it."""
    actor, file = _file(request, key)
    rows = undo.undo(file, actor)
    say(request, _("已撤销导入，共 %d 行。") % rows)
    return redirect("import", file.key)


@duty_page("import", methods=("GET",))
def import_problems(request: HttpRequest, key: UUID) -> HttpResponse:
    """Refused and held rows as a spreadsheet."""
    actor, file = _file(request, key)
    audit.record(actor, "export", "file", file.key)
    data = outputs.refused_workbook([file], actor, unmasked=may_unmask(actor))
    return workbook_response(data, f"problems-{file.created_at:%Y%m%d}.xlsx")
