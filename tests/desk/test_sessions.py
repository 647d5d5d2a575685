"""A class is served in one sitting: a list, one table, a record for each line."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from sanyou.care import content
from sanyou.care.models import Encounter, Session
from sanyou.protocol.library import Library
from sanyou.registry import groups
from sanyou.registry.models import Group, Organisation, Person, Region

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("D04")]

RECALL = Path(__file__).parents[1] / "fixtures" / "recall"
HUAYAN = "500107102"
LIST = "姓名,性别,出生日期,证件号码\n王小明,男,2018-05-01\n欧阳若曦，女，2018.6.2\n坏行,,\n"


@pytest.fixture(scope="module")
def recall() -> Library:
    return Library.load(None, RECALL)


@pytest.fixture(autouse=True)
def in_use(recall: Library) -> Iterator[None]:
    content.set_library(recall)
    yield
    content.set_library(None)


@pytest.fixture
def school(district: Any, actor: Any) -> Organisation:
    town = Region.objects.get(pk=HUAYAN)
    return groups.place(actor("screening_nurse"), town, "school", "华岩小学")


@pytest.fixture
def class_list(school: Organisation, actor: Any) -> Group:
    nurse = actor("screening_nurse")
    found = groups.create(nurse, school, "一（2）班", 2026)
    groups.add_lines(nurse, found, LIST, timezone.localdate())
    return found


def hold(client: Any, group: Group) -> Session:
    today = timezone.localdate().isoformat()
    answer = client.post(
        reverse("group", args=[group.key]), {"do": "hold", "kind": "recall.second_day", "on": today}
    )
    assert answer.status_code == 302
    return Session.objects.get()


def test_a_list_is_made_with_its_school_and_pasted_from_a_table(
    district: Any, client_as: Any
) -> None:
    client = client_as("screening_nurse")
    made = client.post(
        reverse("groups"),
        {
            "new_place": "华岩小学",
            "kind": "school",
            "region": HUAYAN,
            "name": "一（2）班",
            "year": "2026",
        },
        follow=True,
    )
    assert "华岩小学 一（2）班" in made.content.decode()
    group = Group.objects.get()
    answer = client.post(reverse("group", args=[group.key]), {"do": "add", "lines": LIST})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "第 4 行“坏行,,”：要有姓名、性别、出生日期" in page
    assert {m.person.name for m in group.members.all()} == {"王小明", "欧阳若曦"}
    # The whole list again adds nobody twice.
    client.post(reverse("group", args=[group.key]), {"do": "add", "lines": LIST})
    assert group.members.count() == 2
    assert Person.objects.filter(name="王小明").count() == 1


@pytest.mark.parametrize(
    ("posted", "said"),
    [
        ({"name": "一班", "year": "2026"}, "请选择学校或单位"),
        ({"new_place": "某校", "kind": "school", "region": HUAYAN, "name": "一班", "year": "去年"}, "请填写学年"),
        ({"new_place": "某校", "kind": "school", "region": "500110100", "name": "一班", "year": "2026"}, "不由您负责"),
        ({"new_place": "某校", "kind": "finance", "region": HUAYAN, "name": "一班", "year": "2026"}, "类别"),
    ],
)  # fmt: skip
def test_what_is_missing_is_told_and_nothing_typed_is_lost(
    posted: dict[str, str], said: str, district: Any, client_as: Any
) -> None:
    answer = client_as("screening_nurse").post(reverse("groups"), posted)
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert posted["name"] in answer.content.decode()
    assert not Group.objects.exists()


def test_a_table_is_signed_line_by_line_and_a_wrong_line_stays_typed(
    class_list: Group, client_as: Any
) -> None:
    client = client_as("screening_nurse")
    session = hold(client, class_list)
    assert hold(client, class_list) == session  # a second click
    one, two = (m.person for m in class_list.members.order_by("person__name"))
    url = reverse("session", args=[session.key])
    told = {f"{one.key}.ear_second": "pass", f"{one.key}.ear_level": "25",
            f"{two.key}.ear_level": "999"}  # fmt: skip
    answer = client.post(url, told)
    page = answer.content.decode()
    assert answer.status_code == 422
    assert 'value="999"' in page
    assert "复筛" in page
    signed = Encounter.objects.get(session=session)
    assert (signed.episode.person, signed.data["ear_second"]) == (one, "pass")
    # Sending it all again signs the first no second time; the corrected line goes in.
    told |= {f"{two.key}.ear_second": "refer", f"{two.key}.ear_level": "40"}
    assert client.post(url, told).status_code == 302
    assert Encounter.objects.filter(session=session, status="signed").count() == 2
    assert "40 dB" in client.get(url).content.decode()


def test_who_has_left_is_not_on_later_tables_and_stays_on_earlier_ones(
    class_list: Group, client_as: Any
) -> None:
    client = client_as("screening_nurse")
    member = class_list.members.get(person__name="王小明")
    url = reverse("group", args=[class_list.key])
    client.post(url, {"do": "leave", "person": [str(member.person.key)]})
    session = hold(client, class_list)
    page = client.get(reverse("session", args=[session.key])).content.decode()
    assert "王小明" not in page
    member.refresh_from_db()
    assert member.left_on == timezone.localdate()


def test_a_day_to_come_is_refused(class_list: Group, client_as: Any) -> None:
    answer = client_as("screening_nurse").post(
        reverse("group", args=[class_list.key]),
        {"do": "hold", "kind": "recall.second_day", "on": "2999-01-01"},
    )
    assert answer.status_code == 422
    assert "不能晚于今天" in answer.content.decode()


def test_another_county_and_another_duty_see_nothing(class_list: Group, client_as: Any) -> None:
    url = reverse("group", args=[class_list.key])
    assert client_as("screening_nurse", "500110").get(url).status_code == 404
    assert client_as("statistician").get(url).status_code == 403
    village = client_as("physician").post(
        url, {"do": "hold", "kind": "recall.second_day", "on": date.today().isoformat()}
    )
    assert village.status_code == 422
    assert not Session.objects.exists()


def test_the_same_through_the_api(school: Organisation, client_as: Any) -> None:
    client = client_as("screening_nurse")

    def post(path: str, **body: Any) -> Any:
        return client.post(f"/api{path}", body, content_type="application/json")

    group = post("/groups", organisation=school.code, name="二班", year=2026).json()["key"]
    told = post(f"/groups/{group}/members", lines=LIST).json()
    assert [bool(line["person"]) for line in told] == [True, True, False]
    today = timezone.localdate().isoformat()
    session = post(
        "/sessions", group=group, programme="recall", session="second_day", on=today
    ).json()
    person = session["people"][0]["person"]
    answer = post(f"/sessions/{session['key']}/entries", entries={person: {"ear_level": "30"}})
    assert "复筛" in answer.json()[person]
    answer = post(f"/sessions/{session['key']}/entries", entries={person: {"ear_second": "pass"}})
    assert answer.json() == {person: ""}
    read = client.get(f"/api/sessions/{session['key']}").json()
    assert [p["signed"] for p in read["people"]] == [True, False]
    assert (
        client_as("screening_nurse", "500110").get(f"/api/sessions/{session['key']}").status_code
        == 404
    )
