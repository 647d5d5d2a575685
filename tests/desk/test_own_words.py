"""Pages speak of each district's own rules and each programme's own people."""

from datetime import date
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from sanyou.care import episodes
from sanyou.care.models import Episode
from sanyou.registry.access import Actor
from sanyou.registry.models import Region
from sanyou.registry.people import PersonData, register_person
from tests.conftest import id_number

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("A02")]

GUANNAN, XINAN = "320724", "320724100"
HINT = "政策按居住时间判断资格"


@pytest.fixture
def mother(district: Any, actor: Any, library: Any) -> Episode:
    from sanyou.synth.filling import unremarkable

    town, system = Region.objects.get(pk=XINAN), Actor.system("tests")
    person = register_person(
        PersonData(
            name="欧阳娜仁",
            id_number=id_number(GUANNAN, date(1996, 2, 3), 66),
            hukou_region=town,
            hukou_text=town.full_name,
            residence_region=town,
            residence_text=town.full_name,
        ),
        system,
    )
    form = "delivery_subsidy_application"
    given = unremarkable(library, "delivery_subsidy", form, "wife")
    on = timezone.localdate()
    worker = actor("village_worker", XINAN)
    return episodes.nominate(worker, "delivery_subsidy", person, {"wife": given}, on, town)


def test_a_queue_calls_a_person_as_her_programme_does(mother: Episode, client_as: Any) -> None:
    page = client_as("village_worker", XINAN).get(reverse("home")).content.decode()
    assert '<span class="badge wife">产妇</span>' in page
    assert "女方" not in page
    record = client_as("village_worker", XINAN).get(reverse("episode", args=[mother.key]))
    assert "拍照上传材料（产妇）" in record.content.decode()


@pytest.mark.parametrize(("region", "hinted"), [("500107102", True), (XINAN, False)])
def test_the_registration_asks_for_the_time_of_residence_where_the_policy_does(
    district: Any, client_as: Any, region: str, hinted: bool
) -> None:
    page = client_as("village_worker", region).get(reverse("nominate")).content.decode()
    assert (HINT in page) is hinted


@pytest.mark.parametrize(
    ("programme", "step"), [("preconception", "镇街审核"), ("premarital", "核对资格")]
)
def test_the_registration_says_what_comes_next_in_that_programme(
    district: Any, client_as: Any, programme: str, step: str
) -> None:
    client = client_as("village_worker", XINAN)
    page = client.get(reverse("nominate") + f"?programme={programme}").content.decode()
    assert f"下一步是“{step}”" in page
