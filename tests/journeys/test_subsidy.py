"""A child's subsidy in Qijiang as the staff live it: village, township, centre, manager, finance."""

import struct
import zlib
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page, expect

from sanyou.benefits.models import Decision, NoticeEntry
from sanyou.care.models import Episode
from tests.conftest import id_number
from tests.journeys.conftest import PHONE
from tests.journeys.test_whole_month import fill_form, fits, sign

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.requirement("E03")]

COUNTY = "500110"
CHILD, MOTHER = "欧阳娜仁托娅", "阿依古丽·买买提江"
TOLD = {
    "applicant_name": MOTHER,
    "applicant_phone": "13800001234",
    "defect_diagnosis": "先天性唇裂",
    "treatment_hospital": "市儿童医院",
    "cost_total": "50000",
    "medical_insurance_paid": "11666.66",
    "commercial_insurance_paid": "0",
    "account_holder": MOTHER,
    "bank_name": "农村商业银行三江支行",
    "bank_account": "6222000011112222333",
}


def photograph() -> dict[str, Any]:
    """A small grey picture, as a telephone would take it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", 40, 30, 8, 0, 0, 0, 0)
    rows = zlib.compress(b"".join(b"\x00" + b"\x90" * 40 for _row in range(30)))
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    return {"name": "hukou.png", "mimeType": "image/png", "buffer": data}


@pytest.fixture
def desk(signed_in: Any, regions: None) -> Callable[..., Page]:
    """`desk("manager")`: signed in in Qijiang, the village worker on her telephone."""
    from sanyou.registry import organisations
    from sanyou.registry.models import Region

    organisations.setup_district(COUNTY, "綦江区妇幼保健院")
    town = Region.objects.filter(parent_id=COUNTY, level=Region.Level.TOWNSHIP).first()
    assert town is not None

    def make(duty: str) -> Page:
        low = duty in {"village_worker", "township_officer"}
        region = town.code if low else COUNTY
        options = {"viewport": PHONE} if duty == "village_worker" else {}
        page: Page = signed_in(duty, f"{duty}-{region}", region, **options)
        return page

    return make


def apply(page: Page, picture: Any) -> None:
    """The registration page for a child with its guardian, then the photographs."""
    origin = page.url.split("/", 3)
    page.goto(f"{origin[0]}//{origin[2]}{reverse('nominate')}?programme=congenital_aid")
    page.wait_for_load_state("load")
    born = timezone.localdate() - timedelta(days=3 * 365)
    page.fill("#child-id_number", id_number(COUNTY, born, 248))
    page.fill("#child-name", CHILD)
    page.fill("#child-hukou_text", "重庆市綦江区古南街道")
    page.fill("#child-residence_text", "重庆市綦江区古南街道")
    page.locator("input[name=f-guardian_relation][value=mother]").check()
    page.select_option("select[name=f-defect_group]", "cleft_lip")
    for name, value in TOLD.items():
        page.fill(f"[name=f-{name}]", value)
    fits(page)
    picture(page, "subsidy-01-apply-phone")
    page.get_by_role("button", name="提交登记", exact=True).click()
    expect(page.locator("#messages")).to_contain_text("请接着办理“拍照上传材料”")
    page.get_by_role("link", name="拍照上传材料").first.click()
    fill_form(page, {"papers_given": ["identity", "hukou", "diagnosis", "invoice", "bank_card"]})
    page.locator('#record [data-element="paper_identity"] input[type=file]').set_input_files(
        [photograph()]  # type: ignore[list-item]
    )
    expect(page.locator('[data-element="paper_identity"] img')).to_be_visible()
    fits(page)
    picture(page, "subsidy-02-papers-phone")
    sign(page)


def test_a_childs_subsidy_from_the_village_to_the_approval(
    desk: Any, live_server: Any, picture: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def url(name: str, *args: Any) -> str:
        return str(live_server.url + reverse(name, args=args))

    village = desk("village_worker")
    apply(village, picture)
    episode = Episode.objects.get()

    town = desk("township_officer")
    town.goto(url("benefits"))
    town.get_by_role("link", name="镇街审核").click()
    expect(town.locator("main")).to_contain_text("（图片）")
    town.get_by_role("button", name="审核通过").click()
    expect(town.locator("#messages .message")).to_be_visible()

    clerk = desk("registration")
    clerk.goto(url("benefits"))
    clerk.get_by_role("link", name="核对原件").click()
    fill_form(
        clerk,
        {
            "originals_seen": ["identity", "hukou", "diagnosis", "invoice"],
            "originals_agree": True,
            "defect_confirmed": True,
        },
    )
    picture(clerk, "subsidy-03-check")
    sign(clerk)
    clerk.goto(url("benefits"))
    clerk.get_by_role("link", name="资格确认").click()
    expect(clerk.locator("main")).to_contain_text("可以补助")
    clerk.get_by_role("button", name="确认资格").click()
    expect(clerk.locator("#messages .message")).to_be_visible()
    clerk.goto(url("benefits"))
    clerk.get_by_role("link", name="公示", exact=True).last.click()
    expect(clerk.locator("main")).to_contain_text("按 30% 为 10000.00 元")
    picture(clerk, "subsidy-04-ready")
    clerk.get_by_role("button", name="生成公示表").click()
    clerk.wait_for_url("**/benefits/notices/*")
    notice = NoticeEntry.objects.get().notice
    expect(clerk.get_by_role("button", name="公示期满，结束公示")).to_be_disabled()
    clerk.get_by_role("link", name="打印公示表").click()
    sheet = clerk.locator(".sheet")
    expect(sheet).to_contain_text("阿**")
    expect(sheet).not_to_contain_text(MOTHER)
    expect(sheet).not_to_contain_text("唇裂")
    picture(clerk, "subsidy-05-sheet")

    over = notice.ends_on + timedelta(days=1)
    monkeypatch.setattr(timezone, "localdate", _always(over))
    clerk.goto(url("notice", notice.key))
    clerk.get_by_role("button", name="公示期满，结束公示").click()
    expect(clerk.locator("#messages")).to_contain_text("转审批")

    manager = desk("manager")
    manager.goto(url("benefits"))
    manager.get_by_role("link", name="审批", exact=True).click()
    picture(manager, "subsidy-06-approve")
    manager.get_by_role("button", name="批准 10000.00 元").click()
    expect(manager.locator("#messages")).to_contain_text("已批准 10000.00 元")
    assert Decision.objects.get().amount == 1_000_000

    clerk.goto(url("benefits"))
    clerk.get_by_role("link", name="出具告知书").click()
    row = clerk.locator("section, tr, li, article").filter(has_text="审批决定告知书").last
    row.get_by_role("button").first.click()
    expect(clerk.locator(".sheet")).to_contain_text("批准告知书")
    expect(clerk.locator(".sheet")).to_contain_text("壹万元整")
    picture(clerk, "subsidy-07-told")

    finance = desk("finance")
    finance.goto(url("benefits"))
    expect(finance.locator("main")).to_contain_text("已批准")
    expect(finance.locator("main")).not_to_contain_text(CHILD)
    picture(finance, "subsidy-08-finance")
    episode.refresh_from_db()
    assert episode.claim.amount == 1_000_000


def _always(day: date) -> Callable[..., date]:
    return lambda *args, **kwargs: day
