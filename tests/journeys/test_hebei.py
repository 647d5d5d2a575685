"""Hebei District's own ways at the desks: one visit, the folate level, 25 benefit programmes."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from sanyou.benefits.models import BenefitEntry
from sanyou.care.models import Episode
from tests.journeys.conftest import PHONE
from tests.journeys.district import answer, apply, person, take
from tests.journeys.test_whole_month import fill_form, fits, go, said, sign

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.requirement("A02")]

COUNTY, STREET = "120105", "120105002"
HOME = "天津市河北区望海楼街道"


@pytest.fixture
def desk(desks: Any) -> Callable[..., Page]:
    found: Callable[..., Page] = desks(COUNTY, STREET)
    return found


@pytest.mark.requirement("B08")
def test_one_registration_for_two_checks_and_the_folate_level_of_a_woman(
    desk: Any, live_server: Any, other_district: Any, actor: Any, picture: Any
) -> None:
    from sanyou.stock import moves

    today = timezone.localdate()
    moves.receive(
        actor("storekeeper", COUNTY), other_district(COUNTY).townships[STREET], "folic_acid",
        "B", "虚构药业", today + timedelta(days=400), 20, today, uuid4(),
    )  # fmt: skip
    village = desk("village_worker", viewport=PHONE)
    go(village, "nominate")
    expect(village.locator("h1")).to_contain_text("一站式登记")
    expect(village.locator(".page-head .sub")).to_contain_text("核对资格、镇街审核")
    person(village, "wife", "欧阳慧敏", date(1995, 4, 2), 248, HOME)
    person(village, "husband", "司马建国", date(1993, 7, 9), 249, HOME)
    answer(
        village, premarital_source="civil_affairs", child_order=1, planning=True,
        policy_compliant=True, premarital_told=True,
    )  # fmt: skip
    fits(village)
    picture(village, "hb-01-register-phone")
    village.get_by_role("button", name="提交登记", exact=True).click()
    said(village, "已登记，已转核对资格、镇街审核")
    assert Episode.objects.count() == 2

    apply(
        village, "folic_acid", "阿依古丽·买买提江", date(1994, 5, 6), 62, HOME,
        preparing_pregnancy=True, planned_pregnancy_on=(today + timedelta(days=40)).isoformat(),
        folate_test_wanted=True,
    )  # fmt: skip
    said(village, "请继续发放")
    village.get_by_role("button", name="发放并签名").click()
    said(village, "已发放 1 盒并签名入账")

    laboratory = desk("laboratory")
    take(laboratory, "叶酸水平检测")
    laboratory.get_by_role("link", name="填写：叶酸水平检测").click()
    fill_form(laboratory, {"folate_tested_on": today.isoformat(), "serum_folate": "5.0"})
    expect(laboratory.locator("[data-element=serum_folate] [data-flag]")).to_contain_text("↓")
    picture(laboratory, "hb-02-folate")
    sign(laboratory, then=".message.success")
    woman = Episode.objects.get(programme="folic_acid")
    again = woman.tasks.get(name="level_again")
    assert (again.label, again.opens > today) == ("复查叶酸水平", True)


@pytest.mark.requirement("E03")
def test_a_month_of_the_benefit_programmes_is_entered_and_corrected(
    desk: Any, live_server: Any, picture: Any
) -> None:
    page = desk("statistician")
    go(page, "benefit-programmes")
    expect(page.locator("main")).to_contain_text("其中 25 项是示例")
    enter(page, "child_autism-disabled_employment_fund", 12, "3600.00")
    enter(page, "child_autism-other", 12, "400.50")
    enter(page, "women_cancer-basic_public_health", 80, "9600.00")
    enter(page, "women_cancer-basic_public_health", 78, "9360.00", "两人不在本区，核减")
    funding = page.locator("section.card", has_text="按资金来源（本年）")
    for label, yuan in (
        ("残疾人就业保障金", "3600.00"),
        ("其他资金", "400.50"),
        ("基本公共卫生服务经费", "9360.00"),
        ("合计", "13360.50"),
    ):
        expect(funding.locator("tr", has_text=label)).to_contain_text(yuan)
    expect(page.locator("section.card", has_text="按项目").locator("tr b")).to_have_count(25)
    fits(page)
    picture(page, "hb-03-benefit-programmes")
    kept = BenefitEntry.objects.filter(benefit="women_cancer").order_by("version")
    assert [(e.beneficiaries, e.spending) for e in kept] == [(80, 960_000), (78, 936_000)]

    go(page, "policy", "hebei-2021")
    duties = page.locator("section.card", has=page.get_by_role("heading", name="职责分工"))
    expect(duties.locator("dt")).to_have_count(13)
    for label, clause in (("区医保局", "二（七）"), ("区红十字会", "二（十二）")):
        expect(duties).to_contain_text(label)
        expect(duties).to_contain_text(clause)
    expect(page.locator("tr[id^=benefit_programme-]")).to_have_count(25)
    picture(page, "hb-04-policy")


def enter(page: Page, field: str, people: int, yuan: str, reason: str = "") -> None:
    """One programme's month from one source; a reason where a figure is set right."""
    page.locator(f'[data-open="enter-{field}"]').click()
    dialog = page.locator(f"#enter-{field}")
    dialog.locator("[name=beneficiaries]").fill(str(people))
    dialog.locator("[name=spending]").fill(yuan)
    if reason:
        dialog.locator("[name=reason]").fill(reason)
    dialog.get_by_role("button", name="保存").click()
    expect(dialog).to_be_hidden()
    said(page, "已保存")
