"""Guannan's own ways at the desks: one visit for two checks, folic acid for some, 500 yuan for others."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from playwright.sync_api import Locator, Page, expect

from sanyou.care import encounters
from sanyou.care.models import Document, Encounter, Episode
from sanyou.finance.models import Statement
from sanyou.registry.access import Actor
from tests.journeys.conftest import PHONE
from tests.journeys.district import answer, apply, person, take, waiting
from tests.journeys.test_whole_month import fill_form, fits, go, home, put, said, sign

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.requirement("A02")]

COUNTY, TOWN = "320724", "320724100"
BRIDE, GROOM = "欧阳慧敏", "司马建国"
HOME = "江苏省连云港市灌南县新安镇"
NO_REBIRTH = "不是农村户口，也不属于城镇符合政策再生育人群"


@pytest.fixture
def county(other_district: Any) -> Any:
    return other_district(COUNTY)


@pytest.fixture
def desk(desks: Any) -> Callable[..., Page]:
    found: Callable[..., Page] = desks(COUNTY, TOWN)
    return found


@pytest.fixture
def at(actor: Any, county: Any) -> Callable[[str], Actor]:
    """Somebody of that duty at work in Guannan, for the stations that look alike everywhere."""

    def make(duty: str) -> Actor:
        low = duty in {"village_worker", "township_officer"}
        found: Actor = actor(duty, TOWN if low else COUNTY)
        return found

    return make


def issue(page: Page, episode: Episode, label: str) -> Locator:
    """Issue a document from the list of documents; the sheet as it prints."""
    go(page, "documents", episode.key)
    row = page.locator("tbody tr").filter(has=page.get_by_text(label, exact=True))
    row.get_by_role("button", name="出具").click()
    return page.locator(".sheet")


@pytest.mark.requirement("B07")
def test_an_engaged_couple_is_served_for_both_checks_in_one_visit(
    desk: Any, live_server: Any, library: Any, at: Any, picture: Any
) -> None:
    clerk = desk("registration")
    register_both(clerk, picture)
    found = {e.programme: e for e in Episode.objects.all()}
    assert set(found) == {"premarital", "preconception"}
    pre, main = found["premarital"], found["preconception"]

    town = desk("township_officer")
    take(town, "镇街审核")
    town.get_by_role("button", name="审核通过").click()
    expect(town.locator("main")).to_contain_text("手上的任务都办完了")
    home(clerk)
    expect(clerk.locator("input[name=task]")).to_have_count(2)
    clerk.locator("[data-check-all]").check()
    clerk.once("dialog", lambda d: d.accept())
    clerk.get_by_role("button", name="所选确认资格").click()
    said(clerk, "已确认 2 份档案的资格")
    village = desk("village_worker")
    take(village, "发放服务卡")
    village.get_by_role("button", name="发放服务卡").click()
    said(village, "已发放服务卡")

    sign_both(clerk, main, picture)
    one_specimen(desk("laboratory"), picture)
    examine(main, library, at)
    sees_what_was_tested(desk("laboratory"), pre, picture)
    examine(pre, library, at)

    doctor = desk("assessing_doctor")
    for episode in (main, pre):
        go(doctor, "assess", episode.key)
        expect(doctor.locator(".spouse.wife")).to_contain_text("梅毒")
        picture(doctor, f"gn-06-assess-{episode.programme}")
        doctor.once("dialog", lambda d: d.accept())
        doctor.get_by_role("button", name="确认评估结论").click()
        expect(doctor.locator(".verdict")).to_contain_text("医生已确认系统建议")
    papers(doctor, pre, main, picture)


def register_both(page: Page, picture: Any) -> None:
    """One form, one set of questions, two records."""
    go(page, "nominate")
    expect(page.locator("h1")).to_have_text("一站式登记（婚前医学检查＋免费孕前优生健康检查）")
    expect(page.locator(".page-head .sub")).to_contain_text("下一步是“核对资格、镇街审核”")
    expect(page.locator("[data-question=marriage_applied_on]")).to_be_visible()
    expect(page.locator("[data-question=marriage_date]")).to_have_count(0)
    expect(page.locator("main")).not_to_contain_text("住满半年")
    person(page, "wife", BRIDE, date(1995, 4, 2), 248, HOME)
    person(page, "husband", GROOM, date(1993, 7, 9), 249, HOME)
    answer(
        page,
        premarital_source="civil_affairs",
        marriage_applied_on=(timezone.localdate() + timedelta(days=10)).isoformat(),
        child_order=1,
        planning=True,
        policy_compliant=True,
        premarital_told=True,
    )
    page.select_option("#id_region", TOWN)
    fits(page)
    picture(page, "gn-01-register-both")
    page.get_by_role("button", name="提交登记", exact=True).click()
    said(page, "已登记")


def sign_both(page: Page, episode: Episode, picture: Any) -> None:
    """Both texts are read, each of the couple signs once."""
    rows = waiting(page, "知情同意书")
    expect(rows).to_have_count(2)
    go(page, "consent", episode.key)
    expect(page.locator("main")).to_contain_text("同一次检查的 2 份同意书一起签")
    expect(page.locator(".consent-text")).to_have_count(2)
    picture(page, "gn-02-consent")
    for role in ("wife", "husband"):
        page.once("dialog", lambda d: d.accept())
        page.locator(f".spouse.{role}").get_by_role("button", name="已在纸质同意书上签名").click()
        expect(page.locator(f".spouse.{role}")).to_contain_text("纸质签名")
    expect(waiting(page, "知情同意书")).to_have_count(0)


def one_specimen(page: Page, picture: Any) -> None:
    """The laboratory takes blood of each of them once, for both checks."""
    for role in ("女方", "男方"):
        take(page, "标本采集", role)
        fill_form(page, {"specimen_on": timezone.localdate().isoformat(), "specimens": ["blood"]})
        sign(page)
    expect(waiting(page, "标本采集")).to_have_count(0)
    picture(page, "gn-03-one-specimen")


def examine(episode: Episode, library: Any, at: Any) -> None:
    """The other stations: what is not known yet, unremarkable, but for her syphilis screen."""
    from sanyou.synth.filling import unremarkable

    today = timezone.localdate()
    programme = library.programmes[episode.programme]
    rows = episode.tasks.filter(
        status="open", duty__in=("history_nurse", "physician", "laboratory", "ultrasound")
    )
    for task in rows.exclude(form="").order_by("pk"):
        form = programme.forms[task.form]
        taken = encounters.taken_over(episode, form, task.role, today)
        data = unremarkable(library, episode.programme, task.form, task.role)
        if task.form == "laboratory" and task.role == "wife":
            data |= {"syphilis": "positive", "syphilis_rpr": "positive"}
        given = {n: v for n, v in data.items() if n not in taken}
        encounters.record(episode, task.form, task.role, given, today, at(task.duty))


def sees_what_was_tested(page: Page, episode: Episode, picture: Any) -> None:
    """What the other check found stands there with its day; only what is left is asked."""
    where = f"沿用 {timezone.localdate().isoformat()} 免费孕前优生健康检查"
    take(page, "婚检实验室检查", "女方")
    syphilis = page.locator("#record [data-element=syphilis]")
    expect(syphilis).to_contain_text(where)
    expect(page.locator("#record [data-element=alt]")).to_contain_text(where)
    expect(page.locator("#record [data-element=hiv]")).not_to_contain_text("沿用")
    put(page.locator("#record [data-element=hiv]"), "negative")
    picture(page, "gn-04-taken-over")
    sign(page)
    row = Encounter.objects.get(form="premarital_laboratory", role="wife", episode=episode)
    assert "syphilis" not in row.data, "no test is done twice"
    expect(page.locator("main")).to_contain_text(where)
    picture(page, "gn-05-taken-over-signed")


def papers(page: Page, pre: Episode, main: Episode, picture: Any) -> None:
    """The certificate tells no result; the joint report is one sheet; the card says where to go."""
    certificate = issue(page, pre, "婚前医学检查证明")
    expect(certificate).to_contain_text("建议暂缓结婚")
    expect(certificate).not_to_contain_text("梅毒")
    picture(page, "gn-07-certificate")
    report = issue(page, pre, "婚孕检一站式报告单")
    for words in ("婚前医学检查：医学意见", "风险评估", "两项检查共用，每项只做一次", main.number):
        expect(report.locator("article").first).to_contain_text(words)
    expect(report.locator("article").first).not_to_contain_text("艾滋病")
    picture(page, "gn-08-one-sheet")
    card = issue(page, main, "转诊绿色通道联系卡")
    expect(card.locator("article").first).to_contain_text("请凭本卡优先就诊")
    expect(card.locator("article").first.get_by_text("皮肤性病科")).to_have_count(1)
    picture(page, "gn-09-green-card")
    assert Document.objects.filter(episode__in=(pre, main)).count() == 3
    rechecks = [t for e in (pre, main) for t in e.tasks.filter(kind="recheck", role="wife")]
    assert len([t for t in rechecks if "梅毒" in t.label]) == 1, "re-tested once for both checks"


@pytest.mark.requirement("B08")
def test_folic_acid_is_for_the_urban_rebirth_group_and_not_for_a_first_child(
    desk: Any, live_server: Any, county: Any, at: Any, picture: Any
) -> None:
    from sanyou.stock import moves

    today = timezone.localdate()
    moves.receive(
        at("storekeeper"), county.townships[TOWN], "folic_acid", "A", "虚构药业",
        today + timedelta(days=400), 20, today, uuid4(),
    )  # fmt: skip
    village = desk("village_worker", viewport=PHONE)
    soon = (today + timedelta(days=40)).isoformat()
    urban = {"preparing_pregnancy": True, "planned_pregnancy_on": soon, "rural_hukou": False}

    apply(village, "folic_acid", "阿依古丽·买买提江", date(1994, 5, 6), 62, HOME, **urban,
          birth_group="policy_second")  # fmt: skip
    said(village, "请继续发放")
    expect(village.locator("main")).to_contain_text("新安镇")
    fits(village)
    picture(village, "gn-10-folic-phone")
    village.get_by_role("button", name="发放并签名").click()
    said(village, "已发放 1 盒并签名入账")

    apply(
        village, "folic_acid", "慕容雪", date(1996, 2, 3), 64, HOME, **urban, birth_group="ordinary"
    )
    said(village, "已登记，但现在不能发放")
    expect(village.locator("main")).to_contain_text(NO_REBIRTH)
    expect(village.locator("main")).to_contain_text("三（三）一")
    expect(village.get_by_role("button", name="发放并签名")).to_have_count(0)
    picture(village, "gn-11-no-folic-phone")
    assert Encounter.objects.filter(form="folic_issue", status="signed").count() == 1

    manager = desk("manager")
    go(manager, "policy", "guannan-2014")
    steps = manager.locator("tr[id^=milestone-]")
    expect(steps).to_have_count(5)
    for label, until in (("调查摸底", "2014-09-20"), ("平台建设基本到位", "2014-11-30")):
        expect(steps.filter(has=manager.get_by_text(label, exact=True))).to_contain_text(until)
    picture(manager, "gn-12-policy")


@pytest.mark.requirement("C07")
@pytest.mark.requirement("E03")
def test_a_rural_mother_is_paid_five_hundred_yuan(
    desk: Any, live_server: Any, picture: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    mother, today = "欧阳娜仁", timezone.localdate()
    village = desk("village_worker", viewport=PHONE)
    apply(
        village, "delivery_subsidy", mother, date(1996, 2, 3), 66, HOME,
        applicant_phone="13800001234", delivered_on=(today - timedelta(days=9)).isoformat(),
        delivered_in_hospital=True, delivery_hospital="县人民医院", rural_hukou=True,
        birth_group="ordinary", hardship=False, account_holder=mother,
        bank_name="农村商业银行新安支行", bank_account="6222000011112222333",
    )  # fmt: skip
    said(village, "请接着办理“拍照上传材料”")
    village.get_by_role("link", name="拍照上传材料").first.click()
    fill_form(village, {"papers_given": ["identity", "hukou", "birth_certificate", "bank_card"]})
    sign(village)

    town = desk("township_officer")
    take(town, "镇街审核", "产妇" if waiting(town, "镇街审核", "产妇").count() else "")
    town.get_by_role("button", name="审核通过").click()
    expect(town.locator("main")).to_contain_text("手上的任务都办完了")

    clerk = desk("registration")
    take(clerk, "核对原件", "产妇")
    checked = {"originals_agree": True, "delivered_in_hospital": True, "rural_hukou": True}
    papers_seen = {"originals_seen": ["identity", "hukou", "birth_certificate"]}
    fill_form(clerk, {**papers_seen, **checked, "granted_amount": 500})
    sign(clerk)
    take(clerk, "资格确认")
    expect(clerk.locator("main")).to_contain_text("农村产妇每人 500 元")
    clerk.get_by_role("button", name="确认资格").click()
    said(clerk, "已确认，转公示")
    go(clerk, "benefits")
    clerk.get_by_role("link", name="公示", exact=True).last.click()
    clerk.get_by_role("button", name="生成公示表").click()
    clerk.wait_for_url("**/benefits/notices/*")
    expect(clerk.locator("main")).to_contain_text("500.00")
    picture(clerk, "gn-20-notice")

    over = today + timedelta(days=8)
    monkeypatch.setattr(timezone, "localdate", lambda *args, **kwargs: over)
    clerk.reload()
    clerk.get_by_role("button", name="公示期满，结束公示").click()
    said(clerk, "转审批")

    manager = desk("manager")
    go(manager, "benefits")
    manager.get_by_role("link", name="审批", exact=True).click()
    expect(manager.locator("blockquote.clause")).to_contain_text("500元")
    picture(manager, "gn-21-approve")
    manager.get_by_role("button", name="批准 500.00 元").click()
    said(manager, "已批准 500.00 元")
    settle(desk("finance"), manager, picture)


def settle(finance: Page, manager: Page, picture: Any) -> None:
    """The statement of the quarter: drawn up, approved by another, paid."""
    go(finance, "statements")
    finance.get_by_role("button", name="生成结算表").click()
    offers = finance.locator("#period option", has_text="住院分娩补助")
    finance.select_option("#period", offers.first.get_attribute("value"))
    finance.locator("#prepare").get_by_role("button", name="生成", exact=True).click()
    for words in ("500.00", "伍佰元整", "县财政"):
        expect(finance.locator("main")).to_contain_text(words)
    picture(finance, "gn-22-statement")
    finance.get_by_role("button", name="提交审核").click()
    said(finance, "已提交，请由另一人审核")
    statement = Statement.objects.get()
    go(manager, "statement", statement.key)
    manager.get_by_role("button", name="审核通过").click()
    said(manager, "已审核通过")
    finance.reload()
    finance.get_by_role("button", name="登记拨付").click()
    finance.fill("#voucher", "2026-记-118")
    finance.locator("#pay").get_by_role("button", name="登记", exact=True).click()
    said(finance, "已登记拨付")
    picture(finance, "gn-23-paid")
    statement.refresh_from_db()
    assert (statement.status, statement.total) == ("paid", 50_000)
