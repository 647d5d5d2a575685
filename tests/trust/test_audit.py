"""The audit chain notices every way of tampering with it."""

import threading
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from django.db import connection, transaction
from django.db.models import F
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from sanyou.trust import audit
from sanyou.trust.models import AuditEvent, AuditHead

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("H02")]

NURSE = SimpleNamespace(username="liu", duty="history_nurse")


def chain(length: int = 5) -> None:
    for n in range(length):
        audit.record(NURSE, "read", "couple", f"key-{n}", form="history", count=n)


def test_an_untouched_chain_holds() -> None:
    chain()
    verdict = audit.verify()
    assert (verdict.ok, verdict.rows, verdict.broken_at) == (True, 5, None)


def test_an_empty_chain_holds() -> None:
    assert audit.verify() == audit.Verdict(True, 0)


def edit_subject() -> None:
    AuditEvent.objects.filter(seq=3).update(subject="key-9")


def edit_detail() -> None:
    AuditEvent.objects.filter(seq=3).update(detail={"form": "history", "count": 7})


def edit_actor() -> None:
    AuditEvent.objects.filter(seq=3).update(actor="wang")


def edit_hash() -> None:
    AuditEvent.objects.filter(seq=3).update(hash="0" * 64)


def delete() -> None:
    AuditEvent.objects.filter(seq=3).delete()


def delete_and_close_up() -> None:
    AuditEvent.objects.filter(seq=3).delete()
    for seq in (4, 5):
        AuditEvent.objects.filter(seq=seq).update(seq=F("seq") - 1)


def insert() -> None:
    for seq in (5, 4, 3):
        AuditEvent.objects.filter(seq=seq).update(seq=F("seq") + 1)
    before = AuditEvent.objects.get(seq=2)
    event = AuditEvent(
        seq=3, at=before.at, actor="x", action="read", kind="couple", previous_hash=before.hash
    )
    event.hash = audit.seal(event)  # even someone who holds the keys breaks what follows
    AuditEvent.objects.bulk_create([event])


def reorder() -> None:
    AuditEvent.objects.filter(seq=3).update(seq=99)
    AuditEvent.objects.filter(seq=4).update(seq=3)
    AuditEvent.objects.filter(seq=99).update(seq=4)


@pytest.mark.parametrize(
    ("tamper", "broken_at"),
    [
        (edit_subject, 3),
        (edit_detail, 3),
        (edit_actor, 3),
        (edit_hash, 3),
        (delete, 3),
        (delete_and_close_up, 3),
        (insert, 4),
        (reorder, 3),
    ],
)
def test_tampering_is_found_at_the_row(tamper: Callable[[], None], broken_at: int) -> None:
    chain()
    tamper()
    verdict = audit.verify()
    assert (verdict.ok, verdict.broken_at) == (False, broken_at)
    assert verdict.why


def test_rows_cut_off_the_end_are_missed() -> None:
    chain()
    AuditEvent.objects.filter(seq__gt=3).delete()
    assert audit.verify().broken_at == 4


def test_a_chain_emptied_altogether_is_missed() -> None:
    chain()
    AuditEvent.objects.all().delete()
    assert audit.verify().broken_at == 1


def test_removing_the_head_leaves_a_mark_that_later_events_cannot_hide() -> None:
    chain()
    AuditEvent.objects.filter(seq__gt=3).delete()
    AuditHead.objects.all().delete()
    chain(2)
    verdict = audit.verify()
    assert (verdict.ok, verdict.broken_at) == (False, 4)


def test_events_cannot_be_saved_again_or_deleted_one_by_one() -> None:
    chain(1)
    event = AuditEvent.objects.get()
    with pytest.raises(TypeError):
        event.save()
    with pytest.raises(TypeError):
        event.delete()


def test_an_event_undone_with_its_transaction_leaves_no_gap() -> None:
    chain(2)

    class PowerCut(Exception):
        pass

    def sign() -> None:
        with transaction.atomic():
            audit.record(NURSE, "sign", "encounter", "key")
            raise PowerCut

    with pytest.raises(PowerCut):
        sign()
    chain(1)
    assert audit.verify() == audit.Verdict(True, 3)


class AnyDetail(TestCase):
    @settings(max_examples=25, deadline=None)
    @given(
        st.dictionaries(
            st.text(st.characters(codec="utf-8"), min_size=1, max_size=8).filter(
                lambda k: k not in {"actor", "action", "kind", "subject"}
            ),
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
            max_size=4,
        )
    )
    def test_any_detail_reads_back_as_it_was_sealed(self, detail: dict[str, object]) -> None:
        audit.record(NURSE, "read", "couple", "key", **detail)
        assert audit.verify().ok


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_many_writers_at_once_keep_one_chain() -> None:
    def write() -> None:
        try:
            for n in range(15):
                audit.record(NURSE, "read", "couple", f"key-{n}")
        finally:
            connection.close()

    writers = [threading.Thread(target=write) for _ in range(6)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert audit.verify() == audit.Verdict(True, 90)
