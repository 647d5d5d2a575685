"""Consignments between stores and stock counts: wrong orders, double clicks, goods lost on the way."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from sanyou.registry.access import Forbidden, NotFoundForYou
from sanyou.stock import counts, moves, reading, transfers
from sanyou.stock.errors import NotEnough, StockError
from sanyou.stock.models import Movement, Transfer

from .conftest import left

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("B08")]


@pytest.fixture
def sent(stores: Any, receive: Any, keeper: Any) -> Any:
    """Six of the centre's ten packs on their way to the township."""
    batch = receive(10, store=stores["centre"])
    today = timezone.localdate()
    return transfers.send(keeper, stores["centre"], stores["town"], {batch: 6}, today, uuid4())


def test_goods_are_on_the_way_until_the_receiver_has_counted_them(
    stores: Any, sent: Any, actor: Any
) -> None:
    line = sent.lines.get()
    assert (left(stores["centre"], line.batch), left(stores["town"], line.batch)) == (4, 0)
    total = reading.batch_total(line.batch)
    assert (total.in_stores, total.on_the_way, total.holds) == (4, 6, True)
    officer, today = actor("township_officer"), timezone.localdate()
    for _click in range(2):
        row = transfers.arrive(sent, officer, {line.pk: 6}, today)
    assert row.status == Transfer.Status.DONE
    assert left(stores["town"], line.batch) == 6
    assert reading.batch_total(line.batch).holds


def test_a_double_click_on_send_sends_once(stores: Any, receive: Any, keeper: Any) -> None:
    batch, token, today = receive(10, store=stores["centre"]), uuid4(), timezone.localdate()
    for _click in range(2):
        transfers.send(keeper, stores["centre"], stores["town"], {batch: 6}, today, token)
    assert left(stores["centre"], batch) == 4
    assert Transfer.objects.count() == 1


@pytest.mark.parametrize(
    ("how", "centre", "town", "written_off"),
    [("found", 4, 6, 0), ("back", 6, 4, 0), ("lost", 4, 4, 2)],
)
def test_what_was_lost_on_the_way_stays_open_until_somebody_settles_it(
    stores: Any, sent: Any, keeper: Any, actor: Any, how: str, centre: int, town: int,
    written_off: int,
) -> None:  # fmt: skip
    line = sent.lines.get()
    row = transfers.arrive(sent, actor("township_officer"), {line.pk: 4}, timezone.localdate())
    line.refresh_from_db()
    assert (row.status, line.open_difference) == (Transfer.Status.DIFFERENT, 2)
    assert reading.batch_total(line.batch).holds
    with pytest.raises(StockError, match="原因"):
        transfers.settle(line, keeper, how, " ")
    for _click in range(2):
        settled = transfers.settle(line, keeper, how, "司机签收单")
    assert settled.settled_by == keeper.staff
    sent.refresh_from_db()
    assert sent.status == Transfer.Status.DONE
    assert left(stores["centre"], line.batch) == centre
    assert left(stores["town"], line.batch) == town
    total = reading.batch_total(line.batch)
    assert (-total.of("write_off"), total.holds) == (written_off, True)


def test_more_than_was_sent_cannot_arrive(sent: Any, actor: Any) -> None:
    line = sent.lines.get()
    with pytest.raises(StockError, match="不能多于发出数"):
        transfers.arrive(sent, actor("township_officer"), {line.pk: 7}, timezone.localdate())


def test_a_difference_cannot_be_settled_before_the_goods_were_counted(
    sent: Any, keeper: Any
) -> None:
    with pytest.raises(StockError, match="没有差异"):
        transfers.settle(sent.lines.get(), keeper, "lost", "丢了")


def test_a_store_cannot_send_what_it_has_not(stores: Any, receive: Any, keeper: Any) -> None:
    batch = receive(3, store=stores["centre"])
    with pytest.raises(NotEnough, match="只剩 3 盒"):
        transfers.send(
            keeper, stores["centre"], stores["town"], {batch: 4}, timezone.localdate(), uuid4()
        )
    assert not Transfer.objects.exists()


def test_goods_go_back_to_the_store_above_as_a_return(
    stores: Any, receive: Any, actor: Any
) -> None:
    batch, officer = receive(5), actor("township_officer")
    row = transfers.send(
        officer, stores["town"], stores["centre"], {batch: 5}, timezone.localdate(), uuid4()
    )
    assert row.is_return


def test_another_townships_officer_sees_nothing_and_a_worker_moves_nothing(
    stores: Any, receive: Any, sent: Any, actor: Any
) -> None:
    line, today = sent.lines.get(), timezone.localdate()
    with pytest.raises(NotFoundForYou):
        transfers.arrive(sent, actor("township_officer", "500107110"), {line.pk: 6}, today)
    with pytest.raises(Forbidden, match="物资管理员"):
        transfers.arrive(sent, actor("village_worker"), {line.pk: 6}, today)
    with pytest.raises(NotFoundForYou):
        moves.write_off(
            actor("township_officer"), stores["centre"], line.batch, 1, "破损", today, uuid4()
        )


def test_goods_stay_in_their_county(stores: Any, receive: Any, keeper: Any) -> None:
    from sanyou.registry.organisations import setup_district

    other = setup_district("500109", "北碚区妇幼保健院").centre
    batch = receive(3, store=stores["centre"])
    with pytest.raises(StockError, match="本区县"):
        transfers.send(keeper, stores["centre"], other, {batch: 1}, timezone.localdate(), uuid4())


def test_a_count_books_the_difference_with_its_reason_once(
    stores: Any, receive: Any, keeper: Any
) -> None:
    batch, token, today = receive(10), uuid4(), timezone.localdate()
    line = counts.Counted(batch, booked=10, counted=8)
    with pytest.raises(StockError, match="差异原因"):
        counts.close(keeper, stores["town"], {batch.pk: line}, today, token)
    line = counts.Counted(batch, booked=10, counted=8, reason="受潮丢弃未登记")
    for _click in range(2):
        done = counts.close(keeper, stores["town"], {batch.pk: line}, today, token)
    assert left(stores["town"], batch) == 8
    assert done.lines.get().difference == -2
    assert Movement.objects.get(kind="adjust").change == -2


def test_a_count_is_refused_when_the_books_moved_meanwhile(
    stores: Any, receive: Any, keeper: Any
) -> None:
    batch, today = receive(10), timezone.localdate()
    moves.write_off(keeper, stores["town"], batch, 1, "破损", today, uuid4())
    line = counts.Counted(batch, booked=10, counted=10)
    with pytest.raises(StockError, match="账面数已变"):
        counts.close(keeper, stores["town"], {batch.pk: line}, today, uuid4())


def test_receiving_says_what_is_wrong_and_a_double_click_receives_once(
    stores: Any, keeper: Any
) -> None:
    today, town = timezone.localdate(), stores["town"]
    year = today + timedelta(days=365)

    def take(number: str = "B1", expires: Any = year, quantity: int = 5, token: Any = None) -> Any:
        return moves.receive(
            keeper, town, "folic_acid", number, "虚构药业", expires, quantity, today,
            token or uuid4(),
        )  # fmt: skip

    token = uuid4()
    assert take(token=token).pk == take(token=token).pk
    for wrong, why in (
        ({"number": " "}, "批号"),
        ({"expires": today - timedelta(days=1)}, "已过有效期"),
        ({"quantity": 0}, "大于 0"),
        ({"expires": year + timedelta(days=1)}, "与这次不同"),
    ):
        with pytest.raises(StockError, match=why):
            take(**wrong)
    batch = Movement.objects.get().batch
    assert left(town, batch) == 5


def test_expired_goods_are_written_off_with_a_reason_and_only_what_is_there(
    stores: Any, receive: Any, keeper: Any
) -> None:
    batch, today = receive(5), timezone.localdate()
    type(batch).objects.filter(pk=batch.pk).update(expires_on=today - timedelta(days=1))
    assert reading.held_in(stores["town"], today)[0].barred == 5
    with pytest.raises(NotEnough):
        moves.write_off(keeper, stores["town"], batch, 6, "过期", today, uuid4())
    moves.write_off(keeper, stores["town"], batch, 5, "过期", today, uuid4())
    assert left(stores["town"], batch) == 0
    assert reading.batch_total(batch).holds


def test_a_recall_is_the_countys_and_every_act_is_in_the_audit(
    receive: Any, keeper: Any, actor: Any
) -> None:
    from sanyou.trust.models import AuditEvent

    batch = receive(5)
    with pytest.raises(Forbidden, match="区县中心"):
        moves.recall(actor("township_officer"), batch, "召回")
    moves.recall(keeper, batch, "召回")
    done = set(AuditEvent.objects.values_list("action", flat=True))
    assert {"stock-receive", "stock-recall"} <= done
