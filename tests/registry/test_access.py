"""Who may do what to whose record: duty x place x action."""

from collections.abc import Callable
from datetime import date, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from sanyou.care.models import Episode, Task
from sanyou.registry import access, duties, regions
from sanyou.registry.access import Actor, Forbidden, NotFoundForYou
from sanyou.registry.models import Couple, DutyAssignment, Person, Region
from tests.conftest import COUNTY, HUAYAN, XIPENG

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("H01")]

# What each duty may do, as the district's plan and the confidentiality rules have it. Written down
# a second time on purpose: a change of the table must be meant.
EXPECTED = {
    "village_worker": "home see_policy search see_person fill sign amend nominate issue_card"
    " issue_document see_task_numbers see_stock",
    "township_officer": "home see_policy search see_person fill sign amend nominate review"
    " issue_card"
    " issue_document import report see_task_numbers see_benefits see_stock manage_stock",
    "registration": "home see_policy search see_person fill sign amend nominate confirm issue_card"
    " take_consent issue_document decide_doubt merge import export transfer see_benefits"
    " publish_notice",
    "history_nurse": "home see_policy search see_person see_results fill sign amend take_consent"
    " issue_document",
    "physician": "home see_policy search see_person see_results fill sign amend issue_document",
    "laboratory": "home see_policy search see_person see_results fill sign amend import",
    "ultrasound": "home see_policy search see_person see_results fill sign amend",
    "assessing_doctor": "home see_policy search see_person see_results fill sign amend assess"
    " issue_document follow_up see_versions sign_version",
    "followup_worker": "home see_policy search see_person see_results fill sign amend follow_up"
    " issue_document",
    "statistician": "home see_policy search see_person import report submit_report export"
    " see_task_numbers see_benefits enter_benefits try_policy",
    "storekeeper": "home see_policy see_stock manage_stock export",
    "finance": "home see_policy see_money claim approve_statement pay_statement plan_money export"
    " see_benefits enter_benefits try_policy",
    "manager": "home see_policy search see_person report accept_report see_money approve_statement"
    " see_audit export see_task_numbers set_task_number plan_money see_benefits approve_benefit"
    " decide_appeal see_stock try_policy see_versions propose_version sign_version",
    "administrator": "home see_policy manage_staff see_audit",
    **dict.fromkeys(
        ("maternity_doctor", "screening_nurse", "child_doctor", "women_doctor"),
        "home see_policy search see_person see_results fill sign amend nominate assess follow_up"
        " issue_document take_consent",
    ),
    "infection_officer": "home see_policy search see_person see_results fill sign amend nominate"
    " assess follow_up issue_document take_consent report submit_report accept_report export"
    " see_audit",
    "case_manager": "home see_policy search see_person see_results fill sign amend nominate assess"
    " follow_up issue_document take_consent report",
    "expert": "home see_policy search see_person see_results fill sign amend assess issue_document",
    "school_doctor": "home see_policy search see_person fill sign amend nominate",
}
PEOPLE = sorted(EXPECTED)


@pytest.fixture
def episode(make_couple: Callable[..., Any]) -> Callable[[str], Episode]:
    def make(region: str, number: int = 1) -> Episode:
        return Episode.objects.create(
            number=f"E{region}-{number}",
            programme="preconception",
            programme_version="1",
            policy="p",
            couple=make_couple(number, region),
            region_id=region,
            opened_on=date(2021, 3, 1),
        )

    return make


@pytest.mark.parametrize("duty", PEOPLE)
@pytest.mark.parametrize("place", ["inside", "next town", "next county"])
def test_duty_place_action(duty: str, place: str) -> None:
    local = duty in {"village_worker", "township_officer"}
    mine = Region(code=HUAYAN if local else COUNTY, prefix=HUAYAN if local else COUNTY)
    actor = Actor(None, "x", "x", duty, mine.prefix, mine)
    where = {"inside": HUAYAN, "next town": XIPENG, "next county": "500106001"}[place]
    record = Episode(region_id=where)
    reachable = place == "inside" or (place == "next town" and not local)
    for action in duties.ACTIONS:
        allowed = action in EXPECTED[duty].split()
        assert actor.can(action, record) == (reachable and allowed), action
        if not reachable:
            with pytest.raises(NotFoundForYou):
                actor.require(action, record)
        elif not allowed:
            with pytest.raises(Forbidden, match="不能"):
                actor.require(action, record)
        else:
            actor.require(action, record)


def test_the_table_names_every_duty() -> None:
    assert set(EXPECTED) == duties.DUTIES.keys() - {"system"}


def test_every_model_with_a_person_in_it_has_a_place() -> None:
    from django.apps import apps

    roots = {"registry.Person", "registry.Couple", "care.Episode", "care.Task"}
    for model in apps.get_models():
        points = {
            f.related_model._meta.label
            for f in model._meta.concrete_fields
            if f.is_relation and f.related_model
        }
        if points & roots and model._meta.label != "care.FreeCheck":
            assert model._meta.label in access.PLACES


def test_a_kind_of_record_nobody_listed_is_refused(actor: Callable[..., Any]) -> None:
    from sanyou.trust.models import AuditEvent

    nurse = actor("history_nurse")
    assert not nurse.can("see_person", AuditEvent(seq=1))
    assert not access.visible(nurse, AuditEvent.objects.all()).exists()


def test_an_unknown_action_is_refused(actor: Callable[..., Any]) -> None:
    assert not actor("manager").can("fly")


def test_a_town_sees_its_own_couples_only(actor: Callable[..., Any], episode: Any) -> None:
    here, there = episode(HUAYAN, 1), episode(XIPENG, 2)
    worker = actor("village_worker", HUAYAN)
    assert list(access.visible(worker, Episode.objects.all())) == [here]
    assert list(access.visible(worker, Couple.objects.all())) == [here.couple]
    assert set(access.visible(worker, Person.objects.all())) == {
        here.couple.wife,
        here.couple.husband,
    }
    assert worker.can("see_person", here.couple)
    assert not worker.can("see_person", there.couple)
    assert access.visible(actor("registration"), Episode.objects.all()).count() == 2


def test_a_village_worker_sees_her_village_and_not_the_whole_town(
    district: Any, actor: Callable[..., Any], episode: Any
) -> None:
    town = Region.objects.get(pk=HUAYAN)
    own = regions.add_village(town, f"{HUAYAN}201", "半山村")
    other = regions.add_village(town, f"{HUAYAN}202", "石堰村")
    mine, theirs = episode(own.code, 1), episode(other.code, 2)
    worker = actor("village_worker", own.code)
    assert list(access.visible(worker, Episode.objects.all())) == [mine]
    assert not worker.can("see_person", theirs)
    assert access.visible(actor("township_officer", HUAYAN), Episode.objects.all()).count() == 2


def test_someone_who_moved_is_seen_by_the_new_town_and_her_old_record_stays_with_the_old(
    actor: Callable[..., Any], episode: Any
) -> None:
    old = episode(HUAYAN)
    couple = old.couple
    for person in (couple.wife, couple.husband):
        Person.objects.filter(pk=person.pk).update(residence_region_id=XIPENG)
    couple.refresh_from_db()
    assert actor("village_worker", XIPENG).can("see_person", couple)
    assert not actor("village_worker", XIPENG).can("see_person", old)
    assert actor("village_worker", HUAYAN).can("see_person", old)


def test_a_couple_with_many_episodes_is_listed_once(
    actor: Callable[..., Any], episode: Any
) -> None:
    episode(HUAYAN, 1)
    again = Episode.objects.get()
    again.pk, again.number = None, "second"
    import uuid

    again.key = uuid.uuid4()
    again.save()
    assert access.visible(actor("registration"), Couple.objects.all()).count() == 1


def test_tasks_lie_where_they_say(actor: Callable[..., Any], episode: Any) -> None:
    task = Task.objects.create(
        episode=episode(HUAYAN), kind="step", name="x", label="x", duty="village_worker",
        region_id=XIPENG, opens=date(2021, 3, 1),
    )  # fmt: skip
    assert access.visible(actor("village_worker", XIPENG), Task.objects.all()).get() == task
    assert not access.visible(actor("village_worker", HUAYAN), Task.objects.all()).exists()


def test_one_person_with_two_duties_acts_under_one_at_a_time(staff: Callable[..., Any]) -> None:
    liu = staff("history_nurse", username="liu")
    second = DutyAssignment.objects.create(
        staff=liu, duty="registration", region_id=COUNTY, valid_from=date(2020, 1, 1)
    )
    nurse, clerk = (Actor.of(liu, a) for a in duties.assignments(liu, date(2021, 3, 1)))
    assert (nurse.duty, clerk.duty) == ("history_nurse", "registration")
    assert not nurse.can("confirm")
    assert clerk.can("confirm")
    assert not clerk.can("see_results")
    assert second.duty == clerk.duty


@pytest.mark.parametrize(
    ("start", "end", "valid"),
    [(0, 0, True), (0, None, True), (1, None, False), (-9, -1, False), (-9, 0, True)],
)
def test_a_duty_counts_from_its_first_to_its_last_day(
    staff: Callable[..., Any], start: int, end: int | None, valid: bool
) -> None:
    today = date(2021, 3, 1)
    liu = staff("physician", username="liu")
    liu.duties.update(
        valid_from=today + timedelta(start),
        valid_until=None if end is None else today + timedelta(end),
    )
    assert duties.assignments(liu, today).exists() == valid
    if valid:
        assert Actor.of(liu, liu.duties.get(), today).duty == "physician"
    else:
        with pytest.raises(Forbidden, match="有效期"):
            Actor.of(liu, liu.duties.get(), today)


def test_nobody_acts_under_anothers_duty_or_as_the_system(staff: Callable[..., Any]) -> None:
    liu, wang = staff("physician", username="liu"), staff("finance", username="wang")
    with pytest.raises(Forbidden):
        Actor.of(liu, wang.duties.get())
    wang.duties.update(duty="system")
    with pytest.raises(Forbidden):
        Actor.of(wang, wang.duties.get())


def test_someone_dismissed_has_no_duties(staff: Callable[..., Any]) -> None:
    liu = staff("physician", username="liu")
    liu.is_active = False
    with pytest.raises(Forbidden):
        Actor.of(liu, liu.duties.get())


CLINICAL = {
    "history_nurse", "physician", "laboratory", "assessing_doctor", "followup_worker",
    "maternity_doctor", "screening_nurse", "child_doctor", "women_doctor", "infection_officer",
    "case_manager", "expert",
}  # fmt: skip


@pytest.mark.parametrize("duty", PEOPLE)
def test_infections_and_the_like_are_read_by_clinical_duties_only(
    duty: str, actor: Callable[..., Any]
) -> None:
    assert access.may_see(actor(duty), SimpleNamespace(privacy="restricted")) == (duty in CLINICAL)
    assert access.may_see(actor(duty), SimpleNamespace(privacy="public"))


def test_whole_identity_numbers_are_for_registration(actor: Callable[..., Any]) -> None:
    shown = {d for d in PEOPLE if access.may_unmask(actor(d))}
    assert shown == {"registration", "administrator"}


def test_a_form_is_filled_by_the_duties_it_names(actor: Callable[..., Any]) -> None:
    form = SimpleNamespace(duty=["physician"])
    assert access.may_fill(actor("physician"), form)
    assert not access.may_fill(actor("history_nurse"), form)
    assert not access.may_fill(actor("finance"), SimpleNamespace(duty=["finance"]))
    assert access.may_fill(Actor.system("month"), form)


def test_the_system_reaches_its_region(district: Any, episode: Any) -> None:
    record = episode(HUAYAN)
    assert Actor.system("month").can("import", record)
    assert Actor.system("month", Region.objects.get(pk=COUNTY)).can("import", record)
    assert not Actor.system("month", Region.objects.get(pk="500106")).can("import", record)
