"""The region tree, from province to village.

Provinces to townships come with the package (GB/T 2260 and township codes, 44,703 rows). Three
cities without counties (东莞, 中山, 儋州) stand there twice under one code, as city and as
county: they are one region here, so 44,700. Villages are added by the district.
"""

import csv
import gzip
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files

from django.db import transaction

from sanyou.registry.models import Region

_GENERIC = ("市辖区", "县", "省直辖县级行政区划", "自治区直辖县级行政区划")
_SUFFIX = re.compile(
    r"(?:[壮回]族自治区|维吾尔自治区|特别行政区|自治区|省|市|街道办事处|街道|地区|[县区镇乡])$"
)
# A short name followed by one of these belongs to another, longer name (和平 in 和平镇).
_GOES_ON = frozenset("镇乡街村路")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the packaged file, with what follows from it."""

    code: str
    name: str
    level: str
    parent: str
    full_name: str

    @property
    def prefix(self) -> str:
        return prefix_of(self.code)


def prefix_of(code: str) -> str:
    """The significant digits: 500000 -> 50, 500100 -> 5001, township and village codes whole."""
    if len(code) != 6:
        return code
    return code[:2] if code.endswith("0000") else code[:4] if code.endswith("00") else code


def county_code(code: str) -> str:
    """The county of a town or village: 500107102 -> 500107 (a city without counties is its own)."""
    return code[:6]


@cache
def rows() -> dict[str, Row]:
    """Every packaged region by code, parents before children."""
    found: dict[str, Row] = {}
    for raw in _read():
        if raw["code"] in found:
            continue  # the county that is its own city
        parent = found.get(raw["parent"])
        own = "" if raw["name"] in _GENERIC else raw["name"]
        full = (parent.full_name if parent else "") + own
        found[raw["code"]] = Row(raw["code"], raw["name"], raw["level"], raw["parent"], full)
    return found


def _read() -> Iterator[dict[str, str]]:
    packed = files("sanyou.registry").joinpath("data", "regions.csv.gz").read_bytes()
    lines = gzip.decompress(packed).decode("utf-8-sig").splitlines()
    # Stable: of a code that stands twice the city comes first, as in the file.
    return iter(sorted(csv.DictReader(lines), key=lambda r: (len(prefix_of(r["code"])), r["code"])))


def load() -> int:
    """Put every packaged region into the database; returns how many were new. Idempotent."""
    before = Region.objects.exclude(level=Region.Level.VILLAGE).count()
    if before == len(rows()):
        return 0
    with transaction.atomic():
        Region.objects.bulk_create(
            [
                Region(
                    code=row.code,
                    name=row.name,
                    level=row.level,
                    parent_id=row.parent or None,
                    prefix=row.prefix,
                    full_name=row.full_name,
                )
                for row in rows().values()
            ],
            batch_size=2000,
            update_conflicts=True,
            unique_fields=["code"],
            update_fields=["name", "level", "parent", "prefix", "full_name"],
        )
    return len(rows()) - before


def add_village(township: Region, code: str, name: str) -> Region:
    """A village or residents' committee; `code` has 12 digits and starts with its township's."""
    if not re.fullmatch(r"\d{12}", code) or not code.startswith(township.prefix):
        raise ValueError(f"村居代码应为 12 位数字并以 {township.prefix} 开头：{code}")
    village, _created = Region.objects.update_or_create(
        code=code,
        defaults={
            "name": name,
            "level": Region.Level.VILLAGE,
            "parent": township,
            "prefix": code,
            "full_name": township.full_name + name,
        },
    )
    return village


@cache
def _names() -> dict[str, list[str]]:
    """Name, with and without its suffix -> codes."""
    index: dict[str, list[str]] = {}
    for row in rows().values():
        short = _SUFFIX.sub("", row.name)
        for name in {row.name, short} if len(short) >= 2 else {row.name}:
            index.setdefault(name, []).append(row.code)
    return index


@cache
def _longest() -> int:
    return max(map(len, _names()))


def find(text: str, context: Region | None = None) -> Region | None:
    """The narrowest region an address names: 某省某市某区某镇, 某区某镇,
    and 某镇 within a context (its county).

    What follows the last known name is left alone. None when nothing certain is named.
    """
    code = find_code(text, context.code if context else "")
    if code is None:
        return None
    region = Region.objects.filter(pk=code).first()
    if region and region.level == Region.Level.TOWNSHIP:
        rest = _clean(text).rpartition(_SUFFIX.sub("", region.name))[2]
        for village in region.children.all():
            if village.name in rest:
                return village
    return region


def _clean(text: str) -> str:
    return re.sub(r"[\s,，、/]+", "", unicodedata.normalize("NFKC", text))


@lru_cache(maxsize=20000)
def find_code(text: str, context: str = "") -> str | None:
    """Like `find` by codes, down to the township and without the database."""
    address = _clean(text)
    whole = _parse(address, "", context)
    local = _parse(address, context, context) if context else ("", 0)
    code, _length = max(local, whole, key=lambda found: found[1])  # of equals the local one
    return code or None


def _parse(address: str, inside: str, context: str) -> tuple[str, int]:
    """(code, characters read) of the chain of names at the start of the address, below `inside`."""
    current, read = "", 0
    while read < len(address):
        code, length = _next(address[read:], current or inside, context)
        if not code:
            break
        current, read = code, read + length
    return current, read


def _next(rest: str, above: str, context: str) -> tuple[str, int]:
    """The longest name at the start of `rest` of one certain region below `above`."""
    for length in range(min(_longest(), len(rest)), 1, -1):
        name = rest[:length]
        codes = [c for c in _names().get(name, ()) if _below(c, above)]
        if name not in {rows()[c].name for c in codes} and rest[length : length + 1] in _GOES_ON:
            continue
        code = _certain(codes, name, context)
        if code:
            return code, length
    return "", 0


def _below(code: str, above: str) -> bool:
    """Strictly below; a township only counts within its county (or a city without counties)."""
    row = rows()[code]
    if row.level == "township":
        return bool(above) and above in {row.parent, rows()[row.parent].code}
    return code != above and code.startswith(prefix_of(above) if above else "")


def _certain(codes: list[str], name: str, context: str) -> str:
    """The one region meant, or "": whole names, then broader levels, then the same province."""
    for choice in (
        codes,
        [c for c in codes if rows()[c].name == name],
        [c for c in codes if rows()[c].level == "province"],
        [c for c in codes if context and c[:2] == context[:2]],
    ):
        if len(choice) == 1:
            return choice[0]
    return ""
