"""Back-trace (逐级回溯): from a case to each chance of prevention, taken or not, without blame."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sanyou.protocol.expression import Expression
from sanyou.protocol.models import ChanceSpec
from sanyou.protocol.text import Text

Verdict = Literal["taken", "partly", "not_taken", "no_record"]


@dataclass(frozen=True)
class Chance:
    """One chance; `when` reads the case, `taken` and `partly` the record of another programme."""

    spec: ChanceSpec
    when: Expression | None
    taken: Expression
    partly: Expression | None

    @property
    def id(self) -> str:
        return self.spec.id

    def matters(self, case: Mapping[str, Any]) -> bool:
        """Whether the chance concerns this case; what cannot be told is looked at."""
        return self.when is None or self.when.evaluate(case) is not False

    def verdict(self, record: Mapping[str, Any] | None) -> Verdict:
        """By the facts of the record; None: there is none."""
        if record is None:
            return "no_record"
        if self.taken.evaluate(record) is True:
            return "taken"
        if self.partly is not None and self.partly.evaluate(record) is True:
            return "partly"
        return "not_taken"

    def words(self, verdict: Verdict) -> Text:
        """What is told of a verdict."""
        text = self.spec.text
        if verdict == "partly" and text.partly is not None:
            return text.partly
        words: dict[Verdict, Text] = {
            "taken": text.taken,
            "partly": text.taken,
            "not_taken": text.not_taken,
            "no_record": text.no_record,
        }
        return words[verdict]


@dataclass(frozen=True)
class Trace:
    """The chances looked at for a case, in their order."""

    chances: tuple[Chance, ...]
