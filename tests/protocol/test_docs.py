"""The examples of the how-to pages are true."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sanyou.protocol.errors import ExpressionError
from sanyou.protocol.expression import Expression
from sanyou.protocol.library import Library
from tests.protocol.conftest import HERE

PAGE = HERE.parent.parent / "docs" / "how-to" / "programme.md"
TABLE = PAGE.read_text(encoding="utf-8").split("## 条件表达式")[1].split("不能用：")[0]
EXAMPLES = re.findall(r"`((?:NOT )?(?:wife|person|couple)\.[^`]+)`", TABLE)


@pytest.mark.parametrize("text", EXAMPLES)
def test_each_documented_condition_parses(packaged: Library, text: str) -> None:
    scope = packaged.programmes["preconception"].scope.with_person("wife")
    assert Expression.parse(text, scope).facts


@pytest.mark.parametrize(
    "text",
    ["abs(wife.alt) > 1", "wife.alt / 2 > 1", "(SELECT TRUE)", "wife.smoking IS TRUE"],
)
def test_each_documented_exclusion_is_refused(packaged: Library, text: str) -> None:
    scope = packaged.programmes["preconception"].scope
    with pytest.raises(ExpressionError):
        Expression.parse(text, scope)


def test_the_pages_name_files_that_exist() -> None:
    root = Path(PAGE).parent.parent.parent
    for page in ("programme.md", "policy.md"):
        text = (PAGE.parent / page).read_text(encoding="utf-8")
        for name in re.findall(r"`(tests/[^`]+)`", text):
            assert (root / name).exists(), name
