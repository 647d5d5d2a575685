"""The generated form: who opens it, what it shows, signing."""

from datetime import date
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

pytestmark = pytest.mark.django_db

FETCH = {"HTTP_X_REQUESTED_WITH": "fetch", "content_type": "application/json"}


def open_form(client: Client, episode: Any, form: str, role: str) -> Any:
    """Follow encounter-open to the encounter's own address."""
    response = client.get(reverse("encounter-open", args=[episode.key, form, role]))
    assert response.status_code == 302, response.content.decode()
    return response.url


def test_a_nurse_opens_a_draft_once(episode_at: Any, client_as: Any) -> None:
    episode, client = episode_at("consented"), client_as("history_nurse")
    first = open_form(client, episode, "history", "wife")
    assert open_form(client, episode, "history", "wife") == first
    assert episode.encounters.filter(form="history", role="wife").count() == 1


def test_the_queue_and_the_record_lead_to_the_same_draft(episode_at: Any, client_as: Any) -> None:
    episode, client = episode_at("consented"), client_as("history_nurse")
    first = open_form(client, episode, "history", "wife")
    step = episode.tasks.get(name="history", role="wife")
    queue = client.get(reverse("task", args=[step.key]))
    assert client.get(queue.url).url == first


def test_a_signed_step_is_shown_and_not_filled_again(episode_at: Any, client_as: Any) -> None:
    episode, client = episode_at("examined"), client_as("history_nurse")
    row = episode.encounters.get(form="history", role="wife", status="signed")
    assert open_form(client, episode, "history", "wife") == reverse("encounter", args=[row.key])
    assert not episode.encounters.filter(status="draft").exists()


@pytest.mark.requirement("B04")
def test_fields_carry_unit_range_by_sex_and_limits(episode_at: Any, client_as: Any) -> None:
    episode, client = episode_at("consented"), client_as("laboratory")
    wife = client.get(open_form(client, episode, "laboratory", "wife")).content.decode()
    husband = client.get(open_form(client, episode, "laboratory", "husband")).content.decode()
    assert 'data-element="alt"' in wife
    assert "U/L" in wife
    assert "7–40" in wife
    assert "9–50" in husband
    assert 'data-max="' in wife


def test_the_form_of_one_spouse_does_not_ask_the_other_ones_questions(
    episode_at: Any, client_as: Any
) -> None:
    episode, client = episode_at("consented"), client_as("laboratory")
    husband = client.get(open_form(client, episode, "laboratory", "husband")).content.decode()
    assert 'data-element="tsh"' not in husband


def test_questions_under_a_condition_start_hidden(episode_at: Any, client_as: Any) -> None:
    episode, client = episode_at("consented"), client_as("history_nurse")
    response = client.get(open_form(client, episode, "history", "wife"))
    assert "smoking" in response.context["state"]["visible"]
    assert "cigarettes_per_day" not in response.context["state"]["visible"]


@pytest.mark.requirement("B02")
def test_no_form_opens_before_consent(episode_at: Any, client_as: Any) -> None:
    episode = episode_at("carded")
    url = reverse("encounter-open", args=[episode.key, "history", "wife"])
    response = client_as("history_nurse").get(url)
    assert response.status_code == 409
    assert "同意" in response.content.decode()
    assert not episode.encounters.filter(form="history").exists()


def test_signing_an_incomplete_form_names_every_missing_field(
    episode_at: Any, client_as: Any
) -> None:
    episode, client = episode_at("consented"), client_as("history_nurse")
    open_form(client, episode, "history", "wife")
    row = episode.encounters.get(form="history", role="wife")
    response = client.post(
        reverse("encounter-sign", args=[row.key]), {"version": row.version}, **FETCH
    )
    assert response.status_code == 422
    assert "smoking" in response.json()["errors"]
    row.refresh_from_db()
    assert row.status == "draft"


def test_a_complete_form_is_signed_once_however_often_it_is_sent(
    episode_at: Any, client_as: Any, actor: Any, fill: Any
) -> None:
    from sanyou.care import encounters

    episode, client = episode_at("consented"), client_as("history_nurse")
    nurse = actor("history_nurse")
    row = encounters.open_draft(episode, "history", "wife", nurse)
    changes = {k: {"base": None, "value": v} for k, v in fill("history", "wife").items()}
    saved = encounters.autosave(row.key, changes, nurse)
    url = reverse("encounter-sign", args=[row.key])
    first = client.post(url, {"version": saved.version}, **FETCH)
    again = client.post(url, {"version": saved.version}, **FETCH)
    assert first.status_code == again.status_code == 200, first.content.decode()
    assert first.json()["next"]
    row.refresh_from_db()
    assert row.status == "signed"
    assert row.signed_by == nurse.staff


def test_a_signed_record_is_read_with_flags_and_signature(episode_at: Any, client_as: Any) -> None:
    episode = episode_at("examined", facts={"wife": {"alt": 88}})
    row = episode.encounters.get(form="laboratory", role="wife", status="signed")
    page = client_as("assessing_doctor").get(reverse("encounter", args=[row.key])).content.decode()
    assert "88 U/L" in page
    assert "偏高" in page
    assert "签名" in page


def test_reading_a_record_is_written_to_the_audit(episode_at: Any, client_as: Any) -> None:
    from sanyou.trust.models import AuditEvent

    episode = episode_at("examined")
    row = episode.encounters.get(form="history", role="wife", status="signed")
    client_as("assessing_doctor").get(reverse("encounter", args=[row.key]))
    event = AuditEvent.objects.filter(action="read", kind="encounter").latest("seq")
    assert event.subject == str(row.key)


@pytest.mark.requirement("H01")
def test_another_duty_is_refused_with_the_reason(episode_at: Any, client_as: Any) -> None:
    episode = episode_at("consented")
    url = reverse("encounter-open", args=[episode.key, "history", "wife"])
    response = client_as("ultrasound").get(url)
    assert response.status_code == 403
    assert "岗位" in response.content.decode()


@pytest.mark.requirement("H01")
def test_another_town_does_not_learn_that_it_exists(episode_at: Any, client_as: Any) -> None:
    episode = episode_at("examined")
    row = episode.encounters.filter(status="signed").first()
    elsewhere = client_as("history_nurse", "500107110", "nurse-elsewhere")
    assert elsewhere.get(reverse("encounter", args=[row.key])).status_code == 404
    url = reverse("encounter-open", args=[episode.key, "history", "wife"])
    assert elsewhere.get(url).status_code == 404


def test_duties_without_results_do_not_read_clinical_records(
    episode_at: Any, client_as: Any
) -> None:
    episode = episode_at("examined")
    row = episode.encounters.get(form="laboratory", role="wife", status="signed")
    for duty in ("village_worker", "registration", "statistician", "finance"):
        response = client_as(duty).get(reverse("encounter", args=[row.key]))
        assert response.status_code == 403, duty


def test_anonymous_people_are_sent_to_sign_in(episode_at: Any) -> None:
    episode = episode_at("examined")
    row = episode.encounters.filter(status="signed").first()
    response = Client().get(reverse("encounter", args=[row.key]))
    assert response.status_code == 302
    assert response.url.startswith(reverse("sign-in"))


def test_saving_and_signing_take_posts_only(episode_at: Any, client_as: Any) -> None:
    episode, client = episode_at("consented"), client_as("history_nurse")
    open_form(client, episode, "history", "wife")
    row = episode.encounters.get(form="history", role="wife")
    for name in ("encounter-autosave", "encounter-sign", "encounter-check"):
        assert client.get(reverse(name, args=[row.key])).status_code == 405, name


def test_unknown_forms_and_roles_are_not_found(episode_at: Any, client_as: Any) -> None:
    episode, client = episode_at("consented"), client_as("history_nurse")
    for form, role in (("nothing", "wife"), ("history", "child"), ("ultrasound", "husband")):
        url = reverse("encounter-open", args=[episode.key, form, role])
        assert client.get(url).status_code == 404, (form, role)


def test_answers_of_the_last_record_are_offered(
    episode_at: Any, client_as: Any, actor: Any, fill: Any
) -> None:
    from sanyou.care import encounters

    first = episode_at("examined", facts={"wife": {"history_asthma": True}})
    last = encounters.copy_last(first, "history", "wife")
    assert last.get("history_asthma") is True


def test_pictures_are_kept_encrypted_and_shown_again(
    episode_at: Any, client_as: Any, settings: Any
) -> None:
    import base64

    episode, client = episode_at("consented"), client_as("ultrasound")
    open_form(client, episode, "ultrasound", "wife")
    row = episode.encounters.get(form="ultrasound", role="wife")
    jpeg = b"\xff\xd8\xff\xe0" + b"picture of a uterus" * 20
    data = "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()
    url = reverse("encounter-picture", args=[row.key])
    key = client.post(url, {"data": data}, **FETCH).json()["key"]
    kept = settings.HOME / "pictures" / key
    assert b"picture of a uterus" not in kept.read_bytes()
    save = {"changes": {"ultrasound_image": {"base": None, "value": key}}}
    client.post(reverse("encounter-autosave", args=[row.key]), save, **FETCH)
    shown = client.get(url + "?field=ultrasound_image")
    assert shown.content == jpeg
    wrong = client.post(url, {"data": "data:text/html;base64,PGI+"}, **FETCH)
    assert wrong.status_code == 409


def test_dates_of_the_page_are_in_shanghai(episode_at: Any, client_as: Any) -> None:
    episode = episode_at("examined", on=date(2021, 3, 1))
    row = episode.encounters.get(form="history", role="wife", status="signed")
    page = client_as("assessing_doctor").get(reverse("encounter", args=[row.key])).content.decode()
    assert "2021-03-01" in page
