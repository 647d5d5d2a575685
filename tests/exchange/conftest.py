"""Months in files, and running them as the command does."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

POLICY = "jiulongpo-2020"
SUPPLIED = Path(__file__).parents[1] / "fixtures" / "jiulongpo-2021-03"


@pytest.fixture
def run_month(regions: None) -> Callable[..., dict[str, Any]]:
    """`run_month(folder, out)` -> the summary, in the test database."""
    from sanyou.exchange import month

    def run(folder: Path, out: Path, **options: Any) -> dict[str, Any]:
        return month.run(
            POLICY,
            folder / "roster.xlsx",
            folder / "stations.xlsx",
            folder / "lab.hl7",
            out,
            **options,
        )

    return run


@pytest.fixture
def expected() -> Callable[[Path], dict[str, Any]]:
    """The answer key of a folder."""

    def read(folder: Path) -> dict[str, Any]:
        key: dict[str, Any] = json.loads((folder / "expected.json").read_text("utf-8"))
        return key

    return read
