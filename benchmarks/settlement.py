"""A year of money in each district: made up in the database, settled by the product's own services.

Run: uv run python benchmarks/settlement.py [--couples 10000] [--policy ID …]
(scripts/postgres uv run python benchmarks/settlement.py … does the same on PostgreSQL)

For each document with a price per couple it makes a synthetic year of signed records, some of them
incomplete, unsigned, without consent, not eligible or at own cost; draws up, submits, approves and
pays the statement of every period; amends or voids 2 % of what was approved before the next; and
then adds everything up another way. Prints the invariants and the time as a ratio to a plain SQL
sum over the same records. Exits 1 if a fen is off.
"""

import argparse
import datetime as dt
import os
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sanyou.finance.models import Statement
    from sanyou.protocol.policy import Policy
    from sanyou.registry.access import Actor
    from sanyou.registry.models import Organisation, Region

CHUNK = 500  # couples made at once
CHANGED = 50  # every fiftieth settled couple's record changes afterwards: 2 %
# What comes of a couple by its number modulo 100; all others are complete.
KINDS = {
    3: "items_missing", 17: "items_missing", 23: "no_consent", 37: "own_cost", 41: "own_cost",
    59: "not_eligible", 71: "unsigned",
}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--couples", type=int, default=10_000)
    parser.add_argument("--policy", action="append", default=[])
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        _start(Path(home))
        from django.conf import settings
        from django.test.utils import get_runner

        from sanyou.care import content
        from sanyou.registry import regions

        runner = get_runner(settings)(verbosity=0)
        databases = runner.setup_databases()
        try:
            regions.load()
            library = content.library()
            wanted = priced(library.policies.values())
            wanted = [p for p in wanted if not options.policy or p.id in options.policy]
            results = [run(policy, options.couples) for policy in wanted]
        finally:
            runner.teardown_databases(databases)
    return 0 if all(results) and results else 1


def _start(home: Path) -> None:
    os.environ["SANYOU_HOME"] = str(home)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "sanyou.settings")
    import django

    django.setup()


def priced(policies: Any) -> "list[Policy]":
    """Documents whose first programme has a price per couple."""
    return [p for p in policies if not p.stub and p.price and p.price[0].per == "couple"]


def run(policy: "Policy", couples: int) -> bool:
    """One district's year; what was found is printed."""
    year = Year.begin(policy)
    began = time.perf_counter()
    year.serve(couples)
    made = time.perf_counter() - began
    began = time.perf_counter()
    year.settle()
    settled = time.perf_counter() - began
    began = time.perf_counter()
    by_sql = year.plain_sum()
    summed = time.perf_counter() - began
    wrong = year.wrong(by_sql)
    total = sum(s.total for s in year.statements)
    print(
        f"{policy.id}: {couples} couples, {len(year.statements)} statements, "
        f"{len(year.changed)} records changed after approval, {year.corrections()} corrections; "
        f"{total / 100:,.2f} yuan; made in {made:.0f} s, settled in {settled:.1f} s = "
        f"{settled / max(summed, 1e-6):,.0f} x a plain SQL sum ({summed * 1000:.1f} ms)"
    )
    for name, holds in year.checked.items():
        print(f"  {'ok ' if holds else 'OFF'} {name}")
    for text in wrong:
        print(f"  off: {text}")
    return not wrong


@dataclass
class Year:
    """A district's synthetic year under one document."""

    policy: "Policy"
    county: "Region"
    centre: "Organisation"
    clerk: "Actor"
    chief: "Actor"
    year: int
    records: list[tuple[str, str, dict[str, Any]]]  # form, role, required results
    statements: "list[Statement]" = field(default_factory=list)
    kinds: Counter[str] = field(default_factory=Counter)
    changed: dict[int, str] = field(default_factory=dict)  # claim -> "amended" | "voided"
    checked: dict[str, bool] = field(default_factory=dict)

    @classmethod
    def begin(cls, policy: "Policy") -> "Year":
        """The district with its centre and two people of finance, in the first whole year."""
        from sanyou.registry import organisations
        from sanyou.registry.access import Actor
        from sanyou.registry.models import Region, Staff

        county = Region.objects.get(pk=policy.region)
        district = organisations.setup_district(county.code, f"{county.name}妇幼保健院")
        people = []
        for name in ("clerk", "chief"):
            username = f"{name}-{county.code}"
            staff = Staff.objects.create(username=username, display_name=name)
            people.append(Actor(staff, username, name, "finance", county.prefix, county))
        year = policy.starts.year + 1
        return cls(policy, county, district.centre, *people, year, required(policy))

    # --- making ----------------------------------------------------------------------------------

    def serve(self, couples: int) -> None:
        """Everything there is of the couples, written in bulk as signed records."""
        from sanyou.registry.models import Region

        towns = list(Region.objects.filter(parent=self.county)) or [self.county]
        for start in range(0, couples, CHUNK):
            self._serve(range(start, min(start + CHUNK, couples)), couples, towns)

    def _serve(self, numbers: range, couples: int, towns: "list[Region]") -> None:
        from django.utils import timezone

        from sanyou.care import content
        from sanyou.care.models import Consent, EligibilityDecision, Encounter, Episode
        from sanyou.finance.claims import consenting_roles
        from sanyou.registry.models import Couple, Person

        programme = content.library().programmes[self.policy.programme]
        people = Person.objects.bulk_create(
            [self._person(number, sex) for number in numbers for sex in ("female", "male")]
        )
        pairs = [Couple(wife=people[i], husband=people[i + 1]) for i in range(0, len(people), 2)]
        Couple.objects.bulk_create(pairs)
        episodes = []
        for number, couple in zip(numbers, pairs, strict=True):
            town = towns[number % len(towns)]
            episodes.append(
                Episode(
                    number=f"{self.county.code}-{self.year}-{number:06d}",
                    programme=programme.id,
                    programme_version=programme.version,
                    policy=self.policy.id,
                    couple=couple,
                    child_order=1 + number % 2,
                    region=town,
                    origin=town,
                    opened_on=self.day(number, couples),
                )
            )
        Episode.objects.bulk_create(episodes)
        consents, decisions, encounters = [], [], []
        now, roles = timezone.now(), consenting_roles(programme)
        for number, episode in zip(numbers, episodes, strict=True):
            kind, on = KINDS.get(number % 100, "complete"), episode.opened_on
            self.kinds[kind] += 1
            for role in roles[1 if kind == "no_consent" else 0 :]:
                consents.append(
                    Consent(
                        episode=episode,
                        role=role,
                        kind="grant",
                        on=on,
                        text_version="1",
                        method="paper",
                    )
                )
            decisions.append(
                EligibilityDecision(
                    episode=episode,
                    on=on,
                    policy=self.policy.id,
                    answer="no" if kind == "not_eligible" else "yes",
                    grant="own_cost" if kind == "own_cost" else "free",
                    result={},
                )
            )
            for n, (form, role, data) in enumerate(self.records):
                whole = data
                if n == 0 and kind == "items_missing":
                    whole = dict(list(data.items())[1:])
                draft = n == 0 and kind == "unsigned"
                encounters.append(
                    Encounter(
                        episode=episode,
                        form=form,
                        form_version=programme.forms[form].version,
                        role=role,
                        status="draft" if draft else "signed",
                        data=whole,
                        occurred_on=on,
                        signed_at=None if draft else now,
                    )
                )
        Consent.objects.bulk_create(consents)
        EligibilityDecision.objects.bulk_create(decisions)
        Encounter.objects.bulk_create(encounters, batch_size=2000)

    def _person(self, number: int, sex: str) -> Any:
        from sanyou.registry.models import Person

        mark = f"{self.county.code}-{number}-{sex}"
        return Person(
            name="虚构",
            name_initials="xg",
            sex=sex,
            birth_date=dt.date(self.year - 28, 1 + number % 12, 1 + number % 28),
            id_number=mark,
            id_index=mark,
            id_tail_index=mark[-12:],
        )

    def day(self, number: int, couples: int) -> dt.date:
        """The couples come evenly over the year."""
        return dt.date(self.year, 1, 1) + dt.timedelta(days=number * 365 // couples)

    # --- settling --------------------------------------------------------------------------------

    def periods(self) -> Iterator[tuple[dt.date, dt.date]]:
        """Those of the year by the document, and one more for what changed after the last."""
        from sanyou.finance import statements

        day = dt.date(self.year, 1, 1)
        while day.year == self.year:
            start, end = statements.period_of(self.policy, day)
            yield start, end
            day = end + dt.timedelta(days=1)
        yield statements.period_of(self.policy, day)

    def settle(self) -> None:
        """Each period drawn up, submitted, approved by another and paid; then 2 % changes."""
        from sanyou.finance import statements

        periods = list(self.periods())
        for number, (start, end) in enumerate(periods):
            drawn = statements.prepare(self.centre, self.policy, start, end, self.clerk)
            if not drawn.claims.exists() and not drawn.corrections.exists():
                continue
            statements.submit(drawn, self.clerk)
            statements.approve(drawn, self.chief)
            paid = statements.mark_paid(drawn, self.clerk, f"拨字{start:%Y%m}")
            self.statements.append(paid)
            if number < len(periods) - 1:
                self.change(paid)

    def change(self, statement: "Statement") -> None:
        """One in fifty: a record is amended (nothing lost) or voided, in turn."""
        from sanyou.care.models import Encounter

        claims = list(statement.claims.order_by("pk"))[::CHANGED]
        firsts = [claim.evidence[0] for claim in claims]
        rows = {str(e.key): e for e in Encounter.objects.filter(key__in=firsts)}
        for claim, key in zip(claims, firsts, strict=True):
            how = "amended" if len(self.changed) % 2 else "voided"
            old = rows[key]
            if how == "amended":
                Encounter.objects.filter(pk=old.pk).update(status="amended")
                made = Encounter.objects.get(pk=old.pk)
                made.pk, made.key, made.status = None, uuid.uuid4(), "signed"
                made.replaces, made.reason = old, "录入有误"
                made.save()
            else:
                Encounter.objects.filter(pk=old.pk).update(status="void")
            self.changed[claim.pk] = how

    # --- adding up another way --------------------------------------------------------------------

    def plain_sum(self) -> int:
        """Couples whose signed records are all there, by plain SQL, times the price (in fen)."""
        from django.db import connection

        from sanyou.protocol.pricing import price_on

        query = """
            SELECT COUNT(*) FROM care_episode e
            JOIN (SELECT episode_id, COUNT(*) AS n FROM care_encounter WHERE status = 'signed'
                  GROUP BY episode_id) s ON s.episode_id = e.id
            JOIN (SELECT episode_id, COUNT(*) AS n FROM care_consent WHERE kind = 'grant'
                  GROUP BY episode_id) c ON c.episode_id = e.id
            JOIN care_eligibilitydecision d ON d.episode_id = e.id
            WHERE e.policy = %s AND s.n >= %s AND c.n >= 2 AND d.answer = 'yes'
              AND d.grant = 'free'
        """
        query = query.replace("d.grant", 'd."grant"')
        with connection.cursor() as cursor:
            cursor.execute(query, [self.policy.id, len(self.records)])
            count = int(cursor.fetchone()[0])
        # The items left out by the making itself have their record; SQL alone does not see them.
        return (count - self.kinds["items_missing"]) * price_on(
            self.policy, dt.date(self.year, 12, 31)
        )

    def corrections(self) -> int:
        return sum(s.corrections.count() for s in self.statements)

    def wrong(self, by_sql: int) -> list[str]:
        """What does not hold, in words; `checked` says what was looked at."""
        found: list[str] = []
        checks: dict[str, Callable[[], list[str]]] = {
            "statement totals are the sum of the evidence": lambda: self._totals(by_sql),
            "shares add up to the fen": self._shares,
            "the ledger balances, nothing is owed twice": self._ledger,
            "no claim is paid twice": self._once,
            "every change after approval is a correction": self._changes,
            "refusals are those that were made": self._refusals,
        }
        for name, check in checks.items():
            off = check()
            self.checked[name] = not off
            found += off
        return found

    def _totals(self, by_sql: int) -> list[str]:
        total = sum(s.total for s in self.statements)
        off = [] if total == by_sql else [f"statements {total} fen, evidence {by_sql} fen"]
        for s in self.statements:
            lines = sum(s.claims.values_list("amount", flat=True))
            lines += sum(s.corrections.values_list("amount", flat=True))
            if lines != s.total:
                off.append(f"{s.number}: total {s.total}, lines {lines}")
        return off

    def _shares(self) -> list[str]:
        from sanyou.protocol.pricing import tier_of

        tier = tier_of(self.policy, self.county.code)
        percents = {
            s.payer: s.percent for s in self.policy.shares if s.tier is None or s.tier == tier
        }
        off = []
        for s in self.statements:
            if sum(s.shares.values()) != s.total or s.shares.keys() != percents.keys():
                off.append(f"{s.number}: shares {s.shares} of {s.total}")
            for payer, fen in s.shares.items():
                if abs(fen - Decimal(s.total) * percents[payer] / 100) >= 1:
                    off.append(f"{s.number}: {payer} bears {fen} of {s.total}")
        return off

    def _ledger(self) -> list[str]:
        from sanyou.finance import ledger

        rows = ledger.Book(self.county, self.policy.id).rows
        sums = {b.account: b.balance for b in ledger.balances(rows)}
        total = sum(s.total for s in self.statements)
        borne = sum(f.borne for f in ledger.funds(rows, self.policy.id))
        facts = {
            "trial balance": (ledger.trial_balance(rows), 0),
            "owed": (ledger.owed(rows), 0),
            "not yet charged": (sums.get(ledger.EXPENSE, 0), 0),
            "paid out of the bank": (-sums.get(ledger.BANK, 0), total),
            "borne by the payers": (borne, total),
        }
        return [f"{name}: {is_} not {be}" for name, (is_, be) in facts.items() if is_ != be]

    def _once(self) -> list[str]:
        from sanyou.finance.models import Claim, Posting

        claims = Claim.objects.filter(policy=self.policy.id, status="paid")
        units = claims.values("programme", "unit").distinct().count()
        posted = Posting.objects.filter(policy=self.policy.id, kind="paid", claim__isnull=False)
        numbers = {claims.count(), units, posted.count(), posted.values("claim").distinct().count()}
        return [] if len(numbers) == 1 else [f"claims, units and payments differ: {numbers}"]

    def _changes(self) -> list[str]:
        from sanyou.finance.models import Correction

        rows = Correction.objects.filter(statement__in=self.statements)
        found = Counter(rows.values_list("claim", flat=True))
        off = [] if dict(found) == dict.fromkeys(self.changed, 1) else ["changes and corrections"]
        for pk, amount, stated in rows.values_list("claim", "amount", "claim__amount"):
            if amount != (-stated if self.changed.get(pk) == "voided" else 0):
                off.append(f"claim {pk}: corrected by {amount}")
        return off

    def _refusals(self) -> list[str]:
        from sanyou.finance.models import Claim

        rows = Claim.objects.filter(policy=self.policy.id, status="refused")
        codes = Counter(r["code"] for r in rows.values_list("refusal", flat=True))
        wanted = {kind: n for kind, n in self.kinds.items() if kind != "complete"}
        return [] if dict(codes) == wanted else [f"refused {dict(codes)}, made {wanted}"]


def required(policy: "Policy") -> list[tuple[str, str, dict[str, Any]]]:
    """The records a complete check needs: (form, role, unremarkable required results)."""
    from sanyou.care import content
    from sanyou.care.facts import stations
    from sanyou.synth.filling import unremarkable

    library = content.library()
    programme = library.programmes[policy.programme]
    missing = {(role, e) for item in policy.items for role in item.who for e in item.requires}
    found = []
    for form_id in sorted(stations(programme)):
        for role in programme.forms[form_id].roles:
            answers = unremarkable(library, programme.id, form_id, role)
            own = {e: answers[e] for r, e in sorted(missing) if r == role and e in answers}
            missing -= {(role, e) for e in own}
            if own:
                found.append((form_id, role, own))
    assert not missing, missing
    return found


if __name__ == "__main__":
    sys.exit(main())
