"""The money pages."""

from collections.abc import Callable
from datetime import date
from io import BytesIO
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from openpyxl import load_workbook

from sanyou.care.models import Encounter, Episode
from sanyou.finance import statements
from sanyou.finance.models import Claim, Statement
from sanyou.trust.models import AuditEvent

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("E02")]
START, END = date(2021, 1, 1), date(2021, 6, 30)


@pytest.fixture
def two(episode_at: Callable[..., Episode]) -> list[Episode]:
    complete, lacking = episode_at("examined", 1), episode_at("examined", 2)
    record = lacking.encounters.get(form="laboratory", role="wife", status="signed")
    Encounter.objects.filter(pk=record.pk).update(data={**record.data, "tsh": None})
    return [complete, lacking]


@pytest.fixture
def draft(two: Any, district: Any, library: Any, actor: Callable[..., Any]) -> Statement:
    policy = library.policies["jiulongpo-2020"]
    clerk = actor("finance", username="clerk")
    return statements.prepare(district.centre, policy, START, END, clerk)


@pytest.fixture
def clerk(client_as: Callable[..., Client]) -> Client:
    return client_as("finance", username="clerk")


@pytest.fixture
def chief(client_as: Callable[..., Client]) -> Client:
    return client_as("finance", username="chief")


def page(client: Client, name: str, *args: Any, query: str = "") -> str:
    response = client.get(reverse(name, args=args) + query)
    assert response.status_code == 200
    return response.content.decode()


def test_statements_are_listed_with_sum_and_state(draft: Statement, clerk: Client) -> None:
    html = page(clerk, "statements")
    assert "2021年上半年" in html
    assert "460.00" in html
    assert "草稿" in html


def test_refused_claims_show_clause_and_remedy(draft: Statement, clerk: Client) -> None:
    html = page(clerk, "statements", query="?tab=refused")
    refused = Claim.objects.get(status="refused")
    assert refused.episode.number in html
    assert "女方甲状腺功能" in html
    assert "请补做或补录所缺项目" in html


def test_a_statement_is_drawn_up_for_an_offered_period(two: Any, clerk: Client) -> None:
    html = page(clerk, "statements")
    offered = html.split('<option value="')[1].split('"')[0]
    response = clerk.post(reverse("statement-prepare"), {"period": offered})
    assert response.url == reverse("statement", args=[Statement.objects.get().key])
    bad = clerk.post(reverse("statement-prepare"), {"period": "other|2021-01-01|2021-06-30"})
    assert bad.status_code == 404


def test_every_yuan_opens_to_its_evidence(draft: Statement, two: Any, clerk: Client) -> None:
    html = page(clerk, "statement", draft.key)
    claim = draft.claims.get()
    assert "肆佰陆拾元整" in html
    assert reverse("claim", args=[claim.key]) in html
    detail = page(clerk, "claim", claim.key)
    assert all(key in detail for key in claim.evidence)
    assert "460元/每对夫妇" in detail
    assert "符合《" in detail


@pytest.mark.requirement("H01")
def test_the_evidence_shows_no_name_and_no_result(
    draft: Statement, two: list[Episode], clerk: Client
) -> None:
    detail = page(clerk, "claim", draft.claims.get().key)
    couple = two[0].couple
    assert couple is not None
    assert couple.wife.name not in detail
    assert couple.wife.id_number not in detail
    assert "阴性" not in detail


def test_a_refused_claim_names_what_is_missing_and_the_words_of_the_document(
    draft: Statement, clerk: Client
) -> None:
    detail = page(clerk, "claim", Claim.objects.get(status="refused").key)
    assert "促甲状腺激素" in detail
    assert "五、服务内容" in detail


def test_two_people_bring_a_statement_to_payment(
    draft: Statement, clerk: Client, chief: Client
) -> None:
    key = draft.key
    clerk.post(reverse("statement-submit", args=[key]))
    assert reverse("statement-approve", args=[key]) not in page(clerk, "statement", key)
    refused = clerk.post(reverse("statement-approve", args=[key]))
    assert refused.status_code == 409
    assert "另一人" in refused.content.decode()
    chief.post(reverse("statement-return", args=[key]), {"reason": "请补附件"})
    assert "请补附件" in page(clerk, "statement", key)
    clerk.post(reverse("statement-submit", args=[key]))
    chief.post(reverse("statement-approve", args=[key]))
    clerk.post(reverse("statement-paid", args=[key]), {"voucher": "拨字2021-07"})
    draft.refresh_from_db()
    assert draft.status == Statement.Status.PAID
    assert "拨字2021-07" in page(chief, "statement", key)


def test_the_workbook_is_downloaded_with_a_reason(draft: Statement, clerk: Client) -> None:
    url = reverse("statement-export", args=[draft.key])
    assert clerk.post(url, {"reason": ""}).status_code == 409
    response = clerk.post(url, {"reason": "报财政局"})
    assert response["Content-Disposition"].endswith(f"{draft.number}.xlsx")
    assert load_workbook(BytesIO(response.content)).sheetnames[0] == "结算表"


@pytest.mark.requirement("H01")
@pytest.mark.parametrize(
    ("duty", "status"),
    [("finance", 200), ("manager", 200), ("statistician", 403), ("village_worker", 403),
     ("assessing_doctor", 403), ("administrator", 403)],
)  # fmt: skip
def test_money_is_shown_to_its_duties(
    draft: Statement, client_as: Callable[..., Client], duty: str, status: int
) -> None:
    client = client_as(duty, username=f"x-{duty}")
    for name, key in (("statement", draft.key), ("claim", draft.claims.get().key)):
        assert client.get(reverse(name, args=[key])).status_code == status
    assert client.get(reverse("statements")).status_code == status


@pytest.mark.requirement("H01")
def test_another_districts_statement_does_not_exist(
    draft: Statement, client_as: Callable[..., Client]
) -> None:
    other = client_as("finance", region="500106")
    assert other.get(reverse("statement", args=[draft.key])).status_code == 404
    assert other.post(reverse("statement-submit", args=[draft.key])).status_code == 404
    assert "460.00" not in page(other, "statements")


def test_reading_a_claim_is_audited(draft: Statement, clerk: Client) -> None:
    claim = draft.claims.get()
    page(clerk, "claim", claim.key)
    event = AuditEvent.objects.latest("seq")
    assert (event.action, event.kind, event.subject) == ("read", "claim", str(claim.key))
