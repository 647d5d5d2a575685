"""A couple that moves stays in the figures of the district where it was opened."""

from datetime import date
from typing import Any

import pytest

from sanyou.care import episodes
from sanyou.figures.report import compute
from sanyou.registry.models import Region
from tests.conftest import COUNTY

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("F01")]

MARCH = date(2021, 3, 31)


def test_handing_a_couple_on_changes_no_earlier_month(
    episode_at: Any, actor: Any, library: Any
) -> None:
    episode = episode_at("examined")
    programme = library.programmes["preconception"]
    here, there = (Region.objects.get(pk=code) for code in (COUNTY, "220174"))
    before = compute(programme, "service_month", here, MARCH).values
    assert before["examined_couples"] == 1
    town = Region.objects.get(pk="220174001")
    episodes.transfer(episode, actor("registration"), town, "迁往长春")
    assert compute(programme, "service_month", here, MARCH).values == before
    assert compute(programme, "service_month", there, MARCH).values["examined_couples"] == 0
