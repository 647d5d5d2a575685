"""Who may do what to whose record: the one place that decides.

A duty (what) within a region (whose). Outside her region a record does not exist for her (404);
inside it, what her duty does not include is refused with the reason (403). Whatever lies in a
compartment (see docs/decisions/0009-compartments.md) does not exist for a duty that does not work in
it, wherever it lies. Whatever is not listed here is refused.
"""

import datetime as dt
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, Self

from django.db import models
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from sanyou.registry.duties import ACTIONS, DUTIES, Duty
from sanyou.registry.models import DutyAssignment, Organisation, Region, Staff

# How a record is reached: a path to a region code, then the compartments that lie on the way.
Way = tuple[str, ...]


def _hanging_on(episode: str = "") -> tuple[Way, ...]:
    """What hangs on an episode: by the region responsible, and by that where it was opened."""
    return tuple(
        (f"{episode}{name}__code", f"{episode}compartment") for name in ("region", "origin")
    )


# Where each kind of record lies. A record is within reach when any of its ways is: its region lies
# in hers, and every compartment on it is open to her duty ("" is open to everybody). People and
# couples are reached through their episodes, and where they live now; those known only within a
# compartment say so themselves.
PLACES: dict[str, tuple[Way, ...]] = {
    "registry.Region": (("code",),),
    "registry.Organisation": (("region__code",),),
    "registry.Staff": (("organisation__region__code",), ("duties__region__code",)),
    "registry.DutyAssignment": (("region__code",),),
    "registry.Person": (
        ("residence_region__code", "compartment"),
        *_hanging_on("episodes__"),
        *_hanging_on("couples_as_wife__episodes__"),
        *_hanging_on("couples_as_husband__episodes__"),
    ),
    "registry.Couple": (
        ("wife__residence_region__code", "compartment"),
        ("husband__residence_region__code", "compartment"),
        *_hanging_on("episodes__"),
    ),
    "registry.Pregnancy": (
        ("woman__residence_region__code", "compartment"),
        *_hanging_on("episodes__"),
    ),
    "registry.Birth": (
        ("child__residence_region__code", "child__compartment", "mother__compartment"),
    ),
    "registry.FormerIdentity": (("person__residence_region__code", "person__compartment"),),
    "registry.Doubt": (("region__code", "person__compartment", "other__compartment"),),
    "registry.Group": (("organisation__region__code",),),
    "registry.Member": (("group__organisation__region__code", "person__compartment"),),
    "care.Episode": _hanging_on(),
    "care.Transfer": _hanging_on("episode__"),
    "care.EligibilityDecision": _hanging_on("episode__"),
    "care.Consent": _hanging_on("episode__"),
    "care.Encounter": _hanging_on("episode__"),
    "care.Assessment": _hanging_on("episode__"),
    "care.Session": (("region__code",),),
    "care.Task": (("region__code", "episode__compartment"),),
    "care.ContactAttempt": (("task__region__code", "task__episode__compartment"),),
    "care.Card": _hanging_on("episode__"),
    "care.Document": _hanging_on("episode__"),
    "care.Referral": _hanging_on("episode__"),
    "finance.Claim": (("region__code", "episode__compartment"),),
    "finance.Statement": (("organisation__region__code",),),
    "finance.Correction": (("claim__region__code", "claim__episode__compartment"),),
    "finance.Posting": (("region__code", "claim__episode__compartment"),),
    "finance.AnnualAccount": (("region__code",),),
    "benefits.PublicNotice": (
        ("region__code",),
        ("entries__episode__region__code", "entries__episode__compartment"),
    ),
    "benefits.NoticeEntry": (("episode__region__code", "episode__compartment"),),
    "benefits.Objection": (("entry__episode__region__code", "entry__episode__compartment"),),
    "benefits.Decision": (("episode__region__code", "episode__compartment"),),
    "benefits.Appeal": (("episode__region__code", "episode__compartment"),),
    "benefits.BenefitEntry": (("region__code",),),
    "figures.Submission": (("region__code",),),
    "figures.TaskNumber": (("region__code",),),
    "figures.PolicyDraft": (("region__code",),),
    "releases.Release": (("region__code",),),
    "exchange.ImportFile": (("organisation__region__code",),),
    "exchange.ImportRow": (("file__organisation__region__code",),),
    "stock.Batch": (("balances__store__region__code",),),
    "stock.Balance": (("store__region__code",),),
    "stock.Movement": (("store__region__code",),),
    "stock.Transfer": (("sender__region__code",), ("receiver__region__code",)),
    "stock.Count": (("store__region__code",),),
}

# Records that tell of a whole programme: one of a compartment has them for its own duties only.
PROGRAMMES: dict[str, str] = {
    "care.Session": "programme",
    "finance.Statement": "programme",
    "finance.Posting": "statement__programme",
    "finance.AnnualAccount": "programme",
    "benefits.PublicNotice": "programme",
    "figures.Submission": "programme",
    "figures.TaskNumber": "programme",
    "figures.PolicyDraft": "programme",
    "exchange.ImportFile": "programme",
    "exchange.ImportRow": "file__programme",
}

# The floor that reads the content tells which programmes lie in a compartment: id -> compartment.
Compartments = Callable[[], Mapping[str, str]]
_told: list[Compartments] = []


def tell_compartments(of_programmes: Compartments) -> None:
    """Let the floor above say which programme lies in which compartment."""
    if of_programmes not in _told:
        _told.append(of_programmes)


# A couple that moved away is still read where its episode was opened; these acts belong to the
# region responsible now.
OF_THE_RESPONSIBLE = {
    "home", "nominate", "review", "confirm", "issue_card", "take_consent", "fill", "sign", "amend",
    "assess", "issue_document", "follow_up", "transfer",
}  # fmt: skip


class AccessError(Exception):
    """Refused. `message_zh` may be shown."""

    def __init__(self, message_zh: str) -> None:
        super().__init__(message_zh)
        self.message_zh = message_zh


class NotFoundForYou(AccessError):
    """Outside her region or in a shut compartment: she is not told whether it exists (404)."""

    def __init__(self) -> None:
        super().__init__(_("没有找到这条记录，或它不在您负责的地区。"))


class Forbidden(AccessError):
    """Inside her region, but not her duty (403)."""


class HasPrivacy(Protocol):
    """A data element of the dictionary, or anything with its privacy class."""

    @property
    def privacy(self) -> str: ...


class HasDuty(Protocol):
    """A form of a programme: `duty` lists who fills it."""

    @property
    def duty(self) -> Any: ...


@dataclass(frozen=True)
class Actor:
    """Somebody at work under one duty in one region. `region_prefix` "" reaches everywhere."""

    staff: Staff | None
    username: str
    display_name: str
    duty: str
    region_prefix: str
    region: Region | None = None
    organisation: Organisation | None = None

    @classmethod
    def of(cls, staff: Staff, assignment: DutyAssignment, on: dt.date | None = None) -> Self:
        """The staff member under one of her duties. Forbidden when it is not hers or not valid."""
        today = on or timezone.localdate()
        until = assignment.valid_until
        if assignment.staff_id != staff.pk or assignment.duty not in DUTIES or not staff.is_active:
            raise Forbidden(_("您没有这项职责，请联系系统管理员。"))
        if assignment.duty == "system":
            raise Forbidden(_("这项职责不能分配给个人。"))
        if assignment.valid_from > today or (until is not None and until < today):
            raise Forbidden(_("您的这项职责不在有效期内，请联系系统管理员。"))
        return cls(
            staff,
            staff.username,
            staff.display_name,
            assignment.duty,
            assignment.region.prefix,
            assignment.region,
            staff.organisation,
        )

    @classmethod
    def system(cls, name: str, region: Region | None = None) -> Self:
        """A command or job, in the whole country or one region; `system:<name>` in the audit."""
        prefix = region.prefix if region else ""
        return cls(None, f"system:{name}", _("系统"), "system", prefix, region)

    @property
    def role(self) -> Duty:
        """The row of the duty table."""
        return DUTIES[self.duty]

    def can(self, action: str, obj: models.Model | None = None) -> bool:
        """Whether her duty includes the action and the object lies within her region."""
        if not does(self, action):
            return False
        return obj is None or (within(self, obj) and not moved_away(self, action, obj))

    def require(self, action: str, obj: models.Model | None = None) -> None:
        """Pass, or raise NotFoundForYou (outside her region) or Forbidden (not her duty)."""
        if obj is not None and not within(self, obj):
            raise NotFoundForYou
        if not does(self, action):
            what = ACTIONS.get(action.partition(":")[0], action)
            raise Forbidden(
                _("“%(duty)s”职责不能%(what)s。如确需办理，请切换职责或联系系统管理员。")
                % {"duty": self.role.label, "what": what}
            )
        if obj is not None and moved_away(self, action, obj):
            raise Forbidden(_("这份档案已转到其他区县，由新的区县办理；这里只能查看。"))


def moved_away(actor: Actor, action: str, obj: models.Model) -> bool:
    """Whether the act belongs to another region, to which the episode was handed on."""
    return (
        obj._meta.label == "care.Episode"
        and action.partition(":")[0] in OF_THE_RESPONSIBLE
        and not reaches(actor, getattr(obj, "region_id", None))
    )


def does(actor: Actor, action: str) -> bool:
    """Whether the duty includes the action, wherever. "fill:<form>" asks for "fill"."""
    return action.partition(":")[0] in DUTIES[actor.duty].may


def reaches(actor: Actor, code: str | None) -> bool:
    """Whether a region code lies within the actor's region."""
    return actor.region_prefix == "" or (code or "").startswith(actor.region_prefix)


def works_in(actor: Actor, compartment: str | None) -> bool:
    """Whether what lies in a compartment exists for her duty; outside of them all does."""
    return not compartment or compartment in actor.role.compartments


def shut_programmes(actor: Actor) -> set[str]:
    """The programmes that do not exist for her duty."""
    return closed_programmes(actor.role.compartments)


def require_programme(actor: Actor, programme: str) -> None:
    """Pass, or raise NotFoundForYou where the programme does not exist for her duty."""
    if programme in shut_programmes(actor):
        raise NotFoundForYou


def closed_programmes(compartments: Collection[str]) -> set[str]:
    """The programmes of any compartment but these."""
    return {
        programme
        for told in _told
        for programme, compartment in told().items()
        if compartment not in compartments
    }


def within(actor: Actor, obj: models.Model) -> bool:
    """Whether a record lies within the actor's region and in no compartment that is shut to her; a
    kind not listed in PLACES never does."""
    label, model = obj._meta.label, type(obj)
    programme = PROGRAMMES.get(label)
    if programme and _walk(obj, programme) in closed_programmes(actor.role.compartments):
        return False
    ways = PLACES.get(label, ())
    if not ways:
        return actor.region_prefix == ""
    plain = [way for way in ways if not any(is_plural(model, path) for path in way)]
    if any(_leads(actor, obj, way) for way in plain):
        return True
    if obj.pk is None or len(plain) == len(ways):
        return False
    return visible(actor, model._default_manager.filter(pk=obj.pk)).exists()


def _leads(actor: Actor, obj: models.Model, way: Way) -> bool:
    """Whether a way that never branches leads her to the record."""
    path, *compartments = way
    if actor.region_prefix:
        code = _walk(obj, path)
        if not code or not reaches(actor, code):
            return False
    return all(works_in(actor, _walk(obj, name)) for name in compartments)


def visible(actor: Actor, queryset: QuerySet[Any]) -> QuerySet[Any]:
    """The rows of a queryset that lie within the actor's region and in no compartment shut to her."""
    return _open(queryset, actor.role.compartments, actor.region_prefix)


def existing(actor: Actor, queryset: QuerySet[Any]) -> QuerySet[Any]:
    """The rows that exist for her duty, wherever they lie: those in no compartment shut to her."""
    return _open(queryset, actor.role.compartments, "")


def outside(queryset: QuerySet[Any]) -> QuerySet[Any]:
    """The rows in no compartment: what may be counted and shown whoever looks."""
    return _open(queryset, (), "")


def _open(queryset: QuerySet[Any], compartments: Collection[str], prefix: str) -> QuerySet[Any]:
    """The rows that some way leads to under these compartments and this region."""
    model = queryset.model
    label = model._meta.label
    if (programme := PROGRAMMES.get(label)) and (shut := closed_programmes(compartments)):
        queryset = queryset.exclude(**{f"{programme}__in": sorted(shut)})
    ways = PLACES.get(label)
    if not ways:
        return queryset.none() if prefix else queryset
    if not prefix and any(len(way) == 1 for way in ways):
        return queryset
    here = Q()
    for path, *kept in ways:
        way = Q(**{f"{path}__startswith": prefix}) if prefix else Q()
        for compartment in kept:
            way &= _is_open(model, compartment, compartments)
        here |= way
    if any(is_plural(model, path) for way in ways for path in way):
        # A subquery instead of joins: no duplicates, and the caller may go on filtering.
        return queryset.filter(pk__in=model._base_manager.filter(here).values("pk"))
    return queryset.filter(here)


def _is_open(model: type[models.Model], path: str, compartments: Collection[str]) -> Q:
    """That the compartment at the end of a path is one of these, or none; or nothing is there."""
    found = Q(**{f"{path}__in": ["", *sorted(compartments)]})
    first = model._meta.get_field(path.partition("__")[0])
    if "__" in path and first.many_to_one and first.null:
        found |= Q(**{f"{path.partition('__')[0]}__isnull": True})
    return found


def is_plural(model: type[models.Model], path: str) -> bool:
    """Whether a path crosses from one to many."""
    step: Any = model
    for name in path.split("__")[:-1]:
        relation = step._meta.get_field(name)
        if relation.one_to_many or relation.many_to_many:
            return True
        step = relation.related_model
    return False


def _walk(obj: models.Model, path: str) -> str | None:
    """What stands at the end of a path of an object that never branches."""
    value: Any = obj
    # The code is the key of a region, so it is read from the row that points there: no query.
    for name in re.sub("__code$", "_id", path).split("__"):
        if value is None:
            return None
        value = getattr(value, name)
    return None if value is None else str(value)


def may_see(actor: Actor, element: HasPrivacy) -> bool:
    """Whether her duty reads elements of this privacy class (restricted: clinical duties only)."""
    return element.privacy in DUTIES[actor.duty].privacy


def may_unmask(actor: Actor) -> bool:
    """Whether whole identity numbers are shown to her duty."""
    return DUTIES[actor.duty].unmasked


def may_fill(actor: Actor, form: HasDuty, obj: models.Model | None = None) -> bool:
    """Whether she may fill a form (of a record): her duty fills forms, and the form names it."""
    return actor.can("fill", obj) and (actor.duty == "system" or actor.duty in form.duty)


def may_confirm(actor: Actor, duties: Collection[str], obj: models.Model | None = None) -> bool:
    """Whether she decides who is let in: by her duty's action, or because the programme's step
    names her duty (`duties`) and she registers people herself."""
    if actor.can("confirm", obj):
        return True
    return actor.duty in duties and actor.can("nominate", obj)


def may_keep(actor: Actor, store: Organisation) -> bool:
    """Whether she keeps a store's books: managers of stock in their region; a village's own store
    also the worker of that village, who hands out from it."""
    if actor.can("manage_stock", store):
        return True
    if store.kind != Organisation.Kind.VILLAGE or not actor.can("see_stock", store):
        return False
    hers = actor.organisation is not None and actor.organisation.pk == store.pk
    there = store.region.level == Region.Level.VILLAGE and actor.region == store.region
    return hers or there
