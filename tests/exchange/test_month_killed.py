"""The month command killed at any point and run again: the same result, nothing twice, nothing lost."""

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.exchange.generator import STYLES, make

TABLES = [
    "registry_person", "registry_couple", "registry_doubt", "care_episode", "care_encounter",
    "care_consent", "care_assessment", "care_eligibilitydecision", "care_freecheck", "care_card",
    "care_task", "finance_claim", "finance_statement", "figures_submission", "exchange_importfile",
    "exchange_importrow",
]  # fmt: skip
POINTS = 5


def command(folder: Path, out: Path) -> list[str]:
    return [
        sys.executable, "-m", "sanyou", "month", "--policy", "jiulongpo-2020",
        "--roster", str(folder / "roster.xlsx"), "--stations", str(folder / "stations.xlsx"),
        "--lab", str(folder / "lab.hl7"), "--out", str(out),
    ]  # fmt: skip


def environment() -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("SANYOU_", "DJANGO_"))}
    return kept | {"PYTHONUTF8": "1"}


@pytest.fixture
def prepared(tmp_path):
    """`prepared(out)` -> the place of a month with its database set up: that is not what is tested
    here, and it takes most of the time."""
    home = tmp_path / "home"
    subprocess.run(
        [sys.executable, "-m", "sanyou", "migrate", "--home", str(home)],
        env=environment(), capture_output=True, check=True,
    )  # fmt: skip

    def prepare(out: Path) -> None:
        shutil.copytree(home, out / ".sanyou")

    return prepare


def finish(folder: Path, out: Path) -> dict[str, object]:
    done = subprocess.run(
        command(folder, out), env=environment(), capture_output=True, text=True, timeout=600,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
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


@pytest.mark.embedded
def test_killed_at_many_points_the_month_ends_as_if_undisturbed(tmp_path, prepared):
    folder = tmp_path / "in"
    key = make(folder, seed=21, couples=8, style=STYLES[0])
    calm = tmp_path / "calm"
    prepared(calm)
    started = time.monotonic()
    assert finish(folder, calm) == key
    whole = time.monotonic() - started
    rng = random.Random(5)
    out = tmp_path / "out"
    prepared(out)
    # Points spread over the whole run; each run goes on where the last was killed, so later kills
    # are placed from the start of the remaining work as well as from its end.
    for point in range(POINTS):
        process = subprocess.Popen(
            command(folder, out), env=environment(), stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )  # fmt: skip
        share = (point + rng.random()) / POINTS
        try:
            process.wait(timeout=max(0.3, share * whole))
            break  # finished before the kill
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait()
        if (out / "summary.json").exists():
            assert json.loads((out / "summary.json").read_text("utf-8")) == key
    assert finish(folder, out) == key
    assert database(out) == database(calm)
    assert files(out) == files(calm)


@pytest.mark.embedded
def test_killed_while_writing_the_month_ends_as_if_undisturbed(tmp_path, prepared):
    """Kills from within, right at writes: the process dies at its n-th commit or file.

    How many writes there are differs by a few from run to run, so the last one is named instead.
    """
    folder = tmp_path / "in"
    key = make(folder, seed=22, couples=5, style=STYLES[1])
    (tmp_path / "sitecustomize.py").write_text(DYING, "utf-8")
    calm, counted = tmp_path / "calm", tmp_path / "count"
    path = os.pathsep.join([str(tmp_path), *os.environ.get("PYTHONPATH", "").split(os.pathsep)])
    env = environment() | {"PYTHONPATH": path}
    prepared(calm)
    subprocess.run(
        command(folder, calm), env=env | {"COUNT": str(counted)}, capture_output=True, check=True
    )
    moments = int(counted.read_text())
    assert moments > 20
    for at in ["1", *(str(moments * share // 6) for share in (1, 3, 5)), "summary.json"]:
        out = tmp_path / f"out{at}"
        prepared(out)
        died = subprocess.run(
            command(folder, out), env=env | {"DIE_AT": at}, capture_output=True, check=False
        )
        assert died.returncode == -signal.SIGKILL
        assert finish(folder, out) == key
        assert database(out) == database(calm)
        assert files(out) == files(calm)


# Runs inside the command's process: at the n-th moment of writing (a commit of the database, an
# fsync of a file, a rename into place), or before the file of that name is put into place, the
# process kills itself, as a power cut would.
DYING = """
import atexit, os, pathlib, signal
at, seen = os.environ.get("DIE_AT", ""), [0]
def moment(target):
    seen[0] += 1
    if at == str(seen[0]) or (target and at == pathlib.Path(target).name):
        os.kill(os.getpid(), signal.SIGKILL)
def wrap(owner, name, target=None):
    real = getattr(owner, name)
    def wrapped(*args, **more):
        moment(args[target] if target else None)
        return real(*args, **more)
    setattr(owner, name, wrapped)
if at or "COUNT" in os.environ:
    wrap(os, "fsync")
    wrap(pathlib.Path, "replace", target=1)
    from django.db.backends.base.base import BaseDatabaseWrapper
    wrap(BaseDatabaseWrapper, "_commit")
if "COUNT" in os.environ:
    atexit.register(lambda: pathlib.Path(os.environ["COUNT"]).write_text(str(seen[0])))
"""
