"""Registering a couple: what is typed is never lost, what is wrong is said beside the field."""

from datetime import date

import pytest
from django.urls import reverse

from sanyou.care.models import Episode
from sanyou.registry.models import Doubt, Person
from sanyou.trust.models import AuditEvent
from tests.conftest import HUAYAN, XIPENG, id_number

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("A06")]

WIFE = id_number("500107", date(1992, 6, 15), 2)
HUSBAND = id_number("500107", date(1990, 2, 3), 3)


def typed(**changes: str) -> dict[str, str]:
    data = {
        "programme": "preconception",
        "wife-name": "欧阳慧敏", "wife-id_number": WIFE, "wife-phone": "13800000001",
        "wife-hukou_text": "重庆市九龙坡区华岩镇", "wife-residence_text": "华岩镇民安村",
        "husband-name": "司马建国", "husband-id_number": HUSBAND,
        "husband-hukou_text": "重庆市九龙坡区华岩镇",
        "f-child_order": "1", "f-planning": "true", "f-policy_compliant": "true",
    }  # fmt: skip
    return data | {name.replace("__", "-"): value for name, value in changes.items()}


def send(client, **changes: str):
    return client.post(reverse("nominate"), typed(**changes))


def test_it_opens_an_episode_that_waits_for_the_township(client_as, district) -> None:
    response = send(client_as("village_worker"))

    episode = Episode.objects.get()
    assert response.status_code == 302
    assert episode.region_id == HUAYAN
    assert episode.couple.wife.name == "欧阳慧敏"
    assert episode.couple.wife.hukou_region_id == HUAYAN
    assert episode.tasks.filter(name="review", status="open").exists()
    assert episode.encounters.get(form="nomination").data["planning"] is True


def test_the_form_is_made_from_the_programme(client_as, district) -> None:
    text = client_as("village_worker").get(reverse("nominate")).content.decode()

    for words in ("拟生育孩次", "计划怀孕", "身份证", "从何时居住"):
        assert words in text


@pytest.mark.requirement("A01")
def test_a_wrong_check_digit_is_said_beside_the_field_and_nothing_is_lost(
    client_as, district
) -> None:
    wrong = WIFE[:-1] + ("0" if WIFE[-1] != "0" else "1")

    response = send(client_as("village_worker"), **{"wife-id_number": wrong})

    text = response.content.decode()
    assert response.status_code == 422
    assert "校验位不正确" in text
    for kept in (wrong, "欧阳慧敏", "华岩镇民安村", HUSBAND):
        assert kept in text
    assert not Person.objects.exists()


def test_numbers_of_the_two_in_each_others_place_are_noticed(client_as, district) -> None:
    response = send(
        client_as("village_worker"), **{"wife-id_number": HUSBAND, "husband-id_number": WIFE}
    )

    assert response.status_code == 422
    assert "是否填反" in response.content.decode()


def test_a_bad_answer_of_the_programme_is_said_beside_its_field(client_as, district) -> None:
    response = send(client_as("village_worker"), **{"f-child_order": "二十五"})

    assert response.status_code == 422
    assert "不是数字" in response.content.decode()
    assert not Episode.objects.exists()


def test_a_foreign_document_needs_a_birth_date(client_as, district) -> None:
    changes = {"husband-id_type": "passport", "husband-id_number": "E12345678"}
    client = client_as("village_worker")
    assert "出生日期" in send(client, **changes).content.decode()

    response = send(client, **changes, **{"husband-birth_date": "1990-02-03"})

    assert response.status_code == 302
    assert Episode.objects.get().couple.husband.id_type == "passport"


def test_sending_twice_opens_one_episode(client_as, district) -> None:
    client = client_as("village_worker")
    send(client)
    send(client)

    assert Episode.objects.count() == 1


@pytest.mark.requirement("A01")
def test_a_second_spouse_is_held_and_what_was_typed_is_kept(client_as, district) -> None:
    client = client_as("village_worker")
    send(client)
    other = id_number("500107", date(1988, 1, 9), 7)

    response = send(client, **{"husband-id_number": other, "husband-name": "令狐冲"})

    assert response.status_code == 409
    assert "另一名配偶" in response.content.decode()
    doubt = Doubt.objects.get(kind=Doubt.Kind.SECOND_SPOUSE)
    assert "令狐冲" in doubt.held
    assert Episode.objects.count() == 1
    assert not Person.objects.filter(name="令狐冲").exists()


def test_the_number_is_looked_up_as_it_is_typed(client_as, episode_at) -> None:
    episode = episode_at("nominated")
    client = client_as("village_worker")

    answer = client.post(reverse("check-number"), {"number": episode.couple.wife.id_number}).json()

    assert answer["ok"]
    assert answer["fill"]["name"] == episode.couple.wife.name
    assert AuditEvent.objects.filter(action="search", subject=str(episode.couple.wife.key)).exists()


@pytest.mark.requirement("H01")
def test_the_look_up_tells_nothing_of_people_of_another_township(client_as, episode_at) -> None:
    episode = episode_at("nominated")

    answer = (
        client_as("village_worker", XIPENG)
        .post(reverse("check-number"), {"number": episode.couple.wife.id_number})
        .json()
    )

    assert "fill" not in answer
    assert "name" not in answer


def test_a_wrong_number_is_answered_with_the_reason(client_as, district) -> None:
    answer = client_as("village_worker").post(reverse("check-number"), {"number": "123"}).json()

    assert not answer["ok"]
    assert "18 位" in answer["error"]


def test_an_address_is_recognised_as_it_is_typed(client_as, district) -> None:
    data = {"role": "wife", "name": "hukou_text", "wife-hukou_text": "华岩镇民安村"}

    text = client_as("village_worker").post(reverse("check-address"), data).content.decode()

    assert "重庆市九龙坡区华岩镇" in text


def test_the_centre_chooses_the_township(client_as, district) -> None:
    client = client_as("registration")
    assert "请选择由哪个镇街负责" in send(client).content.decode()

    assert send(client, region=XIPENG).status_code == 302
    assert Episode.objects.get().region_id == XIPENG


@pytest.mark.requirement("H01")
def test_a_township_outside_her_region_is_refused(client_as, district) -> None:
    response = send(client_as("registration"), region="110101001")

    assert response.status_code == 422
    assert not Episode.objects.exists()


def test_the_physician_does_not_register(client_as, district) -> None:
    assert send(client_as("physician")).status_code == 403


@pytest.mark.parametrize("name", ["check-number", "check-address"])
def test_the_look_ups_reject_get(client_as, district, name: str) -> None:
    assert client_as("village_worker").get(reverse(name)).status_code == 405


def test_only_questions_that_apply_are_asked(client_as, district) -> None:
    client = client_as("village_worker")

    def asked(**answers: str) -> list[str]:
        data = {"programme": "preconception"} | {f"f-{k}": v for k, v in answers.items()}
        return client.post(reverse("check-questions"), data).json()["visible"]

    assert "rebirth_group" not in asked(child_order="1")
    assert "rebirth_group" in asked(child_order="2")
    assert "medical_appraisal" in asked(child_order="2", rebirth_group="sick_child")
    assert client.post(reverse("check-questions"), {"programme": "none"}).status_code == 404


@pytest.mark.requirement("A03")
def test_entered_again_after_it_came_back_it_is_corrected_and_goes_up(
    client_as, district, actor
) -> None:
    from sanyou.care import episodes

    client = client_as("village_worker")
    send(client)
    episode = Episode.objects.get()
    episodes.review(episode, actor("township_officer"))
    episodes.send_back(episode, actor("registration"), "请核对女方居住地和孩次")

    send(client, **{"wife-residence_text": "西彭镇", "f-child_order": "2"})

    episode = Episode.objects.get()
    assert (episode.status, episode.child_order) == ("open", 2)
    assert episode.couple.wife.residence_text == "西彭镇"
    assert episodes.opening_of(episode).reason == "退回后补正"
