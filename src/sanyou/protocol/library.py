"""All content, loaded strictly. The way in: `Library.load()`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from sanyou.protocol.dictionary import Dictionary
from sanyou.protocol.district import District
from sanyou.protocol.errors import ContentError
from sanyou.protocol.facts import region_prefix
from sanyou.protocol.growth import Chart
from sanyou.protocol.models import CaseSpec, SupplySpec
from sanyou.protocol.policy import Policy
from sanyou.protocol.programme import Programme

if TYPE_CHECKING:
    from sanyou.protocol.check import CheckReport

PACKAGED = Path(__file__).resolve().parent.parent / "content"


@lru_cache(maxsize=4)
def _loaded(roots: tuple[Path, ...], _stamps: tuple[object, ...]) -> Library:
    """A library is read once while its files stay as they are."""
    from sanyou.protocol.loading import load_library

    return load_library(roots)


def _stamp(root: Path) -> object:
    """Changes when a file of a folder does. What came with the program does not change."""
    if root == PACKAGED or not root.is_dir():
        return None
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return tuple((str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in files)


@dataclass(frozen=True)
class Library:
    """Dictionary, programmes and policies. Never changes after loading."""

    dictionary: Dictionary
    programmes: Mapping[str, Programme]
    policies: Mapping[str, Policy]
    policy_cases: tuple[tuple[str, int, CaseSpec], ...] = field(default=(), repr=False)
    warnings: tuple[ContentError, ...] = ()
    roots: tuple[Path, ...] = ()
    districts: Mapping[str, District] = field(default_factory=dict, repr=False)
    supplies: Mapping[str, SupplySpec] = field(default_factory=dict, repr=False)
    charts: Mapping[str, Chart] = field(default_factory=dict, repr=False)

    @classmethod
    def load(cls, root: Path | str | None = None, *extra: Path | str) -> Library:
        """Load the packaged content, or `root`; further roots add to it.

        Raises ContentErrors with every mistake found.
        """
        first = PACKAGED if root is None else Path(root)
        roots = (first, *(Path(path) for path in extra))
        return _loaded(roots, tuple(_stamp(path) for path in roots))

    def policy_for(self, region_code: str, programme: str, on: date) -> Policy | None:
        """The document in force on the day for the region; the nearest region wins.

        None where no document is in force. A document kept only as a dated stub is returned
        as well (`.stub`); it decides nothing.
        """
        code = region_prefix(region_code)
        found = [
            policy
            for policy in self.policies.values()
            if programme in policy.programmes
            and code.startswith(region_prefix(policy.region))
            and policy.in_force(on)
        ]
        return max(found, key=lambda p: len(region_prefix(p.region)), default=None)

    def district_for(self, region_code: str) -> District | None:
        """How the district of a region appears; the nearest one, None where none is described."""
        code = region_prefix(region_code)
        found = [d for d in self.districts.values() if code.startswith(region_prefix(d.region))]
        return max(found, key=lambda d: len(region_prefix(d.region)), default=None)

    def check(self) -> CheckReport:
        """Run every worked case and look for what no case covers."""
        from sanyou.protocol.check import check

        return check(self)
