"""A district adds programmes and policies in folders of its own (SANYOU_CONTENT)."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sanyou.care import content
from sanyou.environment import content_roots
from sanyou.protocol.library import Library
from tests.conftest import FIXTURES

EYECHECK = FIXTURES / "eyecheck"


def sanyou(*args: str, folders: str) -> subprocess.CompletedProcess[str]:
    """The command with SANYOU_CONTENT set, and no Django settings given."""
    env = {k: v for k, v in os.environ.items() if k != "DJANGO_SETTINGS_MODULE"}
    return subprocess.run(
        [sys.executable, "-m", "sanyou", *args],
        env=env | {"SANYOU_CONTENT": folders, "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )


def test_check_runs_the_cases_of_the_districts_own_folder() -> None:
    packaged, both = Library.load().check().cases, Library.load(None, EYECHECK).check().cases
    assert both > packaged

    result = sanyou("check", folders=str(EYECHECK))

    assert result.returncode == 0, result.stderr
    assert f"{both} 个样例" in result.stdout


def test_a_policy_of_the_districts_own_folder_is_shown() -> None:
    result = sanyou("policy", "show", "eyecheck-2021", "--json", folders=str(EYECHECK))

    assert result.returncode == 0, result.stderr
    assert '"clauses"' in result.stdout


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "nowhere"

    result = sanyou("policy", "list", folders=f"{EYECHECK}{os.pathsep}{missing}")

    assert result.returncode == 1
    assert str(missing) in result.stderr
    assert "内容目录不存在" in result.stderr


def test_folders_are_separated_as_in_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    monkeypatch.setenv("SANYOU_CONTENT", f"{one}{os.pathsep}{os.pathsep}{two}")
    assert content_roots() == (one.resolve(), two.resolve())
    monkeypatch.delenv("SANYOU_CONTENT")
    assert content_roots() == ()


def test_the_services_load_the_same_folders(settings) -> None:
    settings.CONTENT_ROOTS = (EYECHECK,)
    content.packaged.cache_clear()
    try:
        assert "eyecheck" in content.library().programmes
    finally:
        settings.CONTENT_ROOTS = ()
        content.packaged.cache_clear()
