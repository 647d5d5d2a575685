"""Two people at the same moment, on the database that lets them."""

from datetime import date, timedelta
from typing import Any

import pytest

from sanyou.benefits import decisions, notices, programmes
from sanyou.benefits.models import BenefitEntry, Decision, NoticeEntry, PublicNotice
from sanyou.care.errors import CareError
from sanyou.finance.models import Claim
from sanyou.registry.models import Region
from tests.benefits.conftest import AID, DAY
from tests.care.test_at_the_same_time import together

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.django_db(transaction=True),
    pytest.mark.requirement("E03"),
]


def test_two_clicks_make_one_notice(application: Any, at: Any) -> None:
    episode, clerk = application("confirmed"), at("registration")
    made = together(
        *[lambda: notices.make(clerk, "congenital_aid", "aid-2018", [episode], DAY, on=DAY)] * 3
    )
    assert PublicNotice.objects.count() == 1, made
    assert {m.pk for m in made} == {PublicNotice.objects.get().pk}
    assert NoticeEntry.objects.count() == 1


def test_two_managers_approve_once(application: Any, at: Any) -> None:
    episode = application("ended")
    people = [at("manager"), at("manager", "b"), at("manager", "c")]
    after = DAY + timedelta(days=8)
    made = together(*[lambda who=who: decisions.approve(episode, who, after) for who in people])
    assert Decision.objects.count() == 1, made
    assert Claim.objects.get().amount == 1_000_000


def test_approved_or_refused_but_never_both(application: Any, at: Any) -> None:
    episode, after = application("ended"), DAY + timedelta(days=8)
    one, two = at("manager"), at("manager", "b")
    made = together(
        lambda: decisions.approve(episode, one, after),
        lambda: decisions.refuse(episode, two, "票据不清", after),
    )
    assert Decision.objects.count() == 1
    assert sum(isinstance(m, CareError) for m in made) == 1


@pytest.mark.requirement("E04")
def test_two_corrections_of_one_month_do_not_hide_each_other(subsidies: Any, at: Any) -> None:
    region = Region.objects.get(pk=AID)
    policy, clerk = subsidies.policies["aid-2018"], at("statistician")

    def enter(people: str) -> BenefitEntry:
        return programmes.enter(
            clerk, policy, "vaccination", region, date(2021, 2, 1), "other", people, "1.00",
            version=0,
        )  # fmt: skip

    made = together(lambda: enter("10"), lambda: enter("20"))
    assert BenefitEntry.objects.count() == 1
    assert sum(isinstance(m, CareError) for m in made) == 1
