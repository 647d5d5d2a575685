"""Births, registrations and corrections at the same moment, on the database that lets them: nobody
waits for ever, and a child is one record."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from sanyou.care import content, encounters, episodes
from sanyou.care.models import Encounter, Episode
from sanyou.protocol.library import Library
from sanyou.registry import births
from sanyou.registry.models import Birth, Person, Region
from sanyou.registry.people import PersonData, register_person
from tests.conftest import id_number

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.django_db(transaction=True),
    pytest.mark.requirement("H03"),
]

CRADLE = Path(__file__).parents[1] / "fixtures" / "cradle"
HUAYAN = "500107102"
BORN = date(2021, 10, 11)


@pytest.fixture(scope="module")
def cradle() -> Library:
    return Library.load(None, CRADLE)


@pytest.fixture(autouse=True)
def in_use(cradle: Library) -> Iterator[None]:
    content.set_library(cradle)
    yield
    content.set_library(None)


def together(*acts: Callable[[], Any]) -> list[Any]:
    start = Barrier(len(acts))

    def run(act: Callable[[], Any]) -> Any:
        try:
            start.wait(timeout=20)
            return act()
        except Exception as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


@pytest.fixture
def booked(district: Any, make_couple: Any, actor: Any) -> Callable[[int], Episode]:
    town = Region.objects.get(pk=HUAYAN)
    doctor = actor("maternity_doctor")

    def make(number: int) -> Episode:
        told = {"wife": {"cradle_lmp": "2021-01-04"}}
        mother = make_couple(number).wife
        return episodes.nominate(doctor, "bearing", mother, told, date(2021, 3, 1), town)

    return make


def test_births_of_several_mothers_beside_registrations(booked: Any, actor: Any) -> None:
    """Newborn forms (which register and open), plain registrations, and openings of people already
    known, all at once and in different order of what they lock."""
    doctor, nurse, town = (
        actor("maternity_doctor"),
        actor("screening_nurse"),
        Region.objects.get(pk=HUAYAN),
    )
    records = [booked(number) for number in (1, 2, 3)]

    def born(episode: Episode, order: int) -> Callable[[], Any]:
        told = {
            "cradle_born_on": BORN.isoformat(), "cradle_sex": "female", "cradle_order": order,
            "cradle_state": "alive", "cradle_weight": 3000 + order,
        }  # fmt: skip
        return lambda: encounters.record(episode, "bearing_newborn", "wife", told, BORN, doctor)

    def pupil(number: int) -> Callable[[], Any]:
        def act() -> Any:
            data = PersonData(
                f"新生{number}", id_number("500107", BORN, number), residence_region=town
            )
            child = register_person(data, nurse)
            told = {"child": {"cradle_weight": 3000, "kid_place": "院内"}}
            return episodes.nominate(nurse, "earscreen", child, told, BORN, town)

        return act

    def again(episode: Episode) -> Callable[[], Any]:
        data = PersonData("", "", "none", "female", BORN, mother=episode.person)
        return lambda: births.register(data, nurse).child

    acts = [born(e, order) for e in records for order in (1, 2)]
    acts += [pupil(number) for number in (901, 903)] + [again(e) for e in records]
    made = together(*acts)
    assert not [found for found in made if isinstance(found, Exception)]
    assert Birth.objects.count() == 6
    assert Person.objects.filter(birth_date=BORN).count() == 8
    assert Episode.objects.filter(programme="earscreen").count() == 8
    numbers = Episode.objects.values_list("number", flat=True)
    assert len(set(numbers)) == len(numbers)


def test_a_correction_beside_the_childs_own_form(booked: Any, actor: Any) -> None:
    doctor, nurse = actor("maternity_doctor"), actor("screening_nurse")
    record = booked(1)
    told = {"cradle_born_on": BORN.isoformat(), "cradle_sex": "female", "cradle_weight": 3000,
            "cradle_state": "alive"}  # fmt: skip
    row = encounters.record(record, "bearing_newborn", "wife", told, BORN, doctor)
    begun = Episode.objects.get(programme="earscreen")
    heard = {"kid_heard_on": "2021-11-20"}
    made = together(
        lambda: encounters.amend(row.key, {"cradle_born_on": "2021-10-12"}, "写错", doctor),
        lambda: encounters.record(
            begun, "earscreen_hear", "child", heard, date(2021, 11, 20), nurse
        ),
        lambda: encounters.record(
            begun, "earscreen_hear", "child", heard, date(2021, 11, 21), nurse
        ),
    )
    assert not [found for found in made if isinstance(found, Exception)]
    child = births.find(Person.objects.get(pk=record.person_id), date(2021, 10, 12))
    assert child is not None
    signed = Encounter.objects.filter(episode=begun, status=Encounter.Status.SIGNED)
    assert signed.count() == 3
