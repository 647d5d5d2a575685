"""Gives claims their unit and place, statements their programme, and the ledger its past: what was
approved and paid before there was one, from the history of the statements."""

import datetime as dt
from collections.abc import Iterator
from typing import Any

from django.db import migrations
from django.utils import timezone

BATCH = 1000


def fill(apps: Any, schema_editor: Any) -> None:
    """Once, on the rows there are; no claim or statement changes its amount or state."""
    _claims(apps)
    _statements(apps)
    _postings(apps)


def _claims(apps: Any) -> None:
    rows = apps.get_model("finance", "Claim").objects.select_related("episode").order_by("pk")
    changed = []
    for row in rows.iterator(BATCH):
        row.unit, row.region_id = _unit(row), row.episode.region_id
        changed.append(row)
    for start in range(0, len(changed), BATCH):
        part = changed[start : start + BATCH]
        type(part[0]).objects.bulk_update(part, ["unit", "region"], batch_size=60)


def _unit(row: Any) -> str:
    """As sanyou.finance.claims.unit_of makes it of the documents that were in force until now."""
    if row.couple_id is None:
        return f"{_role(row.programme)}:{row.episode.person_id}"
    if row.child_order is None:
        return f"episode:{row.episode_id}"
    return f"couple:{row.couple_id}|child_order:{row.child_order}"


def _role(programme: str) -> str:
    from sanyou.care import content

    found = content.library().programmes.get(programme)
    return str(found.roles[0]) if found is not None else "person"


def _statements(apps: Any) -> None:
    from sanyou.care import content

    for row in apps.get_model("finance", "Statement").objects.order_by("pk"):
        first = row.claims.order_by("pk").first()
        policy = content.library().policies.get(row.policy)
        named = policy.programmes[0] if policy is not None else ""
        row.programme = first.programme if first is not None else named
        row.save(update_fields=["programme"])


def _postings(apps: Any) -> None:
    posting = apps.get_model("finance", "Posting")
    staff = apps.get_model("registry", "Staff")
    names = dict(staff.objects.values_list("username", "pk"))
    settled = apps.get_model("finance", "Statement").objects.filter(status__in=["approved", "paid"])
    for row in settled.select_related("organisation").order_by("pk"):
        for step in row.history:
            if step["act"] in {"approve", "pay"}:
                made = _lines(posting, row, step, names.get(step["by"]))
                posting.objects.bulk_create(list(made), batch_size=BATCH)


def _lines(posting: Any, row: Any, step: dict[str, Any], author: int | None) -> Iterator[Any]:
    """The postings of one approval or payment."""
    on = timezone.localtime(dt.datetime.fromisoformat(step["at"])).date()
    due = f"payable:{row.organisation.code}"
    approved = step["act"] == "approve"
    common = {
        "region_id": row.organisation.region_id,
        "policy": row.policy,
        "on": on,
        "voucher": (row.number if approved else step["reason"] or row.number)[:80],
        "statement": row,
        "author_id": author,
    }
    claims = [c for c in row.claims.order_by("pk") if c.amount]
    for number, claim in enumerate(claims, 1):
        yield posting(
            kind="approved" if approved else "paid",
            debit="expense" if approved else due,
            credit=due if approved else "bank",
            amount=claim.amount,
            text="结算审核通过" if approved else "经费拨付",
            line=number,
            claim=claim,
            **common,
        )
    shares = [(p, fen) for p, fen in sorted(row.shares.items()) if fen] if approved else []
    for number, (payer, fen) in enumerate(shares, 1):
        yield posting(
            kind="shared",
            debit=f"fund:{payer}",
            credit="expense",
            amount=fen,
            text="按比例分担",
            line=number,
            **common,
        )


class Migration(migrations.Migration):
    # The content in force is asked for, and it looks for signed releases first.
    dependencies = [("finance", "0002_ledger"), ("releases", "0001_initial")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
