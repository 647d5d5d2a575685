"""A follow-up task: whom to call, what to say, each attempt, the form to fill; and referrals."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from sanyou.care import referrals, tasks
from sanyou.care.content import programme_of
from sanyou.care.episodes import opening_of
from sanyou.care.errors import CareError
from sanyou.care.models import Encounter, Episode, Referral, Task
from sanyou.care.reading import reads_everything, task_label
from sanyou.desk.actor import duty_page, say
from sanyou.desk.templatetags.labels import named
from sanyou.desk.views.record_transfer import whereabouts
from sanyou.desk.views.records import (
    episode_of,
    find,
    home_of,
    names_of,
    people_of,
    refuse,
    subject_of,
    uuid_of,
)
from sanyou.desk.views.records_form import words
from sanyou.protocol.programme import Programme
from sanyou.protocol.scope import COUPLE
from sanyou.registry.access import Actor, NotFoundForYou, may_fill
from sanyou.registry.models import Person
from sanyou.stock import sitting
from sanyou.trust import audit

WAYS = ("phone", "visit", "message")
# Without a form: a recheck told by word, and the search for somebody given up as lost.
ENDED_BY_WORD = (Task.Kind.RECHECK, Task.Kind.LOOP)


@dataclass(frozen=True)
class Contact:
    role_label: str
    name: str
    phone: str
    address: str


def _rows() -> Any:
    return Task.objects.select_related(
        "episode__couple__wife", "episode__couple__husband", "episode__person", "episode__region"
    )


def _way_label(way: str) -> str:
    return {"phone": _("电话"), "visit": _("上门"), "message": _("短信、微信")}.get(way, way)


@duty_page("see_person", methods=("GET",))
def task(request: HttpRequest, key: UUID) -> HttpResponse:
    """Steps lead to their own page; follow-ups and rechecks are worked from here."""
    actor, row = find(request, _rows(), key)
    if row.kind == Task.Kind.STEP:
        return redirect(_step_page(row))
    _require(actor, row)
    audit.record(actor, "read", "task", row.key)
    return _page(request, actor, row)


def _require(actor: Actor, row: Task) -> None:
    """Her own duty's tasks, or follow-up as such."""
    if actor.duty != row.duty and not actor.can("follow_up"):
        label = task_label(actor, programme_of(row.episode), row)
        raise refuse(_("办理“%s”") % label)


def _step_page(row: Task) -> str:
    programme = programme_of(row.episode)
    step = next((s for s in programme.steps if s.id == row.name), None)
    if step is None:
        return home_of(row.episode)
    opening = opening_of(row.episode) if step.form == programme.opening_form else None
    if opening is not None and row.episode.status == Episode.Status.RETURNED:
        return reverse("encounter-amend", args=[opening.key])
    handing = handing_url(row.episode, step.form)
    if handing and (step.kind == "confirm" or step.form):
        return handing
    if step.kind == "form":
        role = row.role or (step.roles[0] if step.roles else COUPLE)
        return (
            reverse("encounter-open", args=[row.episode.key, step.form, role]) + f"?task={row.key}"
        )
    if step.kind == "document":
        return reverse("documents", args=[row.episode.key])
    return reverse(step.kind, args=[row.episode.key])


def _page(
    request: HttpRequest, actor: Actor, row: Task, wrong: str = "", status: int = 200
) -> HttpResponse:
    programme = programme_of(row.episode)
    form = programme.forms.get(row.form) if row.form else None
    needed = tasks.attempts_needed(row)
    made = list(row.attempts.select_related("by").order_by("-at"))
    failed = sum(1 for a in made if not a.reached)
    context = {
        "actor": actor,
        "task": row,
        "episode": row.episode,
        "where": whereabouts(actor, row.episode),
        "subject": subject_of(programme, row.episode, row.role or COUPLE),
        "contacts": _contacts(programme, row.episode),
        "script": _script(programme, row, actor),
        "attempts": [
            {"at": a.at, "way": _way_label(a.way), "reached": a.reached, "note": a.note, "by": a.by}
            for a in made
        ],
        "needed": needed,
        "remaining": max(needed - failed, 0),
        "ways": [(w, _way_label(w)) for w in WAYS],
        "open": row.status == Task.Status.OPEN,
        "early": row.opens > timezone.localdate(),
        "form_url": _form_url(row) if form and may_fill(actor, form) else "",
        "form_label": words(form.label) if form else "",
        "done": row.encounters.filter(status=Encounter.Status.SIGNED).last(),
        "sheet": "followup" if "followup" in programme.documents else "",
        "error": wrong,
        "posted": request.POST,
        "back": home_of(row.episode),
    }
    return render(request, "desk/records/task.html", context, status=status)


def handing_url(episode: Episode, form: str | None) -> str:
    """The one-sitting page, for the steps of a programme that it does: deciding (no form) and the
    form that hands out; "" for the rest."""
    found = sitting.handing_form(programme_of(episode))
    if found is None or episode.person is None or form not in (None, "", found.id):
        return ""
    return reverse("stock-hand-out", args=[episode.person.key, episode.programme])


def _form_url(row: Task) -> str:
    handing = handing_url(row.episode, row.form)
    if handing and row.kind != Task.Kind.STEP:
        return handing
    programme = programme_of(row.episode)
    role = row.role or programme.forms[row.form].roles[0]
    return reverse("encounter-open", args=[row.episode.key, row.form, role]) + f"?task={row.key}"


def _contacts(programme: Programme, episode: Episode) -> list[Contact]:
    if episode.unit is not None:
        label = words(programme.role_label.get(programme.roles[0], programme.roles[0]))
        return [Contact(label, episode.unit.name, "", episode.unit.region.full_name)]
    return [
        Contact(words(programme.role_label.get(role, role)), p.name, p.phone, _address(p))
        for role, p in people_of(episode).items()
    ]


def _address(person: Person) -> str:
    region = person.residence_region.full_name if person.residence_region else ""
    return person.residence_text or region


def _script(programme: Programme, row: Task, actor: Actor) -> list[str]:
    """What to say, in order: who calls, who answers, what is asked, how it ends."""
    names = names_of(row.episode)
    name = names.get(row.role) or next(iter(names.values()))
    where = str(actor.organisation or _("区县妇幼保健计划生育服务中心"))
    form = programme.forms.get(row.form) if row.form else None
    lines = [
        _("您好，我是%(where)s的%(me)s。请问是%(name)s吗？")
        % {"where": where, "me": actor.display_name, "name": name},
        _("您参加了%(programme)s，现在做%(task)s，大约需要三分钟，内容保密，方便吗？")
        % {"programme": words(programme.label), "task": named(row.label)},
    ]
    if row.episode.unit_id is None:
        lines.insert(
            1,
            _("（核对出生年月，确认是本人后再往下说；不是本人时不透露检查内容，只请其转告回电。）"),
        )
    if row.kind == Task.Kind.RECHECK:
        lines.append(_("上次评估建议您%s，请问做了吗？结果怎样？") % named(row.label))
    elif form is not None and form.spec.hint:
        lines.append(words(form.spec.hint))
    elif form is not None:
        asked = "、".join(words(s.label) for s in form.sections)
        lines.append(_("依次询问：%s（按登记表逐项填写）。") % asked)
    lines.append(_("谢谢您。有不舒服或疑问，请随时和我们联系；下次联系我们会再给您打电话。"))
    return lines


@duty_page("see_person", methods=("POST",))
def attempt(request: HttpRequest, key: UUID) -> HttpResponse:
    """Record one attempt to reach the person."""
    actor, row = find(request, _rows(), key)
    _require(actor, row)
    way = request.POST.get("way", "")
    reached = request.POST.get("reached", "")
    if way not in WAYS or reached not in ("yes", "no"):
        return _page(request, actor, row, _("请选择联系方式和结果。"), 422)
    try:
        tasks.attempt(row, actor, way, reached == "yes", request.POST.get("note", "").strip()[:300])
    except CareError as error:
        return _page(request, actor, row, error.message_zh, 409)
    if reached == "yes" and row.form:
        say(request, _("已记录联系，请继续填写登记表。"))
    else:
        say(request, _("已记录这次联系。"))
    return redirect("task", row.key)


@duty_page("see_person", methods=("POST",))
def close(request: HttpRequest, key: UUID) -> HttpResponse:
    """Close as lost after enough attempts, or a recheck as done, with the reason or result."""
    actor, row = find(request, _rows(), key)
    _require(actor, row)
    reason = request.POST.get("reason", "").strip()[:300]
    if row.status != Task.Status.OPEN:
        return redirect("task", row.key)  # a second click
    if not reason:
        return _page(request, actor, row, _("请写明原因或结果，再点一次。"), 422)
    try:
        if request.POST.get("do") == "done" and not row.form and row.kind in ENDED_BY_WORD:
            tasks.complete(row, actor, reason)
            looking = row.kind == Task.Kind.LOOP
            say(
                request,
                _("已登记找到，原来的任务重新打开。")
                if looking
                else _("已登记复查结果，任务完成。"),
            )
        else:
            tasks.close_lost(row, actor, reason)
            say(request, _("已登记为失访。"))
    except CareError as error:
        return _page(request, actor, row, error.message_zh, 409)
    return redirect("task", row.key)


@duty_page("see_results")
def referral_list(request: HttpRequest, key: UUID) -> HttpResponse:
    """Referrals of an episode: send one, note that it was received, write down the answer."""
    actor, episode = episode_of(request, key)
    if not reads_everything(actor):
        raise refuse(_("查看转诊"))
    wrong = ""
    if request.method == "POST":
        actor.require("follow_up", episode)
        try:
            done = _refer(request, actor, episode)
        except CareError as error:
            wrong = error.message_zh
        else:
            say(request, done)
            return redirect("referrals", episode.key)
    audit.record(actor, "read", "referral", episode.key)
    programme = programme_of(episode)
    context = {
        "actor": actor,
        "episode": episode,
        "subject": subject_of(programme, episode),
        "rows": [
            {"row": r, "role": words(programme.role_label.get(r.role, r.role))}
            for r in episode.referrals.select_related("by").order_by("-pk")
        ],
        "proposals": _proposals(programme, episode),
        "roles": [(r, words(programme.role_label[r])) for r in programme.roles],
        "may_act": actor.can("follow_up"),
        "error": wrong,
        "posted": request.POST,
        "back": home_of(episode),
    }
    return render(request, "desk/records/referrals.html", context, status=409 if wrong else 200)


def _refer(request: HttpRequest, actor: Actor, episode: Episode) -> str:
    today = timezone.localdate()
    do = request.POST.get("do", "")
    if do == "send":
        role, to = request.POST.get("role", ""), request.POST.get("to", "").strip()[:80]
        why = request.POST.get("why", "").strip()[:300]
        if role not in programme_of(episode).roles or not to or not why:
            raise CareError(_("请选择转诊对象，并填写转往科室和原因。"), "referral_incomplete")
        if not episode.referrals.filter(role=role, to=to, why=why, sent_on=today).exists():
            referrals.send(episode, role, to, why, actor, today)
        return _("已登记转诊，请打印转诊联系单交给本人。")
    row = episode.referrals.filter(key=uuid_of(request.POST.get("referral", ""))).first()
    if row is None:
        raise NotFoundForYou
    if do == "receive":
        if row.status == Referral.Status.SENT:
            referrals.receive(row, actor)
        return _("已登记对方接收。")
    text = request.POST.get("answer", "").strip()
    if not text:
        raise CareError(_("请填写对方的诊断或处理意见。"), "answer_missing")
    if row.status != Referral.Status.ANSWERED:
        referrals.answer(row, text, actor, today)
    return _("已登记转诊反馈。")


def _proposals(programme: Programme, episode: Episode) -> list[dict[str, str]]:
    """What the confirmed assessment advises and nobody has sent yet."""
    row = episode.assessments.filter(status__in=("confirmed", "overridden")).first()
    if row is None:
        return []
    removed = set(row.override.get("removed", []))
    sent = set(episode.referrals.values_list("role", "to"))
    found = []
    for f in row.result.get("findings", []):
        to = (f.get("referral") or {}).get("to", {}).get("zh", "")
        if not to or f"{f['role']}.{f['rule']}" in removed or (f["role"], to) in sent:
            continue
        found.append(
            {
                "role": f["role"],
                "to": to,
                "why": f["label"]["zh"],
                "role_label": words(programme.role_label.get(f["role"], f["role"])),
            }
        )
    return found
