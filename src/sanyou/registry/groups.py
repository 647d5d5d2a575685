"""Lists of people served together: classes of schools and kindergartens, courses, field days."""

import datetime as dt
import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import transaction
from django.db.models import QuerySet
from django.utils.translation import gettext as _

from sanyou.registry import people
from sanyou.registry.access import Actor, reaches, visible
from sanyou.registry.models import Group, Member, Organisation, Person, Region
from sanyou.trust import audit

KINDS = (
    Organisation.Kind.KINDERGARTEN,
    Organisation.Kind.SCHOOL,
    Organisation.Kind.VILLAGE,
    Organisation.Kind.HOSPITAL,
    Organisation.Kind.CENTRE,
    Organisation.Kind.OTHER,
)
SEX = {"男": "male", "女": "female", "male": "male", "female": "female"}
YEARS = range(2000, 2100)


class GroupError(people.RegistryError):
    """A list that cannot be kept so; `message_zh` says what to do."""


@dataclass(frozen=True)
class Line:
    """One line of a list as it was pasted or read, and what became of it."""

    number: int
    text: str
    member: Member | None = None
    error: str = ""


def groups(actor: Actor) -> QuerySet[Group]:
    """The lists of her region, the latest first."""
    rows = Group.objects.filter(active=True).select_related("organisation__region")
    return visible(actor, rows).order_by("-year", "organisation__name", "name")


@transaction.atomic
def create(actor: Actor, organisation: Organisation, name: str, year: int) -> Group:
    """A list of an organisation for a year. The same again gives the first."""
    actor.require("nominate", organisation)
    name = name.strip()[:60]
    if not name:
        raise GroupError("name_missing", _("请填写名单的名称，例如“一（2）班”。"))
    if year not in YEARS:
        raise GroupError("bad_year", _("请填写学年或年份，例如 2026。"))
    found, created = Group.objects.get_or_create(
        organisation=organisation, name=name, year=year, defaults={"created_by": actor.staff}
    )
    if created:
        audit.record(actor, "create", "group", found.key)
    return found


@transaction.atomic
def place(actor: Actor, region: Region, kind: str, name: str) -> Organisation:
    """A school, kindergarten or other place of a region. The same name again gives the first."""
    actor.require("nominate")
    if not reaches(actor, region.code):
        raise GroupError("elsewhere", _("这个地区不由您负责，请选择本地区的学校或单位。"))
    name = name.strip()[:80]
    if not name or kind not in KINDS:
        raise GroupError("name_missing", _("请填写单位名称并选择类别。"))
    found = Organisation.objects.filter(region=region, kind=kind, name=name).first()
    if found is None:
        found = Organisation.objects.create(
            code=f"{region.code}-{uuid.uuid4().hex[:10]}", name=name, kind=kind, region=region
        )
        audit.record(actor, "create", "organisation", found.code)
    return found


def add_lines(actor: Actor, group: Group, text: str, on: dt.date) -> list[Line]:
    """Add people as pasted from a table: 姓名、性别、出生日期、证件号码（可空）, one a line.

    Lines that cannot be read are told and left; the others are added. Somebody on the list already
    stays once.
    """
    actor.require("nominate", group.organisation)
    found = []
    for number, raw in enumerate(text.splitlines(), start=1):
        line = raw.strip()
        if not line or line.startswith("姓名"):
            continue
        try:
            with transaction.atomic():
                found.append(Line(number, line, _add(actor, group, line, on)))
        except people.RegistryError as error:
            found.append(Line(number, line, error=error.message_zh))
    return found


def _add(actor: Actor, group: Group, line: str, on: dt.date) -> Member:
    cells = [c.strip() for c in line.replace("，", ",").replace("\t", ",").split(",")]
    cells += [""] * (4 - len(cells))
    name, sex, born, number = cells[:4]
    if number:
        check = people.check_id(number)
        if not check.ok:
            raise GroupError(check.code, check.message_zh)
        born_on, sex = check.birth_date, check.sex or ""
    else:
        born_on, sex = _day(born), SEX.get(sex, "")
    if not name or born_on is None or not sex:
        raise GroupError(
            "unreadable",
            _("要有姓名、性别、出生日期，例如“王小明,男,2018-05-01”；有证件号码的写在第四列。"),
        )
    same = group.members.filter(
        person__name=name, person__birth_date=born_on, left_on=None
    ).select_related("person")
    if not number and (known := same.first()) is not None:
        return known
    region = group.organisation.region
    data = people.PersonData(
        name=name,
        id_number=number or people.made_up_number(),
        id_type=Person.IdType.RESIDENT if number else Person.IdType.NONE,
        sex=sex,
        birth_date=born_on,
        residence_region=region,
        residence_text=region.full_name,
    )
    person = people.register_person(data, actor)
    return join(actor, group, person, on)


def _day(text: str) -> dt.date | None:
    digits = "".join(c if c.isdigit() else "-" for c in text).strip("-").split("-")
    try:
        if len(digits) == 3:
            return dt.date(*(int(d) for d in digits))
        if len(digits) == 1 and len(digits[0]) == 8:
            return dt.date(int(digits[0][:4]), int(digits[0][4:6]), int(digits[0][6:]))
    except ValueError:
        return None
    return None


@transaction.atomic
def join(actor: Actor, group: Group, person: Person, on: dt.date) -> Member:
    """Put somebody on a list; somebody on it already stays once."""
    found, created = Member.objects.get_or_create(
        group=group, person=person, left_on=None, defaults={"joined_on": on}
    )
    if created:
        audit.record(actor, "join", "group", group.key, person=str(person.key))
    return found


@transaction.atomic
def leave(actor: Actor, group: Group, people_: Iterable[Person], on: dt.date) -> int:
    """Take people off a list; that they were on it stays."""
    actor.require("nominate", group.organisation)
    rows = group.members.filter(person__in=list(people_), left_on=None)
    gone = rows.update(left_on=on)
    if gone:
        audit.record(actor, "leave", "group", group.key, people=gone)
    return gone
