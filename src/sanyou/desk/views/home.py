"""The first page of a duty: her own queue, her two or three actions, and nothing else."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Substr
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sanyou.care import content, tasks
from sanyou.care.models import Episode, Task
from sanyou.care.steps import registers
from sanyou.desk.actor import actor_of, duty_page
from sanyou.desk.below import Below, below, is_above
from sanyou.desk.paging import PER_PAGE, Leaf, leaf
from sanyou.desk.views.records import names_of
from sanyou.desk.views.review import steps_of
from sanyou.finance.models import Statement
from sanyou.registry import trail
from sanyou.registry.access import Actor, visible
from sanyou.registry.models import Doubt, DutyAssignment, Region, Staff
from sanyou.stock import reading


@dataclass(frozen=True)
class Door:
    """One thing to start from the home page."""

    url: str
    label: str
    icon: str
    primary: bool = False


@dataclass(frozen=True)
class Item:
    """One line of a queue."""

    task: Task
    names: dict[str, str]  # role -> name
    group: str
    place: str

    @property
    def who(self) -> str:
        """Whose task it is: one spouse, or both."""
        return self.names.get(self.task.role) or "、".join(self.names.values())

    @property
    def other(self) -> str:
        """The spouse of the one whose task it is."""
        if self.task.role not in self.names:
            return ""
        return "、".join(n for role, n in self.names.items() if role != self.task.role)


# (url name, action, label, icon): the first that a duty may do is its main button.
DOORS = (
    ("nominate", "nominate", gettext_lazy("登记一对夫妇"), "plus"),
    ("imports", "import", gettext_lazy("导入文件"), "upload"),
    ("card-scan", "search", gettext_lazy("扫描服务卡"), "card"),
    ("reports", "report", gettext_lazy("月报"), "chart"),
    ("task-numbers", "see_task_numbers", gettext_lazy("年度任务"), "check"),
    ("statements", "see_money", gettext_lazy("结算表"), "money"),
    ("special-account", "see_money", gettext_lazy("经费专账"), "money"),
    ("annual-accounts", "see_money", gettext_lazy("决算与预算"), "chart"),
    ("benefit-payments", "pay_statement", gettext_lazy("补助拨付"), "couple"),
    ("stock", "see_stock", gettext_lazy("药具库存"), "upload"),
    ("staff-new", "manage_staff", gettext_lazy("新增人员"), "staff"),
    ("staff", "manage_staff", gettext_lazy("人员与岗位"), "staff"),
    ("audit", "see_audit", gettext_lazy("操作记录"), "shield"),
)
# What each duty starts from; nothing else is offered.
DOORS_OF = {
    "village_worker": ("nominate", "card-scan", "stock"),
    "township_officer": ("nominate", "imports", "stock"),
    "registration": ("card-scan", "nominate", "imports"),
    "history_nurse": ("card-scan",),
    "physician": ("card-scan",),
    "laboratory": ("card-scan", "imports"),
    "ultrasound": ("card-scan",),
    "assessing_doctor": ("card-scan",),
    "followup_worker": ("card-scan",),
    "maternity_doctor": ("nominate", "card-scan"),
    "screening_nurse": ("nominate", "card-scan"),
    "child_doctor": ("nominate", "card-scan"),
    "women_doctor": ("nominate", "card-scan"),
    "infection_officer": ("nominate",),
    "case_manager": ("nominate", "reports"),
    "school_doctor": ("nominate",),
    "expert": ("card-scan",),
    "statistician": ("reports", "task-numbers", "imports"),
    "storekeeper": ("stock",),
    "finance": ("statements", "special-account", "annual-accounts", "benefit-payments"),
    "manager": ("reports", "task-numbers", "statements", "audit"),
    "administrator": ("staff-new", "staff", "audit"),
}


@dataclass(frozen=True)
class Many:
    """A step that may be done for several couples at once, from the queue."""

    step: str  # both the action and the step's kind
    url: str
    label: Any
    question: Any


MANY = (
    Many(
        "review",
        "review-many",
        gettext_lazy("所选审核通过"),
        gettext_lazy("审核通过所选夫妇？"),
    ),
    Many(
        "confirm",
        "confirm-many",
        gettext_lazy("所选确认资格"),
        gettext_lazy("确认所选档案的资格？只确认系统判断符合且免费的，其余留待逐份核对。"),
    ),
)
NO_QUEUE = {"statistician", "storekeeper", "finance", "manager", "administrator"}
TRANSFERS = 20  # consignments on the storekeeper's page
NAMED = 200  # people of one name on a page
GROUPS = ("overdue", "today", "later", "ahead")


@duty_page("home")
def home(request: HttpRequest) -> HttpResponse:
    """The queue of her duty, or the overview of a duty that has none. POST looks for a name, which
    stays out of the address."""
    actor = actor_of(request)
    context: dict[str, Any] = {
        "actor": actor,
        "doors": doors(actor),
        "today": timezone.localdate(),
        "doubts": _open_doubts(actor),
    }
    if actor.duty in NO_QUEUE:
        context |= _overview(actor, below(request, actor))
        return render(request, "desk/shell/overview.html", context)
    context |= _queue(request, actor)
    return render(request, "desk/shell/home.html", context)


def doors(actor: Actor) -> list[Door]:
    """The actions of her duty whose pages exist."""
    found: list[Door] = []
    known = {name: (action, label, icon) for name, action, label, icon in DOORS}
    for name in DOORS_OF.get(actor.duty, ()):
        action, label, icon = known[name]
        if not actor.can(action):
            continue
        if name == "nominate":
            offered = registers(actor.duty, content.programmes_for(actor).values())
            if not offered:
                continue
            if not any(programme.is_couple for programme in offered):
                label = gettext_lazy("登记服务对象")
        try:
            found.append(Door(reverse(name), str(label), icon, not found))
        except NoReverseMatch:
            continue
    return found


def _open_doubts(actor: Actor) -> int:
    if not actor.can("decide_doubt"):
        return 0
    return visible(actor, Doubt.objects.filter(status=Doubt.Status.OPEN)).count()


def group_of(due: date | None, today: date, opens: date | None = None) -> str:
    """overdue | today | later, or ahead of its time; a task without a limit is later."""
    if opens is not None and opens > today:
        return "ahead"
    if due is None or due > today:
        return "later"
    return "overdue" if due < today else "today"


def in_group(rows: QuerySet[Task], group: str, today: date) -> QuerySet[Task]:
    """The part of a queue that belongs to a group; "" is all that can be done now."""
    if group == "ahead":
        return rows.filter(opens__gt=today).order_by("opens", "pk")
    rows = rows.filter(opens__lte=today)
    if group == "overdue":
        return rows.filter(due__lt=today)
    if group == "today":
        return rows.filter(due=today)
    if group == "later":
        return rows.filter(Q(due__isnull=True) | Q(due__gt=today))
    return rows


def _queue(request: HttpRequest, actor: Actor) -> dict[str, Any]:
    today = timezone.localdate()
    whole = tasks.queue(actor)
    rows, chosen = _filtered(request, whole)
    now = Q(opens__lte=today)
    counts = rows.order_by().aggregate(
        overdue=Count("pk", filter=now & Q(due__lt=today)),
        today=Count("pk", filter=now & Q(due=today)),
        all=Count("pk", filter=now),
        ahead=Count("pk", filter=~now),
    )
    counts["later"] = counts["all"] - counts["overdue"] - counts["today"]
    when = _given(request).get("when", "")
    page = leaf(request, in_group(rows, when, today), NAMED if chosen["name"] else PER_PAGE)
    labels = {
        "overdue": _("逾期"),
        "today": _("今天到期"),
        "later": _("未到期"),
        "ahead": _("还没到时间"),
    }
    tabs = [("", _("现在办"), counts["all"])]
    tabs += [(n, labels[n], counts[n]) for n in GROUPS if n != "ahead" or counts[n] or when == n]
    found = items(page, today)
    many = next((m for m in MANY if actor.can(m.step)), None)
    together = steps_of(many.step) if many else set()
    tickable = any(i.task.kind == Task.Kind.STEP and i.task.name in together for i in found)
    return {
        "leaf": page,
        "items": found,
        "counts": counts,
        "when": when if when in GROUPS else "",
        "group_labels": labels,
        "tabs": tabs,
        "labels": whole.order_by().values_list("label", flat=True).distinct(),
        "places": _places(actor, whole),
        "chosen": chosen,
        "many": many if tickable else None,
        "many_steps": together,
    }


def _given(request: HttpRequest) -> QueryDict:
    return request.POST if request.method == "POST" else request.GET


def _filtered(request: HttpRequest, rows: QuerySet[Task]) -> tuple[QuerySet[Task], dict[str, str]]:
    """By kind of work, by township, by name of a spouse."""
    chosen = {name: _given(request).get(name, "").strip() for name in ("label", "place")}
    chosen["name"] = request.POST.get("name", "").strip()
    if chosen["label"]:
        rows = rows.filter(label=chosen["label"])
    if chosen["place"].isdigit():
        rows = rows.filter(region_id__startswith=chosen["place"])
    if chosen["name"]:
        text = chosen["name"]
        rows = rows.filter(
            Q(episode__couple__wife__name__startswith=text)
            | Q(episode__couple__husband__name__startswith=text)
            | Q(episode__person__name__startswith=text)
            | Q(episode__unit__name__contains=text)
        )
    return rows, chosen


def _places(actor: Actor, rows: QuerySet[Task]) -> list[Region]:
    """Townships with work in the queue, where there is more than one; above them the districts."""
    digits = 6 if is_above(actor) else 9
    found = rows.order_by().values_list("region_id", flat=True).distinct()
    codes = {code[:digits] for code in found}
    return list(Region.objects.filter(pk__in=codes)) if len(codes) > 1 else []


def items(page: Leaf | Iterable[Task], today: date) -> list[Item]:
    """Lines with the names of the people, without a query a line."""
    pks = [task.pk for task in page]
    rows = Task.objects.filter(pk__in=pks).select_related(
        "episode__couple__wife",
        "episode__couple__husband",
        "episode__person",
        "episode__unit",
        "region",
    )
    by_pk = {task.pk: task for task in rows}
    return [
        Item(task, names_of(task.episode), group_of(task.due, today, task.opens), task.region.name)
        for task in (by_pk[pk] for pk in pks)
    ]


def _overview(actor: Actor, districts: Below | None) -> dict[str, Any]:
    """Numbers for a duty that does no stations: nothing that names a person."""
    if actor.duty == "administrator":
        today = timezone.localdate()
        people = visible(actor, Staff.objects.all())
        held = DutyAssignment.objects.filter(valid_from__lte=today).filter(
            Q(valid_until__isnull=True) | Q(valid_until__gte=today)
        )
        return {
            "numbers": [
                (people.filter(is_active=True).count(), _("名在用人员"), ""),
                (people.exclude(pk__in=held.values("staff")).count(), _("名没有岗位"), ""),
                (trail.events(actor).count(), _("条操作记录"), ""),
            ]
        }
    if actor.duty == "finance":
        return {"numbers": _statements(actor)}
    if actor.duty == "storekeeper":
        sent = list(reading.arrivals(actor)[:TRANSFERS])
        return {"numbers": [(len(sent), _("项调拨在途或有差异"), "warn")], "transfers": sent}
    return _programme_overview(actor, districts)


def _statements(actor: Actor) -> list[tuple[int, str, str]]:
    """What of her statements is not finished yet."""
    rows = visible(actor, Statement.objects.all())
    status = Statement.Status
    return [
        (rows.filter(status=status.DRAFT).count(), _("张结算表待提交"), ""),
        (rows.filter(status=status.RETURNED).count(), _("张结算表被退回"), "bad"),
        (rows.filter(status=status.SUBMITTED).count(), _("张结算表待审核"), ""),
        (rows.filter(status=status.APPROVED).count(), _("张结算表待拨付"), "warn"),
    ]


def _programme_overview(actor: Actor, districts: Below | None) -> dict[str, Any]:
    """Of her district; of all below her, or the one of them she has chosen."""
    place = districts.chosen.prefix if districts and districts.chosen else ""
    today = timezone.localdate()
    month = today.replace(day=1)
    episodes = visible(actor, Episode.objects.exclude(status=Episode.Status.CANCELLED))
    waiting = visible(actor, Task.objects.filter(status=Task.Status.OPEN, opens__lte=today))
    done = Task.objects.filter(status=Task.Status.DONE, kind=Task.Kind.STEP)
    assessed = visible(actor, done.filter(name__in=steps_of("assess"), closed_at__date__gte=month))
    if districts and not districts.chosen:
        lines = _by_district(districts, episodes, waiting, assessed, today)
    else:
        lines = []
    episodes, waiting, assessed = (
        rows.filter(region__code__startswith=place) for rows in (episodes, waiting, assessed)
    )
    numbers = [
        (episodes.filter(opened_on__gte=month).count(), _("份档案本月登记"), ""),
        (assessed.count(), _("份本月完成评估"), ""),
        (episodes.filter(status=Episode.Status.OPEN).count(), _("份档案进行中"), ""),
        (waiting.filter(due__lt=today).count(), _("项逾期任务"), "bad"),
    ]
    by_duty = (
        waiting.order_by()
        .values("duty")
        .annotate(all=Count("pk"), overdue=Count("pk", filter=Q(due__lt=today)))
        .order_by("-overdue", "-all")
    )
    by_label = waiting.order_by().values("label").annotate(all=Count("pk")).order_by("-all")[:12]
    places = (
        waiting.order_by()
        .values("region__name")
        .annotate(all=Count("pk"), overdue=Count("pk", filter=Q(due__lt=today)))
        .order_by("-overdue", "-all")[:20]
        if not lines
        else ()
    )
    return {
        "below": districts,
        "by_district": lines,
        "numbers": numbers,
        "by_duty": list(by_duty),
        "by_label": list(by_label),
        "by_place": list(places),
    }


@dataclass(frozen=True)
class DistrictLine:
    """One district on the page of somebody above it."""

    region: Region
    opened: int
    assessed: int
    going_on: int
    waiting: int
    overdue: int


def _by_district(
    districts: Below,
    episodes: QuerySet[Episode],
    waiting: QuerySet[Task],
    assessed: QuerySet[Task],
    today: date,
) -> list[DistrictLine]:
    """The same numbers for each district below; three queries in all."""
    county = Substr("region_id", 1, 6)
    month = today.replace(day=1)

    def by_county(rows: QuerySet[Any], **counts: Count) -> dict[str, dict[str, int]]:
        table = rows.order_by().annotate(county=county).values("county").annotate(**counts)
        return {row["county"]: row for row in table}

    cases = by_county(
        episodes,
        opened=Count("pk", filter=Q(opened_on__gte=month)),
        going_on=Count("pk", filter=Q(status=Episode.Status.OPEN)),
    )
    tasks_ = by_county(waiting, all=Count("pk"), overdue=Count("pk", filter=Q(due__lt=today)))
    looked_at = by_county(assessed, all=Count("pk"))
    lines = []
    for region in districts.districts:
        case, work = cases.get(region.code, {}), tasks_.get(region.code, {})
        lines.append(
            DistrictLine(
                region,
                case.get("opened", 0),
                looked_at.get(region.code, {}).get("all", 0),
                case.get("going_on", 0),
                work.get("all", 0),
                work.get("overdue", 0),
            )
        )
    return lines
