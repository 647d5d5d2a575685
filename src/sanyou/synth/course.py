"""Walks an invented couple through a programme by the services, step by step as its content says.

Nothing here names a programme: which step comes next is read from the open tasks, who does it from
the step's duty, what is answered from the dictionary and the published shares.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from random import Random
from typing import Any

from sanyou.care import (
    assessments,
    cards,
    consents,
    content,
    documents,
    encounters,
    episodes,
    flow,
    one_stop,
    tasks,
)
from sanyou.care.models import Assessment, Episode, Task
from sanyou.protocol.models import Step
from sanyou.registry.access import Actor
from sanyou.registry.models import Couple, Person, Region
from sanyou.registry.people import PersonData, register_couple, register_person
from sanyou.synth.filling import drawn, unremarkable
from sanyou.synth.population import Invented, Story

# stage of a story -> the kind of step before which it stands; the others go to the end.
STANDS_BEFORE = {
    "nominated": "review",
    "returned": "review",
    "reviewed": "confirm",
    "confirmed": "card",
    "carded": "consent",
    "refused": "consent",
    "consented": "form",
    "part_examined": "form",
    "examined": "assess",
    "assessed": "document",
}
ROUNDS = 20  # more than any programme has steps one after the other
FOLLOW_UPS = 8


def person_data(person: Invented, home: str | None = None) -> PersonData:
    """What an invented person tells, living in `home` by now where that is another place."""
    hukou = Region.objects.get(pk=person.hukou)
    place = Region.objects.get(pk=home or person.residence)
    return PersonData(
        name=person.name,
        id_number=person.id_number,
        phone=person.phone,
        hukou_region=hukou,
        hukou_text=hukou.full_name,
        residence_region=place,
        residence_text=place.full_name,
        residence_since=person.since,
    )


def register(person: Invented, actor: Actor, home: str | None = None) -> Any:
    """The invented person, registered."""
    return register_person(person_data(person, home), actor)


class Course:
    """One episode on its way. `story` says how far; `given` are the shares of its district."""

    def __init__(
        self,
        story: Story,
        given: dict[str, Any],
        desk: Mapping[str, Actor],
        until: date,
        programme: str,
        told: Mapping[str, Any] | None = None,
    ) -> None:
        """`told`: what is answered wherever a form asks for it (day-30 is a day, see `_value`)."""
        self.story, self.given, self.desk, self.until = story, given, desk, until
        self.told = told or {}
        self.rng = Random(story.seed)
        self.library = content.library()
        self.programme = self.library.programmes[programme]
        self.day = story.nominated_on
        self.acts = {
            "review": self._review,
            "confirm": self._confirm,
            "card": self._card,
            "consent": self._consent,
            "form": self._forms,
            "assess": self._assess,
            "document": self._documents,
        }

    # --- the whole course --------------------------------------------------------------------

    def couple(self) -> Couple:
        village = self.desk["village_worker"]
        return register_couple(
            register(self.story.wife, village),
            register(self.story.husband, village),
            marriage_date=self.story.married_on,
            actor=village,
        )

    def run(self, couple: Couple, source: str) -> Episode:
        """From registration as far as the story goes."""
        episode = self.nominate(couple, source)
        self.walk(episode, self.story.stage)
        if self.story.stage == "followed":
            self.recheck(episode)
            self.follow(episode)
        return episode

    def run_together(self, couple: Couple, source: str) -> list[Episode]:
        """One visit for the programmes that the district's document does together."""
        story, town = self.story, Region.objects.get(pk=self.story.town)
        names = one_stop.programmes(town.code, self.day)
        courses = [Course(story, self.given, self.desk, self.until, name) for name in names]
        answers: dict[str, dict[str, Any]] = {}
        for course in courses:
            for role, values in course.opening({}).items():
                answers[role] = values | answers.get(role, {})
        clerk = self.desk["registration"]
        made = one_stop.register(clerk, couple, answers, on=self.day, region=town, source=source)
        pairs = list(zip(courses, made, strict=True))
        for _ in range(ROUNDS):
            moved = [course.walk(episode, story.stage) for course, episode in pairs]
            for course in courses:  # it is the same visit
                course.day = max(c.day for c in courses)
            if not any(moved):
                break
        if story.stage == "followed":
            for course, episode in pairs:
                course.recheck(episode)
                course.follow(episode)
        return made

    def run_again(self, episode: Episode, couple: Couple, source: str) -> Episode | None:
        """A second check for the same child order, some months after the first."""
        story, again = self.story, self.given["again"]
        episode.refresh_from_db()
        self.later(60, 150)
        if episode.status != Episode.Status.OPEN or self.day >= self.until:
            return None
        clerk = self.desk["registration"]
        episodes.close(episode, clerk, "随访结束；夫妇再次计划怀孕，另行登记")
        told = again["adverse" if story.pregnant else "not_pregnant"]
        second = self.nominate(couple, source, told)
        self.walk(second, story.stage)
        return second

    def later(self, low: int, high: int) -> date:
        """Move on by some days, never past today."""
        self.day = min(self.until, self.day + timedelta(days=self.rng.randint(low, high)))
        return self.day

    def opening(self, told: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
        """The opening form: what the story tells, and what the form must have."""
        programme, story = self.programme, self.story
        opening = programme.forms[programme.opening_form or ""]
        own = {"child_order": story.child_order, "policy_compliant": story.compliant}
        answers: dict[str, dict[str, Any]] = {}
        for role in opening.roles:
            fields = opening.fields_for(role)
            plain = unremarkable(self.library, programme.id, opening.id, role, self.day)
            known = self.given["opening"].get(role, {}) | own | told | self._told()
            answers[role] = {
                f.element: plain[f.element] for f in fields if f.required and f.element in plain
            } | {f.element: known[f.element] for f in fields if known.get(f.element) is not None}
        return answers

    def nominate(
        self, subject: Couple | Person, source: str, told: Mapping[str, Any] | None = None
    ) -> Episode:
        """Open the episode, by whom the programme lets register."""
        step = next(s for s in self.programme.steps if s.form == self.programme.opening_form)
        return episodes.nominate(
            self.desk[step.duty],
            self.programme.id,
            subject,
            self.opening(told or {}),
            on=self.day,
            region=Region.objects.get(pk=self.story.town),
            source=source,
        )

    def walk(self, episode: Episode, stage: str) -> bool:
        """Do what is open, round after round, until the stage is reached or nothing can be done.

        Whether anything was done.
        """
        stop, moved = STANDS_BEFORE.get(stage), False
        for _ in range(ROUNDS):
            open_now = self.open_steps(episode)
            doable = {kind: steps for kind, steps in open_now.items() if kind != stop}
            going_on = False
            for kind, steps in doable.items():
                going_on = self.acts[kind](episode, steps) or going_on
            moved = moved or going_on
            if not going_on:
                if stop in open_now:
                    moved = self._stand(episode, stage, open_now[stop]) or moved
                break
        return moved

    def open_steps(self, episode: Episode) -> dict[str, list[tuple[Step, str]]]:
        """kind -> the (step, role) that can be done now, in the order of the programme."""
        rows = Task.objects.filter(
            episode=episode, status=Task.Status.OPEN, kind=Task.Kind.STEP
        ).values_list("name", "role")
        waiting = set(rows)
        found: dict[str, list[tuple[Step, str]]] = {}
        for step in self.programme.steps:
            if step.kind not in self.acts:
                continue
            for role in flow.roles_of(self.programme, step):
                if (step.id, role) in waiting:
                    found.setdefault(step.kind, []).append((step, role))
        return found

    def _pace(self, kind: str) -> date:
        return self.later(*self.given["pace"].get(kind, (0, 0)))

    def _stand(self, episode: Episode, stage: str, steps: list[tuple[Step, str]]) -> bool:
        """What is particular about where the story stops; whether that was anything."""
        if stage == "returned":
            reviewer = self.desk[steps[0][0].duty]
            episodes.send_back(episode, reviewer, "联系电话无法接通，请核实后重新上报")
            return True
        if stage == "refused":
            self._pace("consent")
            for step, role in steps:
                consents.refuse(episode, role, self.desk[step.duty], on=self.day, method="paper")
            return True
        if stage == "part_examined":
            forms = list(dict.fromkeys(step.form for step, _role in steps))[:2]
            self._forms(episode, [(s, role) for s, role in steps if s.form in forms])
        return False

    # --- one kind of step each: whether something was done ------------------------------------

    def _review(self, episode: Episode, steps: list[tuple[Step, str]]) -> bool:
        episodes.review(episode, self.desk[steps[0][0].duty])
        return True

    def _confirm(self, episode: Episode, steps: list[tuple[Step, str]]) -> bool:
        """The centre's decision; those who would have to pay are asked whether they want to."""
        clerk, asked = self.desk[steps[0][0].duty], self.day
        decision = episodes.confirm(episode, clerk, on=self._pace("confirm"))
        if decision.answer != "yes" or decision.grant not in {"free", "own_cost"}:
            return False
        if decision.grant == "free":
            return True
        if self.story.accepts_own_cost:
            episodes.confirm(episode, clerk, on=self.day, own_cost=True)
            return True
        if (self.until - asked).days > 30:
            episodes.close(episode, clerk, "本次不在免费范围，夫妇不自费检查")
        return False

    def _card(self, episode: Episode, steps: list[tuple[Step, str]]) -> bool:
        on = self._pace("card")
        cards.issue(
            episode, self.desk[steps[0][0].duty], on=on, appointment_on=on + timedelta(days=5)
        )
        return True

    def _consent(self, episode: Episode, steps: list[tuple[Step, str]]) -> bool:
        self._pace("consent")
        with flow.at_end():
            for step, role in steps:
                consents.grant(episode, role, self.desk[step.duty], on=self.day, method="paper")
        return True

    def _forms(self, episode: Episode, steps: list[tuple[Step, str]]) -> bool:
        """All forms of a visit; what comes next is looked at once, when they are signed."""
        with flow.at_end():
            for step, role in steps:
                self.record(episode, step.form or "", role)
        return True

    def _assess(self, episode: Episode, steps: list[tuple[Step, str]]) -> bool:
        proposal = assessments.propose(episode, on=self._pace("assess"))
        assessments.confirm(proposal, self.desk[steps[0][0].duty])
        return True

    def _documents(self, episode: Episode, steps: list[tuple[Step, str]]) -> bool:
        for step, _role in steps:
            documents.issue(episode, step.document or "", self.desk[step.duty], on=self.day)
        return True

    def record(self, episode: Episode, form_id: str, role: str, **more: Any) -> None:
        """Sign a form with drawn answers, by the first of the duties that fill it."""
        form = self.programme.forms[form_id]
        told = self.given["second_child"].get(role, {}) if self.story.child_order > 1 else {}
        answers = drawn(
            self.library, self.given["values"], self.rng, self.programme.id, form_id, role,
            self.day, told,
        )  # fmt: skip
        own = {f.element for f in form.fields_for(role)}
        answers |= {name: value for name, value in self._told().items() if name in own}
        for name in self.story.left_out:
            answers.pop(name, None)
        duty = next(d for d in form.duty if d in self.desk)
        encounters.record(
            episode, form_id, role, answers | more, on=self.day, actor=self.desk[duty]
        )

    # --- afterwards ----------------------------------------------------------------------------

    def recheck(self, episode: Episode) -> None:
        """Most of the re-checks that were due have been done; what they asked for is normal now."""
        share = self.given["process"]["recheck_done"]["share"]
        for task in Task.objects.filter(
            episode=episode,
            status=Task.Status.OPEN,
            kind=Task.Kind.RECHECK,
            due__lt=self.until - timedelta(days=7),
        ):
            if task.form and self.rng.random() < share:
                required = {
                    f.element
                    for f in self.programme.forms[task.form].fields_for(task.role)
                    if f.required
                }
                on = task.due or self.until
                answers = unremarkable(self.library, self.programme.id, task.form, task.role, on)
                encounters.record(
                    episode,
                    task.form,
                    task.role,
                    {k: v for k, v in answers.items() if k in required},
                    on=on,
                    actor=self.desk[task.duty],
                )
        # Where a recheck changed the picture, the doctor has mostly looked at it again.
        rows = episode.assessments
        undecided = rows.exists() and not rows.exclude(status=Assessment.Status.SUPERSEDED).exists()
        if undecided and self.rng.random() < share:
            self.day = self.until
            self.walk(episode, "noticed")

    def follow(self, episode: Episode) -> None:
        """Follow-ups whose window has come, with the couple's own course."""
        course = self.given["course"]
        worker = self.desk["followup_worker"]
        adverse = course["adverse"] if self.story.again and self.story.pregnant else None
        conceive_after = self.rng.randint(*(adverse or course)["conception_days"])
        conceived = self.day + timedelta(days=conceive_after) if self.story.pregnant else None
        for _ in range(FOLLOW_UPS):
            task = (
                Task.objects.filter(
                    episode=episode, status=Task.Status.OPEN, kind=Task.Kind.SCHEDULE
                )
                .order_by("opens")
                .first()
            )
            if task is None or task.opens > self.until - timedelta(days=self.rng.randint(0, 20)):
                return
            self.day = min(self.until, max(self.day, task.opens + timedelta(days=3)))
            if self.story.lost:
                for _attempt in range(tasks.attempts_needed(task)):
                    tasks.attempt(task, worker, "phone", False, "无人接听")
                tasks.close_lost(task, worker, course["lost_note"])
                return
            answers = course["forms"].get(task.form)
            if answers is None:
                return
            pregnant = conceived is not None and conceived + timedelta(days=35) <= self.day
            chosen = answers["pregnant" if pregnant else "otherwise"]
            self.record(
                episode,
                task.form,
                task.role,
                **{k: self._value(v, conceived) for k, v in chosen.items()},
            )
            if pregnant and adverse is not None:
                self.later(*adverse["told_after_days"])
                told = {k: self._value(v, conceived) for k, v in adverse["answers"].items()}
                self.record(episode, adverse["form"], task.role, **told)
                return

    def _told(self) -> dict[str, Any]:
        return {name: self._value(value, None) for name, value in self.told.items()}

    def _value(self, value: Any, conceived: date | None) -> Any:
        """Days as content writes them: `today`, `day-30` (before registration), and `lmp+N`, N days
        after the last period before conception."""
        if not isinstance(value, str):
            return value
        if value.startswith("lmp"):
            days = int(value.removeprefix("lmp") or 0)
            assert conceived is not None
            return (conceived + timedelta(days=days - 14)).isoformat()
        if value.startswith("day"):
            return (self.story.nominated_on + timedelta(days=int(value[3:] or 0))).isoformat()
        return self.day.isoformat() if value == "today" else value
