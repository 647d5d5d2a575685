"""Each row of the requirements that this version claims is named by a test that proves it."""

import ast
from functools import cache
from pathlib import Path

import pytest

CLAIMED = [
    "A01",
    "A02",
    "A03",
    "A04",
    "A05",
    "A06",
    "A07",
    "B01",
    "B02",
    "B03",
    "B04",
    "B05",
    "B06",
    "B07",
    "B08",
    "B09",
    "B10",
    "C01",
    "C02",
    "C03",
    "C04",
    "C05",
    "C06",
    "C07",
    "C08",
    "D01",
    "D02",
    "D03",
    "D04",
    "D05",
    "D06",
    "E01",
    "E02",
    "E03",
    "E04",
    "E05",
    "F02",
    "H01",
    "H02",
    "H03",
]


def named(tree: ast.AST) -> set[str]:
    """The rows named by `requirement(…)` marks in a file."""
    return {
        argument.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr == "requirement"
        for argument in node.args
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    }


@cache
def proved() -> frozenset[str]:
    """The rows named by the files that hold tests."""
    rows: set[str] = set()
    for path in sorted(Path(__file__).parent.rglob("test_*.py")):
        rows |= named(ast.parse(path.read_text(encoding="utf-8")))
    return frozenset(rows)


@pytest.mark.parametrize("row", CLAIMED)
def test_a_test_names_the_row(row: str) -> None:
    assert row in proved(), f"no test is marked with requirement {row}"
