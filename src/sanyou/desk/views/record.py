"""The page of a couple (or person): both spouses side by side, one episode at a time."""

from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from sanyou.care import content, episodes, reuse
from sanyou.care.facts import standing_beside
from sanyou.care.models import Assessment, Consent, Encounter, Episode, Task
from sanyou.care.reading import (
    may_read_elsewhere,
    readable_rules,
    reads,
    reads_everything,
    task_label,
)
from sanyou.desk.actor import actor_of, duty_page, say
from sanyou.desk.views import records_assess
from sanyou.desk.views.record_transfer import moments as transfers
from sanyou.desk.views.record_transfer import whereabouts
from sanyou.desk.views.records import episode_of, names_of, people_of, readable_episode
from sanyou.desk.views.records_form import FieldView, Filled, sections, seen, shown, words
from sanyou.desk.views.stock_hand_out import offers
from sanyou.protocol.facts import read_observation
from sanyou.protocol.form import validate
from sanyou.protocol.programme import Form, Programme
from sanyou.protocol.scope import COUPLE
from sanyou.registry import people
from sanyou.registry.access import Actor, NotFoundForYou, may_fill, may_see, visible
from sanyou.registry.models import Couple, Person
from sanyou.trust import audit

STATUS_BADGE = {
    Episode.Status.OPEN: "info",
    Episode.Status.RETURNED: "warn",
    Episode.Status.INELIGIBLE: "bad",
    Episode.Status.REFUSED: "bad",
    Episode.Status.WITHDRAWN: "",
    Episode.Status.CLOSED: "ok",
    Episode.Status.CANCELLED: "",
}
STANDING = ("signed",)


@dataclass(frozen=True)
class Cell:
    """One answer: in words, with its range and flag."""

    text: str
    range: str
    flag: str


@dataclass(frozen=True)
class Row:
    label: str
    unit: str
    cells: tuple[Cell | None, ...]

    @property
    def abnormal(self) -> bool:
        return any(c is not None and c.flag for c in self.cells)


@dataclass(frozen=True)
class Sheet:
    """The record of one role on one form."""

    role: str
    label: str
    encounter: Encounter


@dataclass(frozen=True)
class Table:
    """One form: a column a role, rows by section."""

    form: str
    label: str
    sheets: tuple[Sheet, ...]
    sections: tuple[tuple[str, tuple[Row, ...]], ...]
    hidden: int

    @property
    def abnormal(self) -> int:
        return sum(row.abnormal for _label, rows in self.sections for row in rows)


@dataclass(frozen=True)
class Moment:
    """One line of the timeline."""

    at: datetime
    what: str
    who: str = ""
    detail: str = ""
    mark: str = ""
    on: date | None = None  # the day it happened, where it was written down later

    @property
    def day(self) -> date:
        """The day it happened."""
        return self.on or timezone.localtime(self.at).date()

    @property
    def when(self) -> str:
        """The moment; only the day where it was written down on another."""
        local = timezone.localtime(self.at)
        if self.on is not None and self.on != local.date():
            return self.on.isoformat()
        return local.strftime("%Y-%m-%d %H:%M")


@dataclass
class Step:
    label: str
    state: str  # done | now | ""


@dataclass(frozen=True)
class Spouse:
    role: str
    label: str
    person: Person
    number: str
    phone: str
    consent: str = ""
    others: list[str] = field(default_factory=list)


@duty_page("see_person", methods=("GET",))
def couple(request: HttpRequest, key: UUID) -> HttpResponse:
    """The couple's latest episode; a key from before a merge leads to the standing couple."""
    actor = actor_of(request)
    found = people.couple_by_key(key)
    if found is None:
        raise NotFoundForYou
    actor.require("see_person", found)
    rows = visible(actor, Episode.objects.filter(couple=found)).order_by("-opened_on", "-pk")
    return _latest(request, actor, rows, couple=found)


@duty_page("see_person", methods=("GET",))
def person(request: HttpRequest, key: UUID) -> HttpResponse:
    """The person's couple, or her own episodes in programmes for single people."""
    actor = actor_of(request)
    found = people.by_key(key)
    if found is None:
        raise NotFoundForYou
    actor.require("see_person", found)
    rows = visible(
        actor,
        Episode.objects.filter(Q(person=found) | Q(couple__wife=found) | Q(couple__husband=found)),
    ).order_by("-opened_on", "-pk")
    return _latest(request, actor, rows, person=found)


def _latest(
    request: HttpRequest,
    actor: Actor,
    rows: QuerySet[Episode],
    couple: Couple | None = None,
    person: Person | None = None,
) -> HttpResponse:
    first = rows.exclude(status=Episode.Status.CANCELLED).first() or rows.first()
    if first is not None:
        return _page(request, actor, first)
    return _without_episode(request, actor, couple, person)


def _without_episode(
    request: HttpRequest, actor: Actor, couple: Couple | None, person: Person | None
) -> HttpResponse:
    both = [couple.wife, couple.husband] if couple else [person]
    spouses = [
        Spouse(
            "wife" if p.sex == "female" else "husband",
            str(p.get_sex_display()),
            p,
            people.shown_id(actor, p),
            people.mask_phone(p.phone),
        )
        for p in both
        if p is not None
    ]
    key = couple.key if couple else person.key if person else ""
    audit.record(actor, "read", "couple" if couple else "person", key)
    return render(request, "desk/shell/no_episode.html", {"actor": actor, "spouses": spouses})


@duty_page("see_person", methods=("GET",))
def episode(request: HttpRequest, key: UUID) -> HttpResponse:
    """One episode with everything that hangs on it."""
    actor, found = readable_episode(request, key)
    return _page(request, actor, found)


@duty_page("nominate", methods=("POST",))
def resubmit(request: HttpRequest, key: UUID) -> HttpResponse:
    """Send a returned registration to the township again after correcting it."""
    actor, found = episode_of(request, key)
    episodes.resubmit(found, actor)
    say(request, _("已重新提交，转镇街审核。"))
    return redirect("episode", key=found.key)


def _page(request: HttpRequest, actor: Actor, found: Episode) -> HttpResponse:
    audit.record(actor, "read", "episode", found.key)
    context = head(actor, found)
    programme = content.programme_of(found)
    context |= {
        "tables": results(actor, found),
        "taken": taken(actor, found),
        "assessment": _assessment(actor, found),
        "timeline": timeline(actor, found),
        "tasks": [(t, task_label(actor, programme, t)) for t in _tasks(found)],
        "decision": found.decisions.order_by("-at").first(),
        "decisions": list(found.decisions.select_related("by").order_by("-at")),
        "documents": list(found.documents.select_related("issued_by").order_by("-at")),
        "consents": _consents(found),
        "cards": list(found.cards.order_by("-pk")),
        "referrals": list(found.referrals.order_by("-pk")) if reads_everything(actor) else [],
        "history": _history(actor, found),
        "siblings": _siblings(actor, found),
        "may_results": actor.can("see_results"),
        "life": found.person or (found.couple.wife if found.couple else None),
        "claim": getattr(found, "claim", None) if actor.can("see_money") else None,
    }
    return render(request, "desk/shell/episode.html", context)


def head(actor: Actor, found: Episode) -> dict[str, Any]:
    """What every page about an episode shows at its top."""
    programme = content.programme_of(found)
    everyone = people_of(found)
    standing = _standing_consents(found)
    spouses = [
        Spouse(
            role,
            words(programme.role_label.get(role, role)),
            person,
            people.shown_id(actor, person),
            people.mask_phone(person.phone),
            standing.get(role, ""),
        )
        for role, person in everyone.items()
    ]
    opening = _opening(found, programme)
    form = programme.forms.get(programme.opening_form or "")
    return {
        "actor": actor,
        "episode": found,
        "programme": programme,
        "programme_label": words(programme.label),
        "spouses": spouses,
        "names": list(names_of(found).values()),
        "unit_label": words(programme.role_label[programme.roles[0]]) if found.unit else "",
        "badge": STATUS_BADGE.get(Episode.Status(found.status), ""),
        "steps": _steps(found, programme),
        "subsidy": any(s.kind == "approve" for s in programme.steps),
        "own_tasks": _own_tasks(actor, found),
        "hand_outs": [
            (person, programme_id, label)
            for person in everyone.values()
            for programme_id, label in offers(actor, person)
        ],
        "opening": opening,
        "may_resubmit": found.status == Episode.Status.RETURNED and actor.can("nominate", found),
        "may_amend_opening": bool(
            opening and form and may_fill(actor, form) and actor.can("amend", found)
        ),
        "where": whereabouts(actor, found),
    }


def _opening(found: Episode, programme: Programme) -> Encounter | None:
    return (
        found.encounters.filter(form=programme.opening_form or "", status__in=STANDING)
        .order_by("-pk")
        .first()
    )


def _standing_consents(found: Episode) -> dict[str, str]:
    """role -> the kind of its latest consent row."""
    return {c.role: c.kind for c in found.consents.order_by("pk")}


def _own_tasks(actor: Actor, found: Episode) -> list[Task]:
    """Open tasks of her duty on this episode: her buttons."""
    today = timezone.localdate()
    rows = found.tasks.filter(duty=actor.duty, status=Task.Status.OPEN, opens__lte=today)
    return list(visible(actor, rows).order_by("due", "pk"))


def _steps(found: Episode, programme: Programme) -> list[Step]:
    """The programme's steps: done, waiting now, or to come."""
    states: dict[str, set[str]] = {}
    for name, status in found.tasks.filter(kind=Task.Kind.STEP).values_list("name", "status"):
        states.setdefault(name, set()).add(status)
    steps = []
    for step in programme.steps:
        have = states.get(step.id, set())
        if step.form and step.form == programme.opening_form and not have:
            have = {"done"} if _opening(found, programme) else set()
        state = "now" if "open" in have else "done" if "done" in have else ""
        steps.append(Step(words(step.label), state))
    return steps


def results(actor: Actor, found: Episode, opening_only: bool = False) -> list[Table]:
    """The standing signed records she may read, form by form, a column a role."""
    programme = content.programme_of(found)
    rows: dict[str, dict[str, Encounter]] = {}
    signed = found.encounters.filter(status__in=STANDING).select_related("signed_by")
    for row in signed.order_by("occurred_on", "pk"):
        rows.setdefault(row.form, {})[row.role] = row
    tables = []
    for form in programme.forms.values():
        if form.id not in rows or (opening_only and form.id != programme.opening_form):
            continue
        table = _table(actor, programme, form, rows[form.id])
        if table.sections or table.hidden:
            tables.append(table)
    return tables


@dataclass(frozen=True)
class Taken:
    """One result taken over from another programme."""

    role: str
    role_label: str
    label: str
    text: str
    where: str
    key: str


def taken(actor: Actor, found: Episode) -> list[Taken]:
    """Results of other programmes that count here, where no record of its own has them."""
    programme = content.programme_of(found)
    elements = content.library().dictionary.elements
    signed = found.encounters.filter(status__in=STANDING).values_list("role", "data")
    own = {(role, n) for role, data in signed for n, v in data.items() if v is not None}
    return [
        Taken(
            role,
            words(programme.role_label.get(role, role)),
            words(elements[name].label),
            shown(elements[name], read_observation(elements[name], r.value)[0]),
            r.where,
            str(r.encounter.key),
        )
        for (role, name), r in sorted(reuse.of(found, timezone.localdate()).items())
        if (role, name) not in own and may_see(actor, elements[name])
    ]


def _table(actor: Actor, programme: Programme, form: Form, rows: dict[str, Encounter]) -> Table:
    library = content.library()
    roles = [r for r in form.roles if r in rows] + [r for r in rows if r not in form.roles]
    columns: dict[str, dict[str, FieldView]] = {}
    hidden = 0
    order: dict[str, list[tuple[str, str]]] = {}
    for role in roles:
        names = seen(library, actor, form, role)
        data = rows[role].data
        hidden += sum(1 for n in data if n not in names and data[n] not in (None, "", []))
        judged = validate(library, form, role, data, programme.role_sex.get(role), draft=True)
        filled = Filled(data=data, flags=judged.flags, visible=frozenset(judged.visible))
        columns[role] = {}
        for section in sections(library, programme, form, role, names, filled):
            for f in section.answered:
                columns[role][f.name] = f
                line = (f.name, f.label)
                if line not in order.setdefault(section.label, []):
                    order[section.label].append(line)
    found = tuple(
        (
            label,
            tuple(
                Row(
                    text,
                    "",
                    tuple(_cell(columns[role].get(name)) for role in roles),
                )
                for name, text in lines
            ),
        )
        for label, lines in order.items()
    )
    sheets = tuple(
        Sheet(role, words(programme.role_label.get(role, role)), rows[role]) for role in roles
    )
    return Table(form.id, words(form.label), sheets, found, hidden)


def _cell(view: FieldView | None) -> Cell | None:
    if view is None:
        return None
    text = _("（图片）") if view.kind == "image" else view.display
    return Cell(text, view.range_text, view.flag)


def _assessment(actor: Actor, found: Episode) -> dict[str, Any] | None:
    """The standing assessment with findings and what cannot be excluded, for clinical duties."""
    if not actor.can("see_results"):
        return None
    standing = (
        found.assessments.exclude(status=Assessment.Status.SUPERSEDED)
        .select_related("decided_by")
        .first()
    )
    if standing is None:
        return None
    return _shown(actor, found, standing)


def _shown(actor: Actor, found: Episode, row: Assessment) -> dict[str, Any]:
    """The assessment without what rests on elements this duty may not read."""
    programme = content.programme_of(found)
    findings = row.result.get("findings", [])
    unknown = row.result.get("undetermined", [])
    own = [f for f in findings if reads(actor, f["evidence"])]
    open_ = [u for u in unknown if reads(actor, u["missing"])]
    added = row.override.get("added", [])
    mine = [r.key for r in readable_rules(actor, programme, added)]
    hidden = len(findings) + len(unknown) + len(added) - len(own) - len(open_) - len(mine)
    row.result = {**row.result, "findings": own, "undetermined": open_}  # never saved
    row.override = {**row.override, "added": mine}
    names = names_of(found)
    sides = [
        records_assess.side(actor, found, programme, row, role, names.get(role, ""))
        for role in programme.risk_roles
    ]
    return {
        "row": row,
        "cls": records_assess.class_label(programme, row.cls),
        "level": words(programme.risk_levels.get(row.level, row.level)),
        "beside": standing_beside(programme, row),
        "sides": sides,
        "hidden": hidden,
        "findings_count": sum(1 for s in sides for f in s.findings if not f.removed),
    }


def timeline(actor: Actor, found: Episode) -> list[Moment]:
    """Everything that happened, newest first: names of staff, no results."""
    programme = content.programme_of(found)

    def role(name: str) -> str:
        label = words(programme.role_label.get(name, ""))
        return f"（{label}）" if name and name != COUPLE and label else ""

    moments = [
        Moment(
            e.signed_at or e.created_at,
            f"{_form_label(programme, e.form)}{role(e.role)}",
            str(e.signed_by or _("文件导入")),
            _("更正：%s") % e.reason if e.replaces_id else "",
            on=None if e.replaces_id else e.occurred_on,
        )
        for e in found.encounters.filter(signed_at__isnull=False).select_related("signed_by")
    ]
    moments += [
        Moment(d.at, _("资格判断"), str(d.by or ""), str(d.result.get("clause_line", "")),
               mark="" if d.answer == "yes" else "bad", on=d.on)
        for d in found.decisions.select_related("by")
    ]  # fmt: skip
    moments += [
        Moment(c.at, f"{c.get_kind_display()}{role(c.role)}", str(c.by or ""), c.reason,
               mark="" if c.kind == Consent.Kind.GRANT else "bad", on=c.on)
        for c in found.consents.select_related("by")
    ]  # fmt: skip
    moments += [
        Moment(
            t.closed_at,
            f"{task_label(actor, programme, t)}{role(t.role)}",
            str(t.closed_by or ""),
            _closing(t),
            mark="bad" if t.status == Task.Status.LOST else "",
        )
        for t in found.tasks.filter(closed_at__isnull=False).select_related("closed_by")
        if t.closed_at
        and (t.name in {"review", "confirm", "publish", "approve"} or t.kind != Task.Kind.STEP)
    ]
    moments += [
        Moment(a.decided_at, _("风险评估：%s") % a.get_status_display(), str(a.decided_by or ""))
        for a in found.assessments.select_related("decided_by")
        if a.decided_at
    ]
    moments += [
        Moment(
            d.at,
            _document_label(programme, d.kind),
            str(d.issued_by or ""),
            d.number,
            on=d.issued_on,
        )
        for d in found.documents.select_related("issued_by")
    ]
    moments += [Moment(**t) for t in transfers(found)]
    return sorted(moments, key=lambda m: (m.day, m.at), reverse=True)


def _closing(task: Task) -> str:
    """How a task ended, where it is not simply done."""
    ended = "" if task.status == Task.Status.DONE else str(task.get_status_display())
    return "：".join(part for part in (ended, task.reason) if part)


def _form_label(programme: Programme, form: str) -> str:
    found = programme.forms.get(form)
    return words(found.label) if found else form


def _document_label(programme: Programme, kind: str) -> str:
    found = programme.documents.get(kind)
    return words(found.label) if found else kind


def _tasks(found: Episode) -> list[Task]:
    return list(found.tasks.filter(status=Task.Status.OPEN).order_by("due", "opens", "pk"))


def _consents(found: Episode) -> list[dict[str, Any]]:
    programme = content.programme_of(found)
    return [
        {"row": c, "role": c.role, "label": words(programme.role_label.get(c.role, c.role))}
        for c in found.consents.select_related("by").order_by("-pk")
    ]


def _history(actor: Actor, found: Episode) -> list[dict[str, Any]]:
    """Amended records with who, when, why; both versions can be opened."""
    programme = content.programme_of(found)
    rows = (
        found.encounters.filter(replaces__isnull=False)
        .select_related("replaces", "signed_by")
        .order_by("-pk")
    )
    return [
        {
            "label": _form_label(programme, e.form),
            "role": words(programme.role_label.get(e.role, "")) if e.role != COUPLE else "",
            "row": e,
            "fields": len({k for k in {**e.data, **e.replaces.data}
                           if e.data.get(k) != e.replaces.data.get(k)}) if e.replaces else 0,
        }
        for e in rows
    ]  # fmt: skip


def _siblings(actor: Actor, found: Episode) -> list[tuple[Episode, str]]:
    """Other episodes of the same people; with the programme where it is another one."""
    rows = Episode.objects.filter(found.same_subject)
    others = rows.exclude(pk=found.pk).select_related("couple", "region").order_by("-opened_on")
    return [
        (e, "" if e.programme == found.programme else words(content.programme_of(e).label))
        for e in others
        if may_read_elsewhere(actor, e)
    ]


__all__ = ["couple", "episode", "head", "person", "results", "timeline"]
