"""`sanyou` as a process of its own, many times over: forked from one that has done the imports.

As a program it is that first process: it reads jobs, one line of JSON each, forks for each and says
its process id and then how it ended. `Forked` is the test's side of it.
"""

import importlib
import json
import os
import pathlib
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

# Of what the command imports, the slow parts that need no settings.
IMPORTED = [
    "sanyou.cli", "django.core.management", "django.core.serializers.json",
    "django.db.backends.sqlite3.base", "django.urls", "hl7", "pypinyin", "python_calamine",
    "rich.progress", "xlsxwriter",
]  # fmt: skip


class Forked:
    """`with Forked() as run: run(["month", …])` -> the exit status, negative for a signal."""

    def __enter__(self) -> "Forked":
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("SANYOU_", "DJANGO_"))}
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            env=kept | {"PYTHONUTF8": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,  # what is there to be read is seen by `select`
        )
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()

    def __call__(
        self,
        arguments: Sequence[object],
        *,
        log: Path,
        die_at: tuple[str, int] | None = None,
        kill_after: float | None = None,
    ) -> int:
        """`die_at`: see `arm`. `kill_after`: killed from outside after so many seconds."""
        line = json.dumps(
            {"arguments": [str(a) for a in arguments], "log": str(log), "die_at": die_at}
        )
        assert self._process.stdin
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()
        running = self._read()
        if kill_after is not None:
            assert self._process.stdout
            ended, _, _ = select.select([self._process.stdout], [], [], kill_after)
            if not ended:
                os.kill(running, signal.SIGKILL)
        return self._read()

    def _read(self) -> int:
        assert self._process.stdout
        return int(self._process.stdout.readline())


def arm(where: str, nth: int) -> None:
    """Kill this process, as a power cut would, at its nth moment of writing (a commit of the
    database, an fsync of a file, a rename into place) that has this name.

    A moment has the names of the functions it happens in, and a rename the name of the file.
    """
    from django.db.backends.base.base import BaseDatabaseWrapper

    seen = 0

    def moment(name: str) -> None:
        nonlocal seen
        names = {name}
        frame = sys._getframe(2)
        while frame is not None:
            names.add(frame.f_code.co_name)
            frame = frame.f_back  # type: ignore[assignment]
        seen += where in names
        if seen == nth:
            os.kill(os.getpid(), signal.SIGKILL)

    def wrap(owner: Any, method: str, name: Any) -> None:
        real = getattr(owner, method)

        def wrapped(*given: Any, **more: Any) -> Any:
            moment(name(*given))
            return real(*given, **more)

        setattr(owner, method, wrapped)

    wrap(os, "fsync", lambda _handle: "fsync")
    wrap(pathlib.Path, "replace", lambda _path, target: Path(target).name)
    wrap(BaseDatabaseWrapper, "_commit", lambda _database: "commit")


def run(job: dict[str, Any]) -> None:
    from sanyou import cli

    log = os.open(job["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream, handle in ((0, os.open(os.devnull, os.O_RDONLY)), (1, log), (2, log)):
        os.dup2(handle, stream)
    if job["die_at"]:
        arm(*job["die_at"])
    sys.argv = ["sanyou", *job["arguments"]]
    cli.main()


def serve() -> None:
    from sanyou.protocol.library import Library

    for name in IMPORTED:
        importlib.import_module(name)
    Library.load()  # kept by the process, and so by those forked from it
    while line := sys.stdin.buffer.readline():
        if child := os.fork():
            os.write(1, f"{child}\n".encode())
            _, status = os.waitpid(child, 0)
            os.write(1, f"{os.waitstatus_to_exitcode(status)}\n".encode())
        else:
            run(json.loads(line))
            sys.exit()


if __name__ == "__main__":
    serve()
