"""What may be claimed for episodes, from signed records only; or why not, by which clause.

Read and judged in bulk: a fixed number of queries for a batch of episodes (`put_down`).
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import IntegrityError, models, transaction
from django.utils.translation import gettext as _

from sanyou.care import content, reuse
from sanyou.care.facts import facts_table, stations
from sanyou.care.flow import roles_of
from sanyou.care.models import (
    Consent,
    EligibilityDecision,
    Encounter,
    Episode,
    FreeCheck,
    Task,
)
from sanyou.finance.errors import FinanceError
from sanyou.finance.models import Claim
from sanyou.protocol.entitlement import decide_entitlement
from sanyou.protocol.errors import Problem
from sanyou.protocol.models import Step
from sanyou.protocol.policy import Policy
from sanyou.protocol.pricing import (
    MissingItem,
    amount_on,
    completeness,
    split_shares,
    tier_of,
)
from sanyou.protocol.programme import Programme
from sanyou.protocol.scope import COUPLE
from sanyou.registry.merging import MergeRefused
from sanyou.registry.models import Couple, Person
from sanyou.registry.people import id_indexes_of

# In the order they are looked at: what settles the matter earlier is named first.
CODES = (
    "not_eligible",
    "entitlement_used",
    "own_cost",
    "no_consent",
    "unsigned",
    "items_missing",
    "not_approved",
    "unit_unknown",
    "no_price",
    "counted_before",
)
BATCH = 400  # episodes read and written at once
LOCKED = (Claim.Status.STATED, Claim.Status.PAID)


def remedy(code: str) -> str:
    """What somebody can do about a refusal, or about why a claim was corrected."""
    return {
        "not_eligible": _("如有新的户籍或居住证明，请登记确认岗位重新确认资格。"),
        "entitlement_used": _("本孩次已免费检查过，按自费办理；如登记的孩次有误，请更正登记。"),
        "own_cost": _("本次为自费检查，费用由夫妇承担，不列入结算。"),
        "no_consent": _("检查前未签署知情同意书的检查不予结算，不能事后补签。"),
        "unsigned": _("请填写人在系统内核对并签名，签名后重新生成结算表即可列入。"),
        "items_missing": _("请补做或补录所缺项目，签名后重新生成结算表即可列入。"),
        "not_approved": _("请先办完审核、公示和审批，办完后重新生成结算表即可列入。"),
        "unit_unknown": _("请在登记中补填所缺资料，补填后重新生成结算表即可列入。"),
        "no_price": _("请系统管理员在政策文件中补充价格或分担档次，发布后重新生成结算表。"),
        "counted_before": _("同一对夫妇同一孩次只结算一次；如为重复建档，请合并档案。"),
        "amended": _("凭据已更换，有差额的已列入本期；请按现在的记录存档备查。"),
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
    unit: str = ""
    tier: str = ""

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

    def working(self) -> dict[str, str]:
        """How the amount was worked out, as kept in the claim."""
        return {"text": self.text, "clause": self.clause} if self.ready else {}


def opened_in(prefix: str) -> models.Q:
    """Episodes opened in a region: its district pays, wherever the couple lives now."""
    return models.Q(origin__code__startswith=prefix)


def policy_of(episode: Episode) -> Policy:
    """The terms the episode rests on; FinanceError where there are none."""
    policy = content.policy_of(episode)
    if policy is None:
        text = _("档案 %s 没有对应的政策文件，不能结算；请检查政策目录。") % episode.number
        raise FinanceError("no_policy", text)
    return policy.for_programme(episode.programme)


# --- putting down --------------------------------------------------------------------------------


def claim(episode: Episode, on: dt.date, facts: Mapping[str, Any] | None = None) -> Claim:
    """Put down what may be claimed on a day, or the refusal. `facts` saves reading them again.

    Judged anew each time until the claim stands on a statement; from then on it is returned as it
    is, and what changes is a correction (finance.corrections). The database itself refuses a
    second claim for what is granted once; such a claim is put down as refused ("counted_before").
    """
    return put_down([episode], on, None if facts is None else [facts])[0]


@transaction.atomic
def put_down(
    episodes: Sequence[Episode], on: dt.date, table: Sequence[Mapping[str, Any]] | None = None
) -> list[Claim]:
    """`claim` of up to BATCH episodes, in order, with a fixed number of queries."""
    keys = [e.pk for e in episodes]
    rows = Episode.objects.select_for_update(of=("self",)).filter(pk__in=keys).order_by("pk")
    locked = {e.pk: e for e in rows.select_related("couple__wife", "couple__husband", "person")}
    found = {c.episode_id: c for c in Claim.objects.filter(episode__in=keys)}
    open_ = [pk for pk in keys if pk not in found or found[pk].status not in LOCKED]
    facts = None if table is None else dict(zip(keys, table, strict=True))
    given = None if facts is None else [facts[pk] for pk in open_]
    rulings = dict(zip(open_, judge([locked[pk] for pk in open_], on, given), strict=True))
    _hold_units(rulings, locked)
    before = {pk: _state(found[pk]) for pk in open_ if pk in found}
    ruled = {pk: _row(found.get(pk), locked[pk], rulings[pk]) for pk in open_}
    changed = [row for pk, row in ruled.items() if before.get(pk) != _state(row)]
    try:
        with transaction.atomic():
            _write(changed)
    except IntegrityError:  # somebody else claimed one of them a moment ago
        for row in changed:
            _write_one(row, locked[row.episode_id], rulings[row.episode_id])
    found |= ruled
    return [found[pk] for pk in keys]


def _row(claim: Claim | None, episode: Episode, ruling: Ruling) -> Claim:
    """The claim as ruled, not yet written."""
    row = claim or Claim(episode=episode)
    row.couple, row.child_order = episode.couple, episode.child_order
    row.programme, row.policy = episode.programme, episode.policy
    row.region_id, row.unit, row.tier = episode.origin_id, ruling.unit, ruling.tier
    row.status = Claim.Status.READY if ruling.ready else Claim.Status.REFUSED
    row.amount, row.working = ruling.amount, ruling.working()
    row.refusal, row.evidence = ruling.refusal(), ruling.evidence
    row.served_on = ruling.served_on
    return row


_RULED = [
    "couple", "child_order", "programme", "policy", "region", "unit", "tier", "status", "amount",
    "working", "refusal", "evidence", "served_on",
]  # fmt: skip


def _state(row: Claim) -> tuple[Any, ...]:
    """What a ruling sets, to see whether it changed."""
    names = ("couple_id" if n == "couple" else "region_id" if n == "region" else n for n in _RULED)
    return tuple(getattr(row, name) for name in names)


def _write(rows: Sequence[Claim]) -> None:
    """Refusals first: what they free may be taken by another of the same batch."""
    for refused in (True, False):
        part = [r for r in rows if (r.status == Claim.Status.REFUSED) is refused]
        Claim.objects.bulk_update([r for r in part if r.pk], _RULED, batch_size=BATCH)
        Claim.objects.bulk_create([r for r in part if not r.pk], batch_size=BATCH)


def _write_one(row: Claim, episode: Episode, ruling: Ruling) -> None:
    """Written alone; refused where the unit was claimed meanwhile."""
    try:
        with transaction.atomic():
            row.save()
    except IntegrityError:
        if not ruling.ready:
            raise
        other = _standing(episode.programme, [ruling.unit]).exclude(episode=episode).first()
        number = other.episode.number if other else ""
        _row(row, episode, _counted_before(episode, ruling, number)).save()


def _standing(programme: str, units: Iterable[str]) -> models.QuerySet[Claim]:
    rows = Claim.objects.filter(programme=programme, unit__in=units)
    return rows.exclude(status=Claim.Status.REFUSED).select_related("episode")


def _hold_units(rulings: dict[int, Ruling], episodes: Mapping[int, Episode]) -> None:
    """Refuse what another claim already stands for, in this batch or outside of it."""
    wanted: dict[str, set[str]] = defaultdict(set)
    for pk, ruling in rulings.items():
        if ruling.ready:
            wanted[episodes[pk].programme].add(ruling.unit)
    held = {
        (programme, c.unit): c.episode.number
        for programme, units in wanted.items()
        for c in _standing(programme, units).exclude(episode__in=rulings.keys())
    }
    for pk in sorted(rulings):
        ruling, episode = rulings[pk], episodes[pk]
        if not ruling.ready:
            continue
        key = (episode.programme, ruling.unit)
        if key in held:
            rulings[pk] = _counted_before(episode, ruling, held[key])
        else:
            held[key] = episode.number


def _counted_before(episode: Episode, ruling: Ruling, number: str) -> Ruling:
    return Ruling(
        code="counted_before",
        text=_counted_text(episode, number),
        clause=_again(policy_of(episode)),
        evidence=ruling.evidence,
        served_on=ruling.served_on,
        unit=ruling.unit,
        tier=ruling.tier,
    )


def _counted_text(episode: Episode, number: str) -> str:
    if episode.couple_id is not None:
        return _("同一对夫妇同一孩次已在档案 %s 结算。") % number
    return _("同一对象同一待遇已在档案 %s 结算。") % number


# --- judging -------------------------------------------------------------------------------------


def decide(episode: Episode, on: dt.date, facts: Mapping[str, Any] | None = None) -> Ruling:
    """The ruling on a day, without writing anything."""
    return judge([episode], on, None if facts is None else [facts])[0]


def judge(
    episodes: Sequence[Episode], on: dt.date, table: Sequence[Mapping[str, Any]] | None = None
) -> list[Ruling]:
    """The ruling of each episode on a day, in order, with a fixed number of queries."""
    if not episodes:
        return []
    known = _Known(episodes, on)
    facts = facts_table(episodes, on) if table is None else table
    return [_decide(e, on, f, known) for e, f in zip(episodes, facts, strict=True)]


class _Known:
    """What rulings on a set of episodes are made from besides their facts, read at once."""

    def __init__(self, episodes: Sequence[Episode], on: dt.date) -> None:
        pks = [e.pk for e in episodes]
        self.decisions: dict[int, EligibilityDecision] = {
            d.episode_id: d
            for d in EligibilityDecision.objects.filter(episode__in=pks).order_by("pk")
        }
        self.served: dict[int, list[tuple[str, dt.date]]] = defaultdict(list)
        self.drafts: dict[int, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
        self._read_encounters(episodes, on)
        self.consents: dict[int, list[tuple[str, str, dt.date]]] = defaultdict(list)
        rows = Consent.objects.filter(episode__in=pks).order_by("pk")
        for pk, role, kind, day in rows.values_list("episode_id", "role", "kind", "on"):
            self.consents[pk].append((role, kind, day))
        self.closed: dict[int, set[tuple[str, str]]] = defaultdict(set)
        done = Task.objects.filter(
            episode__in=pks, kind=Task.Kind.STEP, status=Task.Status.DONE
        ).values_list("episode_id", "name", "role")
        for pk, name, role in done:
            self.closed[pk].add((name, role))
        self._read_free_checks(episodes)

    def _read_encounters(self, episodes: Sequence[Episode], on: dt.date) -> None:
        examined = {e.pk: stations(content.programme_of(e)) for e in episodes}
        forms = set().union(*examined.values())
        signed = Encounter.objects.filter(
            episode__in=examined,
            status=Encounter.Status.SIGNED,
            form__in=forms,
            occurred_on__lte=on,
        ).order_by("occurred_on", "id")
        for pk, key, form, day in signed.values_list("episode_id", "key", "form", "occurred_on"):
            if form in examined[pk]:
                self.served[pk].append((str(key), day))
        self._read_reused(episodes, examined, on)
        drafts = Encounter.objects.filter(episode__in=examined, status=Encounter.Status.DRAFT)
        for pk, role, data in drafts.values_list("episode_id", "role", "data"):
            self.drafts[pk][role] |= {k for k, v in data.items() if v not in (None, "", [])}

    def _read_reused(
        self, episodes: Sequence[Episode], examined: Mapping[int, set[str]], on: dt.date
    ) -> None:
        """Records of other programmes that still count (care.facts.evidence_encounters, in bulk)."""
        found = reuse.read(episodes, on)
        told: dict[int, set[tuple[str, str]]] = defaultdict(set)
        own = Encounter.objects.filter(
            episode__in=found, status=Encounter.Status.SIGNED, occurred_on__lte=on
        )
        if found:
            for pk, form, role, data in own.values_list("episode_id", "form", "role", "data"):
                if form in examined[pk]:
                    told[pk] |= {(role, name) for name, v in data.items() if v is not None}
        for pk, values in found.items():
            rows = {v.encounter.pk: v.encounter for k, v in values.items() if k not in told[pk]}
            self.served[pk] += [(str(r.key), r.occurred_on) for r in rows.values()]
            self.served[pk].sort(key=lambda r: r[1])

    def _read_free_checks(self, episodes: Sequence[Episode]) -> None:
        couples = [e.couple for e in episodes if e.couple is not None]
        self.indexes = id_indexes_of([p for c in couples for p in (c.wife, c.husband)])
        wives = [index for c in couples for index in self.indexes[c.wife_id]]
        self.used: dict[tuple[str, str, int], list[FreeCheck]] = defaultdict(list)
        for check in FreeCheck.objects.filter(wife_index__in=wives):
            key = (check.wife_index, check.husband_index, check.child_order)
            self.used[key].append(check)

    def used_before(self, episode: Episode, served_on: dt.date | None) -> bool:
        """A free check of this programme, couple and child order in an older system's files."""
        couple = episode.couple
        if couple is None or episode.child_order is None:
            return False
        return any(
            # An old file that does not tell its programme counts in every one.
            check.programme in ("", episode.programme)
            and (served_on is None or check.examined_on < served_on)
            for wife in self.indexes[couple.wife_id]
            for husband in self.indexes[couple.husband_id]
            for check in self.used.get((wife, husband, episode.child_order), ())
        )


def _decide(episode: Episode, on: dt.date, facts: Mapping[str, Any], known: _Known) -> Ruling:
    policy, programme = policy_of(episode), content.programme_of(episode)
    served = known.served[episode.pk]
    served_on = _served_on(facts, served)
    evidence = [key for key, _day in served]
    unit = unit_of(policy, programme, episode, facts)
    tier = tier_of(policy, episode.origin_id) or ""

    def refused(code: str, text: str, clause: str, missing: Any = ()) -> Ruling:
        return Ruling(0, code, text, clause, list(missing), evidence, served_on, unit, tier)

    not_entitled = _entitlement(episode, policy, served_on, facts, known)
    if not_entitled:
        return refused(*not_entitled)
    absent = _without_consent(programme, known.consents[episode.pk], served_on or on)
    if absent:
        roles = "、".join(str(programme.role_label.get(r, r)) for r in absent)
        text = _("%(roles)s在检查前没有有效的知情同意。") % {"roles": roles}
        return refused("no_consent", text, _clause_of(policy, "step:consent"))
    missing = completeness(policy, facts)
    if missing:
        return refused(*_missing(policy, programme, known.drafts[episode.pk], missing))
    if served_on is None:
        text = _("没有已签名的检查记录。")
        return refused("items_missing", text, _clause_of(policy, "settlement"))
    waiting = _not_approved(programme, known.closed[episode.pk])
    if waiting:
        text = _("尚未办理：%s。") % "、".join(str(step.label) for step in waiting)
        return refused("not_approved", text, _clause_of(policy, f"step:{waiting[0].id}"))
    if not unit:
        text = _("登记资料不全，无法核对是否重复结算。")
        return refused("unit_unknown", text, _again(policy))
    try:
        amount = amount_on(policy, facts, served_on)
        split_shares(policy, amount.fen or 0, tier or None)
    except Problem as problem:
        clause = _clause_of(policy, "price") or _clause_of(policy, "settlement")
        return refused("no_price", problem.zh, clause)
    if amount.fen is None:
        return refused("items_missing", f"{amount.working}。", amount.clause)
    return Ruling(
        amount.fen, "", str(amount.working), amount.clause, [], evidence, served_on, unit, tier
    )


def unit_of(
    policy: Policy, programme: Programme, episode: Episode, facts: Mapping[str, Any]
) -> str:
    """What is granted once, as the document counts it; "" where a part of it is not known.

    A document that does not limit how often counts each episode by itself.
    """
    if policy.entitlement is None:
        return f"episode:{episode.pk}"
    people: dict[str, int | None] = {COUPLE: episode.couple_id}
    if episode.couple is not None:
        people |= dict(
            zip(programme.roles, (episode.couple.wife_id, episode.couple.husband_id), strict=True)
        )
    else:
        subject = episode.person_id or episode.unit_id
        people |= {programme.roles[0]: subject, "person": subject}
    parts: list[tuple[str, Any]] = []
    for name in policy.entitlement.unit:
        if name in people:
            parts.append((name, people[name]))
        elif name == "child_order":
            parts.append((name, episode.child_order))
        else:
            values = [facts.get(f"{role}.{name}") for role in (COUPLE, *programme.roles)]
            parts.append((name, next((v for v in values if v is not None), None)))
    if any(value is None for _name, value in parts):
        return ""
    return "|".join(f"{name}:{value}" for name, value in parts)


def _served_on(facts: Mapping[str, Any], served: list[tuple[str, dt.date]]) -> dt.date | None:
    """The day of the examination, which decides the price."""
    if not served:
        return None
    day = facts.get("couple.exam_on")
    return day if isinstance(day, dt.date) else served[0][1]


def _entitlement(
    episode: Episode,
    policy: Policy,
    served_on: dt.date | None,
    facts: Mapping[str, Any],
    known: _Known,
) -> tuple[str, str, str] | None:
    """(code, text, clause) of a refusal by eligibility or entitlement, or None."""
    if episode.status == Episode.Status.CANCELLED:
        return "not_eligible", _("登记已撤销。"), ""
    decision = known.decisions.get(episode.pk)
    if decision is None:
        clause = policy.eligibility[0].clause if policy.eligibility else ""
        return "not_eligible", _("尚未确认资格。"), clause
    if decision.answer != "yes":
        return "not_eligible", *_why_not(decision)
    again = _again(policy)
    # A document may grant another one free; it is asked again with what is known by now.
    used = known.used_before(episode, served_on) or _counts_each(policy, facts)
    if used and decide_entitlement(policy, facts).grant != "free":
        return "entitlement_used", _("本孩次此前已享受过一次免费检查。"), again
    if policy.entitlement is not None and decision.grant != "free":
        text = _words(decision.result, "grant") or _("本次检查为自费。")
        code = "entitlement_used" if served_on is None else "own_cost"
        return code, text, again
    return None


def _counts_each(policy: Policy, facts: Mapping[str, Any]) -> bool:
    """Whether this is a further check where each counts by itself: no other claim holds its unit,
    so that one confirmed before the earlier check was known is judged again here."""
    name = "free_checks_used"
    each = policy.entitlement is not None and name in policy.entitlement.unit
    return each and bool(facts.get(f"{COUPLE}.{name}"))


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
    """The clause that grants it once."""
    decisions = policy.entitlement.decisions if policy.entitlement else []
    own_cost = [d.clause for d in decisions if d.grant == "own_cost"]
    return own_cost[0] if own_cost else ""


def _without_consent(
    programme: Programme, consents: Iterable[tuple[str, str, dt.date]], on: dt.date
) -> list[str]:
    """Roles whose latest answer up to the day of the examination was not a consent."""
    latest = {role: kind for role, kind, day in consents if day <= on}
    return [r for r in consenting_roles(programme) if latest.get(r) != Consent.Kind.GRANT]


def consenting_roles(programme: Programme) -> list[str]:
    """Roles that must have consented before the examination."""
    return [r for s in programme.steps if s.kind == "consent" for r in s.roles]


def approving_steps(programme: Programme) -> list[Step]:
    """Steps of approval and public notice, which come before the money."""
    return [step for step in programme.steps if step.kind in {"approve", "publish"}]


def _not_approved(programme: Programme, closed: set[tuple[str, str]]) -> list[Step]:
    """Steps of approval and public notice that are not done yet."""
    return [
        step
        for step in approving_steps(programme)
        if not all((step.id, role) in closed for role in roles_of(programme, step))
    ]


def _missing(
    policy: Policy,
    programme: Programme,
    drafts: Mapping[str, set[str]],
    missing: Iterable[MissingItem],
) -> tuple[str, str, str, list[dict[str, Any]]]:
    """Code, text, clause and list of what is missing: unsigned where a draft holds all of it."""
    items = {i.id: i for i in policy.items}
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
    wanted = {implemented_by, f"{policy.programme}.{implemented_by}"}
    return next((c.ref for c in policy.clauses if wanted & set(c.by)), "")


# --- facts and merges ----------------------------------------------------------------------------


def claimed(episodes: Sequence[Episode], on: dt.date) -> dict[int, dict[str, Any]]:
    """Facts supplied to sanyou.care.facts: "couple.claimed", whether it stood on a statement drawn
    up by that day (a later statement does not change an earlier month), and of one person
    or organisation "<role>.times_granted": earlier claims in the same programme that were not refused."""
    stated = Claim.objects.filter(
        episode__in=[e.pk for e in episodes],
        status__in=LOCKED,
        statement__created_at__date__lte=on,
    )
    listed = set(stated.values_list("episode", flat=True))
    found: dict[int, dict[str, Any]] = {e.pk: {"couple.claimed": e.pk in listed} for e in episodes}
    alone = [e for e in episodes if e.couple_id is None]
    granted: dict[tuple[str, int | None, int | None], set[int]] = defaultdict(set)
    if alone:
        whose = models.Q(episode__person__in={e.person_id for e in alone if e.person_id})
        whose |= models.Q(episode__unit__in={e.unit_id for e in alone if e.unit_id})
        others = Claim.objects.filter(whose, served_on__lte=on)
        for pk, programme, person, unit in others.exclude(status=Claim.Status.REFUSED).values_list(
            "episode_id", "programme", "episode__person_id", "episode__unit_id"
        ):
            granted[programme, person, unit].add(pk)
    for e in alone:
        role = content.programme_of(e).roles[0]
        times = len(granted[e.programme, e.person_id, e.unit_id] - {e.pk})
        found[e.pk][f"{role}.times_granted"] = times
    return found


Change = tuple[Claim, str, Any]


def settle_merge(winner: models.Model, loser: models.Model) -> Iterator[Change]:
    """Two couples (or people) become one: of two claims for what is granted once, the one not yet
    stated is refused; the others count under the winner's name.

    MergeRefused when both are on statements already: that is money to be taken back first.
    """
    if not isinstance(winner, Couple | Person) or type(winner) is not type(loser):
        return
    for one in _claims_of(loser):
        unit = _renamed(one, loser, winner.pk)
        if unit == one.unit:
            continue
        if one.status != Claim.Status.REFUSED:
            two = _standing(one.programme, [unit]).exclude(pk=one.pk).first()
            if two is not None:
                yield from _give_way(one, two)
        yield one, "unit", unit


def _claims_of(subject: Couple | Person) -> list[Claim]:
    """Claims of a couple, or of a person alone or as a spouse."""
    here = models.Q(couple=subject)
    if isinstance(subject, Person):
        here = models.Q(episode__person=subject)
        here |= models.Q(couple__wife=subject) | models.Q(couple__husband=subject)
    rows = Claim.objects.filter(here).select_related("episode__couple")
    return list(rows.order_by("pk"))


def _renamed(claim: Claim, loser: Couple | Person, winner: int) -> str:
    """The unit with the winner in the loser's place."""
    episode = claim.episode
    programme = content.library().programmes.get(claim.programme)
    if isinstance(loser, Couple):
        names = {COUPLE}
    elif programme is None:
        return claim.unit
    elif episode.couple is None:
        names = {programme.roles[0], "person"}
    else:
        spouses = (episode.couple.wife_id, episode.couple.husband_id)
        both = zip(programme.roles, spouses, strict=True)
        names = {role for role, pk in both if pk == loser.pk}
    old = {f"{name}:{loser.pk}": f"{name}:{winner}" for name in names}
    return "|".join(old.get(part, part) for part in claim.unit.split("|"))


def _give_way(one: Claim, two: Claim) -> Iterator[Change]:
    """Of two claims for one thing the one that is not yet stated falls."""
    ready = [c for c in (one, two) if c.status == Claim.Status.READY]
    if not ready:
        raise MergeRefused(
            _("两份档案（%(one)s、%(two)s）都已列入结算表，请先退回并重新生成其中一张，再合并。")
            % {"one": one.episode.number, "two": two.episode.number}
        )
    falls, stays = (one, two) if ready[0] == one else (two, one)
    text = _counted_text(falls.episode, stays.episode.number)
    clause = _again(policy_of(falls.episode))
    yield falls, "refusal", Ruling(code="counted_before", text=text, clause=clause).refusal()
    yield falls, "amount", 0
    yield falls, "status", Claim.Status.REFUSED.value
