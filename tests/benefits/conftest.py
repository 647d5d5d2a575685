"""Two invented districts with a subsidy each, and applications brought to any stage."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import id_number

FOLDER = Path(__file__).parents[1] / "fixtures" / "subsidies"
AID = "500111"  # the district of the congenital aid
AID_TOWN = "500111103"
DELIVERY = "320723"  # the county of the delivery subsidy
DAY = date(2021, 3, 1)
STAGES = ["applied", "papers", "reviewed", "checked", "confirmed", "published", "ended", "approved"]


@pytest.fixture
def subsidies() -> Iterator[Any]:
    """The packaged content with the two invented documents."""
    from sanyou.care import content
    from sanyou.protocol.library import Library

    library = Library.load(None, FOLDER)
    content.set_library(library)
    yield library
    content.set_library(None)


@pytest.fixture
def aid(subsidies: Any, regions: None) -> str:
    from sanyou.registry import organisations

    organisations.setup_district(AID, "区妇幼保健院")
    return AID


@pytest.fixture
def town(aid: str) -> Any:
    from sanyou.registry.models import Region

    return Region.objects.filter(parent_id=f"{aid}", level=Region.Level.TOWNSHIP).first()


@pytest.fixture
def at(staff: Callable[..., Any], aid: str, town: Any) -> Callable[..., Any]:
    """`at("manager")` -> an Actor of the aid's district; "b" for a second person."""
    from sanyou.registry.access import Actor

    def make(duty: str, who: str = "") -> Any:
        place = town.code if duty in {"village_worker", "township_officer"} else aid
        person = staff(duty, place, f"{duty}-{who}-{place}")
        return Actor.of(person, person.duties.get(duty=duty))

    return make


def child_answers(**given: Any) -> dict[str, Any]:
    """A complete application for the congenital aid."""
    return {
        "applicant_name": "欧阳秀英",
        "guardian_relation": "mother",
        "applicant_phone": "13800000001",
        "defect_group": "cleft_lip",
        "defect_diagnosis": "先天性唇裂",
        "treatment_hospital": "市儿童医院",
        "cost_total": "50000",
        "medical_insurance_paid": "11666.66",
        "commercial_insurance_paid": "0",
        "account_holder": "欧阳秀英",
        "bank_name": "农村商业银行某支行",
        "bank_account": "6222000011112222333",
    } | given


@pytest.fixture
def child(regions: None, aid: str) -> Callable[..., Any]:
    from sanyou.registry.access import Actor
    from sanyou.registry.models import Region
    from sanyou.registry.people import PersonData, register_person

    def make(number: int = 1, born: date = date(2018, 5, 20), hukou: str = AID) -> Any:
        home = Region.objects.get(pk=hukou)
        return register_person(
            PersonData(
                name="王小宝",
                id_number=id_number("500111", born, number),
                hukou_region=home,
                hukou_text=home.full_name,
                residence_region=home,
                residence_text=home.full_name,
            ),
            Actor.system("tests"),
        )

    return make


@pytest.fixture
def application(child: Any, at: Any, town: Any) -> Callable[..., Any]:
    """`application("published", number=2, cost_total="5000.01")` by the services."""
    from sanyou.benefits import decisions, notices
    from sanyou.care import encounters, episodes

    def make(
        stage: str,
        number: int = 1,
        born: date = date(2018, 5, 20),
        hukou: str = AID,
        on: date = DAY,
        person: Any = None,
        **given: Any,
    ) -> Any:
        want = STAGES.index(stage)
        episode = episodes.nominate(
            at("village_worker"),
            "congenital_aid",
            person or child(number, born, hukou),
            {"child": child_answers(**given)},
            on=on,
            region=town,
        )
        if want >= 1:
            papers = {"papers_given": ["identity", "diagnosis", "invoice"]}
            encounters.record(
                episode, "congenital_aid_papers", "child", papers, on, at("village_worker")
            )
        if want >= 2:
            episodes.review(episode, at("township_officer"), on)
        if want >= 3:
            seen = {
                "originals_seen": ["identity", "diagnosis", "invoice"],
                "originals_agree": True,
                "defect_confirmed": True,
            }
            encounters.record(
                episode, "congenital_aid_check", "child", seen, on, at("registration")
            )
        if want >= 4:
            episodes.confirm(episode, at("registration"), on)
        episode.refresh_from_db()
        if want >= 5:
            notice = notices.make(
                at("registration"), "congenital_aid", episode.policy, [episode], on, on=on
            )
            if want >= 6:
                notices.close(notice, at("registration"), notice.ends_on + timedelta(days=1))
        if want >= 7:
            decisions.approve(episode, at("manager"), on + timedelta(days=8))
        episode.refresh_from_db()
        return episode

    return make
