"""Government benefit programmes month by month: entered by the district, or counted where the
product runs the programme. Money is integer fen."""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date

from django.db import IntegrityError, transaction
from django.db.models import Sum
from django.utils.translation import gettext as _

from sanyou.benefits.models import BenefitEntry
from sanyou.care import content
from sanyou.care.errors import CareError, Conflict
from sanyou.care.facts import stations
from sanyou.care.models import Encounter
from sanyou.finance.models import Claim, Correction
from sanyou.finance.money import fen_of
from sanyou.protocol.models import BenefitProgrammeSpec
from sanyou.protocol.policy import Policy
from sanyou.registry.access import Actor
from sanyou.registry.models import Region
from sanyou.trust import audit


@dataclass
class Line:
    """One benefit programme over a span of months: people, fen by funding source."""

    spec: BenefitProgrammeSpec
    counted: bool  # the product runs it: nobody enters it
    priced: bool  # … and knows what it costs
    months: dict[date, int] = field(default_factory=dict)  # month -> people
    spending: dict[str, int] = field(default_factory=lambda: defaultdict(int))  # funding -> fen
    counted_month: int = 0  # fen of the last month, where the product knows
    entries: dict[tuple[date, str], BenefitEntry] = field(default_factory=dict)

    @property
    def people(self) -> int:
        return sum(self.months.values())

    @property
    def total(self) -> int:
        return sum(self.spending.values())

    @property
    def example(self) -> bool:
        """Invented so that the page can be shown; the district replaces it."""
        return bool(self.spec.source and self.spec.source.status == "example")


@dataclass(frozen=True)
class Year:
    """All programmes of a document in a region, from January to a month of the year."""

    policy: Policy
    region: Region
    year: int
    until: date  # first day of the last month that counts
    lines: list[Line]

    @property
    def people(self) -> int:
        return sum(line.people for line in self.lines)

    @property
    def total(self) -> int:
        return sum(line.total for line in self.lines)

    def by_funding(self) -> dict[str, int]:
        """fen per funding source, in the document's order; all of them, nought too."""
        found = dict.fromkeys(self.policy.funding, 0)
        for line in self.lines:
            for name, amount in line.spending.items():
                found[name] = found.get(name, 0) + amount
        return found

    @property
    def reported(self) -> int:
        """How many programmes have the last month."""
        return sum(self.until in line.months for line in self.lines)


def documents(region: Region | None, on: date) -> list[Policy]:
    """Documents in force that list benefit programmes: of the region, above it and below it."""
    prefix = region.prefix if region else ""
    found = []
    for policy in content.library().policies.values():
        code = policy.region.rstrip("0") or policy.region
        near = code.startswith(prefix) or prefix.startswith(code)
        if policy.benefit_programmes and near and policy.in_force(on):
            found.append(policy)
    return sorted(found, key=lambda p: p.id)


def month_of(day: date) -> date:
    return day.replace(day=1)


def year(policy: Policy, region: Region, until: date) -> Year:
    """January to the month of `until`."""
    last = month_of(until)
    first = last.replace(month=1)
    lines = []
    standing = _standing(policy, region, first, last)
    for spec in policy.benefit_programmes:
        lines.append(_line(policy, region, spec, first, last, standing))
    return Year(policy, region, last.year, last, lines)


def _standing(
    policy: Policy, region: Region, first: date, last: date
) -> dict[str, dict[tuple[date, str], BenefitEntry]]:
    """The latest version of each entry, by programme."""
    found: dict[str, dict[tuple[date, str], BenefitEntry]] = defaultdict(dict)
    rows = BenefitEntry.objects.filter(
        policy=policy.id, region=region, month__gte=first, month__lte=last
    )
    for row in rows.select_related("entered_by").order_by("version"):
        found[row.benefit][row.month, row.funding] = row
    return found


def _line(
    policy: Policy,
    region: Region,
    spec: BenefitProgrammeSpec,
    first: date,
    last: date,
    standing: dict[str, dict[tuple[date, str], BenefitEntry]],
) -> Line:
    counted = is_counted(policy, spec)
    line = Line(spec, counted, counted and is_priced(policy, spec), entries=standing[spec.id])
    people: dict[date, int] = defaultdict(int)
    for (month, funding), entry in line.entries.items():
        people[month] = max(people[month], entry.beneficiaries)  # the same people, two sources
        line.spending[funding] += entry.spending
    if counted:
        people = _counted(spec.programme or "", region, first, last)
    if line.priced:
        line.spending = defaultdict(int, {spec.funding[0]: _claimed(spec, region, first, last)})
        line.counted_month = _claimed(spec, region, last, last)
    line.months = dict(people)
    return line


def is_counted(policy: Policy, spec: BenefitProgrammeSpec) -> bool:
    """The product runs the programme under this document, and counts it for whoever looks."""
    if spec.programme in content.compartments():
        return False
    return bool(spec.programme) and spec.programme in policy.programmes


def is_priced(policy: Policy, spec: BenefitProgrammeSpec) -> bool:
    """The document says what a case costs."""
    terms = policy.for_programme(spec.programme or "")
    return bool(terms.price) or terms.benefit is not None


def _counted(programme_id: str, region: Region, first: date, last: date) -> dict[date, int]:
    """Cases served per month: each once, where it was opened, in the month of its first signed
    record."""
    programme = content.library().programmes[programme_id]
    end = _next(last)
    rows = Encounter.objects.filter(
        episode__programme=programme_id,
        episode__origin__code__startswith=region.prefix,
        form__in=stations(programme),
        status=Encounter.Status.SIGNED,
        occurred_on__lt=end,
    ).order_by("occurred_on", "pk")
    seen: dict[int, date] = {}
    for pk, day in rows.values_list("episode", "occurred_on"):
        seen.setdefault(pk, day)
    found: dict[date, int] = defaultdict(int)
    for day in seen.values():
        if day >= first:
            found[month_of(day)] += 1
    return found


def _claimed(spec: BenefitProgrammeSpec, region: Region, first: date, last: date) -> int:
    """What was claimed for cases served in the span, with its corrections, in fen."""
    rows = Claim.objects.filter(
        programme=spec.programme,
        region__code__startswith=region.prefix,
        served_on__gte=first,
        served_on__lt=_next(last),
    ).exclude(status=Claim.Status.REFUSED)
    later = Correction.objects.filter(claim__in=rows.values("pk"))
    both = (found.aggregate(total=Sum("amount"))["total"] for found in (rows, later))
    return sum(total or 0 for total in both)


def _next(month: date) -> date:
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


@transaction.atomic
def enter(
    actor: Actor,
    policy: Policy,
    benefit: str,
    region: Region,
    month: date,
    funding: str,
    beneficiaries: str,
    spending: str,
    reason: str = "",
    version: int | None = None,
) -> BenefitEntry:
    """A month of a programme from one source; `spending` in yuan as typed.

    A correction is a new row and needs the reason; `version` is the one that was on the page, 0
    where there was none. The same figures again change nothing.
    """
    actor.require("enter_benefits", region)
    spec = next((b for b in policy.benefit_programmes if b.id == benefit), None)
    if spec is None or funding not in spec.funding:
        raise CareError(_("文件中没有这个惠民项目或资金来源，请刷新页面。"), "unknown")
    if is_counted(policy, spec) and is_priced(policy, spec):
        raise CareError(_("这个项目由系统按记录计算，不用填报。"), "counted")
    people, amount = _whole(beneficiaries), _fen(spending)
    Region.objects.select_for_update(no_key=True).get(pk=region.pk)
    last = (
        BenefitEntry.objects.filter(
            policy=policy.id, benefit=benefit, region=region, funding=funding,
            month=month_of(month),
        ).order_by("version").last()
    )  # fmt: skip
    if last is not None and (last.beneficiaries, last.spending) == (people, amount):
        return last  # a second click
    if version is not None and version != (last.version if last else 0):
        raise Conflict(_("这个月的数字刚被别人改过，请刷新页面核对后再填。"), "conflict")
    if last is not None and not reason.strip():
        raise CareError(_("更正已填的数字要写明原因。"), "reason_missing")
    try:
        with transaction.atomic():
            made = BenefitEntry.objects.create(
                benefit=benefit,
                policy=policy.id,
                region=region,
                funding=funding,
                month=month_of(month),
                beneficiaries=people,
                spending=amount,
                version=(last.version if last else 0) + 1,
                replaces=last,
                reason=reason.strip()[:300],
                entered_by=actor.staff,
            )
    except IntegrityError as error:
        raise Conflict(_("这个月的数字刚被别人改过，请刷新页面核对后再填。"), "conflict") from error
    audit.record(actor, "enter", "benefit-entry", made.key, month=f"{month:%Y-%m}")
    return made


def _whole(text: str) -> int:
    """Number of people."""
    try:
        found = int(text.strip())
    except ValueError:
        found = -1
    if not 0 <= found <= 10_000_000:
        raise CareError(_("受益人数请填 0 或正整数。"), "not_a_number")
    return found


def _fen(text: str) -> int:
    """Yuan with at most two decimals to fen."""
    try:
        return fen_of(text)
    except ValueError as error:
        raise CareError(
            _("支出请按元填写，最多两位小数，如 12500.00。"), "not_an_amount"
        ) from error
