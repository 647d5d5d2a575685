"""The stores over the API: the same acts, the same refusals."""

import json
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from tests.stock.conftest import (  # noqa: F401 - fixtures
    folic_library,
    in_use,
    issue,
    left,
    registered,
    stores,
    woman,
)

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("B08"), pytest.mark.requirement("H01")]


def post(client: Any, path: str, body: dict[str, Any]) -> Any:
    return client.post(f"/api/stock{path}", json.dumps(body), content_type="application/json")


def test_goods_go_from_the_supplier_to_the_township_and_to_the_woman(
    stores: Any,  # noqa: F811
    client_as: Any,
    registered: Any,  # noqa: F811
    issue: Any,  # noqa: F811
) -> None:
    keeper, officer = client_as("storekeeper"), client_as("township_officer")
    centre, town = stores["centre"], stores["town"]
    body = {
        "token": str(uuid4()),
        "item": "folic_acid",
        "number": "A1",
        "maker": "虚构药业",
        "expires_on": (timezone.localdate() + timedelta(days=300)).isoformat(),
        "quantity": 20,
    }
    for _time in range(2):
        made = post(keeper, f"/stores/{centre.pk}/receipts", body)
        assert made.status_code == 201, made.content
    batch = made.json()["batch"]
    sent = post(
        keeper,
        f"/stores/{centre.pk}/transfers",
        {"token": str(uuid4()), "receiver": town.pk, "lines": {batch: 8}},
    ).json()
    line = sent["lines"][0]["id"]
    came = post(officer, f"/transfers/{sent['key']}/arrival", {"counted": {line: 7}}).json()
    assert (came["status"], came["lines"][0]["open_difference"]) == ("different", 1)
    done = post(
        keeper,
        f"/transfers/{sent['key']}/lines/{line}/settlement",
        {"how": "back", "reason": "漏装一盒"},
    ).json()
    assert done["status"] == "done"
    row = issue(registered(), 2)
    worker = client_as("village_worker")
    back = post(
        worker,
        f"/encounters/{row.key}/return",
        {"token": str(uuid4()), "quantity": 1, "reason": "多领"},
    )
    assert back.status_code == 201
    held = keeper.get(f"/api/stock/stores/{town.pk}").json()["held"][0]
    assert (held["usable"], held["batches"][0]["number"]) == (6, "A1")
    people = post(keeper, f"/batches/{batch}/recall", {"reason": "召回"}).json()
    assert [(p["number"], p["units"]) for p in people] == [(row.episode.number, 1)]
    kinds = [m["kind"] for m in officer.get(f"/api/stock/stores/{town.pk}/movements").json()]
    assert kinds == ["return", "issue", "arrive"]


def test_refusals_say_what_is_left_and_who_may(stores: Any, client_as: Any) -> None:  # noqa: F811
    town = stores["town"]
    body = {"token": str(uuid4()), "batch": str(uuid4()), "quantity": 1, "reason": "x"}
    assert post(client_as("storekeeper"), f"/stores/{town.pk}/write-offs", body).status_code == 404
    assert client_as("physician").get("/api/stock/stores").status_code == 403
    away = client_as("township_officer", "500107110")
    assert away.get(f"/api/stock/stores/{town.pk}").status_code == 404


def test_a_count_with_an_unexplained_difference_is_refused(
    stores: Any,  # noqa: F811
    client_as: Any,
) -> None:
    keeper, town = client_as("storekeeper"), stores["town"]
    made = post(
        keeper,
        f"/stores/{town.pk}/receipts",
        {
            "token": str(uuid4()),
            "item": "folic_acid",
            "number": "A1",
            "maker": "虚构药业",
            "expires_on": (timezone.localdate() + timedelta(days=300)).isoformat(),
            "quantity": 20,
        },
    ).json()
    line = {"batch": made["batch"], "booked": 20, "counted": 19}
    refused = post(keeper, f"/stores/{town.pk}/counts", {"token": str(uuid4()), "lines": [line]})
    assert refused.status_code == 409
    assert "差异原因" in refused.json()["error"]
    line["reason"] = "破损"
    done = post(keeper, f"/stores/{town.pk}/counts", {"token": str(uuid4()), "lines": [line]})
    assert done.json()["differences"] == 1
