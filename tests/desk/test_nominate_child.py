"""Registering a child that has no identity card: by its mother."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from sanyou.care import content
from sanyou.care.models import Episode
from sanyou.protocol.library import Library
from sanyou.registry import births, people
from sanyou.registry.models import Birth, Person
from tests.conftest import HUAYAN, id_number

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("A06")]

CRADLE = Path(__file__).parents[1] / "fixtures" / "cradle"
MOTHER = id_number("500107", date(1992, 6, 15), 2)
BORN = date(2021, 2, 3)
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
def clerk(client_as: Any, district: Any) -> Client:
    found: Client = client_as("registration")
    return found


def send(client: Client, **changes: str) -> Any:
    data = {
        "programme": "earscreen", "region": HUAYAN,
        "child-id_type": "none", "child-sex": "female", "child-birth_date": "2021-02-03",
        "child-order": "1", "child-mother-id_number": MOTHER, "child-mother-name": "欧阳慧敏",
        "child-residence_text": "华岩镇民安村",
        "f-cradle_weight": "3200", "f-kid_place": "院内",
    }  # fmt: skip
    return client.post(reverse("nominate"), data | changes)


def test_mother_and_child_are_registered_and_the_record_opened(clerk: Client) -> None:
    response = send(clerk)
    assert response.status_code == 302, response.content.decode()
    child = Birth.objects.get().child
    assert Episode.objects.get().person == child
    assert child.name == "欧阳慧敏之女"
    mother = people.find_by_id(MOTHER)
    assert mother is not None
    assert mother.residence_text == child.residence_text == "华岩镇民安村"
    page = clerk.get(response.url).content.decode()
    assert "暂无证件" in page
    assert child.id_number not in page


def test_a_mother_on_record_needs_no_name_and_gives_her_home(clerk: Client, couple: Any) -> None:
    number = couple.wife.id_number
    response = send(
        clerk, **{"child-mother-id_number": number, "child-mother-name": "",
                  "child-residence_text": "", "child-name": "司马安"},
    )  # fmt: skip
    assert response.status_code == 302, response.content.decode()
    child = births.find(couple.wife, BORN)
    assert child is not None
    assert child.name == "司马安"
    assert child.residence_text == couple.wife.residence_text
    assert Birth.objects.get().father == couple.husband


def test_the_same_child_by_its_certificate_is_the_same_record(clerk: Client) -> None:
    send(clerk)
    made = Episode.objects.get()
    response = send(clerk, **{"child-id_type": "birth_certificate", "child-id_number": PAPER})
    assert response.status_code == 302, "registered by the same person: the first record"
    assert Episode.objects.get() == made
    assert births.find_by_certificate(PAPER) == made.person


def test_twins_are_registered_one_after_the_other(clerk: Client) -> None:
    send(clerk)
    send(clerk, **{"child-order": "2", "child-sex": "unclear"})
    names = Person.objects.filter(birth_date=BORN).order_by("pk").values_list("name", flat=True)
    assert list(names) == ["欧阳慧敏之长女", "欧阳慧敏之次婴"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"child-mother-id_number": ""}, "请填写母亲的身份证号码"),
        ({"child-mother-id_number": id_number("500107", date(1990, 2, 3), 3)}, "请填写母亲的"),
        ({"child-mother-id_number": MOTHER[:-1]}, "应为 18 位"),
        ({"child-mother-name": ""}, "系统里还没有这位母亲"),
        ({"child-sex": ""}, "未明"),
        ({"child-order": "0"}, "双胎依次填"),
        ({"child-birth_date": ""}, "出生日期"),
        ({"child-birth_date": "1993-01-01"}, "生育时的年龄不合常理"),
        ({"child-id_type": "birth_certificate", "child-id_number": "123"}, "1 个字母加 9 位数字"),
    ],
)
def test_what_is_wrong_is_said_and_nobody_is_registered(
    changes: dict[str, str], said: str, clerk: Client
) -> None:
    response = send(clerk, **changes)
    assert response.status_code == 422
    assert said in response.content.decode()
    assert not Person.objects.exists()


def test_a_certificate_of_another_is_not_taken_and_said(clerk: Client, couple: Any) -> None:
    paper = {"child-id_type": "birth_certificate", "child-id_number": PAPER}
    send(clerk, **paper, **{"child-mother-id_number": couple.wife.id_number})
    response = clerk.post(
        reverse("nominate"),
        {
            "programme": "earscreen", "region": HUAYAN, **paper, "child-sex": "male",
            "child-birth_date": "2021-02-03",
            "child-mother-id_number": id_number("500107", date(1990, 2, 3), 66),
            "child-mother-name": "王芳", "f-cradle_weight": "3000", "f-kid_place": "院内",
        },
        follow=True,
    )  # fmt: skip
    assert "已列入“待核实”" in response.content.decode()
    assert births.find_by_certificate(PAPER) == births.find(couple.wife, BORN)


def test_papers_of_children_are_offered_to_children_only(clerk: Client) -> None:
    page = clerk.get(reverse("nominate"), {"programme": "earscreen"}).content.decode()
    assert 'value="none"' in page
    assert "母亲的身份证号码" in page
    page = clerk.get(reverse("nominate"), {"programme": "pairing"}).content.decode()
    assert 'value="none"' not in page
    assert "母亲的身份证号码" not in page
