"""Whose child somebody is. A child is registered once: by its mother, the day of birth and its order
among the children of that birth, or by its birth certificate. Every door leads to the same record.

A newborn has no number and often no name; both are made up and replaced later. Sex that is not clear
at birth is left blank (`Sex.UNCLEAR`): rules and growth curves then do not know it, and no form of
one sex is offered, until it is told.
"""

import datetime as dt
import json
from dataclasses import dataclass, replace
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from sanyou.registry import matching, people
from sanyou.registry.access import Actor
from sanyou.registry.models import (
    Birth,
    Couple,
    Doubt,
    FormerIdentity,
    Person,
    Pregnancy,
    Region,
    Sex,
)
from sanyou.registry.people import PersonData, RegistryError, current
from sanyou.trust import audit

AGE_OF_MOTHER = (10, 65)  # years; outside is a wrong mother or a wrong date
ORDERS = range(1, 10)
# Two births of one mother lie further apart than this; nearer they may be one child twice.
APART = dt.timedelta(days=180)
_ORDER = ("", "长", "次", "三", "四", "五", "六", "七", "八", "九")
_CHILD = {Sex.FEMALE: "女", Sex.MALE: "子", Sex.UNCLEAR: "婴"}


@dataclass(frozen=True)
class Registered:
    """`doubt` where the certificate or card number was held back because another person has it."""

    birth: Birth
    doubt: Doubt | None = None

    @property
    def child(self) -> Person:
        return self.birth.child


# --- the doors -------------------------------------------------------------------------------------


def find(mother: Person, born_on: dt.date, order: int = 1) -> Person | None:
    """The child of a mother by day and order of birth."""
    rows = Birth.objects.filter(mother=current(mother), born_on=born_on, order=order)
    birth = rows.select_related("child").first()
    return current(birth.child) if birth is not None else None


def find_by_certificate(number: str) -> Person | None:
    """The child with this birth certificate, also when it has an identity card by now."""
    return people.find_by_id(number, Person.IdType.BIRTH)


def of(child: Person) -> Birth | None:
    """Whose child somebody is; None where that is not known."""
    return (
        Birth.objects.filter(child=current(child))
        .select_related("child", "mother", "father", "pregnancy")
        .first()
    )


def children_of(mother: Person) -> list[Birth]:
    """The children of a woman, the eldest first; a record that was merged away is not one."""
    rows = Birth.objects.filter(mother=current(mother), child__merged_into=None)
    return list(rows.select_related("child", "father", "pregnancy").order_by("born_on", "order"))


# --- registration ----------------------------------------------------------------------------------


@transaction.atomic
def register(
    data: PersonData, actor: Actor, compartment: str = "", pregnancy: Pregnancy | None = None
) -> Registered:
    """The child of `data.mother` born on `data.birth_date` as number `data.order` of that birth.

    The same again gives the first. Name and number may be missing; home and father are taken from
    the mother where none is given. A number that another person has is held as a doubt.
    """
    assert data.mother is not None
    mother = _hold(current(data.mother))
    data = _read(data)
    _check(mother, data)
    assert data.birth_date is not None
    child = find(mother, data.birth_date, data.order)
    if child is not None:
        return _again(child, data, actor, compartment, pregnancy)
    return _first(mother, data, actor, compartment, pregnancy)


def _hold(mother: Person) -> Person:
    """The mother's row with those of her children, locked before anything is written."""
    children = Birth.objects.filter(mother=mother).values_list("child", flat=True)
    pks = [mother.pk, *children]
    rows = Person.objects.select_for_update(no_key=True).filter(pk__in=pks).order_by("pk")
    return next(row for row in rows if row.pk == mother.pk)


def _read(data: PersonData) -> PersonData:
    """With what the number tells of birth date and sex; without a number, as of no papers."""
    if not people.normalise_id(data.id_number) or data.id_type == Person.IdType.NONE:
        return replace(data, id_type=Person.IdType.NONE, id_number="", sex=data.sex or "")
    if data.id_type == Person.IdType.BIRTH:
        number = people.check_certificate(data.id_number)
        return replace(data, id_number=number, sex=data.sex or "")
    if data.id_type != Person.IdType.RESIDENT:
        return replace(data, id_number=people.normalise_id(data.id_number), sex=data.sex or "")
    check = people.check_id(data.id_number)
    if not check.ok:
        raise RegistryError(check.code, check.message_zh)
    if data.birth_date is not None and data.birth_date != check.birth_date:
        raise _other_day()
    if data.sex and data.sex != check.sex:
        raise RegistryError("wrong_sex", _("身份证号码与性别不符，请核对身份证原件。"))
    return replace(data, id_number=check.number, birth_date=check.birth_date, sex=check.sex)


def _other_day() -> RegistryError:
    return RegistryError(
        "other_birth_date",
        _(
            "身份证号码中的出生日期与登记的不同。请核对是不是这个孩子的号码；登记错的，先更正出生日期。"
        ),
    )


def _check(mother: Person, data: PersonData) -> None:
    if data.birth_date is None:
        raise RegistryError("no_birth_date", _("请填写孩子的出生日期。"))
    if mother.sex != Sex.FEMALE:
        raise RegistryError("wrong_mother", _("所填的母亲登记为男性，请核对母亲的证件号码。"))
    if data.birth_date > timezone.localdate():
        raise RegistryError("future", _("出生日期晚于今天，请核对。"))
    youngest, oldest = AGE_OF_MOTHER
    if not youngest <= (data.birth_date - mother.birth_date).days // 365 <= oldest:
        raise RegistryError(
            "wrong_mother",
            _("按所填日期，母亲生育时的年龄不合常理，请核对母亲的证件号码和孩子的出生日期。"),
        )
    if data.order not in ORDERS:
        raise RegistryError("bad_order", _("“第几个”请填 1 到 9：单胎填 1，双胎依次填 1、2。"))


def _first(
    mother: Person,
    data: PersonData,
    actor: Actor,
    compartment: str,
    pregnancy: Pregnancy | None,
) -> Registered:
    assert data.birth_date is not None
    near = _near(mother, data.birth_date, data.order)
    siblings = Birth.objects.filter(mother=mother, born_on=data.birth_date)
    several = data.order > 1 or siblings.exists()
    made_up = made_up_name(mother, data.sex or "", data.order, several)
    wanted = replace(data, mother=None, name=data.name.strip() or made_up)
    holder = people.find_by_id(data.id_number, data.id_type) if data.id_number else None
    doubtful = holder is not None and not _may_be(holder, data)
    if doubtful:
        wanted = replace(wanted, id_type=Person.IdType.NONE)
    if wanted.id_type == Person.IdType.NONE:
        wanted = replace(wanted, id_number=people.made_up_number())
    if holder is None or doubtful:  # else it was registered before, with a home of its own
        wanted = _at_home(mother, wanted)
    child = people.register_person(wanted, actor, compartment)
    birth = Birth.objects.create(
        child=child,
        mother=mother,
        father=_father(mother, compartment),
        pregnancy=pregnancy,
        born_on=data.birth_date,
        order=data.order,
        certificate_index=_certificate(wanted),
    )
    if not child.sex and data.sex:
        Person.objects.filter(pk=child.pk).update(sex=data.sex, version=child.version + 1)
    audit.record(actor, "register", "birth", child.key)
    if several:
        _name_siblings(birth, actor)
    doubt = None
    if holder is not None and doubtful:
        doubt = matching.hold_same(child, holder, [_("证件号码相同")])
    if near is not None:
        matching.hold_same(child, near, [_("同一母亲"), _("出生日期相近")])
    child.refresh_from_db()
    birth.child = child
    return Registered(birth, doubt)


def _again(
    child: Person,
    data: PersonData,
    actor: Actor,
    compartment: str,
    pregnancy: Pregnancy | None,
) -> Registered:
    """Registered already: what was not known yet is added, a contradiction refused."""
    birth = of(child)
    assert birth is not None
    if data.sex and child.sex and data.sex != child.sex:
        raise RegistryError(
            "other_sex",
            _(
                "母亲这次分娩的第 %d 个孩子已登记，性别不同。双胎请核对“第几个”；原来登记错的，请更正原记录。"
            )
            % data.order,
        )
    known = replace(
        data,
        mother=None,
        name=data.name.strip() or child.name,
        id_type=child.id_type,
        id_number=child.id_number,
        sex=child.sex,
        birth_date=child.birth_date,
    )
    child = people.register_person(known, actor, compartment)
    change = _Change(child, birth)
    if data.sex and not child.sex:
        change.sex(data.sex)
    if data.id_number:
        change.number(data.id_type, data.id_number, replacing=False)
    if pregnancy is not None and birth.pregnancy_id is None:
        birth.pregnancy = pregnancy
        birth.save(update_fields=["pregnancy"])
    change.save(actor, _("登记时补充"))
    birth.child = child
    return Registered(birth, change.doubt)


def _at_home(mother: Person, data: PersonData) -> PersonData:
    """With the mother's telephone and home where none is given."""
    found: dict[str, Any] = {}
    if not data.phone:
        found["phone"] = mother.phone
    if data.hukou_region is None and not data.hukou_text:
        found |= {"hukou_region": mother.hukou_region, "hukou_text": mother.hukou_text}
    if data.residence_region is None and not data.residence_text:
        region: Region | None = mother.residence_region
        found |= {"residence_region": region, "residence_text": mother.residence_text}
        if data.residence_since is None and data.birth_date is not None:
            since = mother.residence_since
            found["residence_since"] = max(since, data.birth_date) if since else data.birth_date
    return replace(data, **found)


def _father(mother: Person, compartment: str) -> Person | None:
    """The husband where the mother is registered with exactly one."""
    within = ("", compartment)
    couples = Couple.objects.filter(wife=mother, merged_into=None, compartment__in=within)
    found = list(couples.select_related("husband")[:2])
    return current(found[0].husband) if len(found) == 1 else None


def _may_be(other: Person, data: PersonData) -> bool:
    """Whether a record with this child's number, made without telling the mother, is this child's."""
    return (
        of(other) is None
        and other.birth_date == data.birth_date
        and (not other.sex or not data.sex or other.sex == data.sex)
    )


def _near(mother: Person, born_on: dt.date, order: int) -> Person | None:
    """A child of the same order born too near to this one to be another."""
    rows = Birth.objects.filter(mother=mother, order=order, child__merged_into=None)
    found = rows.filter(born_on__gt=born_on - APART, born_on__lt=born_on + APART)
    birth = found.select_related("child").first()
    return birth.child if birth is not None else None


def _certificate(data: PersonData) -> str:
    birth = data.id_type == Person.IdType.BIRTH
    return people.id_index(data.id_number, data.id_type) if birth else ""


# --- made-up names ---------------------------------------------------------------------------------


def made_up_name(mother: Person, sex: str, order: int, several: bool) -> str:
    """王芳之女; of several 王芳之长女, 王芳之次子; of unclear sex 王芳之婴."""
    which = _ORDER[order] if several else ""
    return f"{mother.name[:50]}之{which}{_CHILD[Sex(sex)]}"


def has_made_up_name(person: Person) -> bool:
    """Whether somebody still bears the name that was made up at birth."""
    birth = of(person)
    return birth is not None and person.name in _made_up(birth)


def _made_up(birth: Birth) -> set[str]:
    """Every name that may have been made up for a child."""
    return {
        made_up_name(birth.mother, sex, birth.order, several)
        for sex in Sex.values
        for several in (False, True)
    }


def name_child(person: Person, name: str) -> None:
    """Set a name on a row, which the caller saves."""
    for field, value in people.name_fields(name).items():
        setattr(person, field, value)


def _name_siblings(birth: Birth, actor: Actor) -> None:
    """The first of twins was named before there was a second."""
    rows = Birth.objects.filter(mother=birth.mother, born_on=birth.born_on, child__merged_into=None)
    for other in rows.exclude(pk=birth.pk).select_related("child", "mother"):
        child = other.child
        if child.name == made_up_name(other.mother, child.sex, other.order, several=False):
            name_child(child, made_up_name(other.mother, child.sex, other.order, several=True))
            child.version += 1
            child.save()
            audit.record(actor, "update", "person", child.key, fields=["name"])


# --- corrections -----------------------------------------------------------------------------------


@transaction.atomic
def correct(
    child: Person,
    actor: Actor,
    reason: str,
    *,
    name: str | None = None,
    sex: str | None = None,
    born_on: dt.date | None = None,
    order: int | None = None,
    certificate: str | None = None,
    id_number: str | None = None,
) -> Doubt | None:
    """Give a child its name, certificate or identity number, or put right what was registered.

    What it was before is kept. A doubt where another person has the number: nothing is overwritten,
    the rest is done. RegistryError where something does not fit.
    """
    if not reason.strip():
        raise RegistryError("reason_missing", _("请填写更正原因。"))
    birth = of(child)
    if birth is None:
        raise RegistryError("no_birth", _("这名儿童没有登记母亲，请先登记母亲和出生日期。"))
    _hold(birth.mother)
    birth.refresh_from_db()
    child = birth.child
    change = _Change(child, birth)
    if born_on is not None or order is not None:
        change.day(born_on or birth.born_on, order or birth.order)
    if sex is not None:
        change.sex(sex)
    if name is not None and name.strip():
        change.name(name)
    if certificate is not None and people.normalise_id(certificate):
        change.number(Person.IdType.BIRTH, certificate, replacing=True)
    if id_number is not None and people.normalise_id(id_number):
        change.number(Person.IdType.RESIDENT, id_number, replacing=True)
    change.save(actor, reason)
    return change.doubt


class _Change:
    """Changes of a child's record, kept together so that what it was before is kept once."""

    def __init__(self, child: Person, birth: Birth) -> None:
        self.child, self.birth = child, birth
        self.before = _told(child)
        self.made_up = child.name in _made_up(birth)
        self.several = child.name == made_up_name(birth.mother, child.sex, birth.order, True)
        self.day_changed = self.certificate_changed = False
        self.doubt: Doubt | None = None

    def day(self, born_on: dt.date, order: int) -> None:
        child, birth = self.child, self.birth
        if (born_on, order) == (birth.born_on, birth.order) and born_on == child.birth_date:
            return
        _check(birth.mother, PersonData(name="", id_number="", birth_date=born_on, order=order))
        if child.id_type == Person.IdType.RESIDENT and born_on != child.birth_date:
            raise _other_day()
        others = Birth.objects.filter(mother=birth.mother, born_on=born_on, order=order)
        if others.exclude(pk=birth.pk).exists():
            raise RegistryError(
                "taken",
                _(
                    "母亲在 %(on)s 的分娩已登记了第 %(order)d 个孩子。两个孩子填反了的，"
                    "请先把另一个改为没有用过的序号，再改这一个。"
                )
                % {"on": born_on.isoformat(), "order": order},
            )
        birth.born_on, birth.order, child.birth_date = born_on, order, born_on
        self.day_changed = True

    def sex(self, sex: str) -> None:
        if sex not in Sex.values:
            raise RegistryError("bad_sex", _("性别请填男、女，或者未明。"))
        if self.child.id_type == Person.IdType.RESIDENT and sex != self.child.sex:
            raise RegistryError(
                "wrong_sex", _("性别与已登记的身份证号码不符，请先核对身份证号码。")
            )
        self.child.sex = sex

    def name(self, name: str) -> None:
        name_child(self.child, name)
        self.made_up = False

    def number(self, id_type: str, raw: str, *, replacing: bool) -> None:
        """A certificate or a card. Another person's is held as a doubt and changes nothing."""
        child, birth = self.child, self.birth
        data = _read(PersonData(name="", id_number=raw, id_type=id_type))
        if data.birth_date is not None and data.birth_date != child.birth_date:
            raise _other_day()
        if data.sex and child.sex and data.sex != child.sex:
            raise RegistryError(
                "wrong_sex",
                _("身份证号码与登记的性别不符。请核对是不是这个孩子的号码；登记错的，先更正性别。"),
            )
        index = people.id_index(data.id_number, id_type)
        holder = people.find_by_id(data.id_number, id_type)
        if holder is not None and holder.pk != child.pk:
            self.doubt = matching.hold_same(child, holder, [_("证件号码相同")])
            return
        if holder is not None and index in (child.id_index, birth.certificate_index):
            return
        is_certificate = id_type == Person.IdType.BIRTH
        old = birth.certificate_index if is_certificate else self._card()
        if old and not replacing:
            raise RegistryError(
                "other_number",
                _(
                    "这个孩子已登记了另一个证件号码。换发、补发或登记错的请作更正；双胎请核对“第几个”。"
                ),
            )
        if is_certificate:
            birth.certificate_index, self.certificate_changed = index, True
        if holder is None and (not is_certificate or child.id_type in people.WITHOUT_CARD):
            for field, value in people.number_fields(id_type, data.id_number).items():
                setattr(child, field, value)
        if data.sex:
            child.sex = data.sex

    def _card(self) -> str:
        return "" if self.child.id_type in people.WITHOUT_CARD else self.child.id_index

    def save(self, actor: Actor, reason: str) -> None:
        """Write what changed; nothing where nothing did."""
        child, birth = self.child, self.birth
        if self.made_up:
            name_child(child, made_up_name(birth.mother, child.sex, birth.order, self._several()))
        now = _told(child)
        changed = [name for name in now if now[name] != self.before[name]]
        if changed:
            FormerIdentity.objects.create(
                person=child,
                told=json.dumps(self.before, ensure_ascii=False),
                reason=reason.strip()[:300],
                by=actor.staff,
            )
            child.version += 1
            child.save()
        if self.day_changed or self.certificate_changed:
            birth.save()
            changed += ["birth"] if self.day_changed else []
            changed += ["certificate"] if self.certificate_changed else []
        if changed:
            audit.record(actor, "correct", "person", child.key, fields=sorted(set(changed)))

    def _several(self) -> bool:
        birth = self.birth
        rows = Birth.objects.filter(mother=birth.mother, born_on=birth.born_on)
        others = rows.filter(child__merged_into=None).exclude(pk=birth.pk)
        return self.several or birth.order > 1 or others.exists()


def _told(person: Person) -> dict[str, str]:
    return {
        "name": person.name,
        "sex": person.sex,
        "birth_date": person.birth_date.isoformat(),
        "id_type": person.id_type,
        "id_number": person.id_number,
    }
