"""Half-yearly statements: prepared by one person, approved by another, paid once."""

import datetime as dt
from calendar import monthrange

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from sanyou.care import content
from sanyou.care.facts import facts_table
from sanyou.care.models import Encounter, Episode
from sanyou.finance.claims import claim
from sanyou.finance.errors import FinanceError
from sanyou.finance.models import Claim, Statement
from sanyou.protocol.policy import Policy
from sanyou.protocol.pricing import split_shares
from sanyou.registry.access import Actor
from sanyou.registry.models import Organisation
from sanyou.trust import audit

_MONTHS = {"month": 1, "quarter": 3, "half_year": 6, "year": 12}
BATCH = 200  # episodes whose facts are read at once
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
) -> Statement:
    """Draft the statement of a period, or draw it up again while it is a draft or returned.

    Every episode of the organisation's region under the policy is judged as of the last day; ready
    claims of this period, and of earlier ones not stated then, are listed. A statement already
    submitted is returned as it is.
    """
    actor.require("claim", organisation)
    # One at a time for an organisation, so that a second click finds what the first has drawn up.
    Organisation.objects.select_for_update(no_key=True).get(pk=organisation.pk)
    statement = (
        Statement.objects.select_for_update()
        .filter(
            organisation=organisation,
            policy=policy.id,
            period_from=period_from,
            period_to=period_to,
        )
        .first()
    )
    if statement is not None and statement.status not in _OPEN:
        return statement
    if statement is None:
        statement = Statement(
            organisation=organisation,
            policy=policy.id,
            period_from=period_from,
            period_to=period_to,
            number=_number(organisation, period_from, period_to),
        )
    statement.prepared_by = actor.staff
    _note(statement, actor, "prepare", statement.status)
    statement.save()
    statement.claims.update(status=Claim.Status.READY, statement=None)
    episodes = list(_episodes(organisation, policy, period_to))
    for start in range(0, len(episodes), BATCH):
        batch = episodes[start : start + BATCH]
        for episode, facts in zip(batch, facts_table(batch, period_to), strict=True):
            claim(episode, period_to, facts)
    _ready(organisation, policy, period_to).update(status=Claim.Status.STATED, statement=statement)
    _add_up(statement, policy)
    audit.record(actor, "prepare", "statement", statement.key, total=statement.total)
    return statement


def _number(organisation: Organisation, start: dt.date, end: dt.date) -> str:
    """JS-500107-202101-202106-01: region, first and last month, which of them."""
    stem = f"JS-{organisation.region_id}-{start:%Y%m}-{end:%Y%m}-"
    count = Statement.objects.filter(number__startswith=stem).count()
    return f"{stem}{count + 1:02d}"


def _episodes(organisation: Organisation, policy: Policy, until: dt.date) -> QuerySet[Episode]:
    """Episodes with something to settle: served by the day, not yet on a statement."""
    prefix = organisation.region.prefix
    served = Encounter.objects.filter(status=Encounter.Status.SIGNED, occurred_on__lte=until)
    return (
        Episode.objects.filter(policy=policy.id, region__code__startswith=prefix)
        .filter(pk__in=served.values("episode"))
        .filter(Q(claim=None) | Q(claim__status__in=[Claim.Status.READY, Claim.Status.REFUSED]))
        .select_related("couple__wife", "couple__husband", "person")
        .order_by("id")
    )


def _ready(organisation: Organisation, policy: Policy, until: dt.date) -> QuerySet[Claim]:
    """As a list of keys: the rows are about to leave this very selection."""
    found = Claim.objects.filter(
        status=Claim.Status.READY,
        policy=policy.id,
        served_on__lte=until,
        episode__region__code__startswith=organisation.region.prefix,
    )
    return Claim.objects.filter(pk__in=list(found.values_list("pk", flat=True)))


def _add_up(statement: Statement, policy: Policy) -> None:
    amounts = list(statement.claims.values_list("amount", flat=True))
    statement.total = sum(amounts)
    statement.shares = split_shares(policy, statement.total)
    statement.save(update_fields=["total", "shares"])


def problems(statement: Statement) -> list[str]:
    """What speaks against submitting or approving: sums that differ, records changed since."""
    found = []
    claims = list(statement.claims.select_related("episode"))
    if not claims:
        found.append(_("结算表没有可结算的夫妇，无需上报。"))
    total = sum(c.amount for c in claims)
    if total != statement.total or sum(statement.shares.values()) != total:
        found.append(_("合计与明细或分担金额不一致，请重新生成结算表。"))
    keys = {key for c in claims for key in c.evidence}
    standing = {
        str(key)
        for key in Encounter.objects.filter(
            key__in=keys, status=Encounter.Status.SIGNED
        ).values_list("key", flat=True)
    }
    changed = [c.episode.number for c in claims if not standing.issuperset(c.evidence)]
    if changed:
        numbers = "、".join(changed[:5])
        found.append(
            _("%(count)d 份档案的检查记录在列入后有更正（%(numbers)s），请退回后重新生成。")
            % {"count": len(changed), "numbers": numbers}
        )
    return found


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
    """Approve; never by whoever prepared or submitted it (four eyes)."""
    return _move(
        statement,
        actor,
        "approve",
        "approve_statement",
        {Statement.Status.SUBMITTED},
        Statement.Status.APPROVED,
        check=True,
        four_eyes=True,
    )


def mark_paid(statement: Statement, actor: Actor, voucher: str) -> Statement:
    """Note the payment with its voucher number; the claims are paid for ever."""
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
    """Who prepared or submitted it."""
    return {h["by"] for h in statement.history if h["act"] in {"prepare", "submit"}}


def _note(statement: Statement, actor: Actor, act: str, to: str, reason: str = "") -> None:
    """One more line of the history."""
    statement.history.append(
        {
            "at": timezone.now().isoformat(timespec="seconds"),
            "by": actor.username,
            "name": str(actor.display_name),
            "act": act,
            "from": str(statement.status),
            "to": str(to),
            "reason": reason,
        }
    )


def current_policy(statement: Statement) -> Policy:
    """The document the statement rests on."""
    return content.library().policies[statement.policy]
