"""Documents: issued once, the same for ever, each for the duties that may read it."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("B06")]


def issue(client: Client, episode: Any, kind: str) -> Any:
    return client.post(reverse("document-issue", args=[episode.key, kind]))


def test_every_document_of_the_programme_prints(
    episode_at: Any, client_as: Any, library: Any, fill: Any, actor: Any
) -> None:
    from sanyou.care import encounters

    episode, client = episode_at("noticed"), client_as("assessing_doctor")
    for form, duty in (("counselling", "assessing_doctor"), ("birth_defect", "followup_worker")):
        data = fill(form, "couple")
        encounters.record(episode, form, "couple", data, timezone.localdate(), actor(duty))
    for kind in library.programmes["preconception"].documents:
        response = issue(client, episode, kind)
        assert response.status_code == 302, (kind, response.content.decode())
        page = client.get(response.url)
        assert page.status_code == 200, kind
        text = page.content.decode()
        assert "欧阳慧敏" in text, kind
        assert "None" not in text, kind


def test_the_same_content_gives_the_same_document(episode_at: Any, client_as: Any) -> None:
    episode, client = episode_at("noticed"), client_as("assessing_doctor")
    first = issue(client, episode, "notice").url
    before = episode.documents.count()
    assert issue(client, episode, "notice").url == first
    assert episode.documents.count() == before


def test_the_notice_waits_for_the_doctor(episode_at: Any, client_as: Any) -> None:
    episode, client = episode_at("examined"), client_as("assessing_doctor")
    response = issue(client, episode, "notice")
    assert response.status_code == 409
    assert "风险评估" in response.content.decode()
    page = client.get(reverse("documents", args=[episode.key])).content.decode()
    assert "还没有由医生确认" in page


def test_the_page_leads_to_consent_card_and_referrals(episode_at: Any, client_as: Any) -> None:
    episode = episode_at("consented")
    url = reverse("documents", args=[episode.key])
    registration = client_as("registration").get(url).content.decode()
    assert reverse("consent", args=[episode.key]) in registration
    assert reverse("card", args=[episode.key]) in registration
    doctor = client_as("assessing_doctor").get(url).content.decode()
    assert reverse("referrals", args=[episode.key]) in doctor
    assert reverse("consent", args=[episode.key]) not in doctor


def test_the_card_prints_with_its_qr(episode_at: Any, client_as: Any) -> None:
    episode, client = episode_at("carded"), client_as("village_worker")
    page = client.get(issue(client, episode, "card").url).content.decode()
    assert "<svg" in page
    assert episode.cards.get().number in page


@pytest.mark.requirement("H01")
def test_the_village_does_not_read_the_notice(episode_at: Any, client_as: Any) -> None:
    episode = episode_at("noticed")
    village = client_as("village_worker")
    notice = episode.documents.get(kind="notice")
    assert village.get(reverse("document", args=[notice.key])).status_code == 403
    assert issue(village, episode, "record").status_code == 403
    kinds = village.get(reverse("documents", args=[episode.key])).context["kinds"]
    assert {k.id for k in kinds} == {"card", "consent"}


def test_printing_is_written_to_the_audit(episode_at: Any, client_as: Any) -> None:
    from sanyou.trust.models import AuditEvent

    notice = episode_at("noticed").documents.get(kind="notice")
    client_as("assessing_doctor").get(reverse("document-print", args=[notice.key]))
    event = AuditEvent.objects.filter(action="print", kind="document").latest("seq")
    assert event.subject == str(notice.key)


def test_other_regions_strangers_and_methods(episode_at: Any, client_as: Any) -> None:
    episode = episode_at("noticed")
    notice = episode.documents.get(kind="notice")
    url = reverse("document", args=[notice.key])
    elsewhere = client_as("assessing_doctor", "500107110", "doctor-elsewhere")
    assert elsewhere.get(url).status_code == 404
    assert issue(elsewhere, episode, "notice").status_code == 404
    assert Client().get(url).status_code == 302
    doctor = client_as("assessing_doctor")
    assert doctor.post(url).status_code == 405
    assert doctor.get(reverse("document-issue", args=[episode.key, "notice"])).status_code == 405
    assert issue(doctor, episode, "nothing").status_code == 404


def test_the_notice_names_a_series_of_follow_ups_once(episode_at: Any, client_as: Any) -> None:
    episode, client = episode_at("assessed"), client_as("assessing_doctor")
    page = client.get(issue(client, episode, "notice").url).content.decode()
    assert page.count("<td>早孕随访") == 1
    assert "共 4 次" in page


def test_one_recheck_asked_for_twice_is_printed_once(episode_at: Any, client_as: Any) -> None:
    from sanyou.care.models import Task

    episode, client = episode_at("noticed"), client_as("assessing_doctor")
    today = timezone.localdate()
    for occurrence in ("recheck:one", "recheck:other"):
        Task.objects.create(
            episode=episode, kind=Task.Kind.RECHECK, name="recheck", occurrence=occurrence,
            role="wife", label="复查尿常规", opens=today, due=today, region=episode.region,
        )  # fmt: skip
    page = client.get(issue(client, episode, "notice").url).content.decode()
    assert page.count("<td>复查尿常规") == 1


@pytest.mark.requirement("B02")
def test_the_consent_names_who_explained_it_not_who_prints_it(
    episode_at: Any, client_as: Any
) -> None:
    episode, client = episode_at("consented"), client_as("assessing_doctor")
    taken = episode.consents.select_related("by").first()
    page = client.get(issue(client, episode, "consent").url).content.decode()
    assert f'告知人签名：<span class="blank">{taken.by}</span>' in page
