"""Applications for a subsidy: episodes of a programme with an approval step.

Which stand where, what they are worth, who had a hand in them, and what others may read of them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from sanyou.benefits.models import Appeal, Decision, NoticeEntry
from sanyou.care import content
from sanyou.care.errors import CareError
from sanyou.care.facts import facts_of, observations_of
from sanyou.care.models import Encounter, Episode
from sanyou.finance.money import capitals, yuan
from sanyou.protocol.dates import add
from sanyou.protocol.models import Step
from sanyou.protocol.policy import Policy
from sanyou.protocol.pricing import Amount, amount_on
from sanyou.protocol.programme import Programme
from sanyou.registry.access import Actor, visible

APPEAL_DAYS = (
    60  # where the programme does not say how long its notice of decision may be contested
)


def programmes() -> list[Programme]:
    """The programmes that end in an approval."""
    return [p for p in content.library().programmes.values() if step_of(p, "approve")]


def step_of(programme: Programme, kind: str) -> Step | None:
    """The first step of a kind."""
    return next((s for s in programme.steps if s.kind == kind), None)


def is_benefit(programme: Programme) -> bool:
    return step_of(programme, "approve") is not None


def applications(actor: Actor) -> QuerySet[Episode]:
    """Those within her region, the newest first."""
    actor.require("see_benefits")
    rows = Episode.objects.filter(programme__in=[p.id for p in programmes()])
    return (
        visible(actor, rows)
        .exclude(status=Episode.Status.CANCELLED)
        .select_related("person", "region")
        .order_by("-opened_on", "-pk")
    )


def terms_of(episode: Episode) -> Policy:
    """The terms the application rests on."""
    policy = content.policy_of(episode)
    if policy is None:
        raise CareError(_("找不到这份档案适用的政策文件，请联系系统管理员。"), "no_policy")
    return policy


def worth(episode: Episode, on: date, facts: Mapping[str, Any] | None = None) -> Amount:
    """What the document grants on a day, and how that is worked out."""
    return amount_on(terms_of(episode), facts_of(episode, on) if facts is None else facts, on)


def payable(episode: Episode, on: date) -> tuple[int, Amount]:
    """(fen, working); CareError where an amount cannot be worked out, or is nought."""
    found = worth(episode, on)
    return due(episode, found), found


def due(episode: Episode, found: Amount) -> int:
    """The amount in fen; CareError where there is none to pay."""
    if found.fen is None:
        raise CareError(
            _("档案 %(number)s %(why)s。请在核对原件表中补填。")
            % {"number": episode.number, "why": found.working.zh},
            "no_amount",
        )
    if found.fen == 0:
        raise CareError(
            _("档案 %(number)s 没有可补助的金额：%(why)s。请由审批人员不予批准并写明理由。")
            % {"number": episode.number, "why": found.working.zh},
            "nothing_to_pay",
        )
    return found.fen


def standing(episode: Episode) -> Decision | None:
    """The decision that stands; None while there is none or the matter was taken up again."""
    last = episode.benefit_decisions.order_by("-pk").first()
    return None if last is None or last.kind == Decision.Kind.REOPENED else last


def hands(episode: Episode, deciding: bool) -> dict[int, str]:
    """Who checked or confirmed it, and with `deciding` who decided: staff pk -> what she did."""
    programme = content.programme_of(episode)
    checks = {s.form for s in programme.steps if s.kind == "form" and _after_review(programme, s)}
    found: dict[int, str] = {}
    signed = episode.encounters.filter(form__in=checks).exclude(status=Encounter.Status.DRAFT)
    for pk in signed.values_list("signed_by", flat=True):
        if pk:
            found[pk] = _("核对原件")
    for pk in episode.decisions.values_list("by", flat=True):
        if pk:
            found[pk] = _("资格确认")
    for pk, kind in episode.benefit_decisions.values_list("by", "kind"):
        if deciding and pk and kind != Decision.Kind.REOPENED:
            found[pk] = _("审批")
    return found


def _after_review(programme: Programme, step: Step) -> bool:
    """Whether a form is filled by the centre: after the township's review."""
    before = {programme.step(s).kind for s in step.after}
    return "review" in before or any(
        _after_review(programme, programme.step(s)) for s in step.after
    )


def other_hands(episode: Episode, actor: Actor, act: str, deciding: bool = True) -> None:
    """CareError where she already had a hand in the application."""
    mine = hands(episode, deciding).get(actor.staff.pk) if actor.staff is not None else None
    if mine is not None:
        raise CareError(
            _("您办理过这份申请的“%(mine)s”，不能再%(act)s。请由另一人办理。")
            % {"mine": mine, "act": act},
            "four_eyes",
        )


def applicant(episode: Episode) -> str:
    """Who applies: the guardian named on the application, else the person."""
    for values in observations_of(episode, date.max).values():
        if name := values.get("applicant_name"):
            return str(name)
    return episode.person.name if episode.person else ""


def shown_name(actor: Actor, episode: Episode) -> str:
    """Whose application it is; masked for a duty that does not read who people are."""
    name = episode.person.name if episode.person else ""
    return name if actor.can("see_person") else masked(name)


def masked(name: str) -> str:
    """王芳 -> 王*, 王秀英 and longer -> 王**"""
    return name[:1] + "*" * min(max(len(name) - 1, 1), 2) if name else "*"


def appeal_until(episode: Episode) -> date | None:
    """The last day for an appeal against what was decided; None where nothing is to be contested."""
    programme = content.programme_of(episode)
    step = step_of(programme, "document")
    said = contested_on(episode)
    if said is None:
        return None
    if step is not None:
        told = episode.documents.filter(kind=step.document, void_reason="").order_by("pk").last()
        said = max(said, told.issued_on) if told else said
    if step is not None and step.valid:
        return add(said, step.valid)
    return said + timedelta(days=APPEAL_DAYS)


def contested_on(episode: Episode) -> date | None:
    """The day of the decision that stands: approval, refusal, or an objection that was upheld."""
    decision = standing(episode)
    if decision is not None:
        return decision.on
    if episode.status == Episode.Status.INELIGIBLE:
        return episode.closed_on
    if episode.status == Episode.Status.RETURNED:
        entry = episode.notice_entries.filter(objections__answer__upheld=True).last()
        if entry is not None:
            return max(o.answer.on for o in entry.objections.filter(answer__upheld=True))
    return None


def against(episode: Episode) -> str:
    """What an appeal would be against now; "" where there is nothing."""
    decision = standing(episode)
    if episode.status == Episode.Status.INELIGIBLE:
        return Appeal.Against.REFUSAL
    if decision is not None and decision.kind == Decision.Kind.APPROVED:
        return Appeal.Against.AMOUNT
    return Appeal.Against.OBJECTION if contested_on(episode) else ""


# --- what other parts read -----------------------------------------------------------------------


def course(episodes: Sequence[Episode], on: date) -> dict[int, dict[str, Any]]:
    """Facts of each application by that day, supplied to sanyou.care.facts: when it was made,
    announced, approved, refused."""
    concerned = {p.id: p.roles[0] for p in programmes()}
    rows = [e for e in episodes if e.programme in concerned]
    if not rows:
        return {}
    pks = [e.pk for e in rows]
    announced = dict(
        NoticeEntry.objects.filter(episode__in=pks, notice__starts_on__lte=on, standing=True)
        .order_by("pk")
        .values_list("episode", "notice__starts_on")
    )
    decided: dict[int, tuple[str, date]] = {
        pk: (kind, day)
        for pk, kind, day in Decision.objects.filter(episode__in=pks, on__lte=on)
        .order_by("pk")
        .values_list("episode", "kind", "on")
    }
    found: dict[int, dict[str, Any]] = {}
    for row in rows:
        kind, day = decided.get(row.pk, ("", None))
        refused = row.closed_on if row.status == Episode.Status.INELIGIBLE else None
        role = concerned[row.programme]
        found[row.pk] = {
            f"{role}.applied_on": row.opened_on,
            f"{role}.published_on": announced.get(row.pk),
            f"{role}.approved_on": day if kind == Decision.Kind.APPROVED else None,
            f"{role}.refused_on": refused if refused is not None and refused <= on else None,
        }
    return found


@dataclass(frozen=True)
class Refusal:
    """Why an application was turned down, with the clause."""

    reason: str
    clause: str


def refusal_of(episode: Episode) -> Refusal | None:
    """By the approver, or by the document when eligibility was confirmed; None where it was not."""
    if episode.status != Episode.Status.INELIGIBLE:
        return None
    decision = standing(episode)
    if decision is not None:
        return Refusal(decision.reason, decision.clause)
    judged = episode.decisions.order_by("-pk").first()
    if judged is None:
        return Refusal(episode.status_reason, "")
    failed = [c for c in judged.result.get("criteria", ()) if c.get("truth") is False]
    if not failed and judged.grant != "free":
        failed = [judged.result.get("grant", {})]
    reason = "；".join(_zh(c.get("text")).rstrip("。；") for c in failed) or episode.status_reason
    clauses = dict.fromkeys(c.get("clause", "") for c in failed)
    return Refusal(f"{reason.rstrip('。')}。", "、".join(c for c in clauses if c))


def _zh(text: Any) -> str:
    return str(text.get("zh", "")) if isinstance(text, Mapping) else str(text or "")


def notice_of_decision(episode: Episode, kind: str, on: date) -> dict[str, Any]:
    """What the notice of decision prints, supplied to sanyou.care.documents under `benefit`."""
    programme = content.programme_of(episode)
    step = step_of(programme, "document")
    if not is_benefit(programme) or step is None or step.document != kind:
        return {}
    decision, refusal = standing(episode), refusal_of(episode)
    approved = decision is not None and decision.kind == Decision.Kind.APPROVED
    if not approved and refusal is None:
        raise CareError(_("还没有审批决定，暂不能出具告知书。请先完成公示和审批。"), "too_early")
    clause = decision.clause if decision is not None else refusal.clause if refusal else ""
    policy = terms_of(episode)
    quoted = [policy.clause(ref) for ref in clause.split("、") if ref]
    entry = episode.notice_entries.filter(standing=True).select_related("notice").first()
    days = step.valid.days if step.valid else APPEAL_DAYS
    amount = decision.amount if decision is not None else 0
    return {
        "benefit": {
            "addressee": applicant(episode),
            "approved": approved,
            "decided_by_approver": decision is not None,
            "yuan": yuan(amount),
            "capitals": capitals(amount),
            "working": decision.working if decision is not None else "",
            "account": _account(episode),
            "reason": refusal.reason if refusal else "",
            "clause": clause,
            "clause_texts": [c.text for c in quoted if c is not None],
            "appeal_days": days,
            "published": entry
            and {
                "number": entry.notice.number,
                "from": entry.notice.starts_on.isoformat(),
                "until": entry.notice.ends_on.isoformat(),
            },
        }
    }


@dataclass(frozen=True)
class Account:
    """Where the money goes."""

    holder: str
    bank: str
    number: str


def account_of(episode: Episode) -> Account:
    """As stated on the application; blank where it is not."""
    for values in observations_of(episode, date.max).values():
        if number := str(values.get("bank_account") or ""):
            holder, bank = values.get("account_holder"), values.get("bank_name")
            return Account(str(holder or ""), str(bank or ""), number)
    return Account("", "", "")


def _account(episode: Episode) -> str:
    """户名 开户行 尾号: never the whole number on a paper that is handed out."""
    found = account_of(episode)
    if not found.number:
        return ""
    return _("%(holder)s　%(bank)s　尾号 %(tail)s") % {
        "holder": found.holder,
        "bank": found.bank,
        "tail": found.number[-4:],
    }
