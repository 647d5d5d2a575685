"""Why a couple was, or was not, let in: the answer of each programme as it stood on a past day.

A decision carries the words it rests on, so no later change of a policy file changes what is told
here. Where nothing was decided by that day, the answer is worked out now by the document then in
force, and says so.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Model, Q, QuerySet
from django.utils.translation import gettext as _

from sanyou.care import content, episodes, facts
from sanyou.care.models import EligibilityDecision, Episode
from sanyou.protocol.eligibility import decide
from sanyou.protocol.entitlement import decide_entitlement
from sanyou.protocol.policy import Policy
from sanyou.registry import people
from sanyou.registry.access import Actor, existing, outside, works_in
from sanyou.registry.models import Couple, Region
from sanyou.trust import audit

T = TypeVar("T", bound=Model)


@dataclass(frozen=True)
class Clause:
    """One clause quoted."""

    ref: str
    text: str


@dataclass(frozen=True)
class Explanation:
    """The answer of one programme on a day. `line` is for print: number and clause of the document
    are in it. `decided_on` None where nothing was decided and it is `worked_out_now`.
    """

    programme: str
    programme_label: str
    on: date
    answer: str  # yes | no | unknown
    grant: str  # free | own_cost | unknown | ""
    line: str
    document_number: str
    document_title: str
    policy: str
    clauses: tuple[Clause, ...]
    decided_on: date | None = None
    decided_by: str = ""
    episode: str = ""
    fingerprint: str = ""  # sha256 of the policy file that was read
    content_version: str = ""
    quoted_now: bool = False  # decided before decisions kept their words: quoted from the file

    @property
    def worked_out_now(self) -> bool:
        return self.decided_on is None


def explain(couple: Couple, on: date, actor: Actor) -> list[Explanation]:
    """For each programme the answer as it stood on the day, those decided first."""
    actor.require("see_person", couple)
    audit.record(actor, "explain", "couple", couple.key, on=on.isoformat())
    told = [_decided(row, on) for row in _decisions(couple, on, actor)]
    have = {e.programme for e in told}
    more = _in_force(couple, on, have, actor)
    return told + [_now(couple, policy, p, on) for p, policy in more]


def _hers(actor: Actor, rows: "QuerySet[T]") -> "QuerySet[T]":
    """What exists for whoever asks; a command is given under no duty and opens no compartment."""
    return outside(rows) if actor.staff is None else existing(actor, rows)


def find(text: str) -> Couple | None:
    """The couple of a record number (档案编号) or of a couple's own key."""
    wanted = text.strip()
    try:
        return people.couple_by_key(UUID(wanted))
    except ValueError:
        pass
    row = outside(Episode.objects.filter(number=wanted)).select_related("couple").first()
    return row.couple if row is not None else None


def _decisions(couple: Couple, on: date, actor: Actor) -> Iterable[EligibilityDecision]:
    """The last decision of each programme up to the day, about the couple or one of them."""
    theirs = EligibilityDecision.objects.filter(
        Q(episode__couple=couple)
        | Q(episode__person=couple.wife_id)
        | Q(episode__person=couple.husband_id),
        on__lte=on,
    )
    rows = (
        _hers(actor, theirs)
        .exclude(episode__status=Episode.Status.CANCELLED)
        .select_related("episode", "by")
        .order_by("on", "pk")
    )
    return {row.episode.programme: row for row in rows}.values()


def _decided(row: EligibilityDecision, on: date) -> Explanation:
    result: dict[str, Any] = row.result
    document, programme = result.get("document", {}), result.get("programme", {})
    clauses = result.get("clauses")
    if clauses is None and (policy := content.policy_of(row.episode)) is not None:
        document = {"number": policy.document_number, "title": policy.label.zh}
        refs = [c.get("clause", "") for c in result.get("criteria", [])]
        refs.append(result.get("grant", {}).get("clause", ""))
        clauses = episodes.quoted(policy, refs)
    label = programme.get("label") or content.programme_of(row.episode).label.zh
    return Explanation(
        programme=row.episode.programme,
        programme_label=label,
        on=on,
        answer=row.answer,
        grant=row.grant,
        line=f"{label}：{result.get('line') or result['clause_line']}",
        document_number=document.get("number", ""),
        document_title=document.get("title", ""),
        policy=row.policy,
        clauses=tuple(Clause(ref, text) for ref, text in (clauses or {}).items()),
        decided_on=row.on,
        decided_by=str(row.by or ""),
        episode=row.episode.number,
        fingerprint=result.get("policy_sha256", ""),
        content_version=result.get("content_version", ""),
        quoted_now="clauses" not in result,
    )


def _in_force(couple: Couple, on: date, have: set[str], actor: Actor) -> list[tuple[str, Policy]]:
    """Programmes for couples that a document covered that day where nothing was decided."""
    region = _region(couple, on, actor)
    found = []
    for programme in content.library(on).programmes.values():
        if region is None or programme.id in have or not programme.is_couple:
            continue
        if programme.spec.compartment and (
            actor.staff is None or not works_in(actor, programme.spec.compartment)
        ):
            continue
        policy = content.current_policy(region.code, programme.id, on)
        if policy is not None and policy.eligibility:
            found.append((programme.id, policy))
    return found


def _region(couple: Couple, on: date, actor: Actor) -> Region | None:
    """Where the couple belonged that day: its episode's district, else where they live."""
    last = (
        _hers(actor, Episode.objects.filter(couple=couple, opened_on__lte=on))
        .select_related("origin")
        .order_by("opened_on", "pk")
        .last()
    )
    if last is not None:
        return last.origin
    return couple.wife.residence_region or couple.husband.residence_region


def _now(couple: Couple, policy: Policy, programme: str, on: date) -> Explanation:
    """The answer by the document in force that day, from what is known of the couple that day."""
    episode = (
        Episode.objects.filter(couple=couple, programme=programme, opened_on__lte=on)
        .exclude(status=Episode.Status.CANCELLED)
        .order_by("opened_on", "pk")
        .last()
    )
    known = (
        facts.facts_of(episode, on)
        if episode is not None
        else facts.facts_without_episode(couple, programme, on, policy)
    )
    decision, grant = decide(policy, known), decide_entitlement(policy, known)
    refs = [*(c.clause for c in decision.criteria), grant.clause]
    label = content.library(on).programmes[programme].label.zh
    named = f"“{grant.clause}”：" if grant.clause else ""  # a document may leave it unnumbered
    more = f"{named}{grant.text.zh}" if decision.answer == "yes" else ""
    return Explanation(
        programme=programme,
        programme_label=label,
        on=on,
        answer=decision.answer,
        grant=grant.grant,
        line=_("%(label)s：%(on)s 以前没有判断。按当日有效的文件现在推算：%(line)s")
        % {"label": label, "on": on.isoformat(), "line": decision.clause_line + more},
        document_number=policy.document_number,
        document_title=policy.label.zh,
        policy=policy.id,
        clauses=tuple(Clause(*c) for c in episodes.quoted(policy, refs).items()),
        episode=episode.number if episode is not None else "",
        fingerprint=policy.sha256,
        content_version=content.library(on).programmes[programme].version,
    )
