"""Merging two records of one person (or couple), and taking it back.

Everything that points to the loser is moved to the winner, whatever layer it belongs to; the loser
stays and says into whom it was merged, so old keys and cards keep working. Each move is noted with
its old and new value: undoing puts back exactly these.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from typing import Any, TypeVar

from django.apps import apps
from django.db import IntegrityError, models, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from sanyou.registry import pregnancies
from sanyou.registry.access import Actor, outside
from sanyou.registry.models import Birth, Couple, Doubt, Member, Merge, Person, Pregnancy
from sanyou.trust import audit

T = TypeVar("T", Person, Couple)
Moved = list[list[Any]]  # [[app.model, pk, field, old, new], …]

# A floor above may settle what must not stand twice once two records are one (two claims for one
# child): (winner, loser) -> changes to make first, as (row, field, new value). May raise
# MergeRefused. The changes are noted like all others and undone with the merge.
Change = tuple[models.Model, str, Any]
Settler = Callable[[models.Model, models.Model], Iterable[Change]]
settlers: list[Settler] = []


class MergeRefused(Exception):
    """Cannot be merged or undone; `message_zh` says why and what to do."""

    def __init__(self, message_zh: str) -> None:
        super().__init__(message_zh)
        self.message_zh = message_zh


@transaction.atomic
def merge_people(winner: Person, loser: Person, reason: str, actor: Actor) -> Merge:
    """Merge `loser` into `winner`. Couples that become the same two people are merged with them, and
    so are children and pregnancies that become the same.

    Needs the duty "merge" over both. MergeRefused when they cannot be one person.
    """
    winner, loser = _two(Person, winner, loser, reason, actor)
    _check_two(winner, loser)
    moved: Moved = []
    for side, other in (("wife", "husband"), ("husband", "wife")):
        for couple in Couple.objects.filter(**{side: loser, "merged_into": None}):
            same = {side: winner, other: getattr(couple, other)}
            twin = Couple.objects.filter(**same).first()
            if twin is not None:
                _merge_into(_standing(twin), couple, moved)
    _merge_person(winner, loser, moved)
    return _note("person", winner, loser, moved, reason, actor)


def _check_two(winner: Person, loser: Person) -> None:
    if winner.sex and loser.sex and winner.sex != loser.sex:
        raise MergeRefused(_("两份档案性别不同，不能合并。请核对身份证号码。"))
    kinds = winner.id_type, loser.id_type
    if kinds[0] == Person.IdType.NONE != kinds[1]:
        raise MergeRefused(_("其中一份没有证件号码。请保留有证件号码的那一份。"))


def _merge_person(winner: Person, loser: Person, moved: Moved, own: Birth | None = None) -> None:
    """What is the same of both is settled first; the rest goes to the winner. `own`: the birth of
    the loser that is settled already."""
    stays: set[models.Model] = {own} if own is not None else _settle_child(winner, loser, moved)
    stays |= _settle_births(winner, loser, moved)
    stays |= _settle_pregnancies(winner, loser, moved)
    both = Member.objects.filter(
        person=loser, left_on=None, group__members__in=winner.memberships.filter(left_on=None)
    )
    for member in both:
        _set(member, "left_on", timezone.localdate().isoformat(), moved)
    _merge_into(winner, loser, moved, stays)
    if not winner.sex and loser.sex:
        _set(winner, "sex", loser.sex, moved)
    for doubt in _doubts_between(winner, loser):
        _set(doubt, "status", Doubt.Status.MERGED.value, moved)


def _settle_child(winner: Person, loser: Person, moved: Moved) -> set[models.Model]:
    """A child registered twice: the birth of the record that goes stays with it."""
    own = Birth.objects.filter(child=loser).select_related("mother").first()
    kept = Birth.objects.filter(child=winner).select_related("mother").first()
    if own is None or kept is None:
        return set()
    if _root(own.mother) != _root(kept.mother):
        raise MergeRefused(
            _("两份儿童档案登记的母亲不同。是同一位母亲的，请先合并母亲的档案；不是的，请先更正。")
        )
    _fill_birth(kept, own, moved)
    return {own}


def _settle_births(winner: Person, loser: Person, moved: Moved) -> set[models.Model]:
    """Two mothers that become one: children of the same day and order become one, too. The births
    that stay with the loser, because the winner has them already."""
    stays: set[models.Model] = set()
    for birth in Birth.objects.filter(mother=loser).select_related("child").order_by("pk"):
        if birth.child.merged_into_id is not None:
            stays.add(birth)  # stayed with its child before
            continue
        same = Birth.objects.filter(mother=winner, born_on=birth.born_on, order=birth.order)
        twin = same.select_related("child").first()
        if twin is None:
            continue
        child = _root(twin.child)
        if not _may_be_one(child, birth.child) or not _same_certificate(twin, birth):
            raise MergeRefused(
                _(
                    "合并后同一次分娩会有两个第 %d 个孩子，性别或证件不同。"
                    "请先更正其中一个的“第几个”，再合并。"
                )
                % birth.order
            )
        _fill_birth(twin, birth, moved)
        _merge_person(child, birth.child, moved, birth)
        stays.add(birth)
    return stays


def _may_be_one(one: Person, two: Person) -> bool:
    card = Person.IdType.RESIDENT
    return not ((one.sex and two.sex and one.sex != two.sex) or one.id_type == two.id_type == card)


def _same_certificate(one: Birth, two: Birth) -> bool:
    numbers = {one.certificate_index, two.certificate_index} - {""}
    return len(numbers) < 2


def _fill_birth(kept: Birth, other: Birth, moved: Moved) -> None:
    """What only the other row of the same birth tells."""
    for name in ("father_id", "pregnancy_id", "certificate_index"):
        if not getattr(kept, name) and getattr(other, name):
            _set(kept, name, getattr(other, name), moved)
            setattr(kept, name, getattr(other, name))


def _settle_pregnancies(winner: Person, loser: Person, moved: Moved) -> set[models.Model]:
    """Pregnancies that stay with the loser: what hung on them hangs on the winner's from now on."""
    stays: set[models.Model] = set()
    theirs = list(Pregnancy.objects.filter(woman=winner).order_by("pk"))
    for other in Pregnancy.objects.filter(woman=loser).order_by("pk"):
        kept = next((p for p in theirs if pregnancies.is_same(p, other)), None)
        if kept is None:
            continue
        for name in ("began_on", "ended_on"):
            if getattr(kept, name) is None and (day := getattr(other, name)) is not None:
                _set(kept, name, day.isoformat(), moved)
                setattr(kept, name, day)
        _move(kept, other, moved, set())
        stays.add(other)
    return stays


@transaction.atomic
def merge_couples(winner: Couple, loser: Couple, reason: str, actor: Actor) -> Merge:
    """Merge the records of two couples that are the same two people. Merge the people first where
    they differ."""
    winner, loser = _two(Couple, winner, loser, reason, actor)
    pairs = {(_root(c.wife).pk, _root(c.husband).pk) for c in (winner, loser)}
    if len(pairs) != 1:
        raise MergeRefused(_("两份档案的夫妇不是相同的两个人，请先合并个人档案。"))
    moved: Moved = []
    _merge_into(winner, loser, moved)
    return _note("couple", winner, loser, moved, reason, actor)


@transaction.atomic
def undo(merge: Merge, actor: Actor, reason: str) -> Merge:
    """Put back what the merge moved. What was added to the winner since stays with the winner.

    MergeRefused when undone already or when something moved has been changed again since.
    """
    merge = Merge.objects.select_for_update().get(pk=merge.pk)
    model: type[models.Model] = Person if merge.kind == "person" else Couple
    actor.require("merge", model._default_manager.get(key=merge.winner))
    if merge.undone_at is not None:
        raise MergeRefused(_("这次合并已经撤销过。"))
    if not reason.strip():
        raise MergeRefused(_("请填写撤销理由。"))
    for label, pk, field, old, new in reversed(merge.moved):
        rows = apps.get_model(label)._base_manager.filter(pk=pk, **{field: new})
        if rows.update(**{field: old}) != 1:
            raise MergeRefused(_("合并之后相关记录又有变动，请先撤销后来的合并或更正。"))
    merge.undone_at, merge.undone_by = timezone.now(), actor.staff
    merge.save(update_fields=["undone_at", "undone_by"])
    audit.record(actor, "unmerge", merge.kind, merge.winner, other=merge.loser, reason=reason)
    return merge


def _two(model: type[T], winner: T, loser: T, reason: str, actor: Actor) -> tuple[T, T]:
    """Both rows, locked in one order and still standing."""
    actor.require("merge", winner)
    actor.require("merge", loser)
    if not reason.strip():
        raise MergeRefused(_("请填写合并理由。"))
    keys = [winner.pk, loser.pk]
    rows = model._default_manager.select_for_update().filter(pk__in=keys).order_by("pk")
    found: dict[Any, T] = {row.pk: row for row in rows}
    if len(found) != 2:
        raise MergeRefused(_("请选择两份不同的档案。"))
    if any(row.merged_into_id is not None for row in found.values()):
        raise MergeRefused(_("其中一份档案已经合并过，请刷新页面。"))
    return found[winner.pk], found[loser.pk]


def _root(person: Person) -> Person:
    while person.merged_into is not None:
        person = person.merged_into
    return person


def _standing(couple: Couple) -> Couple:
    while couple.merged_into is not None:
        couple = couple.merged_into
    return couple


def _doubts_between(one: Person, two: Person) -> list[Doubt]:
    pair = [one, two]
    return list(Doubt.objects.filter(person__in=pair, other__in=pair, status=Doubt.Status.OPEN))


def _merge_into(
    winner: models.Model, loser: models.Model, moved: Moved, stays: Collection[models.Model] = ()
) -> None:
    """Move every row that points to the loser but those that stay, then mark the loser."""
    for settler in settlers:
        for row, field, new in settler(winner, loser):
            _set(row, field, new, moved)
    _move(winner, loser, moved, stays)
    _set(loser, "merged_into_id", winner.pk, moved)


def _move(
    winner: models.Model, loser: models.Model, moved: Moved, stays: Collection[models.Model]
) -> None:
    for relation in loser._meta.related_objects:
        key = relation.field
        if not isinstance(key, models.ForeignKey) or key.model in {type(loser), Doubt}:
            continue  # earlier losers keep their own chain; doubts name the records as they were
        for row in key.model._base_manager.filter(**{key.name: loser}):
            if getattr(row, "merged_into_id", None) is None and row not in stays:
                _set(row, key.attname, winner.pk, moved)


def _set(row: models.Model, field: str, new: Any, moved: Moved) -> None:
    old = getattr(row, field)
    try:
        with transaction.atomic():
            type(row)._base_manager.filter(pk=row.pk).update(**{field: new})
    except IntegrityError as error:
        raise MergeRefused(
            _("两份档案各有一条“%(what)s”，合并后会重复。请先处理其中一条，再合并。")
            % {"what": row._meta.verbose_name}
        ) from error
    moved.append([row._meta.label, row.pk, field, old, new])


def _note(
    kind: str,
    winner: Person | Couple,
    loser: Person | Couple,
    moved: Moved,
    reason: str,
    actor: Actor,
) -> Merge:
    merge = Merge.objects.create(
        kind=kind,
        winner=winner.key,
        loser=loser.key,
        moved=moved,
        reason=reason.strip(),
        by=actor.staff,
    )
    audit.record(actor, "merge", kind, winner.key, other=loser.key, moved=_moved_outside(moved))
    return merge


def _moved_outside(moved: Moved) -> int:
    """How many rows were moved, but for those of a compartment."""
    by_model: dict[str, list[Any]] = defaultdict(list)
    for label, pk, *_change in moved:
        by_model[label].append(pk)
    return sum(
        outside(apps.get_model(label)._base_manager.filter(pk__in=pks)).count()
        for label, pks in by_model.items()
    )
