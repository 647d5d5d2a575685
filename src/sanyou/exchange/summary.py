"""A month in figures, counted from the database: what its files brought and what became of it."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet

from sanyou.care.models import Assessment, Consent, EligibilityDecision, Encounter, Episode
from sanyou.exchange.models import ImportFile, ImportRow
from sanyou.exchange.undo import REASON as UNDONE
from sanyou.finance.models import Claim
from sanyou.finance.money import yuan
from sanyou.protocol.pricing import completeness, price_on

Outcome, Kind = ImportRow.Outcome, ImportFile.Kind
# Reasons for rejecting a roster row that are always named, so that a month without them says 0.
REJECTIONS = ("no_husband_id", "bad_check_digit", "wrong_sex")


def of_files(files: Iterable[ImportFile], library: Any) -> dict[str, Any]:
    """The summary of one month's files (one policy)."""
    files = [f for f in files if f.status != ImportFile.Status.UNDONE]
    policy = library.policies[files[0].policy]
    programme = library.programmes[files[0].programme]
    rosters = [f for f in files if f.kind == Kind.ROSTER]
    episodes = episodes_of(rosters)
    answers = _answers(episodes)
    eligible = [pk for pk, answer in answers.items() if answer == "eligible"]
    attended, refused = _attendance(eligible)
    examined = [pk for pk in attended if pk not in refused]
    return {
        "roster": _roster(rosters, len(answers)),
        "eligibility": _eligibility(answers),
        "attendance": {
            "invited": len(eligible),
            "absent": len(eligible) - len(attended),
            "refused_no_consent": len(refused),
            "examined": len(examined),
        },
        "laboratory": _laboratory([f for f in files if f.kind == Kind.LAB]),
        "findings": _findings(examined, programme),
        "cannot_be_excluded": _missing(examined, policy),
        "settlement": _settlement(examined, policy, files[0].on),
    }


def episodes_of(rosters: Iterable[ImportFile]) -> "QuerySet[Episode]":
    """The episodes that stand for the rows of these rosters, also those an earlier file opened."""
    keys = (
        ImportRow.objects.filter(
            file__in=list(rosters), outcome__in=[Outcome.ACCEPTED, Outcome.MERGED]
        )
        .exclude(subject="")
        .values_list("subject", flat=True)
    )
    return Episode.objects.filter(key__in=set(keys)).exclude(status=Episode.Status.CANCELLED)


def examined_episodes(rosters: Iterable[ImportFile]) -> "QuerySet[Episode]":
    """Eligible couples who came and were examined."""
    answers = _answers(episodes_of(rosters))
    attended, refused = _attendance([pk for pk, a in answers.items() if a == "eligible"])
    return Episode.objects.filter(pk__in=attended - refused)


def eligible_episodes(rosters: Iterable[ImportFile]) -> "QuerySet[Episode]":
    answers = _answers(episodes_of(rosters))
    return Episode.objects.filter(pk__in=[pk for pk, a in answers.items() if a == "eligible"])


def absent_episodes(rosters: Iterable[ImportFile]) -> "QuerySet[Episode]":
    """Eligible couples of whom nobody came."""
    rosters = list(rosters)
    pks = set(eligible_episodes(rosters).values_list("pk", flat=True))
    attended, _refused = _attendance(pks)
    return Episode.objects.filter(pk__in=pks - attended)


def _roster(rosters: list[ImportFile], registered: int) -> dict[str, Any]:
    rows = ImportRow.objects.filter(file__in=rosters)
    outcomes = Counter(rows.values_list("outcome", flat=True))
    codes = Counter(rows.filter(outcome=Outcome.REJECTED).values_list("code", flat=True))
    rejected = {code: codes.pop(code, 0) for code in REJECTIONS} | dict(sorted(codes.items()))
    return {
        "rows": rows.count(),
        "couples_registered": registered,
        "duplicates_merged": outcomes[Outcome.MERGED],
        "held_for_review": outcomes[Outcome.HELD],
        "rows_rejected": rejected,
    }


def _answers(episodes: "QuerySet[Episode]") -> dict[int, str]:
    """episode -> eligible | not_eligible | entitlement_used | undetermined, by its last decision."""
    pks = list(episodes.values_list("pk", flat=True))
    found = dict.fromkeys(pks, "undetermined")
    decisions = EligibilityDecision.objects.filter(episode__in=pks).order_by("pk")
    for episode, answer, grant in decisions.values_list("episode", "answer", "grant"):
        if answer == "no":
            found[episode] = "not_eligible"
        elif answer == "yes" and grant == "free":
            found[episode] = "eligible"
        elif answer == "yes" and grant == "own_cost":
            found[episode] = "entitlement_used"
        else:
            found[episode] = "undetermined"
    return found


def _eligibility(answers: dict[int, str]) -> dict[str, int]:
    counted = Counter(answers.values())
    names = ("eligible", "not_eligible", "entitlement_used", "undetermined")
    return {name: counted[name] for name in names}


def _attendance(eligible: Iterable[int]) -> tuple[set[int], set[int]]:
    """(episodes of which somebody came, those of them where a spouse did not consent)."""
    latest: dict[tuple[int, str], str] = {}
    rows = Consent.objects.filter(episode__in=list(eligible)).order_by("pk")
    for episode, role, kind, reason in rows.values_list("episode", "role", "kind", "reason"):
        if kind != Consent.Kind.WITHDRAW:  # whoever withdraws later has been examined
            latest[episode, role] = kind
        elif reason == UNDONE:
            latest.pop((episode, role), None)
    attended = {episode for episode, _role in latest}
    refused = {episode for (episode, _role), kind in latest.items() if kind == Consent.Kind.REFUSE}
    return attended, refused


def _laboratory(labs: list[ImportFile]) -> dict[str, int]:
    rows = ImportRow.objects.filter(file__in=labs)
    counted = {
        "messages": rows.count(),
        "accepted": rows.filter(outcome=Outcome.ACCEPTED).count(),
        "duplicate": rows.filter(code="duplicate").count(),
        "unknown_person": rows.filter(code="unknown_person").count(),
        "broken": rows.filter(code="broken").count(),
    }
    others = Counter(
        rows.exclude(outcome=Outcome.ACCEPTED)
        .exclude(code__in=["duplicate", "unknown_person", "broken", ""])
        .values_list("code", flat=True)
    )
    return counted | dict(sorted(others.items()))


def _findings(examined: list[int], programme: Any) -> dict[str, int]:
    wanted = list(programme.summaries.findings)
    counted: Counter[str] = Counter()
    standing = Assessment.objects.filter(episode__in=examined).exclude(
        status=Assessment.Status.SUPERSEDED
    )
    for result in standing.values_list("result", flat=True):
        counted.update({f"{f['role']}.{f['rule']}" for f in result.get("findings", [])})
    return {name: counted[name] for name in sorted(wanted) if counted[name]}


def _missing(examined: list[int], policy: Any) -> dict[str, int]:
    """Required results that examined persons do not have: role.element -> persons."""
    from sanyou.care.facts import facts_table

    counted: Counter[str] = Counter()
    episodes = Episode.objects.filter(pk__in=examined).select_related(
        "couple__wife", "couple__husband"
    )
    latest = _last_record(examined)
    if latest is None:
        return {}
    for facts in facts_table(list(episodes), latest):
        counted.update({f"{m.role}.{e}" for m in completeness(policy, facts) for e in m.elements})
    return dict(sorted(counted.items()))


def _last_record(examined: list[int]) -> Any:
    return (
        Encounter.objects.filter(episode__in=examined, status=Encounter.Status.SIGNED)
        .order_by("-occurred_on")
        .values_list("occurred_on", flat=True)
        .first()
    )


def _settlement(examined: list[int], policy: Any, on: Any) -> dict[str, Any]:
    claims = Claim.objects.filter(episode__in=examined).exclude(status=Claim.Status.REFUSED)
    amounts = list(claims.values_list("amount", flat=True))
    return {
        "price_per_couple": yuan(price_on(policy, on)),
        "couples_complete": len(amounts),
        "amount": yuan(sum(amounts)),
    }
