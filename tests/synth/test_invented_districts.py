"""The invented districts: from content alone, by the services, the same again for the same seed."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest
from django.db.models import Sum
from django.utils import timezone
from rich.console import Console

from sanyou.benefits.models import Decision, NoticeEntry
from sanyou.care import content
from sanyou.care.models import EligibilityDecision, Encounter, Episode, Task
from sanyou.finance.models import Claim, Posting, Statement
from sanyou.registry.models import Couple, DutyAssignment, Organisation, Person, Region, Staff
from sanyou.stock.models import Balance, Movement, Transfer
from sanyou.synth import district
from sanyou.synth.population import FOLDER, districts, shares, stories
from sanyou.trust import audit

pytestmark = [pytest.mark.requirement("A02")]
DAY = date(2026, 11, 22)
QUIET = Console(quiet=True)


@pytest.mark.parametrize("name", districts())
def test_a_district_of_the_demo_lies_where_its_file_says(
    name: str, db: None, regions: None
) -> None:
    given = shares(name)
    towns = Region.objects.in_bulk(list(given["towns"]))
    assert len(towns) == len(given["towns"])
    assert all(code.startswith(given["region"]) for code in towns)
    assert Region.objects.filter(pk__in=given["elsewhere"]).count() == len(given["elsewhere"])
    assert set(given.get("also", {})) <= set(given["also_told"])
    found = content.library().district_for(given["region"])
    assert found is not None
    assert found.id == name


def test_each_district_has_its_own_people_and_user_names() -> None:
    numbers: dict[str, str] = {}
    elsewhere: set[str] = set()
    for name in districts():
        given = shares(name)
        assert not elsewhere & set(given["elsewhere"])
        elsewhere |= set(given["elsewhere"])
        for story in stories(30, 7, DAY, given):
            for person in (story.wife, story.husband):
                assert numbers.setdefault(person.id_number, name) == name
    prefixes = [shares(name)["prefix"] for name in districts()]
    assert len(set(prefixes)) == len(prefixes)


def test_no_district_and_no_programme_is_named_in_the_program() -> None:
    names = {*districts(), *content.library().programmes}
    for path in (FOLDER.parents[1] / "synth").glob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert not [name for name in names if f'"{name}"' in text], path.name


def test_shares_of_the_base_name_where_they_come_from() -> None:
    process = shares()["process"]
    assert all(entry["source"] for entry in process.values())
    assert all(0 <= entry["share"] <= 1 for entry in process.values())


def test_somebody_of_every_duty_works_in_a_district() -> None:
    from sanyou.registry.duties import DUTIES

    assert shares()["staff"].keys() == DUTIES.keys() - {"system"}


@pytest.fixture(scope="module")
def built(django_db_setup: None, django_db_blocker: Any) -> Iterator[date]:
    """Two districts as they are today, and couples who moved from one to the other."""
    from django.db import connection, transaction

    with django_db_blocker.unblock():
        from sanyou.registry import regions

        if not Region.objects.exists():
            regions.load()
        today = timezone.localdate()
        with transaction.atomic():
            for name in ("jiulongpo", "qijiang"):
                district.build(name, couples=20, seed=7, until=today, console=QUIET)
            district.build_above(["jiulongpo", "qijiang"])
            yield today
            transaction.set_rollback(True)
        connection.close()


def here(name: str) -> Any:
    return Episode.objects.filter(source__startswith=f"synth:{name}:")


@pytest.mark.requirement("H01")
def test_every_desk_of_a_district_finds_work(built: date) -> None:
    for name in ("jiulongpo", "qijiang"):
        waiting = Task.objects.filter(episode__in=here(name), status=Task.Status.OPEN)
        duties = set(waiting.values_list("duty", flat=True))
        assert duties >= {
            "village_worker", "township_officer", "registration", "laboratory",
            "assessing_doctor", "followup_worker",
        }  # fmt: skip


def test_the_months_leave_statements_reports_and_a_ledger_that_balances(built: date) -> None:
    from sanyou.figures.models import Submission
    from sanyou.finance import ledger

    for name in ("jiulongpo", "qijiang"):
        code = shares(name)["region"]
        centre = Organisation.objects.get(region=code, kind=Organisation.Kind.CENTRE)
        listed = Statement.objects.filter(organisation=centre)
        assert listed.exists()
        for statement in listed:
            corrections = statement.corrections.aggregate(n=Sum("amount"))["n"] or 0
            claimed = statement.claims.aggregate(n=Sum("amount"))["n"] or 0
            assert statement.total == claimed + corrections
            assert sum(statement.shares.values()) == statement.total
        postings = Posting.objects.filter(region=code)
        assert ledger.trial_balance(postings) == 0
        assert Submission.objects.filter(region=code, status="submitted").exists()


@pytest.mark.requirement("A04")
def test_a_couple_that_moved_keeps_its_record_and_what_it_used(built: date) -> None:
    moved = here("qijiang").filter(source__contains=":moved:")
    assert moved.count() == 2
    for episode in moved:
        first = Episode.objects.get(couple=episode.couple, region__code__startswith="500107")
        assert first.child_order == episode.child_order
        assert first.status == Episode.Status.CLOSED
        decision = EligibilityDecision.objects.filter(episode=episode).latest("pk")
        assert decision.grant != "free"
        assert not Claim.objects.filter(episode=episode).exclude(status="refused").exists()
    people = Person.objects.filter(couples_as_wife__episodes__in=moved)
    assert all(p.residence_region_id.startswith("500110") for p in people)


def test_subsidies_are_put_up_approved_and_claimed(built: date) -> None:
    aid = here("qijiang").filter(programme="congenital_aid")
    assert NoticeEntry.objects.filter(episode__in=aid).exists()
    granted = Decision.objects.filter(episode__in=aid, kind=Decision.Kind.APPROVED)
    assert granted.exists()
    for decision in granted:
        assert decision.amount is not None
        assert 0 < decision.amount <= 1000000  # at most ten thousand yuan
        hands = decision.episode.decisions.values_list("by", flat=True)
        assert decision.by_id not in set(hands)


@pytest.mark.requirement("B08")
def test_what_was_handed_out_left_the_stores(built: date) -> None:
    sums = Movement.objects.values("store", "batch").annotate(n=Sum("change"))
    for row in sums:
        left = Balance.objects.get(store=row["store"], batch=row["batch"]).quantity
        assert left == row["n"]
    assert Movement.objects.filter(issue__episode__source__contains="folic_acid").exists()
    assert Transfer.objects.filter(status=Transfer.Status.SENT).exists()  # on its way


def test_it_may_be_run_again(built: date) -> None:
    def counted() -> list[int]:
        models = (Episode, Encounter, Couple, Person, Staff, DutyAssignment, Movement, Claim)
        return [model.objects.count() for model in models]

    before = counted()
    district.build("qijiang", couples=20, seed=7, until=built, console=QUIET)
    assert counted() == before


@pytest.mark.requirement("H02")
def test_everything_went_through_the_audit(built: date) -> None:
    assert audit.verify().ok
    assert not Episode.objects.filter(opened_on__gt=built).exists()
    late = Encounter.objects.filter(occurred_on__gt=built + timedelta(days=0))
    assert not late.exists()
