"""The generated form: open a draft, save as it is typed, sign, amend, read."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from sanyou.care import encounters, facts, tasks
from sanyou.care.content import library, programme_of
from sanyou.care.errors import CareError, FormInvalid
from sanyou.care.models import Encounter, Episode, Task
from sanyou.care.reuse import Reused
from sanyou.desk.actor import duty_page
from sanyou.desk.views.records import (
    Unreadable,
    answer,
    body,
    clock,
    episode_of,
    find,
    home_of,
    readable,
    refuse,
    subject_of,
    uuid_of,
)
from sanyou.desk.views.records_form import Filled, only, sections, seen, shown, words
from sanyou.protocol.facts import read_observation
from sanyou.protocol.form import FormResult, validate
from sanyou.protocol.programme import Form, Programme
from sanyou.registry import regions
from sanyou.registry.access import Actor, NotFoundForYou, may_fill, within
from sanyou.registry.models import Region
from sanyou.trust import audit

Status = Encounter.Status


def _rows() -> Any:
    return Encounter.objects.select_related(
        "episode__couple__wife",
        "episode__couple__husband",
        "episode__person",
        "episode__region",
        "signed_by",
        "task",
        "replaces",
    )


def _form_of(encounter: Encounter) -> tuple[Programme, Form]:
    programme = programme_of(encounter.episode)
    return programme, programme.forms[encounter.form]


def _editable(request: HttpRequest, key: UUID) -> tuple[Actor, Encounter, Programme, Form]:
    """The encounter, for somebody whose duty fills its form."""
    actor, encounter = find(request, _rows(), key)
    programme, form = _form_of(encounter)
    if not may_fill(actor, form):
        raise refuse(_("填写“%s”") % words(form.label))
    return actor, encounter, programme, form


def _judge(
    programme: Programme, form: Form, encounter: Encounter, data: Any, draft: bool = True
) -> FormResult:
    """Errors, flags and visible fields of what the form holds."""
    known = facts.facts_of(encounter.episode, timezone.localdate())
    own = {f"{encounter.role}.{f.element}" for f in form.fields_for(encounter.role)}
    known = {n: v for n, v in known.items() if n.partition("__")[0] not in own}
    sex = programme.role_sex.get(encounter.role)
    return validate(library(), form, encounter.role, data, sex, draft=draft, facts=known)


def _title(programme: Programme, form: Form, role: str) -> str:
    label = words(form.label)
    if len(form.roles) == 1:
        return label
    return f"{label} · {words(programme.role_label.get(role, role))}"


@duty_page("fill")
def open_form(request: HttpRequest, key: UUID, form: str, role: str) -> HttpResponse:
    """The draft of this form, or the signed record where there is one and nothing new to fill."""
    actor, episode = episode_of(request, key)
    programme = programme_of(episode)
    found = programme.forms.get(form)
    if found is None or role not in found.roles:
        raise NotFoundForYou
    if not may_fill(actor, found):
        raise refuse(_("填写“%s”") % words(found.label))
    task = _task(episode, request.GET.get("task", ""), form)
    rows = episode.encounters.filter(form=form, role=role)
    signed = rows.filter(status=Status.SIGNED)
    if task is not None:
        signed = signed.filter(task=task)
    drafts = rows.filter(status=Status.DRAFT)
    once = task is not None or any(s.form == form for s in programme.steps)
    if once and signed.exists() and not drafts.exists():
        return redirect("encounter", signed.latest("signed_at").key)
    draft = encounters.open_draft(episode, form, role, actor, task=task)
    return redirect("encounter", draft.key)


def _task(episode: Episode, key: str, form: str) -> Task | None:
    """The follow-up or recheck this form answers. A step has one form, however it is reached."""
    return episode.tasks.filter(key=uuid_of(key), form=form).exclude(kind=Task.Kind.STEP).first()


@duty_page("see_person", methods=("GET",))
def encounter(request: HttpRequest, key: UUID) -> HttpResponse:
    """A draft to fill, or a signed record to read."""
    actor, row = readable(request, _rows(), key)
    programme, form = _form_of(row)
    in_hand = actor.can("fill", row.episode)
    if row.status == Status.DRAFT and not in_hand and not within(actor, row.episode):
        raise NotFoundForYou
    fills = may_fill(actor, form) and in_hand
    if not fills and not may_fill(actor, form) and not actor.can("see_results"):
        raise refuse(_("查看“%s”") % words(form.label))
    audit.record(actor, "read", "encounter", row.key, form=row.form)
    if row.status == Status.DRAFT:
        if not fills:
            return _signed(request, actor, row, programme, form)
        return _editor(request, actor, row, programme, form, "draft")
    return _signed(request, actor, row, programme, form)


def _editor(
    request: HttpRequest,
    actor: Actor,
    row: Encounter,
    programme: Programme,
    form: Form,
    mode: str,
) -> HttpResponse:
    names = seen(library(), actor, form, row.role)
    taken, data = _with_taken(form, row, row.data)
    result = _judge(programme, form, row, data)
    last = only(names, encounters.copy_last(row.episode, row.form, row.role) or {})
    last = {n: v for n, v in last.items() if n in _copied(form, row.role)}
    filled = Filled(data, result.flags, frozenset(result.visible), last, only(names, taken))
    state = {
        "version": row.version,
        "values": only(names, data),
        "flags": only(names, result.flags),
        "visible": [n for n in result.visible if n in set(names)],
        "last": last,
        "regions": _region_names(data),
    }
    context = {
        "actor": actor,
        "encounter": row,
        "episode": row.episode,
        "mode": mode,
        "title": _title(programme, form, row.role),
        "hint": words(form.spec.hint),
        "subject": subject_of(programme, row.episode, row.role),
        "sections": sections(library(), programme, form, row.role, names, filled),
        "state": state,
        "words": script_words(),
        "back": home_of(row.episode),
        "can_sign": actor.can("amend" if mode == "amend" else "sign"),
        "taken": len(only(names, taken)),
        "last_label": _("上次记录中有 %d 项可以带入，请逐项核对。") % len(last) if last else "",
    }
    return render(request, "desk/records/encounter.html", context)


def _with_taken(
    form: Form, row: Encounter, data: dict[str, Any]
) -> tuple[dict[str, Reused], dict[str, Any]]:
    """What is taken over from other programmes, and what the form holds together with it."""
    found = encounters.taken_over(row.episode, form, row.role)
    taken = {name: r for name, r in found.items() if data.get(name) is None}
    return taken, {name: r.value for name, r in taken.items()} | data


def _copied(form: Form, role: str) -> set[str]:
    return {f.element for f in form.fields_for(role) if f.copy_last}


def _region_names(data: Any) -> dict[str, str]:
    codes = [v for v in data.values() if isinstance(v, str) and v.isdigit() and len(v) >= 6]
    return dict(Region.objects.filter(pk__in=codes).values_list("code", "full_name"))


def _signed(
    request: HttpRequest, actor: Actor, row: Encounter, programme: Programme, form: Form
) -> HttpResponse:
    names = seen(library(), actor, form, row.role)
    taken, data = _with_taken(form, row, row.data)
    result = _judge(programme, form, row, data)
    filled = Filled(data, result.flags, frozenset(result.visible), taken=only(names, taken))
    everything = {n for n, v in row.data.items() if v is not None}
    context = {
        "actor": actor,
        "encounter": row,
        "episode": row.episode,
        "title": _title(programme, form, row.role),
        "subject": subject_of(programme, row.episode, row.role),
        "sections": sections(library(), programme, form, row.role, names, filled),
        "hidden": len(everything - set(names)),
        "newer": Encounter.objects.filter(replaces=row).first(),
        "changes": _changes(programme, form, row, set(names)),
        "back": home_of(row.episode),
        "fills": may_fill(actor, form, row.episode),
        "next": _next(actor, row.episode, programme),
        "hands_out": form.spec.supply is not None and may_fill(actor, form),
        "can_amend": row.status == Status.SIGNED
        and may_fill(actor, form)
        and actor.can("amend", row.episode),
    }
    return render(request, "desk/records/signed.html", context)


def _next(actor: Actor, episode: Episode, programme: Programme) -> list[tuple[Task, str]]:
    """What else this duty can do now for these people: usually the same form for the spouse."""
    open_now = tasks.queue(actor).filter(episode=episode, opens__lte=timezone.localdate())
    return [(task, words(programme.role_label.get(task.role, ""))) for task in open_now]


def _changes(
    programme: Programme, form: Form, row: Encounter, names: set[str]
) -> list[dict[str, str]]:
    """What an amendment changed, before and after."""
    if row.replaces is None:
        return []
    before = _judge(programme, form, row, row.replaces.data)
    after = _judge(programme, form, row, row.data)
    found = []
    for item in form.fields_for(row.role):
        name = item.element
        element = library().dictionary.elements[name]
        old = read_observation(element, row.replaces.data.get(name))[0]
        new = read_observation(element, row.data.get(name))[0]
        if name not in names or old == new:
            continue
        found.append(
            {
                "label": words(item.label or element.label),
                "before": shown(element, old),
                "after": shown(element, new),
                "before_flag": before.flags.get(name, ""),
                "after_flag": after.flags.get(name, ""),
            }
        )
    return found


@duty_page("fill", methods=("POST",))
def autosave(request: HttpRequest, key: UUID) -> HttpResponse:
    """Save the fields that changed. 409 with `closed` once the record is signed."""
    actor, row, programme, form = _editable(request, key)
    if row.status != Status.DRAFT:
        return answer({"error": _closed(row), "closed": True}, 409)
    names = set(seen(library(), actor, form, row.role))
    changes = body(request).get("changes")
    if not isinstance(changes, dict):
        raise Unreadable
    if not set(changes) <= names:
        raise Unreadable
    result = encounters.autosave(row.key, changes, actor)
    _taken, data = _with_taken(form, row, result.data)
    judged = _judge(programme, form, row, data)
    return answer(
        {
            "version": result.version,
            "saved": list(result.saved),
            "conflicts": {n: _conflict(c) for n, c in result.conflicts.items()},
            "errors": {n: message(e) for n, e in result.errors.items()},
            "flags": only(names, judged.flags),
            "visible": [n for n in judged.visible if n in names],
            "data": only(names, data),
            "at": clock(timezone.now()),
        }
    )


def message(error: Any) -> str:
    """A field error in the language of the page."""
    return words(error) if isinstance(error, str) else _by_language(error)


def _by_language(error: Any) -> str:
    from django.utils.translation import get_language

    english = getattr(error, "en", "")
    return english if english and (get_language() or "").startswith("en") else str(error)


def _conflict(found: Any) -> dict[str, Any]:
    at = found["at"]
    return {
        "yours": found["yours"],
        "theirs": found["theirs"],
        "by": str(found["by"] or _("同事")),
        "at": at if isinstance(at, str) else timezone.localtime(at).strftime("%H:%M"),
    }


def _closed(row: Encounter) -> str:
    if row.status == Status.SIGNED and row.signed_by is not None:
        return _("本记录已由%(who)s签名，不能再直接修改；如有差错请在档案中“更正”。") % {
            "who": row.signed_by
        }
    return _("本记录已不是草稿，不能再直接修改，请返回档案查看现行版本。")


@duty_page("fill", methods=("POST",))
def check(request: HttpRequest, key: UUID) -> HttpResponse:
    """Judge values without saving them: for an amendment as it is typed."""
    actor, row, programme, form = _editable(request, key)
    data = body(request).get("data")
    if not isinstance(data, dict):
        raise Unreadable
    names = set(seen(library(), actor, form, row.role))
    result = _judge(programme, form, row, row.data | only(names, data))
    return answer(
        {
            "errors": {n: message(e) for n, e in result.errors.items() if n in names},
            "flags": only(names, result.flags),
            "visible": [n for n in result.visible if n in names],
        }
    )


@duty_page("sign", methods=("POST",))
def sign(request: HttpRequest, key: UUID) -> HttpResponse:
    """Sign the draft as it stands. Signing twice answers like once."""
    actor, row, programme, form = _editable(request, key)
    if row.status == Status.SIGNED:
        return answer({"next": _after(row)})
    version = body(request).get("version")
    if not isinstance(version, int):
        raise Unreadable
    try:
        signed = encounters.sign(row.key, actor, version)
    except FormInvalid as error:
        return _invalid(error)
    except CareError as error:
        row.refresh_from_db()
        if row.status == Status.SIGNED:
            return answer({"next": _after(row)})
        names = set(seen(library(), actor, form, row.role))
        _taken, data = _with_taken(form, row, row.data)
        judged = _judge(programme, form, row, data)
        return answer(
            {
                "error": error.message_zh,
                "version": row.version,
                "data": only(names, data),
                "visible": [n for n in judged.visible if n in names],
            },
            409,
        )
    return answer({"next": _after(signed)})


def _after(row: Encounter) -> str:
    """Where signing leads: the task's page for follow-ups, else the record."""
    if row.task is not None and row.task.kind != Task.Kind.STEP:
        return reverse("task", args=[row.task.key])
    return reverse("encounter", args=[row.key])


def _invalid(error: FormInvalid) -> JsonResponse:
    return answer(
        {"error": error.message_zh, "errors": {n: message(e) for n, e in error.errors.items()}}, 422
    )


@duty_page("amend")
def amend(request: HttpRequest, key: UUID) -> HttpResponse:
    """Correct a signed record with a reason; the signed one is kept."""
    actor, row, programme, form = _editable(request, key)
    newer = Encounter.objects.filter(replaces=row).first()
    if request.method != "POST":
        if newer is not None:
            return redirect("encounter", newer.key)
        if row.status != Status.SIGNED:
            return redirect("encounter", row.key)
        audit.record(actor, "read", "encounter", row.key, form=row.form)
        return _editor(request, actor, row, programme, form, "amend")
    sent = body(request)
    changes, reason = sent.get("changes"), str(sent.get("reason") or "").strip()
    if not isinstance(changes, dict) or not all(isinstance(c, dict) for c in changes.values()):
        raise Unreadable
    if not set(changes) <= set(seen(library(), actor, form, row.role)):
        raise Unreadable
    if not reason:
        return answer({"error": _("请填写更正原因。")}, 422)
    if newer is not None:
        return answer({"error": _newer(newer)}, 409)
    try:
        made = encounters.amend(
            row.key, {n: c.get("value") for n, c in changes.items()}, reason[:300], actor
        )
    except FormInvalid as error:
        return _invalid(error)
    return answer({"next": reverse("encounter", args=[made.key])})


def _newer(newer: Encounter) -> str:
    return _(
        "本记录刚刚已由%(who)s更正。您填写的内容仍在页面上，请返回档案打开现行版本，核对后再更正。"
    ) % {"who": newer.signed_by or _("同事")}


@duty_page("see_person", methods=("POST",))
def region_names(request: HttpRequest) -> HttpResponse:
    """Divisions whose name contains what was typed, those of the county first."""
    text = str(body(request).get("text") or "").strip()
    if len(text) < 2:
        return answer({"regions": []})
    hits = list(Region.objects.filter(full_name__contains=text).order_by("code")[:20])
    parsed = regions.find(text)
    if parsed is not None and parsed not in hits:
        hits.insert(0, parsed)
    return answer({"regions": [{"code": r.code, "name": r.full_name} for r in hits]})


def script_words() -> dict[str, str]:
    """What form.js says."""
    return {
        "empty": _("空白"),
        "high": _("↑ 偏高"),
        "low": _("↓ 偏低"),
        "abnormal": _("! 异常"),
        "not_a_date": _("请按年月日填写，如 20210301"),
        "not_a_number": _("请填写数字"),
        "not_whole": _("请填写整数"),
        "not_plausible": _("超出可能的范围 {min}–{max} {unit}，请核对单位和小数点"),
        "required": _("必填"),
        "settle": _("请先处理这一项"),
        "typing": _("正在填写…"),
        "saving": _("正在保存…"),
        "saved": _("已保存 {at}"),
        "unchanged": _("填写后自动保存"),
        "taken": _("已采用对方的内容"),
        "amending": _("更正尚未提交"),
        "offline": _("未联网，已暂存在本页，联网后自动保存；请不要关闭页面"),
        "offline_sign": _("未联网，还没有签名。内容都在页面上，联网后请再点一次。"),
        "offline_picture": _("未联网，图片还没有上传，请联网后重新选择。"),
        "not_a_picture": _("这个文件不是图片，请选择照片或截图。"),
        "server": _("服务器暂时不能保存，内容仍在页面上，正在重试"),
        "refused": _("{n} 项未保存，请看红色提示"),
        "conflicts": _("{n} 项与同事填写的不同，请选择"),
        "conflict": _("{by} {at} 将此项填为“{theirs}”，您填的是“{yours}”"),
        "take_theirs": _("采用{by}的"),
        "keep_mine": _("用我填的"),
        "unready": _("还有 {n} 项需要处理，处理后才能签名"),
        "cannot": _("现在还不能提交"),
        "no_change": _("没有改动任何内容，不需要更正。"),
        "reason": _("请填写更正原因。"),
        "blank": _("另有 {n} 项未填。"),
        "amend_line": _("{label}：{before} → {after}"),
    }
