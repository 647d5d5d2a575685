"""Qikai: free again after a lost pregnancy, a monthly statement shared by three, and the year's money."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from sanyou.care import encounters, episodes
from sanyou.care.facts import facts_of
from sanyou.care.models import Episode
from sanyou.finance.models import Statement
from sanyou.protocol.entitlement import decide_entitlement
from sanyou.registry.access import Actor
from tests import serving
from tests.journeys.conftest import PHONE
from tests.journeys.test_whole_month import fits, go, said, take_task

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.requirement("E01")]

TOWN, QIKAI = "220174001", "220174"
ADDRESS = "吉林省长春市长春汽车经济技术开发区锦程街道"
SHARES = ("144.00", "60.00", "36.00")


@pytest.fixture
def at(actor: Callable[..., Any], other_district: Any) -> Callable[[str], Actor]:
    other_district(QIKAI)
    return serving.at_work(actor, TOWN, QIKAI)


@pytest.fixture
def desk(signed_in: Any, at: Any) -> Callable[..., Page]:
    """`desk("finance", "chief")`: signed in in Qikai; the village worker on her telephone."""

    def make(duty: str, who: str = "") -> Page:
        region = TOWN if duty in serving.LOCAL else QIKAI
        options = {"viewport": PHONE} if duty == "village_worker" else {}
        page: Page = signed_in(duty, f"{duty}-{who}-{region}", region, **options)
        return page

    return make


def come_again(page: Page, couple: Any, picture: Any) -> None:
    """With nothing but their identity cards, at the street's desk."""
    page.get_by_role("link", name="登记").first.click()
    page.wait_for_url("**/nominate")
    page.wait_for_load_state("load")
    for role, person in (("wife", couple.wife), ("husband", couple.husband)):
        page.fill(f"#{role}-id_number", person.id_number)
        page.fill(f"#{role}-name", person.name)
        page.fill(f"#{role}-phone", person.phone)
        page.fill(f"#{role}-residence_text", ADDRESS)
    page.get_by_label("拟生育孩次").fill("1")
    for name in ("policy_compliant", "planning", "stated_earlier_check"):
        page.locator(f"input[name=f-{name}][value=true]").check()
    picture(page, "qikai-01-register-phone")
    fits(page)
    page.get_by_role("button", name="提交登记", exact=True).click()
    said(page, "已登记，已转镇街审核")


def settle(clerk: Page, chief: Page, picture: Any) -> None:
    """The month's statement: drawn up by one, approved by another, paid, and the account balanced."""
    go(clerk, "statements")
    clerk.get_by_role("button", name="生成结算表").click()
    clerk.locator("#prepare").get_by_role("button", name="生成", exact=True).click()
    main = clerk.locator("main")
    expect(main).to_contain_text(f"{timezone.localdate().month}月")
    for words in ("240.00", "贰佰肆拾元整", "中央财政", "省级财政", *SHARES):
        expect(main).to_contain_text(words)
    picture(clerk, "qikai-05-statement")
    clerk.get_by_role("button", name="提交审核").click()
    said(clerk, "请由另一人审核")
    expect(clerk.get_by_role("button", name="审核通过")).to_have_count(0)

    go(chief, "statements")
    chief.get_by_role("link", name="打开").first.click()
    chief.get_by_role("button", name="审核通过").click()
    said(chief, "已审核通过")
    chief.get_by_role("button", name="登记拨付").click()
    chief.fill("#voucher", "拨字〔2026〕11号")
    chief.locator("#pay").get_by_role("button").last.click()
    expect(chief.locator("h1")).to_contain_text("已拨付")
    picture(chief, "qikai-06-paid")
    go(chief, "ledger")
    expect(chief.locator("main")).to_contain_text("借贷平衡")
    picture(chief, "qikai-07-ledger")
    go(chief, "special-account")
    for share in SHARES:
        expect(chief.locator("main")).to_contain_text(share)
    picture(chief, "qikai-08-account")


@pytest.mark.requirement("A04")
def test_after_a_miscarriage_the_couple_is_free_again_and_the_month_is_paid(
    desk: Any, live_server: Any, episode_at: Any, actor: Any, at: Any, library: Any, picture: Any
) -> None:
    checked = timezone.localdate() - timedelta(days=400)
    first = episode_at("noticed", on=checked)
    lmp, lost = checked + timedelta(days=60), checked + timedelta(days=130)
    there = serving.at_work(actor, first.region_id, "500107")
    serving.lose_pregnancy(there, first, library, lmp, lost)

    come_again(desk("village_worker"), first.couple, picture)
    again = Episode.objects.exclude(pk=first.pk).get()
    assert again.couple_id == first.couple_id
    township = desk("township_officer")
    take_task(township, "镇街审核")
    township.get_by_role("button", name="审核通过").click()
    expect(township.locator("main")).to_contain_text("手上的任务都办完了")

    clerk = desk("registration")
    take_task(clerk, "中心确认")
    judged = clerk.locator("section.card", has_text="资格判断")
    expect(judged.get_by_text("免费", exact=True)).to_be_visible()
    expect(judged).to_contain_text("上次免费检查后一年内怀孕，并已分娩或发生自然流产")
    judged.get_by_text("查看原文：一（六）").click()
    expect(judged.locator("blockquote").last).to_contain_text("可在下次计划怀孕时再次享受")
    picture(clerk, "qikai-03-free-again")
    clerk.get_by_role("button", name="确认资格").click()
    said(clerk, "已确认，可以发放服务卡")
    elsewhere = library.policies["jiulongpo-2020"]
    answer = decide_entitlement(elsewhere, facts_of(again, timezone.localdate()))
    assert answer.grant == "own_cost"
    go(clerk, "explain", again.couple.key)
    expect(clerk.locator("main")).to_contain_text("一（六）")
    picture(clerk, "qikai-04-explain")

    serving.examine(at, again, library, timezone.localdate())
    settle(desk("finance", "clerk"), desk("finance", "chief"), picture)
    statement = Statement.objects.get()
    assert (statement.status, statement.total) == ("paid", 24_000)


@pytest.mark.requirement("E02")
def test_a_later_amendment_is_put_right_next_month_and_the_year_is_accounted_for(
    desk: Any, live_server: Any, make_couple: Any, at: Any, library: Any, picture: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    today = timezone.localdate()
    episode = serving.register(at, make_couple(1, TOWN), TOWN, today)
    episodes.confirm(episode, at("registration"), today)
    serving.examine(at, episode, library, today)
    clerk, chief = desk("finance", "clerk"), desk("finance", "chief")
    settle(clerk, chief, lambda *_args: None)
    paid = Statement.objects.get()
    record = episode.encounters.get(form="laboratory", role="wife", status="signed")
    encounters.amend(record.key, {"tsh": None}, "标本溶血，结果作废", at("laboratory"))

    after = date(today.year + today.month // 12, today.month % 12 + 1, 5)
    monkeypatch.setattr(timezone, "localdate", lambda *args, **kwargs: after)
    go(clerk, "statements")
    clerk.get_by_role("button", name="生成结算表").click()
    clerk.locator("#prepare").get_by_role("button", name="生成", exact=True).click()
    right = clerk.locator("section.card", has_text="更正以前各期").last
    for words in (episode.number, paid.number, "-240.00"):
        expect(right).to_contain_text(words)
    for share in SHARES:
        expect(clerk.locator("main")).to_contain_text(f"-{share}")
    picture(clerk, "qikai-09-correction")
    right.get_by_role("link", name=paid.number).click()
    expect(clerk.locator("h1")).to_contain_text("已拨付")
    expect(clerk.locator(".number").first).to_contain_text("240.00")
    paid.refresh_from_db()
    assert (paid.status, paid.total) == ("paid", 24_000)

    monkeypatch.setattr(timezone, "localdate", lambda *args, **kwargs: today)
    draw_up(clerk, "annual-accounts", f"{today.year}年")
    for words in ("240.00", *SHARES, paid.number):
        expect(clerk.locator("main")).to_contain_text(words)
    picture(clerk, "qikai-10-annual")
    plan_next_year(desk("manager"), clerk, today.year + 1, picture)


def draw_up(page: Page, name: str, words: str) -> None:
    """Final accounts or a budget, by the year's name."""
    go(page, name)
    page.get_by_role("button", name="编制").first.click()
    box = page.locator("#prepare")
    wanted = box.locator("option", has_text=words).first.get_attribute("value")
    box.locator("select").select_option(wanted)
    box.get_by_role("button", name="编制", exact=True).click()
    expect(page.locator("h1")).to_contain_text("草稿")


def plan_next_year(manager: Page, clerk: Page, year: int, picture: Any) -> None:
    """The task number is handed down; the budget follows from it, and another person approves."""
    origin = manager.url.split("/", 3)
    path = f"task-numbers/set?programme=preconception&year={year}"
    manager.goto(f"{origin[0]}//{origin[2]}/{path}")
    manager.fill("#total", "100")
    manager.fill("#source", "长汽开卫发〔2026〕8号")
    manager.get_by_role("button", name="按建议填入").click()
    manager.get_by_role("button", name="保存").last.click()
    expect(manager.locator("main")).to_contain_text("100")
    draw_up(clerk, "budget", f"{year}年")
    for words in ("24000.00", "14400.00", "6000.00", "3600.00"):
        expect(clerk.locator("main")).to_contain_text(words)
    picture(clerk, "qikai-11-budget")
    clerk.get_by_role("button", name="提交审批").click()
    expect(clerk.locator("main")).to_contain_text("须由另一人审批")
    go(manager, "budget")
    manager.get_by_role("link", name="打开").first.click()
    manager.get_by_role("button", name="批准").click()
    expect(manager.locator("h1")).to_contain_text("已批准")
