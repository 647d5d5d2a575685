"""The month command killed at any point and run again: the same result, nothing twice, nothing lost."""

import json
import random
import shutil
import signal
import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.exchange.forked import Forked
from tests.exchange.generator import STYLES, make

pytestmark = pytest.mark.embedded

TABLES = [
    "registry_person", "registry_couple", "registry_doubt", "care_episode", "care_encounter",
    "care_consent", "care_assessment", "care_eligibilitydecision", "care_freecheck", "care_card",
    "care_task", "finance_claim", "finance_statement", "figures_submission", "exchange_importfile",
    "exchange_importrow",
]  # fmt: skip
POINTS = 8
# Moments of writing, by the function or the file they belong to (see `forked.arm`). None of them
# depends on how fast the machine is; the number of all moments does, by a few.
BEFORE_THE_WORK = [("commit", 1), ("apply_migration", 20), ("load", 1), ("month.json", 1)]
IN_THE_WORK = [
    ("_receive", 1),
    ("_import", 4),
    ("_judge", 1),
    ("_settle", 1),
    ("_statement", 2),
    ("summary.json", 1),
]


def month(folder: Path, out: Path) -> list[object]:
    return [
        "month", "--policy", "jiulongpo-2020", "--roster", folder / "roster.xlsx",
        "--stations", folder / "stations.xlsx", "--lab", folder / "lab.hl7", "--out", out,
    ]  # fmt: skip


@pytest.fixture(scope="module")
def sanyou() -> Iterator[Forked]:
    with Forked() as run:
        yield run


@pytest.fixture(scope="module")
def set_up(sanyou: Forked, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """An undisturbed new database, for the months that nothing disturbs, and how long it took."""
    folder = tmp_path_factory.mktemp("set-up")
    started = time.monotonic()
    assert sanyou(["migrate", "--home", folder / ".sanyou"], log=folder / "log") == 0
    return folder / ".sanyou", time.monotonic() - started


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "log"


def finish(sanyou: Forked, folder: Path, out: Path, log: Path) -> dict[str, object]:
    assert sanyou(month(folder, out), log=log) == 0, log.read_text("utf-8")[-2000:]
    return json.loads((out / "summary.json").read_text("utf-8"))


def database(out: Path) -> dict[str, object]:
    """Row counts, and the rows' outcomes, of a finished month."""
    with sqlite3.connect(out / ".sanyou" / "sanyou.sqlite3") as db:
        found: dict[str, object] = {
            t: db.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in TABLES
        }
        found["outcomes"] = db.execute(
            "SELECT outcome, code, count(*) FROM exchange_importrow GROUP BY 1, 2 ORDER BY 1, 2"
        ).fetchall()
        assert db.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    return found


def files(out: Path) -> set[str]:
    return {
        str(p.relative_to(out)) for p in out.rglob("*") if p.is_file() and ".sanyou" not in p.parts
    }


def test_killed_at_many_points_the_month_ends_as_if_undisturbed(sanyou, set_up, log, tmp_path):
    folder = tmp_path / "in"
    key = make(folder, seed=21, couples=8, style=STYLES[0])
    home, setting_up = set_up
    calm = tmp_path / "calm"
    shutil.copytree(home, calm / ".sanyou")
    started = time.monotonic()
    assert finish(sanyou, folder, calm, log) == key
    whole = setting_up + time.monotonic() - started
    rng = random.Random(5)
    out = tmp_path / "out"
    # Points spread over the whole run; each run goes on where the last was killed, so later kills
    # are placed from the start of the remaining work as well as from its end.
    for point in range(POINTS):
        share = (point + rng.random()) / POINTS
        ended = sanyou(month(folder, out), log=log, kill_after=max(0.3, share * whole))
        if ended == 0:
            break  # finished before the kill
        assert ended == -signal.SIGKILL
        if (out / "summary.json").exists():
            assert json.loads((out / "summary.json").read_text("utf-8")) == key
    assert finish(sanyou, folder, out, log) == key
    assert database(out) == database(calm)
    assert files(out) == files(calm)


def test_killed_while_writing_the_month_ends_as_if_undisturbed(sanyou, set_up, log, tmp_path):
    """Kills from within, right at writes: the process dies before a commit or a file is made."""
    folder = tmp_path / "in"
    key = make(folder, seed=22, couples=5, style=STYLES[1])
    calm = tmp_path / "calm"
    shutil.copytree(set_up[0], calm / ".sanyou")
    assert finish(sanyou, folder, calm, log) == key

    def die(out: Path, moment: tuple[str, int]) -> None:
        ended = sanyou(month(folder, out), log=log, die_at=moment)
        assert ended == -signal.SIGKILL, (moment, log.read_text("utf-8")[-2000:])

    def goes_on(out: Path) -> None:
        assert finish(sanyou, folder, out, log) == key
        assert database(out) == database(calm)
        assert files(out) == files(calm)

    # Setting up takes most of the time: killed in one folder again and again until it is done.
    prepared = tmp_path / "prepared"
    for moment in BEFORE_THE_WORK:
        die(prepared, moment)
    for moment in IN_THE_WORK:
        out = tmp_path / "-".join(map(str, moment))
        shutil.copytree(prepared, out)
        die(out, moment)
        goes_on(out)
    goes_on(prepared)
