"""`sanyou versions` and `sanyou replay`: told in words, nothing kept."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from sanyou.cli import app
from sanyou.protocol.library import PACKAGED
from sanyou.releases.models import Release

pytestmark = pytest.mark.django_db
RULES = PACKAGED / "programmes" / "preconception" / "rules" / "laboratory.yaml"


def test_rules_are_replayed_from_a_file_and_nothing_is_kept(
    tmp_path: Path, episode_at: Callable[..., Any]
) -> None:
    episode_at("assessed", 1, {"wife": {"alt": {"value": 55, "high": 40}}})
    text = RULES.read_text("utf-8")
    version = next(line for line in text.splitlines() if line.startswith("version:"))
    text = text.replace(version, 'version: "2030.1"')
    head, tail = text.split("- id: alt_high\n")
    changed = tmp_path / "laboratory.yaml"
    changed.write_text(
        head
        + "- id: alt_high\n"
        + tail.replace("for: {wife: C, husband: B}", "for: {wife: X, husband: X}", 1),
        encoding="utf-8",
    )

    answer = CliRunner().invoke(app, ["replay", str(changed)])

    assert answer.exit_code == 0, answer.output
    assert "→ 2030.1：1 份档案" in answer.output
    assert "→ X：1" in answer.output
    assert not Release.objects.exists()


def test_mistakes_are_told_with_file_and_line(tmp_path: Path) -> None:
    wrong = tmp_path / "laboratory.yaml"
    wrong.write_text('version: "2030.1"\nrules:\n  - id: Wrong Name\n', encoding="utf-8")

    answer = CliRunner().invoke(app, ["replay", str(wrong)])

    assert answer.exit_code == 1
    assert "rules/laboratory.yaml:3" in answer.output


def test_the_versions_in_force_are_listed(regions: None) -> None:
    answer = CliRunner().invoke(app, ["versions"])

    assert answer.exit_code == 0, answer.output
    assert "今天执行" in answer.output
