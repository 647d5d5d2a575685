"""Children of a mother through the API: one record, however it is asked for."""

import json
from datetime import date
from typing import Any

import pytest
from django.test import Client

from sanyou.registry import births
from sanyou.registry.models import Birth, Doubt, Person
from sanyou.trust.models import AuditEvent
from tests.conftest import XIPENG, id_number

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("H04")]

BORN = "2021-02-03"
PAPER = "U500123456"


def send(client: Client, method: str, path: str, **body: Any) -> Any:
    return getattr(client, method)(f"/api{path}", body, content_type="application/json")


@pytest.fixture
def mother(couple: Any, district: Any) -> Person:
    found: Person = couple.wife
    return found


@pytest.fixture
def clerk(client_as: Any) -> Client:
    found: Client = client_as("registration")
    return found


def test_a_child_is_registered_once_and_found_by_every_door(
    mother: Person, couple: Any, clerk: Client
) -> None:
    path = f"/people/{mother.key}/births"
    made = send(clerk, "post", path, born_on=BORN, sex="female", certificate=PAPER)
    assert made.status_code == 201, made.content.decode()
    told = made.json()
    assert told["mother"] == str(mother.key)
    assert told["father"] == str(couple.husband.key)
    assert (told["name"], told["sex"], told["id_number"]) == ("欧阳慧敏之女", "female", PAPER)
    again = send(clerk, "post", path, born_on=BORN, sex="female")
    assert again.json() == told
    assert clerk.get(f"/api{path}").json() == [told]
    by_paper = send(clerk, "post", "/births/find", certificate=PAPER.lower())
    by_mother = send(clerk, "post", "/births/find", mother=str(mother.key), born_on=BORN)
    assert by_paper.json() == by_mother.json() == told


def test_twins_and_a_child_of_unclear_sex(mother: Person, clerk: Client) -> None:
    path = f"/people/{mother.key}/births"
    send(clerk, "post", path, born_on=BORN, sex="male")
    send(clerk, "post", path, born_on=BORN, sex="unclear", order=2)
    rows = clerk.get(f"/api{path}").json()
    assert [(r["order"], r["name"], r["sex"]) for r in rows] == [
        (1, "欧阳慧敏之长子", "male"),
        (2, "欧阳慧敏之次婴", ""),
    ]


def test_name_certificate_and_card_come_later_with_a_reason(mother: Person, clerk: Client) -> None:
    child = send(clerk, "post", f"/people/{mother.key}/births", born_on=BORN, sex="female").json()[
        "child"
    ]
    path = f"/people/{child}/birth"
    no_reason = send(clerk, "patch", path, reason=" ", name="司马安")
    assert (no_reason.status_code, no_reason.json()["code"]) == (422, "reason_missing")
    card = id_number("500107", date(2021, 2, 3), 2)
    told = send(clerk, "patch", path, reason="已报户口", name="司马安", id_number=card).json()
    assert (told["name"], told["id_type"], told["id_number"]) == ("司马安", "resident", card)
    wrong = send(clerk, "patch", path, reason="领证", certificate="12")
    assert (wrong.status_code, wrong.json()["code"]) == (422, "bad_certificate")
    told = send(clerk, "patch", path, reason="领证", certificate=PAPER).json()
    assert told["has_certificate"] is True
    assert told["id_number"] == card


def test_a_number_of_another_child_is_held_not_taken(
    mother: Person, make_couple: Any, clerk: Client
) -> None:
    other = make_couple(2).wife
    send(clerk, "post", f"/people/{other.key}/births", born_on=BORN, sex="male", certificate=PAPER)
    told = send(
        clerk, "post", f"/people/{mother.key}/births", born_on=BORN, sex="female", certificate=PAPER
    ).json()
    assert (told["number_held"], told["has_certificate"], told["id_number"]) == (True, False, "")
    assert births.find_by_certificate(PAPER) == births.find(other, date(2021, 2, 3))
    assert Doubt.objects.exists()


def test_a_child_without_papers_is_nominated_by_its_mother(
    mother: Person, clerk: Client, client_as: Any, actor: Any
) -> None:
    from pathlib import Path

    from sanyou.care import content
    from sanyou.protocol.library import Library

    content.set_library(Library.load(None, Path(__file__).parents[1] / "fixtures" / "cradle"))
    body = {
        "programme": "earscreen",
        "region": "500107102",
        "persons": {"child": {"mother": str(mother.key), "birth_date": BORN, "sex": "male",
                              "id_type": "none"}},
        "observations": {"child": {"cradle_weight": 3100, "kid_place": "院内"}},
    }  # fmt: skip
    try:
        made = send(clerk, "post", "/episodes", **body)
        assert made.status_code == 201, made.content.decode()
        (person,) = made.json()["persons"]
        assert (person["name"], person["id_number"]) == ("欧阳慧敏之子", "")
        assert Birth.objects.get().child.key.hex == person["key"].replace("-", "")
        body["persons"]["child"]["mother"] = str(Birth.objects.get().pk)
        assert send(clerk, "post", "/episodes", **body).status_code == 422
    finally:
        content.set_library(None)


@pytest.mark.requirement("H01")
def test_elsewhere_nobody_is_told_and_nothing_personal_is_kept_of_the_asking(
    mother: Person, clerk: Client, client_as: Any
) -> None:
    path = f"/people/{mother.key}/births"
    child = send(
        clerk, "post", path, born_on=BORN, sex="female", certificate=PAPER, name="司马安"
    ).json()["child"]
    away = client_as("township_officer", XIPENG, "officer-elsewhere")
    assert away.get(f"/api{path}").status_code == 404
    assert send(away, "post", path, born_on=BORN, sex="female").status_code == 404
    assert send(away, "post", "/births/find", certificate=PAPER).status_code == 404
    assert send(away, "patch", f"/people/{child}/birth", reason="x", name="y").status_code == 404
    physician = client_as("physician")
    assert send(physician, "post", path, born_on=BORN, sex="female").status_code == 403
    shown = physician.get(f"/api{path}").json()[0]
    assert PAPER not in json.dumps(shown)
    trail = json.dumps(list(AuditEvent.objects.values("action", "kind", "subject", "detail")))
    for secret in (PAPER, "司马安", "欧阳慧敏"):
        assert secret not in trail
