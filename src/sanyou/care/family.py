"""A family on one line of life: couple, pregnancies, children, and every record that hangs on them."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date

from django.db.models import Q

from sanyou.care.models import Episode, Task
from sanyou.care.reading import may_read_elsewhere
from sanyou.registry.access import Actor, existing, visible
from sanyou.registry.models import Birth, Couple, Person, Pregnancy


@dataclass(frozen=True)
class Family:
    """`mother` may be missing (a child whose mother is not known here), `father` too."""

    mother: Person | None
    father: Person | None
    children: tuple[Birth, ...] = ()
    pregnancies: tuple[Pregnancy, ...] = ()
    couples: tuple[Couple, ...] = ()
    alone: Person | None = None  # somebody of whom no family is known

    @property
    def people(self) -> list[Person]:
        """Everybody, parents first, each once."""
        found = [self.mother, self.father, *(b.child for b in self.children), self.alone]
        return list({p.pk: p for p in found if p is not None}.values())


def family_of(person: Person, actor: Actor) -> Family:
    """The family in which somebody is a child; else the one she or he has made."""
    standing = Birth.objects.filter(child__merged_into=None)
    births = existing(actor, standing.select_related("mother", "father"))
    birth = births.filter(child=person).first()
    married = Q(wife=person) | Q(husband=person)
    known = existing(actor, Couple.objects.filter(merged_into=None))
    couples = known.filter(married).select_related("wife", "husband")
    mother: Person | None
    father: Person | None
    if birth is not None and not couples:
        mother, father = birth.mother, birth.father
    else:
        couple = couples.order_by("-pk").first()
        mother = couple.wife if couple else person if person.sex == "female" else None
        father = couple.husband if couple else person if person.sex == "male" else None
        if couple is None and father is not None:
            as_father = births.filter(father=father).first()
            mother = as_father.mother if as_father else None
    if mother is None:
        return Family(None, father if father != person else None, alone=person)
    children = births.filter(mother=mother).select_related("child", "father", "pregnancy")
    own = known.filter(wife=mother).select_related("husband")
    if father is None:
        latest = own.order_by("-pk").first()
        father = latest.husband if latest else next((b.father for b in children if b.father), None)
    return Family(
        mother,
        father,
        tuple(children.order_by("born_on", "order")),
        tuple(existing(actor, mother.pregnancies.order_by("began_on", "pk"))),
        tuple(own),
    )


def episodes_of(family: Family, actor: Actor) -> list[Episode]:
    """Every episode of the family that she may read, the oldest first."""
    people = [p.pk for p in family.people]
    found = (
        Episode.objects.filter(Q(couple__in=family.couples) | Q(person__in=people))
        .exclude(status=Episode.Status.CANCELLED)
        .select_related("couple__wife", "couple__husband", "person", "region", "pregnancy")
        .order_by("opened_on", "pk")
    )
    within = set(visible(actor, found).values_list("pk", flat=True))
    return [e for e in found if e.pk in within or may_read_elsewhere(actor, e)]


@dataclass(frozen=True)
class Due:
    """What is to be done for the family, and when."""

    task: Task
    episode: Episode
    state: str  # overdue | now | later


@dataclass
class Work:
    overdue: list[Due] = field(default_factory=list)
    now: list[Due] = field(default_factory=list)
    later: list[Due] = field(default_factory=list)


def work_of(episodes: Iterable[Episode], today: date) -> Work:
    """Open tasks of these episodes by their windows, the most urgent first."""
    by_pk = {e.pk: e for e in episodes}
    rows = (
        Task.objects.filter(episode__in=by_pk, status=Task.Status.OPEN)
        .select_related("region", "episode")
        .order_by("due", "opens", "pk")
    )
    work = Work()
    for task in rows:
        episode = by_pk[task.episode_id]
        if task.opens > today:
            work.later.append(Due(task, episode, "later"))
        elif task.due is not None and task.due < today:
            work.overdue.append(Due(task, episode, "overdue"))
        else:
            work.now.append(Due(task, episode, "now"))
    work.later.sort(key=lambda d: (d.task.opens, d.task.pk))
    return work
