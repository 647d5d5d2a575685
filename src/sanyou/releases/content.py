"""The content in force on a day: the packaged content with the releases of that day laid over it.

Which releases there are is read from the database at most once in RELEASES_CHECK_SECONDS per
process, so a release signed in one process is soon known to all. The merged content is written
below HOME once, named by what it is made of, and read from there.
"""

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from threading import Lock

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from sanyou.protocol.errors import ContentErrors
from sanyou.protocol.library import Library
from sanyou.releases.errors import ReleaseError
from sanyou.releases.models import Release

CHECK_SECONDS = 5.0
KEPT = 12  # merged libraries kept in memory
FOLDER = "releases"  # below HOME


@dataclass(frozen=True, slots=True)
class Entry:
    """A signed release: when it starts, and what it consists of."""

    pk: int
    starts_on: date
    sha256: str


class _State:
    """What this process knows. `read_at` None: nothing yet."""

    read_at: float | None = None
    entries: tuple[Entry, ...] = ()


_state = _State()
_libraries: dict[tuple[object, ...], Library] = {}
_lock = Lock()


def digest(files: Mapping[str, str]) -> str:
    """sha256 over paths and texts, the same whatever the order."""
    listed = json.dumps(sorted(files.items()), ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(listed.encode()).hexdigest()


def forget() -> None:
    """Look into the database again when next asked (a release was signed or withdrawn here)."""
    _state.read_at = None


def entries() -> tuple[Entry, ...]:
    """Signed releases in the order in which they lie over each other."""
    seconds = getattr(settings, "RELEASES_CHECK_SECONDS", CHECK_SECONDS)
    if seconds is None:  # the packaged content only
        return ()
    now = time.monotonic()
    if _state.read_at is None or now - _state.read_at > seconds:
        rows = Release.objects.filter(status=Release.Status.SIGNED).order_by("starts_on", "pk")
        _state.entries = tuple(Entry(*row) for row in rows.values_list("pk", "starts_on", "sha256"))
        _state.read_at = now
    return _state.entries


def library_on(base: Library, on: date | None) -> Library:
    """The content in force on a day (today where None) over the packaged content `base`."""
    known = entries()
    if not known:
        return base
    day = on or timezone.localdate()
    active = tuple(entry for entry in known if entry.starts_on <= day)
    return merged(base, active) if active else base


def merged(base: Library, active: Sequence[Entry]) -> Library:
    """`base` with releases over it, later ones over earlier."""
    name = (id(base), *(entry.sha256 for entry in active))
    found = _libraries.get(name)
    if found is None:
        with _lock:
            found = _libraries.get(name)
            if found is None:
                files = _files(active)
                try:
                    found = load(base, files)
                except ContentErrors as error:
                    raise ReleaseError(
                        "broken",
                        _(
                            "已启用的内容版本与现在的程序内容不相容，不能继续判断。"
                            "请系统管理员运行 sanyou versions 查看：%s"
                        )
                        % min(error.errors, key=lambda e: e.path not in files),
                    ) from error
                _keep(name, found)
    return found


def _files(active: Sequence[Entry]) -> dict[str, str]:
    rows = Release.objects.in_bulk([entry.pk for entry in active])
    files: dict[str, str] = {}
    for entry in active:
        files |= rows[entry.pk].files
    return files


def active_files(on: date, without: int | None = None) -> dict[str, str]:
    """The files of all releases in force on a day."""
    rows = Release.objects.filter(status=Release.Status.SIGNED, starts_on__lte=on)
    return _files(
        [
            Entry(row.pk, row.starts_on, row.sha256)
            for row in rows.exclude(pk=without or 0).order_by("starts_on", "pk")
        ]
    )


def load(base: Library, files: Mapping[str, str]) -> Library:
    """`base` with files replaced and added, strictly read. ContentErrors with file and line."""
    roots = materialise(base.roots, files)
    found = _libraries.get(roots)
    if found is None:
        found = Library.load(*roots)
        _keep(roots, found)
    return found


def _keep(name: tuple[object, ...], library: Library) -> None:
    while len(_libraries) >= KEPT:
        _libraries.pop(next(iter(_libraries)), None)
    _libraries[name] = library


def materialise(roots: Iterable[Path], files: Mapping[str, str]) -> tuple[Path, ...]:
    """Folders that hold the roots with the files over them; written once, found again by name.

    A file replaces the one of the same path in the last root that has it, else it goes to the root
    that has its folder (a programme's), else to the first.
    """
    listed = tuple(roots)
    stamp = hashlib.sha256(digest(files).encode())
    for root in listed:
        stamp.update(_stamp(root).encode())
    home = Path(settings.HOME) / FOLDER
    target = home / stamp.hexdigest()[:32]
    made = tuple(target / str(number) for number in range(len(listed)))
    if target.is_dir():
        return made
    home.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=".draft-", dir=home))
    try:
        for number, root in enumerate(listed):
            shutil.copytree(root, draft / str(number), ignore=_left_out)
        for path, text in files.items():
            place = draft / str(_root_for(path, listed)) / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8")
        os.rename(draft, target)  # noqa: PTH104 - whole or not at all
    except OSError:
        shutil.rmtree(draft, ignore_errors=True)
        if not target.is_dir():  # another process was first
            raise
    return made


def _left_out(_folder: str, names: list[str]) -> set[str]:
    return {name for name in names if name in {"__pycache__", "synth", "exchange"}}


def _root_for(path: str, roots: Sequence[Path]) -> int:
    parts = path.split("/")
    whole = [n for n, root in enumerate(roots) if (root / path).is_file()]
    folder = [n for n, root in enumerate(roots) if (root / "/".join(parts[:2])).is_dir()]
    return (whole or (folder if parts[0] == "programmes" else []) or [0])[-1]


def _stamp(root: Path) -> str:
    """Changes when the packaged content does (an upgrade)."""
    lines = []
    for path in sorted(p for p in root.rglob("*") if p.is_file()):
        info = path.stat()
        lines.append(f"{path.relative_to(root)} {info.st_size} {info.st_mtime_ns}")
    return hashlib.sha256("\n".join([str(root), *lines]).encode()).hexdigest()
