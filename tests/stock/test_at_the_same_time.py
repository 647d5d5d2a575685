"""Many hands at one shelf: what is there goes out once, and never more."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.utils import timezone

from sanyou.care import encounters
from sanyou.stock import moves, reading, transfers
from sanyou.stock.errors import StockError
from sanyou.stock.models import Movement

from .conftest import left

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.postgres,
    pytest.mark.requirement("B08"),
]


def at_once(acts: list[Callable[[], Any]]) -> list[Any]:
    """Results of the acts started together; what one was refused with stands for its result."""
    start = Barrier(len(acts))

    def run(act: Callable[[], Any]) -> Any:
        try:
            start.wait()
            return act()
        except StockError as error:
            return error
        finally:
            connection.close()

    with ThreadPoolExecutor(len(acts)) as pool:
        return list(pool.map(run, acts))


def test_eight_workers_at_five_packs_hand_out_five(
    stores: Any, receive: Any, registered: Any, actor: Any
) -> None:
    batch, worker = receive(5), actor("village_worker")
    drafts = []
    for number in range(1, 9):
        draft = encounters.open_draft(registered(number), "folic_issue", "wife", worker)
        change = {"folic_acid_packs": {"base": 1, "value": 1}}
        drafts.append((draft.key, encounters.autosave(draft.key, change, worker).version))
    results = at_once(
        [lambda key=key, v=version: encounters.sign(key, worker, v) for key, version in drafts]
    )
    refused = [r for r in results if isinstance(r, StockError)]
    assert (len(results) - len(refused), len(refused)) == (5, 3)
    assert left(stores["town"], batch) == 0
    assert Movement.objects.filter(kind="issue").count() == 5


def test_one_signature_clicked_six_times_takes_once(
    stores: Any, receive: Any, registered: Any, actor: Any
) -> None:
    batch, worker = receive(5), actor("village_worker")
    draft = encounters.open_draft(registered(), "folic_issue", "wife", worker)
    at_once([lambda: encounters.sign(draft.key, worker, draft.version)] * 6)
    assert left(stores["town"], batch) == 4


def test_sending_writing_off_and_handing_out_wait_for_each_other(
    stores: Any, receive: Any, registered: Any, actor: Any, keeper: Any
) -> None:
    """Ten packs, twelve asked for in three ways at once: no deadlock, nothing below nought."""
    batch, worker, today = receive(10), actor("village_worker"), timezone.localdate()
    town, centre = stores["town"], stores["centre"]
    acts: list[Callable[[], Any]] = []
    for number in range(1, 5):
        draft = encounters.open_draft(registered(number), "folic_issue", "wife", worker)
        acts.append(lambda d=draft: encounters.sign(d.key, worker, d.version))
        acts.append(lambda: transfers.send(keeper, town, centre, {batch: 1}, today, uuid4()))
        acts.append(lambda: moves.write_off(keeper, town, batch, 1, "破损", today, uuid4()))
    results = at_once(acts)
    assert sum(isinstance(r, StockError) for r in results) == 2
    assert left(town, batch) == 0
    assert reading.batch_total(batch).holds


def test_one_consignment_confirmed_by_four_people_arrives_once(
    stores: Any, receive: Any, keeper: Any, actor: Any
) -> None:
    batch, today = receive(6, store=stores["centre"]), timezone.localdate()
    row = transfers.send(keeper, stores["centre"], stores["town"], {batch: 6}, today, uuid4())
    line, officer = row.lines.get(), actor("township_officer")
    at_once([lambda: transfers.arrive(row, officer, {line.pk: 6}, today)] * 4)
    assert left(stores["town"], batch) == 6
