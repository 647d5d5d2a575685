"""The pages of the stores, for each duty; wrong input is said beside what was typed."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.urls import reverse
from django.utils import timezone

from sanyou.stock import stores as module
from sanyou.stock.models import Balance, Batch, Count, Movement, Transfer

from .conftest import left

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("B08")]


def received(client: Any, store: Any, **given: Any) -> Any:
    today = timezone.localdate()
    form = {
        "item": "folic_acid", "number": "P1", "maker": "虚构药业", "quantity": "10",
        "expires_on": (today + timedelta(days=300)).isoformat(), "on": today.isoformat(),
        "token": str(uuid4()),
    }  # fmt: skip
    return client.post(reverse("stock-receive", args=[store.pk]), form | given)


def test_goods_are_received_and_a_slip_is_said_with_what_was_typed(
    stores: Any, client_as: Any
) -> None:
    client = client_as("storekeeper")
    wrong = received(client, stores["centre"], quantity="十盒")
    assert wrong.status_code == 422
    assert "数量请填整数" in wrong.content.decode()
    assert 'value="十盒"' in wrong.content.decode()
    token = str(uuid4())
    for _click in range(2):
        assert received(client, stores["centre"], token=token).status_code == 302
    assert Balance.objects.get().quantity == 10
    page = client.get(reverse("stock-store", args=[stores["centre"].pk])).content.decode()
    assert "P1" in page


def test_a_consignment_goes_out_and_is_confirmed_with_a_difference_that_is_settled(
    stores: Any, client_as: Any
) -> None:
    keeper, officer = client_as("storekeeper"), client_as("township_officer")
    received(keeper, stores["centre"])
    batch = Batch.objects.get()
    sent = keeper.post(
        reverse("stock-send", args=[stores["centre"].pk]),
        {
            "receiver": stores["town"].pk,
            "on": timezone.localdate().isoformat(),
            "token": str(uuid4()),
            f"q-{batch.pk}": "6",
        },
    )
    transfer = Transfer.objects.get()
    assert sent.url == reverse("stock-transfer", args=[transfer.key])
    assert "确认到货" in officer.get(sent.url).content.decode()
    assert "确认到货</button>" not in keeper.get(reverse("stock")).content.decode()
    line = transfer.lines.get()
    assert officer.post(sent.url, {f"a-{line.pk}": "5"}).status_code == 302
    page = officer.get(sent.url).content.decode()
    assert "有差异待处理" in page
    settled = keeper.post(
        reverse("stock-settle", args=[line.pk]), {"how": "lost", "reason": "外箱破损"}
    )
    assert settled.status_code == 302
    transfer.refresh_from_db()
    assert transfer.status == "done"
    assert left(stores["town"], batch) == 5


def test_a_count_a_write_off_and_their_prints(stores: Any, receive: Any, client_as: Any) -> None:
    batch, client, town = receive(10), client_as("township_officer"), stores["town"]
    sheet = client.post(
        reverse("stock-count", args=[town.pk]),
        {
            "token": str(uuid4()),
            f"b-{batch.pk}": "10",
            f"c-{batch.pk}": "9",
            f"r-{batch.pk}": "受潮",
        },
    )
    assert sheet.url == reverse("stock-count-sheet", args=[Count.objects.get().key])
    assert "受潮" in client.get(sheet.url).content.decode()
    gone = client.post(
        reverse("stock-write-off", args=[town.pk]),
        {"token": str(uuid4()), "batch": batch.pk, "quantity": "2", "reason": "过期"},
    )
    assert gone.status_code == 302
    assert left(town, batch) == 7
    ledger = client.get(reverse("stock-ledger", args=[town.pk])).content.decode()
    assert "盘点调整" in ledger
    assert "报损" in ledger


def test_the_workbook_needs_a_reason_and_names_nobody(
    stores: Any, receive: Any, registered: Any, issue: Any, client_as: Any
) -> None:
    from io import BytesIO

    from openpyxl import load_workbook

    receive(10)
    issue(registered(), 1)
    client, url = client_as("storekeeper"), reverse("stock-ledger-export", args=[stores["town"].pk])
    assert client.post(url, {"reason": ""}).status_code == 409
    answer = client.post(url, {"reason": "半年核对"})
    book = load_workbook(BytesIO(answer.content))
    cells = [str(c.value) for sheet in book for row in sheet.iter_rows() for c in row]
    assert "发放" in cells
    assert not any("欧阳慧敏" in c for c in cells)


def test_the_recall_lists_who_got_it_by_name_only_for_who_sees_people(
    stores: Any, receive: Any, registered: Any, issue: Any, client_as: Any
) -> None:
    batch = receive(10)
    issue(registered(), 2)
    url = reverse("stock-batch", args=[batch.key])
    keeper = client_as("storekeeper")
    assert "欧阳慧敏" not in keeper.get(url).content.decode()
    assert keeper.post(
        reverse("stock-recall", args=[batch.key]), {"reason": "药监召回"}
    ).status_code == 302  # fmt: skip
    batch.refresh_from_db()
    assert batch.recalled_on is not None
    assert "欧阳慧敏" in client_as("township_officer").get(url).content.decode()


def test_one_button_registers_decides_hands_out_and_signs(
    stores: Any, receive: Any, couple: Any, client_as: Any, episode_at: Any
) -> None:
    """From the preconception record of the couple to the packs in her hand: one page, one click."""
    batch = receive(10)
    found = episode_at("carded")
    worker = client_as("village_worker")
    url = reverse("stock-hand-out", args=[found.couple.wife.key, "folic_acid"])
    assert url in worker.get(reverse("episode", args=[found.key])).content.decode()
    assert "先发批号 A" in worker.get(url).content.decode()
    form = {
        "token": str(uuid4()),
        "f-preparing_pregnancy": "true",
        "f-pregnant": "false",
        "f-folic_acid_packs": "2",
        "f-folic_acid_receiver": "self",
        "f-folic_acid_taught": "true",
    }
    for _click in range(2):
        assert worker.post(url, form).status_code == 302
    assert left(stores["town"], batch) == 8
    page = worker.get(url).content.decode()
    assert "已领 1 次，共 2" in page


def test_who_may_not_have_it_is_registered_and_told_the_clause(
    stores: Any, receive: Any, woman: Any, client_as: Any
) -> None:
    batch, worker = receive(10), client_as("village_worker")
    url = reverse("stock-hand-out", args=[woman(1).key, "folic_acid"])
    answer = worker.post(
        url,
        {
            "token": str(uuid4()),
            "f-pregnant": "true",
            "f-lmp": (timezone.localdate() - timedelta(days=120)).isoformat(),
            "f-folic_acid_packs": "1",
        },
    )
    assert answer.status_code == 409
    assert "不在准备怀孕至孕 12 周之间" in answer.content.decode()
    assert left(stores["town"], batch) == 10


def test_nothing_left_is_said_before_and_after_the_click(
    stores: Any, receive: Any, woman: Any, client_as: Any
) -> None:
    receive(1)
    worker = client_as("village_worker")
    url = reverse("stock-hand-out", args=[woman(1).key, "folic_acid"])
    form = {"token": str(uuid4()), "f-preparing_pregnancy": "true", "f-folic_acid_packs": "2"}
    answer = worker.post(url, form)
    assert answer.status_code == 409
    assert "只剩 1 盒，不够发 2 盒" in answer.content.decode()
    assert worker.post(url, form | {"f-folic_acid_packs": "1"}).status_code == 302
    assert "已经没有可发的了" in worker.get(url).content.decode()


def test_packs_brought_back_from_the_signed_record(
    stores: Any, receive: Any, registered: Any, issue: Any, client_as: Any
) -> None:
    batch, worker = receive(10), client_as("village_worker")
    row = issue(registered(), 3)
    assert "退回入库" in worker.get(reverse("encounter", args=[row.key])).content.decode()
    url = reverse("stock-returned", args=[row.key])
    assert (
        worker.post(url, {"token": str(uuid4()), "quantity": "9", "reason": "x"}).status_code == 422
    )
    assert worker.post(
        url, {"token": str(uuid4()), "quantity": "1", "reason": "停用"}
    ).status_code == 302  # fmt: skip
    assert left(stores["town"], batch) == 8


def test_the_next_pack_waits_in_the_workers_queue_and_leads_to_the_page(
    stores: Any, receive: Any, registered: Any, issue: Any, client_as: Any
) -> None:
    receive(10)
    episode = registered()
    issue(episode, 1)
    task = episode.tasks.get(name="next_pack")
    worker = client_as("village_worker")
    page = worker.get(reverse("task", args=[task.key])).content.decode()
    assert reverse("stock-hand-out", args=[episode.person.key, "folic_acid"]) in page
    assert "续领叶酸" in worker.get(reverse("home") + "?when=ahead").content.decode()


def test_a_village_opens_its_store_and_its_worker_keeps_it(
    stores: Any, receive: Any, client_as: Any, staff: Any
) -> None:
    officer = client_as("township_officer")
    answer = officer.post(reverse("stock-open"), {"place": "500107102", "name": "冬笋坝社区居委会"})
    assert answer.status_code == 302
    own = module.Organisation.objects.get(name="冬笋坝社区居委会")
    person = staff("village_worker", username="local")
    person.organisation = own
    person.save()
    local = client_as("village_worker", username="local")
    batch = receive(5, store=own)
    assert local.get(reverse("stock")).url == reverse("stock-store", args=[own.pk])
    assert local.get(reverse("stock-count", args=[own.pk])).status_code == 200
    assert local.get(reverse("stock-send", args=[own.pk]) + "?back=1").status_code == 200
    assert local.get(reverse("stock-receive", args=[own.pk])).status_code == 403
    other = client_as("village_worker")
    assert other.get(reverse("stock-count", args=[own.pk])).status_code == 403
    assert left(own, batch) == 5


def test_the_county_sees_each_township_and_others_see_nothing_of_it(
    stores: Any, receive: Any, client_as: Any
) -> None:
    receive(10)
    page = client_as("manager").get(reverse("stock")).content.decode()
    assert "华岩镇" in page
    assert "还没有库存的镇街" in page
    away = client_as("township_officer", "500107110")
    assert away.get(reverse("stock-store", args=[stores["town"].pk])).status_code == 404
    assert client_as("physician").get(reverse("stock")).status_code == 403
    assert Movement.objects.count() == 1


def test_what_the_clinic_was_told_in_confidence_is_not_shown_at_the_village(
    stores: Any, receive: Any, episode_at: Any, client_as: Any, actor: Any
) -> None:
    """An earlier child with a defect, told to the history nurse, is asked again, not carried over."""
    from sanyou.stock import sitting

    receive(10)
    found = episode_at(
        "examined", facts={"wife": {"child_with_defect": True, "child_with_ntd": True}}
    )
    wife = found.couple.wife
    programme = sitting.content.library().programmes["folic_acid"]
    assert "child_with_ntd" not in sitting.known_of(actor("village_worker"), wife, programme)
    assert sitting.known_of(actor("history_nurse"), wife, programme)["child_with_ntd"] is True


def test_an_earlier_child_with_a_defect_is_answered_with_the_higher_dose_and_the_doctor(
    stores: Any, receive: Any, woman: Any, client_as: Any
) -> None:
    from sanyou.care.models import Task

    receive(10)
    worker = client_as("village_worker")
    url = reverse("stock-hand-out", args=[woman(1).key, "folic_acid"])
    form = {
        "token": str(uuid4()),
        "f-preparing_pregnancy": "true",
        "f-child_with_ntd": "true",
        "f-folic_acid_packs": "1",
    }
    page = worker.post(url, form, follow=True).content.decode()
    assert "每天吃 4—5 毫克" in page
    assert "每天吃 4—5 毫克" in worker.get(url).content.decode()
    task = Task.objects.get(name="dose")
    assert (task.duty, task.status) == ("assessing_doctor", "open")


def test_the_village_prints_the_sheet_of_what_it_handed_out(
    stores: Any, receive: Any, registered: Any, issue: Any, client_as: Any
) -> None:
    receive(10)
    episode = registered()
    issue(episode, 2)
    worker = client_as("village_worker")
    assert "叶酸发放登记表" in worker.get(reverse("documents", args=[episode.key])).content.decode()
    made = worker.post(reverse("document-issue", args=[episode.key, "folic_issue"]), follow=True)
    assert made.status_code == 200
    printed = worker.get(
        reverse("document-print", args=[episode.documents.get(kind="folic_issue").key])
    )
    assert "发放叶酸盒数 2 盒" in printed.content.decode()


def test_the_city_sees_the_stores_of_its_districts_by_their_full_names(
    stores: Any, receive: Any, client_as: Any
) -> None:
    receive(10)
    page = client_as("manager", "500000").get(reverse("stock")).content.decode()
    assert "重庆市九龙坡区华岩镇" in page
    assert "还没有库存的镇街" not in page
