"""Django's `flush`, which empties every table: the ledger's guard stands aside and comes back."""

from typing import Any

from django.core.management.commands import flush

from sanyou.finance import guard


class Command(flush.Command):
    def handle(self, **options: Any) -> None:
        using = options["database"]
        guard.take_down(using)
        try:
            super().handle(**options)
        finally:
            guard.put_up(using)
