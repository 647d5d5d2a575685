"""Registration, search, doubts, and merging with undo."""

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from django.db import connection

from sanyou.care.models import Episode
from sanyou.registry import matching, merging, people
from sanyou.registry.access import Actor, Forbidden, NotFoundForYou
from sanyou.registry.models import Couple, Doubt, Merge, Person, Region
from sanyou.registry.people import PersonData, RegistryError, SecondSpouse
from sanyou.trust import audit
from sanyou.trust.models import AuditEvent
from tests.conftest import HUAYAN, XIPENG, id_number

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("A01")]
BORN = date(1992, 6, 15)
WIFE = id_number("500107", BORN, 2)
OTHER = id_number("500107", BORN, 4)
HUSBAND = id_number("500107", date(1990, 2, 3), 1)


@pytest.fixture
def clerk(actor: Callable[..., Any]) -> Actor:
    found: Actor = actor("registration")
    return found


def data(number: str = WIFE, name: str = "欧阳慧敏", **more: Any) -> PersonData:
    more.setdefault("residence_region", Region.objects.get(pk=HUAYAN))
    return PersonData(name=name, id_number=number, **more)


def episode_of(couple: Couple, number: str = "E1", child_order: int = 1) -> Episode:
    return Episode.objects.create(
        number=number,
        programme="preconception",
        programme_version="1",
        policy="p",
        couple=couple,
        child_order=child_order,
        region_id=HUAYAN,
        opened_on=date(2021, 3, 1),
    )


def test_the_same_number_is_one_person_however_it_is_written(clerk: Actor) -> None:
    first = people.register_person(data(), clerk)
    second = people.register_person(data(f" {WIFE[:6]} {WIFE[6:]}".lower()), clerk)
    assert first == second
    assert (first.birth_date, first.sex, first.id_number) == (BORN, "female", WIFE)


def test_newer_contact_data_replaces_the_old_and_blanks_do_not(clerk: Actor) -> None:
    people.register_person(data(phone="13800000001"), clerk)
    town = Region.objects.get(pk=XIPENG)
    people.register_person(data(phone="139 0000 0002", residence_region=town), clerk)
    person = people.register_person(data(phone="", residence_region=None), clerk)
    person.refresh_from_db()
    assert (person.phone, person.residence_region_id) == ("13900000002", XIPENG)
    assert person.version == 2


def test_registering_the_same_again_writes_nothing(clerk: Actor) -> None:
    people.register_person(data(phone="13800000001"), clerk)
    before = AuditEvent.objects.count()
    assert people.register_person(data(phone="13800000001"), clerk).version == 1
    assert AuditEvent.objects.count() == before


def test_a_wrong_number_registers_nobody(clerk: Actor) -> None:
    with pytest.raises(RegistryError) as refused:
        people.register_person(data(WIFE[:-1] + ("1" if WIFE[-1] != "1" else "2")), clerk)
    assert refused.value.code == "bad_check_digit"
    assert not Person.objects.exists()


def test_other_documents_need_birth_date_and_sex(clerk: Actor) -> None:
    with pytest.raises(RegistryError, match="出生日期"):
        people.register_person(data("E1234567", id_type="passport"), clerk)
    foreign = people.register_person(
        data("E1234567", id_type="passport", sex="female", birth_date=BORN), clerk
    )
    assert people.find_by_id("e1234567", "passport") == foreign
    assert people.find_by_id("e1234567") is None


def test_neither_number_nor_phone_is_readable_in_the_database(clerk: Actor) -> None:
    person = people.register_person(data(phone="13800000001"), clerk)
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM registry_person WHERE id = %s", [person.pk])
        row = " ".join(map(str, cursor.fetchone()))
    assert WIFE not in row
    assert "13800000001" not in row


def test_roles_of_a_couple_must_fit(clerk: Actor) -> None:
    wife = people.register_person(data(), clerk)
    husband = people.register_person(data(HUSBAND, "司马建国"), clerk)
    with pytest.raises(RegistryError) as refused:
        people.register_couple(husband, wife, actor=clerk)
    assert refused.value.code == "wrong_sex"


def test_a_second_spouse_is_held_until_somebody_has_verified_it(clerk: Actor) -> None:
    wife = people.register_person(data(), clerk)
    first = people.register_person(data(HUSBAND, "司马建国"), clerk)
    second = people.register_person(data(id_number("500107", BORN, 7), "李伟"), clerk)
    couple = people.register_couple(wife, first, actor=clerk)
    assert people.register_couple(wife, first, actor=clerk) == couple
    with pytest.raises(SecondSpouse) as refused:
        people.register_couple(wife, second, actor=clerk)
    assert refused.value.couple == couple
    doubt = matching.hold_second_spouse(wife, {"row": WIFE}, source="roster:7")
    assert matching.hold_second_spouse(wife, {"row": WIFE}, source="roster:7") == doubt
    assert matching.held_of(Doubt.objects.get()) == {"row": WIFE}
    matching.decide(doubt, Doubt.Status.ACCEPTED, clerk, "已核对结婚证")
    assert people.register_couple(wife, second, actor=clerk, verified=True) != couple


@pytest.mark.parametrize(
    "text",
    ["欧阳", "欧阳慧敏", "oyhm", "OY", WIFE, WIFE.lower(), WIFE[-4:], "13812345678", "5678",
     "+86 138-1234-5678"],
)  # fmt: skip
def test_search_by_every_way_a_person_is_asked_for(text: str, clerk: Actor) -> None:
    wife = people.register_person(data(phone="13812345678"), clerk)
    husband = people.register_person(data(HUSBAND, "司马建国"), clerk)
    couple = people.register_couple(wife, husband, actor=clerk)
    hits = people.search(clerk, text)
    assert [(h.person, h.couple) for h in hits] == [(wife, couple)]


@pytest.mark.parametrize("text", ["", "  ", "%", "_", "欧阳慧芳", "9999", "zz", "'; --"])
def test_search_finds_nothing_where_there_is_nothing(text: str, clerk: Actor) -> None:
    people.register_person(data(), clerk)
    assert people.search(clerk, text) == []


@pytest.mark.requirement("H01")
def test_search_stays_within_the_region_and_is_audited_without_its_text(
    actor: Callable[..., Any], clerk: Actor
) -> None:
    people.register_person(data(), clerk)
    assert people.search(actor("village_worker", XIPENG), "欧阳") == []
    assert len(people.search(actor("village_worker", HUAYAN), "欧阳")) == 1
    event = AuditEvent.objects.latest("seq")
    assert (event.action, event.detail) == ("search", {"by": ["name"], "hits": 1})


def test_search_is_not_for_every_duty(actor: Callable[..., Any]) -> None:
    with pytest.raises(Forbidden):
        people.search(actor("finance"), "欧阳")


def test_later_layers_add_ways_to_find_a_couple(
    clerk: Actor, couple: Couple, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        people.finders, "card", lambda _actor, text: Couple.objects.filter(pk=couple.pk, pk__gt=0)
    )
    assert [h.couple for h in people.search(clerk, "QR-TOKEN")] == [couple]


def test_whole_numbers_are_shown_to_registration_only(
    clerk: Actor, actor: Callable[..., Any]
) -> None:
    person = people.register_person(data(), clerk)
    assert people.shown_id(clerk, person) == WIFE
    assert "*" in people.shown_id(actor("physician"), person)


def test_a_probable_duplicate_is_held_once_and_says_why(clerk: Actor) -> None:
    first = people.register_person(data(phone="13800000001"), clerk)
    second = people.register_person(data(OTHER, phone="13800000001"), clerk)
    doubt = Doubt.objects.get()
    assert {doubt.person, doubt.other} == {first, second}
    assert {"同名", "出生日期相同", "手机号相同"} <= set(doubt.why)
    assert doubt.region_id == HUAYAN
    assert matching.find_doubts(first) == matching.find_doubts(second) == []


def test_same_name_alone_is_no_doubt(clerk: Actor) -> None:
    people.register_person(data(), clerk)
    people.register_person(data(id_number("520102", date(1988, 1, 1), 2)), clerk)
    assert not Doubt.objects.exists()


def test_husband_and_wife_sharing_a_phone_are_no_doubt(clerk: Actor) -> None:
    people.register_person(data(phone="13800000001"), clerk)
    people.register_person(data(HUSBAND, "司马建国", phone="13800000001"), clerk)
    assert not Doubt.objects.exists()


def test_a_doubt_is_decided_once_with_a_reason(clerk: Actor, actor: Callable[..., Any]) -> None:
    people.register_person(data(phone="13800000001"), clerk)
    people.register_person(data(OTHER, phone="13800000001"), clerk)
    doubt = Doubt.objects.get()
    with pytest.raises(Forbidden):
        matching.decide(doubt, Doubt.Status.DISTINCT, actor("village_worker"), "双胞胎")
    with pytest.raises(ValueError, match="理由"):
        matching.decide(doubt, Doubt.Status.DISTINCT, clerk, " ")
    matching.decide(doubt, Doubt.Status.DISTINCT, clerk, "双胞胎")
    with pytest.raises(ValueError, match="已经处理"):
        matching.decide(doubt, Doubt.Status.DISTINCT, clerk, "双胞胎")


@pytest.fixture
def twins(clerk: Actor) -> tuple[Person, Person, Person]:
    """The same woman registered twice, and her husband."""
    return (
        people.register_person(data(phone="13800000001"), clerk),
        people.register_person(data(OTHER, phone="13800000001"), clerk),
        people.register_person(data(HUSBAND, "司马建国"), clerk),
    )


def test_merging_moves_everything_and_old_keys_keep_working(
    twins: tuple[Person, Person, Person], clerk: Actor
) -> None:
    winner, loser, husband = twins
    couple = people.register_couple(loser, husband, actor=clerk)
    merge = merging.merge_people(winner, loser, "同一人，身份证更正", clerk)
    couple.refresh_from_db()
    assert couple.wife == winner
    assert people.by_key(loser.key) == winner
    assert people.find_by_id(OTHER) == winner
    assert people.register_person(data(OTHER), clerk) == winner
    assert [h.person for h in people.search(clerk, OTHER)] == [winner]
    assert set(people.id_indexes(winner)) == {winner.id_index, loser.id_index}
    assert Doubt.objects.get().status == Doubt.Status.MERGED
    assert merge.by == clerk.staff


def test_merging_people_with_one_husband_makes_one_couple_of_two(
    twins: tuple[Person, Person, Person], clerk: Actor
) -> None:
    winner, loser, husband = twins
    first = people.register_couple(winner, husband, actor=clerk)
    second = people.register_couple(loser, husband, actor=clerk, verified=True)
    one, two = episode_of(first, "E1"), episode_of(second, "E2", 2)
    merging.merge_people(winner, loser, "同一人", clerk)
    assert people.couple_by_key(second.key) == first
    assert set(first.episodes.all()) == {one, two}


def test_undo_puts_back_exactly_what_was_moved(
    twins: tuple[Person, Person, Person], clerk: Actor
) -> None:
    winner, loser, husband = twins
    first = people.register_couple(winner, husband, actor=clerk)
    second = people.register_couple(loser, husband, actor=clerk, verified=True)
    episode_of(first, "E1"), episode_of(second, "E2", 2)

    def picture() -> list[Any]:
        return [
            sorted(Person.objects.values_list("pk", "merged_into")),
            sorted(Couple.objects.values_list("pk", "wife", "husband", "merged_into")),
            sorted(Episode.objects.values_list("pk", "couple")),
            sorted(Doubt.objects.values_list("pk", "status")),
        ]

    before = picture()
    merge = merging.merge_people(winner, loser, "同一人", clerk)
    assert picture() != before
    merging.undo(merge, clerk, "不是同一人")
    assert picture() == before
    assert people.by_key(loser.key) == loser
    with pytest.raises(merging.MergeRefused, match="已经撤销"):
        merging.undo(merge, clerk, "再撤一次")
    assert audit.verify().ok


def test_an_earlier_merge_is_undone_after_the_later_one(
    twins: tuple[Person, Person, Person], clerk: Actor
) -> None:
    winner, loser, husband = twins
    couple = people.register_couple(loser, husband, actor=clerk)
    third = people.register_person(data(id_number("500107", BORN, 6)), clerk)
    early = merging.merge_people(winner, loser, "同一人", clerk)
    late = merging.merge_people(third, winner, "同一人", clerk)
    assert people.by_key(loser.key) == third
    with pytest.raises(merging.MergeRefused, match="又有变动"):
        merging.undo(early, clerk, "误合并")
    assert Merge.objects.get(pk=early.pk).undone_at is None
    merging.undo(late, clerk, "误合并")
    merging.undo(early, clerk, "误合并")
    couple.refresh_from_db()
    assert couple.wife == loser


def test_two_people_of_different_sex_are_not_merged(
    twins: tuple[Person, Person, Person], clerk: Actor
) -> None:
    with pytest.raises(merging.MergeRefused, match="性别"):
        merging.merge_people(twins[0], twins[2], "误", clerk)


def test_merging_needs_two_standing_records_and_a_reason(
    twins: tuple[Person, Person, Person], clerk: Actor
) -> None:
    winner, loser, _husband = twins
    with pytest.raises(merging.MergeRefused, match="理由"):
        merging.merge_people(winner, loser, " ", clerk)
    with pytest.raises(merging.MergeRefused, match="不同"):
        merging.merge_people(winner, winner, "同一人", clerk)
    merging.merge_people(winner, loser, "同一人", clerk)
    with pytest.raises(merging.MergeRefused, match="已经合并"):
        merging.merge_people(winner, loser, "同一人", clerk)


@pytest.mark.requirement("H01")
def test_merging_is_for_registration_and_within_her_region(
    twins: tuple[Person, Person, Person], actor: Callable[..., Any]
) -> None:
    with pytest.raises(Forbidden):
        merging.merge_people(twins[0], twins[1], "同一人", actor("physician"))
    with pytest.raises(NotFoundForYou):
        merging.merge_people(twins[0], twins[1], "同一人", actor("registration", "500106"))


def test_couples_of_other_people_are_not_merged(
    make_couple: Callable[..., Any], clerk: Actor
) -> None:
    with pytest.raises(merging.MergeRefused, match="先合并个人"):
        merging.merge_couples(make_couple(1), make_couple(2), "同一对", clerk)


@pytest.mark.parametrize(
    ("written", "kept", "found_by"),
    [
        ("阿依古丽 . 买买提", "阿依古丽·买买提", "阿依古丽买买提"),
        ("阿依古丽•买买提", "阿依古丽·买买提", "阿依古丽·买"),
        ("张　三", "张三", "张 三"),
    ],
)
@pytest.mark.requirement("A01")
def test_a_name_is_kept_as_on_papers_and_found_without_its_dot(
    actor: Any, make_id: Any, district: Any, written: str, kept: str, found_by: str
) -> None:
    clerk = actor("registration")
    data = PersonData(
        name=written,
        id_number=make_id("500107", date(1991, 5, 6), 222),
        residence_region=Region.objects.get(pk=HUAYAN),
    )

    person = people.register_person(data, clerk)

    assert person.name == kept
    assert [hit.person for hit in people.search(clerk, found_by)] == [person]
