"""Registering a couple (or a person): identity, addresses, and the programme's opening form."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from sanyou.care import content, encounters, episodes, one_stop
from sanyou.care.errors import CareError
from sanyou.care.models import Episode, Task
from sanyou.desk.actor import actor_of, duty_page, say
from sanyou.desk.views import nominate_mother
from sanyou.desk.views.records_form import Filled, SectionView, sections, words
from sanyou.protocol.entry import parse_date
from sanyou.protocol.form import FormResult, validate
from sanyou.protocol.programme import Form, Programme
from sanyou.registry import matching, people, regions
from sanyou.registry.access import Actor, existing, reaches, visible, works_in
from sanyou.registry.models import Couple, Organisation, Person, Region
from sanyou.stock import sitting
from sanyou.trust import audit

TEXTS = (
    "name", "id_type", "id_number", "sex", "birth_date", "phone", "hukou_text", "residence_text",
    "residence_since",
)  # fmt: skip


SINCE = "residence_since"  # since when somebody has lived there
MANY = 500  # organisations to choose from


@dataclass
class Entry:
    """One person as typed, with what is wrong beside each field."""

    role: str
    label: str
    sex: str
    raw: dict[str, str]
    errors: dict[str, str] = field(default_factory=dict)
    data: people.PersonData | None = None
    child: bool = False  # may be somebody without a card, told by her mother
    mother: people.PersonData | None = None

    @property
    def without_card(self) -> bool:
        return self.child and self.raw["id_type"] in people.WITHOUT_CARD

    @property
    def id_types(self) -> list[tuple[str, str]]:
        return nominate_mother.id_types(self.child)


@dataclass(frozen=True)
class Question:
    """One field of the opening form with what was typed."""

    view: Any
    raw: Any
    error: str


def _programmes(actor: Actor) -> list[Programme]:
    """Programmes whose opening form this duty fills, where a document of the region covers them."""
    mine = [
        p
        for p in content.programmes_for(actor).values()
        if p.opening_form and actor.duty in p.forms[p.opening_form].duty
    ]
    code, today = actor.region.code if actor.region else "", timezone.localdate()
    covered = [(p, content.current_policy(code, p.id, today)) for p in mine]
    # A document names its programmes in order, the one it is about first.
    places = [(d.programmes.index(p.id), p) for p, d in covered if d is not None]
    return [p for _place, p in sorted(places, key=lambda found: found[0])] or mine


@dataclass(frozen=True)
class Offer:
    """What can be registered on this page: one programme, or several done in one visit."""

    id: str
    label: str
    programmes: tuple[Programme, ...]

    @property
    def forms(self) -> tuple[Form, ...]:
        return tuple(p.forms[p.opening_form or ""] for p in self.programmes)

    @property
    def role(self) -> str:
        """Whose questions the opening form asks: the couple's, or the one person's."""
        return self.forms[0].roles[0]

    @property
    def together(self) -> bool:
        return len(self.programmes) > 1

    @property
    def of_organisations(self) -> bool:
        return self.programmes[0].is_of_organisations


ONE_STOP = "one-stop"  # the choice of several programmes at once


def _offers(actor: Actor) -> list[Offer]:
    """The programmes she registers; first all of a visit at once where her district provides it."""
    single = [Offer(p.id, words(p.label), (p,)) for p in _programmes(actor)]
    region = actor.region.code if actor.region is not None else ""
    names = one_stop.programmes(region, timezone.localdate()) if region else []
    both = tuple(o.programmes[0] for name in names for o in single if o.id == name)
    if not names or len(both) < len(names):
        return single
    label = _("一站式登记（%s）") % "＋".join(words(p.label) for p in both)
    return [Offer(ONE_STOP, label, both), *single]


def county_of(actor: Actor) -> Region | None:
    """The county in which an address like 华岩镇 is looked up."""
    region = actor.region
    while region is not None and region.level not in {Region.Level.COUNTY, Region.Level.CITY}:
        region = region.parent
    return region


def _places(actor: Actor) -> list[Region]:
    """Townships and villages that may be responsible: her own, or those below her county."""
    if actor.region is not None and actor.region.level in {"township", "village"}:
        return [actor.region]
    townships = Region.objects.filter(level=Region.Level.TOWNSHIP)
    return list(townships.filter(code__startswith=actor.region_prefix)[:200])


@duty_page("nominate")
def nominate(request: HttpRequest) -> HttpResponse:
    """Enter both spouses and the plan; opens the episode, or says what is wrong beside
    each field."""
    actor = actor_of(request)
    offered = _offers(actor)
    wanted = request.POST.get("programme") or request.GET.get("programme", "")
    offer = next((o for o in offered if o.id == wanted), offered[0] if offered else None)
    if offer is None:
        context = {"message": _("没有由您的岗位登记的项目。"), "status": 403}
        return render(request, "desk/problem.html", context, status=403)
    entries = [] if offer.of_organisations else _entries(request, actor, offer.programmes[0])
    role = offer.role
    raw = _answers(request, offer)
    results = [validate(content.library(), form, role, raw) for form in offer.forms]
    unit, unit_error = _unit(request, actor) if offer.of_organisations else (None, "")
    region, region_error = (unit.region, "") if unit else _region(request, actor)
    if offer.of_organisations:
        region_error = unit_error
    refused = ""
    if request.method == "POST":
        faulty = any(e.errors for e in entries) or region_error or not all(r.ok for r in results)
        if not faulty and region is not None:
            try:
                return _open(request, actor, offer, entries, results, region, unit)
            except (CareError, people.RegistryError) as error:
                refused = error.message_zh
    context = _context(actor, offer, entries, raw, results, request.method == "POST")
    context |= {
        "offered": offered,
        "region": region,
        "region_error": region_error,
        "refused": refused,
        "units": _units(actor) if offer.of_organisations else None,
        "unit": unit,
    }
    status = 422 if request.method == "POST" else 200
    return render(request, "desk/shell/nominate.html", context, status=status)


def _context(
    actor: Actor,
    offer: Offer,
    entries: list[Entry],
    raw: dict[str, Any],
    results: list[FormResult],
    posted: bool,
) -> dict[str, Any]:
    asked: set[str] = set()
    found: list[tuple[SectionView, list[Question]]] = []
    for programme, form, result in zip(offer.programmes, offer.forms, results, strict=True):
        found += _questions(programme, form, raw, result, posted, asked)
        for item in form.fields_for(offer.role):
            asked |= {item.element, item.instead_of or item.element}
    return {
        "offer": offer,
        "label": offer.label,
        "entries": entries,
        "sections": found,
        "places": _places(actor),
        "faulty": posted,
        "today": timezone.localdate(),
        "next_step": _next_steps(offer),
        "asks_since": _asks_since(actor, offer),
        "form_hint": words(offer.forms[0].spec.hint),
    }


def _next_steps(offer: Offer) -> str:
    """What waits for the registration: 核对资格、镇街审核."""
    found = []
    for programme in offer.programmes:
        opening = {s.id for s in programme.steps if s.form == programme.opening_form}
        found += [words(s.label) for s in programme.steps if opening & set(s.after)][:1]
    return "、".join(dict.fromkeys(found))


def _asks_since(actor: Actor, offer: Offer) -> bool:
    """Whether who is eligible hangs on how long somebody has lived here."""
    code, today = actor.region.code if actor.region else "", timezone.localdate()
    policies = [content.current_policy(code, p.id, today) for p in offer.programmes]
    since = {
        e.id
        for e in content.library().dictionary.elements.values()
        if e.id == SINCE or (e.derived is not None and SINCE in e.derived.model_dump_json())
    }
    read = {
        fact.partition(".")[2].partition("__")[0]
        for policy in policies
        if policy is not None
        for entry in policy.spec.eligibility
        for fact in policy.conditions[f"eligibility:{entry.id}"].facts
    }
    return bool(read & since)


def _questions(
    programme: Programme,
    form: Form,
    raw: dict[str, Any],
    result: FormResult,
    posted: bool,
    asked: set[str],
) -> list[tuple[SectionView, list[Question]]]:
    """The fields of an opening form, but for those another form of the visit asked already."""
    library = content.library()
    role = form.roles[0]
    names = [f.element for f in form.fields_for(role) if f.element not in asked]
    filled = Filled(data=result.values, flags=result.flags, visible=frozenset(result.visible))
    views = sections(library, programme, form, role, names, filled)
    return [
        (
            section,
            [
                Question(
                    f,
                    raw.get(f.name, ""),
                    _error(result, f.name) if posted else "",
                )
                for f in section.fields
            ],
        )
        for section in views
    ]


def _error(result: FormResult, name: str) -> str:
    error = result.errors.get(name)
    return error.zh if error else ""


def _answers(request: HttpRequest, offer: Offer) -> dict[str, Any]:
    """What was typed on the opening forms, by element; several ticks as a list."""
    elements = content.library().dictionary.elements
    found: dict[str, Any] = {}
    for item in (f for form in offer.forms for f in form.fields_for(offer.role)):
        name = f"f-{item.element}"
        if name not in request.POST:
            continue
        many = elements[item.element].type == "codes"
        value: Any = request.POST.getlist(name) if many else request.POST.get(name, "").strip()
        if value:
            found[item.element] = value
    return found


def _entries(request: HttpRequest, actor: Actor, programme: Programme) -> list[Entry]:
    county = county_of(actor)
    found = []
    for role in programme.roles:
        raw = {name: request.POST.get(f"{role}-{name}", "").strip() for name in TEXTS}
        raw["id_type"] = raw["id_type"] or Person.IdType.RESIDENT.value
        for name, typed in nominate_mother.FIELDS.items():
            raw[name] = request.POST.get(f"{role}-{typed}", "").strip()
        entry = Entry(
            role,
            words(programme.role_label[role]),
            programme.role_sex.get(role) or "",
            raw,
            child=nominate_mother.may_be_child(programme),
        )
        if request.method == "POST":
            _check(entry, county, actor)
        found.append(entry)
    numbers = [people.normalise_id(e.raw["id_number"]) for e in found]
    if request.method == "POST" and len(found) == 2 and numbers[0] and numbers[0] == numbers[1]:
        found[1].errors["id_number"] = _("夫妇双方的证件号码相同，请核对。")
    return found


def _check(entry: Entry, county: Region | None, actor: Actor) -> None:
    """Fill `errors` and, where there are none, `data`."""
    raw, errors = entry.raw, entry.errors
    order = 1
    sex: str | None = entry.sex or raw["sex"] or None
    born = parse_date(raw["birth_date"]) if raw["birth_date"] else None
    if raw["id_type"] == Person.IdType.RESIDENT:
        check = people.check_id(raw["id_number"])
        if not check.ok:
            errors["id_number"] = check.message_zh
        elif entry.sex and check.sex != entry.sex:
            errors["id_number"] = _("身份证号码的性别与%s不符，请核对是否填反。") % entry.label
        born, sex = check.birth_date, check.sex
    else:
        if not raw["id_number"] and not (entry.child and raw["id_type"] == Person.IdType.NONE):
            errors["id_number"] = _("请填写证件号码。")
        if entry.without_card:
            sex = nominate_mother.sex_of(raw, errors)
            order = nominate_mother.order_of(raw, errors)
            entry.mother = nominate_mother.check(raw, errors, actor)
        if born is None:
            errors["birth_date"] = _("请按证件填写出生日期，如 1992-06-15。")
    if not raw["name"] and entry.mother is None:
        errors["name"] = _("请填写姓名。")
    phone = people.normalise_phone(raw["phone"])
    if raw["phone"] and not (len(phone) == 11 and phone.startswith("1")) and len(phone) < 7:
        errors["phone"] = _("手机号应为 11 位数字，请核对。")
    since = parse_date(raw["residence_since"]) if raw["residence_since"] else None
    if raw["residence_since"] and since is None:
        errors["residence_since"] = _("日期请写成 2021-03-01 的形式。")
    if since is not None and since > timezone.localdate():
        errors["residence_since"] = _("居住起始日期晚于今天，请核对。")
    if errors:
        return
    entry.data = people.PersonData(
        name=raw["name"],
        id_number=raw["id_number"],
        id_type=raw["id_type"],
        sex=sex,
        birth_date=born,
        phone=phone,
        hukou_region=_find(raw["hukou_text"], county),
        hukou_text=raw["hukou_text"],
        residence_region=_find(raw["residence_text"], county),
        residence_text=raw["residence_text"],
        residence_since=since,
        order=order,
    )


def _find(text: str, county: Region | None) -> Region | None:
    return regions.find(text, county) if text else None


def _region(request: HttpRequest, actor: Actor) -> tuple[Region | None, str]:
    """The township responsible for the episode."""
    places = _places(actor)
    if len(places) == 1:
        return places[0], ""
    code = request.POST.get("region", "")
    if not code:
        return None, _("请选择由哪个镇街负责。") if request.method == "POST" else ""
    region = Region.objects.filter(pk=code).first()
    if region is None or not reaches(actor, region.code):
        return None, _("这个镇街不在您负责的地区，请重新选择。")
    return region, ""


def _units(actor: Actor) -> QuerySet[Organisation]:
    """The organisations of her region."""
    rows = visible(actor, Organisation.objects.filter(active=True))
    return rows.select_related("region").order_by("region__code", "name")[:MANY]


def _unit(request: HttpRequest, actor: Actor) -> tuple[Organisation | None, str]:
    """The organisation that was chosen, or what is wrong."""
    code = request.POST.get("unit", "")
    if not code:
        return None, _("请选择要登记的机构。") if request.method == "POST" else ""
    rows = visible(actor, Organisation.objects.filter(active=True)).select_related("region")
    found = rows.filter(code=code).first()
    return found, "" if found else _("这个机构不在您负责的地区，请重新选择。")


def _open(
    request: HttpRequest,
    actor: Actor,
    offer: Offer,
    entries: list[Entry],
    results: list[FormResult],
    region: Region,
    unit: Organisation | None = None,
) -> HttpResponse:
    """Register and open; a second spouse is held for the registration desk instead."""
    today = timezone.localdate()
    answers = {n: v for result in results for n, v in result.as_json()["values"].items()}
    observations = {offer.role: answers}
    data = {e.role: e.data for e in entries if e.data is not None}
    programme = offer.programmes[0]
    try:
        with transaction.atomic():
            within = programme.spec.compartment or ""
            persons = {
                e.role: _register(request, actor, e.data, e.mother, within)
                for e in entries
                if e.data is not None
            }
            subject = unit or _subject(actor, programme, persons, results)
            if offer.together and not isinstance(subject, Organisation):
                made = one_stop.register(actor, subject, observations, on=today, region=region)
            else:
                made = [
                    episodes.nominate(
                        actor, programme.id, subject, observations, on=today, region=region
                    )
                ]
            for episode, result in zip(made, results, strict=True):
                _put_right(actor, episode, result.as_json()["values"])
    except people.SecondSpouse as problem:
        return _hold(request, actor, programme, data, observations, region, today, problem.couple)
    if isinstance(subject, Person) and sitting.does_all(actor, programme):
        entered = sitting.enter(actor, subject, programme, {}, region, today)
        if not entered.let_in:
            messages.warning(request, _("已登记，但现在不能发放，原因见下。"))
            return redirect("episode", key=entered.episode.key)
        say(request, _("已登记，档案编号 %s。请继续发放。") % made[0].number)
        return redirect("stock-hand-out", subject.key, programme.id)
    numbers = "、".join(e.number for e in made)
    mine = Task.objects.filter(episode__in=made, duty=actor.duty, status=Task.Status.OPEN).first()
    if mine is not None:
        text = _("已登记，请接着办理“%(step)s”。档案编号 %(number)s。")
        say(request, text % {"step": mine.label, "number": numbers})
    else:
        text = _("已登记，已转%(step)s。档案编号 %(number)s。")
        say(request, text % {"step": _next_steps(offer), "number": numbers})
    if request.POST.get("again"):
        return redirect(f"{reverse('nominate')}?programme={offer.id}")
    return redirect("episode", key=made[0].key)


def _register(
    request: HttpRequest,
    actor: Actor,
    data: people.PersonData,
    mother: people.PersonData | None,
    within: str,
) -> Person:
    if mother is not None:
        return nominate_mother.register(request, actor, data, mother, within)
    return people.register_person(data, actor, within)


def _put_right(actor: Actor, episode: Episode, answers: dict[str, Any]) -> None:
    """Entered again after it was sent back: what changed is corrected, and it goes up again."""
    if episode.status != Episode.Status.RETURNED:
        return
    opening = episodes.opening_of(episode)
    changes = {
        name: value
        for name, value in answers.items()
        if value is not None and opening is not None and opening.data.get(name) != value
    }
    if opening is not None and changes:
        encounters.amend(opening.key, changes, _("退回后补正"), actor)
    else:
        episodes.resubmit(episode, actor)


def _subject(
    actor: Actor, programme: Programme, persons: dict[str, Person], results: list[FormResult]
) -> Couple | Person:
    if not programme.is_couple:
        return next(iter(persons.values()))
    values = {name: value for result in results for name, value in result.values.items()}
    married = values.get("marriage_date")
    first, second = (persons[role] for role in programme.roles)
    return people.register_couple(
        first,
        second,
        actor=actor,
        marriage_date=married if isinstance(married, date) else None,
        marriage_kind=values.get("marriage_kind") or "",
        compartment=programme.spec.compartment or "",
    )


def _hold(
    request: HttpRequest,
    actor: Actor,
    programme: Programme,
    data: dict[str, people.PersonData],
    observations: dict[str, Any],
    region: Region,
    today: date,
    standing: Couple,
) -> HttpResponse:
    """One of them stands registered with somebody else: keep what was typed for a decision."""
    package: dict[str, object] = {role: people.pack(d) for role, d in data.items()}
    package |= {
        "programme": programme.id,
        "observations": observations,
        "region": region.code,
        "on": today.isoformat(),
    }
    numbers = sorted(people.id_index(d.id_number, d.id_type)[:16] for d in data.values())
    with transaction.atomic():
        doubt = matching.hold_second_spouse(
            standing.wife, package, source=f"desk:{programme.id}:{'-'.join(numbers)}", region=region
        )
        audit.record(actor, "hold", "doubt", doubt.key)
    context = {"label": words(programme.label), "may_decide": actor.can("decide_doubt", doubt),
               "doubt": doubt}  # fmt: skip
    return render(request, "desk/shell/nominate_held.html", context, status=409)


@duty_page("nominate", methods=("POST",))
def check_questions(request: HttpRequest) -> HttpResponse:
    """Which questions of the opening form apply to what is answered so far (JSON)."""
    wanted = request.POST.get("programme", "")
    offer = next((o for o in _offers(actor_of(request)) if o.id == wanted), None)
    if offer is None:
        raise Http404
    raw = _answers(request, offer)
    results = [validate(content.library(), f, offer.role, raw, draft=True) for f in offer.forms]
    return JsonResponse({"visible": list(dict.fromkeys(n for r in results for n in r.visible))})


@duty_page("nominate", methods=("POST",))
def check_address(request: HttpRequest) -> HttpResponse:
    """The region an address names, as it is typed (htmx). POST: an address is personal."""
    role = request.POST.get("role", "")
    name = request.POST.get("name", "")
    text = request.POST.get(f"{role}-{name}", "").strip()
    region = _find(text, county_of(actor_of(request)))
    context = {"region": region, "text": text, "needed": role == "to"}
    return render(request, "desk/shell/address.html", context)


@duty_page("nominate", methods=("POST",))
def check_number(request: HttpRequest) -> HttpResponse:
    """Checks an identity number and says whether the person is known here (JSON)."""
    actor = actor_of(request)
    check = people.check_id(request.POST.get("number", ""))
    if not check.ok:
        return JsonResponse({"ok": False, "error": check.message_zh})
    person = people.find_by_id(check.number)
    if person is not None and not works_in(actor, person.compartment):
        person = None
    answer: dict[str, Any] = {
        "ok": True,
        "sex": check.sex,
        "born": check.birth_date.isoformat() if check.birth_date else "",
    }
    if person is not None:
        audit.record(actor, "search", "person", person.key, by=["id"])
        answer["known"] = _known(actor, person)
        if visible(actor, Person.objects.filter(pk=person.pk)).exists():
            answer["name"] = person.name
            answer["fill"] = {
                "name": person.name,
                "phone": person.phone,
                "hukou_text": person.hukou_text,
                "residence_text": person.residence_text,
                "residence_since": person.residence_since.isoformat()
                if person.residence_since
                else "",
            }
    return JsonResponse(answer)


def _known(actor: Actor, person: Person) -> str:
    if not visible(actor, Person.objects.filter(pk=person.pk)).exists():
        return _("此人已在其他地区登记过，可以继续登记，由中心核对。")
    couples = Couple.objects.filter(wife=person) | Couple.objects.filter(husband=person)
    theirs = existing(actor, Episode.objects.filter(couple__in=couples))
    last = theirs.order_by("-opened_on").first()
    if last is None:
        return _("此人已登记过，资料可以带入。")
    return _("此人已登记过（%(on)s，%(status)s），资料可以带入。") % {
        "on": last.opened_on.isoformat(),
        "status": last.get_status_display(),
    }
