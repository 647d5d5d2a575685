"""Signing a form begins other programmes once, for the same person or the child it tells of; what is
corrected moves along; the woman's pregnancy is one row (tests/fixtures/cradle)."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from sanyou.care import content, encounters, episodes
from sanyou.care.errors import CareError
from sanyou.care.facts import facts_of
from sanyou.care.models import Encounter, Episode, Task
from sanyou.protocol.library import Library
from sanyou.registry import births, merging, people, trail
from sanyou.registry.access import Actor, visible
from sanyou.registry.models import Birth, Doubt, FormerIdentity, Person, Pregnancy, Region
from sanyou.registry.people import PersonData
from sanyou.trust import audit
from sanyou.trust.models import AuditEvent

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("D01")]

CRADLE = Path(__file__).parents[1] / "fixtures" / "cradle"
HUAYAN = "500107102"
LMP = date(2021, 1, 4)
BOOKED = date(2021, 3, 1)
BORN = date(2021, 10, 11)  # 280 days later
PAPER = "U500123456"


@pytest.fixture(scope="module")
def cradle() -> Library:
    return Library.load(None, CRADLE)


@pytest.fixture(autouse=True)
def in_use(cradle: Library) -> Iterator[None]:
    content.set_library(cradle)
    yield
    content.set_library(None)


@pytest.fixture
def town(district: Any) -> Region:
    return Region.objects.get(pk=HUAYAN)


@pytest.fixture
def doctor(actor: Any) -> Actor:
    found: Actor = actor("maternity_doctor")
    return found


@pytest.fixture
def mother(couple: Any) -> Person:
    found: Person = couple.wife
    return found


@pytest.fixture
def book(doctor: Actor, town: Region) -> Callable[..., Episode]:
    def make(woman: Person, on: date = BOOKED, **told: Any) -> Episode:
        told = {"cradle_lmp": LMP.isoformat()} | told
        return episodes.nominate(doctor, "bearing", woman, {"wife": told}, on, town)

    return make


@pytest.fixture
def deliver(doctor: Actor) -> Callable[..., Encounter]:
    """A newborn form of an episode, signed."""

    def make(episode: Episode, on: date = BORN, **told: Any) -> Encounter:
        told = {
            "cradle_born_on": BORN.isoformat(),
            "cradle_sex": "female",
            "cradle_order": 1,
            "cradle_state": "alive",
            "cradle_weight": 3200,
        } | told
        told = {name: value for name, value in told.items() if value is not None}
        return encounters.record(episode, "bearing_newborn", "wife", told, on, doctor)

    return make


def visit(episode: Episode, who: Actor, on: date = date(2021, 4, 1), **told: Any) -> Encounter:
    return encounters.record(episode, "bearing_visit", "wife", told, on, who)


def begun(programme: str = "earscreen") -> list[Episode]:
    return list(Episode.objects.filter(programme=programme).order_by("pk"))


def opening(episode: Episode) -> Encounter:
    found = episodes.opening_of(episode)
    assert found is not None
    return found


# --- a newborn -------------------------------------------------------------------------------------


def test_a_newborn_form_registers_the_child_and_begins_what_the_district_runs(
    mother: Person, book: Any, deliver: Any, doctor: Actor
) -> None:
    episode = book(mother)
    row = deliver(episode, cradle_signs=["jaundice", "murmur"])
    (made,) = begun()
    child = births.find(mother, BORN)
    assert made.person == child
    assert opening(made).data == {
        "cradle_weight": 3200,
        "cradle_signs": ["jaundice", "murmur"],
        "kid_gestation": 280,
        "kid_place": "院内",
    }
    assert begun("farcare") == [], "no policy of the district runs it"
    assert (made.region_id, made.opened_on) == (HUAYAN, BORN)
    task = made.tasks.get(kind=Task.Kind.SCHEDULE)
    assert task.opens == BORN + timedelta(days=28)
    birth = Birth.objects.get()
    episode.refresh_from_db()
    assert birth.pregnancy == made.pregnancy == episode.pregnancy
    event = AuditEvent.objects.get(action="begin")
    assert (event.actor, event.subject) == (doctor.username, str(made.key))
    assert event.detail == {"record": str(row.key)}
    nominated = AuditEvent.objects.get(action="nominate", subject=str(made.key))
    assert nominated.actor == "system:starts"


def test_a_second_click_begins_nothing_more(mother: Person, book: Any, doctor: Actor) -> None:
    draft = encounters.open_draft(book(mother), "bearing_newborn", "wife", doctor)
    told = {"cradle_born_on": "2021-10-11", "cradle_sex": "女", "cradle_weight": "3200"}
    changes = {name: {"base": None, "value": value} for name, value in told.items()}
    saved = encounters.autosave(draft.key, changes, doctor)
    encounters.sign(draft.key, doctor, saved.version)
    events = AuditEvent.objects.count()
    encounters.sign(draft.key, doctor, saved.version)
    assert len(begun()) == 1
    assert AuditEvent.objects.count() == events


def test_the_same_file_again_begins_nothing_more(mother: Person, book: Any, doctor: Actor) -> None:
    episode = book(mother)
    told = {"cradle_born_on": "2021-10-11", "cradle_state": "alive", "cradle_weight": 3100}
    for _again in range(2):
        encounters.record(episode, "bearing_newborn", "wife", told, BORN, doctor, source="file:1")
    assert len(begun()) == 1
    assert births.find(mother, BORN) == begun()[0].person
    assert begun()[0].person.sex == "", "a sex that was not told is not guessed"


def test_twins_are_two_records_each_with_its_own(mother: Person, book: Any, deliver: Any) -> None:
    episode = book(mother)
    deliver(episode, cradle_length=50, cradle_signs=["none"])
    deliver(
        episode, cradle_order=2, cradle_sex="male", cradle_weight=2900,
        cradle_born_on="2021-10-12", on=date(2021, 10, 12),
    )  # fmt: skip
    one, two = begun()
    assert one.person != two.person
    assert opening(two).data == {
        "cradle_weight": 2900, "kid_gestation": 281, "kid_place": "院内"
    }  # fmt: skip


def test_twins_of_one_sex_both_entered_as_the_first_are_refused(
    mother: Person, book: Any, deliver: Any
) -> None:
    episode = book(mother)
    deliver(episode)
    with pytest.raises(CareError, match="第几个") as refused:
        deliver(episode, cradle_weight=2900)
    assert refused.value.code == "same_child"
    assert episode.encounters.filter(form="bearing_newborn").count() == 1
    assert len(begun()) == 1


def test_a_stillborn_begins_nothing_and_a_corrected_one_does(
    mother: Person, book: Any, deliver: Any, doctor: Actor
) -> None:
    row = deliver(book(mother), cradle_state="stillborn")
    assert not Birth.objects.exists()
    encounters.amend(row.key, {"cradle_state": "alive"}, "填错", doctor)
    (made,) = begun()
    assert made.person == births.find(mother, BORN)


def test_of_unclear_sex_the_record_says_so_until_it_is_told(
    mother: Person, book: Any, deliver: Any, doctor: Actor
) -> None:
    row = deliver(book(mother), cradle_sex="ambiguous")
    child = births.find(mother, BORN)
    assert child is not None
    assert (child.name, child.sex) == ("欧阳慧敏之婴", "")
    encounters.amend(row.key, {"cradle_sex": "male"}, "染色体检查为男", doctor)
    child.refresh_from_db()
    assert (child.name, child.sex) == ("欧阳慧敏之子", "male")


@pytest.mark.parametrize(
    ("told", "code"),
    [
        ({"cradle_paper": "12345"}, "bad_certificate"),
        ({"cradle_order": 12}, "bad_order"),
        ({"cradle_born_on": "2100-01-01"}, "future"),
    ],
)
def test_what_the_register_refuses_is_not_signed(
    told: dict[str, Any], code: str, mother: Person, book: Any, deliver: Any
) -> None:
    episode = book(mother)
    with pytest.raises(CareError) as refused:
        deliver(episode, **told)
    assert refused.value.code == code
    assert not episode.encounters.filter(form="bearing_newborn").exists()
    assert not Birth.objects.exists()
    assert begun() == []


def test_a_certificate_of_another_child_is_held_as_a_doubt(
    mother: Person, make_couple: Any, book: Any, deliver: Any
) -> None:
    other = make_couple(2).wife
    deliver(book(other), cradle_paper=PAPER)
    deliver(book(mother), cradle_paper=PAPER)
    child = births.find(mother, BORN)
    assert births.find_by_certificate(PAPER) == births.find(other, BORN) != child
    assert Doubt.objects.filter(person=child, other=births.find(other, BORN)).exists()
    assert len(begun()) == 2


# --- corrections -----------------------------------------------------------------------------------


def test_a_correction_moves_into_the_childs_record_with_its_reason(
    mother: Person, book: Any, deliver: Any, doctor: Actor
) -> None:
    row = deliver(book(mother))
    (made,) = begun()
    first = opening(made)
    changes = {"cradle_born_on": "2021-10-13", "cradle_weight": 3300, "cradle_sex": "male"}
    encounters.amend(row.key, changes, "出生证写错", doctor)
    child = births.find(mother, date(2021, 10, 13))
    assert child is not None
    assert (child.birth_date, child.sex) == (date(2021, 10, 13), "male")
    assert FormerIdentity.objects.get().reason == "出生证写错"
    now = opening(made)
    assert now.replaces == first
    assert now.reason == "“新生儿表”已更正：出生证写错"
    assert (now.data["cradle_weight"], now.data["kid_gestation"]) == (3300, 282)
    first.refresh_from_db()
    assert (first.status, first.data["cradle_weight"]) == ("amended", 3200)
    assert made.tasks.get(kind=Task.Kind.SCHEDULE, status="open").opens == date(2021, 11, 10)
    assert begun() == [made]
    assert facts_of(made, date(2021, 12, 1))["child.cradle_weight"] == 3300


def test_what_was_corrected_in_the_childs_own_record_stays(
    mother: Person, book: Any, deliver: Any, doctor: Actor, actor: Any
) -> None:
    row = deliver(book(mother), cradle_paper=PAPER)
    (made,) = begun()
    child = births.find(mother, BORN)
    assert child is not None
    nurse = actor("screening_nurse")
    encounters.amend(opening(made).key, {"cradle_weight": 3250}, "复称", nurse)
    births.correct(child, nurse, "补发", certificate="U500999999", name="司马安")
    changes = {"cradle_weight": 3300, "cradle_length": 49, "cradle_name": "司马平"}
    encounters.amend(row.key, changes, "更正", doctor)
    data = opening(made).data
    assert (data["cradle_weight"], data["cradle_length"]) == (3250, 49)
    again = row.episode.encounters.get(form="bearing_newborn", status="signed")
    encounters.amend(again.key, {"cradle_weight": 3400, "cradle_length": 50}, "再更正", doctor)
    data = opening(made).data
    assert (data["cradle_weight"], data["cradle_length"]) == (3250, 50)
    child.refresh_from_db()
    assert child.name == "司马安"
    assert births.find_by_certificate("U500999999") == child


def test_a_corrected_twin_carries_its_own_and_not_the_others(
    mother: Person, book: Any, deliver: Any, doctor: Actor
) -> None:
    episode = book(mother)
    row = deliver(episode)
    deliver(episode, cradle_order=2, cradle_born_on="2021-10-12", on=date(2021, 10, 12))
    encounters.amend(row.key, {"cradle_weight": 3000}, "更正", doctor)
    one, two = begun()
    assert (opening(one).data["cradle_weight"], opening(one).data["kid_gestation"]) == (3000, 280)
    assert (opening(two).data["cradle_weight"], opening(two).data["kid_gestation"]) == (3200, 281)


def test_an_order_that_the_other_twin_has_is_refused(
    mother: Person, book: Any, deliver: Any, doctor: Actor
) -> None:
    episode = book(mother)
    row = deliver(episode)
    deliver(episode, cradle_order=2)
    with pytest.raises(CareError, match="填反") as refused:
        encounters.amend(row.key, {"cradle_order": 2}, "填反", doctor)
    assert refused.value.code == "taken"
    row.refresh_from_db()
    assert row.status == "signed"


def test_the_name_and_certificate_learnt_later_reach_the_register(
    mother: Person, book: Any, deliver: Any, doctor: Actor
) -> None:
    row = deliver(book(mother))
    encounters.amend(
        row.key, {"cradle_name": "司马安", "cradle_paper": PAPER}, "领证后补填", doctor
    )
    child = births.find_by_certificate(PAPER)
    assert child is not None
    assert child == births.find(mother, BORN)
    assert (child.name, child.id_type) == ("司马安", "birth_certificate")


# --- one record, whatever the door -----------------------------------------------------------------


def test_a_record_going_on_is_left(
    mother: Person, book: Any, deliver: Any, actor: Any, town: Region
) -> None:
    nurse = actor("screening_nurse")
    child = people.register_person(PersonData("", "", "none", "female", BORN, mother=mother), nurse)
    told = {"child": {"cradle_weight": 3100, "kid_place": "外院"}}
    standing = episodes.nominate(nurse, "earscreen", child, told, BORN, town)
    deliver(book(mother))
    assert begun() == [standing]
    assert opening(standing).data["cradle_weight"] == 3100
    standing.refresh_from_db()
    assert standing.pregnancy == Birth.objects.get().pregnancy


def test_what_is_over_is_not_begun_again(
    mother: Person, book: Any, deliver: Any, doctor: Actor, actor: Any
) -> None:
    row = deliver(book(mother))
    (made,) = begun()
    episodes.close(made, actor("registration"), "迁走")
    encounters.amend(row.key, {"cradle_weight": 3300}, "更正", doctor)
    assert begun() == [made]


DOORS = ["mother", "screen", "card"]


@pytest.mark.parametrize("order", list(permutations(DOORS)))
def test_mother_screening_file_and_defect_card_lead_to_one_record(
    order: tuple[str, ...],
    mother: Person,
    book: Any,
    deliver: Any,
    actor: Any,
    town: Region,
) -> None:
    """The mother's form and the screening file know mother and certificate, the card the
    certificate and a name. Whichever comes first, it is one child with one record, also while the
    mother's second record is merged in and put back."""
    nurse, clerk = actor("screening_nurse"), actor("registration")
    paper = {"id_type": "birth_certificate", "id_number": PAPER}
    told = {"child": {"cradle_weight": 3200, "kid_place": "院内"}}
    found: dict[str, Person | None] = {}
    for door in order:
        if door == "mother":
            deliver(book(mother), cradle_paper=PAPER)
            found[door] = births.find(mother, BORN)
            continue
        known = {"mother": mother} if door == "screen" else {}
        name = "司马安" if door == "card" else ""
        data = PersonData(name=name, sex="female", birth_date=BORN, **paper, **known)
        found[door] = people.register_person(data, nurse)
        if not Episode.objects.filter(programme="earscreen").exists():
            episodes.nominate(nurse, "earscreen", found[door], told, BORN, town)
    assert len({person.pk for person in found.values() if person}) == 1
    assert Person.objects.filter(birth_date=BORN).count() == 1
    assert len(begun()) == 1
    child = found["mother"]
    assert child is not None
    child.refresh_from_db()
    assert child.name == "司马安"
    double = people.register_person(
        PersonData("欧阳慧敏", "E1234567", "passport", "female", mother.birth_date,
                   residence_region=town), clerk
    )  # fmt: skip
    twice = births.register(PersonData("", "", "none", "female", BORN, mother=double), clerk).child
    merge = merging.merge_people(mother, double, "同一人", clerk)
    double.refresh_from_db()
    assert births.find(double, BORN) == births.find_by_certificate(PAPER) == child
    twice.refresh_from_db()
    assert people.current(twice) == child
    merging.undo(merge, clerk, "不是同一人")
    double.refresh_from_db()
    assert births.find(double, BORN) == twice
    assert births.find(mother, BORN) == births.find_by_certificate(PAPER) == child
    assert audit.verify().ok


# --- the same person -------------------------------------------------------------------------------


def test_a_couples_form_begins_for_the_wife(couple: Any, actor: Any, town: Region) -> None:
    clerk = actor("registration")
    pair = episodes.nominate(clerk, "pairing", couple, {"couple": {}}, BOOKED, town)
    encounters.record(pair, "pairing_asked", "husband", {"kid_place": "家里"}, BOOKED, clerk)
    assert begun("bearing") == []
    told = {"cradle_lmp": LMP.isoformat()}
    encounters.record(pair, "pairing_asked", "wife", told, BOOKED, clerk)
    (made,) = begun("bearing")
    assert made.person == couple.wife
    assert opening(made).data == {"cradle_lmp": "2021-01-04"}
    assert made.pregnancy is not None
    assert made.pregnancy.began_on == LMP


def test_begun_once_and_not_for_a_no(mother: Person, book: Any, doctor: Actor) -> None:
    episode = book(mother)
    visit(episode, doctor, cradle_risk=False)
    assert begun("wombcheck") == []
    visit(episode, doctor, cradle_risk=True)
    visit(episode, doctor, cradle_risk=True)
    (made,) = begun("wombcheck")
    assert made.person == mother
    assert opening(made).data["cradle_lmp"] == "2021-01-04"


def test_nothing_is_begun_where_the_district_does_not_run_it(
    mother: Person, doctor: Actor, book: Any
) -> None:
    episode = book(mother)
    Episode.objects.filter(pk=episode.pk).update(region=Region.objects.get(pk="500108"))
    visit(Episode.objects.get(pk=episode.pk), Actor.system("tests"), cradle_risk=True)
    assert begun("wombcheck") == []


# --- the pregnancy ---------------------------------------------------------------------------------


def test_programmes_of_one_pregnancy_share_its_row(
    mother: Person, book: Any, doctor: Actor, actor: Any, town: Region
) -> None:
    alone = episodes.nominate(actor("screening_nurse"), "wombcheck", mother, {}, BOOKED, town)
    row = alone.pregnancy
    assert row is not None
    assert row.began_on is None
    Pregnancy.objects.update(created_at=datetime(2021, 3, 1, 12, tzinfo=UTC))
    episode = book(mother)
    visit(episode, doctor, cradle_positive=True)
    (hushed,) = begun("hushed")
    assert episode.pregnancy == hushed.pregnancy == row
    row.refresh_from_db()
    assert row.began_on == LMP


def test_the_days_follow_the_newest_statement(
    mother: Person, book: Any, doctor: Actor, actor: Any
) -> None:
    episode = book(mother)
    row = episode.pregnancy
    assert row is not None
    assert (row.woman, row.began_on, row.ended_on) == (mother, LMP, None)
    scan = visit(episode, doctor, cradle_scan_lmp="2021-01-14", cradle_risk=True)
    row.refresh_from_db()
    assert row.began_on == date(2021, 1, 14)
    # The other programme was begun with the corrected day and repeats it; a visit changes nothing.
    visit(episode, doctor, cradle_risk=False)
    encounters.amend(scan.key, {"cradle_scan_lmp": "2021-01-11"}, "复核", doctor)
    visit(episode, doctor, cradle_ended_on="2021-10-11", on=date(2021, 10, 11))
    row.refresh_from_db()
    assert (row.began_on, row.ended_on) == (date(2021, 1, 11), date(2021, 10, 11))


def test_a_pregnancy_does_not_end_before_it_began(mother: Person, book: Any, doctor: Actor) -> None:
    episode = book(mother)
    with pytest.raises(CareError, match="早于末次月经"):
        visit(episode, doctor, cradle_ended_on="2020-12-31")
    assert not episode.encounters.filter(form="bearing_visit").exists()


def test_a_day_taken_back_is_what_the_other_programme_tells(
    mother: Person, book: Any, doctor: Actor, actor: Any
) -> None:
    episode = book(mother)
    visit(episode, doctor, cradle_risk=True)
    encounters.amend(opening(episode).key, {"cradle_lmp": None}, "记不清", doctor)
    row = Pregnancy.objects.get()
    assert row.began_on == LMP


def test_the_next_pregnancy_is_another_row(
    mother: Person, book: Any, doctor: Actor, actor: Any
) -> None:
    first = book(mother)
    visit(first, doctor, cradle_ended_on="2021-03-20")
    episodes.close(first, actor("registration"), "流产")
    second = book(mother, on=date(2021, 6, 1), cradle_lmp="2021-04-25")
    assert second.pregnancy != first.pregnancy
    assert list(Pregnancy.objects.order_by("began_on").values_list("began_on", "ended_on")) == [
        (LMP, date(2021, 3, 20)),
        (date(2021, 4, 25), None),
    ]


def test_a_pregnancy_never_ended_is_over_after_44_weeks(
    mother: Person, book: Any, actor: Any, town: Region
) -> None:
    first = book(mother)
    episodes.close(first, actor("registration"), "失访")
    nurse = actor("screening_nurse")
    within = episodes.nominate(nurse, "wombcheck", mother, {}, LMP + timedelta(weeks=44), town)
    assert within.pregnancy == first.pregnancy
    episodes.close(within, actor("registration"), "办完")
    after = episodes.nominate(
        nurse, "wombcheck", mother, {}, LMP + timedelta(weeks=44, days=1), town
    )
    assert after.pregnancy != first.pregnancy


# --- the compartment -------------------------------------------------------------------------------


@pytest.mark.requirement("H01")
def test_what_is_begun_in_a_compartment_does_not_exist_outside(
    mother: Person, book: Any, doctor: Actor, actor: Any
) -> None:
    episode = book(mother)
    visit(episode, doctor, cradle_positive=True)
    (made,) = begun("hushed")
    assert made.compartment == "infection"
    assert made.pregnancy == episode.pregnancy
    officer = actor("infection_officer")
    assert made in visible(officer, Episode.objects.all())
    assert made not in visible(doctor, Episode.objects.all())
    subjects = set(trail.events(actor("manager")).values_list("subject", flat=True))
    assert str(made.key) not in subjects
    assert str(episode.key) in subjects


@pytest.mark.requirement("H01")
def test_a_child_of_the_compartment_is_known_outside_once_it_is_registered_there(
    mother: Person, book: Any, deliver: Any, doctor: Actor, actor: Any, town: Region
) -> None:
    officer = actor("infection_officer")
    told = {"wife": {"cradle_lmp": LMP.isoformat()}}
    hushed = episodes.nominate(officer, "hushed", mother, told, BOOKED, town)
    born = {"cradle_born_on": BORN.isoformat(), "cradle_sex": "female"}
    encounters.record(hushed, "hushed_newborn", "wife", born, BORN, officer)
    child = births.find(mother, BORN)
    assert child is not None
    assert child.compartment == "infection"
    assert not visible(doctor, Person.objects.filter(pk=child.pk)).exists()
    assert not visible(doctor, Pregnancy.objects.all()).exists()
    deliver(book(mother))
    child.refresh_from_db()
    assert child.compartment == ""
    assert births.find(mother, BORN) == child
    assert Pregnancy.objects.get().compartment == ""
    hidden = begun("hushkid")[0]
    assert hidden.person == child
    assert hidden not in visible(doctor, Episode.objects.all())


def test_the_compartment_does_not_change_days_known_outside(
    mother: Person, book: Any, doctor: Actor, actor: Any
) -> None:
    visit(book(mother), doctor, cradle_positive=True)
    (made,) = begun("hushed")
    officer = actor("infection_officer")
    encounters.amend(opening(made).key, {"cradle_lmp": "2021-01-20"}, "更正", officer)
    assert Pregnancy.objects.get().began_on == LMP
