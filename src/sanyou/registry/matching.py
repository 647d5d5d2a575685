"""Probable duplicates and contradictions, held until a person decides."""

import json

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from sanyou.registry.access import Actor
from sanyou.registry.models import Birth, Doubt, Person, Region, Sex
from sanyou.trust import audit

# What agreement is worth, out of 100; a pair is held from THRESHOLD on. Name and birth date
# together are enough with the phone or the town, alone they are not: many share both.
NAME, BIRTH_DATE, PHONE, TOWN, NUMBER = 35, 30, 25, 10, 30
THRESHOLD = 75


class DoubtError(ValueError):
    """Cannot be decided so; `message_zh` says why and what to do."""

    def __init__(self, message_zh: str) -> None:
        super().__init__(message_zh)
        self.message_zh = message_zh


def find_doubts(person: Person) -> list[Doubt]:
    """Hold each probable duplicate of a person not yet doubted before; returns the new doubts."""
    found = []
    for other in _candidates(person):
        score, why = compare(person, other)
        if score >= THRESHOLD:
            found.append(
                Doubt.objects.create(
                    kind=Doubt.Kind.SAME_PERSON,
                    person=person,
                    other=other,
                    score=score,
                    why=why,
                    region=_region_of(person, other),
                )
            )
    return found


def hold_same(person: Person, other: Person, why: list[str]) -> Doubt:
    """Hold that two records may be one person. One doubt for a pair; one decided stays decided."""
    pair = [person, other]
    rows = Doubt.objects.filter(kind=Doubt.Kind.SAME_PERSON, person__in=pair, other__in=pair)
    doubt = rows.first() or Doubt(
        kind=Doubt.Kind.SAME_PERSON,
        person=person,
        other=other,
        region=_region_of(person, other),
    )
    if doubt.status == Doubt.Status.OPEN:
        doubt.score, doubt.why = 100, list(dict.fromkeys([*doubt.why, *why]))
        doubt.save()
    return doubt


def _candidates(person: Person) -> QuerySet[Person]:
    near = Q(birth_date=person.birth_date, name_key=person.name_key)
    if person.phone_index:
        near |= Q(phone_index=person.phone_index)
    town = _town(person)
    if town is not None and person.id_type == Person.IdType.RESIDENT:
        born = Birth.objects.filter(
            born_on=person.birth_date, child__residence_region__code__startswith=town
        )
        near |= Q(pk__in=born.values("child"))
    known = Doubt.objects.filter(kind=Doubt.Kind.SAME_PERSON)
    sexes = {person.sex, Sex.UNCLEAR.value} if person.sex else set(Sex.values)
    return (
        Person.objects.filter(near, sex__in=sexes, merged_into__isnull=True)
        .exclude(pk=person.pk)
        .exclude(pk__in=known.filter(person=person).values("other"))
        .exclude(pk__in=known.filter(other=person).values("person"))
        .order_by("pk")[:20]
    )


def compare(one: Person, two: Person) -> tuple[int, list[str]]:
    """(score 0-100, what agrees)."""
    agree = [
        (NAME, _("同名"), one.name_key == two.name_key),
        (NAME, _("与还没有取名的孩子同姓"), _unnamed(one, two) or _unnamed(two, one)),
        (BIRTH_DATE, _("出生日期相同"), one.birth_date == two.birth_date),
        (PHONE, _("手机号相同"), bool(one.phone_index) and one.phone_index == two.phone_index),
        (TOWN, _("同一镇街"), _town(one) is not None and _town(one) == _town(two)),
        (NUMBER, _("证件号码相近"), _near(one.id_number, two.id_number)),
    ]
    return min(100, sum(p for p, _why, yes in agree if yes)), [w for _p, w, yes in agree if yes]


def _unnamed(newborn: Person, child: Person) -> bool:
    """Whether a child with a card of its own may be one that was registered before it had a name."""
    from sanyou.registry import births

    if child.id_type != Person.IdType.RESIDENT or newborn.id_type == Person.IdType.RESIDENT:
        return False
    birth = births.of(newborn) if newborn.birth_date == child.birth_date else None
    if birth is None or not births.has_made_up_name(newborn):
        return False
    parents = [p for p in (birth.father, birth.mother) if p is not None]
    return child.name[:1] in {parent.name[:1] for parent in parents}


def _town(person: Person) -> str | None:
    code = person.residence_region_id or person.hukou_region_id
    return code[:9] if code and len(code) >= 9 else None


def _near(one: str, two: str) -> bool:
    """The same number but for two characters, as when one was misread."""
    return len(one) == len(two) and sum(a != b for a, b in zip(one, two, strict=True)) <= 2


def _region_of(*people: Person) -> Region | None:
    """Where a doubt is dealt with: the first place known of either."""
    for person in people:
        region = person.residence_region or person.hukou_region
        if region is not None:
            return region
    return None


def hold_second_spouse(
    person: Person, held: dict[str, object], *, source: str, region: Region | None = None
) -> Doubt:
    """Hold a registration that contradicts a standing one. Idempotent by source.

    `held` is what was to be registered (kept encrypted); `held_of` reads it back.
    """
    doubt = Doubt.objects.filter(kind=Doubt.Kind.SECOND_SPOUSE, source=source).first()
    if source and doubt is not None:
        return doubt
    return Doubt.objects.create(
        kind=Doubt.Kind.SECOND_SPOUSE,
        person=person,
        score=100,
        why=[_("同一人登记了两名配偶")],
        held=json.dumps(held, ensure_ascii=False, default=str),
        source=source,
        region=region or _region_of(person),
    )


def held_of(doubt: Doubt) -> dict[str, object]:
    """What a doubt holds back."""
    return json.loads(doubt.held) if doubt.held else {}


@transaction.atomic
def decide(doubt: Doubt, status: str, actor: Actor, reason: str) -> Doubt:
    """Close a doubt: DISTINCT, ACCEPTED or REJECTED (merging closes it itself). Needs a reason.

    Whoever accepts a second spouse then registers what is held with `verified=True`.
    """
    actor.require("decide_doubt", doubt)
    row = Doubt.objects.select_for_update().get(pk=doubt.pk)
    if row.status != Doubt.Status.OPEN:
        raise DoubtError(_("这条疑点已经处理过，请刷新页面。"))
    if not reason.strip():
        raise DoubtError(_("请填写处理理由。"))
    row.status, row.reason = status, reason.strip()
    row.decided_at, row.decided_by = timezone.now(), actor.staff
    row.save(update_fields=["status", "reason", "decided_at", "decided_by"])
    audit.record(actor, "decide", "doubt", row.key, status=status)
    return row
