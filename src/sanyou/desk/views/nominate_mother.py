"""A child without an identity card is registered by its mother: her number, its birth date, its order."""

from dataclasses import replace

from django.contrib import messages
from django.http import HttpRequest
from django.utils.translation import gettext as _

from sanyou.protocol.programme import Programme
from sanyou.registry import births, people
from sanyou.registry.access import Actor, works_in
from sanyou.registry.models import Person, Sex
from sanyou.registry.people import WITHOUT_CARD, PersonData

UNCLEAR = "unclear"  # what is chosen where the sex of a newborn is not clear
# As typed on the page: what is kept of it -> the field.
FIELDS = {"mother_name": "mother-name", "mother_number": "mother-id_number", "order": "order"}


def may_be_child(programme: Programme) -> bool:
    """Whether somebody too young for a card of her own may be registered for a programme."""
    role = programme.roles[0]
    return programme.subject == "person" and programme.role_sex.get(role) is None


def id_types(child: bool) -> list[tuple[str, str]]:
    """The papers offered: a child may have none, or its birth certificate."""
    kinds = [(kind.value, str(kind.label)) for kind in Person.IdType]
    return [pair for pair in kinds if child or pair[0] not in WITHOUT_CARD]


def sex_of(raw: dict[str, str], errors: dict[str, str]) -> str | None:
    """The sex chosen; blank where it was said that it is not clear."""
    if not raw["sex"]:
        errors["sex"] = _("请选择性别；还不清楚的选“未明”。")
    return Sex.UNCLEAR.value if raw["sex"] == UNCLEAR else raw["sex"] or None


def order_of(raw: dict[str, str], errors: dict[str, str]) -> int:
    text = raw["order"] or "1"
    if not text.isdecimal() or int(text) not in births.ORDERS:
        errors["order"] = _("请填 1 到 9：单胎填 1，双胎依次填 1、2。")
        return 1
    return int(text)


def check(raw: dict[str, str], errors: dict[str, str], actor: Actor) -> PersonData | None:
    """The mother as typed; None where there is none, or something is wrong (see `errors`).

    She is asked for by her number; by name only where she is not registered yet.
    """
    if not raw["mother_number"]:
        if raw["id_type"] == Person.IdType.NONE:
            errors["mother_number"] = _("孩子还没有证件，请填写母亲的身份证号码。")
        return None
    found = people.check_id(raw["mother_number"])
    if not found.ok:
        errors["mother_number"] = found.message_zh
        return None
    if found.sex != Sex.FEMALE:
        errors["mother_number"] = _("这是男性的身份证号码，请填写母亲的。")
        return None
    known = people.find_by_id(found.number)
    if known is not None and not works_in(actor, known.compartment):
        known = None
    name = raw["mother_name"] or (known.name if known is not None else "")
    if not name:
        errors["mother_name"] = _("系统里还没有这位母亲，请填写她的姓名。")
        return None
    return PersonData(name=name, id_number=found.number)


def register(
    request: HttpRequest, actor: Actor, data: PersonData, mother: PersonData, compartment: str
) -> Person:
    """Mother and child; says so where the child's number was held back for somebody to decide."""
    home = replace(
        mother,
        phone=data.phone,
        hukou_region=data.hukou_region,
        hukou_text=data.hukou_text,
        residence_region=data.residence_region,
        residence_text=data.residence_text,
    )
    found = people.find_by_id(mother.id_number)
    # Whoever is registered already keeps the home and telephone on record.
    woman = people.register_person(mother if found is not None else home, actor, compartment)
    made = births.register(replace(data, mother=woman), actor, compartment)
    if made.doubt is not None:
        messages.warning(
            request,
            _("这个证件号码已登记给另一个人，没有采用，已列入“待核实”，由登记确认人员核对。"),
        )
    return made.child
