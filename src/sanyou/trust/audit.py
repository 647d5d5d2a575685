"""The audit chain: who did what to whose record, each row sealed over the one before.

The seal is an HMAC under a key of this installation, so that someone who may write to the database
but does not hold the keys cannot recompute the chain. The head row says how long the chain is, so
rows cut off its end are missed too.
"""

import hashlib
import hmac
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from django.db import transaction
from django.utils import timezone

from sanyou.trust.keys import keyring
from sanyou.trust.models import AuditEvent, AuditHead

HEAD_MISSING = "head-missing"
GENESIS = "0" * 64


class Who(Protocol):
    """What the audit needs to know of an actor."""

    @property
    def username(self) -> str: ...
    @property
    def duty(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Verdict:
    """`broken_at` is the seq of the first row that cannot be trusted; `why` says it in Chinese."""

    ok: bool
    rows: int
    broken_at: int | None = None
    why: str = ""


def record(
    actor: Who, action: str, kind: str, subject: object = "", **detail: object
) -> AuditEvent:
    """Append one event. `subject` is an opaque key; detail holds no names and no identifiers.

    Joins the caller's transaction. The head row is locked until it ends, so call this last.
    """
    with transaction.atomic():
        head, created = AuditHead.objects.select_for_update().get_or_create(
            pk=1, defaults={"seq": 0, "hash": GENESIS}
        )
        if created:
            _recover(head)
        return _append(
            head,
            actor=actor.username,
            duty=actor.duty,
            action=action,
            kind=kind,
            subject=str(subject),
            detail=_plain(detail),
        )


def hold() -> None:
    """Take the head now, until the transaction ends: for an act that locks other rows after an
    audited act of the same transaction may have done so, so that all take them in one order."""
    AuditHead.objects.select_for_update().get_or_create(pk=1, defaults={"seq": 0, "hash": GENESIS})


def _recover(head: AuditHead) -> None:
    """Go on after the last row when the head has been removed, leaving a row that says so."""
    last = AuditEvent.objects.order_by("-seq").first()
    if last is None:
        return
    head.seq, head.hash = last.seq, last.hash
    _append(
        head,
        actor="system:audit",
        duty="",
        action=HEAD_MISSING,
        kind="audit",
        subject="",
        detail={},
    )


def _append(head: AuditHead, **values: Any) -> AuditEvent:
    event = AuditEvent(seq=head.seq + 1, at=timezone.now(), previous_hash=head.hash, **values)
    event.hash = seal(event)
    event.save(force_insert=True)
    head.seq, head.hash = event.seq, event.hash
    head.save(update_fields=["seq", "hash"])
    return event


def _plain(value: object) -> Any:
    """JSON that reads back the same from both databases: no floats, dates, NUL."""
    if isinstance(value, dict):
        return {str(k).replace("\0", ""): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(v) for v in value]
    if value is None or isinstance(value, bool | int):
        return value
    return str(value).replace("\0", "")


def seal(event: AuditEvent) -> str:
    """Hex HMAC-SHA256 over every column of the row and the hash of the one before."""
    at: datetime = event.at
    body = json.dumps(
        [
            event.seq,
            at.astimezone(UTC).isoformat(timespec="microseconds"),
            event.actor,
            event.duty,
            event.action,
            event.kind,
            event.subject,
            event.detail,
            event.previous_hash,
        ],
        ensure_ascii=False,
        sort_keys=True,
        separators=(",", ":"),
    )
    key = hmac.new(keyring().index, b"audit", hashlib.sha256).digest()
    return hmac.new(key, body.encode(), hashlib.sha256).hexdigest()


def verify() -> Verdict:
    """Walk the chain from its first row. Stops at the first row that cannot be trusted."""
    seq, previous = 0, GENESIS
    for event in AuditEvent.objects.order_by("seq").iterator(chunk_size=2000):
        why = _fault(event, seq + 1, previous)
        if why:
            return Verdict(False, seq, seq + 1, why)
        seq, previous = event.seq, event.hash
    head = AuditHead.objects.filter(pk=1).first()
    if (head.seq, head.hash) != (seq, previous) if head else seq > 0:
        return Verdict(False, seq, seq + 1, "末尾记录被删除，或链头与末条记录不一致")
    return Verdict(True, seq)


def _fault(event: AuditEvent, expected: int, previous: str) -> str:
    if event.seq != expected:
        return f"缺少第 {expected} 条记录"
    if event.previous_hash != previous:
        return "与上一条记录不衔接（记录被插入、调换或改写）"
    if not hmac.compare_digest(event.hash, seal(event)):
        return "记录内容被改动"
    if event.action == HEAD_MISSING:
        return "链头曾被删除，此前末尾可能缺少记录"
    return ""
