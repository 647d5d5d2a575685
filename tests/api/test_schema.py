"""The published schema: complete, protected, and true to the answers."""

from typing import Any

import pytest
from django.test import Client

from sanyou.api.router import api

pytestmark = pytest.mark.requirement("H04")


def test_the_schema_is_served_and_is_openapi_3() -> None:
    answer = Client().get("/api/openapi.json")
    assert answer.status_code == 200
    schema = answer.json()
    assert schema["openapi"].startswith("3.")
    assert "/api/episodes/{key}/confirm" in schema["paths"]


def test_every_operation_asks_who_calls_and_is_described() -> None:
    schema: dict[str, Any] = api.get_openapi_schema(path_prefix="/api/")
    for path, operations in schema["paths"].items():
        for method, operation in operations.items():
            assert operation["security"], f"{method} {path}"
            assert operation.get("description"), f"{method} {path}"


def test_no_interactive_page_is_served() -> None:
    assert Client().get("/api/docs").status_code == 404


@pytest.mark.django_db
def test_policies_list_every_clause_with_what_implements_it(client_as: Any, library: Any) -> None:
    client = client_as("manager")
    ids = {p["id"] for p in client.get("/api/policies").json()}
    assert ids == set(library.policies)
    shown = client.get("/api/policies/jiulongpo-2020").json()["clauses"]
    assert [c["ref"] for c in shown] == [c.ref for c in library.policies["jiulongpo-2020"].clauses]
    assert {c["status"] for c in shown} <= {"implemented", "exhortation", "open"}
    assert client.get("/api/policies/no-such").status_code == 404


@pytest.mark.django_db
@pytest.mark.requirement("F01")
def test_figures_open_only_the_cases_the_duty_may_read(episode_at: Any, client_as: Any) -> None:
    episode = episode_at("examined")
    path = "/api/figures/preconception/service_month?region=500107&month=2021-03-31"
    found = client_as("statistician").get(path).json()
    assert found["values"]["examined_couples"] == 1
    assert found["cases"]["examined_couples"] == [str(episode.key)]
    assert found["values"]["alt_normal_wives"] == 1
    assert "alt_normal_wives" not in found["cases"], "a result a statistician does not read"
    assert client_as("finance").get(path).status_code == 403
    outside = client_as("statistician", "500107110", "statistician-elsewhere").get(path)
    assert outside.status_code == 404
