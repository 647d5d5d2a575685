"""One installation, many districts: each sees its own, those above see all below, nobody sees beside."""

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import URLPattern, reverse
from django.utils import timezone

from sanyou.care import content
from sanyou.care.models import Document, Encounter, Episode, Task
from sanyou.care.steps import duties_of
from sanyou.desk import urls
from sanyou.figures import submissions
from sanyou.figures.models import Submission
from sanyou.finance import claims, statements
from sanyou.finance.models import Claim
from sanyou.protocol.library import Library
from sanyou.registry import organisations
from sanyou.registry.duties import DUTIES
from sanyou.registry.models import Doubt, Region, Staff

COUNTY, BESIDE, PROVINCE = "500107", "220174", "500000"
NAMES = ("欧阳慧敏", "司马建国")
REGISTERED = date(2026, 11, 2)

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("A02")]


@pytest.fixture
def beside(district: Any) -> Any:
    """Another district of the installation, in another province."""
    return organisations.setup_district(BESIDE, "长春汽开区妇幼保健计划生育服务中心")


@pytest.fixture
def worked(episode_at: Callable[..., Episode], actor: Callable[..., Any]) -> dict[str, Any]:
    """Something of every kind in the first district: path prefix of its pages -> its key."""
    episode = episode_at("noticed", 1)
    claim = claims.claim(episode, timezone.localdate())
    policy = content.policy_of(episode)
    assert policy is not None
    centre = organisations.setup_district(COUNTY, "九龙坡区妇幼保健计划生育服务中心").centre
    period = statements.period_of(policy, date(2021, 3, 1))
    statement = statements.prepare(centre, policy, *period, actor("finance"))
    region = Region.objects.get(pk=COUNTY)
    report = submissions.draft(
        "preconception", "service_month", region, date(2021, 3, 1), actor("statistician")
    )
    doubt = Doubt.objects.create(kind=Doubt.Kind.SAME_PERSON, region=region)
    couple = episode.couple
    assert couple is not None
    return {
        "couples": couple.key,
        "people": couple.wife.key,
        "episodes": episode.key,
        "encounters": Encounter.objects.filter(episode=episode).latest("pk").key,
        "documents": Document.objects.filter(episode=episode).latest("pk").key,
        "tasks": Task.objects.filter(episode=episode).latest("pk").key,
        "claims": claim.key,
        "statements": statement.key,
        "reports": report.key,
        "doubts": doubt.key,
        "staff": Staff.objects.get(username=f"manager-{COUNTY}").pk
        if Staff.objects.filter(username=f"manager-{COUNTY}").exists()
        else Staff.objects.filter(organisation__region__code__startswith=COUNTY).latest("pk").pk,
    }


def patterns() -> Iterator[URLPattern]:
    for pattern in urls.urlpatterns:
        access = getattr(pattern.callback, "access", "public")
        if isinstance(pattern, URLPattern) and access not in {"public", "signed-in"}:
            yield pattern


def holder(action: str) -> str:
    """A duty that may do it."""
    return next(d.id for d in DUTIES.values() if d.id != "system" and action in d.may)


OF_ONE = [p for p in patterns() if {"key", "pk"} & p.pattern.converters.keys()]
OF_NONE = [p for p in patterns() if not p.pattern.converters]
SLUGS = {
    "form": "history",
    "role": "wife",
    "kind": "notice",
    "indicator": "examined",
    "name": "x",
}


def values_of(pattern: URLPattern, worked: dict[str, Any]) -> dict[str, Any]:
    """What an address captures: the record where there is one of its kind, else made up."""
    prefix = str(pattern.pattern).split("/")[0]
    values: dict[str, Any] = {}
    for name, converter in pattern.pattern.converters.items():
        made: Any = {"UUIDConverter": uuid4(), "IntConverter": 0}.get(type(converter).__name__)
        if name in {"key", "pk"} and prefix in worked:
            made = worked[prefix]
        values[name] = SLUGS.get(name, "none") if made is None else made
    return values


def get_or_post(client: Client, address: str) -> Any:
    response = client.get(address)
    return client.post(address) if response.status_code == 405 else response


@pytest.mark.requirement("H01")
def test_a_record_of_one_district_does_not_exist_for_the_staff_of_another(
    worked: dict[str, Any], beside: Any, client_as: Callable[..., Client]
) -> None:
    reached = set()
    for pattern in OF_ONE:
        prefix = str(pattern.pattern).split("/")[0]
        if prefix not in worked:
            continue
        values = values_of(pattern, worked)
        client = client_as(holder(pattern.callback.access), region=BESIDE)  # type: ignore[attr-defined]
        response = get_or_post(client, reverse(pattern.name or "", kwargs=values))
        assert response.status_code == 404, (pattern.name, response.status_code)
        assert not any(name in response.content.decode() for name in NAMES)
        reached.add(prefix)
    assert reached == set(worked)


@pytest.mark.requirement("H01")
def test_no_list_of_a_district_names_anybody_of_another(
    worked: dict[str, Any], beside: Any, client_as: Callable[..., Client]
) -> None:
    for duty in (d for d in DUTIES.values() if d.id != "system"):
        client = client_as(duty.id, region=BESIDE)
        for pattern in OF_NONE:
            if pattern.callback.access not in duty.may:  # type: ignore[attr-defined]
                continue
            response = client.get(reverse(pattern.name or ""))
            assert response.status_code < 500, (duty.id, pattern.name)
            text = response.content.decode(errors="ignore")
            assert not any(name in text for name in NAMES), (duty.id, pattern.name)
    found = client_as("registration", region=BESIDE).post(reverse("search"), {"q": "欧阳慧敏"})
    assert "欧阳慧敏</" not in found.content.decode()


@pytest.mark.parametrize("place", [PROVINCE, "500100", "500107102"])
def test_every_page_opens_for_every_duty_wherever_it_is_held(
    worked: dict[str, Any], beside: Any, client_as: Callable[..., Client], place: str
) -> None:
    """Also where a duty is not usually held: above the districts, or in one town."""
    for duty in (d for d in DUTIES.values() if d.id != "system"):
        client = client_as(duty.id, region=place)
        for pattern in [*OF_NONE, *OF_ONE]:
            if pattern.callback.access not in duty.may:  # type: ignore[attr-defined]
                continue
            values = values_of(pattern, worked)
            response = client.get(reverse(pattern.name or "", kwargs=values))
            assert response.status_code < 500, (duty.id, pattern.name)


@pytest.fixture
def above(district: Any, beside: Any) -> Any:
    """A second district below the same province."""
    return organisations.setup_district("500110", "綦江区妇幼保健院")


def text_of(client: Client, name: str, **query: str) -> str:
    return client.get(reverse(name), query).content.decode()


def test_the_overview_of_a_city_lists_its_districts_and_opens_each(
    above: Any,
    episode_at: Callable[..., Episode],
    client_as: Callable[..., Client],
) -> None:
    episode_at("nominated", 1, on=date(2021, 3, 1))
    client = client_as("manager", region=PROVINCE)
    page = text_of(client, "home")
    assert "?district=500107" in page
    assert "?district=500110" in page
    assert "长春" not in page  # the district beside, of another province
    assert "华岩镇" not in page
    assert "华岩镇" in text_of(client, "home", district=COUNTY)
    assert "华岩镇" not in text_of(client, "home", district="500110")
    assert client.get(reverse("home"), {"district": BESIDE}).status_code == 404


def test_the_numbers_of_a_city_are_those_of_its_districts(
    above: Any,
    episode_at: Callable[..., Episode],
    client_as: Callable[..., Client],
) -> None:
    today = timezone.localdate()
    episode_at("nominated", 1, on=today)
    episode_at("reviewed", 2, on=today)
    client = client_as("manager", region=PROVINCE)
    lines = {line.region.code: line for line in client.get(reverse("home")).context["by_district"]}
    assert (lines[COUNTY].opened, lines[COUNTY].going_on) == (2, 2)
    assert (lines["500110"].opened, lines["500110"].going_on) == (0, 0)


def test_the_reports_of_a_city_are_a_board_of_its_districts(
    above: Any,
    worked: dict[str, Any],
    client_as: Callable[..., Client],
    actor: Callable[..., Any],
) -> None:
    month = timezone.localdate().replace(day=1)
    report = submissions.draft(
        "preconception",
        "service_month",
        Region.objects.get(pk=COUNTY),
        month,
        actor("statistician"),
    )
    client = client_as("manager", region=PROVINCE)
    page = text_of(client, "reports")
    assert "?district=500107" in page
    assert reverse("report", args=[report.key]) in page
    assert client.get(reverse("report", args=[report.key])).status_code == 200
    own = text_of(client, "reports", district=COUNTY)
    assert "重庆市九龙坡区" in own
    # Drawn up by the district's own statistician only.
    assert reverse("report-draft") not in text_of(
        client_as("statistician", region=PROVINCE), "reports", district=COUNTY
    )
    assert Submission.objects.filter(region_id=PROVINCE).count() == 0


def test_the_task_numbers_of_a_city_stand_side_by_side(
    above: Any, client_as: Callable[..., Client]
) -> None:
    client = client_as("manager", region=PROVINCE)
    lines = client.get(reverse("task-numbers")).context["lines"]
    assert COUNTY in {line.region.code for line in lines}
    page = text_of(client, "task-numbers", district=COUNTY)
    assert "重庆市九龙坡区" in page
    assert reverse("task-numbers-set") not in page  # the district's own manager sets them


def test_a_queue_above_the_districts_is_filtered_by_district(
    above: Any, episode_at: Callable[..., Episode], client_as: Callable[..., Client]
) -> None:
    from sanyou.desk.views.home import _places
    from sanyou.registry.access import Actor

    episode_at("nominated", 1)
    client_as("township_officer", region=PROVINCE)
    person = Staff.objects.get(username=f"township_officer-{PROVINCE}")
    officer = Actor.of(person, person.duties.get())
    assert _places(officer, Task.objects.all()) == []  # work in one district only


# --- how a district appears -----------------------------------------------------------------------


@pytest.fixture
def dressed(tmp_path: Path) -> Iterator[Any]:
    """A district with a name, a centre and a mark of its own."""
    folder = tmp_path / "districts"
    folder.mkdir()
    (folder / "model.yaml").write_text(
        'id: model\nregion: "370214"\nlabel: 示范区\n'
        "centre: {name: 示范区妇幼保健院, phone: 0532-00001234}\nlogo: model.svg\n",
        encoding="utf-8",
    )
    (folder / "model.svg").write_text(
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><circle cx="4" cy="4" r="4"/></svg>',
        encoding="utf-8",
    )
    content.set_library(Library.load(None, tmp_path))
    yield
    content.set_library(None)


@pytest.mark.requirement("A03")
def test_the_header_shows_the_districts_name_centre_and_mark(
    district: Any, dressed: Any, client_as: Callable[..., Client]
) -> None:
    client = client_as("registration", region="370214")
    page = text_of(client, "home")
    mark = reverse("district-mark", args=["model"])
    assert "示范区</b>" in page
    assert "示范区妇幼保健院" in page
    assert f'src="{mark}"' in page
    picture = client.get(mark)
    assert picture["Content-Type"] == "image/svg+xml"
    assert "<circle" in picture.content.decode()
    assert mark not in text_of(client_as("registration"), "home")


def test_a_district_without_a_mark_keeps_the_seal(
    district: Any, dressed: Any, client_as: Callable[..., Client]
) -> None:
    page = text_of(client_as("manager", region=PROVINCE), "home")
    assert 'class="seal"' in page
    assert client_as("manager").get(reverse("district-mark", args=["none"])).status_code == 404


# --- signing in to the demo -----------------------------------------------------------------------


@pytest.fixture
def demo(regions: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The staff of two districts of the demo, without their couples."""
    from sanyou.synth.population import shares
    from sanyou.synth.staff import put_above, put_staff

    for name in ("jiulongpo", "qijiang"):
        given = shares(name)
        organisations.setup_district(given["region"], f"{name}妇幼保健院")
        put_staff(given, 7)
    put_above([COUNTY, "500110"])
    monkeypatch.setenv("SANYOU_DEMO", "1")


def test_the_demos_sign_in_offers_its_districts_then_their_duties(demo: None) -> None:
    client = Client()
    first = text_of(client, "sign-in")
    assert "?district=qijiang" in first
    assert 'data-username="dengji"' in first
    assert "qj-dengji" not in first
    other = text_of(client, "sign-in", district="qijiang", next="/reports")
    assert 'data-username="qj-dengji"' in other
    assert 'data-username="dengji"' not in other
    assert "next=%2Freports" in other
    assert "cq-zhuren" in text_of(client, "sign-in", district="")


def test_whoever_the_demo_prints_can_sign_in_and_works_in_her_district(demo: None) -> None:
    from sanyou.synth.population import shares
    from sanyou.synth.staff import PASSWORD, logins

    printed = logins()
    assert len({login.username for login in printed}) == len(printed)
    where_needed = set(shares()["staff_where_needed"])
    usual = DUTIES.keys() - {"system"} - where_needed
    for district in {login.district for login in printed} - {""}:
        held = {login.duty for login in printed if login.district == district}
        assert usual <= held
        # Further duties only where the district runs a programme that they work in.
        run = [
            programme
            for programme in content.library().programmes.values()
            if content.current_policy(
                shares(district)["region"], programme.id, timezone.localdate()
            )
        ]
        assert held - usual == where_needed & {d for p in run for d in duties_of(p)}
    for login in printed:
        if login.duty in {"registration", "manager", "storekeeper"}:
            client = Client()
            entered = client.post(
                reverse("sign-in"), {"username": login.username, "password": PASSWORD}
            )
            assert entered.status_code == 302, login.username
            assert client.get(reverse("home")).status_code == 200


def test_outside_a_demo_nothing_of_it_is_shown(demo: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SANYOU_DEMO")
    page = text_of(Client(), "sign-in", district="qijiang")
    assert "演示" not in page
    assert "data-username" not in page
    assert "sanyou-demo" not in page


def test_money_of_a_district_is_listed_for_the_city_with_its_name(
    worked: dict[str, Any], above: Any, client_as: Callable[..., Client]
) -> None:
    assert Claim.objects.exists()
    page = text_of(client_as("finance", region=PROVINCE), "statements")
    assert "九龙坡" in page
