"""`sanyou explain`: one line with document and clause, then the clauses."""

from typing import Any

import pytest
import typer

from sanyou.cli import explain

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("A05")]


def test_it_prints_the_line_and_the_clauses_of_that_day(episode_at: Any, capsys: Any) -> None:
    episode = episode_at("confirmed")
    explain(episode.number, "2021-03-15")
    lines = capsys.readouterr().out.splitlines()
    assert any("九龙坡府办发〔2020〕136号" in line and "“三”" in line for line in lines)
    assert any(line.strip().startswith("“四”") for line in lines)
    explain(str(episode.couple.key), "2021-02-01")
    assert "现在推算" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("couple", "on", "words"), [("500107-1999-000001", "2021-03-15", "没有找到"), ("x", "昨天", "")]
)
def test_what_cannot_be_found_or_read_is_said(
    district: Any, capsys: Any, couple: str, on: str, words: str
) -> None:
    with pytest.raises(typer.Exit) as stopped:
        explain(couple, on)
    assert stopped.value.exit_code == 2
    assert words in capsys.readouterr().err


def test_a_day_before_any_document_says_so(episode_at: Any, capsys: Any) -> None:
    explain(episode_at("nominated").number, "2001-01-01")
    assert "没有作出过判断" in capsys.readouterr().out
