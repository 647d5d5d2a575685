"""Claims of every programme with money: subsidies to a child, several programmes in one document."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from sanyou.care import content
from sanyou.care.facts import facts_of
from sanyou.care.models import EligibilityDecision, Encounter, Episode, Task
from sanyou.finance import claims, statements
from sanyou.finance.models import Claim
from sanyou.registry import organisations
from sanyou.registry.access import Actor
from sanyou.registry.models import Person, Region
from tests.conftest import TODAY

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("E02"), pytest.mark.requirement("E03")]
QIJIANG = "500110"
PERIOD = (date(2021, 1, 1), date(2021, 6, 30))


@pytest.fixture
def child(regions: None) -> Person:
    return Person.objects.create(
        name="小宝", name_initials="xb", sex="female", birth_date=date(2019, 5, 1),
        id_number="x", id_index="child-1", id_tail_index="1",
    )  # fmt: skip


@pytest.fixture
def apply_for(child: Person, library: Any) -> Callable[..., Episode]:
    """`apply_for()` -> an application checked, found right, published and approved."""

    def make(number: int = 1, self_paid: str = "38333.34", done: bool = True) -> Episode:
        region = Region.objects.get(pk=QIJIANG)
        programme = library.programmes["congenital_aid"]
        episode = Episode.objects.create(
            number=f"BZ-{number}", programme=programme.id, programme_version=programme.version,
            policy="qijiang-2018", person=child, region=region, origin=region, opened_on=TODAY,
        )  # fmt: skip
        Encounter.objects.create(
            episode=episode, form="congenital_aid_check", form_version=1, role="child",
            status="signed", occurred_on=TODAY,
            data={"cost_total": float(self_paid), "medical_insurance_paid": 0.0,
                  "commercial_insurance_paid": 0.0},
        )  # fmt: skip
        EligibilityDecision.objects.create(
            episode=episode, on=TODAY, policy=episode.policy, answer="yes", grant="free", result={}
        )
        for step in ("publish", "approve"):
            Task.objects.create(
                episode=episode, kind="step", name=step, role="child", label=step, duty="manager",
                region=region, opens=TODAY, status="done" if done else "open",
            )  # fmt: skip
        return episode

    return make


@pytest.fixture
def clerk(staff: Callable[..., Any]) -> Actor:
    person = staff("finance", QIJIANG, "qijiang-clerk")
    return Actor.of(person, person.duties.get())


@pytest.mark.parametrize(
    ("self_paid", "fen"),
    [
        ("5000.00", 0),
        ("5000.01", 0),
        ("5000.02", 1),
        ("6000.00", 30_000),
        ("38333.33", 1_000_000),
        ("38333.34", 1_000_000),
        ("90000.00", 1_000_000),
    ],
)
def test_the_subsidy_is_worked_out_from_what_was_checked(
    self_paid: str, fen: int, apply_for: Callable[..., Episode]
) -> None:
    claim = claims.claim(apply_for(self_paid=self_paid), TODAY)
    assert (claim.status, claim.amount) == ("ready", fen)
    assert claim.working["clause"] == "四（三）2"
    assert "30%" in claim.working["text"]


def test_what_is_not_published_and_approved_is_not_paid(apply_for: Callable[..., Episode]) -> None:
    episode = apply_for(done=False)
    claim = claims.claim(episode, TODAY)
    assert claim.refusal["code"] == "not_approved"
    assert "公示" in claim.refusal["text"]
    assert "审批" in claim.refusal["text"]
    episode.tasks.update(status="done")
    assert claims.claim(episode, TODAY).status == "ready"


def test_a_child_is_granted_once(apply_for: Callable[..., Episode], child: Person) -> None:
    first, second = apply_for(1), apply_for(2)
    claim = claims.claim(first, TODAY)
    assert claim.unit == f"child:{child.pk}"
    assert facts_of(first, TODAY)["child.times_granted"] == 0
    assert facts_of(second, TODAY)["child.times_granted"] == 1
    assert facts_of(second, TODAY - timedelta(days=1))["child.times_granted"] == 0
    again = claims.claim(second, TODAY)
    assert again.refusal["code"] == "counted_before"
    assert "同一对象" in again.refusal["text"]
    with pytest.raises(IntegrityError), transaction.atomic():
        Claim.objects.filter(pk=again.pk).update(status="ready")


def test_two_records_of_one_child_that_are_merged_leave_one_claim(
    apply_for: Callable[..., Episode], child: Person
) -> None:
    from sanyou.registry import merging

    first = apply_for(1)
    twin = Person.objects.create(
        name="小宝", name_initials="xb", sex="female", birth_date=child.birth_date, id_number="y",
        id_index="child-2", id_tail_index="2",
    )  # fmt: skip
    second = apply_for(2)
    Episode.objects.filter(pk=second.pk).update(person=twin)
    assert [claims.claim(e, TODAY).status for e in (first, second)] == ["ready", "ready"]
    system = Actor.system("tests")
    merge = merging.merge_people(child, twin, "同一名儿童", system)
    rows = Claim.objects.order_by("pk")
    assert [c.status for c in rows] == ["ready", "refused"]
    assert {c.unit for c in rows} == {f"child:{child.pk}"}
    merging.undo(merge, system, "不是同一人")
    assert [c.unit for c in rows.all()] == [f"child:{child.pk}", f"child:{twin.pk}"]
    assert {c.status for c in rows.all()} == {"ready"}


def test_each_programme_of_a_document_has_its_own_statement(
    apply_for: Callable[..., Episode], library: Any, clerk: Actor
) -> None:
    apply_for()
    centre = organisations.setup_district(QIJIANG, "綦江区妇幼保健院").centre
    policy = library.policies["qijiang-2018"]
    checks = statements.prepare(centre, policy, *PERIOD, clerk)
    aid = statements.prepare(centre, policy, *PERIOD, clerk, "congenital_aid")
    assert (checks.programme, checks.total) == ("preconception", 0)
    assert (aid.programme, aid.total) == ("congenital_aid", 1_000_000)
    assert aid.shares == {"district_finance": 1_000_000}
    assert checks.number != aid.number
    part = policy.for_programme("congenital_aid")
    assert statements.prepare(centre, part, *PERIOD, clerk).pk == aid.pk


def test_an_approval_taken_back_after_payment_is_set_right(
    apply_for: Callable[..., Episode], library: Any, clerk: Actor, staff: Callable[..., Any]
) -> None:
    episode = apply_for()
    centre = organisations.setup_district(QIJIANG, "綦江区妇幼保健院").centre
    policy = library.policies["qijiang-2018"].for_programme("congenital_aid")
    person = staff("finance", QIJIANG, "qijiang-chief")
    chief = Actor.of(person, person.duties.get())
    drawn = statements.submit(statements.prepare(centre, policy, *PERIOD, clerk), clerk)
    statements.mark_paid(statements.approve(drawn, chief), clerk, "拨1")
    episode.tasks.filter(name="approve").update(status="open")
    later = statements.prepare(centre, policy, date(2021, 7, 1), date(2021, 12, 31), clerk)
    correction = later.corrections.get()
    assert (correction.amount, correction.code) == (-1_000_000, "not_approved")


def test_a_document_without_a_price_says_what_to_do(
    episode_at: Callable[..., Episode], library: Any
) -> None:
    episode = episode_at("examined")
    policy = library.policies["jiulongpo-2020"]
    priceless = replace(policy, spec=policy.spec.model_copy(update={"price": []}))
    content.set_library(replace(library, policies={**library.policies, policy.id: priceless}))
    try:
        claim = claims.claim(episode, TODAY)
    finally:
        content.set_library(None)
    assert claim.refusal["code"] == "no_price"
    assert "price" in claim.refusal["text"]
    assert "政策文件" in claims.remedy("no_price")


def test_a_couple_that_moved_away_is_claimed_where_its_episode_was_opened(
    episode_at: Callable[..., Episode], district: Any, library: Any, actor: Callable[..., Any]
) -> None:
    episode = episode_at("examined")
    Episode.objects.filter(pk=episode.pk).update(region=QIJIANG)
    policy = library.policies["jiulongpo-2020"]
    drawn = statements.prepare(district.centre, policy, *PERIOD, actor("finance"))
    claim = drawn.claims.get()
    assert (drawn.total, claim.region_id) == (46_000, episode.origin_id)


def test_a_claim_without_its_unit_is_refused_by_the_database(
    episode_at: Callable[..., Episode],
) -> None:
    episode = episode_at("examined")
    claim = claims.claim(episode, TODAY)
    with pytest.raises(IntegrityError), transaction.atomic():
        Claim.objects.filter(pk=claim.pk).update(unit="")


def test_a_couple_whose_child_order_is_not_known_is_not_paid(
    episode_at: Callable[..., Episode],
) -> None:
    episode = episode_at("examined")
    Episode.objects.filter(pk=episode.pk).update(child_order=None)
    claim = claims.claim(episode, TODAY)
    assert (claim.refusal["code"], claim.unit) == ("unit_unknown", "")
    assert "补填" in claims.remedy("unit_unknown")
