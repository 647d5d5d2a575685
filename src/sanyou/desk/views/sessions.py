"""Lists of people and the sessions held for them: a class checked in a morning, a course, a field day."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from sanyou.care import content, sessions
from sanyou.care.errors import CareError
from sanyou.care.models import Session
from sanyou.desk.actor import actor_of, duty_page, say
from sanyou.desk.paging import leaf
from sanyou.desk.views.records import find
from sanyou.desk.views.records_form import Filled, shown, words
from sanyou.desk.views.records_form import sections as form_sections
from sanyou.protocol.entry import parse_date
from sanyou.protocol.facts import read_observation
from sanyou.registry import groups
from sanyou.registry.access import Actor, existing, visible
from sanyou.registry.models import Group, Organisation, Person, Region
from sanyou.registry.people import RegistryError
from sanyou.trust import audit

MANY = 200  # organisations to choose from


@dataclass(frozen=True)
class Row:
    """One person in the table of a session."""

    person: Person
    signed: Any
    cells: list[str]  # what is signed, in words
    typed: dict[str, Any]  # what came back with an error
    error: str
    wrong: dict[str, str]


@duty_page("home")
def group_list(request: HttpRequest) -> HttpResponse:
    """Her lists; POST makes one, with its school where that is new."""
    actor = actor_of(request)
    actor.require("fill")
    wrong = ""
    if request.method == "POST":
        try:
            made = _create(request, actor)
        except (RegistryError, CareError) as error:
            wrong = error.message_zh
        else:
            say(request, _("名单已建立，请加入人员。"))
            return redirect("group", made.key)
    rows = groups.groups(actor)
    places = visible(actor, Organisation.objects.filter(active=True, kind__in=groups.KINDS))
    context = {
        "actor": actor,
        "leaf": leaf(request, rows),
        "places": places.select_related("region").order_by("region__code", "name")[:MANY],
        "regions": _regions(actor),
        "kinds": [(k.value, k.label) for k in groups.KINDS],
        "year": timezone.localdate().year,
        "posted": request.POST,
        "wrong": wrong,
        "may_create": actor.can("nominate"),
    }
    return render(request, "desk/sessions/list.html", context, status=422 if wrong else 200)


def _regions(actor: Actor) -> list[Region]:
    """Where a new school may lie: the townships of her county, or her own."""
    region = actor.region
    if region is None:
        return []
    if region.level in (Region.Level.TOWNSHIP, Region.Level.VILLAGE):
        return [region]
    return list(region.children.all())


def _create(request: HttpRequest, actor: Actor) -> Group:
    post = request.POST
    name, year = post.get("name", ""), post.get("year", "").strip()
    if post.get("new_place", "").strip():
        region = Region.objects.filter(pk=post.get("region", "")).first()
        if region is None:
            raise groups.GroupError("no_region", _("请选择单位所在的镇街。"))
        organisation = groups.place(actor, region, post.get("kind", ""), post["new_place"])
    else:
        code = post.get("organisation", "")
        chosen = visible(actor, Organisation.objects.all()).filter(code=code).first()
        if chosen is None:
            raise groups.GroupError("no_place", _("请选择学校或单位，或在下面新建。"))
        organisation = chosen
    return groups.create(actor, organisation, name, int(year) if year.isdigit() else 0)


@duty_page("home")
def group(request: HttpRequest, key: UUID) -> HttpResponse:
    """One list: its people, adding and taking off, its sessions."""
    actor, found = find(request, Group.objects.select_related("organisation__region"), key)
    actor.require("fill", found.organisation)
    today = timezone.localdate()
    told: list[groups.Line] = []
    wrong = ""
    if request.method == "POST":
        try:
            do = request.POST.get("do", "")
            if do == "hold":
                return redirect("session", _hold(request, actor, found).key)
            if do == "leave":
                keys = request.POST.getlist("person")
                gone = groups.leave(actor, found, Person.objects.filter(key__in=keys), today)
                say(request, _("已移出 %d 人，以前的记录不变。") % gone)
                return redirect("group", found.key)
            told = groups.add_lines(actor, found, request.POST.get("lines", ""), today)
        except (RegistryError, CareError) as error:
            wrong = error.message_zh
        else:
            added = sum(line.member is not None for line in told)
            say(request, _("已加入 %d 人。") % added)
            if not any(line.error for line in told):
                return redirect("group", found.key)
    audit.record(actor, "read", "group", found.key)
    members = found.members.filter(left_on=None).select_related("person")
    context = {
        "actor": actor,
        "group": found,
        "members": members.order_by("person__name", "pk"),
        "held": [
            (s, words(sessions.kind_of(s).spec.label), s.encounters.filter(status="signed").count())
            for s in existing(actor, found.sessions.order_by("-held_on", "-pk"))
        ],
        "kinds": [
            (f"{k.programme.id}.{k.spec.id}", words(k.spec.label))
            for k in sessions.kinds(actor, found.organisation.region_id, today)
        ],
        "today": today,
        "refused": [line for line in told if line.error],
        "wrong": wrong,
        "may_change": actor.can("nominate", found.organisation),
    }
    bad = wrong or context["refused"]
    return render(request, "desk/sessions/group.html", context, status=422 if bad else 200)


def _hold(request: HttpRequest, actor: Actor, found: Group) -> Session:
    chosen = request.POST.get("kind", "")
    on = parse_date(request.POST.get("on", ""))
    today = timezone.localdate()
    if on is None or on > today:
        raise CareError(_("请填写日期，不能晚于今天。"), "bad_day")
    for kind in sessions.kinds(actor, found.organisation.region_id, on):
        if f"{kind.programme.id}.{kind.spec.id}" == chosen:
            return sessions.hold(actor, found, kind, on, request.POST.get("note", "").strip())
    raise CareError(_("请选择要做的服务。"), "no_session")


@duty_page("fill")
def session(request: HttpRequest, key: UUID) -> HttpResponse:
    """The table of a session: one line a person, signed together; what cannot be signed stays as it
    was typed, with the reason beside it."""
    actor, found = find(request, Session.objects.select_related("group__organisation"), key)
    actor.require("fill", found.group.organisation)
    kind = sessions.kind_of(found)
    role = kind.programme.roles[0]
    library = content.library()
    names = [f.element for f in kind.form.fields_for(role)]
    answers: dict[str, dict[str, Any]] = {}
    told: dict[str, sessions.Line] = {}
    if request.method == "POST":
        answers = _answers(request, names)
        told = sessions.enter(found, answers, actor)
        signed = sum(line.record is not None for line in told.values())
        if signed:
            say(request, _("已签名 %d 人。") % signed)
        if told and all(line.record is not None for line in told.values()):
            return redirect("session", found.key)
    else:
        audit.record(actor, "read", "session", found.key)
    [*blocks] = form_sections(library, kind.programme, kind.form, role, names, Filled())
    fields = [f for block in blocks for f in block.fields]
    elements = library.dictionary.elements
    rows = []
    for line in sessions.lines(found):
        here = str(line.person.key)
        result = told.get(here)
        data = line.record.data if line.record else {}
        cells = [
            shown(elements[f.name], value)
            if (value := read_observation(elements[f.name], data.get(f.name))[0]) is not None
            else ""
            for f in fields
        ]
        wrong = {n: str(e) for n, e in (result.errors or {}).items()} if result else {}
        error = result.error if result is not None and line.record is None else ""
        rows.append(Row(line.person, line.record, cells, answers.get(here, {}), error, wrong))
    context = {
        "actor": actor,
        "session": found,
        "label": words(kind.spec.label),
        "hint": words(kind.form.spec.hint) if kind.form.spec.hint else "",
        "fields": fields,
        "rows": rows,
        "left": sum(row.signed is None for row in rows),
        "failed": sum(bool(row.error) for row in rows),
    }
    status = 422 if context["failed"] else 200
    return render(request, "desk/sessions/session.html", context, status=status)


def _answers(request: HttpRequest, names: list[str]) -> dict[str, dict[str, Any]]:
    """person key -> element -> what was typed; several values of a multiple choice as a list."""
    elements = content.library().dictionary.elements
    found: dict[str, dict[str, Any]] = {}
    for key in request.POST:
        person, _dot, name = key.partition(".")
        if name not in names:
            continue
        many = elements[name].type == "codes"
        value = request.POST.getlist(key) if many else request.POST[key].strip()
        if value not in ("", []):
            found.setdefault(person, {})[name] = value
    return found
