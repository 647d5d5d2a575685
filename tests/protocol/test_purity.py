"""The protocol answers from its arguments alone: no clock, no database, no framework, no chance."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import sanyou.protocol

ROOT = Path(sanyou.protocol.__file__).parent
MODULES = sorted(path.relative_to(ROOT).as_posix() for path in ROOT.rglob("*.py"))
FORBIDDEN = {"django", "sqlite3", "duckdb", "psycopg", "time", "random", "os", "socket", "requests"}
CLOCK = {"today", "now", "utcnow"}


@pytest.mark.parametrize("module", MODULES)
def test_no_module_reads_the_clock_the_environment_or_a_database(module: str) -> None:
    tree = ast.parse((ROOT / module).read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            assert not FORBIDDEN & {name.name.split(".")[0] for name in node.names}
        if isinstance(node, ast.ImportFrom):
            assert (node.module or "").split(".")[0] not in FORBIDDEN
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            assert node.func.attr not in CLOCK


@pytest.mark.parametrize("module", MODULES)
def test_no_module_knows_a_programme(module: str) -> None:
    text = (ROOT / module).read_text(encoding="utf-8")
    for word in ("preconception", "孕前", "jiulongpo", "九龙坡", "rubella", "hbsag"):
        assert word not in text.lower()
