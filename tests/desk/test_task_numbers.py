"""The page of the year's task numbers."""

import datetime as dt
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from sanyou.care.models import Episode
from sanyou.desk.views import task_numbers as view
from sanyou.figures.models import TaskNumber
from sanyou.registry.models import Organisation, Region
from tests.conftest import COUNTY, HUAYAN, TODAY, XIPENG

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("A07")]
PAPER = "渝卫办〔2021〕9号"
FORM = {"programme": "preconception", "year": "2021", "act": "save", "source": PAPER}


@pytest.fixture(autouse=True)
def _in_march_2021(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "timezone", SimpleNamespace(localdate=lambda: TODAY))


@pytest.fixture
def manager(client_as: Callable[..., Client]) -> Client:
    return client_as("manager")


@pytest.fixture
def given(manager: Client, district: Any) -> None:
    """One couple of two wanted in 华岩镇, four in the district."""
    centre = Organisation.objects.get(region_id=COUNTY, kind=Organisation.Kind.CENTRE)
    response = manager.post(
        reverse("task-numbers-set"),
        FORM
        | {"total": "４", f"town-{HUAYAN}": "2", f"town-{XIPENG}": "1"}
        | {f"organisation-{centre.code}": "4"},
    )
    assert response.status_code == 302, response.content.decode()


def page(client: Client, **query: Any) -> str:
    response = client.get(reverse("task-numbers"), query)
    assert response.status_code == 200
    return response.content.decode()


def test_coverage_stands_against_the_target_and_its_clause(
    given: None, episode_at: Callable[..., Episode], manager: Client
) -> None:
    for number in (1, 2, 3):
        episode_at("examined", number)
    html = page(manager)
    assert '<span class="number">75.0<small>%</small></span>' in html
    assert "目标 ≥ 96%" in html
    assert reverse("policy", args=["jiulongpo-2020"]) + "#target-coverage" in html
    assert "二（二）" in html
    assert "离任务数还差 1 对" in html
    assert "各镇街任务数合计比全区少 1 对" in html
    # 3 couples in 38 of 250 working days
    assert "20 <small>对</small></span>按目前进度推算全年" in html
    assert "到 2021-03-01 共 38 个工作日的平均进度乘以全年 250 个工作日，是直线推算" in html
    assert "天数尚少，仅供参考" in html
    assert "150.0%" in html  # 华岩镇: three of two
    assert PAPER in html


def test_before_a_number_is_given_the_page_says_so(district: Any, manager: Client) -> None:
    html = page(manager)
    assert "还没有下达本地区的任务数" in html
    assert "没有待邀请的夫妇" in html
    assert reverse("task-numbers-set") in html


def test_couples_still_to_invite_are_listed_by_town(
    given: None, episode_at: Callable[..., Episode], manager: Client
) -> None:
    waiting, done = episode_at("confirmed", 1), episode_at("examined", 2)
    html = page(manager)
    assert waiting.number in html
    assert done.number not in html
    assert reverse("episode", args=[waiting.key]) in html
    assert "欧阳慧敏" in html
    assert waiting.number in page(manager, town=HUAYAN)
    assert waiting.number not in page(manager, town=XIPENG)


@pytest.mark.requirement("H01")
def test_a_town_sees_its_own_number_and_couples_only(
    given: None, episode_at: Callable[..., Episode], client_as: Callable[..., Client]
) -> None:
    waiting = episode_at("confirmed", 1)
    here = page(client_as("village_worker"))
    assert waiting.number in here
    assert '<span class="number">2 <small>对</small></span>任务数' in here
    assert "西彭镇" not in here
    assert reverse("task-numbers-set") not in here
    there = page(client_as("township_officer", region=XIPENG))
    assert waiting.number not in there
    assert '<span class="number">1 <small>对</small></span>任务数' in there


@pytest.mark.requirement("H01")
@pytest.mark.parametrize(
    ("duty", "sees", "sets"),
    [("manager", 200, 200), ("statistician", 200, 403), ("township_officer", 200, 403),
     ("village_worker", 200, 403), ("physician", 403, 403), ("finance", 403, 403)],
)  # fmt: skip
def test_task_numbers_are_shown_to_their_duties(
    district: Any, client_as: Callable[..., Client], duty: str, sees: int, sets: int
) -> None:
    client = client_as(duty)
    assert client.get(reverse("task-numbers")).status_code == sees
    assert client.get(reverse("task-numbers-set")).status_code == sets


def test_the_manager_reaches_it_from_home_and_the_reports(
    district: Any, manager: Client, client_as: Callable[..., Client]
) -> None:
    url = reverse("task-numbers")
    assert url in manager.get(reverse("home")).content.decode()
    assert url in client_as("statistician").get(reverse("reports")).content.decode()


def test_the_suggested_split_fills_the_form_and_saves_nothing(
    episode_at: Callable[..., Episode], manager: Client
) -> None:
    episode_at("nominated", 1)
    html = manager.post(
        reverse("task-numbers-set"), FORM | {"act": "split", "total": "60", "source": ""}
    ).content.decode()
    assert f'name="town-{HUAYAN}" inputmode="numeric" autocomplete="off" value="60"' in html
    assert "合计 60 对，与全区一致" in html
    assert "请填写下达任务数的文件" not in html
    assert not TaskNumber.objects.exists()


def test_a_form_with_mistakes_comes_back_with_what_was_typed(
    district: Any, manager: Client
) -> None:
    response = manager.post(
        reverse("task-numbers-set"),
        FORM | {"total": "", "source": "", f"town-{HUAYAN}": "两百", f"town-{XIPENG}": "7"},
    )
    html = response.content.decode()
    assert response.status_code == 409
    assert "请填写全区任务数" in html
    assert "请填写下达任务数的文件" in html
    assert "任务数要填 0 或正整数" in html
    assert 'value="两百"' in html
    assert 'value="7"' in html
    assert not TaskNumber.objects.exists()


def test_who_set_what_is_shown(given: None, manager: Client) -> None:
    manager.post(
        reverse("task-numbers-set"),
        FORM | {"total": "5", "source": "调整通知", f"town-{HUAYAN}": "3", f"town-{XIPENG}": "2"},
    )
    html = page(manager)
    assert "下达与调整经过" in html
    assert "全区 4 对" in html
    assert "全区 5 对" in html
    assert html.index("调整通知") < html.rindex(PAPER)
    assert TaskNumber.objects.get(region=HUAYAN).number == 3


def test_a_year_out_of_reach_is_the_current_one(district: Any, manager: Client) -> None:
    for year in ("1999", "soon", "２０２０"):
        assert "2021 年度任务" in page(manager, year=year)
    assert "2020 年度任务" in page(manager, year="2020")
    assert "2022 年度任务" in page(manager, year="2022")  # set before it begins


def test_a_district_without_such_a_target_is_told(
    regions: None, client_as: Callable[..., Client], district: Any
) -> None:
    elsewhere = client_as("manager", region="500106")
    assert Region.objects.filter(pk="500106").exists()
    assert "没有以任务数考核的项目" in page(elsewhere)
    assert elsewhere.get(reverse("task-numbers-set")).status_code == 404


def test_the_demo_has_a_task_number(
    episode_at: Callable[..., Episode], actor: Callable[..., Any], library: Any
) -> None:
    from sanyou.synth import month as demo

    episode_at("examined", 1, on=dt.date(2021, 1, 5))
    until = dt.date(2021, 1, 5)  # the second working day of 250: a pace of 125 a year
    for _twice in range(2):
        given = {"programmes": ["preconception"]}
        county = Region.objects.get(pk=COUNTY)
        demo._task_numbers(given, county, {"manager": actor("manager")}, until)
    own = TaskNumber.objects.get(region=COUNTY)
    towns = TaskNumber.objects.exclude(region=COUNTY)
    assert own.number == 130
    assert sum(t.number for t in towns) == own.number
    assert "虚构" in own.source
