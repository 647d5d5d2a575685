"""How the product writes its log: what failed and where, never with whose data.

The text of an exception may repeat what was typed (a database names the refused row), so only its
kind and the places it came through are written.
"""

import logging
import traceback
from types import TracebackType


class Discreet(logging.Formatter):
    """Tracebacks without the messages of the exceptions."""

    def formatException(
        self,
        ei: tuple[type[BaseException], BaseException, TracebackType | None]
        | tuple[None, None, None],
    ) -> str:
        lines: list[str] = []
        error = ei[1]
        while error is not None:
            lines.append(f"{type(error).__module__}.{type(error).__qualname__}")
            lines += [
                f"  {frame.filename}:{frame.lineno} {frame.name}"
                for frame in traceback.extract_tb(error.__traceback__)
            ]
            error = error.__cause__ or error.__context__
        return "\n".join(lines)
