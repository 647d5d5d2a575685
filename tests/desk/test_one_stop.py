"""One visit on the pages: registered once, signed once, and what was taken over is marked."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from sanyou.care import cards, content, encounters, episodes, one_stop
from sanyou.care.models import Episode
from sanyou.protocol.library import Library
from sanyou.registry.models import Region
from sanyou.synth.filling import unremarkable
from tests.conftest import id_number

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("B07")]

ONE_VISIT = Path(__file__).parents[1] / "fixtures" / "onevisit"
COUNTY = "500106"
WIFE = id_number(COUNTY, date(1993, 4, 2), 2)
HUSBAND = id_number(COUNTY, date(1991, 7, 9), 1)


@pytest.fixture(scope="module")
def both() -> Library:
    return Library.load(None, ONE_VISIT)


@pytest.fixture(autouse=True)
def in_use(both: Library) -> Iterator[None]:
    content.set_library(both)
    yield
    content.set_library(None)


@pytest.fixture
def town(district: Any) -> Region:
    found = Region.objects.filter(code__startswith=COUNTY, level="township").first()
    assert found is not None
    return found


@pytest.fixture
def sent(both: Library, town: Region) -> dict[str, Any]:
    answers = unremarkable(both, "premarital", "premarital_register", "couple") | {
        "child_order": "1",
        "policy_compliant": "true",
        "planning": "true",
        "premarital_told": "true",
    }
    plain = {f"f-{n}": v if isinstance(v, str) else str(v).lower() for n, v in answers.items() if v}
    return plain | {
        "programme": "one-stop",
        "region": town.code,
        "wife-name": "欧阳慧敏",
        "wife-id_number": WIFE,
        "wife-residence_text": town.full_name,
        "husband-name": "司马建国",
        "husband-id_number": HUSBAND,
    }


def test_one_form_registers_both(client_as: Any, sent: dict[str, Any]) -> None:
    client = client_as("registration", COUNTY)
    text = client.get(reverse("nominate")).content.decode()
    assert "一站式登记" in text
    assert text.count('data-question="planning"') == 1, "one set of questions"
    assert "办理（预约）结婚登记日期" in text
    assert 'data-question="marriage_date"' not in text, (
        "an engaged couple is asked for its day once"
    )
    answer = client.post(reverse("nominate"), sent)
    assert answer.status_code == 302, answer.content.decode()
    found = list(Episode.objects.order_by("pk"))
    assert [e.programme for e in found] == ["premarital", "preconception"]
    assert found[0].couple == found[1].couple


def test_a_district_without_it_does_not_offer_it(client_as: Any, district: Any) -> None:
    text = client_as("registration").get(reverse("nominate")).content.decode()
    assert "一站式登记" not in text


@pytest.fixture
def visit(make_couple: Any, actor: Any, town: Region, both: Library) -> list[Episode]:
    desk, today = actor("registration", COUNTY), timezone.localdate()
    answers = unremarkable(both, "premarital", "premarital_register", "couple") | {
        "child_order": 1, "policy_compliant": True, "planning": True, "premarital_told": True,
    }  # fmt: skip
    made = one_stop.register(desk, make_couple(1), {"couple": answers}, today, town)
    for episode in made:
        if episode.tasks.filter(name="review").exists():
            episodes.review(episode, actor("township_officer", COUNTY), today)
        episodes.confirm(episode, desk, today)
        if episode.tasks.filter(name="card").exists():
            cards.issue(episode, actor("village_worker", COUNTY), today)
    return made


@pytest.mark.requirement("B02")
def test_one_signature_signs_both_texts(visit: list[Episode], client_as: Any) -> None:
    client, url = client_as("registration", COUNTY), reverse("consent", args=[visit[0].key])
    page = client.get(url)
    assert len(page.context["texts"]) == 2
    assert "签一次名" in page.content.decode()
    for role in ("wife", "husband"):
        assert client.post(url, {"role": role, "decision": "paper"}).status_code == 302
    assert [e.consents.filter(kind="grant").count() for e in visit] == [2, 2]


@pytest.fixture
def tested(visit: list[Episode], actor: Any, both: Library) -> list[Episode]:
    """Both consented; the wife's laboratory results signed for the preconception check."""
    desk, today = actor("registration", COUNTY), timezone.localdate()
    for role in ("wife", "husband"):
        one_stop.grant(visit, role, desk, today, "paper")
    data = unremarkable(both, "preconception", "laboratory", "wife") | {"alt": 33}
    tech = actor("laboratory", COUNTY)
    encounters.record(visit[1], "laboratory", "wife", data, today, tech)
    return visit


def test_the_other_form_shows_the_value_its_day_and_its_record(
    tested: list[Episode], client_as: Any
) -> None:
    client = client_as("laboratory", COUNTY)
    args = [tested[0].key, "premarital_laboratory", "wife"]
    page = client.get(reverse("encounter-open", args=args), follow=True)
    text = page.content.decode()
    where = f"沿用 {timezone.localdate().isoformat()} 免费孕前优生健康检查"
    assert where in text
    source = tested[1].encounters.get(form="laboratory", role="wife")
    assert reverse("encounter", args=[source.key]) in text
    assert page.context["state"]["values"]["alt"] == 33
    row = tested[0].encounters.get(form="premarital_laboratory")
    saved = client.post(
        reverse("encounter-autosave", args=[row.key]),
        {"changes": {"hiv": {"base": None, "value": "negative"}}},
        content_type="application/json",
    ).json()
    assert saved["data"]["alt"] == 33, "what is taken over does not vanish while she types"
    signed = client.post(
        reverse("encounter-sign", args=[row.key]),
        {"version": saved["version"]},
        content_type="application/json",
    )
    assert signed.status_code == 200, signed.content.decode()
    row.refresh_from_db()
    assert "alt" not in row.data
    assert where in client.get(reverse("encounter", args=[row.key])).content.decode()


def test_the_record_lists_what_was_taken_over(tested: list[Episode], client_as: Any) -> None:
    client = client_as("physician", COUNTY)
    page = client.get(reverse("episode", args=[tested[0].key]))
    labels = {t.label: t.text for t in page.context["taken"]}
    assert any("谷丙转氨酶" in label and "33" in text for label, text in labels.items())
    office = client_as("registration", COUNTY).get(reverse("episode", args=[tested[0].key]))
    shown = {t.label for t in office.context["taken"]}
    assert not any("谷丙" in label or "梅毒" in label for label in shown), "no health results"
