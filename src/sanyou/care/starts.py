"""What signing a form begins in other programmes: for the same person, or for the child it tells of.

Which programmes and with which answers, the programme says (`starts` in programme.yaml). Begun once:
a second click, another form, a correction begin nothing anew. What is corrected here moves into the
record begun from it by a correction there, with the reason; what was corrected there since stays.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

from django.db.models import Q
from django.utils.translation import gettext as _

from sanyou.care import content, encounters, episodes, flow
from sanyou.care.errors import CareError
from sanyou.care.facts import facts_of, observations_of, people_of
from sanyou.care.models import Encounter, Episode
from sanyou.protocol.expression import json_value
from sanyou.protocol.facts import read_observation
from sanyou.protocol.models import ChildSpec, StartSpec
from sanyou.protocol.programme import Programme
from sanyou.protocol.programme import Start as Begun
from sanyou.protocol.scope import COUPLE
from sanyou.registry import births
from sanyou.registry.access import Actor
from sanyou.registry.models import Birth, Person, Sex
from sanyou.registry.people import PersonData, RegistryError, id_index, tidy_name
from sanyou.trust import audit

Signed = Encounter.Status.SIGNED


def hold(episode: Episode) -> None:
    """Lock what signing a form of this episode may write, before the audit head is taken."""
    programme = content.programme_of(episode)
    if not programme.starts and programme.spec.pregnancy is None:
        return
    mine = [person.pk for person in people_of(programme, episode).values()]
    born = Birth.objects.filter(mother__in=mine).values_list("child", flat=True)
    children = list(born) if programme.starts else []
    pks = [*mine, *children]
    list(Person.objects.select_for_update(no_key=True).filter(pk__in=pks).order_by("pk"))
    if programme.starts:
        begun = Q(source__startswith=f"start:{episode.pk}:") | Q(person__in=children)
        list(Episode.objects.select_for_update().filter(begun).order_by("pk"))


def signed(row: Encounter, actor: Actor) -> None:
    """Begin what a form signed for the first time begins."""
    for told in _of(row):
        told.begin(actor)


def amended(row: Encounter, actor: Actor) -> None:
    """Move what is corrected into what was begun, then begin what it begins now."""
    for told in _of(row):
        told.correct(actor)
        told.begin(actor)


def _of(row: Encounter) -> Iterator["_Told"]:
    programme = content.programme_of(row.episode)
    for start in programme.starts:
        role = start.spec.role or row.role
        if start.spec.form == row.form and row.role in (role, COUPLE):
            yield _Told(row, programme, start)


@dataclass(frozen=True)
class _Child:
    """A newborn as a form tells of it."""

    born_on: date
    order: int
    sex: str
    name: str
    certificate: str

    @classmethod
    def of(cls, data: Mapping[str, Any], spec: ChildSpec) -> "_Child | None":
        """None where the day of birth is not told (a file may lack it)."""
        elements = content.library().dictionary.elements

        def read(name: str | None) -> Any:
            return read_observation(elements[name], data.get(name))[0] if name else None

        born_on, sex = read(spec.born_on), read(spec.sex)
        if not isinstance(born_on, date):
            return None
        return cls(
            born_on,
            int(read(spec.order) or 1),
            sex if sex in (Sex.FEMALE, Sex.MALE) else Sex.UNCLEAR.value,
            tidy_name(str(read(spec.name) or "")),
            str(read(spec.certificate) or ""),
        )


class _Told:
    """One signed form under one `start` of its programme."""

    def __init__(self, row: Encounter, programme: Programme, start: Begun) -> None:
        self.row, self.episode, self.programme, self.start = row, row.episode, programme, start
        self.spec: StartSpec = start.spec
        people = people_of(programme, self.episode)
        self.role = self.spec.role or (row.role if row.role in people else programme.roles[0])
        self.person = people[self.role]
        self.seen = encounters.seen_on(row)
        # A correction begins today what it begins.
        self.on = row.occurred_on if row.replaces_id is None else self.seen

    @cached_property
    def observed(self) -> dict[str, dict[str, Any]]:
        """What is known where no other sheet of this form had been filled (that of a twin)."""
        rows = self.episode.encounters.filter(status=Signed, occurred_on__lte=self.seen)
        others = rows.filter(form=self.row.form, role=self.row.role).exclude(pk=self.row.pk)
        kept = rows.exclude(pk__in=others.values("pk")).order_by("occurred_on", "pk")
        found = observations_of(self.episode, self.seen, list(kept))
        given = {name: value for name, value in self.row.data.items() if value is not None}
        found.setdefault(self.row.role, {}).update(given)
        return found

    @cached_property
    def facts(self) -> dict[str, Any]:
        """Facts with what this sheet tells of its fields."""
        form = self.programme.forms[self.row.form]
        elements = content.library().dictionary.elements
        mine = self.observed[self.row.role]
        told: dict[str, Any] = {}
        for name in {field.element for field in form.fields_for(self.row.role)}:
            element = elements[name]
            value = read_observation(element, mine.get(name))[0]
            key = f"{self.row.role}.{name}"
            told[key] = value
            for code in element.value_set.codes if element.value_set else ():
                if element.type == "codes":
                    told[f"{key}__{code.code}"] = None if value is None else code.code in value
        with _telling(self.episode, told):
            return facts_of(self.episode, self.seen)

    def child(self, data: Mapping[str, Any]) -> _Child | None:
        assert self.spec.child is not None
        return _Child.of(data, self.spec.child)

    def carried(self) -> dict[str, Any]:
        """Element of the other programme -> the value told here, as it is stored."""
        elements = content.library().dictionary.elements
        found = {}
        for target, source in self.spec.carry.items():
            element = elements[source]
            role = COUPLE if element.scope == "couple" else self.role
            if role == COUPLE and not self.programme.is_couple:
                continue
            if element.is_entered:
                found[target] = json_value(self.observed.get(role, {}).get(source))
            else:
                found[target] = json_value(self.facts.get(f"{role}.{source}"))
        return found

    # --- begin ---

    def begin(self, actor: Actor) -> None:
        if self.start.when is not None and self.start.when.evaluate(self.facts) is not True:
            return
        if self.spec.child is None:
            subject = self.person
        else:
            child = self.child(self.row.data)
            if child is None:
                return
            subject = self._newborn(child, actor)
        for name in self.spec.programmes:
            self._open(name, subject, actor)

    def _newborn(self, told: _Child, actor: Actor) -> Person:
        """The child told of, registered where it is not yet."""
        rows = self.episode.encounters.filter(
            status=Signed, form=self.row.form, role=self.row.role
        ).exclude(pk=self.row.pk)
        for other in rows:
            same = self.child(other.data)
            if same is not None and (same.born_on, same.order) == (told.born_on, told.order):
                raise CareError(
                    _(
                        "这次分娩的第 %d 个新生儿已有一份签过名的记录。要改的请更正那一份；"
                        "双胎请核对“第几个”。"
                    )
                    % told.order,
                    "same_child",
                )
        known = births.find(self.person, told.born_on, told.order)
        if known is not None and self.row.replaces_id is not None:
            return known  # what was corrected is in the register already
        data = PersonData(
            name=told.name,
            id_number=told.certificate,
            id_type=Person.IdType.BIRTH if told.certificate else Person.IdType.NONE,
            sex=told.sex,
            birth_date=told.born_on,
            mother=self.person,
            order=told.order,
        )
        with _in_words():
            made = births.register(
                data, actor, self.episode.compartment, pregnancy=self.episode.pregnancy
            )
        return made.child

    def _source(self, programme: str) -> str:
        """How the source of what is begun from here starts; it ends with the person."""
        return f"start:{self.episode.pk}:{self.spec.id}:{programme}:"

    def _open(self, name: str, subject: Person, actor: Actor) -> None:
        """Open a programme for somebody, where the policy of the region runs it that day."""
        region, programme = self.episode.region, content.library().programmes[name]
        sex = programme.role_sex.get(programme.roles[0])
        if sex and subject.sex and sex != subject.sex:
            return
        if content.current_policy(region.code, name, self.on) is None:
            return
        theirs = Episode.objects.filter(programme=name, person=subject)
        standing = theirs.filter(status__in=episodes.GOING_ON).first()
        if standing is not None:
            self._share_pregnancy(standing)
            return
        source = self._source(name)
        if theirs.filter(source__startswith=source).exists():
            return  # begun before, and over
        with _in_words(programme.label.zh if not programme.spec.compartment else ""):
            made = episodes.nominate(
                Actor.system("starts", region),
                name,
                subject,
                {programme.roles[0]: self._answers(programme)},
                self.on,
                region,
                source=f"{source}{subject.pk}",
                pregnancy=self.episode.pregnancy,
            )
        audit.record(actor, "begin", "episode", made.key, record=str(self.row.key))

    def _share_pregnancy(self, standing: Episode) -> None:
        if standing.pregnancy_id is None and self.episode.pregnancy_id is not None:
            Episode.objects.filter(pk=standing.pk).update(pregnancy=self.episode.pregnancy)

    def _answers(self, programme: Programme) -> dict[str, Any]:
        """What is carried, and the defaults of the opening form."""
        form = programme.forms.get(programme.opening_form or "")
        fields = form.fields_for(programme.roles[0]) if form is not None else []
        defaults = {f.element: f.default for f in fields if f.default is not None}
        given = {name: value for name, value in self.carried().items() if value is not None}
        return {
            f.element: v for f in fields if (v := (defaults | given).get(f.element)) is not None
        }

    # --- correct ---

    def correct(self, actor: Actor) -> None:
        old, subject = self.row.replaces, self.person
        assert old is not None
        if self.spec.child is not None:
            before, now = self.child(old.data), self.child(self.row.data)
            child = births.find(self.person, before.born_on, before.order) if before else None
            if before is None or now is None or child is None:
                return
            self._put_right(child, before, now, actor)
            subject = child
        for name in self.spec.programmes:
            self._move(name, subject)

    def _put_right(self, child: Person, before: _Child, now: _Child, actor: Actor) -> None:
        """What the form tells of the child itself goes into the register."""
        since = self._corrected_since(child, before)
        changes = {
            name: getattr(now, name)
            for name in ("born_on", "order", "sex", "name", "certificate")
            if getattr(now, name) != getattr(before, name) and name not in since
        }
        if not changes:
            return
        with _in_words():
            births.correct(child, actor, self.row.reason, **changes)
        going = Episode.objects.filter(person=child, status__in=episodes.GOING_ON)
        for episode in going.order_by("pk"):  # what is due goes by the day of birth
            flow.advance(flow.lock(episode))

    def _corrected_since(self, child: Person, before: _Child) -> set[str]:
        """What the register no longer tells as this form did: there it was put right since."""
        birth = births.of(child)
        index = id_index(before.certificate, Person.IdType.BIRTH) if before.certificate else ""
        found = set()
        if child.sex != before.sex:
            found.add("sex")
        if child.name != before.name and not births.has_made_up_name(child):
            found.add("name")
        if birth is not None and birth.certificate_index not in ("", index):
            found.add("certificate")
        return found

    def _move(self, name: str, subject: Person) -> None:
        """Correct the opening form of what was begun, but for what was corrected there since."""
        begun = Episode.objects.filter(source__startswith=self._source(name), person=subject)
        episode = begun.exclude(status=Episode.Status.CANCELLED).select_related("region").first()
        opening = episodes.opening_of(episode) if episode is not None else None
        if episode is None or opening is None:
            return
        form = content.programme_of(episode).forms[opening.form]
        own = {field.element for field in form.fields_for(opening.role)}
        changes = {
            target: value
            for target, value in self.carried().items()
            if target in own
            and value is not None
            and value != opening.data.get(target)
            and not _put_right_there(opening, target)
        }
        if changes:
            from_form = self.programme.forms[self.row.form].label.zh
            told = {"form": from_form, "reason": self.row.reason}
            reason = _("“%(form)s”已更正：%(reason)s") % told
            label = content.programme_of(episode).label.zh
            with _in_words(label if not episode.compartment else ""):
                encounters.amend(
                    opening.key, changes, reason, Actor.system("starts", episode.region)
                )


def _put_right_there(opening: Encounter, name: str) -> bool:
    """Whether a value was written by somebody in the record itself, not carried from here."""
    row = opening
    while row.replaces is not None and row.replaces.data.get(name) == row.data.get(name):
        row = row.replaces
    return row.signed_by_id is not None


@contextmanager
def _in_words(programme: str = "") -> Iterator[None]:
    """A refusal further on, as a refusal to sign this form."""
    try:
        yield
    except RegistryError as error:
        raise CareError(error.message_zh, error.code) from error
    except CareError as error:
        errors = getattr(error, "errors", {})
        why = "；".join(str(e) for e in errors.values()) or error.message_zh
        if programme:
            why = _("不能自动登记“%(programme)s”：%(why)s") % {"programme": programme, "why": why}
        raise CareError(why, error.code) from error


# What one sheet tells, while its facts are asked for: see `_Told.facts`.
_sheet: ContextVar[tuple[int, Mapping[str, Any]] | None] = ContextVar("sheet", default=None)


@contextmanager
def _telling(episode: Episode, told: Mapping[str, Any]) -> Iterator[None]:
    token = _sheet.set((episode.pk, told))
    try:
        yield
    finally:
        _sheet.reset(token)


def supplied(rows: Sequence[Episode], on: date) -> Mapping[int, Mapping[str, Any]]:
    """Facts of the one sheet that is looked at."""
    sheet = _sheet.get()
    return {} if sheet is None else {sheet[0]: sheet[1]}
