"""Folic acid from the county's shelf to the woman at the village, in the browser, on desk and phone."""

from datetime import timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from tests.journeys.conftest import DESKTOP, PHONE
from tests.stock.conftest import (  # noqa: F401 - fixtures
    folic_library,
    in_use,
    left,
    stores,
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.requirement("B08")]


def no_sideways(page: Any) -> None:
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth + 1"), page.url


def test_from_the_county_to_the_woman(
    live_server: Any,
    signed_in: Any,
    picture: Any,
    stores: Any,  # noqa: F811
    episode_at: Any,
) -> None:
    from sanyou.stock.models import Batch, Transfer

    today = timezone.localdate()
    found = episode_at("carded")

    def url(name: str, *args: Any) -> str:
        return live_server.url + reverse(name, args=args)

    keeper = signed_in("storekeeper", viewport=DESKTOP)
    keeper.goto(url("stock"))
    picture(keeper, "stock-01-overview-empty")
    keeper.goto(url("stock-receive", stores["centre"].pk))
    keeper.fill("#quantity", "200")
    keeper.fill("#number", "XG-20260801-甲乙丙丁")
    keeper.fill("#maker", "虚构的名称很长的药业有限责任公司第二分装厂")
    keeper.fill("#expires_on", (today + timedelta(days=50)).isoformat())
    picture(keeper, "stock-02-receive")
    keeper.click("button:has-text('入库')")
    keeper.wait_for_url("**/stock/stores/*")
    batch = Batch.objects.get()
    picture(keeper, "stock-03-store-centre")
    keeper.goto(url("stock-send", stores["centre"].pk))
    keeper.select_option("#receiver", str(stores["town"].pk))
    keeper.fill(f"input[name=q-{batch.pk}]", "60")
    picture(keeper, "stock-04-send")
    keeper.click("button:has-text('发出')")
    keeper.wait_for_url("**/stock/transfers/*")
    transfer = Transfer.objects.get()

    officer = signed_in("township_officer", viewport=PHONE)
    officer.goto(url("stock-transfer", transfer.key))
    line = transfer.lines.get()
    officer.fill(f"input[name=a-{line.pk}]", "58")
    picture(officer, "stock-05-arrive-phone")
    no_sideways(officer)
    officer.click("button:has-text('确认到货')")
    officer.wait_for_selector("text=有差异待处理")
    picture(officer, "stock-06-different-phone")

    keeper.goto(url("stock-transfer", transfer.key))
    keeper.click("button:has-text('处理')")
    keeper.check("input[name=how][value=lost]")
    keeper.fill(f"#why-{line.pk}", "外箱破损，两盒受潮")
    picture(keeper, "stock-07-settle")
    keeper.click("dialog[open] button:has-text('确定')")
    keeper.wait_for_selector("text=已完成")

    worker = signed_in("village_worker", viewport=PHONE)
    worker.goto(url("episode", found.key))
    picture(worker, "stock-08-record-phone")
    no_sideways(worker)
    worker.click("a:has-text('发放：增补叶酸')")
    worker.wait_for_selector("button:has-text('登记、发放并签名')")
    picture(worker, "stock-09-hand-out-phone")
    no_sideways(worker)
    worker.fill("#f-folic_acid_packs", "2")
    worker.click("button:has-text('登记、发放并签名')")
    worker.wait_for_url("**/episodes/*")
    assert left(stores["town"], batch) == 56
    picture(worker, "stock-10-handed-out-phone")
    worker.goto(url("stock"))
    worker.wait_for_url("**/stock/stores/*")
    picture(worker, "stock-11-store-phone")
    no_sideways(worker)
    worker.goto(url("stock-hand-out", found.couple.wife.key, "folic_acid"))
    picture(worker, "stock-12-again-phone")
    no_sideways(worker)

    officer.goto(url("stock-count", stores["town"].pk))
    officer.fill(f"input[name=c-{batch.pk}]", "55")
    officer.fill(f"input[name=r-{batch.pk}]", "鼠咬破损一盒")
    picture(officer, "stock-13-count-phone")
    no_sideways(officer)
    officer.click("button:has-text('提交盘点')")
    officer.wait_for_url("**/stock/counts/*")
    picture(officer, "stock-14-count-sheet-phone")

    keeper.goto(url("stock"))
    picture(keeper, "stock-15-overview")
    keeper.goto(url("stock-batch", batch.key))
    picture(keeper, "stock-16-batch")
    keeper.goto(url("stock-ledger", stores["town"].pk))
    picture(keeper, "stock-17-ledger")
    keeper.goto(url("stock-store", stores["town"].pk))
    picture(keeper, "stock-18-store-town")
    keeper.goto(url("stock-write-off", stores["town"].pk) + f"?batch={batch.pk}")
    picture(keeper, "stock-19-write-off")
    phone = signed_in("storekeeper", viewport=PHONE)
    for n, (name, args) in enumerate(
        (
            ("stock", ()),
            ("stock-receive", (stores["centre"].pk,)),
            ("stock-send", (stores["centre"].pk,)),
            ("stock-batch", (batch.key,)),
            ("stock-write-off", (stores["town"].pk,)),
        ),
        20,
    ):
        phone.goto(url(name, *args))
        picture(phone, f"stock-{n}-{name}-phone")
        no_sideways(phone)
