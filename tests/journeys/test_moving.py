"""A couple moves from Jiulongpo to Qijiang: both ends see it, one goes on, and the check stays one."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page, expect

from sanyou.care import episodes
from sanyou.care.models import Episode
from sanyou.registry import organisations
from tests import serving
from tests.journeys.conftest import PHONE
from tests.journeys.test_whole_month import (
    fill_form,
    fits,
    go,
    home,
    said,
    sign,
    take_task,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.requirement("A05")]

JIULONGPO, QIJIANG, TOWN, CHONGQING = "500107", "500110", "500110001", "500000"
ADDRESS = "重庆市綦江区古南街道"
DOCUMENT = "九龙坡府办发〔2020〕136号"


@pytest.fixture
def desk(signed_in: Any, other_district: Any) -> Callable[..., Page]:
    """`desk("registration", QIJIANG)`: signed in in that region."""
    other_district(QIJIANG)
    organisations.setup_commission(CHONGQING)

    def make(duty: str, region: str, **options: Any) -> Page:
        page: Page = signed_in(duty, region=region, **options)
        return page

    return make


def hand_over(page: Page, episode: Episode, picture: Any) -> None:
    """The registrar of the old district writes where they went and why."""
    go(page, "episode", episode.key)
    page.get_by_role("button", name="转到其他区县").click()
    page.fill("#to-region", ADDRESS)
    expect(page.locator("#to-region-found")).to_contain_text("古南街道")
    page.fill("#transfer-reason", "夫妇本月迁往綦江区居住")
    picture(page, "moving-01-transfer")
    page.locator("#transfer-dialog").get_by_role("button", name="转出", exact=True).click()
    expect(page.locator("main")).to_contain_text("这里只能查看")
    expect(page.get_by_role("button", name="转到其他区县")).to_have_count(0)
    picture(page, "moving-02-old-district")


def day(page: Page, name: str, key: Any, on: Any) -> None:
    origin = "/".join(page.url.split("/")[:3])
    page.goto(f"{origin}{reverse(name, args=[key])}?on={on.isoformat()}")


def test_the_new_district_goes_on_and_both_ends_and_the_city_see_the_same(
    desk: Any, live_server: Any, episode_at: Any, fill: Any, picture: Any
) -> None:
    today = timezone.localdate()
    checked = today - timedelta(days=90)
    episode = episode_at("noticed", on=checked)
    old = desk("registration", JIULONGPO)
    hand_over(old, episode, picture)
    doctor = desk("followup_worker", JIULONGPO)
    expect(doctor.locator("main")).not_to_contain_text("早孕随访")

    new = desk("followup_worker", QIJIANG, viewport=PHONE)
    fits(new)
    expect(new.locator("main")).to_contain_text("欧阳慧敏")
    picture(new, "moving-03-new-district-phone")
    take_task(new, "早孕随访")
    expect(new.locator("main")).to_contain_text(
        "由重庆市九龙坡区华岩镇转来：夫妇本月迁往綦江区居住"
    )
    new.get_by_role("link", name="填写：早孕随访").click()
    fill_form(
        new,
        {
            "early_followup_on": today.isoformat(),
            "pregnancy_result": "not_pregnant",
            "early_followup_note": "已在綦江区居住，继续服用叶酸",
        },
    )
    fits(new)
    sign(new, then=".message.success")
    go(old, "episode", episode.key)
    expect(old.locator("main")).to_contain_text("早孕随访")

    for region, duty in ((JIULONGPO, "registration"), (QIJIANG, "registration")):
        reader = old if region == JIULONGPO else desk(duty, region)
        day(reader, "explain", episode.couple.key, today)
        main = reader.locator("main")
        expect(main).to_contain_text(f"{checked.isoformat()} 判断")
        for words in (DOCUMENT, "“四”", "本孩次第一次检查"):
            expect(main).to_contain_text(words)
        expect(main).not_to_contain_text("现在推算")
        picture(reader, f"moving-04-explain-{region}")
        day(reader, "explain", episode.couple.key, checked - timedelta(days=1))
        expect(reader.locator("main")).to_contain_text("现在推算")
        picture(reader, f"moving-05-explain-before-{region}")
    day(old, "explain", episode.couple.key, today)
    old.emulate_media(media="print")
    expect(old.get_by_role("button", name="打印")).to_be_hidden()
    expect(old.locator("p.strong").first).to_contain_text(DOCUMENT)
    assert old.pdf(format="A4").startswith(b"%PDF")

    city = desk("manager", CHONGQING)
    go(city, "episode", episode.key)
    expect(city.locator("main")).to_contain_text("古南街道")
    expect(city.locator("main")).to_contain_text("转来")
    picture(city, "moving-06-city")


@pytest.mark.requirement("A04")
def test_the_check_used_in_one_district_is_used_in_the_other_too(
    desk: Any, live_server: Any, episode_at: Any, actor: Any, picture: Any
) -> None:
    today = timezone.localdate()
    first = episode_at("noticed", on=today - timedelta(days=90))
    episodes.close(first, actor("registration"), "随访结束")
    village = desk("village_worker", TOWN, viewport=PHONE)
    village.get_by_role("link", name="登记").first.click()
    village.wait_for_url("**/nominate**")
    village.wait_for_load_state("load")
    for role, person in (("wife", first.couple.wife), ("husband", first.couple.husband)):
        village.fill(f"#{role}-id_number", person.id_number)
        village.fill(f"#{role}-name", person.name)
        village.fill(f"#{role}-residence_text", ADDRESS)
        village.fill(f"#{role}-residence_since", "2020-01-01")
    village.get_by_label("拟生育孩次").fill("1")
    for name in ("policy_compliant", "planning"):
        village.locator(f"input[name=f-{name}][value=true]").check()
    village.get_by_role("button", name="提交登记", exact=True).click()
    said(village, "已登记")
    again = Episode.objects.exclude(pk=first.pk).get()
    assert again.couple_id == first.couple_id
    episodes.review(again, serving.at_work(actor, TOWN, QIJIANG)("township_officer"))

    clerk = desk("registration", QIJIANG)
    take_task(clerk, "中心确认")
    judged = clerk.locator("section.card", has_text="资格判断")
    expect(judged).to_contain_text("自费")
    expect(judged).to_contain_text("在其他区县享受过的也算")
    picture(clerk, "moving-07-own-cost")
    city = desk("manager", CHONGQING)
    for one in (first, again):
        go(city, "episode", one.key)
        expect(city.locator("main")).to_contain_text(one.number)
    home(city)
    fits(city)
