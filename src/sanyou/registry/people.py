"""People and couples: identity numbers, registration, and search."""

import datetime as dt
import re
import unicodedata
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _
from pypinyin import Style, lazy_pinyin

from sanyou.registry.access import Actor, existing, may_unmask, visible
from sanyou.registry.idnumber import check_character
from sanyou.registry.models import Birth, Couple, Person, Pregnancy, Region, Sex
from sanyou.trust import audit
from sanyou.trust.index import blind_index, normalise

# GB/T 2260, first two digits of provinces, with Hong Kong, Macao, Taiwan residents' numbers.
_PROVINCES = frozenset(
    {*range(11, 16), *range(21, 24), *range(31, 38), *range(41, 47), *range(50, 55)}
    | {*range(61, 66), 71, 81, 82, 83}
)
# Surnames read otherwise than the character usually is.
_SURNAMES = {
    "单": "s", "曾": "z", "解": "x", "仇": "q", "区": "o", "查": "z", "盖": "g", "朴": "p",
    "翟": "z", "乐": "y", "覃": "q", "冼": "x", "缪": "m", "尉迟": "yc", "长孙": "zs", "万俟": "mq",
}  # fmt: skip

SEARCH_LIMIT = 30


class RegistryError(Exception):
    """Cannot be registered. `code` names the rule, `message_zh` what is wrong and what to do."""

    def __init__(self, code: str, message_zh: str) -> None:
        super().__init__(message_zh)
        self.code = code
        self.message_zh = message_zh


class SecondSpouse(RegistryError):
    """One of the two is registered with somebody else; `couple` is that registration."""

    def __init__(self, couple: Couple) -> None:
        super().__init__(
            "second_spouse",
            _("此人已与另一名配偶登记。请核对结婚证，由登记确认人员处理后再登记。"),
        )
        self.couple = couple


@dataclass(frozen=True, slots=True)
class IdCheck:
    """Of a resident id number. Not `ok`: `code` and `message_zh` say why, the rest may be None."""

    ok: bool
    number: str
    birth_date: dt.date | None = None
    sex: str | None = None
    code: str = ""
    message_zh: str = ""


@dataclass(frozen=True, slots=True)
class PersonData:
    """What is known of a person to be registered. A resident id number gives birth date and sex;
    other documents need them given; `sex` "" is that of a newborn whose sex is not clear.

    A child is told by its `mother`, birth date and `order` among the children of that birth; then
    name and number may be missing (see `sanyou.registry.births`)."""

    name: str
    id_number: str
    id_type: str = Person.IdType.RESIDENT
    sex: str | None = None
    birth_date: dt.date | None = None
    phone: str = ""
    hukou_region: Region | None = None
    hukou_text: str = ""
    residence_region: Region | None = None
    residence_text: str = ""
    residence_since: dt.date | None = None
    mother: Person | None = None
    order: int = 1


def pack(data: PersonData) -> dict[str, Any]:
    """As JSON, to be kept encrypted until it is registered: regions by code, days in ISO."""
    return {
        "name": data.name,
        "id_number": data.id_number,
        "id_type": data.id_type,
        "sex": data.sex,
        "birth_date": data.birth_date.isoformat() if data.birth_date else None,
        "phone": data.phone,
        "hukou_region": data.hukou_region.code if data.hukou_region else None,
        "hukou_text": data.hukou_text,
        "residence_region": data.residence_region.code if data.residence_region else None,
        "residence_text": data.residence_text,
        "residence_since": data.residence_since.isoformat() if data.residence_since else None,
        "mother": str(data.mother.key) if data.mother else None,
        "order": data.order,
    }


def unpack(data: dict[str, Any]) -> PersonData:
    """The reverse of `pack`."""

    def day(name: str) -> dt.date | None:
        return dt.date.fromisoformat(data[name]) if data.get(name) else None

    def region(name: str) -> Region | None:
        return Region.objects.filter(pk=data[name]).first() if data.get(name) else None

    return PersonData(
        name=data["name"],
        id_number=data["id_number"],
        id_type=data.get("id_type") or "resident",
        sex=data.get("sex"),
        birth_date=day("birth_date"),
        phone=data.get("phone", ""),
        hukou_region=region("hukou_region"),
        hukou_text=data.get("hukou_text", ""),
        residence_region=region("residence_region"),
        residence_text=data.get("residence_text", ""),
        residence_since=day("residence_since"),
        mother=by_key(data["mother"]) if data.get("mother") else None,
        order=data.get("order") or 1,
    )


@dataclass(frozen=True, slots=True)
class SearchHit:
    """A person found, her couple if she has one, and by what: name, initials, id, phone, card."""

    person: Person
    couple: Couple | None
    by: str


def normalise_id(raw: object) -> str:
    """Half-width, upper-case X, without spaces, dashes and the quote of a text cell."""
    return normalise(str(raw or "")).strip("'‘’`")


def check_id(raw: object) -> IdCheck:
    """Check a resident id number by GB 11643: length, characters, check digit, province, date."""
    number = normalise_id(raw)

    def bad(code: str, message: str) -> IdCheck:
        return IdCheck(False, number, code=code, message_zh=message)

    if not number:
        return bad("empty", _("缺少身份证号码，请补填。"))
    if len(number) != 18:
        return bad("bad_length", _("身份证号码应为 18 位，请核对身份证原件。"))
    if not re.fullmatch(r"[0-9]{17}[0-9X]", number):
        return bad("bad_characters", _("身份证号码只能是数字，末位可为 X，请核对身份证原件。"))
    if check_character(number[:17]) != number[17]:
        return bad("bad_check_digit", _("身份证号码校验位不正确，请核对身份证原件。"))
    if int(number[:2]) not in _PROVINCES:
        return bad("bad_region", _("身份证号码前两位不是省级代码，请核对身份证原件。"))
    try:
        born = dt.date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return bad("bad_date", _("身份证号码中的出生日期不存在，请核对身份证原件。"))
    if born.year < 1900:
        return bad("bad_date", _("身份证号码中的出生日期早于 1900 年，请核对身份证原件。"))
    sex = Sex.MALE if int(number[16]) % 2 else Sex.FEMALE
    return IdCheck(True, number, born, str(sex.value))


def check_certificate(raw: object) -> str:
    """The number of a birth certificate: a letter and nine digits. RegistryError otherwise."""
    number = normalise_id(raw)
    if not re.fullmatch(r"[A-Z][0-9]{9}", number):
        raise RegistryError(
            "bad_certificate",
            _("出生医学证明编号是 1 个字母加 9 位数字，例如 U500123456，请对照证明核对。"),
        )
    return number


def normalise_phone(raw: object) -> str:
    """Digits only, without the country code 86."""
    digits = re.sub(r"\D", "", normalise(str(raw or "")))
    return re.sub(r"^(?:00)?86(?=1\d{10}$)", "", digits)


def tidy_name(raw: str) -> str:
    """A name as it stands on papers: half-width, no stray spaces, one kind of middle dot.

    阿依古丽 . 买买提 -> 阿依古丽·买买提; "张 三" -> 张三; "Anna  Smith" -> Anna Smith
    """
    name = " ".join(unicodedata.normalize("NFKC", raw).replace("\x00", "").split())
    han = r"[\u3400-\u9fff]"
    name = re.sub(rf"(?<={han})\s*[·•・‧∙⋅.]\s*(?={han})", "·", name)
    return re.sub(rf"(?<={han})\s+(?={han})", "", name)


def initials(name: str) -> str:
    """Lower-case pinyin initials: 欧阳慧敏 -> oyhm; polyphonic surnames as surnames."""
    name = normalise(name)
    for surname, read in _SURNAMES.items():
        if name.startswith(surname):
            return read + initials(name[len(surname) :]) if len(name) > len(surname) else read
    return "".join(lazy_pinyin(name, style=Style.FIRST_LETTER, errors="default")).lower()[:30]


def mask_id(number: str) -> str:
    """500107********2246 with the middle hidden: region and last four characters remain."""
    return number[:6] + "*" * max(len(number) - 10, 0) + number[-4:] if len(number) > 10 else "****"


def mask_phone(phone: str) -> str:
    """138****5678."""
    return f"{phone[:3]}****{phone[-4:]}" if len(phone) >= 11 else "****" if phone else ""


def paper_number(person: Person) -> str:
    """The number of her papers; "" where she has none and the number was made here."""
    return "" if person.id_type == Person.IdType.NONE else person.id_number


def masked_id(person: Person) -> str:
    """The number of her papers with the middle hidden; "" where she has none."""
    return mask_id(number) if (number := paper_number(person)) else ""


def shown_id(actor: Actor, person: Person) -> str:
    """The identity number as this actor may read it; "" where there is none."""
    return paper_number(person) if may_unmask(actor) else masked_id(person)


def current(person: Person) -> Person:
    """The person a merged one now stands for (herself when not merged)."""
    while person.merged_into is not None:
        person = person.merged_into
    return person


def current_couple(couple: Couple) -> Couple:
    """The couple a merged one now stands for."""
    while couple.merged_into is not None:
        couple = couple.merged_into
    return couple


def by_key(key: UUID | str) -> Person | None:
    """The person of a key, also of a key from before a merge."""
    person = Person.objects.filter(key=key).first()
    return current(person) if person else None


def couple_by_key(key: UUID | str) -> Couple | None:
    """The couple of a key, also of a key from before a merge."""
    couple = Couple.objects.filter(key=key).first()
    return current_couple(couple) if couple else None


def id_index(number: str, id_type: str = Person.IdType.RESIDENT) -> str:
    """Blind index of an identity number; other documents are kept apart by their type."""
    plain = normalise_id(number)
    return blind_index("id", plain if id_type == Person.IdType.RESIDENT else f"{id_type}:{plain}")


def id_indexes(person: Person) -> list[str]:
    """Blind indexes of every number this person is known by, those of merged records included."""
    return id_indexes_of([person])[person.pk]


def id_indexes_of(persons: Iterable[Person]) -> dict[int, list[str]]:
    """`id_indexes` of many people by their pk, in one query per generation of merges."""
    found = {p.pk: [p.id_index] for p in persons}
    roots = {pk: pk for pk in found}  # merged record -> the person it stands for
    wave = set(found)
    while wave:
        rows = Person.objects.filter(merged_into__in=wave).order_by("pk")
        wave = set()
        for pk, into, index in rows.values_list("pk", "merged_into", "id_index"):
            assert into is not None
            roots[pk] = roots[into]
            found[roots[pk]].append(index)
            wave.add(pk)
    return found


def find_by_id(number: str, id_type: str = Person.IdType.RESIDENT) -> Person | None:
    """The person registered with this number (after merges), or None. A child is found by its
    birth certificate also when it has an identity card by now."""
    person = _holder(Person.objects.all(), id_index(number, id_type), id_type)
    return current(person) if person else None


def _holder(rows: QuerySet[Person], index: str, id_type: str) -> Person | None:
    found = rows.filter(id_index=index).first()
    if found is None and id_type == Person.IdType.BIRTH:
        known = Birth.objects.filter(certificate_index=index).values("child")
        found = rows.filter(pk__in=known).order_by("pk").first()
    return found


def number_fields(id_type: str, number: str) -> dict[str, str]:
    """The fields of a person that hold her number; a made-up one is not searched for by its end."""
    tail = "" if id_type == Person.IdType.NONE else number[-4:]
    return {
        "id_type": id_type,
        "id_number": number,
        "id_index": id_index(number, id_type),
        "id_tail_index": blind_index("id_tail", tail),
    }


def name_fields(name: str) -> dict[str, str]:
    """The fields of a person that hold her name."""
    tidy = tidy_name(name)
    return {"name": tidy, "name_key": normalise(tidy), "name_initials": initials(name)}


def made_up_number() -> str:
    """A number for somebody without papers, to be replaced when there are some."""
    return f"N{uuid.uuid4().hex[:15].upper()}"


def register_person(data: PersonData, actor: Actor, compartment: str = "") -> Person:
    """The person with that number, registered if new; newer contact data replaces the old.

    A name already registered stays, unless it was made up for a newborn. A child told by its mother
    is registered by `births.register`. RegistryError when the identity cannot be accepted. Probable duplicates of a new person are held as doubts. Somebody new registered within a
    `compartment` is known only there, until she is registered outside of it.
    """
    from sanyou.registry import births

    if data.mother is not None:
        return births.register(data, actor, compartment).child
    identity = _identity(data)
    index = id_index(identity.number, data.id_type)
    with transaction.atomic():
        found = _holder(Person.objects.select_for_update(no_key=True), index, data.id_type)
        if found is None:
            try:
                with transaction.atomic():
                    return _create(data, identity, actor, compartment)
            except IntegrityError:  # somebody else has just registered the same number
                found = Person.objects.select_for_update(no_key=True).get(id_index=index)
        person = current(found)
        changed = _update_contact(person, data)
        if tidy_name(data.name) != person.name and births.has_made_up_name(person):
            births.name_child(person, data.name)
            changed.append("name")
        if not compartment and person.compartment:
            # For whoever registers her now she is new: her name is as it is given now.
            person.compartment = ""
            for field, value in name_fields(data.name).items():
                setattr(person, field, value)
            person.save()
            audit.record(actor, "register", "person", person.key)
        elif changed:
            person.version += 1
            person.save()
            audit.record(actor, "update", "person", person.key, fields=changed)
        return person


def _identity(data: PersonData) -> IdCheck:
    if not data.name.strip():
        raise RegistryError("no_name", _("缺少姓名，请补填。"))
    if data.id_type == Person.IdType.RESIDENT:
        check = check_id(data.id_number)
        if not check.ok:
            raise RegistryError(check.code, check.message_zh)
        if data.sex and data.sex != check.sex:
            raise RegistryError("wrong_sex", _("身份证号码与性别不符，请核对身份证原件。"))
        return check
    birth = data.id_type == Person.IdType.BIRTH
    number = check_certificate(data.id_number) if birth else normalise_id(data.id_number)
    clear = bool(data.sex) or (data.sex == Sex.UNCLEAR and data.id_type in WITHOUT_CARD)
    if not number or not clear or not data.birth_date:
        raise RegistryError("incomplete", _("非居民身份证须填写证件号码、性别和出生日期。"))
    return IdCheck(True, number, data.birth_date, data.sex)


# What a child may be registered with before it has a number of its own.
WITHOUT_CARD = (Person.IdType.NONE, Person.IdType.BIRTH)


def _create(data: PersonData, identity: IdCheck, actor: Actor, compartment: str) -> Person:
    from sanyou.registry.matching import find_doubts

    assert identity.birth_date
    assert identity.sex is not None
    person = Person(
        **name_fields(data.name),
        **number_fields(data.id_type, identity.number),
        sex=identity.sex,
        birth_date=identity.birth_date,
        compartment=compartment,
    )
    _update_contact(person, data)
    person.save()
    find_doubts(person)
    audit.record(actor, "register", "person", person.key)
    return person


def _update_contact(person: Person, data: PersonData) -> list[str]:
    """Set what is given and differs; returns the names of the fields that changed."""
    phone = normalise_phone(data.phone)
    given: dict[str, Any] = {
        "phone": phone,
        "phone_index": blind_index("phone", phone),
        "phone_tail_index": blind_index("phone_tail", phone[-4:]),
        "hukou_region": data.hukou_region,
        "hukou_text": data.hukou_text,
        "residence_region": data.residence_region,
        "residence_text": data.residence_text,
        "residence_since": data.residence_since,
    }
    changed = [name for name, value in given.items() if value and getattr(person, name) != value]
    for name in changed:
        setattr(person, name, given[name])
    return changed


def known_outside(row: Person | Couple | Pregnancy) -> None:
    """Whatever was known only within a compartment is known generally from now on."""
    if row.compartment:
        row.compartment = ""
        row.save(update_fields=["compartment"])


def other_couple(wife: Person, husband: Person, compartment: str = "") -> Couple | None:
    """A standing registration of either of them with somebody else, of those that exist there."""
    wife, husband = current(wife), current(husband)
    return (
        Couple.objects.filter(merged_into__isnull=True, compartment__in=("", compartment))
        .filter(Q(wife=wife) | Q(husband=husband))
        .exclude(wife=wife, husband=husband)
        .order_by("id")
        .first()
    )


def register_couple(
    wife: Person,
    husband: Person,
    *,
    actor: Actor,
    marriage_date: dt.date | None = None,
    marriage_kind: str = "",
    verified: bool = False,
    compartment: str = "",
) -> Couple:
    """The couple of these two, registered if new; within a compartment as `register_person` does.

    SecondSpouse when one of them stands registered with somebody else, unless a person has
    `verified` it (remarriage). RegistryError "wrong_sex" when the roles do not fit.
    """
    wife, husband = current(wife), current(husband)
    if wife.sex != Sex.FEMALE or husband.sex != Sex.MALE:
        raise RegistryError("wrong_sex", _("女方应为女性、男方应为男性，请核对身份证号码。"))
    with transaction.atomic():
        # The two rows are locked in one order, so that two clerks cannot register two spouses.
        list(
            Person.objects.select_for_update(no_key=True)
            .filter(pk__in=[wife.pk, husband.pk])
            .order_by("pk")
        )
        couple = Couple.objects.filter(wife=wife, husband=husband).first()
        if couple is None:
            other = None if verified else other_couple(wife, husband, compartment)
            if other is not None:
                raise SecondSpouse(other)
            couple = Couple.objects.create(
                wife=wife,
                husband=husband,
                marriage_date=marriage_date,
                marriage_kind=marriage_kind,
                compartment=compartment,
            )
            audit.record(actor, "register", "couple", couple.key)
            return couple
        couple = current_couple(couple)
        if not compartment:
            known_outside(couple)
        new = {"marriage_date": marriage_date, "marriage_kind": marriage_kind}
        changed = [k for k, v in new.items() if v and getattr(couple, k) != v]
        if changed:
            for name in changed:
                setattr(couple, name, new[name])
            couple.save(update_fields=changed)
            audit.record(actor, "update", "couple", couple.key, fields=changed)
        return couple


# Later layers add ways to find couples (a card's number or QR token): who asks, text -> couples.
Finder = Callable[[Actor, str], QuerySet[Couple]]
finders: dict[str, Finder] = {}


def search(actor: Actor, text: str) -> list[SearchHit]:
    """People of the actor's region by name, pinyin initials, whole or last four of id or phone, and
    whatever `finders` know. At most SEARCH_LIMIT, one hit per couple. Audited, without the text."""
    actor.require("search")
    needle = normalise(text)
    met: list[tuple[Person, str]] = []
    for by, people in _ways(needle):
        rows = visible(actor, people).order_by("name", "id")[:SEARCH_LIMIT]
        met += [(current(row), by) for row in rows]
    couples = _couples_of(actor, [person for person, _by in met])
    hits: dict[object, SearchHit] = {}
    for person, by in met:
        couple = couples.get(person.pk)
        hits.setdefault(couple.key if couple else person.key, SearchHit(person, couple, by))
    for by, finder in finders.items():
        rows = finder(actor, text.strip()).select_related("wife__residence_region", "husband")
        for found_couple in visible(actor, rows)[:SEARCH_LIMIT]:
            couple = current_couple(found_couple)
            hits.setdefault(couple.key, SearchHit(couple.wife, couple, by))
    found = list(hits.values())[:SEARCH_LIMIT]
    audit.record(actor, "search", "person", "", by=sorted({h.by for h in found}), hits=len(found))
    return found


def _ways(needle: str) -> list[tuple[str, QuerySet[Person]]]:
    """The queries a needle may mean. An exact identifier also finds a merged record."""
    everyone = Person.objects.select_related("residence_region")
    standing = everyone.filter(merged_into__isnull=True)
    phone = normalise_phone(needle)
    if not needle:
        return []
    if len(needle) >= 15 and re.fullmatch(r"[0-9]+X?", needle):
        return [("id", everyone.filter(id_index=id_index(needle)))]
    if re.fullmatch(r"[0-9]{3}[0-9X]", needle):
        return [
            ("id", standing.filter(id_tail_index=blind_index("id_tail", needle))),
            ("phone", standing.filter(phone_tail_index=blind_index("phone_tail", needle))),
        ]
    if len(phone) >= 7 and re.fullmatch(r"\+?[0-9()]+", needle):
        return [("phone", standing.filter(phone_index=blind_index("phone", phone)))]
    if re.fullmatch(r"[A-Z]{2,8}", needle):
        return [("initials", standing.filter(name_initials__startswith=needle.lower()))]
    if re.search(r"[\u4e00-\u9fff]", needle):
        return [("name", standing.filter(name_key__startswith=normalise(tidy_name(needle))))]
    return []


def _couples_of(actor: Actor, persons: Iterable[Person]) -> dict[int, Couple]:
    """The standing couple of each person, the latest where there have been several."""
    pks = {person.pk for person in persons}
    married = Couple.objects.filter(Q(wife__in=pks) | Q(husband__in=pks), merged_into__isnull=True)
    rows = existing(actor, married).select_related("wife", "husband").order_by("id")
    return {pk: row for row in rows for pk in (row.wife_id, row.husband_id) if pk in pks}
