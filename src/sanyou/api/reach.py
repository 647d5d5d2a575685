"""Finding a record within the caller's reach, and showing only what her duty reads."""

from collections.abc import Mapping
from typing import Any, TypeVar
from uuid import UUID

from django.db.models import Model, QuerySet

from sanyou.care import content, facts
from sanyou.care.models import Assessment, Encounter, Episode
from sanyou.care.reading import readable_rules, reads
from sanyou.registry.access import Actor, NotFoundForYou, may_fill, may_see, visible
from sanyou.registry.people import shown_id

T = TypeVar("T", bound=Model)

SUBJECTS = ("couple__wife", "couple__husband", "person", "unit", "region")


def find(actor: Actor, rows: "QuerySet[T]", key: UUID) -> T:
    """The record with this key within the actor's region; NotFoundForYou otherwise."""
    found: T | None = visible(actor, rows).filter(key=key).first()
    if found is None:
        raise NotFoundForYou
    return found


def episode(actor: Actor, key: UUID, action: str) -> Episode:
    """An episode the actor may do `action` on."""
    found = find(actor, Episode.objects.select_related(*SUBJECTS), key)
    actor.require(action, found)
    return found


def episode_line(row: Episode) -> dict[str, Any]:
    return {
        "key": row.key,
        "number": row.number,
        "programme": row.programme,
        "region": row.region_id,
        "status": row.status,
        "status_reason": row.status_reason,
        "stage": row.stage,
        "opened_on": row.opened_on,
    }


def episode_out(actor: Actor, row: Episode) -> dict[str, Any]:
    programme = content.programme_of(row)
    people = facts.people_of(programme, row)
    return episode_line(row) | {
        "policy": row.policy,
        "child_order": row.child_order,
        "persons": [
            {
                "role": role,
                "key": person.key,
                "name": person.name,
                "sex": person.sex,
                "birth_date": person.birth_date,
                "id_number": shown_id(actor, person),
            }
            for role, person in people.items()
        ],
        "organisation": None
        if row.unit is None
        else {"role": programme.roles[0], "code": row.unit.code, "name": row.unit.name},
    }


def encounter_line(row: Encounter) -> dict[str, Any]:
    return {
        "key": row.key,
        "form": row.form,
        "role": row.role,
        "status": row.status,
        "version": row.version,
        "occurred_on": row.occurred_on,
    }


def readable(actor: Actor, row: Encounter) -> dict[str, Any]:
    """The part of a record the duty reads: all of it where she fills the form."""
    form = content.programme_of(row.episode).forms[row.form]
    if may_fill(actor, form):
        return dict(row.data)
    elements = content.library().dictionary.elements
    return {n: v for n, v in row.data.items() if n in elements and may_see(actor, elements[n])}


def encounter_out(actor: Actor, row: Encounter) -> dict[str, Any]:
    data = readable(actor, row)
    return encounter_line(row) | {
        "data": data,
        "hidden": len(row.data) - len(data),
        "reason": row.reason,
        "replaces": row.replaces.key if row.replaces else None,
    }


def assessment_out(actor: Actor, row: Assessment) -> dict[str, Any]:
    """Findings on elements the duty does not read are left out and counted."""
    findings: list[Mapping[str, Any]] = row.result.get("findings", [])
    unknown: list[Mapping[str, Any]] = row.result.get("undetermined", [])
    programme = content.programme_of(row.episode)
    added = row.override.get("added", [])
    mine = [r.key for r in readable_rules(actor, programme, added)]
    own = [f for f in findings if reads(actor, f["evidence"])]
    rest = [u for u in unknown if reads(actor, u["missing"])]
    return {
        "key": row.key,
        "status": row.status,
        "as_of": row.as_of,
        "cls": row.cls,
        "level": row.level,
        "rules_version": row.rules_version,
        "findings": own,
        "undetermined": rest,
        "hidden": len(findings) + len(unknown) + len(added) - len(own) - len(rest) - len(mine),
        "override": {**row.override, **({"added": mine} if added else {})},
        "reason": row.reason,
    }
