"""Whatever is done in whatever order, every unit of a batch is accounted for."""

from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sanyou.care import encounters
from sanyou.care.errors import CareError
from sanyou.registry.access import Actor
from sanyou.stock import counts, moves, reading, signing, transfers
from sanyou.stock.models import Balance, Batch, Movement, Transfer

pytestmark = [pytest.mark.requirement("B08")]

ACTS = st.tuples(
    st.sampled_from(
        ["receive", "send", "arrive", "settle", "issue", "amend", "void", "return", "write_off",
         "count", "recall"]
    ),
    st.integers(0, 2),
    st.integers(1, 6),
)  # fmt: skip


class Play:
    """Carries acts out; one that is refused changes nothing."""

    def __init__(self, stores: Any, keeper: Any, worker: Any, episode: Any) -> None:
        self.stores = [stores["centre"], stores["town"], stores["hospital"]]
        self.keeper, self.worker, self.episode = keeper, worker, episode
        self.today = timezone.localdate()
        self.got: dict[int, int] = {}  # batch -> units received: what the sums must lead back to

    def do(self, act: str, which: int, n: int) -> None:
        from django.db import transaction

        try:
            with transaction.atomic():
                getattr(self, act)(which, n)
        except CareError:
            pass

    def batch(self, which: int) -> Any:
        rows = list(Batch.objects.order_by("pk"))
        return rows[which % len(rows)] if rows else None

    def receive(self, which: int, n: int) -> None:
        expires = self.today.replace(year=self.today.year + 1 + which)
        row = moves.receive(
            self.keeper, self.stores[which], "folic_acid", f"N{n % 2}-{which}", "虚构药业",
            expires, n, self.today, uuid4(),
        )  # fmt: skip
        self.got[row.batch_id] = self.got.get(row.batch_id, 0) + n

    def send(self, which: int, n: int) -> None:
        if batch := self.batch(n):
            to = self.stores[(which + 1) % 3]
            transfers.send(self.keeper, self.stores[which], to, {batch: n}, self.today, uuid4())

    def arrive(self, which: int, n: int) -> None:
        row = Transfer.objects.filter(status="sent").order_by("pk").first()
        if row is not None:
            counted = {line.pk: max(line.sent - which, 0) for line in row.lines.all()}
            transfers.arrive(row, self.keeper, counted, self.today)

    def settle(self, which: int, n: int) -> None:
        row = Transfer.objects.filter(status="different").order_by("pk").first()
        for line in row.lines.all() if row is not None else ():
            transfers.settle(line, self.keeper, ("found", "back", "lost")[which], "核对")

    def issued(self) -> Any:
        return self.episode.encounters.filter(form="folic_issue", status="signed").last()

    def issue(self, which: int, n: int) -> None:
        data = {"folic_acid_packs": n}
        encounters.record(self.episode, "folic_issue", "wife", data, self.today, self.worker)

    def amend(self, which: int, n: int) -> None:
        if row := self.issued():
            encounters.amend(row.key, {"folic_acid_packs": n}, "更正", self.worker)

    def void(self, which: int, n: int) -> None:
        if row := self.issued():
            encounters.void(row, Actor.system("tests"))

    def __getattr__(self, name: str) -> Any:
        if name == "return":
            return self.bring_back
        raise AttributeError(name)

    def bring_back(self, which: int, n: int) -> None:
        if row := self.issued():
            signing.take_back(row, self.worker, n, "不用了", self.today, uuid4())

    def write_off(self, which: int, n: int) -> None:
        if batch := self.batch(n):
            moves.write_off(self.keeper, self.stores[which], batch, n, "破损", self.today, uuid4())

    def count(self, which: int, n: int) -> None:
        rows = Balance.objects.filter(store=self.stores[which]).select_related("batch")
        lines = {
            b.batch_id: counts.Counted(b.batch, b.quantity, max(b.quantity + n - 3, 0), "盘点")
            for b in rows
        }
        counts.close(self.keeper, self.stores[which], lines, self.today, uuid4())

    def recall(self, which: int, n: int) -> None:
        batch = self.batch(n)
        if batch and which == 2 and n == 6:
            moves.recall(self.keeper, batch, "召回")


@pytest.mark.django_db
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts=st.lists(ACTS, min_size=5, max_size=18))
def test_balances_are_received_less_issued_less_written_off_plus_returned(
    stores: Any, keeper: Any, actor: Any, registered: Any, acts: list[Any]
) -> None:
    from django.db import transaction

    with transaction.atomic():
        play = Play(stores, keeper, actor("village_worker"), registered())
        for act in acts:
            play.do(*act)
        for batch in Batch.objects.all():
            total = reading.batch_total(batch)
            assert total.of("receive") == play.got[batch.pk]
            assert total.holds, (acts, total)
            lying = {b.store_id: b.quantity for b in Balance.objects.filter(batch=batch)}
            for store, quantity in lying.items():
                rows = Movement.objects.filter(batch=batch, store=store).order_by("pk")
                assert quantity == sum(m.change for m in rows) >= 0
                assert rows.count() == 0 or list(rows)[-1].left == quantity
        transaction.set_rollback(True)
