"""What a district does besides its main programme: supplies handed out, applications for subsidies.

Which programmes and how many, the district's file says; what is answered, the base file. Everything
goes through the services, as the pages do.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from random import Random
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from django.db import transaction

from sanyou.benefits import decisions, notices
from sanyou.care import content
from sanyou.care.errors import CareError
from sanyou.care.models import Episode, Task
from sanyou.registry import births
from sanyou.registry.access import Actor
from sanyou.registry.models import Organisation, Person
from sanyou.stock import moves, transfers
from sanyou.stock.models import Balance
from sanyou.synth.course import Course, person_data, register
from sanyou.synth.dating import date_back
from sanyou.synth.life import Life
from sanyou.synth.population import Invented, Story, id_number
from sanyou.synth.staff import Desk

USUAL = 60  # couples for which the district's file gives its numbers
SETTLED = ("approved", "followed")
PLACED = ("announced", "approved")  # stages for which an application was put up


def others(
    given: dict[str, Any],
    desks: Mapping[str, Desk],
    people: list[Story],
    name: str,
    seed: int,
    until: date,
    life: Life,
) -> None:
    """Every other programme that the district runs, with its people. Programmes that are lived
    through (`lives`) go on by their tasks until today, and so does whatever they begin."""
    wanted = {
        programme: max(1, round(number * len(people) / USUAL))
        for programme, number in given.get("also", {}).items()
        if content.current_policy(given["region"], programme, until) is not None
    }
    _stock(given, desks, list(wanted), until)
    local = [s for s in people if s.wife.hukou == s.town and s.compliant]
    for programme, number in wanted.items():
        entry = {"stages": ["followed"]} | given["also_told"][programme]
        rng = Random(f"{given['id']}:{seed}:{programme}")
        placed: dict[str, list[Episode]] = {stage: [] for stage in PLACED}
        picked = rng.sample(local, min(number, len(local)))
        for turn, story in enumerate(picked):
            stage = entry["stages"][turn % len(entry["stages"])]
            source = f"{name}:{programme}:{story.number}"
            # What is not decided yet came in during the last days.
            days = entry["began"] if stage in SETTLED else given["also_recent"]
            began = until - timedelta(days=rng.randint(*days))
            if entry.get("lives") and entry["who"] != "wife":  # from soon after the birth
                began = _born(story, entry, programme, until) + timedelta(days=rng.randint(*days))
            if Episode.objects.filter(source=source).exists():
                continue
            one = replace(story, nominated_on=began, stage=stage, again=False, lost=False)
            try:
                with transaction.atomic():
                    episode = _apply(one, entry, given, desks[story.town], programme, source, until)
                    if entry.get("lives"):
                        life.live([episode])
            except CareError as error:
                if error.code != "already_open":  # begun by another record of hers
                    raise
                continue
            if stage in placed:
                placed[stage].append(episode)
        _decide(placed, given, desks, programme, until)


def _apply(
    story: Story,
    entry: Mapping[str, Any],
    given: dict[str, Any],
    desk: Desk,
    programme: str,
    source: str,
    until: date,
) -> Episode:
    """One person's application or registration, as far as the stage says."""
    rng = Random(f"{story.seed}:{programme}")
    village = desk["village_worker"]
    mother: Person = register(story.wife, village)
    subject = mother
    if entry["who"] != "wife":
        subject = _register_child(
            _child(story, given, rng, _born(story, entry, programme, until)), mother, village
        )
    whole = bool(entry.get("lives"))
    told = {key: _answer(value, story.wife, rng, whole) for key, value in entry["told"].items()}
    course = Course(story, given, desk, until, programme, told)
    episode = course.nominate(subject, source)
    if entry.get("lives"):
        return episode
    course.walk(episode, story.stage)
    if story.stage == "followed":
        course.follow(episode)
    date_back(episode)
    return episode


def _register_child(child: Invented, mother: Person, village: Actor) -> Person:
    data = person_data(child)
    return births.register(replace(data, mother=mother), village).child


def _answer(value: Any, mother: Invented, rng: Random, whole: bool) -> Any:
    """A pair of numbers is a range, `whole` of whole numbers; {name} and the like are the mother's."""
    match value:
        case [int() as low, int() as high] if whole:
            return rng.randint(low, high)
        case [int() as low, int() as high]:
            return round(rng.uniform(low, high), 2)
        case str():
            mine = {"name": mother.name, "id_number": mother.id_number, "phone": mother.phone}
            return value.format_map(mine) if "{" in value else value
    return value


def _born(story: Story, entry: Mapping[str, Any], programme: str, until: date) -> date:
    """The day the story's child of this programme was born."""
    rng = Random(f"{story.seed}:{programme}")
    return until - timedelta(days=rng.randint(*entry["days_old"]))


def _child(story: Story, given: dict[str, Any], rng: Random, born: date) -> Invented:
    """An invented child of the couple, living with its parents."""
    girl = rng.random() < 0.5
    names = given["names"]["wife" if girl else "husband"]
    return Invented(
        name=story.husband.name[0] + "".join(rng.choice(names) for _ in range(2)),
        sex="female" if girl else "male",
        born=born,
        id_number=id_number(given["region"], born, story.number * 2 % 1000 + (0 if girl else 1)),
        phone=story.wife.phone,
        hukou=story.town,
        residence=story.town,
        since=born,
    )


# --- applications --------------------------------------------------------------------------------


def _decide(
    placed: dict[str, list[Episode]],
    given: dict[str, Any],
    desks: Mapping[str, Desk],
    programme: str,
    until: date,
) -> None:
    """Put up the lists; the earlier one has run out and its applications are approved."""
    desk = next(iter(desks.values()))
    earlier = [e for e in placed["approved"] if _waits(e, "publish")]
    if earlier:
        with transaction.atomic():
            starts = until - timedelta(days=18)
            notice = notices.make(
                desk["registration"], programme, earlier[0].policy, earlier, starts, on=starts
            )
            ended = notice.ends_on + timedelta(days=1)
            notices.close(notice, desk["registration"], ended)
            for episode in earlier:
                approved = ended + timedelta(days=2)
                decisions.approve(episode, desk["manager"], approved)
                _finish(episode, given, desks, approved)
    standing = [e for e in placed["announced"] if _waits(e, "publish")]
    if standing:
        starts = until - timedelta(days=3)
        notices.make(
            desk["registration"], programme, standing[0].policy, standing, starts, on=starts
        )


def _waits(episode: Episode, kind: str) -> bool:
    """Whether a step of a kind is open."""
    names = [s.id for s in content.programme_of(episode).steps if s.kind == kind]
    return episode.tasks.filter(name__in=names, status=Task.Status.OPEN).exists()


def _finish(episode: Episode, given: dict[str, Any], desks: Mapping[str, Desk], on: date) -> None:
    """What is left after the approval: the notice of it."""
    for step in content.programme_of(episode).steps:
        if step.kind == "document" and _waits(episode, "document"):
            from sanyou.care import documents

            desk = desks[episode.region_id]
            documents.issue(episode, step.document or "", desk[step.duty], on=on)


# --- supplies ------------------------------------------------------------------------------------


def _stock(
    given: dict[str, Any], desks: Mapping[str, Desk], programmes: list[str], until: date
) -> None:
    """What the centre received half a year ago and passed on to its towns."""
    library = content.library()
    items = {
        form.spec.supply.item
        for programme in programmes
        for form in library.programmes[programme].forms.values()
        if form.spec.supply is not None
    }
    kinds = Organisation.Kind
    centre = Organisation.objects.get(region_id=given["region"], kind=kinds.CENTRE)
    for item in sorted(items & given["stock"].keys()):
        plan = given["stock"][item]
        if Balance.objects.filter(store=centre, batch__item=item).exists():
            continue
        with transaction.atomic():
            _fill(plan, item, centre, given, desks, until)


def _fill(
    plan: Mapping[str, Any],
    item: str,
    centre: Organisation,
    given: dict[str, Any],
    desks: Mapping[str, Desk],
    until: date,
) -> None:
    keeper = next(iter(desks.values()))["storekeeper"]
    on = until - timedelta(days=180)
    batches = []
    for number, batch in enumerate(plan["batches"]):
        made = moves.receive(
            keeper,
            centre,
            item,
            f"{batch['number']}-{given['region'][:4]}",
            batch["maker"],
            until + timedelta(days=batch["expires_in"]),
            batch["units"],
            on,
            _token(centre, item, number),
            document=f"入库单（演示）{number + 1}",
        )
        batches.append(made.batch)
    # Every town has some: its village workers hand out from there.
    for town in given["towns"]:
        store = Organisation.objects.get(region_id=town, kind=Organisation.Kind.TOWNSHIP)
        sent = transfers.send(
            keeper,
            centre,
            store,
            {batches[0]: plan["each"]},
            on + timedelta(days=7),
            _token(store, item, 0),
        )
        lines = {line.pk: line.sent for line in sent.lines.all()}
        officer = desks[town]["township_officer"]
        transfers.arrive(sent, officer, lines, on + timedelta(days=9))
    if given["towns"] and plan["on_the_way"]:  # last, so that the centre's balance runs by date
        store = Organisation.objects.get(
            region_id=next(iter(given["towns"])), kind=Organisation.Kind.TOWNSHIP
        )
        transfers.send(
            keeper,
            centre,
            store,
            {batches[0]: plan["on_the_way"]},
            until - timedelta(days=1),
            _token(store, item, 1),
        )


def _token(store: Organisation, item: str, number: int) -> Any:
    """The same act again is the same click."""
    return uuid5(NAMESPACE_URL, f"synth:{store.code}:{item}:{number}")
