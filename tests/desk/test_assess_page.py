"""The assessment page: evidence by spouse, confirm, override with a reason, supersession."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("B05")]


@pytest.fixture
def episode(episode_at: Any) -> Any:
    return episode_at("examined", facts={"wife": {"alt": 88}, "husband": {"smoking": True}})


def url(episode: Any) -> str:
    return reverse("assess", args=[episode.key])


def standing(episode: Any) -> Any:
    return episode.assessments.exclude(status="superseded").get()


def test_each_finding_shows_value_range_rule_and_source(episode: Any, client_as: Any) -> None:
    response = client_as("assessing_doctor").get(url(episode))
    page = response.content.decode()
    sides = {s.role: s for s in response.context["sides"]}
    alt = next(f for f in sides["wife"].findings if f.key == "wife.alt_high")
    assert alt.evidence[0].value == "88 U/L"
    assert alt.evidence[0].range_text == "7–40"
    assert alt.evidence[0].flag == "high"
    assert alt.source
    assert "88 U/L" in page
    assert any("吸烟" in f.label for f in sides["husband"].findings)
    assert not any("吸烟" in f.label for f in sides["wife"].findings)


def test_a_missing_result_is_cannot_be_excluded_and_leads_to_its_form(
    episode_at: Any, client_as: Any, actor: Any
) -> None:
    from sanyou.care import encounters

    episode = episode_at("examined")
    row = episode.encounters.get(form="laboratory", role="wife", status="signed")
    encounters.amend(row.key, {"rubella_igg": None}, "化验单无此项", actor("laboratory"))
    response = client_as("assessing_doctor").get(url(episode))
    wife = next(s for s in response.context["sides"] if s.role == "wife")
    labels = [m.label for u in wife.unknowns for m in u.missing]
    assert any("风疹" in label for label in labels)
    assert "尚不能排除" in response.content.decode()


def test_confirming_twice_confirms_once(episode: Any, client_as: Any) -> None:
    client = client_as("assessing_doctor")
    client.get(url(episode))
    key = standing(episode).key
    for _ in range(2):
        sent = client.post(url(episode), {"assessment": str(key), "do": "confirm"})
        assert sent.status_code == 302
    row = standing(episode)
    assert row.status == "confirmed"
    assert row.decided_by is not None


def test_an_override_needs_a_reason(episode: Any, client_as: Any) -> None:
    client = client_as("assessing_doctor")
    client.get(url(episode))
    key = str(standing(episode).key)
    response = client.post(url(episode), {"assessment": key, "do": "override", "reason": ""})
    assert response.status_code == 409
    assert "原因" in response.content.decode()
    assert standing(episode).status == "proposed"


def test_a_doctor_removes_a_finding_and_it_stays_visible(episode: Any, client_as: Any) -> None:
    client = client_as("assessing_doctor")
    sides = client.get(url(episode)).context["sides"]
    keys = [f.key for s in sides for f in s.findings]
    kept = [k for k in keys if "alt" not in k]
    assert len(kept) < len(keys)
    data = {
        "assessment": str(standing(episode).key),
        "do": "override",
        "reason": "外院复查正常",
        "keep": kept,
        "cls": "",
    }
    assert client.post(url(episode), data).status_code == 302
    row = standing(episode)
    assert row.status == "overridden"
    page = client.get(url(episode)).content.decode()
    assert "医生排除" in page
    assert "外院复查正常" in page


def test_a_doctor_sets_another_class(episode: Any, client_as: Any) -> None:
    client = client_as("assessing_doctor")
    sides = client.get(url(episode)).context["sides"]
    data = {
        "assessment": str(standing(episode).key),
        "do": "override",
        "reason": "专家会诊意见",
        "keep": [f.key for s in sides for f in s.findings],
        "cls": "X",
    }
    client.post(url(episode), data)
    assert standing(episode).cls == "X"


def test_what_was_computed_since_must_be_seen_before_confirming(
    episode: Any, client_as: Any, actor: Any
) -> None:
    from sanyou.care import encounters

    client = client_as("assessing_doctor")
    client.get(url(episode))
    old = str(standing(episode).key)
    client.post(url(episode), {"assessment": old, "do": "confirm"})
    row = episode.encounters.get(form="laboratory", role="wife", status="signed")
    encounters.amend(row.key, {"alt": 20}, "录入错误", actor("laboratory"))
    response = client.post(url(episode), {"assessment": old, "do": "confirm"})
    assert response.status_code == 409
    page = client.get(url(episode)).content.decode()
    assert "已被取代" in page


def test_other_duties_regions_and_strangers_cannot(episode: Any, client_as: Any) -> None:
    for duty in ("history_nurse", "registration", "manager"):
        assert client_as(duty).get(url(episode)).status_code == 403, duty
    elsewhere = client_as("assessing_doctor", "500107110", "doctor-elsewhere")
    assert elsewhere.get(url(episode)).status_code == 404
    assert Client().get(url(episode)).status_code == 302
    assert client_as("assessing_doctor").put(url(episode)).status_code == 405
