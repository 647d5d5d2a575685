"""Subsidies over the API: the same services, the same refusals."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from sanyou.benefits.models import BenefitEntry, PublicNotice
from tests.benefits.conftest import AID, DAY

pytestmark = pytest.mark.django_db

# The fixtures of the subsidies' own tests.
from tests.benefits.conftest import (  # noqa: E402
    aid,
    application,
    at,
    child,
    subsidies,
    town,
)

__all__ = ["aid", "application", "at", "child", "subsidies", "town"]


@pytest.fixture
def call(at: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`call("manager", "/notices", {...})` -> the answer; GET without a body."""
    monkeypatch.setattr(timezone, "localdate", lambda *args, **kwargs: DAY)

    def make(duty: str, path: str, body: dict[str, Any] | None = None, who: str = "") -> Any:
        client = Client()
        client.force_login(at(duty, who).staff, "django.contrib.auth.backends.ModelBackend")
        if body is None:
            return client.get(f"/api/benefits{path}")
        return client.post(
            f"/api/benefits{path}", json.dumps(body), content_type="application/json"
        )

    return make


@pytest.mark.requirement("E03")
def test_from_the_notice_to_the_approval(
    application: Any, call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    episode = application("confirmed")
    made = call(
        "registration",
        "/notices",
        {
            "programme": "congenital_aid",
            "policy": "aid-2018",
            "applications": [str(episode.key)],
            "starts_on": DAY.isoformat(),
        },
    ).json()
    assert made["entries"][0]["name"] == "欧**"
    early = call("registration", f"/notices/{made['key']}/close", {})
    assert early.status_code == 409
    monkeypatch.setattr(timezone, "localdate", lambda *a, **k: DAY + timedelta(days=7))
    assert call("registration", f"/notices/{made['key']}/close", {}).status_code == 200
    decided = call("manager", f"/applications/{episode.key}/decision", {"decision": "approve"})
    assert decided.json()["amount"] == "10000.00"
    row = call("finance", f"/applications/{episode.key}").json()
    assert (row["decision"], row["name"]) == ("approved", "王**")


def test_what_is_not_her_duty_is_refused(application: Any, call: Any) -> None:
    episode = application("published")
    notice = PublicNotice.objects.get()
    assert call("physician", "/applications").status_code == 403
    assert call("registration", f"/applications/{episode.key}/decision", {
        "decision": "approve"}).status_code == 403  # fmt: skip
    assert call("manager", f"/notices/{notice.key}/close", {}).status_code == 403


@pytest.mark.requirement("E04")
def test_a_month_of_a_benefit_programme(call: Any, aid: str) -> None:
    body = {
        "policy": "aid-2018",
        "region": AID,
        "month": "2021-02",
        "benefit": "vaccination",
        "funding": "other",
        "beneficiaries": 120,
        "spending": "3600.50",
    }
    assert call("statistician", "/programmes", body).json()["version"] == 1
    assert call("statistician", "/programmes", body).status_code == 200
    assert BenefitEntry.objects.count() == 1
    lines = call("finance", f"/programmes?policy=aid-2018&region={AID}&month=2021-02").json()
    [line] = [x for x in lines if x["benefit"] == "vaccination"]
    assert line["spending"] == {"basic_public_health": "0.00", "other": "3600.50"}
    assert call("manager", "/programmes", body).status_code == 403
