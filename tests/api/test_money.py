"""Money over the API: the same services, duties and limits as on the desk."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from sanyou.finance.models import Posting
from tests.conftest import COUNTY

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("E02"), pytest.mark.requirement("H01")]
PERIOD = {"policy": "jiulongpo-2020", "period_from": "2021-01-01", "period_to": "2021-06-30"}
BOOK = {"region": COUNTY, "policy": "jiulongpo-2020"}
MONEY = BOOK | {
    "payer": "district_finance",
    "amount": 100_000,
    "on": "2021-03-01",
    "voucher": "收1",
}

Clients = Callable[..., Client]


def post(client: Client, path: str, **body: Any) -> Any:
    return client.post(f"/api/{path}", body, content_type="application/json")


@pytest.fixture
def clerk(client_as: Clients) -> Client:
    return client_as("finance", username="clerk")


@pytest.fixture
def chief(client_as: Clients) -> Client:
    return client_as("finance", username="chief")


def test_a_statement_goes_its_whole_way(clerk: Client, chief: Client, episode_at: Any) -> None:
    episode = episode_at("examined")
    made = post(clerk, "statements", **PERIOD)
    assert made.status_code == 201, made.content
    drawn = made.json()
    assert (drawn["status"], drawn["total"]) == ("draft", 46_000)
    assert drawn["shares"] == {"district_finance": 46_000}
    (line,) = drawn["claims"]
    assert line["episode"] == str(episode.key)
    path = f"statements/{drawn['key']}"
    assert post(clerk, f"{path}/submit").json()["status"] == "submitted"
    own = post(clerk, f"{path}/approve")
    assert (own.status_code, own.json()["code"]) == (409, "four_eyes")
    assert post(chief, f"{path}/return", reason="缺附件").json()["status"] == "returned"
    post(clerk, f"{path}/submit")
    assert post(chief, f"{path}/approve").json()["status"] == "approved"
    assert post(clerk, f"{path}/pay", voucher="拨1").json()["status"] == "paid"
    assert post(clerk, f"{path}/pay", voucher="拨2").json()["code"] == "wrong_state"
    account = clerk.get("/api/ledger", BOOK).json()
    assert (account["trial_balance"], account["owed"]) == (0, 0)
    kinds = [p["kind"] for p in clerk.get("/api/ledger/postings", BOOK).json()]
    assert kinds == ["approved", "shared", "paid"]


def test_a_claim_names_the_records_that_prove_it(clerk: Client, episode_at: Any) -> None:
    episode_at("examined")
    post(clerk, "statements", **PERIOD)
    (line,) = clerk.get("/api/claims").json()
    claim = clerk.get(f"/api/claims/{line['key']}").json()
    assert claim["evidence"]
    assert claim["unit"] == "couple"
    assert claim["working"]["clause"] == "六（一）2"
    assert clerk.get("/api/claims?status=refused").json() == []


def test_money_in_and_its_reversal(clerk: Client, district: Any) -> None:
    made = post(clerk, "ledger/receive", **MONEY)
    assert made.status_code == 201
    key = made.json()["key"]
    spent = post(clerk, "ledger/spend", **MONEY | {"amount": 300, "text": "折页"})
    assert spent.status_code == 201
    back = post(clerk, f"ledger/postings/{key}/reverse", reason="重复").json()
    assert (back["kind"], back["reverses"]) == ("reversed", key)
    again = post(clerk, f"ledger/postings/{key}/reverse", reason="重复")
    assert (again.status_code, again.json()["code"]) == (409, "reversed_before")
    (fund,) = clerk.get("/api/ledger", BOOK).json()["funds"]
    assert (fund["received"], fund["spent"], fund["left"]) == (0, 300, -300)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (PERIOD | {"policy": "no-such"}, "no_policy"),
        (PERIOD | {"programme": "no_such"}, "no_policy"),
        (PERIOD | {"period_from": "2021-12-31"}, "no_period"),
    ],
)
def test_a_statement_that_cannot_be_drawn_up(
    body: dict[str, Any], code: str, clerk: Client, district: Any
) -> None:
    answer = post(clerk, "statements", **body)
    assert (answer.status_code, answer.json()["code"]) == (409, code)


def test_other_duties_and_districts_get_nothing(
    clerk: Client, episode_at: Any, client_as: Clients
) -> None:
    episode_at("examined")
    drawn = post(clerk, "statements", **PERIOD).json()
    post(clerk, "ledger/receive", **MONEY)
    row = Posting.objects.get()
    doctor = client_as("physician")
    for path in ("statements", "claims", f"ledger?region={COUNTY}&policy=jiulongpo-2020"):
        assert doctor.get(f"/api/{path}").status_code == 403
    away = client_as("finance", "500106", "away")
    assert away.get("/api/statements").json() == []
    assert away.get("/api/claims").json() == []
    assert away.get(f"/api/statements/{drawn['key']}").status_code == 404
    assert away.get("/api/ledger", BOOK).status_code == 404
    assert post(away, "ledger/receive", **MONEY).status_code == 404
    assert post(away, f"ledger/postings/{row.key}/reverse", reason="x").status_code == 404
    assert post(client_as("manager"), "ledger/receive", **MONEY).status_code == 403
