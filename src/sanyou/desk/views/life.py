"""One page for a family's whole life course; the back-trace of a case; the ledger of a programme."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from sanyou.care import content
from sanyou.care.facts import facts_table, standing_beside
from sanyou.care.family import Family, episodes_of, family_of, work_of
from sanyou.care.models import Assessment, Episode, Task
from sanyou.care.reading import reads, reads_everything, task_label
from sanyou.care.trace import Looked, first_missed, trace_of
from sanyou.desk.actor import actor_of, duty_page
from sanyou.desk.paging import leaf
from sanyou.desk.views.records import names_of, readable_episode, who_of
from sanyou.desk.views.records_form import shown, words
from sanyou.protocol.programme import Programme
from sanyou.registry import people
from sanyou.registry.access import Actor, NotFoundForYou, existing, visible
from sanyou.registry.duties import DUTIES
from sanyou.registry.models import Birth, Person
from sanyou.trust import audit

WIDTH, LEFT, ROW = 1000, 210, 30  # of the picture, in its own units
AHEAD = timedelta(days=120)  # how far beyond today the line goes at least


@dataclass(frozen=True)
class Bar:
    """One record on the line of life."""

    label: str
    who: str
    url: str
    x: float
    width: float
    y: int
    kind: str  # open | closed | pregnancy
    dates: str


@dataclass(frozen=True)
class Mark:
    """A day on the line: a birth, the beginning of a year, today."""

    x: float
    label: str
    kind: str  # year | born | today


@dataclass(frozen=True)
class Line:
    """A family's picture; `height` in the units of the picture."""

    bars: list[Bar]
    marks: list[Mark]
    height: int
    left: int = LEFT
    width: int = WIDTH


@dataclass(frozen=True)
class Row:
    """One thing to be done, in words this reader may see."""

    label: str
    who: str
    programme: str
    duty: str
    place: str
    task: Task
    url: str


@duty_page("see_person", methods=("GET",))
def life(request: HttpRequest, key: UUID) -> HttpResponse:
    """Preconception, pregnancy, birth and child on one line; what is due, what is overdue, with
    whom."""
    actor = actor_of(request)
    person = people.by_key(key)
    if person is None:
        raise NotFoundForYou
    actor.require("see_person", person)
    family = family_of(person, actor)
    records = episodes_of(family, actor)
    today = timezone.localdate()
    audit.record(actor, "read", "family", person.key)
    work = work_of(records, today)
    context = {
        "actor": actor,
        "person": person,
        "names": [p.name for p in family.people[:2]],
        "members": _members(family, person),
        "line": _line(family, records, today),
        "work": {
            n: [_row(actor, d) for d in getattr(work, n)] for n in ("overdue", "now", "later")
        },
        "records": [(e, _label(e), _who(e)) for e in reversed(records)],
        "today": today,
    }
    return render(request, "desk/life/life.html", context)


@dataclass(frozen=True)
class Member:
    person: Person
    label: str
    note: str
    here: bool


def _members(family: Family, person: Person) -> list[Member]:
    found = []
    if family.mother is not None:
        found.append((family.mother, _("母亲") if family.children else _("女方"), ""))
    if family.father is not None:
        found.append((family.father, _("父亲") if family.children else _("男方"), ""))
    for birth in family.children:
        note = birth.born_on.isoformat()
        found.append((birth.child, str(birth.child.get_sex_display()), note))
    if family.alone is not None and family.alone not in [p for p, _label, _note in found]:
        found.append((family.alone, str(family.alone.get_sex_display()), ""))
    return [Member(p, label, note, p == person) for p, label, note in found]


def _label(episode: Episode) -> str:
    return words(content.programme_of(episode).label)


def _who(episode: Episode) -> str:
    return who_of(episode)


def _row(actor: Actor, due: Any) -> Row:
    task: Task = due.task
    programme = content.programme_of(due.episode)
    duty = DUTIES.get(task.duty)
    mine = task.duty == actor.duty and actor.can("home", due.episode)
    everyone = names_of(due.episode)
    name = everyone[task.role] if task.role in everyone else _who(due.episode)
    return Row(
        task_label(actor, programme, task),
        name,
        words(programme.label),
        str(duty.label) if duty else "",
        task.region.full_name,
        task,
        reverse("task", args=[task.key]) if mine else "",
    )


def _line(family: Family, records: list[Episode], today: date) -> Line | None:
    """Bars from the first day on record to some months from now; None where there is nothing."""
    starts = [e.opened_on for e in records] + [b.born_on for b in family.children]
    starts += [p.began_on for p in family.pregnancies if p.began_on]
    if not starts:
        return None
    first, last = min(starts), today + AHEAD
    days = max((last - first).days, 1)

    def x(day: date) -> float:
        inside = min(max(day, first), last)
        return round(LEFT + (WIDTH - LEFT) * (inside - first).days / days, 1)

    rows: list[tuple[date, date, str, str, str, str]] = [
        (e.opened_on, e.closed_on or today, _label(e), _who(e), reverse("episode", args=[e.key]),
         "closed" if e.closed_on else "open")
        for e in records
    ]  # fmt: skip
    mother = family.mother.name if family.mother else ""
    rows += [
        (p.began_on, p.ended_on or min(p.began_on + timedelta(days=280), last), _("妊娠"), mother,
         "", "pregnancy")
        for p in family.pregnancies
        if p.began_on
    ]  # fmt: skip
    rows.sort(key=lambda row: (row[0], row[2]))
    bars = [
        Bar(
            label,
            who,
            url,
            x(start),
            max(x(end) - x(start), 6),
            ROW * number + 34,
            kind,
            f"{start.isoformat()} — {'' if kind == 'open' else end.isoformat()}",
        )
        for number, (start, end, label, who, url, kind) in enumerate(rows)
    ]
    marks = [
        Mark(x(date(year, 1, 1)), str(year), "year")
        for year in range(first.year + 1, last.year + 1)
    ]
    marks += [Mark(x(b.born_on), _("出生"), "born") for b in family.children]
    marks.append(Mark(x(today), _("今天"), "today"))
    return Line(bars, marks, ROW * len(rows) + 50)


# --- back-trace ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Chance:
    """One chance in the words of the page."""

    number: int
    level: str
    label: str
    verdict: str
    text: str
    ask: str
    source: str
    record: Episode | None
    record_label: str
    until: date
    evidence: list[tuple[str, str]]
    first: bool


def _levels() -> dict[int, str]:
    return {1: _("一级预防"), 2: _("二级预防"), 3: _("三级预防")}


@duty_page("see_results", methods=("GET",))
def trace(request: HttpRequest, key: UUID) -> HttpResponse:
    """Back from a case through the family's records, as a sheet for the review; prints on A4."""
    actor, episode = readable_episode(request, key)
    programme = content.programme_of(episode)
    if programme.trace is None or episode.person is None:
        raise Http404
    today = timezone.localdate()
    looked = trace_of(episode, actor, today)
    missed = first_missed(looked)
    audit.record(actor, "trace", "episode", episode.key)
    chances = [
        _chance(actor, number, one, one is missed) for number, one in enumerate(looked, start=1)
    ]
    context = {
        "actor": actor,
        "episode": episode,
        "programme_label": words(programme.label),
        "names": [episode.person.name],
        "born": episode.person.birth_date,
        "mother": _mother(actor, episode.person),
        "chances": chances,
        "groups": [
            (label, [c for c in chances if c.level == label]) for label in _levels().values()
        ],
        "first": next((c for c in chances if c.first), None),
        "counts": {
            "taken": sum(c.verdict == "taken" for c in chances),
            "partly": sum(c.verdict == "partly" for c in chances),
            "missed": sum(c.verdict in ("not_taken", "no_record") for c in chances),
        },
        "today": today,
    }
    return render(request, "desk/life/trace.html", context)


def _mother(actor: Actor, child: Person) -> Person | None:
    births = existing(actor, Birth.objects.filter(child=child)).select_related("mother")
    return next((birth.mother for birth in births), None)


def _chance(actor: Actor, number: int, one: Looked, first: bool) -> Chance:
    spec = one.chance.spec
    programme = content.library().programmes[spec.programme]
    return Chance(
        number,
        _levels()[spec.level],
        words(spec.label),
        one.verdict,
        words(one.chance.words(one.verdict)),
        words(spec.ask),
        " ".join(part for part in (spec.source.ref, spec.source.clause) if part),
        one.record,
        words(programme.label),
        one.until,
        _told(actor, programme, one.evidence) if reads_everything(actor) else [],
        first,
    )


def _told(actor: Actor, programme: Programme, evidence: Any) -> list[tuple[str, str]]:
    """Facts in words, those this reader may see."""
    elements = content.library().dictionary.elements
    found = []
    for name, value in evidence.items():
        element = elements.get(name.partition(".")[2].partition("__")[0])
        if element is None or value is None or not reads(actor, [name]):
            continue
        label = words(programme.fact_label(name))
        text = (_("是") if value else _("否")) if isinstance(value, bool) else shown(element, value)
        found.append((label, text))
    return found


# --- ledger --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Entry:
    """One open episode on a ledger."""

    episode: Episode
    who: str
    cls: str
    beside: tuple[str, ...]
    since: date
    place: str
    factors: list[str]
    shown: list[str]
    due: Task | None
    due_label: str
    overdue: bool


@duty_page("see_results", methods=("GET",))
def ledger(request: HttpRequest, programme_id: str) -> HttpResponse:
    """Open episodes of a programme by the class that stands: what, since when, what is due."""
    actor = actor_of(request)
    programme = content.programmes_for(actor).get(programme_id)
    if programme is None or programme.spec.ledger is None:
        raise Http404
    wanted = list(programme.spec.ledger.classes)
    standing = (
        visible(actor, Assessment.objects.all())
        .filter(
            episode__programme=programme.id,
            episode__status=Episode.Status.OPEN,
            status__in=(Assessment.Status.CONFIRMED, Assessment.Status.OVERRIDDEN),
        )
        .select_related("episode__person", "episode__couple__wife", "episode__couple__husband",
                        "episode__unit", "episode__region")
        .defer("facts")
    )  # fmt: skip
    whole = reads_everything(actor)  # what stands beside tells of an infection
    rows = [(row, standing_beside(programme, row) if whole else ()) for row in standing]
    rows = [(r, b) for r, b in rows if r.cls in wanted or set(b) & set(wanted)]
    chosen = request.GET.get("class", "")
    counts = {c: sum(r.cls == c or c in b for r, b in rows) for c in wanted}
    if chosen in wanted:
        rows = [(r, b) for r, b in rows if r.cls == chosen or chosen in b]
    rows.sort(key=lambda rb: (-_severity(programme, rb[0].cls), rb[0].as_of, rb[0].pk))
    page = leaf(request, [r for r, _b in rows])
    labels = {c.id: words(c.label) for c in programme.risk_classes}
    context = {
        "actor": actor,
        "programme": programme,
        "label": words(programme.spec.ledger.label),
        "leaf": page,
        "entries": _entries(actor, programme, list(page)),
        "columns": [
            words(content.library().dictionary.elements[n].label)
            for n in programme.spec.ledger.show
        ],
        "classes": [(c, labels[c], counts[c]) for c in wanted],
        "chosen": chosen,
        "total": sum(1 for _row in rows),
        "today": timezone.localdate(),
    }
    audit.record(actor, "read", "case-ledger", programme.id)
    return render(request, "desk/life/ledger.html", context)


def _severity(programme: Programme, cls: str) -> int:
    return programme.severity(cls) if cls else -1


def _entries(actor: Actor, programme: Programme, rows: Iterable[Assessment]) -> list[Entry]:
    rows = list(rows)
    assert programme.spec.ledger is not None
    today = timezone.localdate()
    facts = facts_table([r.episode for r in rows], today)
    tasks: dict[int, Task] = {}
    open_tasks = Task.objects.filter(
        episode__in=[r.episode_id for r in rows], status=Task.Status.OPEN
    ).order_by("due", "opens", "pk")
    for task in open_tasks:
        tasks.setdefault(task.episode_id, task)
    elements = content.library().dictionary.elements
    found = []
    for row, known in zip(rows, facts, strict=True):
        role = programme.roles[0]
        told = []
        for name in programme.spec.ledger.show:
            value = known.get(f"{role}.{name}")
            hidden = value is None or not reads(actor, [f"{role}.{name}"])
            told.append("—" if hidden else shown(elements[name], value))
        due = tasks.get(row.episode_id)
        removed = set(row.override.get("removed", []))
        factors = [
            f["label"]["zh"]
            for f in row.result.get("findings", [])
            if f"{f['role']}.{f['rule']}" not in removed
            and f["class"] in programme.spec.ledger.classes
            and reads(actor, f["evidence"])
        ]
        found.append(
            Entry(
                row.episode,
                _who(row.episode),
                row.cls,
                standing_beside(programme, row) if reads_everything(actor) else (),
                row.as_of,
                row.episode.region.name,
                factors,
                told,
                due,
                task_label(actor, programme, due) if due else "",
                due is not None and due.due is not None and due.due < today,
            )
        )
    return found
