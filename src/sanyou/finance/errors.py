"""Refusals of the money side; each says in Chinese what is wrong and what to do."""


class FinanceError(Exception):
    """`message_zh` may be shown; `code` names the rule."""

    def __init__(self, code: str, message_zh: str) -> None:
        super().__init__(message_zh)
        self.code = code
        self.message_zh = message_zh
