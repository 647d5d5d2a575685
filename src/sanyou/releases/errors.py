"""Why a release cannot go on."""

from collections.abc import Sequence

from sanyou.protocol.errors import ContentError


class ReleaseError(Exception):
    """Refused. `message_zh` says what is wrong and what to do; `mistakes` are lines of the files."""

    def __init__(self, code: str, message_zh: str, mistakes: Sequence[ContentError] = ()) -> None:
        super().__init__(message_zh)
        self.code = code
        self.message_zh = message_zh
        self.mistakes = tuple(mistakes)
