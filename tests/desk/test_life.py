"""A family's whole life on one page; a case traced back; a ledger of those under case management."""

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse

from sanyou.care import assessments, content, encounters, episodes
from sanyou.care.trace import first_missed, trace_of
from sanyou.protocol.library import Library
from sanyou.registry.access import Actor
from sanyou.registry.models import Birth, Region
from sanyou.registry.people import PersonData, register_person
from sanyou.trust.models import AuditEvent

pytestmark = pytest.mark.django_db

RECALL = Path(__file__).parents[1] / "fixtures" / "recall"
BORN = date(2022, 1, 10)
FIRST = date(2022, 1, 12)


@pytest.fixture(scope="module")
def recall() -> Library:
    return Library.load(None, RECALL)


@pytest.fixture(autouse=True)
def in_use(recall: Library) -> Iterator[None]:
    content.set_library(recall)
    yield
    content.set_library(None)


@pytest.fixture
def born(district: Any, actor: Any, make_id: Callable[..., str]) -> Callable[..., Any]:
    """`born(couple)` -> the couple's child with an open positive."""

    def make(couple: Any, number: int = 0, **told: Any) -> Any:
        town = Region.objects.get(pk="500107102")
        child = register_person(
            PersonData(
                name=f"司马小{'安宁康'[number]}",
                id_number=make_id("500107", BORN, number),
                residence_region=town,
                residence_text=town.full_name,
            ),
            Actor.system("tests"),
        )
        Birth.objects.create(
            child=child, mother=couple.wife, father=couple.husband, born_on=BORN, order=number + 1
        )
        answers = {"ear_first": "refer", "ear_first_on": FIRST.isoformat()} | told
        return episodes.nominate(
            actor("screening_nurse"), "recall", child, {"child": answers}, on=FIRST, region=town
        )

    return make


def test_the_line_shows_every_record_and_who_has_what_to_do(
    episode_at: Any, born: Any, client_as: Any
) -> None:
    check = episode_at("noticed")
    screen = born(check.couple)
    client = client_as("screening_nurse")
    for person in (check.couple.wife, check.couple.husband, screen.person):
        page = client.get(reverse("life", args=[person.key])).content.decode()
        assert check.number in page
        assert screen.number in page
        assert "听力复筛" in page
        assert "筛查管理人员" in page
        assert "九龙坡区华岩镇" in page
    assert AuditEvent.objects.filter(action="read", kind="family").count() == 3
    task = screen.tasks.get(kind="loop")
    assert reverse("task", args=[task.key]) in page
    assert (
        reverse("task", args=[task.key])
        not in client_as("physician")
        .get(reverse("life", args=[check.couple.wife.key]))
        .content.decode()
    )


def test_somebody_of_another_county_is_not_found(
    episode_at: Any, born: Any, client_as: Any
) -> None:
    screen = born(episode_at("nominated").couple)
    other = client_as("child_doctor", "500110")
    assert other.get(reverse("life", args=[screen.person.key])).status_code == 404
    assert other.get(reverse("trace", args=[screen.key])).status_code == 404


@pytest.mark.parametrize(
    ("stage", "verdict"),
    [("nominated", "not_taken"), ("assessed", "partly"), ("noticed", "taken")],
)
def test_a_case_is_traced_back_to_each_chance(
    stage: str, verdict: str, episode_at: Any, born: Any, actor: Any
) -> None:
    screen = born(episode_at(stage).couple)
    looked = trace_of(screen, actor("expert"), date(2022, 6, 1))
    assert [(one.chance.id, one.verdict) for one in looked] == [
        ("checked", verdict),
        ("screened", "not_taken"),
    ]
    missed = first_missed(looked)
    assert missed is not None
    assert missed.chance.id == ("checked" if verdict == "not_taken" else "screened")


def test_what_came_after_the_birth_was_no_chance_before_it(
    episode_at: Any, born: Any, actor: Any
) -> None:
    screen = born(episode_at("noticed", on=date(2022, 3, 1)).couple)
    checked = trace_of(screen, actor("expert"), date(2022, 6, 1))[0]
    assert (checked.verdict, checked.until) == ("no_record", BORN)


def test_a_chance_that_does_not_concern_the_case_is_left_out(
    episode_at: Any, born: Any, actor: Any
) -> None:
    screen = born(episode_at("noticed").couple, ear_first="pass")
    assert [o.chance.id for o in trace_of(screen, actor("expert"), FIRST)] == ["checked"]


def test_the_sheet_asks_and_blames_nobody(episode_at: Any, born: Any, client_as: Any) -> None:
    screen = born(episode_at("assessed").couple)
    page = client_as("expert").get(reverse("trace", args=[screen.key])).content.decode()
    assert "孕前做了检查，没有领到告知书" in page
    assert "可以了解：当时是否知道可以免费检查" in page
    assert not any(word in page for word in ("责任", "过错", "失职", "漏诊", "违规"))
    assert AuditEvent.objects.filter(action="trace").exists()


def test_a_programme_without_a_trace_has_no_such_page(episode_at: Any, client_as: Any) -> None:
    check = episode_at("assessed")
    assert client_as("expert").get(reverse("trace", args=[check.key])).status_code == 404


def test_the_ledger_lists_who_is_under_case_management(
    episode_at: Any, born: Any, client_as: Any, actor: Any
) -> None:
    couple = episode_at("nominated").couple
    worse, carrier = born(couple), born(couple, number=1, ear_carrier=True)
    for day in (date(2022, 2, 1), date(2022, 2, 8)):
        answers = {"ear_second": "refer", "ear_second_on": day.isoformat(), "ear_level": 55}
        encounters.record(worse, "ear_second", "child", answers, day, actor("screening_nurse"))
    for screen in (worse, carrier):
        assessments.confirm(assessments.propose(screen, date(2022, 2, 8)), actor("child_doctor"))
    client = client_as("child_doctor")
    page = client.get(reverse("ledger-of", args=["recall"])).content.decode()
    assert page.index(worse.person.name) < page.index(carrier.person.name)
    assert "55 dB" in page
    assert "两次未通过" in page
    only = client.get(reverse("ledger-of", args=["recall"]), {"class": "carrier"}).content.decode()
    assert carrier.person.name in only
    assert worse.person.name not in only
    assert client.get(reverse("ledger-of", args=["preconception"])).status_code == 404
    assert client_as("village_worker").get(reverse("ledger-of", args=["recall"])).status_code == 403
