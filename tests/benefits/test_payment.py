"""What is approved is paid once, on a statement like any other, and nowhere a second time."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from sanyou.benefits import applications, decisions, notices
from sanyou.care import content, encounters, episodes
from sanyou.finance import claims, statements
from sanyou.finance.models import Claim, Statement
from sanyou.registry import organisations
from sanyou.registry.access import Actor
from sanyou.registry.models import Organisation, Region
from tests.benefits.conftest import AID, DAY, child_answers

pytestmark = pytest.mark.django_db

END = date(2021, 6, 30)
QIJIANG = "500110"


@pytest.fixture
def paid(application: Any, at: Any) -> Statement:
    """An approved application on a statement that was paid."""
    application("approved")
    policy = content.library().policies["aid-2018"]
    centre = Organisation.objects.get(region_id=AID, kind=Organisation.Kind.CENTRE)
    made = statements.prepare(
        centre, policy, date(2021, 1, 1), END, at("finance"), programme="congenital_aid"
    )
    statements.submit(made, at("finance"))
    statements.approve(made, at("manager"))
    return statements.mark_paid(made, at("finance"), "凭证 1 号")


@pytest.mark.requirement("E03")
def test_an_approved_subsidy_is_paid_on_a_statement(paid: Statement) -> None:
    assert (paid.status, paid.total) == (Statement.Status.PAID, 1_000_000)
    assert Claim.objects.get().status == Claim.Status.PAID


def test_only_finance_opens_the_accounts(paid: Statement, at: Any) -> None:
    url = reverse("benefit-payment-sheet", args=[paid.key])
    for duty in ("finance", "manager", "registration", "statistician"):
        client = Client()
        client.force_login(at(duty).staff, "django.contrib.auth.backends.ModelBackend")
        answer = client.get(url)
        assert answer.status_code == (200 if duty == "finance" else 403), duty
        if duty == "finance":
            html = answer.content.decode()
            assert "6222000011112222333" in html
            assert "10000.00" in html
            assert "王小宝" not in html
            assert paid.number in client.get(reverse("benefit-payments")).content.decode()
            assert "已拨付" in client.get(reverse("benefits") + "?tab=all").content.decode()


@pytest.mark.requirement("E03")
def test_a_child_is_not_paid_again_in_another_district(
    application: Any, child: Any, at: Any, staff: Any
) -> None:
    """Two districts with documents of their own; the claim belongs to the child."""
    person = child(1)
    application("approved", person=person)
    organisations.setup_district(QIJIANG, "区妇幼保健院")
    town = Region.objects.filter(parent_id=QIJIANG).first()
    assert town is not None
    person.hukou_region = Region.objects.get(pk=QIJIANG)
    person.save()

    def there(duty: str) -> Actor:
        who = staff(duty, QIJIANG, f"{duty}-{QIJIANG}")
        return Actor.of(who, who.duties.get(duty=duty))

    clerk = there("registration")
    later = DAY + timedelta(days=30)
    first = person.episodes.get()
    episodes.close(first, at("registration"), "办结")
    second = episodes.nominate(
        clerk, "congenital_aid", person, {"child": child_answers()}, on=later, region=town
    )
    papers = {"papers_given": ["identity"]}
    encounters.record(second, "congenital_aid_papers", "child", papers, later, clerk)
    episodes.review(second, there("township_officer"), later)
    seen = {"originals_seen": ["identity"], "originals_agree": True, "defect_confirmed": True}
    encounters.record(second, "congenital_aid_check", "child", seen, later, clerk)
    episodes.confirm(second, clerk, later)
    second.refresh_from_db()
    assert second.policy == "qijiang-2018"
    refusal = applications.refusal_of(second)
    assert refusal is not None
    assert "已享受过一次" in refusal.reason
    assert refusal.clause == "四（三）2"
    assert claims.claim(second, later).status == Claim.Status.REFUSED


@pytest.mark.requirement("E03")
def test_two_applications_under_way_end_in_one_payment(application: Any, at: Any) -> None:
    """Even when both were confirmed before either was approved, the database holds the second."""
    first = application("ended")
    person = first.person
    episodes.close(first, at("registration"), "另案办理")
    second = application("ended", person=person)
    type(first).objects.filter(pk=first.pk).update(status="open", closed_on=None)
    first.refresh_from_db()
    after = DAY + timedelta(days=8)
    decisions.approve(second, at("manager"), after)
    decisions.approve(first, at("manager"), after)
    found = {c.episode_id: c for c in Claim.objects.all()}
    assert found[second.pk].status == Claim.Status.READY
    assert found[first.pk].status == Claim.Status.REFUSED
    assert found[first.pk].refusal["code"] == "counted_before"


def test_an_amount_appealed_after_payment_is_put_right_by_a_correction(
    paid: Statement, at: Any
) -> None:
    episode = Claim.objects.get().episode
    after = DAY + timedelta(days=20)
    made = decisions.appeal(episode, at("village_worker"), "票据算错", after, after)
    decisions.decide_appeal(made, at("manager", "b"), True, "票据重复计算", after)
    [row] = episode.encounters.filter(form="congenital_aid_application", status="signed")
    encounters.amend(row.key, {"cost_total": "31666.66"}, "剔除重复票据", at("registration"))
    episode.refresh_from_db()
    episodes.confirm(episode, at("registration"), after)
    again = notices.make(
        at("registration"), "congenital_aid", "aid-2018", [episode], after, on=after
    )
    notices.close(again, at("registration"), after + timedelta(days=7))
    episode.refresh_from_db()
    made_again = decisions.approve(episode, at("manager"), after + timedelta(days=7))
    assert made_again.amount == 450_000  # 30 % of 15,000
    claim = Claim.objects.get()
    assert (claim.status, claim.amount) == (Claim.Status.PAID, 1_000_000)  # never changed silently
    centre = paid.organisation
    policy = content.library().policies["aid-2018"]
    next_one = statements.prepare(
        centre,
        policy,
        date(2021, 7, 1),
        date(2021, 12, 31),
        at("finance"),
        programme="congenital_aid",
    )
    assert next_one.total == 450_000 - 1_000_000
    statements.submit(next_one, at("finance"))
    statements.approve(next_one, at("manager"))
    client = Client()
    client.force_login(at("finance").staff, "django.contrib.auth.backends.ModelBackend")
    html = client.get(reverse("benefit-payment-sheet", args=[next_one.key])).content.decode()
    assert "以前各期更正" in html
    assert html.count("-5500.00") == 2  # the line and the total
