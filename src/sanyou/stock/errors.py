"""Refusals of the stores. `message_zh` says how much is left and what to do."""

from sanyou.care.errors import CareError


class StockError(CareError):
    """Nothing was moved."""


class NotEnough(StockError):
    """Fewer units than asked for can be handed out."""

    def __init__(self, message_zh: str) -> None:
        super().__init__(message_zh, "not_enough")
