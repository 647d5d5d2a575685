"""A programme of organisations walked through its pages: chosen, visited, judged, told, counted."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from sanyou.care import content, documents, episodes, reuse
from sanyou.care.errors import CareError
from sanyou.care.facts import facts_of, names_of, people_of
from sanyou.care.models import Document, Encounter, Episode
from sanyou.figures import report
from sanyou.protocol.library import Library
from sanyou.registry import groups
from sanyou.registry.models import Organisation, Region

pytestmark = pytest.mark.django_db

VISITS = Path(__file__).parents[1] / "fixtures" / "visits"
TOWN = "500107102"
NAME = "华岩镇助产医院"


@pytest.fixture(scope="module")
def visits() -> Library:
    return Library.load(None, VISITS)


@pytest.fixture(autouse=True)
def in_use(visits: Library) -> Iterator[None]:
    content.set_library(visits)
    yield
    content.set_library(None)


@pytest.fixture
def hospital(district: Any, actor: Any) -> Organisation:
    town = Region.objects.get(pk=TOWN)
    return groups.place(actor("maternity_doctor"), town, "other", NAME)


@pytest.fixture
def doctor(client_as: Callable[..., Client]) -> Client:
    return client_as("maternity_doctor")


@pytest.fixture
def visited(hospital: Organisation, doctor: Client) -> Episode:
    """Registered on the page."""
    answer = doctor.post(
        reverse("nominate"),
        {"programme": "visits", "unit": hospital.code, "f-visits_reason": "孕产妇死亡一例"},
    )
    assert answer.status_code == 302, answer.content.decode()
    return Episode.objects.get()


def sign(client: Client, episode: Episode, form: str, **answers: str) -> Encounter:
    opened = client.get(reverse("encounter-open", args=[episode.key, form, "unit"]), follow=True)
    assert opened.status_code == 200
    assert NAME in opened.content.decode()
    draft = episode.encounters.get(form=form, status="draft")
    changes = {name: {"base": None, "value": value} for name, value in answers.items()}
    saved = client.post(
        reverse("encounter-autosave", args=[draft.key]),
        {"changes": changes},
        content_type="application/json",
    )
    assert saved.status_code == 200, saved.content.decode()
    draft.refresh_from_db()
    done = client.post(
        reverse("encounter-sign", args=[draft.key]),
        {"version": draft.version},
        content_type="application/json",
    )
    assert done.status_code == 200, done.content.decode()
    draft.refresh_from_db()
    assert draft.status == "signed"
    return draft


def test_an_organisation_of_the_region_is_chosen(
    hospital: Organisation, doctor: Client, district: Any
) -> None:
    far = Organisation.objects.create(
        code="FAR", name="外区医院", kind="other", region=Region.objects.get(pk="500106")
    )
    page = doctor.get(reverse("nominate"), {"programme": "visits"}).content.decode()
    assert NAME in page
    assert "外区医院" not in page
    assert "unit-id_number" not in page
    without = doctor.post(reverse("nominate"), {"programme": "visits", "f-visits_reason": "x"})
    assert without.status_code == 422
    assert "请选择要登记的机构" in without.content.decode()
    theirs = {"programme": "visits", "unit": far.code, "f-visits_reason": "x"}
    assert doctor.post(reverse("nominate"), theirs).status_code == 422
    assert not Episode.objects.exists()


def test_it_is_walked_from_registration_to_the_last_paper(
    visited: Episode, doctor: Client, actor: Any, visits: Library
) -> None:
    today = timezone.localdate().isoformat()
    assert visited.unit is not None
    assert (visited.region_id, visited.person, visited.couple) == (TOWN, None, None)
    for place in ("home", "queue"):
        assert NAME in doctor.get(reverse(place)).content.decode()
    assert NAME in doctor.post(reverse("queue"), {"name": "助产"}).content.decode()
    page = doctor.get(reverse("episode", args=[visited.key])).content.decode()
    assert NAME in page
    assert "所在地" in page
    confirm = visited.tasks.get(name="confirm")
    answer = doctor.get(reverse("task", args=[confirm.key]), follow=True)
    assert answer.status_code == 200
    assert NAME in answer.content.decode()
    done = doctor.post(reverse("confirm", args=[visited.key]), {"decision": "accept"}, follow=True)
    assert "已确认资格" in done.content.decode()
    visited.refresh_from_db()
    assert visited.decisions.get().answer == "yes"
    page = doctor.get(reverse("consent", args=[visited.key])).content.decode()
    assert NAME in page
    signed = {"role": "unit", "decision": "paper"}
    assert doctor.post(reverse("consent", args=[visited.key]), signed).status_code == 302
    sign(doctor, visited, "visits_look", visits_result="poor", visits_on=today)
    page = doctor.get(reverse("assess", args=[visited.key])).content.decode()
    assert NAME in page
    assert "限期整改" in page
    standing = visited.assessments.get()
    doctor.post(
        reverse("assess", args=[visited.key]), {"assessment": str(standing.key), "do": "confirm"}
    )
    standing.refresh_from_db()
    assert standing.decided_at is not None
    assert NAME in doctor.get(reverse("documents", args=[visited.key])).content.decode()
    issued = doctor.post(
        reverse("document-issue", args=[visited.key, "visits_notice"]), follow=True
    )
    assert issued.status_code == 200
    paper = Document.objects.get(kind="visits_notice")
    text = documents.render(paper)
    assert NAME in text
    assert "华岩镇" in text
    loop = visited.tasks.get(kind="loop", status="open")
    page = doctor.get(reverse("task", args=[loop.key])).content.decode()
    assert NAME in page
    assert "核对出生年月" not in page
    sign(doctor, visited, "visits_mend", visits_mended_on=today)
    assert not visited.tasks.filter(kind="loop", status="open").exists()
    programme = visits.programmes["visits"]
    figures = report.compute(
        programme, "visits_month", Region.objects.get(pk="500107"), timezone.localdate()
    )
    assert figures.values == {"visits_done": 1}


def test_its_facts_are_its_own(visited: Episode, visits: Library) -> None:
    programme = visits.programmes["visits"]
    facts = facts_of(visited, timezone.localdate())
    assert facts["unit.residence_region__in_district"] is True
    assert facts["unit.visits_reason"] == "孕产妇死亡一例"
    assert not {"unit.age", "unit.sex", "unit.birth_date"} & facts.keys()
    assert people_of(programme, visited) == {}
    assert names_of(programme, visited) == {"unit": NAME}


def test_one_organisation_is_not_another(
    visited: Episode, actor: Any, hospital: Organisation, district: Any, visits: Library
) -> None:
    """Each has one record going on; they are not siblings."""
    doctor, today = actor("maternity_doctor"), timezone.localdate()
    answers = {"unit": {"visits_reason": "演练"}}
    town = Region.objects.get(pk=TOWN)
    other = episodes.nominate(doctor, "visits", district.centre, answers, today, town)
    assert other != visited
    assert episodes.nominate(doctor, "visits", hospital, answers, today, town) == visited
    with pytest.raises(CareError) as refused:
        episodes.nominate(
            actor("maternity_doctor", username="second"), "visits", hospital, answers, today, town
        )
    assert refused.value.code == "already_open"
    assert list(Episode.objects.filter(visited.same_subject)) == [visited]
    assert reuse.partners(visited) == []


def test_a_person_is_no_organisation(couple: Any, actor: Any, hospital: Organisation) -> None:
    doctor, today = actor("maternity_doctor"), timezone.localdate()
    town = Region.objects.get(pk=TOWN)
    for programme, subject in (("visits", couple.wife), ("folic_acid", hospital)):
        with pytest.raises(CareError) as refused:
            episodes.nominate(doctor, programme, subject, {}, today, town)
        assert refused.value.code == "bad_subject"


def test_it_is_registered_and_read_by_the_api(
    hospital: Organisation, client_as: Callable[..., Client]
) -> None:
    client = client_as("maternity_doctor")
    wanted = {
        "programme": "visits",
        "region": TOWN,
        "organisation": hospital.code,
        "observations": {"unit": {"visits_reason": "演练"}},
    }
    made = client.post("/api/episodes", wanted, content_type="application/json")
    assert made.status_code == 201, made.content.decode()
    assert made.json()["persons"] == []
    assert made.json()["organisation"] == {"role": "unit", "code": hospital.code, "name": NAME}
    read = client.get(f"/api/episodes/{made.json()['key']}").json()
    assert read["organisation"]["name"] == NAME
    unknown = client.post(
        "/api/episodes", wanted | {"organisation": "nobody"}, content_type="application/json"
    )
    assert unknown.status_code == 404


def test_another_county_does_not_see_it(visited: Episode, client_as: Callable[..., Client]) -> None:
    elsewhere = client_as("maternity_doctor", "500106")
    assert elsewhere.get(reverse("episode", args=[visited.key])).status_code == 404
