"""What the months leave behind: claims, statements and the ledger, reports, task numbers, figures of
the benefit programmes. Everything of this by the services, as of a day."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from random import Random
from typing import Any

from django.utils import timezone

from sanyou.care import content
from sanyou.care.models import Episode
from sanyou.figures import submissions, tasknumbers
from sanyou.figures.models import TaskNumber
from sanyou.finance import claims, ledger, statements
from sanyou.finance.models import Claim, Posting
from sanyou.protocol.policy import Policy
from sanyou.registry.models import Organisation, Region
from sanyou.synth.staff import Desk

REPORTED = 5  # months before this one whose reports were handed in
BATCH = 200  # episodes whose claims are put down at once


def close(given: dict[str, Any], desk: Desk, until: date) -> None:
    """Bring the district's books and reports to a day."""
    county = Region.objects.get(pk=given["region"])
    _money(county, desk, until)
    _receipts(county, desk, until)
    _reports(given, county, desk, until)
    _task_numbers(given, county, desk, until)
    _benefits(county, desk, until)


def offered(region: Region, on: date) -> Iterator[tuple[str, Policy]]:
    """(programme, its terms) that the district's documents offer on a day."""
    for programme in content.library().programmes:
        policy = content.current_policy(region.code, programme, on)
        if policy is not None:
            yield programme, policy


def _money(county: Region, desk: Desk, until: date) -> None:
    """Claims of everything served; the statement before last is paid, the last one drafted."""
    centre = Organisation.objects.get(region=county, kind=Organisation.Kind.CENTRE)
    for programme, policy in offered(county, until):
        served = Episode.objects.filter(programme=programme, region__code__startswith=county.code)
        new = list(served.filter(claim=None).order_by("pk"))
        if policy.settlement is None or not served.exists():
            continue
        for start in range(0, len(new), BATCH):
            claims.put_down(new[start : start + BATCH], until)
        last = statements.period_of(policy, _day_before(statements.period_of(policy, until)[0]))
        before = statements.period_of(policy, _day_before(last[0]))
        ready = Claim.objects.filter(
            programme=programme, region__code__startswith=county.code, status=Claim.Status.READY
        )
        if ready.filter(served_on__lte=before[1]).exists():
            paid = statements.prepare(centre, policy, *before, desk["finance"], programme)
            paid = statements.submit(paid, desk["finance"])
            paid = statements.approve(paid, desk["manager"])
            statements.mark_paid(paid, desk["finance"], f"演示凭证-{before[1]:%Y%m}")
        if ready.filter(served_on__lte=last[1]).exists():
            statements.prepare(centre, policy, *last, desk["finance"], programme)


def _day_before(day: date) -> date:
    return day - timedelta(days=1)


def _receipts(county: Region, desk: Desk, until: date) -> None:
    """Each payer has sent something towards what was granted: half as much again."""
    documents = {policy.id for _programme, policy in offered(county, until)}
    for policy in sorted(documents):
        book = ledger.Book(county, policy)
        if book.rows.filter(kind=Posting.Kind.RECEIVED).exists():
            continue
        for number, fund in enumerate(ledger.funds(book.rows, policy), 1):
            amount = fund.borne * 3 // 2 // 10000 * 10000
            if amount > 0:
                ledger.receive(
                    book,
                    desk["finance"],
                    fund.payer,
                    amount,
                    until - timedelta(days=20),
                    f"演示收款-{number:02d}",
                )


def _reports(given: dict[str, Any], county: Region, desk: Desk, until: date) -> None:
    """The monthly reports up to last month, handed in when they were due."""
    clerk = desk["statistician"]
    for programme in given["programmes"]:
        for report_id in content.library().programmes[programme].reports:
            month = until.replace(day=1)
            for _ in range(REPORTED):
                month = _day_before(month).replace(day=1)
                report = submissions.draft(programme, report_id, county, month, clerk)
                if report.status != "draft":
                    continue
                sent = submissions.submit(report, clerk)
                # As it would have been: handed in on the third day of the following month.
                following = (month + timedelta(days=31)).replace(day=3)
                at = datetime.combine(following, time(10), timezone.get_current_timezone())
                sent.submitted_at = min(at, timezone.now())
                sent.history = [{**entry, "at": at.isoformat()} for entry in sent.history]
                sent.save(update_fields=["submitted_at", "history"])


def _task_numbers(given: dict[str, Any], county: Region, desk: Desk, until: date) -> None:
    """This year's task numbers, invented so that the year is well on its way, split as suggested."""
    year = until.year
    for programme in given["programmes"]:
        found = tasknumbers.basis(programme, county.code, until)
        already = TaskNumber.objects.filter(programme=programme, region=county, year=year)
        if found is None or already.exists():
            continue
        done = len(tasknumbers.examined(found, county, year, until))
        ahead = tasknumbers.forecast(done, year, until)
        total = max(10, round((ahead.expected if ahead else 0) * 1.02 / 10) * 10)
        towns = tasknumbers.towns_of(found, county)
        tasknumbers.distribute(
            desk["manager"],
            programme,
            county,
            year,
            total,
            f"{year} 年度任务分解表（演示用，虚构）",
            tasknumbers.suggest(found, county, towns, year, total),
        )


def _benefits(county: Region, desk: Desk, until: date) -> None:
    """Figures of the benefit programmes that the district enters by hand, for the months past."""
    from sanyou.benefits import programmes
    from sanyou.benefits.models import BenefitEntry

    rng = Random(f"{county.code}:benefits")
    for policy in programmes.documents(county, until):
        if BenefitEntry.objects.filter(policy=policy.id, region=county).exists():
            continue
        month = until.replace(day=1)
        for _ in range(REPORTED):
            month = _day_before(month).replace(day=1)
            for spec in policy.benefit_programmes:
                if programmes.is_counted(policy, spec) and programmes.is_priced(policy, spec):
                    continue
                people = rng.randint(8, 120)
                spent = f"{people * rng.choice((20, 35, 60, 120))}.00"
                programmes.enter(
                    desk["statistician"], policy, spec.id, county, month,
                    spec.funding[0], str(people), spent,
                )  # fmt: skip
