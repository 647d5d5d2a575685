"""The command line as a person meets it: what it prints, how it ends, what it says when it cannot."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.embedded


def sanyou(*arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    env = {k: v for k, v in os.environ.items() if not k.startswith(("SANYOU_", "DJANGO_"))}
    env |= {"SANYOU_HOME": str(home), "COLUMNS": "200"}
    return subprocess.run(
        [sys.executable, "-m", "sanyou", *arguments],
        env=env,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_check_says_that_all_cases_agree(tmp_path: Path) -> None:
    done = sanyou("check", home=tmp_path)

    assert done.returncode == 0, done.stderr
    assert "全部相符" in done.stdout


def test_the_policy_is_shown_clause_by_clause_as_json(tmp_path: Path) -> None:
    done = sanyou("policy", "show", "jiulongpo-2020", "--json", home=tmp_path)

    clauses = json.loads(done.stdout)["clauses"]
    assert {"四", "六（一）2"} <= {c["ref"] for c in clauses}
    for clause in clauses:
        assert clause["text"]
        assert clause["status"] in {"implemented", "exhortation", "open"}
        assert clause["by"] or clause["reason"]


def test_an_unknown_policy_is_named_with_those_that_exist(tmp_path: Path) -> None:
    done = sanyou("policy", "show", "nowhere-1999", home=tmp_path)

    assert done.returncode == 2
    assert "jiulongpo-2020" in done.stderr


def test_a_month_under_an_unknown_policy_is_refused_before_anything_is_written(
    tmp_path: Path,
) -> None:
    file = tmp_path / "empty.xlsx"
    file.write_bytes(b"")

    done = sanyou(
        "month", "--policy", "nowhere", "--roster", str(file), "--stations", str(file),
        "--lab", str(file), "--out", str(tmp_path / "out"), home=tmp_path,
    )  # fmt: skip

    assert done.returncode == 2
    assert "没有可用的政策" in done.stderr
    assert not (tmp_path / "out").exists()


def test_verifying_without_a_database_says_what_to_do(tmp_path: Path) -> None:
    done = sanyou("audit", "verify", home=tmp_path / "nothing")

    assert done.returncode == 2
    assert "sanyou migrate" in done.stderr


@pytest.mark.requirement("H01")
def test_the_demo_builds_a_living_district_again_and_again(tmp_path: Path) -> None:
    one = ("--no-serve", "--couples", "24", "--district", "jiulongpo")
    first = sanyou("demo", *one, home=tmp_path)

    assert first.returncode == 0, first.stderr
    for username in ("cunyi", "dengji", "jianyan", "pinggu", "caiwu", "guanli"):
        assert username in first.stdout

    def counts() -> dict[str, int]:
        import sqlite3

        with sqlite3.connect(tmp_path / "sanyou.sqlite3") as db:
            return {
                name: db.execute(f"select count(*) from {name}").fetchone()[0]
                for name in ("care_episode", "care_encounter", "registry_person", "registry_staff")
            }

    before = counts()
    assert before["care_episode"] >= 24  # and those who came again

    again = sanyou("demo", *one, home=tmp_path)
    assert again.returncode == 0, again.stderr
    assert counts() == before

    audit = sanyou("audit", "verify", home=tmp_path)
    assert audit.returncode == 0
    assert "审计链完整" in audit.stdout

    rotated = sanyou("keys", "rotate", home=tmp_path)
    assert rotated.returncode == 0, rotated.stderr

    token = sanyou("token", "jianyan", "--duty", "laboratory", home=tmp_path)
    assert token.returncode == 0
    assert len(token.stdout.strip()) > 40
    refused = sanyou("token", "jianyan", "--duty", "finance", home=tmp_path)
    assert refused.returncode == 2


def test_the_same_seed_gives_the_same_people_and_another_seed_others(tmp_path: Path) -> None:
    from datetime import date

    from sanyou.synth.population import shares, stories

    given, day = shares("jiulongpo"), date(2026, 11, 22)
    one, two = (list(stories(60, 7, day, given)) for _ in range(2))
    other = list(stories(60, 8, day, given))

    assert one == two
    assert one != other
    numbers = [p.id_number for s in one for p in (s.wife, s.husband)]
    assert len(set(numbers)) == len(numbers)
