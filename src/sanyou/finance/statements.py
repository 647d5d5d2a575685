"""Statements of a period: prepared by one person, approved by another, paid once."""

import datetime as dt
from calendar import monthrange
from collections import defaultdict

from django.db import transaction
from django.db.models import Q, QuerySet, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from sanyou.care import content
from sanyou.care.models import Encounter, Episode
from sanyou.finance import corrections, ledger
from sanyou.finance.claims import BATCH, opened_in, put_down
from sanyou.finance.errors import FinanceError
from sanyou.finance.models import Claim, Correction, Statement
from sanyou.protocol.policy import Policy
from sanyou.protocol.pricing import split_shares
from sanyou.registry import history
from sanyou.registry.access import Actor, require_programme
from sanyou.registry.models import Organisation
from sanyou.trust import audit

_MONTHS = {"month": 1, "quarter": 3, "half_year": 6, "year": 12}
_OPEN = {Statement.Status.DRAFT, Statement.Status.RETURNED}


def period_of(policy: Policy, day: dt.date) -> tuple[dt.date, dt.date]:
    """First and last day of the settlement period a day lies in; half a year by default."""
    months = _MONTHS[policy.settlement.period if policy.settlement else "half_year"]
    first = (day.month - 1) // months * months + 1
    last = first + months - 1
    return dt.date(day.year, first, 1), dt.date(day.year, last, monthrange(day.year, last)[1])


def period_label(start: dt.date, end: dt.date) -> str:
    """2021年上半年, 2021年第二季度, 2021年3月, or the two days."""
    months = (end.year - start.year) * 12 + end.month - start.month + 1
    year = _("%d年") % start.year
    names = {
        1: _("%d月") % start.month,
        3: _("第%s季度") % "一二三四"[(start.month - 1) // 3],
        6: _("上半年") if start.month == 1 else _("下半年"),
        12: _("全年"),
    }
    return year + str(names[months]) if months in names else f"{start} — {end}"


@transaction.atomic
def prepare(
    organisation: Organisation,
    policy: Policy,
    period_from: dt.date,
    period_to: dt.date,
    actor: Actor,
    programme: str | None = None,
) -> Statement:
    """Draft the statement of a period, or draw it up again while it is a draft or returned.

    `programme`: the document's first, unless another of its programmes is named. Every episode of
    the organisation's region under the policy is judged as of the last day; ready claims of this
    period, and of earlier ones not stated then, are listed, and what was approved before and has
    changed since is put right by a correction. A statement already submitted is returned as it is.
    """
    actor.require("claim", organisation)
    chosen = programme or policy.programme or policy.programmes[0]
    require_programme(actor, chosen)
    # One at a time for an organisation, so that a second click finds what the first has drawn up.
    Organisation.objects.select_for_update(no_key=True).get(pk=organisation.pk)
    wanted = {
        "organisation": organisation,
        "policy": policy.id,
        "programme": chosen,
        "period_from": period_from,
        "period_to": period_to,
    }
    statement = Statement.objects.select_for_update().filter(**wanted).first()
    if statement is not None and statement.status not in _OPEN:
        return statement
    if statement is None:
        number = _number(organisation, period_from, period_to)
        statement = Statement(**wanted, number=number)
    statement.prepared_by = actor.staff
    _note(statement, actor, "prepare", statement.status)
    statement.save()
    statement.claims.update(status=Claim.Status.READY, statement=None)
    statement.corrections.all().delete()
    prefix = organisation.region.prefix
    keys = list(_episodes(statement, prefix, period_to).values_list("pk", flat=True))
    for start in range(0, len(keys), BATCH):
        _judge(keys[start : start + BATCH], period_to)
    _list_ready(statement, prefix)
    corrections.draw_up(statement, prefix, period_to)
    _add_up(statement)
    audit.record(actor, "prepare", "statement", statement.key, total=statement.total)
    return statement


def _judge(keys: list[int], until: dt.date) -> None:
    """Put down the claims of some episodes."""
    rows = Episode.objects.filter(pk__in=keys).order_by("pk")
    put_down(list(rows.select_related("couple__wife", "couple__husband", "person")), until)


def _number(organisation: Organisation, start: dt.date, end: dt.date) -> str:
    """JS-500107-202101-202106-01: region, first and last month, which of them."""
    stem = f"JS-{organisation.region_id}-{start:%Y%m}-{end:%Y%m}-"
    count = Statement.objects.filter(number__startswith=stem).count()
    return f"{stem}{count + 1:02d}"


def _episodes(statement: Statement, prefix: str, until: dt.date) -> QuerySet[Episode]:
    """Episodes with something to settle: served by the day, not yet on a statement."""
    served = Encounter.objects.filter(status=Encounter.Status.SIGNED, occurred_on__lte=until)
    return (
        Episode.objects.filter(policy=statement.policy, programme=statement.programme)
        .filter(opened_in(prefix), pk__in=served.values("episode"))
        .filter(Q(claim=None) | Q(claim__status__in=[Claim.Status.READY, Claim.Status.REFUSED]))
        .order_by("id")
    )


def _list_ready(statement: Statement, prefix: str) -> None:
    """As a list of keys: the rows are about to leave this very selection."""
    found = Claim.objects.filter(
        status=Claim.Status.READY,
        policy=statement.policy,
        programme=statement.programme,
        served_on__lte=statement.period_to,
        region__code__startswith=prefix,
    )
    keys = list(found.values_list("pk", flat=True))
    for start in range(0, len(keys), BATCH):
        rows = Claim.objects.filter(pk__in=keys[start : start + BATCH])
        rows.update(status=Claim.Status.STATED, statement=statement)


def _add_up(statement: Statement) -> None:
    statement.total, statement.shares = sums(statement)
    statement.save(update_fields=["total", "shares"])


def sums(statement: Statement) -> tuple[int, dict[str, int]]:
    """The total of a statement's lines in fen and what each payer bears of it, tier by tier."""
    policy = current_policy(statement)
    by_tier: dict[str, int] = defaultdict(int)
    for tier, amount in statement.claims.values_list("tier").annotate(Sum("amount")):
        by_tier[tier] += amount
    rows = statement.corrections.values_list("claim__tier").annotate(Sum("amount"))
    for tier, amount in rows:
        by_tier[tier] += amount
    here = {None, *by_tier} if by_tier else {None, *(s.tier for s in policy.shares)}
    shares = dict.fromkeys((s.payer for s in policy.shares if s.tier in here), 0)
    for tier, amount in by_tier.items():
        for payer, fen in split_shares(policy, amount, tier or None).items():
            shares[payer] += fen
    return sum(by_tier.values()), shares


def problems(statement: Statement) -> list[str]:
    """What speaks against submitting or approving: sums that differ, records changed since."""
    found = []
    claims = list(statement.claims.select_related("episode"))
    changes = list(statement.corrections.select_related("claim__episode"))
    if not claims and not changes:
        found.append(_("结算表没有可结算的对象，也没有更正，无需上报。"))
    total = sum(c.amount for c in claims) + sum(c.amount for c in changes)
    if total != statement.total or sum(statement.shares.values()) != total:
        found.append(_("合计与明细或分担金额不一致，请重新生成结算表。"))
    changed = [c.episode.number for c in _unproved(statement, claims, changes)]
    if changed:
        numbers = "、".join(changed[:5])
        found.append(
            _("%(count)d 份档案的检查记录在列入后有更正（%(numbers)s），请退回后重新生成。")
            % {"count": len(changed), "numbers": numbers}
        )
    return found


def _unproved(statement: Statement, claims: list[Claim], changes: list[Correction]) -> list[Claim]:
    """Lines some record of which is no longer signed."""
    signed = Encounter.objects.filter(status=Encounter.Status.SIGNED)
    here = Q(episode__claim__statement=statement)
    if changes:
        here |= Q(episode__claim__in=[c.claim_id for c in changes])
    standing = {str(key) for key in signed.filter(here).values_list("key", flat=True)}
    lines = [(c, c.evidence) for c in claims] + [(c.claim, c.after) for c in changes]
    # The rest are records of other programmes that still counted.
    rest = sorted({key for _claim, evidence in lines for key in evidence} - standing)
    for start in range(0, len(rest), BATCH):
        some = signed.filter(key__in=rest[start : start + BATCH])
        standing |= {str(key) for key in some.values_list("key", flat=True)}
    return [claim for claim, evidence in lines if not standing.issuperset(evidence)]


def submit(statement: Statement, actor: Actor) -> Statement:
    """Hand a draft in for approval. FinanceError when it does not hold."""
    return _move(statement, actor, "submit", "claim", _OPEN, Statement.Status.SUBMITTED, check=True)


def return_(statement: Statement, actor: Actor, reason: str) -> Statement:
    """Send a submitted statement back with a reason."""
    return _move(
        statement,
        actor,
        "return",
        "approve_statement",
        {Statement.Status.SUBMITTED},
        Statement.Status.RETURNED,
        reason=reason,
        needs_reason=True,
        four_eyes=True,
    )


def approve(statement: Statement, actor: Actor) -> Statement:
    """Approve and post it; never by whoever prepared or submitted it (four eyes)."""
    with transaction.atomic():
        approved = _move(
            statement,
            actor,
            "approve",
            "approve_statement",
            {Statement.Status.SUBMITTED},
            Statement.Status.APPROVED,
            check=True,
            four_eyes=True,
        )
        ledger.post_approval(approved, actor.staff, timezone.localdate())
        return approved


def mark_paid(statement: Statement, actor: Actor, voucher: str) -> Statement:
    """Post the payment with its voucher number; the claims are paid for ever."""
    with transaction.atomic():
        paid = _move(
            statement,
            actor,
            "pay",
            "pay_statement",
            {Statement.Status.APPROVED},
            Statement.Status.PAID,
            reason=voucher,
            needs_reason=True,
        )
        paid.claims.update(status=Claim.Status.PAID)
        ledger.post_payment(paid, actor.staff, timezone.localdate(), voucher.strip()[:80])
        return paid


@transaction.atomic
def _move(
    statement: Statement,
    actor: Actor,
    act: str,
    action: str,
    allowed: set[Statement.Status],
    to: Statement.Status,
    *,
    reason: str = "",
    needs_reason: bool = False,
    four_eyes: bool = False,
    check: bool = False,
) -> Statement:
    actor.require(action, statement)
    row = Statement.objects.select_for_update().get(pk=statement.pk)
    if row.status not in allowed:
        raise FinanceError(
            "wrong_state",
            _("结算表现在是“%s”，不能进行这一步，请刷新页面。") % row.get_status_display(),
        )
    if needs_reason and not reason.strip():
        text = _("请填写拨付凭证号。") if to == Statement.Status.PAID else _("请填写退回理由。")
        raise FinanceError("no_reason", text)
    if four_eyes and actor.username in hands(row):
        raise FinanceError("four_eyes", _("编制、提交人不能审核自己的结算表，请由另一人审核。"))
    against = problems(row) if check else []
    if against:
        raise FinanceError("does_not_hold", " ".join(against))
    _note(row, actor, act, to, reason.strip())
    row.status = to
    if to in {Statement.Status.APPROVED, Statement.Status.RETURNED}:
        row.checked_by = actor.staff
    row.save()
    audit.record(actor, act, "statement", row.key, total=row.total)
    return row


def hands(statement: Statement) -> set[str]:
    """Who drew it up or handed it in."""
    return history.hands(statement.history, "prepare", "submit")


def _note(statement: Statement, actor: Actor, act: str, to: str, reason: str = "") -> None:
    """One more line of the history."""
    change = {"from": str(statement.status), "to": str(to)}
    statement.history.append(history.line(actor, act=act, **change, reason=reason))


def current_policy(statement: Statement) -> Policy:
    """The terms the statement rests on: its programme's, in its document."""
    return content.library().policies[statement.policy].for_programme(statement.programme)
