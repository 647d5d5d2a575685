"""The monthly report pages."""

import re
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from openpyxl import load_workbook

from sanyou.care.models import Episode
from sanyou.figures import submissions
from sanyou.figures.models import Submission
from sanyou.registry.models import Region
from tests.conftest import COUNTY, TODAY

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("F02")]


@pytest.fixture
def draft(episode_at: Callable[..., Episode], actor: Callable[..., Any]) -> Submission:
    episode_at("examined", 1)
    county = Region.objects.get(pk=COUNTY)
    return submissions.draft("preconception", "service_month", county, TODAY, actor("statistician"))


@pytest.fixture
def statistician(client_as: Callable[..., Client]) -> Client:
    return client_as("statistician")


@pytest.fixture
def manager(client_as: Callable[..., Client]) -> Client:
    return client_as("manager")


def page(client: Client, name: str, *args: Any, query: str = "") -> str:
    response = client.get(reverse(name, args=args) + query)
    assert response.status_code == 200
    return response.content.decode()


def test_the_months_of_a_year_are_listed_with_what_is_missing(
    district: Any, statistician: Client
) -> None:
    html = page(statistician, "reports")
    assert "孕前优生健康检查服务工作月报表" in html
    assert html.count("未编制") == 12
    assert "逾期未报" in html


def test_a_month_is_drawn_up_from_the_list(district: Any, statistician: Client) -> None:
    response = statistician.post(
        reverse("report-draft"), {"report": "preconception/service_month", "month": "2021-03-01"}
    )
    assert response.url == reverse("report", args=[Submission.objects.get().key])
    assert statistician.post(reverse("report-draft"), {"month": "soon"}).status_code == 404


def test_each_figure_opens_its_cases(draft: Submission, statistician: Client) -> None:
    html = page(statistician, "report", draft.key)
    cases = reverse("report-cases", args=[draft.key, "examined_couples"])
    assert cases in html
    assert "尿液常规" in html
    listed = page(statistician, "report-cases", draft.key, "examined_couples")
    episode = Episode.objects.get()
    assert episode.number in listed
    assert "华岩镇" in listed


@pytest.mark.requirement("F01")
def test_a_rate_with_a_target_shows_it_with_its_clause(
    draft: Submission, statistician: Client
) -> None:
    for name in ("report", "report-print"):
        assert "目标 ≥ 90% 二（一）" in re.sub(r"<[^>]+>", "", page(statistician, name, draft.key))


def test_a_rate_opens_both_its_parts(draft: Submission, statistician: Client) -> None:
    listed = page(statistician, "report-cases", draft.key, "coverage_rate", query="?of=1")
    assert "分母" in listed
    assert Episode.objects.get().number in listed


@pytest.mark.requirement("H01")
def test_who_has_an_infection_is_not_told_to_the_statistician(
    episode_at: Any, statistician: Client, actor: Callable[..., Any]
) -> None:
    episode = episode_at("examined", 1, facts={"wife": {"syphilis": "positive"}})
    county = Region.objects.get(pk=COUNTY)
    draft = submissions.draft(
        "preconception", "service_month", county, TODAY, actor("statistician")
    )
    assert draft.figures["syphilis_abnormal_wives"] == 1
    listed = page(statistician, "report-cases", draft.key, "syphilis_abnormal_wives")
    assert "不能查看是哪些人" in listed
    assert "华岩镇" in listed
    assert episode.number not in listed
    assert episode.couple.wife.name not in listed


def test_an_unknown_figure_is_not_found(draft: Submission, statistician: Client) -> None:
    url = reverse("report-cases", args=[draft.key, "nothing"])
    assert statistician.get(url).status_code == 404


def test_a_report_goes_up_comes_back_and_is_accepted(
    draft: Submission, statistician: Client, manager: Client
) -> None:
    key = draft.key
    statistician.post(reverse("report-submit", args=[key]))
    assert "已上报" in page(statistician, "report", key)
    manager.post(reverse("report-return", args=[key]), {"reason": "请核实血型"})
    assert "请核实血型" in page(statistician, "report", key)
    statistician.post(reverse("report-again", args=[key]))
    statistician.post(reverse("report-submit", args=[key]))
    manager.post(reverse("report-accept", args=[key]))
    assert "已接收" in page(statistician, "report", key)


def test_a_stale_draft_cannot_be_handed_in(
    draft: Submission, episode_at: Any, statistician: Client
) -> None:
    episode_at("examined", 2)
    assert "请重新生成后上报" in page(statistician, "report-drift", draft.key)
    refused = statistician.post(reverse("report-submit", args=[draft.key]))
    assert refused.status_code == 409
    assert "请重新生成报表" in refused.content.decode()


def test_an_amendment_shows_what_changed(
    draft: Submission, episode_at: Any, statistician: Client
) -> None:
    statistician.post(reverse("report-submit", args=[draft.key]))
    episode_at("examined", 2)
    assert reverse("report-drift", args=[draft.key]) in page(statistician, "report", draft.key)
    assert "上报之后记录有变动" in page(statistician, "report-drift", draft.key)
    response = statistician.post(reverse("report-amend", args=[draft.key]), {"reason": "补录一对"})
    new = Submission.objects.get(amendment=1)
    assert response.url == reverse("report", args=[new.key])
    html = page(statistician, "report", new.key)
    assert "本次更正改了什么" in html
    assert "补录一对" in html
    assert "双方均完成检查的夫妇" in html
    assert reverse("report", args=[draft.key]) in html


def test_the_report_prints_on_its_own_sheet(draft: Submission, statistician: Client) -> None:
    html = page(statistician, "report-print", draft.key)
    assert "填报单位：重庆市九龙坡区" in html
    assert "报告期：2021-03" in html


def test_the_workbook_is_downloaded_with_a_reason(draft: Submission, statistician: Client) -> None:
    url = reverse("report-export", args=[draft.key])
    assert statistician.post(url).status_code == 409
    response = statistician.post(url, {"reason": "报市级"})
    assert load_workbook(BytesIO(response.content)).sheetnames == ["月报表", "个案清单"]


@pytest.mark.requirement("H01")
@pytest.mark.parametrize(
    ("duty", "status"),
    [("statistician", 200), ("manager", 200), ("finance", 403), ("physician", 403),
     ("village_worker", 403)],
)  # fmt: skip
def test_reports_are_shown_to_their_duties(
    draft: Submission, client_as: Callable[..., Client], duty: str, status: int
) -> None:
    client = client_as(duty)
    assert client.get(reverse("report", args=[draft.key])).status_code == status
    assert client.get(reverse("reports")).status_code == status


@pytest.mark.requirement("H01")
def test_a_town_does_not_see_the_districts_report_nor_another_district(
    draft: Submission, client_as: Callable[..., Client]
) -> None:
    url = reverse("report", args=[draft.key])
    assert client_as("township_officer").get(url).status_code == 404
    assert client_as("statistician", region="500106").get(url).status_code == 404


def test_accepting_is_not_for_the_statistician(draft: Submission, statistician: Client) -> None:
    statistician.post(reverse("report-submit", args=[draft.key]))
    assert statistician.post(reverse("report-accept", args=[draft.key])).status_code == 403
