"""The year's task numbers: how far the district and each town have come, and whom to invite."""

import datetime as dt
import unicodedata
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from sanyou.care import content
from sanyou.care.models import Episode, Task
from sanyou.desk.actor import actor_of, duty_page
from sanyou.desk.below import Below, below
from sanyou.desk.paging import leaf
from sanyou.desk.views.records import who_of
from sanyou.desk.views.records_form import words
from sanyou.figures import tasknumbers
from sanyou.figures.models import TaskNumber
from sanyou.figures.tasknumbers import Basis, Progress
from sanyou.registry.access import Actor
from sanyou.registry.models import Organisation, Region
from sanyou.trust import audit

YEARS_BACK = 2


@dataclass(frozen=True)
class Line:
    """A town or organisation in the table; `code` opens the couples to invite there."""

    label: str
    progress: Progress
    code: str = ""
    to_invite: int | None = None


@dataclass(frozen=True)
class Wanted:
    """One line of the form: a town or organisation, what is set, what is suggested."""

    field: str
    label: str
    value: str
    suggested: int | None
    error: str = ""


@dataclass(frozen=True)
class Invitee:
    """A couple to invite: who, where, since when, and what comes next."""

    episode: Episode
    names: str
    place: str
    next: str


def _choices(actor: Actor, region: Region | None, on: dt.date) -> list[Basis]:
    """Programmes whose policy in the region is measured by a task number."""
    code = region.code if region else ""
    found = (tasknumbers.basis(p, code, on) for p in content.programmes_for(actor))
    return [one for one in found if one is not None]


def _chosen(
    given: Any, actor: Actor, region: Region | None
) -> tuple[Basis | None, list[Basis], int, dt.date]:
    """(what is counted or None, the choices, the year, the day up to which it is counted)."""
    today = timezone.localdate()
    text = given.get("year", "")
    year = int(text) if text.isascii() and text.isdigit() and len(text) == 4 else today.year
    if not today.year - YEARS_BACK <= year <= today.year + 1:
        year = today.year
    on = tasknumbers.as_of(year, today)
    choices = _choices(actor, region, on)
    asked = given.get("programme", "")
    found = next((c for c in choices if c.programme.id == asked), None)
    return found or (choices[0] if choices else None), choices, year, on


@duty_page("see_task_numbers", methods=("GET",))
def task_numbers(request: HttpRequest) -> HttpResponse:
    """Progress against the year's number, by town and organisation, and the couples to invite."""
    actor = actor_of(request)
    districts = below(request, actor)
    if districts is not None and districts.chosen is None:
        return _of_districts(request, actor, districts)
    region = districts.chosen if districts else actor.region
    found, choices, year, on = _chosen(request.GET, actor, region)
    today = timezone.localdate()
    context: dict[str, Any] = {
        "below": districts,
        "actor": actor,
        "year": year,
        "years": range(today.year - YEARS_BACK, today.year + 2),
        "choices": [(c.programme.id, words(c.programme.label)) for c in choices],
        "found": found,
        "region": region,
        "keep": f"district={region.code}&" if districts and region else "",
    }
    if found is None or region is None:
        return render(request, "desk/reports/task_numbers.html", context)
    context |= _progress(found, actor, region, year, on)
    context |= _to_invite(request, found, actor, region, year, context["towns"])
    audit.record(actor, "read", "task-numbers", f"{found.programme.id}/{region.code}/{year}")
    return render(request, "desk/reports/task_numbers.html", context)


@dataclass(frozen=True)
class DistrictLine:
    """A district in the table of somebody above it, for one programme."""

    region: Region
    programme: str
    target: str
    progress: Progress
    to_invite: int


def _of_districts(request: HttpRequest, actor: Actor, districts: Below) -> HttpResponse:
    """A line for each district and programme that is measured by a task number."""
    _none, _choices_here, year, on = _chosen(request.GET, actor, None)
    today = timezone.localdate()
    lines = []
    for region in districts.districts:
        for found in _choices(actor, region, on):
            own = tasknumbers.of_regions(found.programme.id, year, region).get(region.code)
            done = len(tasknumbers.examined(found, region, year, on))
            number = own.number if own else None
            waiting = tasknumbers.to_invite(actor, found.programme, year)
            lines.append(
                DistrictLine(
                    region,
                    words(found.programme.label),
                    f"≥ {found.target.value}{found.target.unit}",
                    tasknumbers.progress(found, number, done, year, on),
                    waiting.filter(region__code__startswith=region.prefix).count(),
                )
            )
    audit.record(actor, "read", "task-numbers", f"{actor.region_prefix}/{year}")
    context = {
        "below": districts,
        "keep": f"year={year}",
        "year": year,
        "years": range(today.year - YEARS_BACK, today.year + 2),
        "on": on,
        "region": actor.region,
        "lines": lines,
    }
    return render(request, "desk/reports/task_numbers_below.html", context)


def _progress(found: Basis, actor: Actor, region: Region, year: int, on: dt.date) -> dict[str, Any]:
    """The numbers of the page."""
    numbers = tasknumbers.of_regions(found.programme.id, year, region)
    rows = tasknumbers.examined(found, region, year, on)
    towns = list(region.children.exclude(level=Region.Level.VILLAGE))
    counts, elsewhere = tasknumbers.by_region(rows, towns)

    def of(number: TaskNumber | None, done: int) -> Progress:
        wanted = number.number if number else None
        return tasknumbers.progress(found, wanted, done, year, on)

    own = numbers.get(region.code)
    waiting = _waiting(found, actor, region, year, towns)
    lines = [
        Line(t.name, of(numbers.get(t.code), counts[t.code]), t.code, waiting.get(t.code, 0))
        for t in towns
        if t.code in numbers or counts[t.code] or waiting.get(t.code)
    ]
    if elsewhere and towns:
        lines.append(Line(_("未落实到镇街"), of(None, elsewhere)))
    given = [numbers[t.code].number for t in towns if t.code in numbers]
    whole = of(own, len(rows))
    return {
        "whole": whole,
        "own": own,
        "on": on,
        "lines": lines,
        "towns": towns,
        "left": tasknumbers.difference(own.number, given) if own and given else 0,
        "organisations": _organisations(found, region, year, on, rows),
        "history": _history([*numbers.values()], region) if towns else [],
        "target": found.target,
        "target_label": words(found.target.label),
        "policy": found.policy,
        "indicator": words(found.indicator.label),
        "may_set": actor.can("set_task_number", region)
        and region == actor.region
        and region.level == Region.Level.COUNTY,
        "bar": min(whole.examined, whole.number) if whole.number else 0,
    }


def _waiting(
    found: Basis, actor: Actor, region: Region, year: int, towns: list[Region]
) -> dict[str, int]:
    """Couples still to invite in each town."""
    counts: dict[str, int] = {}
    rows = tasknumbers.to_invite(actor, found.programme, year)
    rows = rows.filter(region__code__startswith=region.prefix)
    codes = rows.order_by().values_list("region_id")
    for (code,) in codes:
        town = next((t for t in towns if code.startswith(t.prefix)), None)
        if town is not None:
            counts[town.code] = counts.get(town.code, 0) + 1
    return counts


def _organisations(
    found: Basis, region: Region, year: int, on: dt.date, rows: list[tasknumbers.Examined]
) -> list[Line]:
    """Examining organisations that were given a number."""
    done = tasknumbers.by_organisation(rows)
    return [
        Line(
            str(row.organisation),
            tasknumbers.progress(found, row.number, done.get(row.organisation_id, 0), year, on),
        )
        for row in tasknumbers.of_organisations(found.programme.id, year, region)
    ]


def _history(numbers: list[TaskNumber], region: Region) -> list[dict[str, Any]]:
    """Who set which number, newest first; the towns' of one moment in one line."""
    steps: dict[tuple[str, str, str], dict[str, Any]] = {}
    for row in numbers:
        for step in row.history:
            line = steps.setdefault(
                (step["at"], step["by"], step["source"]),
                step | {"when": dt.datetime.fromisoformat(step["at"]), "total": None, "towns": 0},
            )
            if row.region_id == region.code:
                line["total"] = step["number"]
            else:
                line["towns"] += 1
    return sorted(steps.values(), key=lambda s: s["at"], reverse=True)[:12]


def _to_invite(
    request: HttpRequest,
    found: Basis,
    actor: Actor,
    region: Region,
    year: int,
    towns: list[Region],
) -> dict[str, Any]:
    """The couples not yet examined, in one town where one is chosen."""
    rows = tasknumbers.to_invite(actor, found.programme, year)
    rows = rows.filter(region__code__startswith=region.prefix)
    town = next((t for t in towns if t.code == request.GET.get("town")), None)
    if town is not None:
        rows = rows.filter(region__code__startswith=town.prefix)
    page = leaf(
        request,
        rows.select_related("couple__wife", "couple__husband", "person", "unit", "region"),
    )
    return {"leaf": page, "town": town, "invitees": _invitees(actor, list(page))}


def _invitees(actor: Actor, episodes: list[Episode]) -> list[Invitee]:
    """Lines of the list, without a query each."""
    steps: dict[int, list[str]] = {}
    tasks = Task.objects.filter(
        episode__in=[e.pk for e in episodes], status=Task.Status.OPEN, kind=Task.Kind.STEP
    ).order_by("pk")
    for episode, label in tasks.values_list("episode", "label"):
        if label not in steps.setdefault(episode, []):
            steps[episode].append(label)
    names = actor.can("see_person")
    return [
        Invitee(
            e,
            who_of(e) if names else "",
            e.region.name,
            "、".join(steps.get(e.pk, [])[:2]) or str(e.get_status_display()),
        )
        for e in episodes
    ]


# --- setting ------------------------------------------------------------------------------------


@duty_page("set_task_number")
def task_numbers_set(request: HttpRequest) -> HttpResponse:
    """Enter the city's number for the district and split it over towns and organisations."""
    actor = actor_of(request)
    given = request.POST if request.method == "POST" else request.GET
    found, _others, year, _on = _chosen(given, actor, actor.region)
    district = actor.region
    if found is None or district is None or district.level != Region.Level.COUNTY:
        raise Http404
    numbers = tasknumbers.of_regions(found.programme.id, year, district)
    own = numbers.get(district.code)
    errors: dict[str, str] = {}
    total = _number(given, "total", errors, own.number if own else None)
    if request.method == "POST" and not total and "total" not in errors:
        errors["total"] = _("请填写全区任务数（对）。")
    form = {
        "source": given.get("source", own.source if own else "").strip(),
        "total": given.get("total", own.number if own else ""),
    }
    towns = _towns(found, district, numbers, given, total, year, errors)
    organisations = _wanted_organisations(found, district, year, given, errors)
    saving = request.method == "POST" and given.get("act") != "split"
    if saving and not form["source"]:
        errors["source"] = _("请填写下达任务数的文件名称和文号。")
    if saving and not errors:
        return _save(request, found, actor, district, year, total or 0, towns, organisations)
    parts = [int(t.value) for t in towns if t.value.isdigit()]
    context = {
        "year": year,
        "found": found,
        "label": words(found.programme.label),
        "region": district,
        "policy": found.policy,
        "target": found.target,
        "form": form,
        "errors": errors if request.method == "POST" else {},
        "towns": towns,
        "organisations": organisations,
        "sum": sum(parts),
        "left": tasknumbers.difference(total, parts) if total else 0,
        "back": _address(found, year),
    }
    status = 409 if saving and errors else 200
    return render(request, "desk/reports/task_numbers_set.html", context, status=status)


def _address(found: Basis, year: int) -> str:
    return f"{reverse('task-numbers')}?programme={found.programme.id}&year={year}"


def _number(given: Any, name: str, errors: dict[str, str], stored: int | None) -> int | None:
    """A whole number as typed (full-width digits too); blank is None, not there the stored one."""
    if name not in given:
        return stored
    text = unicodedata.normalize("NFKC", given[name]).replace(",", "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or int(text) > tasknumbers.LARGEST:
        errors[name] = _("任务数要填 0 或正整数（对）。")
        return None
    return int(text)


def _towns(
    found: Basis,
    district: Region,
    numbers: dict[str, TaskNumber],
    given: Any,
    total: int | None,
    year: int,
    errors: dict[str, str],
) -> list[Wanted]:
    """A line for each town served; with "split" asked for, the suggestion stands in the field."""
    served = tasknumbers.towns_of(found, district)
    more = [
        row.region for code, row in numbers.items()
        if code != district.code and code not in {t.code for t in served}
    ]  # fmt: skip
    suggested = tasknumbers.suggest(found, district, served, year, total) if total else {}
    lines = []
    for town in [*served, *more]:
        field = f"town-{town.code}"
        stored = numbers[town.code].number if town.code in numbers else None
        value = _number(given, field, errors, stored)
        if given.get("act") == "split" and suggested:
            value = suggested.get(town.code, 0)
            errors.pop(field, None)
        text = given.get(field, "") if field in errors else "" if value is None else str(value)
        lines.append(
            Wanted(field, town.name, text, suggested.get(town.code), errors.get(field, ""))
        )
    return lines


def _wanted_organisations(
    found: Basis, district: Region, year: int, given: Any, errors: dict[str, str]
) -> list[Wanted]:
    """A line for each organisation that examines: the centre, and any with a number."""
    numbers = {
        row.organisation_id: row
        for row in tasknumbers.of_organisations(found.programme.id, year, district)
    }
    kinds = Organisation.Kind
    rows = Organisation.objects.filter(region__code__startswith=district.prefix, active=True)
    lines = []
    for one in [o for o in rows if o.kind in {kinds.CENTRE, kinds.OTHER} or o.pk in numbers]:
        field = f"organisation-{one.code}"
        stored = numbers[one.pk].number if one.pk in numbers else None
        value = _number(given, field, errors, stored)
        text = given.get(field, "") if field in errors else "" if value is None else str(value)
        lines.append(Wanted(field, one.name, text, None, errors.get(field, "")))
    return lines


def _save(
    request: HttpRequest,
    found: Basis,
    actor: Actor,
    district: Region,
    year: int,
    total: int,
    towns: list[Wanted],
    organisations: list[Wanted],
) -> HttpResponse:
    """Keep what was entered; a blank counts as 0."""
    tasknumbers.distribute(
        actor,
        found.programme.id,
        district,
        year,
        total,
        request.POST["source"],
        {t.field.removeprefix("town-"): int(t.value or 0) for t in towns},
        {o.field.removeprefix("organisation-"): int(o.value or 0) for o in organisations},
    )
    messages.success(request, _("任务数已保存。"))
    return redirect(_address(found, year))
