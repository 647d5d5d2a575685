"""Libraries for the tests: a tiny one kept here, and the packaged one."""

from __future__ import annotations

from pathlib import Path

import pytest

from sanyou.protocol.library import Library

HERE = Path(__file__).resolve().parent
TINY = HERE / "library"
EYECHECK = HERE.parent / "fixtures" / "eyecheck"


@pytest.fixture(scope="session")
def tiny() -> Library:
    return Library.load(TINY)


@pytest.fixture(scope="session")
def packaged() -> Library:
    return Library.load()
