"""A release on past records before it is signed: whose class, findings, eligibility would change.

Nothing is written but the summary, which everybody reads: records of a compartment are left out.
Findings are worked out anew from the facts kept with each
standing assessment, under the rules in force and under the new ones; a policy is compared as a
draft is (sanyou.figures.whatif).
"""

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.utils import timezone

from sanyou.care import content
from sanyou.care.models import Assessment, Episode
from sanyou.figures import whatif
from sanyou.protocol.assessment import Assessment as Result
from sanyou.protocol.assessment import assess
from sanyou.protocol.facts import region_prefix
from sanyou.protocol.library import Library
from sanyou.protocol.policy import Policy
from sanyou.protocol.programme import Programme
from sanyou.registry.access import Actor, outside
from sanyou.registry.regions import county_code
from sanyou.releases import content as contents
from sanyou.releases import service
from sanyou.releases.models import Release

KEPT = 200  # changed records kept with the summary
READ = 20  # of them are shown to be read
YEAR = dt.timedelta(days=365)


def replay(release: Release, actor: Actor) -> Release:
    """Replay on every past record it bears on, and keep the summary with the release."""
    actor.require("see_versions", release if release.region_id else None)
    old, new = libraries(release.files, release.starts_on, release.pk)
    return service.note_replay(release, actor, summary(release.kind, release.name, old, new))


def libraries(
    files: Mapping[str, str], on: dt.date, without: int | None = None
) -> tuple[Library, Library]:
    """The content in force on the first day, without the files and with them."""
    base = content.packaged()
    before = contents.active_files(on, without)
    old = contents.load(base, before) if before else base
    return old, contents.load(base, before | dict(files))


def summary(kind: str, name: str, old: Library, new: Library) -> dict[str, Any]:
    """What `Release.replay` holds."""
    found = (
        _rules(old.programmes[name], new.programmes[name])
        if kind == Release.Kind.RULES
        else _policy(old, new, new.policies[name])
    )
    return found | {"at": timezone.now().isoformat()}


# --- rules --------------------------------------------------------------------------------------


def _rules(old: Programme, new: Programme) -> dict[str, Any]:
    rows = (
        outside(Assessment.objects.exclude(status=Assessment.Status.SUPERSEDED))
        .filter(episode__programme=old.id)
        .order_by("-as_of", "-pk")
        .values_list("episode__key", "episode__region", "facts")
    )
    cases = changed = findings = 0
    moves: Counter[tuple[str, str]] = Counter()
    by_rule: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    samples: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    districts: set[str] = set()
    for key, region, stored in rows.iterator(chunk_size=500):
        cases += 1
        districts.add(county_code(region))
        facts = facts_from(old, stored)
        before, after = assess(old, facts), assess(new, facts)
        added, removed, recast = _difference(before, after)
        if not (added or removed or recast):
            continue
        findings += 1
        for one in added:
            by_rule[one][0] += 1
        for one in removed:
            by_rule[one][1] += 1
        move = (before.cls or "", after.cls or "")
        if before.cls != after.cls:
            changed += 1
            moves[move] += 1
        samples[move].append(
            {"episode": str(key), "before": move[0], "after": move[1]}
            | {"added": added, "removed": removed, "recast": recast}
        )
    return {
        "cases": cases,
        "changed": changed,
        "findings": findings,
        "moves": [[*move, n] for move, n in moves.most_common()],
        "rules": dict(sorted(by_rule.items())),
        "districts": sorted(districts),
        "sample": _spread(samples),
        "before": old.rules_version,
        "after": new.rules_version,
    }


def facts_from(programme: Programme, stored: Mapping[str, Any]) -> dict[str, Any]:
    """Facts as they were kept in JSON, in their own types again."""
    facts: dict[str, Any] = {}
    for name, kept in stored.items():
        value = kept.get("value") if isinstance(kept, Mapping) else kept
        spec = programme.scope.facts.get(name)
        if spec is not None and spec.kind == "date" and isinstance(value, str):
            value = dt.date.fromisoformat(value)
        elif spec is not None and spec.kind == "number" and isinstance(value, str):
            value = float(value)
        facts[name] = value
    return facts


def _difference(
    before: Result, after: Result
) -> tuple[list[str], list[str], list[tuple[str, str, str]]]:
    """Findings that are new, that are gone, and (finding, class, class) that weigh otherwise."""
    one = {f.key: f.cls for f in before.findings}
    other = {f.key: f.cls for f in after.findings}
    recast = [
        (k, one[k], other[k]) for k in sorted(one.keys() & other.keys()) if one[k] != other[k]
    ]
    return sorted(other.keys() - one.keys()), sorted(one.keys() - other.keys()), recast


def _spread(samples: Mapping[tuple[str, str], Sequence[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Some of every kind of change: one of each in turn, those that change class first."""
    order = sorted(samples, key=lambda move: (move[0] == move[1], move))
    found: list[dict[str, Any]] = []
    depth = 0
    while len(found) < KEPT:
        layer = [samples[move][depth] for move in order if depth < len(samples[move])]
        if not layer:
            break
        found += layer
        depth += 1
    return found[:KEPT]


# --- policies -----------------------------------------------------------------------------------


def replaced_by(policy: Policy, old: Library) -> Policy | None:
    """The document that the new one takes the place of; None where there is none."""
    for name in (policy.id, *policy.repeals):
        if name in old.policies:
            return old.policies[name]
    return old.policy_for(policy.region, policy.programmes[0], policy.starts)


def _policy(old: Library, new: Library, policy: Policy) -> dict[str, Any]:
    before = replaced_by(policy, old)
    found: dict[str, Any] = {
        "cases": 0,
        "changed": 0,
        "moves": [],
        "sample": [],
        "districts": [],
        "fen": [0, 0],
        "before": before.id if before is not None else "",
        "after": policy.id,
    }
    moves: Counter[tuple[str, str]] = Counter()
    districts: set[str] = set()
    for programme in policy.programmes:
        if before is None or before.stub or programme not in before.programmes:
            continue
        part = before.for_programme(programme)
        other = policy.for_programme(programme)
        episodes = list(_episodes(policy, programme))
        districts |= {county_code(e.origin_id) for e in episodes}
        roles = new.programmes[programme].roles
        made = whatif.recorded(part, other, episodes, roles)
        found["cases"] += made.cases
        found["changed"] += len(made.cases_changed)
        found["fen"] = [found["fen"][0] + made.base.fen, found["fen"][1] + made.draft.fen]
        for index, was, will, why in made.cases_changed:
            moves[was, will] += 1
            if len(found["sample"]) < KEPT:
                found["sample"].append(
                    {"episode": str(episodes[index].key), "before": was, "after": will, "why": why}
                )
    found["moves"] = [[*move, n] for move, n in moves.most_common()]
    found["districts"] = sorted(districts)
    return found


def _episodes(policy: Policy, programme: str) -> Iterable[Episode]:
    """The records of the last year in which there are any, where the document applies."""
    here = Episode.objects.filter(
        programme=programme, origin__code__startswith=region_prefix(policy.region)
    ).exclude(status=Episode.Status.CANCELLED)
    rows = outside(here)
    last = rows.order_by("-opened_on").values_list("opened_on", flat=True).first()
    if last is None:
        return []
    return rows.filter(opened_on__gt=last - YEAR).select_related("region", "couple", "person")
