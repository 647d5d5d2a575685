"""A child is registered once, whichever door it is reached by: its mother, a screening file, a card."""

import json
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sanyou.registry import births, merging, people, pregnancies
from sanyou.registry.access import Actor, visible
from sanyou.registry.models import (
    Birth,
    Doubt,
    FormerIdentity,
    Group,
    Member,
    Organisation,
    Person,
    Region,
)
from sanyou.registry.people import PersonData, RegistryError
from sanyou.trust import audit
from sanyou.trust.models import AuditEvent
from tests.conftest import HUAYAN, id_number

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("A01")]

BORN = date(2021, 2, 3)
PAPER, OTHER_PAPER = "U500123456", "U500654321"


@pytest.fixture
def clerk(actor: Callable[..., Any]) -> Actor:
    found: Actor = actor("registration")
    return found


@pytest.fixture
def mother(couple: Any) -> Person:
    found: Person = couple.wife
    return found


def another_mother(clerk: Actor, sequence: int = 88, name: str = "欧阳慧敏") -> Person:
    town = Region.objects.get(pk=HUAYAN)
    number = id_number("500107", date(1992, 6, 15), sequence)
    return people.register_person(
        PersonData(name, number, residence_region=town, residence_text=town.full_name), clerk
    )


def newborn(mother: Person, **more: Any) -> PersonData:
    more.setdefault("birth_date", BORN)
    more.setdefault("sex", "female")
    if "certificate" in more:
        more |= {"id_type": "birth_certificate", "id_number": more.pop("certificate")}
    return PersonData(
        name=more.pop("name", ""),
        id_number=more.pop("id_number", ""),
        id_type=more.pop("id_type", "none"),
        mother=mother,
        **more,
    )


def card(sequence: int = 2, born: date = BORN) -> str:
    return id_number("500107", born, sequence)


# --- registration ----------------------------------------------------------------------------------


def test_a_newborn_has_its_mothers_home_and_name_and_its_father(
    couple: Any, mother: Person, clerk: Actor
) -> None:
    birth = births.register(newborn(mother), clerk).birth
    child = birth.child
    assert (child.name, child.sex, child.birth_date) == ("欧阳慧敏之女", "female", BORN)
    assert (child.residence_region, child.hukou_region) == (
        mother.residence_region,
        mother.hukou_region,
    )
    assert (child.residence_since, child.phone) == (BORN, mother.phone)
    assert birth.father == couple.husband
    assert (child.id_type, people.paper_number(child)) == ("none", "")
    assert people.shown_id(clerk, child) == ""
    assert visible(clerk, Birth.objects.all()).get() == birth


def test_the_same_child_again_is_the_first(mother: Person, clerk: Actor) -> None:
    first = births.register(newborn(mother), clerk).child
    events = AuditEvent.objects.count()
    assert births.register(newborn(mother), clerk).child == first
    assert people.register_person(newborn(mother), clerk) == first
    assert Person.objects.filter(birth_date=BORN).count() == 1
    assert AuditEvent.objects.count() == events


def test_what_is_learnt_later_is_added(mother: Person, clerk: Actor) -> None:
    first = births.register(newborn(mother, sex=""), clerk).child
    assert (first.name, first.get_sex_display()) == ("欧阳慧敏之婴", "未明")
    births.register(newborn(mother, sex="male"), clerk)
    births.register(newborn(mother, sex=None, certificate=PAPER), clerk)
    child = births.register(newborn(mother, sex="male", name="司马 安"), clerk).child
    assert child == first
    assert (child.name, child.sex, child.id_number) == ("司马安", "male", PAPER)


def test_twins_are_two_and_are_told_apart(mother: Person, clerk: Actor) -> None:
    one = births.register(newborn(mother, order=1), clerk).child
    two = births.register(newborn(mother, order=2, sex="male"), clerk).child
    one.refresh_from_db()
    assert one != two
    assert (one.name, two.name) == ("欧阳慧敏之长女", "欧阳慧敏之次子")
    assert births.find(mother, BORN, 1) == one
    assert births.find(mother, BORN, 2) == two
    assert not Doubt.objects.exists()


def test_twins_both_entered_as_the_first_are_refused(mother: Person, clerk: Actor) -> None:
    births.register(newborn(mother, sex="female"), clerk)
    with pytest.raises(RegistryError, match="第几个") as refused:
        births.register(newborn(mother, sex="male"), clerk)
    assert refused.value.code == "other_sex"


def test_of_two_husbands_none_is_the_father(mother: Person, clerk: Actor) -> None:
    second = people.register_person(
        PersonData("李伟", id_number("500107", date(1990, 1, 1), 7)), clerk
    )
    people.register_couple(mother, second, actor=clerk, verified=True)
    assert births.register(newborn(mother), clerk).birth.father is None


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"birth_date": None}, "no_birth_date"),
        ({"birth_date": date(2100, 1, 1)}, "future"),
        ({"birth_date": date(1995, 1, 1)}, "wrong_mother"),
        ({"order": 0}, "bad_order"),
        ({"certificate": "U12345"}, "bad_certificate"),
        ({"id_type": "resident", "id_number": card(2)[:-1]}, "bad_length"),
        ({"id_type": "resident", "id_number": card(2, date(2021, 2, 4))}, "other_birth_date"),
        ({"id_type": "resident", "id_number": card(3)}, "wrong_sex"),
    ],
)
def test_what_cannot_be_is_refused_and_registers_nobody(
    more: dict[str, Any], code: str, mother: Person, clerk: Actor
) -> None:
    with pytest.raises(RegistryError) as refused:
        births.register(newborn(mother, **more), clerk)
    assert refused.value.code == code
    assert not Birth.objects.exists()


def test_a_man_is_nobodys_mother(couple: Any, clerk: Actor) -> None:
    with pytest.raises(RegistryError) as refused:
        births.register(newborn(couple.husband), clerk)
    assert refused.value.code == "wrong_mother"


def test_a_slip_in_the_date_is_a_doubt_and_the_next_child_is_not(
    mother: Person, clerk: Actor
) -> None:
    first = births.register(newborn(mother), clerk).child
    births.register(newborn(mother, birth_date=date(2020, 1, 1)), clerk)
    assert not Doubt.objects.exists()
    slip = births.register(newborn(mother, birth_date=date(2021, 2, 4)), clerk).child
    doubt = Doubt.objects.get()
    assert {doubt.person, doubt.other} == {first, slip}
    assert doubt.why == ["同一母亲", "出生日期相近"]


# --- certificate, number, name ---------------------------------------------------------------------


def test_a_certificate_of_another_child_is_a_doubt_and_overwrites_nothing(
    mother: Person, clerk: Actor
) -> None:
    holder = births.register(newborn(mother, certificate=PAPER), clerk).child
    told = births.register(newborn(another_mother(clerk), certificate=PAPER), clerk)
    assert told.doubt is not None
    assert {told.doubt.person, told.doubt.other} == {holder, told.child}
    assert told.child.id_type == "none"
    later = births.correct(told.child, clerk, "补录证明编号", certificate=PAPER)
    assert later == told.doubt
    assert births.find_by_certificate(PAPER) == holder
    assert "证件号码相同" in Doubt.objects.get(person=told.child).why


def test_who_was_screened_by_the_certificate_alone_is_the_child_of_the_mother(
    mother: Person, clerk: Actor
) -> None:
    paper = {"id_type": "birth_certificate", "id_number": PAPER}
    alone = people.register_person(
        PersonData("司马安", **paper, sex="female", birth_date=BORN), clerk
    )
    assert births.register(newborn(mother, certificate=PAPER), clerk).child == alone
    assert alone.name == "司马安"
    assert births.find(mother, BORN) == births.find_by_certificate(PAPER) == alone


def test_the_real_name_replaces_the_made_up_one_at_every_door(mother: Person, clerk: Actor) -> None:
    child = births.register(newborn(mother, certificate=PAPER), clerk).child
    paper = {"id_type": "birth_certificate", "id_number": PAPER.lower()}
    data = PersonData("司马安", **paper, sex="female", birth_date=BORN)
    assert people.register_person(data, clerk) == child
    child.refresh_from_db()
    assert child.name == "司马安"
    people.register_person(PersonData("司马平", **paper, sex="female", birth_date=BORN), clerk)
    child.refresh_from_db()
    assert child.name == "司马安", "a name once registered stays"


def test_the_card_follows_the_certificate_and_both_find_the_child(
    mother: Person, clerk: Actor
) -> None:
    child = births.register(newborn(mother), clerk).child
    births.correct(child, clerk, "领到出生医学证明", certificate=PAPER)
    births.correct(child, clerk, "已报户口", id_number=card(), name="司马安")
    child.refresh_from_db()
    assert (child.id_type, child.id_number, child.name) == ("resident", card(), "司马安")
    assert births.find_by_certificate(PAPER) == people.find_by_id(card()) == child
    assert births.find(mother, BORN) == child
    told = [json.loads(row.told) for row in FormerIdentity.objects.order_by("pk")]
    assert [row["id_type"] for row in told] == ["none", "birth_certificate"]
    assert told[1]["id_number"] == PAPER


@pytest.mark.requirement("H01")
def test_former_names_and_numbers_are_kept_unreadable_and_out_of_the_audit(
    mother: Person, clerk: Actor
) -> None:
    from django.db import connection

    child = births.register(newborn(mother, certificate=PAPER), clerk).child
    births.correct(child, clerk, "已报户口", id_number=card(), name="司马安")
    with connection.cursor() as cursor:
        cursor.execute("SELECT told FROM registry_formeridentity")
        stored = str(cursor.fetchall())
    trail = json.dumps(list(AuditEvent.objects.values("action", "subject", "detail")))
    for secret in (PAPER, card(), "司马安", "欧阳慧敏"):
        assert secret not in stored
        assert secret not in trail
    assert "correct" in trail
    assert audit.verify().ok


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"id_number": card(2, date(2021, 2, 4))}, "other_birth_date"),
        ({"id_number": card(3)}, "wrong_sex"),
        ({"certificate": "123"}, "bad_certificate"),
        ({"order": 2}, "taken"),
        ({"born_on": date(2100, 1, 1)}, "future"),
        ({"sex": "boy"}, "bad_sex"),
    ],
)
def test_a_correction_that_does_not_fit_changes_nothing(
    change: dict[str, Any], code: str, mother: Person, clerk: Actor
) -> None:
    child = births.register(newborn(mother), clerk).child
    births.register(newborn(mother, order=2), clerk)
    child.refresh_from_db()
    with pytest.raises(RegistryError) as refused:
        births.correct(child, clerk, "更正", **change)
    assert refused.value.code == code
    again = Person.objects.get(pk=child.pk)
    assert (again.version, again.id_type) == (child.version, "none")
    assert not FormerIdentity.objects.exists()


def test_a_correction_needs_a_reason(mother: Person, clerk: Actor) -> None:
    child = births.register(newborn(mother), clerk).child
    with pytest.raises(RegistryError, match="更正原因"):
        births.correct(child, clerk, " ", sex="male")


def test_a_second_certificate_is_a_correction_never_a_registration(
    mother: Person, clerk: Actor
) -> None:
    child = births.register(newborn(mother, certificate=PAPER), clerk).child
    with pytest.raises(RegistryError, match="另一个证件号码"):
        births.register(newborn(mother, certificate=OTHER_PAPER), clerk)
    births.correct(child, clerk, "证明遗失补发", certificate=OTHER_PAPER)
    assert births.find_by_certificate(OTHER_PAPER) == child
    assert births.find_by_certificate(PAPER) is None


def test_a_corrected_day_and_sex_move_the_made_up_name_and_the_door(
    mother: Person, clerk: Actor
) -> None:
    child = births.register(newborn(mother), clerk).child
    births.correct(child, clerk, "录入有误", born_on=date(2021, 2, 4), sex="male")
    child.refresh_from_db()
    assert (child.name, child.sex, child.birth_date) == ("欧阳慧敏之子", "male", date(2021, 2, 4))
    assert births.find(mother, BORN) is None
    assert births.find(mother, date(2021, 2, 4)) == child


def test_held_data_remember_the_mother(mother: Person) -> None:
    data = newborn(mother, order=2)
    assert people.unpack(json.loads(json.dumps(people.pack(data)))) == data


def test_a_child_listed_by_its_card_may_be_the_newborn_without_a_name(
    mother: Person, clerk: Actor
) -> None:
    """A kindergarten knows name and card, not the mother: the same day, town and surname."""
    child = births.register(newborn(mother), clerk).child
    births.register(newborn(mother, order=2), clerk)
    town = Region.objects.get(pk=HUAYAN)
    people.register_person(PersonData("李安", card(4), residence_region=town), clerk)
    assert not Doubt.objects.exists()
    listed = people.register_person(PersonData("司马安", card(6), residence_region=town), clerk)
    why = {doubt.other: doubt.why for doubt in Doubt.objects.filter(person=listed)}
    assert "与还没有取名的孩子同姓" in why[child]


# --- merging ---------------------------------------------------------------------------------------


def doors(mother: Person, born_on: date = BORN) -> list[Person | None]:
    """The child from the mother, from the screening file, from the defect card."""
    return [
        births.find(mother, born_on),
        births.find_by_certificate(PAPER),
        people.find_by_id(card()),
    ]


def test_a_child_registered_twice_is_merged_and_put_back(mother: Person, clerk: Actor) -> None:
    one = births.register(newborn(mother, certificate=PAPER), clerk).child
    two = births.register(newborn(mother, birth_date=date(2021, 2, 4)), clerk).child
    with pytest.raises(merging.MergeRefused, match="有证件号码"):
        merging.merge_people(two, one, "同一孩子", clerk)
    merge = merging.merge_people(one, two, "同一孩子", clerk)
    assert births.find(mother, BORN) == births.find(mother, date(2021, 2, 4)) == one
    assert [b.child for b in births.children_of(mother)] == [one]
    merging.undo(merge, clerk, "不是")
    assert births.find(mother, date(2021, 2, 4)) == two
    assert len(births.children_of(mother)) == 2


def test_of_two_mothers_that_are_one_the_same_child_becomes_one(
    couple: Any, mother: Person, clerk: Actor
) -> None:
    double = another_mother(clerk)
    one = births.register(newborn(mother), clerk).child
    two = births.register(newborn(double, certificate=PAPER), clerk).child
    other = births.register(newborn(double, birth_date=date(2019, 1, 1)), clerk).child
    merge = merging.merge_people(mother, double, "同一人", clerk)
    double.refresh_from_db()
    assert doors(mother)[:2] == doors(double)[:2] == [one, one]
    assert births.find(mother, date(2019, 1, 1)) == other
    assert [b.child for b in births.children_of(double)] == [other, one]
    assert births.register(newborn(double), clerk).child == one
    merging.undo(merge, clerk, "不是同一人")
    double.refresh_from_db()
    assert births.find(double, BORN) == births.find_by_certificate(PAPER) == two
    assert births.find(mother, BORN) == one
    assert births.find(double, date(2019, 1, 1)) == other


def test_mothers_whose_children_cannot_be_one_are_not_merged(mother: Person, clerk: Actor) -> None:
    double = another_mother(clerk)
    births.register(newborn(mother), clerk)
    births.register(newborn(double, sex="male"), clerk)
    with pytest.raises(merging.MergeRefused, match="第几个"):
        merging.merge_people(mother, double, "同一人", clerk)
    assert Person.objects.filter(merged_into__isnull=False).count() == 0


def test_children_of_two_mothers_wait_for_the_mothers(mother: Person, clerk: Actor) -> None:
    double = another_mother(clerk)
    one = births.register(newborn(mother), clerk).child
    two = births.register(newborn(double), clerk).child
    with pytest.raises(merging.MergeRefused, match="先合并母亲"):
        merging.merge_people(one, two, "同一孩子", clerk)


def test_a_list_has_a_merged_person_once(mother: Person, clerk: Actor) -> None:
    school = Organisation.objects.create(
        code="S1", name="华岩小学", kind="school", region_id=HUAYAN
    )
    group = Group.objects.create(organisation=school, name="一（1）班", year=2026)
    one = births.register(newborn(mother), clerk).child
    two = births.register(newborn(mother, birth_date=date(2021, 2, 4)), clerk).child
    for child in (one, two):
        Member.objects.create(group=group, person=child, joined_on=date(2026, 9, 1))
    merge = merging.merge_people(one, two, "同一孩子", clerk)
    assert group.members.get(left_on=None).person == one
    merging.undo(merge, clerk, "不是")
    assert group.members.filter(left_on=None).count() == 2


def test_one_pregnancy_of_two_mothers_that_are_one_is_one(mother: Person, clerk: Actor) -> None:
    double = another_mother(clerk)
    on = date(2021, 1, 1)
    kept = pregnancies.find_or_make(mother, on, clerk, began=date(2020, 5, 1))
    same = pregnancies.find_or_make(double, on, clerk, began=date(2020, 5, 5))
    old = pregnancies.find_or_make(
        double, on, clerk, began=date(2018, 1, 1), ended=date(2018, 10, 1)
    )
    birth = births.register(newborn(double), clerk, pregnancy=same).birth
    merge = merging.merge_people(mother, double, "同一人", clerk)
    birth.refresh_from_db()
    double.refresh_from_db()
    assert birth.pregnancy == kept
    assert set(mother.pregnancies.all()) == {kept, old}
    assert pregnancies.going_on(double, on) == kept
    merging.undo(merge, clerk, "不是")
    birth.refresh_from_db()
    double.refresh_from_db()
    assert birth.pregnancy == same
    assert set(double.pregnancies.all()) == {same, old}


ACTS = st.lists(
    st.sampled_from(["mother", "screen", "card", "double", "merge", "undo", "name"]),
    min_size=2,
    max_size=9,
)


@given(acts=ACTS)
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_child_is_one_record_by_whatever_door_it_came(
    acts: list[str], clerk: Actor, district: Any, make_couple: Any
) -> None:
    """Registered from the mother's form, from a screening file that knows the certificate, from a
    defect card that knows the identity number, or twice under two records of the mother; merged and
    put back: each mother has one child, every number leads to one record, and while the mothers are
    one, all doors lead to the same. A child goes back with its mother and keeps what was learnt."""
    Birth.objects.all().delete()
    FormerIdentity.objects.all().delete()
    merging.Merge.objects.all().delete()
    Doubt.objects.all().delete()
    Person.objects.update(merged_into=None)
    Person.objects.filter(birth_date=BORN).delete()
    mother = make_couple(1).wife
    double = another_mother(clerk)
    merge: Any = None
    numbers: dict[str, Person] = {}
    for act in acts:
        match act:
            case "mother":
                births.register(newborn(mother), clerk)
            case "screen":
                told = births.register(newborn(mother, certificate=PAPER), clerk)
                numbers.setdefault(PAPER, told.child)
            case "card":
                told = births.register(newborn(mother, id_type="resident", id_number=card()), clerk)
                numbers.setdefault(card(), told.child)
            case "double":
                births.register(newborn(double), clerk)
            case "merge" if merge is None:
                merge = merging.merge_people(mother, double, "同一人", clerk)
            case "undo" if merge is not None:
                merging.undo(merge, clerk, "不是同一人")
                merge = None
            case "name":
                child = births.find(mother, BORN)
                if child is not None:
                    births.correct(child, clerk, "报户口取名", name="司马安")
        double.refresh_from_db()
        own = {b.child for b in births.children_of(mother)}
        theirs = {b.child for b in births.children_of(double)}
        assert len(own) <= 1
        assert len(theirs) <= 1
        for woman, hers in ((mother, own), (double, theirs)):
            assert {births.find(woman, BORN)} - {None} == hers
        # A number leads to one record, and that is the child of one of them.
        led = {births.find_by_certificate(PAPER), people.find_by_id(card())} - {None}
        assert led <= own | theirs
        if merge is not None or "double" not in acts:
            assert own == theirs or not theirs
            assert led <= own, "one child, whatever the door"
        if numbers and merge is not None:
            assert led == own
    assert audit.verify().ok
