"""What a later statement sets right: claims approved or paid before whose records changed since.

The records behind all approved claims are looked through with a fixed number of queries; only what
they point out is judged anew.
"""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Count, F, OuterRef, Q, QuerySet, Subquery, Sum
from django.utils.translation import gettext as _

from sanyou.care import content
from sanyou.care.models import (
    Consent,
    EligibilityDecision,
    Encounter,
    Episode,
    FreeCheck,
    Task,
)
from sanyou.finance import claims
from sanyou.finance.claims import BATCH, Ruling
from sanyou.finance.models import Claim, Correction, Statement

SETTLED = (Statement.Status.APPROVED, Statement.Status.PAID)


@dataclass(frozen=True, slots=True)
class Standing:
    """What a claim is worth (fen) and rests on, with its corrections."""

    amount: int
    evidence: list[str]


def standing(rows: Iterable[Claim], beside: Statement | None = None) -> dict[int, Standing]:
    """What stands for each claim by pk, leaving out the corrections of the statement `beside`."""
    found = {c.pk: Standing(c.amount, list(c.evidence)) for c in rows}
    more = Correction.objects.filter(claim__in=found).order_by("pk")
    if beside is not None:
        more = more.exclude(statement=beside)
    for one in more:
        before = found[one.claim_id]
        found[one.claim_id] = Standing(before.amount + one.amount, list(one.after))
    return found


def draw_up(statement: Statement, prefix: str, until: dt.date) -> list[Correction]:
    """Put the corrections that have become due on a statement being drawn up."""
    wanted = sorted(suspects(statement, prefix, until))
    made: list[Correction] = []
    for start in range(0, len(wanted), BATCH):
        rows = Claim.objects.filter(pk__in=wanted[start : start + BATCH]).order_by("pk")
        made += _due(statement, list(rows.select_related("episode")), until)
    return Correction.objects.bulk_create(made, batch_size=BATCH)


def suspects(statement: Statement, prefix: str, until: dt.date) -> set[int]:
    """Claims settled before, some record of which is no longer what it was, by pk.

    Only of what was served by the day: a statement of an earlier period knows nothing of the rest.
    """
    settled = Claim.objects.filter(
        policy=statement.policy,
        programme=statement.programme,
        region__code__startswith=prefix,
        served_on__lte=until,
        statement__status__in=SETTLED,
    ).exclude(statement=statement)
    found = set(_changed_records(settled))
    cancelled = settled.filter(episode__status=Episode.Status.CANCELLED)
    found |= set(cancelled.values_list("pk", flat=True))
    found |= set(_without_consent(settled, statement.programme))
    found |= set(_reopened(settled, statement.programme))
    latest = EligibilityDecision.objects.filter(episode=OuterRef("episode")).order_by("-pk")
    judged = settled.annotate(
        answer=Subquery(latest.values("answer")[:1]), grant=Subquery(latest.values("grant")[:1])
    )
    turned = judged.filter(~Q(answer="yes") | Q(grant="own_cost"))
    found |= set(turned.values_list("pk", flat=True))
    checks = FreeCheck.objects.all()
    filed = settled.filter(couple__wife__id_index__in=checks.values("wife_index"))
    found |= set(filed.values_list("pk", flat=True))
    # What was set right before may be in order again.
    found |= set(settled.filter(corrections__isnull=False).values_list("pk", flat=True))
    return found


def _changed_records(settled: QuerySet[Claim]) -> list[int]:
    """Claims whose evidence was amended, voided or taken away."""
    gone = Encounter.objects.filter(status__in=[Encounter.Status.AMENDED, Encounter.Status.VOID])
    keys = {str(key) for key in gone.values_list("key", flat=True)}
    rows = settled.values_list("pk", "evidence").iterator(2000)
    return [pk for pk, evidence in rows if not keys.isdisjoint(evidence)]


def _reopened(settled: QuerySet[Claim], programme_id: str) -> list[int]:
    """Claims whose approval or public notice was opened again."""
    programme = content.library().programmes.get(programme_id)
    steps = claims.approving_steps(programme) if programme is not None else []
    if not steps:
        return []
    tasks = Task.objects.filter(
        episode__claim__in=settled.values("pk"),
        kind=Task.Kind.STEP,
        name__in=[step.id for step in steps],
    )
    open_ = tasks.exclude(status=Task.Status.DONE)
    return list(open_.values_list("episode__claim", flat=True))


def _without_consent(settled: QuerySet[Claim], programme_id: str) -> list[int]:
    """Claims that have another answer than consent by the day, or not one of every role."""
    programme = content.library().programmes.get(programme_id)
    needed = claims.consenting_roles(programme) if programme is not None else []
    if not needed:
        return []
    granted = Q(
        episode__consents__kind=Consent.Kind.GRANT,
        episode__consents__role__in=needed,
        episode__consents__on__lte=F("served_on"),
    )
    counted = settled.annotate(
        roles=Count("episode__consents__role", filter=granted, distinct=True)
    ).filter(roles__lt=len(set(needed)))
    refused = Consent.objects.exclude(kind=Consent.Kind.GRANT).filter(
        on__lte=F("episode__claim__served_on"), episode__claim__in=settled.values("pk")
    )
    return [
        *counted.values_list("pk", flat=True),
        *refused.values_list("episode__claim", flat=True),
    ]


def _due(statement: Statement, rows: Sequence[Claim], until: dt.date) -> list[Correction]:
    """The corrections of some claims, not yet written."""
    episodes = {
        e.pk: e
        for e in Episode.objects.filter(pk__in=[c.episode_id for c in rows]).select_related(
            "couple__wife", "couple__husband", "person", "region"
        )
    }
    rulings = claims.judge([episodes[c.episode_id] for c in rows], until)
    stands = standing(rows, beside=statement)
    kept = _signed(key for s in stands.values() for key in s.evidence)
    made = []
    for claim, ruling in zip(rows, rulings, strict=True):
        before = stands[claim.pk]
        delta = ruling.amount - before.amount
        if delta == 0 and kept.issuperset(before.evidence):
            continue
        if delta == 0 and before.amount == 0 and not ruling.ready:
            continue  # taken back before; nothing new
        made.append(_correction(statement, claim, ruling, before, delta))
    return made


def _correction(
    statement: Statement, claim: Claim, ruling: Ruling, before: Standing, delta: int
) -> Correction:
    text = ruling.text if not ruling.ready else _("更正后仍符合结算条件，凭据已更换。")
    if ruling.ready and delta:
        text = _("按更正后的记录核定。%s") % ruling.text
    return Correction(
        claim=claim,
        statement=statement,
        amount=delta,
        code=ruling.code or "amended",
        text=text[:500],
        clause=ruling.clause[:120],
        before=before.evidence,
        after=ruling.evidence,
    )


def _signed(keys: Iterable[str]) -> set[str]:
    rows = Encounter.objects.filter(key__in=set(keys), status=Encounter.Status.SIGNED)
    return {str(key) for key in rows.values_list("key", flat=True)}


def total(statement: Statement) -> int:
    """Sum of a statement's corrections, in fen."""
    return statement.corrections.aggregate(sum=Sum("amount"))["sum"] or 0
