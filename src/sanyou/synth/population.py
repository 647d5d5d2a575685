"""Who the invented couples are and what happens to them: a story per couple, drawn from a seed.

The same seed gives the same stories. Nothing here touches a database.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import yaml

from sanyou.registry.idnumber import check_character

FOLDER = Path(__file__).resolve().parent.parent / "content" / "synth"
BASE = "base"  # the file of what is the same everywhere

# How far a couple of the live month has come; every desk has something to do.
LIVE_STAGES = [
    "nominated", "returned", "reviewed", "confirmed", "carded", "consented", "refused",
    "part_examined", "examined", "assessed", "noticed",
]  # fmt: skip


@dataclass(frozen=True)
class Invented:
    """One invented person."""

    name: str
    sex: str
    born: date
    id_number: str
    phone: str
    hukou: str
    residence: str
    since: date


@dataclass(frozen=True)
class Story:
    """One invented couple and the course of its check."""

    number: int
    wife: Invented
    husband: Invented
    town: str
    married_on: date | None
    child_order: int
    compliant: bool | None
    nominated_on: date
    stage: str  # how far they came: a live stage, or "followed" for history
    pregnant: bool
    lost: bool
    again: bool  # comes once more for the same child order
    accepts_own_cost: bool
    left_out: tuple[str, ...]  # elements whose results did not come back
    seed: int  # for the answers on their forms


@cache
def _read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    return found


def districts() -> list[str]:
    """The districts that can be invented; one that couples move to comes after where they left."""
    return list(_read(BASE)["districts"])


@cache
def shares(district: str = "") -> dict[str, Any]:
    """The published shares, as read from content; with a district also where its people live."""
    return _read(BASE) | ({"id": district} | _read(district) if district else {})


def id_number(region: str, born: date, sequence: int) -> str:
    """Resident id number with its check digit (GB 11643-1999); an odd sequence is a man's."""
    body = f"{region}{born:%Y%m%d}{sequence % 1000:03d}"
    return body + check_character(body)


def invented_name(rng: Random, names: dict[str, Any], role: str) -> str:
    """A name put together from common characters; now and then a long one."""
    if rng.random() < 0.01:
        return str(rng.choice(names["long"][role]))
    surname = (
        rng.choice(names["double_surnames"])
        if rng.random() < 0.03
        else rng.choice(names["surnames"])
    )
    return str(surname) + "".join(rng.choice(names[role]) for _ in range(rng.choice((1, 2, 2))))


def stories(couples: int, seed: int, until: date, given: dict[str, Any]) -> Iterator[Story]:
    """`couples` stories; a quarter of them in the month before `until`, the others in the year before."""
    rng = Random(f"{given['id']}:{seed}")
    towns, weights = zip(*given["towns"].items(), strict=True)
    process = given["process"]

    def chance(name: str) -> bool:
        return bool(rng.random() < process[name]["share"])

    numbers: set[str] = set()

    def unused(region: str, born: date, sequence: int) -> str:
        """An id number nobody in this population has yet; of the same sex."""
        number = id_number(region, born, sequence)
        while number in numbers:
            sequence += 2
            number = id_number(region, born, sequence)
        numbers.add(number)
        return number

    live = max(len(LIVE_STAGES), couples // 4)
    for number in range(couples):
        town = rng.choices(towns, weights)[0]
        elsewhere = rng.choice(given["elsewhere"]) if chance("hukou_elsewhere") else None

        pair = number * 2 % 1000

        def person(
            role: str,
            sex: str,
            town: str = town,
            elsewhere: str | None = elsewhere,
            pair: int = pair,
        ) -> Invented:
            age = min(
                44.0, max(21.0, rng.gauss(given["ages"][role]["mean"], given["ages"][role]["sd"]))
            )
            born = until - timedelta(days=round(age * 365.25) + rng.randrange(360))
            sequence = pair + (1 if sex == "male" else 0)
            return Invented(
                name=invented_name(rng, given["names"], role),
                sex=sex,
                born=born,
                id_number=unused((elsewhere or given["region"])[:6], born, sequence),
                phone=f"1{rng.choice((35, 38, 58, 77, 87))}{rng.randrange(10**8):08d}",
                hukou=elsewhere or town,
                residence=town,
                since=until - timedelta(days=rng.randrange(500, 2500)),
            )

        wife, husband = person("wife", "female"), person("husband", "male")
        is_live = number < live
        started = (
            until - timedelta(days=rng.randrange(2, 24))
            if is_live
            else until - timedelta(days=rng.randrange(35, 400))
        )
        yield Story(
            number=number,
            wife=wife,
            husband=husband,
            town=town,
            married_on=until - timedelta(days=rng.randrange(100, 2500)),
            child_order=2 if chance("second_child") else 1,
            compliant=False if chance("not_compliant") else (None if rng.random() < 0.01 else True),
            nominated_on=started,
            stage=LIVE_STAGES[number % len(LIVE_STAGES)] if is_live else "followed",
            pregnant=chance("pregnant_within_a_year"),
            lost=chance("lost_to_follow_up"),
            again=chance("examined_again"),
            accepts_own_cost=chance("own_cost_accepted"),
            left_out=tuple(
                name for name, entry in given["left_out"].items() if rng.random() < entry["share"]
            ),
            seed=rng.randrange(2**32),
        )
