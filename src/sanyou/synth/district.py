"""A whole invented district in the database: organisations, staff of every duty, a year of history and
a live month in every state. All of it through the same services that the pages use, so the demo can
show nothing that real work could not produce. May be interrupted and run again.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from random import Random
from typing import Any

from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.utils import timezone
from rich.console import Console
from rich.progress import Progress

from sanyou.care import (
    assessments,
    cards,
    consents,
    content,
    documents,
    encounters,
    episodes,
    tasks,
)
from sanyou.care.models import (
    Assessment,
    Consent,
    Document,
    EligibilityDecision,
    Encounter,
    Episode,
    Task,
)
from sanyou.registry import organisations
from sanyou.registry.access import Actor
from sanyou.registry.duties import DUTIES
from sanyou.registry.models import DutyAssignment, Organisation, Region, Staff
from sanyou.registry.people import PersonData, register_couple, register_person
from sanyou.synth.filling import drawn, unremarkable
from sanyou.synth.population import Invented, Story, invented_name, shares, stories

PROGRAMME = "preconception"
PASSWORD = "sanyou-demo-2026"
# duty -> (user name, invented name); the two duties of a town work in the demo's main town.
STAFF = {
    "village_worker": ("cunyi", "彭秀英"),
    "township_officer": ("zhenjie", "龚建华"),
    "registration": ("dengji", "何丽娟"),
    "history_nurse": ("bingshi", "曾晓燕"),
    "physician": ("tijian", "唐文斌"),
    "laboratory": ("jianyan", "段志强"),
    "ultrasound": ("chaosheng", "邹雪梅"),
    "assessing_doctor": ("pinggu", "欧阳静怡"),
    "followup_worker": ("suifang", "秦慧"),
    "statistician": ("tongji", "江浩"),
    "finance": ("caiwu", "贺敏"),
    "manager": ("zhuren", "郝建军"),
    "administrator": ("guanli", "侯宇"),
}


@dataclass(frozen=True)
class Built:
    couples: int
    encounters: int


LOCAL = ("village_worker", "township_officer")


@cache
def _hashed() -> str:
    return make_password(PASSWORD)


def _put_staff(username: str, name: str, duty: str, region: Region) -> Actor:
    """A member of staff with one duty; local ones belong to their township office."""
    kinds = Organisation.Kind
    home = Organisation.objects.get(
        region=region, kind=kinds.TOWNSHIP if duty in LOCAL else kinds.CENTRE, active=True
    )
    person, _ = Staff.objects.get_or_create(
        username=username,
        defaults={
            "display_name": name,
            "organisation": home,
            # Only the printed ones may sign in.
            "password": _hashed() if (username, name) in STAFF.values() else make_password(None),
        },
    )
    held, _ = DutyAssignment.objects.get_or_create(
        staff=person, duty=duty, region=region, valid_from=date(2020, 1, 1)
    )
    return Actor.of(person, held)


def _staff(given: dict[str, Any], rng: Random) -> dict[str, dict[str, Actor]]:
    """township -> duty -> who does it there; the centre's staff serve every township."""
    county = Region.objects.get(pk=given["region"])
    towns = Region.objects.in_bulk(list(given["towns"]))
    centre = {
        duty: _put_staff(username, name, duty, county)
        for duty, (username, name) in STAFF.items()
        if duty not in LOCAL
    }
    desks = {}
    for number, code in enumerate(given["towns"]):
        local = {}
        for duty in LOCAL:
            username, name = STAFF[duty]
            if number:
                username, name = f"{username}{number}", invented_name(rng, given["names"], "wife")
            local[duty] = _put_staff(username, name, duty, towns[code])
        desks[code] = centre | local
    return desks


def logins() -> list[tuple[str, str, str, str, str]]:
    """Rows (duty, user name, password, name, organisation) of the demo's staff."""
    people = {s.username: s for s in Staff.objects.select_related("organisation")}
    return [
        (str(DUTIES[duty].label), username, PASSWORD, name, str(people[username].organisation))
        for duty, (username, name) in STAFF.items()
    ]


def _register(person: Invented, actor: Actor) -> Any:
    hukou, home = Region.objects.get(pk=person.hukou), Region.objects.get(pk=person.residence)
    return register_person(
        PersonData(
            name=person.name,
            id_number=person.id_number,
            phone=person.phone,
            hukou_region=hukou,
            hukou_text=hukou.full_name,
            residence_region=home,
            residence_text=home.full_name,
            residence_since=person.since,
        ),
        actor,
    )


class _Course:
    """Walks one story through the services, as far as its stage says."""

    def __init__(self, story: Story, given: dict[str, Any], desk: dict[str, Actor], until: date):
        self.story, self.given, self.desk, self.until = story, given, desk, until
        self.rng = Random(story.seed)
        self.library = content.library()
        self.programme = self.library.programmes[PROGRAMME]
        self.day = story.nominated_on

    def later(self, low: int, high: int) -> date:
        """Move on by some days, never past today."""
        self.day = min(self.until, self.day + timedelta(days=self.rng.randint(low, high)))
        return self.day

    def run(self, source: str) -> None:
        """Walk as far as the story goes; stages are walked in their order."""
        story, stage = self.story, self.story.stage
        village, town = self.desk["village_worker"], self.desk["township_officer"]
        couple = register_couple(
            _register(story.wife, village),
            _register(story.husband, village),
            marriage_date=story.married_on,
            actor=village,
        )
        given = {"child_order": story.child_order, "planning": True}
        if story.compliant is not None:
            given["policy_compliant"] = story.compliant
        episode = episodes.nominate(
            village,
            PROGRAMME,
            couple,
            {"couple": given},
            on=self.day,
            region=Region.objects.get(pk=story.town),
            source=source,
        )
        if stage == "nominated":
            return
        if stage == "returned":
            episodes.send_back(episode, town, "联系电话无法接通，请核实后重新上报")
            return
        episodes.review(episode, town)
        if stage == "reviewed":
            return
        decision = episodes.confirm(episode, self.desk["registration"], on=self.later(1, 2))
        if stage == "confirmed" or decision.answer != "yes" or decision.grant != "free":
            return
        cards.issue(
            episode, village, on=self.later(0, 2), appointment_on=self.day + timedelta(days=5)
        )
        if stage == "carded":
            return
        self.later(1, 6)
        for role in ("wife", "husband"):
            if stage == "refused":
                consents.refuse(
                    episode, role, self.desk["registration"], on=self.day, method="paper"
                )
            else:
                consents.grant(
                    episode, role, self.desk["registration"], on=self.day, method="paper"
                )
        if stage in {"consented", "refused"}:
            return
        self.examine(episode, part=stage == "part_examined")
        if stage in {"part_examined", "examined"}:
            return
        self.later(2, 4)
        proposal = assessments.propose(episode, on=self.day)
        assessments.confirm(proposal, self.desk["assessing_doctor"])
        self.fill_open_steps(episode)
        if stage == "assessed":
            return
        documents.issue(episode, "notice", self.desk["assessing_doctor"], on=self.day)
        if stage == "followed":
            self.recheck(episode)
            self.follow(episode)

    def record(self, episode: Episode, form_id: str, role: str, **more: Any) -> None:
        form = self.programme.forms[form_id]
        told = self.given["second_child"].get(role, {}) if self.story.child_order > 1 else {}
        answers = drawn(
            self.library, self.given["values"], self.rng, PROGRAMME, form_id, role, self.day, told
        )
        if self.story.tsh_missing:
            answers.pop("tsh", None)
        encounters.record(
            episode, form_id, role, answers | more, on=self.day, actor=self.desk[form.duty[0]]
        )

    def examine(self, episode: Episode, part: bool) -> None:
        """Every station after consent; in part, only the first two."""
        stations = [s for s in self.programme.steps if s.form and "consent" in s.after]
        for step in stations[:2] if part else stations:
            for role in step.roles:
                self.record(episode, step.form or "", role)
        if not part:
            self.fill_open_steps(episode)

    def fill_open_steps(self, episode: Episode) -> None:
        """Form steps that opened meanwhile (specimen -> laboratory, assessment -> counselling)."""
        for task in Task.objects.filter(
            episode=episode, status=Task.Status.OPEN, kind=Task.Kind.STEP
        ).exclude(form=""):
            self.record(episode, task.form, task.role)

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
                answers = unremarkable(self.library, PROGRAMME, task.form, task.role, on)
                encounters.record(
                    episode,
                    task.form,
                    task.role,
                    {k: v for k, v in answers.items() if k in required},
                    on=on,
                    actor=self.desk[task.duty],
                )
        # Where a recheck changed the picture, the doctor has mostly looked at it again.
        undecided = not episode.assessments.exclude(status=Assessment.Status.SUPERSEDED).exists()
        if undecided and self.rng.random() < share:
            doctor = self.desk["assessing_doctor"]
            assessments.confirm(assessments.propose(episode, on=self.until), doctor)
            documents.issue(episode, "notice", doctor, on=self.until)

    def follow(self, episode: Episode) -> None:
        """Follow-ups whose window has come, with the couple's own course."""
        course = self.given["course"]
        worker = self.desk["followup_worker"]
        conceive_after = self.rng.randint(*course["conception_days"])
        conceived = self.day + timedelta(days=conceive_after) if self.story.pregnant else None
        for _ in range(8):
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
                for _attempt in range(3):
                    tasks.attempt(task, worker, "phone", False, "无人接听")
                tasks.close_lost(task, worker, "三次联系无果")
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

    def _value(self, value: Any, conceived: date | None) -> Any:
        """`lmp+N` stands for the day N days after the last period before conception."""
        if isinstance(value, str) and value.startswith("lmp"):
            days = int(value.removeprefix("lmp") or 0)
            assert conceived is not None
            return (conceived + timedelta(days=days - 14)).isoformat()
        return self.day.isoformat() if value == "today" else value


def build(couples: int, seed: int, until: date, console: Console) -> Built:
    """Create the district with `couples` couples; those of an earlier run with the seed are kept."""
    given = shares()
    organisations.setup_district(given["region"], given["centre"])
    desks = _staff(given, Random(seed))
    done = set(
        Episode.objects.filter(source__startswith=f"synth:{seed}:").values_list("source", flat=True)
    )
    with Progress(console=console) as progress:
        bar = progress.add_task("生成虚构人口与一年的历史", total=couples)
        for story in stories(couples, seed, until, given):
            source = f"synth:{seed}:{story.number}"
            if source not in done:
                with transaction.atomic():
                    _Course(story, given, desks[story.town], until).run(source)
                    _date_back(Episode.objects.get(source=source))
            progress.advance(bar)
    _money_and_reports(given, next(iter(desks.values())), until)
    _task_numbers(given, next(iter(desks.values()))["manager"], until)
    return Built(
        couples=Episode.objects.filter(source__startswith=f"synth:{seed}:").count(),
        encounters=Encounter.objects.count(),
    )


def _date_back(episode: Episode) -> None:
    """Let the rows of an invented past carry the hours at which they would have been written.

    Only here: in real work these times are when somebody acted, whatever day a record is about.
    """
    hours = _Hours()
    moment = hours.on(episode.opened_on)
    Episode.objects.filter(pk=episode.pk).update(created_at=moment)
    closed = {"nominate": moment}
    for decision in episode.decisions.order_by("pk"):
        closed["review"] = hours.on(decision.on)
        closed["confirm"] = hours.on(decision.on)
        EligibilityDecision.objects.filter(pk=decision.pk).update(at=closed["confirm"])
    for card in episode.cards.all():
        closed["card"] = hours.on(card.issued_on)
    for consent in episode.consents.order_by("pk"):
        closed["consent"] = hours.on(consent.on)
        Consent.objects.filter(pk=consent.pk).update(at=closed["consent"])
    for encounter in episode.encounters.filter(signed_at__isnull=False).order_by("pk"):
        moment = hours.on(encounter.occurred_on)
        Encounter.objects.filter(pk=encounter.pk).update(
            signed_at=moment, created_at=moment, updated_at=moment
        )
        rows = episode.tasks.filter(form=encounter.form, role=encounter.role, status="done")
        rows = rows.filter(pk=encounter.task_id) if encounter.task_id else rows.filter(kind="step")
        rows.update(closed_at=moment)
    for assessment in episode.assessments.order_by("pk"):
        closed["assess"] = hours.on(assessment.as_of)
        Assessment.objects.filter(pk=assessment.pk).update(created_at=closed["assess"])
        Assessment.objects.filter(pk=assessment.pk, decided_at__isnull=False).update(
            decided_at=closed["assess"]
        )
    for document in episode.documents.order_by("pk"):
        closed["notice"] = hours.on(document.issued_on)
        Document.objects.filter(pk=document.pk).update(at=closed["notice"])
    kinds = {step.id: step.kind for step in content.programme_of(episode).steps}
    names = {"document": "notice"}
    for task in episode.tasks.filter(kind="step", status="done"):
        at = closed.get(names.get(kinds[task.name], kinds[task.name]))
        if at is not None and not task.form:
            Task.objects.filter(pk=task.pk).update(closed_at=at)


class _Hours:
    """Moments of one couple's course: never before the one before, on the day wanted."""

    def __init__(self) -> None:
        self.last: datetime | None = None

    def on(self, day: date) -> datetime:
        moment = datetime.combine(day, time(9, 5), timezone.get_current_timezone())
        if self.last is not None and self.last >= moment:
            moment = self.last + timedelta(minutes=6)
        self.last = min(moment, timezone.now())
        return self.last


def _half_years_before(day: date) -> tuple[tuple[date, date], tuple[date, date]]:
    """The last full half-year before a day, and the one before that."""
    halves = [
        half
        for year in (day.year, day.year - 1, day.year - 2)
        for half in (
            (date(year, 7, 1), date(year, 12, 31)),
            (date(year, 1, 1), date(year, 6, 30)),
        )
        if half[1] < day
    ]
    return halves[0], halves[1]


def _money_and_reports(given: dict[str, Any], desk: dict[str, Actor], until: date) -> None:
    """Claims, the statement of the last full half-year, and the monthly reports up to last month."""
    from sanyou.figures import submissions
    from sanyou.finance import claims, statements

    centre = Organisation.objects.get(region_id=given["region"], kind=Organisation.Kind.CENTRE)
    for episode in Episode.objects.filter(programme=PROGRAMME, claim__isnull=True):
        claims.claim(episode, on=until)
    policy = content.current_policy(given["region"], PROGRAMME, until)
    if policy is not None:
        last, before = _half_years_before(until)
        paid = statements.prepare(centre, policy, *before, desk["finance"])
        if paid.status == "draft" and paid.total:
            statements.submit(paid, desk["finance"])
            statements.approve(paid, desk["manager"])
            statements.mark_paid(paid, desk["finance"], f"演示凭证-{before[1].year}-01")
        statements.prepare(centre, policy, *last, desk["finance"])
    region = Region.objects.get(pk=given["region"])
    month = until.replace(day=1)
    for _ in range(3):
        month = (month - timedelta(days=1)).replace(day=1)
        report = submissions.draft(PROGRAMME, "service_month", region, month, desk["statistician"])
        if report.status == "draft":
            sent = submissions.submit(report, desk["statistician"])
            # As it would have been: handed in on the third day of the following month.
            following = (month + timedelta(days=31)).replace(day=3)
            at = datetime.combine(following, time(10), timezone.get_current_timezone())
            sent.submitted_at = min(at, timezone.now())
            sent.history = [{**entry, "at": at.isoformat()} for entry in sent.history]
            sent.save(update_fields=["submitted_at", "history"])


def _task_numbers(given: dict[str, Any], manager: Actor, until: date) -> None:
    """This year's task number, invented so that the year is well on its way, split as suggested."""
    from sanyou.figures import tasknumbers
    from sanyou.figures.models import TaskNumber

    district = Region.objects.get(pk=given["region"])
    found = tasknumbers.basis(PROGRAMME, district.code, until)
    year = until.year
    already = TaskNumber.objects.filter(programme=PROGRAMME, region=district, year=year)
    if found is None or already.exists():
        return
    done = len(tasknumbers.examined(found, district, year, until))
    ahead = tasknumbers.forecast(done, year, until)
    total = max(10, round((ahead.expected if ahead else 0) * 1.02 / 10) * 10)
    towns = tasknumbers.towns_of(found, district)
    tasknumbers.distribute(
        manager,
        PROGRAMME,
        district,
        year,
        total,
        f"{year} 年度任务分解表（演示用，虚构）",
        tasknumbers.suggest(found, district, towns, year, total),
    )
