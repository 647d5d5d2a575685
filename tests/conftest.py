"""The cast: one district, a member of staff of every duty, one couple, and that couple at each stage.

Everybody is invented. Id numbers are made with a right check digit from made-up birth dates.
"""

from collections.abc import Callable
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from hypothesis import settings as examples

FIXTURES = Path(__file__).parent / "fixtures"
COUNTY = "500107"  # 九龙坡区
HUAYAN = "500107102"  # 华岩镇
XIPENG = "500107110"  # 西彭镇
CARVED_OUT = "500107103"  # 含谷镇
TODAY = date(2021, 3, 1)
PASSWORD = "correct-horse-9"

# No example fails for being slow: tests do not measure time.
examples.register_profile("untimed", parent=examples(), deadline=None)
examples.load_profile("untimed")


def pytest_runtest_setup(item: pytest.Item) -> None:
    if item.get_closest_marker("postgres"):
        from django.conf import settings

        if "postgresql" not in settings.DATABASES["default"]["ENGINE"]:
            pytest.skip("needs PostgreSQL")


@pytest.fixture(scope="session", autouse=True)
def _test_home(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Keys and files of the tests never touch a real home."""
    from django.conf import settings

    settings.HOME = tmp_path_factory.mktemp("home")
    settings.RELEASES_CHECK_SECONDS = None  # tests of content versions set it
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_modify_db_settings_parallel_suffix: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """SQLite in a file, as it is deployed: in memory, threads of the live server lock each other."""
    if connection.vendor == "sqlite":
        settings = connection.settings_dict
        settings["TEST"]["NAME"] = str(tmp_path_factory.mktemp("database") / "test.sqlite3")
        # A test's data need not survive a power cut.
        settings["OPTIONS"]["init_command"] = settings["OPTIONS"]["init_command"].replace(
            "synchronous=FULL", "synchronous=OFF"
        )


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> None:
    from sanyou.registry import regions

    with django_db_blocker.unblock():
        regions.load()


@pytest.fixture
def library() -> Any:
    from sanyou.care import content

    return content.library()


@pytest.fixture
def regions(db: None) -> None:
    """The whole region tree; a transactional test before this one may have emptied the table."""
    from sanyou.registry import regions as module
    from sanyou.registry.models import Region

    if not Region.objects.exists():
        module.load()


@pytest.fixture
def district(regions: None) -> Any:
    from sanyou.registry import organisations

    return organisations.setup_district(COUNTY, "九龙坡区妇幼保健计划生育服务中心")


@pytest.fixture
def staff(district: Any) -> Callable[..., Any]:
    """`staff("history_nurse")` -> a Staff row with that duty in the county (or in `region`)."""
    from sanyou.registry.models import DutyAssignment, Organisation, Region, Staff

    def make(duty: str, region: str | None = None, username: str | None = None) -> Any:
        local = {"village_worker": HUAYAN, "township_officer": HUAYAN}
        code = region or local.get(duty, COUNTY)
        name = username or f"{duty}-{code}"
        found = Staff.objects.filter(username=name).first()
        if found:
            return found
        organisations = Organisation.objects.all()
        person = Staff.objects.create_user(
            name,
            password=PASSWORD,
            display_name=f"测试{duty}",
            organisation=organisations.filter(region__code__startswith=code[:6]).first()
            or organisations.filter(region__code__startswith=COUNTY).first(),
        )
        DutyAssignment.objects.create(
            staff=person,
            duty=duty,
            region=Region.objects.get(pk=code),
            valid_from=date(2020, 1, 1),
        )
        return person

    return make


@pytest.fixture
def actor(staff: Callable[..., Any]) -> Callable[..., Any]:
    """`actor("physician")` -> an Actor acting with that duty."""
    from sanyou.registry.access import Actor

    def make(duty: str, region: str | None = None, username: str | None = None) -> Any:
        person = staff(duty, region, username)
        return Actor.of(person, person.duties.get(duty=duty))

    return make


@pytest.fixture
def client_as(staff: Callable[..., Any]) -> Callable[..., Client]:
    """`client_as("physician")` -> a test client signed in with that duty."""

    def make(duty: str, region: str | None = None, username: str | None = None) -> Client:
        client = Client()
        client.force_login(
            staff(duty, region, username), "django.contrib.auth.backends.ModelBackend"
        )
        return client

    return make


def id_number(region: str, born: date, sequence: int) -> str:
    """A resident id number with its check digit (GB 11643). Odd sequence = male."""
    body = f"{region}{born:%Y%m%d}{sequence:03d}"
    weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]
    return body + "10X98765432"[sum(int(c) * w for c, w in zip(body, weights, strict=True)) % 11]


@pytest.fixture
def make_id() -> Callable[[str, date, int], str]:
    return id_number


@pytest.fixture
def make_couple(regions: None) -> Callable[..., Any]:
    """`make_couple(3)` -> a registered couple of 华岩镇, different for each number."""
    from sanyou.registry.access import Actor
    from sanyou.registry.models import Region
    from sanyou.registry.people import PersonData, register_couple, register_person

    def make(number: int = 1, town: str = HUAYAN, hukou: str | None = None) -> Any:
        system = Actor.system("tests")
        region = Region.objects.get(pk=town)
        home = Region.objects.get(pk=hukou or town)

        def person(name: str, born: date, odd: int) -> Any:
            return register_person(
                PersonData(
                    name=name,
                    id_number=id_number("500107", born, (number * 2 + odd) % 1000),
                    phone=f"138{number:08d}",
                    hukou_region=home,
                    hukou_text=home.full_name,
                    residence_region=region,
                    residence_text=region.full_name,
                    residence_since=date(2018, 5, 1),
                ),
                system,
            )

        wife = person("欧阳慧敏", date(1992, 6, 15), 0)
        husband = person("司马建国", date(1990, 2, 3), 1)
        return register_couple(wife, husband, marriage_date=date(2019, 10, 1), actor=system)

    return make


@pytest.fixture
def couple(make_couple: Callable[..., Any]) -> Any:
    return make_couple(1)


def answers(library: Any, form_id: str, role: str, **given: Any) -> dict[str, Any]:
    """A complete, unremarkable filling of a form, with `given` on top."""
    from sanyou.synth.filling import unremarkable

    return unremarkable(library, "preconception", form_id, role) | given


@pytest.fixture
def fill(library: Any) -> Callable[..., dict[str, Any]]:
    return lambda form, role, **given: answers(library, form, role, **given)


@pytest.fixture
def episode_at(district: Any, make_couple: Any, actor: Any, library: Any) -> Callable[..., Any]:
    """`episode_at("assessed", 2)` -> couple number 2's episode brought to that stage by the services."""
    from sanyou.care import assessments, cards, consents, documents, encounters, episodes
    from sanyou.registry.models import Region

    stages = [
        "nominated",
        "reviewed",
        "confirmed",
        "carded",
        "consented",
        "examined",
        "assessed",
        "noticed",
    ]

    def make(
        stage: str,
        number: int = 1,
        facts: dict[str, dict[str, Any]] | None = None,
        on: date = TODAY,
    ) -> Any:
        facts = facts or {}
        once = cache(actor)  # nobody's duties change on the way
        programme = library.programmes["preconception"]
        couple = make_couple(number)
        want = stages.index(stage)
        episode = episodes.nominate(
            once("village_worker"),
            "preconception",
            couple,
            {
                "couple": {"child_order": 1, "policy_compliant": True, "planning": True}
                | facts.get("couple", {})
            },
            on=on,
            region=Region.objects.get(pk=HUAYAN),
        )
        if want >= 1:
            episodes.review(episode, once("township_officer"))
        if want >= 2:
            episodes.confirm(episode, once("registration"), on=on)
        if want >= 3:
            cards.issue(episode, once("village_worker"), on=on)
        if want >= 4:
            for role in ("wife", "husband"):
                consents.grant(episode, role, once("registration"), on=on, method="paper")
        if want >= 5:
            for step in programme.steps:
                if step.kind != "form" or not step.form or "consent" not in step.after:
                    continue
                for role in step.roles:
                    form = programme.forms[step.form]
                    data = answers(library, step.form, role)
                    own = {f.element for s in form.sections for f in s.fields}
                    data |= {k: v for k, v in facts.get(role, {}).items() if k in own}
                    encounters.record(
                        episode, step.form, role, data, on=on, actor=once(form.duty[0])
                    )
        if want >= 6:
            assessments.confirm(assessments.propose(episode, on=on), once("assessing_doctor"))
        if want >= 7:
            documents.issue(episode, "notice", once("assessing_doctor"), on=on)
        episode.refresh_from_db()
        return episode

    return make


@pytest.fixture
def on_postgres() -> bool:
    return connection.vendor == "postgresql"
