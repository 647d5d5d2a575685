"""What may be claimed for an episode, from signed records only; or why not, by which clause."""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import IntegrityError, models, transaction
from django.utils.translation import gettext as _

from sanyou.care import content
from sanyou.care.facts import facts_of, stations
from sanyou.care.models import Consent, EligibilityDecision, Encounter, Episode, FreeCheck
from sanyou.finance.errors import FinanceError
from sanyou.finance.models import Claim
from sanyou.protocol.policy import Policy
from sanyou.protocol.pricing import MissingItem, completeness, price_on
from sanyou.protocol.programme import Programme
from sanyou.registry.merging import MergeRefused
from sanyou.registry.models import Couple
from sanyou.registry.people import id_indexes

# In the order they are looked at: what settles the matter earlier is named first.
CODES = (
    "not_eligible",
    "entitlement_used",
    "own_cost",
    "no_consent",
    "unsigned",
    "items_missing",
    "counted_before",
)


def remedy(code: str) -> str:
    """What somebody can do about a refusal."""
    return {
        "not_eligible": _("如有新的户籍或居住证明，请登记确认岗位重新确认资格。"),
        "entitlement_used": _("本孩次已免费检查过，按自费办理；如登记的孩次有误，请更正登记。"),
        "own_cost": _("本次为自费检查，费用由夫妇承担，不列入结算。"),
        "no_consent": _("检查前未签署知情同意书的检查不予结算，不能事后补签。"),
        "unsigned": _("请填写人在系统内核对并签名，签名后重新生成结算表即可列入。"),
        "items_missing": _("请补做或补录所缺项目，签名后重新生成结算表即可列入。"),
        "counted_before": _("同一对夫妇同一孩次只结算一次；如为重复建档，请合并档案。"),
    }[code]


@dataclass(frozen=True, slots=True)
class Ruling:
    """Ready with an amount (fen), or refused with code, words, clause and what is missing."""

    amount: int = 0
    code: str = ""
    text: str = ""
    clause: str = ""
    missing: list[dict[str, Any]] = field(default_factory=list)
    evidence: list[str] = field(default_factory=list)
    served_on: dt.date | None = None

    @property
    def ready(self) -> bool:
        return not self.code

    def refusal(self) -> dict[str, Any]:
        """As kept in the claim."""
        if self.ready:
            return {}
        return {
            "code": self.code,
            "text": self.text,
            "clause": self.clause,
            "missing": self.missing,
        }


def claim(episode: Episode, on: dt.date, facts: Mapping[str, Any] | None = None) -> Claim:
    """Put down what may be claimed on a day, or the refusal. `facts` saves reading them again.

    Judged anew each time until the claim stands on a statement that has been submitted; from then
    on it is returned as it is. The database itself refuses a second claim for a couple and child
    order; such a claim is put down as refused ("counted_before").
    """
    with transaction.atomic():
        Episode.objects.select_for_update().get(pk=episode.pk)
        found = Claim.objects.filter(episode=episode).first()
        if found is not None and found.status in {Claim.Status.STATED, Claim.Status.PAID}:
            return found
        ruling = decide(episode, on, facts)
        try:
            with transaction.atomic():
                return _put(episode, ruling)
        except IntegrityError:
            if not ruling.ready:
                raise
            return _put(episode, _counted_before(episode, ruling))


def _put(episode: Episode, ruling: Ruling) -> Claim:
    made, _created = Claim.objects.update_or_create(
        episode=episode,
        defaults={
            "couple": episode.couple,
            "child_order": episode.child_order,
            "programme": episode.programme,
            "policy": episode.policy,
            "status": Claim.Status.READY if ruling.ready else Claim.Status.REFUSED,
            "amount": ruling.amount,
            "refusal": ruling.refusal(),
            "evidence": ruling.evidence,
            "served_on": ruling.served_on,
        },
    )
    return made


def decide(episode: Episode, on: dt.date, facts: Mapping[str, Any] | None = None) -> Ruling:
    """The ruling on a day, without writing anything."""
    policy, programme = policy_of(episode), content.programme_of(episode)
    known = facts_of(episode, on) if facts is None else facts
    served = _served(programme, episode, on)
    served_on = _served_on(known, served)
    evidence = [str(e.key) for e in served]

    def refused(code: str, text: str, clause: str, missing: Any = ()) -> Ruling:
        return Ruling(0, code, text, clause, list(missing), evidence, served_on)

    not_entitled = _entitlement(episode, policy, served_on)
    if not_entitled:
        return refused(*not_entitled)
    absent = _without_consent(programme, episode, served_on or on)
    if absent:
        roles = "、".join(str(programme.role_label.get(r, r)) for r in absent)
        text = _("%(roles)s在检查前没有有效的知情同意。") % {"roles": roles}
        return refused("no_consent", text, _clause_of(policy, "step:consent"))
    missing = completeness(policy, known)
    if missing:
        return refused(*_missing(policy, programme, episode, missing))
    if served_on is None:
        text = _("没有已签名的检查记录。")
        return refused("items_missing", text, _clause_of(policy, "settlement"))
    return Ruling(price_on(policy, served_on), evidence=evidence, served_on=served_on)


def policy_of(episode: Episode) -> Policy:
    """The document the episode rests on; FinanceError where there is none."""
    policy = content.policy_of(episode)
    if policy is None:
        text = _("档案 %s 没有对应的政策文件，不能结算；请检查政策目录。") % episode.number
        raise FinanceError("no_policy", text)
    return policy


def _served(programme: Programme, episode: Episode, on: dt.date) -> list[Encounter]:
    """The signed records of the examination (not of its opening, counselling or follow-up)."""
    return list(
        episode.encounters.filter(
            form__in=stations(programme), status=Encounter.Status.SIGNED, occurred_on__lte=on
        ).order_by("occurred_on", "id")
    )


def _served_on(facts: Mapping[str, Any], served: list[Encounter]) -> dt.date | None:
    """The day of the examination, which decides the price."""
    if not served:
        return None
    day = facts.get("couple.exam_on")
    return day if isinstance(day, dt.date) else served[0].occurred_on


def _entitlement(
    episode: Episode, policy: Policy, served_on: dt.date | None
) -> tuple[str, str, str] | None:
    """(code, text, clause) of a refusal by eligibility or entitlement, or None."""
    if episode.status == Episode.Status.CANCELLED:
        return "not_eligible", _("登记已撤销。"), ""
    decision = episode.decisions.order_by("-id").first()
    if decision is None:
        clause = policy.eligibility[0].clause if policy.eligibility else ""
        return "not_eligible", _("尚未确认资格。"), clause
    if decision.answer != "yes":
        return "not_eligible", *_why_not(decision)
    again = _again(policy)
    if _used_before(episode, served_on):
        return "entitlement_used", _("本孩次此前已享受过一次免费检查。"), again
    if decision.grant != "free":
        text = _words(decision.result, "grant") or _("本次检查为自费。")
        code = "entitlement_used" if served_on is None else "own_cost"
        return code, text, again
    return None


def _why_not(decision: EligibilityDecision) -> tuple[str, str]:
    """The words and the clause of the criterion that decided."""
    wanted = False if decision.answer == "no" else None
    criteria = [c for c in decision.result.get("criteria", ()) if c.get("truth") is wanted]
    text = "；".join(_zh(c.get("text")).rstrip("。；") for c in criteria) or _("不符合条件")
    clause = "、".join(dict.fromkeys(c.get("clause", "") for c in criteria if c.get("clause")))
    return f"{text}。", clause


def _words(result: Mapping[str, Any], part: str) -> str:
    body = result.get(part)
    return _zh(body.get("text")) if isinstance(body, Mapping) else ""


def _zh(text: Any) -> str:
    return str(text.get("zh", "")) if isinstance(text, Mapping) else str(text or "")


def _again(policy: Policy) -> str:
    """The clause that grants one free check per child order."""
    decisions = policy.entitlement.decisions if policy.entitlement else []
    own_cost = [d.clause for d in decisions if d.grant == "own_cost"]
    return own_cost[0] if own_cost else ""


def _used_before(episode: Episode, served_on: dt.date | None) -> bool:
    """A free check of the same couple and child order in an older system's files."""
    couple = episode.couple
    if couple is None or episode.child_order is None:
        return False
    used = FreeCheck.objects.filter(
        wife_index__in=id_indexes(couple.wife),
        husband_index__in=id_indexes(couple.husband),
        child_order=episode.child_order,
    )
    return (used.filter(examined_on__lt=served_on) if served_on else used).exists()


def _without_consent(programme: Programme, episode: Episode, on: dt.date) -> list[str]:
    """Roles whose latest answer up to the day of the examination was not a consent."""
    roles = [r for s in programme.steps if s.kind == "consent" for r in s.roles]
    latest: dict[str, str] = {}
    for row in episode.consents.filter(on__lte=on).order_by("id"):
        latest[row.role] = row.kind
    return [r for r in roles if latest.get(r) != Consent.Kind.GRANT]


def _missing(
    policy: Policy, programme: Programme, episode: Episode, missing: Iterable[MissingItem]
) -> tuple[str, str, str, list[dict[str, Any]]]:
    """Code, text, clause and list of what is missing: unsigned where a draft holds all of it."""
    items = {i.id: i for i in policy.items}
    drafts: dict[str, set[str]] = {}
    for draft in episode.encounters.filter(status=Encounter.Status.DRAFT):
        filled = {k for k, v in draft.data.items() if v not in (None, "", [])}
        drafts.setdefault(draft.role, set()).update(filled)
    rows = [
        {
            **found.as_json(),
            "label": str(items[found.item].label),
            "who": str(programme.role_label.get(found.role, found.role)),
            "clause": items[found.item].clause,
            "unsigned": set(found.elements) <= drafts.get(found.role, set()),
        }
        for found in missing
    ]
    clause = "、".join(dict.fromkeys(str(r["clause"]) for r in rows if r["clause"]))
    names = "、".join(f"{r['who']}{r['label']}" for r in rows)
    if all(r["unsigned"] for r in rows):
        return "unsigned", _("以下项目已填写但没有签名：%s。") % names, clause, rows
    return "items_missing", _("以下必查项目没有结果：%s。") % names, clause, rows


def _clause_of(policy: Policy, implemented_by: str) -> str:
    """The first clause that says it is implemented by this part of the product."""
    return next((c.ref for c in policy.clauses if implemented_by in c.by), "")


def _counted_before(episode: Episode, ruling: Ruling) -> Ruling:
    other = (
        Claim.objects.filter(
            programme=episode.programme, couple=episode.couple, child_order=episode.child_order
        )
        .exclude(episode=episode)
        .exclude(status=Claim.Status.REFUSED)
        .select_related("episode")
        .first()
    )
    number = other.episode.number if other else ""
    text = _("同一对夫妇同一孩次已在档案 %s 结算。") % number
    policy = policy_of(episode)
    return Ruling(0, "counted_before", text, _again(policy), [], ruling.evidence, ruling.served_on)


def claimed(episodes: Sequence[Episode], on: dt.date) -> dict[int, dict[str, Any]]:
    """The fact "couple.claimed" of each episode, supplied to sanyou.care.facts: whether it stood on
    a statement drawn up by that day. A later statement does not change an earlier month."""
    stated = Claim.objects.filter(
        episode__in=[e.pk for e in episodes],
        status__in=[Claim.Status.STATED, Claim.Status.PAID],
        statement__created_at__date__lte=on,
    )
    listed = set(stated.values_list("episode", flat=True))
    return {e.pk: {"couple.claimed": e.pk in listed} for e in episodes}


def settle_merge(winner: models.Model, loser: models.Model) -> Iterator[tuple[Claim, str, Any]]:
    """Two couples become one: of two claims for one child the one not yet stated is refused.

    MergeRefused when both are on statements already: that is money to be taken back first.
    """
    if not isinstance(winner, Couple) or not isinstance(loser, Couple):
        return
    standing = Claim.objects.exclude(status=Claim.Status.REFUSED).select_related("episode")
    for one in standing.filter(couple=loser, child_order__isnull=False):
        two = standing.filter(
            couple=winner, programme=one.programme, child_order=one.child_order
        ).first()
        if two is None:
            continue
        ready = [c for c in (one, two) if c.status == Claim.Status.READY]
        if not ready:
            raise MergeRefused(
                _(
                    "两份档案（%(one)s、%(two)s）都已列入结算表，请先退回并重新生成其中一张，再合并。"
                )
                % {"one": one.episode.number, "two": two.episode.number}
            )
        falls, stays = (one, two) if ready[0] == one else (two, one)
        text = _("同一对夫妇同一孩次已在档案 %s 结算。") % stays.episode.number
        clause = _again(policy_of(falls.episode))
        refusal = Ruling(code="counted_before", text=text, clause=clause).refusal()
        yield falls, "refusal", refusal
        yield falls, "amount", 0
        yield falls, "status", Claim.Status.REFUSED.value
