"""Children of a mother: registered once, found by mother or certificate, corrected with a reason.

Numbers travel in bodies only: addresses are kept in logs.
"""

import datetime as dt
from typing import Any, Literal
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest
from ninja import Router, Schema, Status
from pydantic import Field

from sanyou.api.auth import actor_of
from sanyou.api.shapes import Body
from sanyou.registry import births, people
from sanyou.registry.access import Actor, NotFoundForYou, existing, visible, works_in
from sanyou.registry.models import Birth, Doubt, Person
from sanyou.registry.people import PersonData, shown_id
from sanyou.trust import audit

router = Router(tags=["births"])

SexIn = Literal["female", "male", "unclear"]


class BirthIn(Body):
    """A newborn; `sex` unclear is told later. Without `name` one is made up from the mother's."""

    born_on: dt.date
    sex: SexIn
    order: int = Field(default=1, ge=1, le=9, description="这次分娩的第几个")
    name: str = Field(default="", max_length=60)
    certificate: str = Field(default="", description="出生医学证明编号")


class BirthFind(Body):
    """Either `certificate`, or `mother` (key) with `born_on`."""

    certificate: str = ""
    mother: UUID | None = None
    born_on: dt.date | None = None
    order: int = Field(default=1, ge=1, le=9)


class BirthChange(Body):
    """What is given is changed; what it was before is kept."""

    reason: str = Field(max_length=300)
    name: str | None = Field(default=None, max_length=60)
    sex: SexIn | None = None
    born_on: dt.date | None = None
    order: int | None = Field(default=None, ge=1, le=9)
    certificate: str | None = None
    id_number: str | None = None


class BirthOut(Schema):
    """`number_held`: the number given is another person's; it was not taken, somebody decides."""

    child: UUID
    mother: UUID | None
    father: UUID | None
    born_on: dt.date
    order: int
    name: str
    sex: str = Field(description="female、male，未明为空")
    id_type: str
    id_number: str = Field(description="按职责脱敏；没有证件为空")
    has_certificate: bool
    number_held: bool = False


def _out(actor: Actor, birth: Birth, doubt: Doubt | None = None) -> dict[str, Any]:
    child = birth.child

    def key(person: Person | None) -> UUID | None:
        hers = person is not None and works_in(actor, person.compartment)
        return people.current(person).key if person is not None and hers else None

    return {
        "child": child.key,
        "mother": key(birth.mother),
        "father": key(birth.father),
        "born_on": birth.born_on,
        "order": birth.order,
        "name": child.name,
        "sex": child.sex,
        "id_type": child.id_type,
        "id_number": shown_id(actor, child),
        "has_certificate": bool(birth.certificate_index),
        "number_held": doubt is not None,
    }


def _person(actor: Actor, key: UUID, action: str) -> Person:
    person = people.by_key(key)
    if person is None:
        raise NotFoundForYou
    actor.require(action, person)
    return person


def _told_sex(sex: str | None) -> str | None:
    return "" if sex == "unclear" else sex


@router.get("/people/{uuid:key}/births", response=list[BirthOut])
def births_of(request: HttpRequest, key: UUID) -> object:
    """The children of a woman, the eldest first."""
    actor = actor_of(request)
    mother = _person(actor, key, "see_person")
    rows = [b.pk for b in births.children_of(mother)]
    found = existing(actor, Birth.objects.filter(pk__in=rows))
    found = found.select_related("child", "mother", "father").order_by("born_on", "order")
    audit.record(actor, "read", "birth", mother.key)
    return [_out(actor, birth) for birth in found]


@router.post("/people/{uuid:key}/births", response={201: BirthOut})
def birth_register(request: HttpRequest, key: UUID, body: BirthIn) -> object:
    """Register a child of a mother. The same day and order of birth gives the first."""
    actor = actor_of(request)
    mother = _person(actor, key, "nominate")
    data = PersonData(
        name=body.name,
        id_number=body.certificate,
        id_type=Person.IdType.BIRTH if body.certificate else Person.IdType.NONE,
        sex=_told_sex(body.sex),
        birth_date=body.born_on,
        mother=mother,
        order=body.order,
    )
    made = births.register(data, actor, mother.compartment)
    return Status(201, _out(actor, made.birth, made.doubt))


@router.post("/births/find", response=BirthOut)
def birth_find(request: HttpRequest, body: BirthFind) -> object:
    """The child by its birth certificate, or by its mother with day and order of birth."""
    actor = actor_of(request)
    actor.require("search")
    child = None
    if body.certificate:
        child = births.find_by_certificate(body.certificate)
    elif body.mother is not None and body.born_on is not None:
        mother = _person(actor, body.mother, "see_person")
        child = births.find(mother, body.born_on, body.order)
    birth = births.of(child) if child is not None else None
    if birth is None or not visible(actor, Birth.objects.filter(pk=birth.pk)).exists():
        raise NotFoundForYou
    audit.record(actor, "search", "birth", birth.child.key)
    return _out(actor, birth)


@router.patch("/people/{uuid:key}/birth", response=BirthOut)
def birth_correct(request: HttpRequest, key: UUID, body: BirthChange) -> object:
    """Give a child its name, certificate or identity number, or put right what was registered."""
    actor = actor_of(request)
    child = _person(actor, key, "nominate")
    changes = body.model_dump(exclude={"reason"}, exclude_none=True)
    if "sex" in changes:
        changes["sex"] = _told_sex(changes["sex"])
    with transaction.atomic():
        doubt = births.correct(child, actor, body.reason, **changes)
    birth = births.of(child)
    assert birth is not None
    return _out(actor, birth, doubt)
