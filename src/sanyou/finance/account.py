"""The special account of a programme's money: what was approved and what was paid, by day.

Kept from the history of the statements, so every line opens to its couples and signed records. How
the money received was spent stands in the organisation's own books, not here.
"""

import datetime as dt
from dataclasses import dataclass

from django.utils import timezone
from django.utils.translation import gettext as _

from sanyou.finance.models import Statement
from sanyou.finance.statements import period_label
from sanyou.registry.models import Organisation


@dataclass(frozen=True, slots=True)
class Entry:
    """One line, in fen: `owed` by an approved statement or `paid` under a voucher number; `balance`
    is what was approved and not yet paid after it."""

    on: dt.date
    text: str
    number: str
    owed: int
    paid: int
    balance: int
    statement: Statement


def entries(organisation: Organisation, policy: str) -> list[Entry]:
    """The account of an organisation under one policy document, oldest first."""
    moves: list[tuple[str, str, str, int, int, Statement]] = []
    own = Statement.objects.filter(organisation=organisation, policy=policy)
    for one in own.order_by("period_from", "pk"):
        period = period_label(one.period_from, one.period_to)
        for step in one.history:
            if step["act"] == "approve":
                text = _("%s结算审核通过") % period
                moves.append((step["at"], text, one.number, one.total, 0, one))
            elif step["act"] == "pay":
                text = _("%s经费拨付") % period
                moves.append((step["at"], text, step["reason"], 0, one.total, one))
    found, balance = [], 0
    for at, text, number, owed, paid, one in sorted(moves, key=lambda m: m[0]):
        balance += owed - paid
        on = timezone.localtime(dt.datetime.fromisoformat(at)).date()
        found.append(Entry(on, text, number, owed, paid, balance, one))
    return found
