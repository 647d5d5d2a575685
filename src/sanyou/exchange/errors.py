"""What can be wrong with a file, a row or one value. Every problem says what to do about it."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Problem:
    """One value that could not be used as it stands.

    `value` is as given (identifiers are masked before they are stored); `column` is the heading in
    the file, so the reader finds the cell again.
    """

    code: str
    field: str
    value: str
    rule: str
    remedy: str
    column: str = ""

    def as_json(self) -> dict[str, str]:
        return asdict(self)


class FileProblem(Exception):
    """The whole file cannot be read. The message is for the person who sent it."""


class BadValue(Exception):
    """One cell cannot be read: which rule it breaks and what to do."""

    def __init__(self, code: str, rule: str, remedy: str) -> None:
        super().__init__(rule)
        self.code = code
        self.rule = rule
        self.remedy = remedy
