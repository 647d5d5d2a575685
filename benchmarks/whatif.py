"""How fast a draft policy is tried: a million invented couples, both documents, in one query.

Run: uv run python benchmarks/whatif.py [--couples 1000000] [--repeat 5]

Prints the time of the generated comparison beside that of the same comparison written by hand
(whatif_by_hand.sql), as a ratio, and the time of the whole answer of the page (drawing the people,
judging them by both documents, adding up yuan). Both queries must give the same groups, and the
documents in Python the same answers on a sample; else it exits 1.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from sanyou.protocol.eligibility import decide
from sanyou.protocol.entitlement import decide_entitlement
from sanyou.protocol.library import Library
from sanyou.protocol.policy import Policy
from sanyou.protocol.redraft import policy_from, redraft
from sanyou.protocol.whatif import comparison_sql, needed

BY_HAND = Path(__file__).with_name("whatif_by_hand.sql")
SAMPLE = 5_000
KEYS = ("region", "elsewhere", "child_order", "examined")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--couples", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()
    whole, drawn, base, draft = prepared(options.couples)
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE facts AS {drawn}")
        same = queries(connection, base, draft, options.couples, options.repeat)
        same &= python(connection, base, draft)
    print(f"the page's whole answer for {options.couples} couples: {timed(whole):.2f} s")
    return 0 if same else 1


def prepared(couples: int) -> tuple[Callable[[], Any], str, Policy, Policy]:
    """(the page's work, the query that draws the people, the document, the draft)."""
    import os

    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sanyou.settings")
    import django

    django.setup()
    from sanyou.figures import whatif
    from sanyou.figures.whatif_people import place_of, population

    lib = Library.load()
    base = lib.policies["jiulongpo-2020"]
    residence = next(c.when for c in base.eligibility if c.id == "residence")
    changes = {
        "eligibility/residence/when": residence.replace(">= 6", ">= 3"),
        "price/0/amount": "480.00",
        "from": "2027-01-01",
    }
    made = redraft(lib, base, "preconception", changes, date(2026, 6, 1))
    draft = policy_from(lib, made)
    roles, place = ("wife", "husband"), place_of("500107", [], [])
    drawn = population(needed((base, draft)), roles, base, place, couples, draft.starts).sql
    drawn = f"SELECT *, FALSE AS examined FROM ({drawn}) AS drawn"
    return lambda: whatif.invented(base, draft, place, couples, roles), drawn, base, draft


def queries(
    connection: duckdb.DuckDBPyConnection, base: Policy, draft: Policy, couples: int, repeat: int
) -> bool:
    """The generated comparison against the one written by hand, taken in turns."""
    texts = {
        "ours": comparison_sql(base, draft, KEYS),
        "by hand": BY_HAND.read_text(encoding="utf-8"),
    }
    times: dict[str, list[float]] = {name: [] for name in texts}
    found: dict[str, set[Any]] = {}
    for _ in range(repeat):
        for name, text in texts.items():
            start = time.perf_counter()
            rows = connection.execute(text).fetchall()
            times[name].append(time.perf_counter() - start)
            found[name] = set(rows)
    ours, hand = (statistics.median(times[name]) for name in texts)
    print(
        f"{couples} couples, both documents: generated {ours * 1000:.0f} ms, "
        f"by hand {hand * 1000:.0f} ms, ratio {ours / hand:.2f}"
    )
    if found["ours"] != found["by hand"]:
        print("they differ: the document has changed since whatif_by_hand.sql was written")
        return False
    return True


def python(connection: duckdb.DuckDBPyConnection, base: Policy, draft: Policy) -> bool:
    """The same answers one by one, as the desk gives them."""
    query = comparison_sql(base, draft, ("i",), each=True)
    rows = connection.execute(f"SELECT * FROM ({query}) WHERE i < {SAMPLE} ORDER BY i").fetchall()
    people = connection.execute(f"SELECT * FROM facts WHERE i < {SAMPLE} ORDER BY i")
    names = [column[0] for column in people.description]
    differing = 0
    for row, values in zip(rows, people.fetchall(), strict=True):
        facts = dict(zip(names, values, strict=True))
        differing += (row[1], row[4]) != (state(base, facts), state(draft, facts))
    print(f"Python and query: {differing} of {len(rows)} couples differ")
    return differing == 0


def state(policy: Policy, facts: dict[str, Any]) -> str:
    answer = decide(policy, facts).answer
    return decide_entitlement(policy, facts).grant if answer == "yes" else answer


def timed(action: Callable[[], Any]) -> float:
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


if __name__ == "__main__":
    sys.exit(main())
