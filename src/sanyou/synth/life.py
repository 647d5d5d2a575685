"""Walks an episode through its whole life by its open tasks: steps, visits in their windows, legs of
loops. What a form is answered with comes from the dictionary, the growth charts and the shares.

Nothing here names a programme. What one form begins elsewhere is walked next, so a pregnancy leads
to a birth and the birth to its screens and visits.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from random import Random
from typing import Any

from sanyou.care import assessments, cards, consents, content, documents, encounters, episodes
from sanyou.care.errors import CareError
from sanyou.care.facts import people_of
from sanyou.care.models import Episode, Task
from sanyou.protocol.growth import Chart
from sanyou.protocol.models import Growth
from sanyou.protocol.programme import Programme
from sanyou.registry.access import Actor
from sanyou.registry.people import RegistryError
from sanyou.synth.dating import date_back
from sanyou.synth.filling import drawn, unremarkable

ROUNDS = 150  # more than any life in the demo has acts
LIVE = 21  # days before today in which work may still wait
WAITING = 0.35  # share of what fell due in these days that waits


class Life:
    """One district's people, lived until a day. `desks`: township -> duty -> who does it."""

    def __init__(
        self,
        given: dict[str, Any],
        desks: Mapping[str, Mapping[str, Actor]],
        until: date,
        seed: int,
    ) -> None:
        self.given, self.desks, self.until, self.seed = given, desks, until, seed
        self.library = content.library()
        self.told: Mapping[str, Mapping[str, Any]] = given.get("life", {}).get("forms", {})
        self.size: dict[int, float] = {}  # person -> how large, in SD

    def live(self, started: list[Episode]) -> None:
        """Walk these and whatever they begin."""
        known = set(Episode.objects.values_list("pk", flat=True))
        waiting = list(started)
        while waiting:
            episode = waiting.pop(0)
            self.walk(episode)
            date_back(episode)
            fresh = Episode.objects.exclude(pk__in=known).order_by("pk")
            known |= {e.pk for e in fresh}
            waiting += list(fresh)

    def walk(self, episode: Episode) -> None:
        """Do what is open, the earliest first, until today or until nothing more can be done."""
        rng = Random(f"{self.seed}:{episode.number}")
        day, stuck = episode.opened_on, set[int]()
        for _ in range(ROUNDS):
            task = (
                Task.objects.filter(episode=episode, status=Task.Status.OPEN)
                .exclude(pk__in=stuck)
                .exclude(form="", kind__in=(Task.Kind.LOOP, Task.Kind.SCHEDULE, Task.Kind.RECHECK))
                .order_by("opens", "due", "pk")
                .first()
            )
            if task is None:
                return
            room = max((task.due - task.opens).days, 0) if task.due else 4
            on = max(day, task.opens + timedelta(days=rng.randint(0, min(room, 6))))
            if on > self.until or (
                on > self.until - timedelta(days=LIVE) and rng.random() < WAITING
            ):
                stuck.add(task.pk)
                continue
            try:
                self._do(episode, task, on, rng)
            except (CareError, RegistryError):
                stuck.add(task.pk)
                continue
            day = on
            task.refresh_from_db()
            if task.status == Task.Status.OPEN:
                stuck.add(task.pk)
            episode.refresh_from_db()

    # --- acts ----------------------------------------------------------------------------------

    def _who(self, episode: Episode, duty: str) -> Actor:
        local = self.desks.get(episode.region_id[:9]) or next(iter(self.desks.values()))
        return local[duty]

    def _do(self, episode: Episode, task: Task, on: date, rng: Random) -> None:
        programme = content.programme_of(episode)
        who = self._who(episode, task.duty)
        if task.kind != Task.Kind.STEP:
            self._form(episode, programme, task, who, on, rng)
            return
        step = programme.step(task.name)
        match step.kind:
            case "form":
                self._form(episode, programme, task, who, on, rng)
            case "review":
                episodes.review(episode, who, on)
            case "confirm":
                if episodes.confirm(episode, who, on).grant == "own_cost":
                    episodes.confirm(episode, who, on, own_cost=True)
            case "card":
                cards.issue(episode, who, on=on)
            case "consent":
                consents.grant(episode, task.role, who, on=on, method="paper")
            case "assess":
                assessments.confirm(assessments.propose(episode, on), who)
            case "document":
                documents.issue(episode, step.document or "", who, on=on)

    def _form(
        self,
        episode: Episode,
        programme: Programme,
        task: Task,
        who: Actor,
        on: date,
        rng: Random,
    ) -> None:
        form_id, role = task.form, task.role
        form = programme.forms[form_id]
        told = self._told(form_id, episode, on, rng)
        values = [*self.given["values"], *self.given["life"]["values"]]
        answers = drawn(self.library, values, rng, programme.id, form_id, role, on, told)
        own = {f.element for f in form.fields_for(role)}
        known = {entry["element"] for entry in values}
        needed = {f.element for f in form.fields_for(role) if f.required}
        plain = unremarkable(self.library, programme.id, form_id, role, on)
        for name in set(answers) - known:
            element = self.library.dictionary.elements[name]
            if element.type == "code" and name in plain:  # what has no share is unremarkable
                answers[name] = plain[name]
            elif element.is_number and not element.ranges and name not in needed:
                del answers[name]  # no range to draw from: not measured
        answers |= self._grown(episode, programme, role, own & answers.keys(), on, rng)
        answers |= {name: value for name, value in told.items() if name in own}
        if who.duty not in form.duty:
            who = self._who(episode, form.duty[0])
        # With a source, what comes next is worked out as of that day and not of today.
        encounters.record(episode, form_id, role, answers, on, who, source=f"life:{task.key}")

    def _told(self, form_id: str, episode: Episode, on: date, rng: Random) -> dict[str, Any]:
        """What the content says of a form: a pair of numbers is a range, `today` and `today-3` are
        days; `{share, of, else}` is drawn."""
        return {
            name: self._value(value, on, rng) for name, value in self.told.get(form_id, {}).items()
        }

    def _value(self, value: Any, on: date, rng: Random) -> Any:
        match value:
            case {"share": share, "of": one, "else": other}:
                return self._value(one if rng.random() < share else other, on, rng)
            case {"one_of": options}:
                return rng.choice(options)
            case [int() as low, int() as high]:
                return rng.randint(low, high)
            case [int() | float() as low, int() | float() as high]:
                return round(rng.uniform(low, high), 1)
            case str() if value.startswith("today"):
                return (on + timedelta(days=int(value[5:] or 0))).isoformat()
        return value

    def _grown(
        self,
        episode: Episode,
        programme: Programme,
        role: str,
        names: set[str],
        on: date,
        rng: Random,
    ) -> dict[str, Any]:
        """Weights and lengths as the growth charts have them, of somebody a little large or small."""
        wanted: dict[str, Growth] = {}
        for element in programme.elements_of[role]:
            growth = element.derived.growth if element.derived else None
            if growth is not None and growth.value in names and growth.by is None:
                wanted.setdefault(growth.value, growth)
        if not wanted:
            return {}
        person = people_of(programme, episode)[role]
        size = self.size.setdefault(person.pk, rng.gauss(0, 0.8))
        found = {}
        for name, growth in wanted.items():
            chart: Chart = self.library.charts[growth.chart]
            row = chart.point(person.sex, (on - person.birth_date).days)
            if row is not None:
                z = max(-2.6, min(2.6, size + rng.gauss(0, 0.25)))
                found[name] = round(row.at(z), 1)
        return found
