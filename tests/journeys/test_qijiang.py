"""Qijiang: a child's subsidy objected to, paid, asked for twice, refused and appealed; or nothing to pay."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import Page, expect

from sanyou.benefits import notices
from sanyou.benefits.models import NoticeEntry
from sanyou.care import encounters, episodes
from sanyou.care.models import Episode
from sanyou.finance.models import Statement
from sanyou.registry.access import Actor
from sanyou.registry.models import Person, Region
from sanyou.registry.people import PersonData, register_person
from tests import serving
from tests.benefits.conftest import child_answers
from tests.conftest import id_number
from tests.journeys.conftest import PHONE
from tests.journeys.test_whole_month import fits, go, said

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.requirement("E03")]

TOWN, QIJIANG = "500110001", "500110"
CHILD = "欧阳娜仁托娅"
PAPERS = ["identity", "diagnosis", "invoice"]


@pytest.fixture
def at(actor: Callable[..., Any], other_district: Any) -> Callable[[str], Actor]:
    other_district(QIJIANG)
    return serving.at_work(actor, TOWN, QIJIANG)


@pytest.fixture
def desk(signed_in: Any, at: Any) -> Callable[..., Page]:
    """`desk("manager", "second")`: signed in in Qijiang; the township officer on her telephone."""

    def make(duty: str, who: str = "") -> Page:
        region = TOWN if duty in serving.LOCAL else QIJIANG
        name = f"{duty}-{who}-{region}" if who else f"{duty}-{region}"
        options = {"viewport": PHONE} if duty == "township_officer" else {}
        page: Page = signed_in(duty, name, region, **options)
        return page

    return make


@pytest.fixture
def child(regions: None) -> Person:
    home = Region.objects.get(pk=TOWN)
    born = timezone.localdate() - timedelta(days=3 * 365)
    told = PersonData(
        name=CHILD,
        id_number=id_number(QIJIANG, born, 248),
        hukou_region=home,
        hukou_text=home.full_name,
        residence_region=home,
        residence_text=home.full_name,
    )
    return register_person(told, Actor.system("tests"))


@pytest.fixture
def checked(at: Callable[[str], Actor], child: Person) -> Callable[..., Episode]:
    """`checked(cost_total="60000")` -> an application whose originals were seen today."""

    def make(**given: Any) -> Episode:
        on, worker = timezone.localdate(), at("village_worker")
        told = {"child": child_answers(**given)}
        town = Region.objects.get(pk=TOWN)
        episode = episodes.nominate(worker, "congenital_aid", child, told, on, town)
        given_in = {"papers_given": PAPERS}
        encounters.record(episode, "congenital_aid_papers", "child", given_in, on, worker)
        episodes.review(episode, at("township_officer"), on)
        seen = {"originals_seen": PAPERS, "originals_agree": True, "defect_confirmed": True}
        clerk = at("registration")
        encounters.record(episode, "congenital_aid_check", "child", seen, on, clerk)
        episode.refresh_from_db()
        return episode

    return make


@pytest.fixture
def confirmed(checked: Any, at: Any) -> Callable[..., Episode]:
    def make(**given: Any) -> Episode:
        episode: Episode = checked(**given)
        episodes.confirm(episode, at("registration"), timezone.localdate())
        episode.refresh_from_db()
        return episode

    return make


def objected_and_answered(
    clerk: Page, manager: Page, entry: NoticeEntry, picture: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody objects while it stands; who had no hand in it answers; then it is over."""
    go(clerk, "notice", entry.notice.key)
    clerk.get_by_role("button", name="登记异议").first.click()
    box = clerk.locator(f"#object-{entry.line}")
    box.locator("input[type=text], input:not([type])").first.fill("群众来电 13900001111")
    box.locator("textarea").fill("听说已由慈善基金全额资助，请核实票据")
    picture(clerk, "qijiang-01-objection")
    box.get_by_role("button").last.click()
    expect(clerk.locator("main")).to_contain_text("异议待答复")
    over = entry.notice.ends_on + timedelta(days=1)
    monkeypatch.setattr(timezone, "localdate", lambda *args, **kwargs: over)
    go(clerk, "notice", entry.notice.key)
    expect(clerk.locator("main")).to_contain_text("1 条异议没有答复")
    expect(clerk.get_by_role("button", name="公示期满，结束公示")).to_be_disabled()

    go(manager, "notice", entry.notice.key)
    manager.locator("label.choice", has_text="不成立").click()
    manager.locator("main form textarea, main form input[name=text]").first.fill(
        "经核实票据为家庭自付，没有其他资助"
    )
    picture(manager, "qijiang-02-answer")
    manager.locator("main form", has=manager.locator("label.choice")).get_by_role("button").click()
    expect(manager.locator("main")).to_contain_text("异议不成立")
    go(clerk, "notice", entry.notice.key)
    clerk.get_by_role("button", name="公示期满，结束公示").click()
    said(clerk, "转审批")


def test_an_objection_is_answered_the_money_is_paid_and_a_second_application_is_refused(
    desk: Any, live_server: Any, at: Any, confirmed: Any, checked: Any, picture: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    first, today = confirmed(), timezone.localdate()
    by = at("registration")
    notices.make(by, "congenital_aid", first.policy, [first], today, on=today)
    clerk, manager = desk("registration"), desk("manager")
    objected_and_answered(clerk, manager, NoticeEntry.objects.get(), picture, monkeypatch)
    go(manager, "benefit", first.key)
    manager.get_by_role("button", name="批准 10000.00 元").click()
    said(manager, "已批准 10000.00 元")

    finance, chief = desk("finance"), desk("finance", "chief")
    go(finance, "statements")
    finance.get_by_role("button", name="生成结算表").click()
    box = finance.locator("#prepare")
    wanted = box.locator("option", has_text="先天性疾病医疗补助").first.get_attribute("value")
    box.locator("select").select_option(wanted)
    box.get_by_role("button", name="生成", exact=True).click()
    for words in ("10000.00", "壹万元整", "区财政"):
        expect(finance.locator("main")).to_contain_text(words)
    expect(finance.locator("main")).not_to_contain_text(CHILD)
    picture(finance, "qijiang-03-statement")
    finance.get_by_role("button", name="提交审核").click()
    go(chief, "statements")
    chief.get_by_role("link", name="打开").first.click()
    chief.get_by_role("button", name="审核通过").click()
    chief.get_by_role("button", name="登记拨付").click()
    chief.fill("#voucher", "綦财拨〔2026〕7号")
    chief.locator("#pay").get_by_role("button").last.click()
    expect(chief.locator("h1")).to_contain_text("已拨付")
    assert Statement.objects.get().total == 1_000_000

    episodes.close(first, by, "办结")
    second = checked()
    go(clerk, "confirm", second.key)
    judged = clerk.locator("section.card", has_text="资格判断")
    expect(judged).to_contain_text("不予补助")
    expect(judged).to_contain_text("这名儿童已享受过一次医疗费补助")
    picture(clerk, "qijiang-04-second")
    clerk.get_by_role("button", name="确认不予补助").click()
    said(clerk, "不再补助")
    go(clerk, "benefit", second.key)
    expect(clerk.locator("main")).to_contain_text("不予批准")
    expect(clerk.locator("main")).to_contain_text("四（三）2")
    picture(clerk, "qijiang-05-refused")


def test_a_refusal_is_appealed_against_and_judged_again_by_somebody_else(
    desk: Any, live_server: Any, confirmed: Any, picture: Any
) -> None:
    episode = confirmed()
    manager = desk("manager")
    go(manager, "benefit", episode.key)
    manager.get_by_role("button", name="不予批准").first.click()
    manager.fill("#refuse-reason", "住院发票没有医院公章")
    manager.locator("#refuse").get_by_role("button", name="不予批准").click()
    said(manager, "已记录不予批准")
    go(manager, "benefit", episode.key)
    expect(manager.locator("main")).to_contain_text("住院发票没有医院公章")
    picture(manager, "qijiang-06-turned-down")

    town = desk("township_officer")
    go(town, "benefit", episode.key)
    fits(town)
    town.get_by_role("button", name="登记申诉").click()
    town.fill("#appeal-text", "医院已补盖公章，请重新审核")
    picture(town, "qijiang-07-appeal-phone")
    town.locator("#appeal").get_by_role("button", name="登记", exact=True).click()
    expect(town.locator("main")).to_contain_text("待复核")
    fits(town)

    go(manager, "appeals")
    expect(manager.locator("main")).to_contain_text("须由另一人复核")
    other = desk("manager", "second")
    go(other, "appeals")
    other.locator("label.choice", has_text="成立，重新办理").click()
    other.locator("main form textarea, main form input[name=reason]").first.fill("补盖的公章属实")
    picture(other, "qijiang-08-decide-appeal")
    other.locator("main form", has=other.locator("label.choice")).get_by_role("button").click()
    expect(other.locator("main")).to_contain_text("成立")
    clerk = desk("registration")
    go(clerk, "benefits")
    expect(clerk.get_by_role("link", name="资格确认")).to_be_visible()
    go(clerk, "confirm", episode.key)
    expect(clerk.locator("main")).to_contain_text("补盖的公章属实")
    clerk.get_by_role("button", name="确认资格").click()
    said(clerk, "已确认，转公示")
    picture(clerk, "qijiang-09-again")


def test_where_nothing_is_payable_it_is_said_at_the_confirmation_and_nobody_is_asked_to_approve(
    desk: Any, live_server: Any, checked: Any, picture: Any
) -> None:
    episode = checked(cost_total="5000.01", medical_insurance_paid="0")
    clerk = desk("registration")
    go(clerk, "confirm", episode.key)
    judged = clerk.locator("section.card", has_text="资格判断")
    expect(judged).to_contain_text("按 30% 为 0.00 元，没有可以补助的金额")
    picture(clerk, "qijiang-10-nothing")
    expect(clerk.get_by_role("button", name="确认资格")).to_have_count(0)
    clerk.get_by_role("button", name="确认不符合条件").click()
    said(clerk, "没有可以补助的金额")
    go(clerk, "benefit", episode.key)
    expect(clerk.locator("main")).to_contain_text("没有可以补助的金额")
    picture(clerk, "qijiang-11-nothing-refused")
    manager = desk("manager")
    go(manager, "benefits")
    expect(manager.locator("main")).to_contain_text("待我办理 0")
    episode.refresh_from_db()
    assert episode.status == Episode.Status.INELIGIBLE
