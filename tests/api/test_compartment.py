"""What lies in a compartment does not exist in the API either: every path, every duty."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from sanyou.api.router import api
from sanyou.care import content, episodes
from sanyou.care.models import Episode
from sanyou.protocol.library import Library
from sanyou.registry import groups
from sanyou.registry.duties import DUTIES
from sanyou.registry.models import Region
from tests.quiet import OUTSIDE, QUIET, TOWN, Hidden, clean, open_compartment

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("H01")]


@pytest.fixture(scope="module")
def quiet() -> Library:
    return Library.load(None, QUIET)


@pytest.fixture(autouse=True)
def in_use(quiet: Library) -> Iterator[None]:
    content.set_library(quiet)
    yield
    content.set_library(None)


@pytest.fixture
def known(episode_at: Any, actor: Any) -> Episode:
    check = episode_at("noticed", 1)
    doctor, today = actor("maternity_doctor"), timezone.localdate()
    town = Region.objects.get(pk=TOWN)
    episodes.nominate(doctor, "heard", check.couple.wife, {}, today, town)
    groups.create(doctor, actor("registration").organisation, "名单", today.year)
    return check


@pytest.fixture
def opened(known: Episode, actor: Any, make_id: Any, district: Any) -> Callable[[], Hidden]:
    def make() -> Hidden:
        couple = known.couple
        officer = actor("infection_officer")
        return open_compartment(couple.wife, couple, officer, make_id, district.centre)

    return make


PATHS = api.get_openapi_schema()["paths"]
MONTH = timezone.localdate().isoformat()
# What each list needs to be asked for.
LISTS = {
    "/api/ledger": "?region=500107&policy=quiet-2021",
    "/api/ledger/postings": "?region=500107&policy=quiet-2021",
    "/api/benefits/programmes": "?policy=jiulongpo-2020&region=500107&month=2021-03",
}
# A body that is accepted wherever the record is: without one the request is refused unread.
BODIES: dict[str, dict[str, Any]] = {
    "/api/episodes/{key}/review": {"decision": "accept"},
    "/api/episodes/{key}/transfer": {"to_region": "500106", "reason": "迁居"},
    "/api/episodes/{key}/confirm": {},
    "/api/episodes/{key}/card": {},
    "/api/episodes/{key}/consents": {"role": "wife", "decision": "grant"},
    "/api/episodes/{key}/encounters": {"form": "quiet_test", "role": "wife"},
    "/api/episodes/{key}/documents": {"kind": "quiet_notice"},
    "/api/encounters/{key}": {"changes": {}},
    "/api/encounters/{key}/sign": {"version": 1},
    "/api/encounters/{key}/amend": {"changes": {}, "reason": "更正"},
    "/api/assessments/{key}/override": {"reason": "调整"},
    "/api/tasks/{key}/attempts": {"way": "phone", "reached": True},
    "/api/tasks/{key}/complete": {},
    "/api/tasks/{key}/lost": {},
    "/api/people/{key}/births": {"born_on": "2021-01-01", "sex": "female"},
    "/api/people/{key}/birth": {"reason": "更正"},
    "/api/sessions/{key}/entries": {"entries": {}},
    "/api/statements/{key}/return": {"reason": "退回"},
    "/api/statements/{key}/pay": {"voucher": "1"},
    "/api/benefits/applications/{key}/decision": {"decision": "approve"},
    "/api/benefits/applications/{key}/take-back": {"reason": "退回"},
    "/api/benefits/applications/{key}/appeals": {"text": "不服"},
    "/api/stock/encounters/{key}/return": {
        "quantity": 1, "reason": "退", "token": "00000000-0000-4000-8000-000000000000",
    },
}  # fmt: skip
# Records of a kind that no compartment holds.
ELSEWHERE = ("groups", "ledger", "versions", "policy-drafts", "stock/transfers", "stock/batches",
             "benefits/appeals", "benefits/notices", "benefits/objections")  # fmt: skip


def kind_of(path: str) -> str | None:
    """The kind of record whose keys a path takes; None where none of a compartment fits."""
    if any(path.startswith(f"/api/{name}/") for name in ELSEWHERE):
        return None
    name = path.split("/")[2]
    return {"benefits": "episodes", "stock": "encounters"}.get(name, name)


def ask(client: Client, method: str, path: str, body: dict[str, Any] | None) -> Any:
    if method == "get":
        return client.get(path)
    return getattr(client, method)(path, body or {}, content_type="application/json")


def test_every_list_is_as_it_was(
    known: Episode, opened: Callable[[], Hidden], client_as: Callable[..., Client]
) -> None:
    wife = known.couple.wife
    places = [path + LISTS.get(path, "") for path, ways in PATHS.items() if "get" in ways]
    places = [place for place in places if "{" not in place]
    places += [f"/api/people/{wife.key}/life", f"/api/couples/{known.couple.key}/explain"]
    places += [f"/api/episodes/{known.key}", f"/api/episodes/{known.key}/encounters"]
    places += [f"/api/episodes/{known.key}/documents"]
    for report in ("quiet/quiet_report", "none/none"):
        places.append(f"/api/figures/{report}?region=500107&month={MONTH}")

    def look() -> dict[tuple[str, str], tuple[int, str, str]]:
        found = {}
        for duty in OUTSIDE:
            client = client_as(duty)
            found |= {(duty, place): clean(client.get(place)) for place in places}
        return found

    client_as("infection_officer")
    before = look()
    hidden = opened()
    after = look()
    assert [place for place in before if before[place] != after[place]] == []
    shown = [p for p, answer in after.items() if any(w in answer[2] for w in hidden.words)]
    assert shown == []
    assert {answer[0] for answer in after.values()} <= {200, 403, 404}
    for duty in OUTSIDE:
        quiet_, none = (
            after[duty, f"/api/figures/{r}?region=500107&month={MONTH}"]
            for r in ("quiet/quiet_report", "none/none")
        )
        assert quiet_ == none


@pytest.mark.parametrize("part", range(2))
def test_a_key_of_it_is_a_key_of_nothing(
    part: int, opened: Callable[[], Hidden], client_as: Callable[..., Client]
) -> None:
    hidden = opened()
    told, tried = [], 0
    for duty in OUTSIDE[part::2]:
        client = client_as(duty)
        for path, ways in PATHS.items():
            kind = kind_of(path)
            if "{key}" not in path or kind is None:
                continue
            for method in ways:
                body = BODIES.get(path)
                assert method == "get" or "requestBody" not in ways[method] or body is not None
                nobody = uuid4()
                wanted = clean(ask(client, method, path.format(key=nobody), body), nobody)
                assert wanted[0] in (403, 404), (path, wanted)
                for key in hidden.keys[kind][:2]:
                    tried += 1
                    answer = clean(ask(client, method, path.format(key=key), body), key)
                    if answer != wanted:
                        told.append((duty, method, path, answer))
    assert told == []
    assert tried > 100


def test_whoever_works_in_it_reads_it(
    opened: Callable[[], Hidden], client_as: Callable[..., Client]
) -> None:
    hidden = opened()
    officer = client_as("infection_officer")
    listed = officer.get("/api/episodes?programme=quiet").json()
    assert {row["number"] for row in listed} == {hidden.episode.number, hidden.alone.number}
    for kind in ("episodes", "encounters", "tasks", "documents", "sessions"):
        for key in hidden.keys[kind]:
            assert officer.get(f"/api/{kind}/{key}").status_code == 200, kind
    loops = [t for t in officer.get("/api/tasks").json() if t["kind"] == "loop"]
    assert len(loops) == 2


@pytest.mark.parametrize("duty", [d for d in OUTSIDE if "nominate" in DUTIES[d].may])
def test_its_programme_is_no_programme_outside(
    duty: str, district: Any, make_id: Any, client_as: Callable[..., Client]
) -> None:
    from tests.quiet import BORN

    person = {"name": "上官静", "id_number": make_id("500107", BORN, 500)}
    client = client_as(duty)
    answers = [
        clean(
            client.post(
                "/api/episodes",
                {"programme": name, "region": TOWN, "persons": {"wife": person}},
                content_type="application/json",
            )
        )
        for name in ("quiet", "none")
    ]
    assert answers[0] == answers[1]
    assert answers[0][0] == 409
