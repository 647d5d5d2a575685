"""A sixth district is one policy file and its cases: nothing of it is known to the program."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from sanyou.care import content, encounters
from sanyou.care.models import Document, Episode
from sanyou.finance.models import Claim, Statement
from sanyou.protocol.entitlement import decide_entitlement
from sanyou.protocol.library import Library
from sanyou.registry import organisations
from sanyou.registry.access import Actor
from sanyou.registry.models import DutyAssignment, Region, Staff
from tests.conftest import FIXTURES, answers, id_number

ROOT = FIXTURES / "shifan-2027"
COUNTY, TOWN = "370214", "370214001"
CENTRE = "示范区妇幼保健院"

pytestmark = [pytest.mark.requirement("A03"), pytest.mark.requirement("A02")]


def test_its_content_passes_the_check_beside_the_packaged_one(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sanyou", "check"],
        env={**os.environ, "SANYOU_CONTENT": str(ROOT), "SANYOU_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_it_is_nothing_but_a_policy_and_its_cases() -> None:
    files = sorted(str(p.relative_to(ROOT)) for p in ROOT.rglob("*") if p.is_file())
    assert files == ["README.md", "policies/cases/shifan-2027.yaml", "policies/shifan-2027.yaml"]


def test_every_clause_is_implemented_or_an_exhortation() -> None:
    policy = Library.load(None, ROOT).policies["shifan-2027"]
    assert policy.starts == date(2027, 1, 1)  # thirty days after it was issued
    assert {c.status for c in policy.clauses} == {"implemented", "exhortation"}


@pytest.fixture
def shifan(regions: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Library]:
    """The district set up, on a day in March 2027."""
    library = Library.load(None, ROOT)
    content.set_library(library)
    monkeypatch.setattr(timezone, "now", lambda: datetime(2027, 3, 1, 2, tzinfo=UTC))
    organisations.setup_district(COUNTY, CENTRE)
    yield library
    content.set_library(None)


@pytest.fixture
def enter(shifan: Library) -> Callable[..., Client]:
    """`enter("registration")` -> somebody of the district with that duty, signed in."""

    def make(duty: str, username: str = "") -> Client:
        local = duty in {"village_worker", "township_officer"}
        person, _new = Staff.objects.get_or_create(
            username=username or f"sf-{duty}", defaults={"display_name": f"示范{duty}"}
        )
        DutyAssignment.objects.get_or_create(
            staff=person,
            duty=duty,
            region=Region.objects.get(pk=TOWN if local else COUNTY),
            valid_from=date(2027, 1, 1),
        )
        client = Client()
        client.force_login(person, "django.contrib.auth.backends.ModelBackend")
        return client

    return make


def post(client: Client, name: str, *args: Any, **data: Any) -> Any:
    response = client.post(reverse(name, args=args), data)
    assert response.status_code in {200, 302}, (name, response.content.decode()[-2000:])
    return response


def registered(client: Client, birth: date = date(1996, 6, 15)) -> Episode:
    """A couple typed in by the village worker: they live there for three months and a day."""
    where = "山东省青岛市城阳区城阳街道"
    data = {
        "programme": "preconception",
        "wife-name": "东方小雨", "wife-id_number": id_number("110101", birth, 2),
        "wife-phone": "13800000001", "wife-hukou_text": "北京市东城区",
        "wife-residence_text": where, "wife-residence_since": "2026-11-30",
        "husband-name": "公孙大为", "husband-id_number": id_number("110101", date(1990, 2, 3), 3),
        "husband-hukou_text": "北京市东城区", "husband-residence_text": where,
        "husband-residence_since": "2026-11-30",
        "f-child_order": "1", "f-planning": "true",
    }  # fmt: skip
    response = client.post(reverse("nominate"), data)
    assert response.status_code == 302, response.content.decode()[-3000:]
    return Episode.objects.latest("pk")


def examined(library: Library, episode: Episode) -> None:
    """Every station's form, signed by whoever fills it."""
    programme = library.programmes[episode.programme]
    for step in programme.steps:
        if step.form and "consent" in step.after:
            for role in step.roles:
                person = Staff.objects.get(username=f"sf-{programme.forms[step.form].duty[0]}")
                encounters.record(
                    episode,
                    step.form,
                    role,
                    answers(library, step.form, role),
                    on=timezone.localdate(),
                    actor=Actor.of(person, person.duties.get()),
                )


@pytest.mark.django_db
@pytest.mark.requirement("E01")
def test_a_couple_goes_from_registration_to_a_paid_statement(
    shifan: Library, enter: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    clients = {
        duty: enter(duty)
        for duty in (
            "village_worker", "township_officer", "registration", "history_nurse", "physician",
            "laboratory", "ultrasound", "assessing_doctor", "manager", "finance",
        )
    }  # fmt: skip
    episode = registered(clients["village_worker"])
    assert (episode.policy, episode.region_id) == ("shifan-2027", TOWN)

    post(clients["township_officer"], "review", episode.key, decision="pass")
    asked = clients["registration"].get(reverse("confirm", args=[episode.key])).content.decode()
    assert "示范区办发〔2027〕1号" in asked
    post(clients["registration"], "confirm", episode.key, decision="confirm")
    decision = episode.decisions.latest("pk")
    assert (decision.answer, decision.grant) == ("yes", "free")
    assert "住满三个月" in str(decision.result) or "满三个月" in str(decision.result)

    post(clients["village_worker"], "card", episode.key)
    for role in ("wife", "husband"):
        post(clients["registration"], "consent", episode.key, role=role, decision="paper")
    examined(shifan, episode)
    clients["assessing_doctor"].get(reverse("assess", args=[episode.key]))
    proposal = episode.assessments.latest("pk")
    post(
        clients["assessing_doctor"], "assess", episode.key,
        do="confirm", assessment=str(proposal.key),
    )  # fmt: skip
    post(clients["assessing_doctor"], "document-issue", episode.key, "notice")
    notice = Document.objects.get(episode=episode, kind="notice")
    shown = clients["assessing_doctor"].get(reverse("document", args=[notice.key]))
    assert CENTRE in shown.content.decode()
    assert "示范区办发〔2027〕1号" in shown.content.decode()

    # In April the first quarter is settled: one draws up, another approves, it is paid.
    monkeypatch.setattr(timezone, "now", lambda: datetime(2027, 4, 6, 2, tzinfo=UTC))
    clerk, chief = enter("finance"), enter("finance", "sf-chief")
    offered = clerk.get(reverse("statements")).content.decode()
    period = next(
        v.split('"')[0] for v in offered.split('<option value="')[1:] if "2027-01-01" in v
    )
    post(clerk, "statement-prepare", period=period)
    statement = Statement.objects.get()
    assert (str(statement.period_from), str(statement.period_to)) == ("2027-01-01", "2027-03-31")
    assert statement.total == 33333
    assert statement.shares == {"central": 15000, "province": 10000, "district_finance": 8333}
    assert sum(statement.shares.values()) == statement.total
    post(clerk, "statement-submit", statement.key)
    post(chief, "statement-approve", statement.key)
    post(chief, "statement-paid", statement.key, voucher="银付-001")
    statement.refresh_from_db()
    assert statement.status == "paid"
    assert Claim.objects.get(episode=episode).status == "paid"
    assert "333.33" in chief.get(reverse("statement", args=[statement.key])).content.decode()


@pytest.mark.django_db
@pytest.mark.requirement("A05")
def test_its_own_rule_grants_a_second_check_from_35_years_on(
    shifan: Library, enter: Callable[..., Client]
) -> None:
    """Decided by the facts of the record, as the rule of this district says and no other."""
    policy = shifan.policies["shifan-2027"]
    used = {"couple.child_order": 1, "couple.free_checks_used": 1}
    assert decide_entitlement(policy, used | {"wife.age": 35}).grant == "free"
    assert decide_entitlement(policy, used | {"wife.age": 34}).grant == "own_cost"


@pytest.mark.django_db
@pytest.mark.requirement("B07")
def test_it_gives_out_folic_acid_by_its_own_terms(
    shifan: Library, enter: Callable[..., Client]
) -> None:
    worker = enter("village_worker")
    page = worker.get(reverse("nominate") + "?programme=folic_acid").content.decode()
    assert "叶酸" in page
    terms = content.current_policy(TOWN, "folic_acid", date(2027, 3, 1))
    assert terms is not None
    assert [c.id for c in terms.eligibility] == ["lives_here", "preparing"]
    assert content.current_policy(TOWN, "premarital", date(2027, 3, 1)) is None
