"""Template helpers of the desk: the frame around every page, icons, flags, masked numbers."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django import template
from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sanyou.care import content, sessions
from sanyou.care.models import Task
from sanyou.care.steps import duties_of, registers
from sanyou.desk.actor import NoDuty, actor_of, assignments_of
from sanyou.desk.views.records_form import words
from sanyou.protocol.dates import years_between
from sanyou.protocol.policy import Policy
from sanyou.registry.access import AccessError, Actor
from sanyou.registry.duties import DUTIES
from sanyou.registry.regions import prefix_of

register = template.Library()


@register.simple_tag(takes_context=True)
def risk(context: dict[str, Any], cls: str) -> SafeString:
    """The badge of a risk class of the episode on the page, in its own mark and colour."""
    episode = context.get("episode")
    classes = content.programme_of(episode).risk_classes if episode is not None else []
    found = next((c for c in classes if c.id == cls), None)
    mark = words(found.mark) if found is not None and found.mark else cls
    tone = (found.colour if found is not None else None) or cls
    title = words(found.label) if found is not None else ""
    return format_html('<span class="risk {}" title="{}">{}</span>', tone, title, mark or "—")


@dataclass(frozen=True)
class Link:
    """One entry of the side navigation."""

    url: str
    label: str
    icon: str
    current: bool


@dataclass(frozen=True)
class Group:
    """Entries of the side navigation under one short heading."""

    label: str
    links: list[Link]


@dataclass(frozen=True)
class Shell:
    """What the frame shows: who is at work, where, and where she may go."""

    actor: Actor | None
    duty_label: str
    place: str
    groups: list[Group]
    several: bool
    district: str = ""  # how the district calls itself; "" above the districts
    centre: str = ""
    mark: str = ""  # address of its picture


# (heading, ((url name, action, label, icon), …)). A link is shown when the duty includes the action.
NAVIGATION = (
    (
        gettext_lazy("日常"),
        (
            ("home", "home", gettext_lazy("首页"), "home"),
            ("nominate", "nominate", gettext_lazy("登记"), "couple"),
            ("search", "search", gettext_lazy("查找"), "search"),
            ("groups", "fill", gettext_lazy("集体服务"), "couple"),
            ("imports", "import", gettext_lazy("导入文件"), "upload"),
            ("doubts", "decide_doubt", gettext_lazy("疑似重复"), "twins"),
        ),
    ),
    (
        gettext_lazy("经费"),
        (
            ("statements", "see_money", gettext_lazy("结算"), "money"),
            ("special-account", "see_money", gettext_lazy("经费专账"), "money"),
            ("annual-accounts", "see_money", gettext_lazy("决算与预算"), "chart"),
        ),
    ),
    (
        gettext_lazy("补助与物资"),
        (
            ("benefits", "see_benefits", gettext_lazy("补助申请"), "couple"),
            ("benefit-programmes", "see_benefits", gettext_lazy("惠民项目"), "check"),
            ("stock", "see_stock", gettext_lazy("药具库存"), "upload"),
        ),
    ),
    (
        gettext_lazy("政策与内容"),
        (
            ("policies", "see_policy", gettext_lazy("政策条款"), "book"),
            ("rules", "see_policy", gettext_lazy("评估规则"), "scale"),
            ("try-policy", "try_policy", gettext_lazy("政策试算"), "scale"),
            ("versions", "see_versions", gettext_lazy("内容版本"), "book"),
        ),
    ),
    (
        gettext_lazy("管理"),
        (
            ("reports", "report", gettext_lazy("月报"), "chart"),
            ("task-numbers", "see_task_numbers", gettext_lazy("年度任务"), "check"),
            ("staff", "manage_staff", gettext_lazy("人员与岗位"), "staff"),
            ("audit", "see_audit", gettext_lazy("操作记录"), "shield"),
        ),
    ),
)


@register.simple_tag(takes_context=True)
def shell(context: dict[str, Any]) -> Shell:
    """The frame of the page being drawn."""
    request: HttpRequest | None = context.get("request")
    user = getattr(request, "user", None)
    if request is None or user is None or not user.is_authenticated:
        return Shell(None, "", "", [], False)
    try:
        actor = actor_of(request)
    except (NoDuty, AccessError):
        return Shell(None, "", "", [], len(assignments_of(request)) > 1)
    groups = [
        Group(str(heading), links)
        for heading, entries in NAVIGATION
        if (links := [link for entry in entries if (link := link_of(request, actor, *entry))])
    ]
    if links := ledgers_of(request, actor):
        groups.insert(1, Group(_("专案台账"), links))
    place = actor.region.full_name if actor.region else ""
    several = len(assignments_of(request)) > 1
    return Shell(actor, str(actor.role.label), place, groups, several, *district_of(actor))


def ledgers_of(request: HttpRequest, actor: Actor) -> list[Link]:
    """The ledgers of the programmes that her region runs and she works in."""
    if not actor.can("see_results") or actor.region is None:
        return []
    today = timezone.localdate()
    found = []
    for programme in content.programmes_for(actor).values():
        spec = programme.spec
        if spec.ledger is None or actor.duty not in duties_of(programme):
            continue
        if content.current_policy(actor.region.code, programme.id, today) is None:
            continue
        url = reverse("ledger-of", args=[programme.id])
        found.append(Link(url, words(spec.ledger.label), "shield", request.path == url))
    return found


def link_of(request: HttpRequest, actor: Actor, name: str, action: str, *shown: Any) -> Link | None:
    """The entry (label, icon), when the duty includes its action, the page is installed and the
    documents of the region have something for it."""
    if not actor.can(action) or not concerns(actor, name):
        return None
    try:
        url = reverse(name)
    except NoReverseMatch:
        return None
    label, icon_name = shown
    here = request.path.split("/")[1] == url.split("/")[1]  # /ledger and /ledger/account are one
    return Link(url, str(label), icon_name, here)


def concerns(actor: Actor, page: str) -> bool:
    """Whether a document of the actor's region, above or below it, has what the page is for."""
    if page == "groups":
        code = actor.region.code if actor.region else ""
        return bool(sessions.kinds(actor, code, timezone.localdate()))
    if page == "nominate":
        return bool(registers(actor.duty, content.programmes_for(actor).values()))
    asked: dict[str, Callable[[Policy], bool]] = {
        "benefits": lambda policy: any(part.benefit for part in policy.every_part()),
        "benefit-programmes": lambda policy: bool(policy.benefit_programmes),
    }
    if page not in asked or actor.region is None:
        return True
    here = prefix_of(actor.region.code)
    near = (
        p
        for p in content.library().policies.values()
        if here.startswith(prefix_of(p.region)) or prefix_of(p.region).startswith(here)
    )
    return any(asked[page](policy) for policy in near)


def district_of(actor: Actor) -> tuple[str, str, str]:
    """(label, centre, address of the mark) of the district at work; empty above the districts."""
    found = content.library().district_for(actor.region.code) if actor.region else None
    if found is None:
        return "", "", ""
    mark = reverse("district-mark", args=[found.id]) if found.logo_svg else ""
    return words(found.label), words(found.spec.centre.name), mark


@register.filter
def duty_label(duty: str) -> str:
    """history_nurse -> 病史询问护士"""
    found = DUTIES.get(duty)
    return str(found.label) if found else duty


@register.filter
def role_label(task: Task) -> str:
    """Whose task it is, as its programme calls that person: 女方, 产妇; "" for the couple's own."""
    programme = content.programme_of(task.episode)
    return words(programme.role_label[task.role]) if task.role in programme.roles else ""


@register.filter
def can(actor: Actor, action: str) -> bool:
    """{% if actor|can:"assess" %}"""
    return actor.can(action)


@register.simple_tag
def icon(name: str, label: str = "") -> SafeString:
    """An icon of desk/icons.svg; decorative unless it carries a label."""
    href = static("desk/icons.svg")
    if label:
        return format_html(
            '<svg class="icon" role="img" aria-label="{}"><use href="{}#{}"/></svg>',
            label,
            href,
            name,
        )
    return format_html('<svg class="icon" aria-hidden="true"><use href="{}#{}"/></svg>', href, name)


FLAGS = {
    "high": ("high", "↑", gettext_lazy("偏高")),
    "low": ("low", "↓", gettext_lazy("偏低")),
    "abnormal": ("abnormal", "!", gettext_lazy("异常")),
}


@register.filter
def flag(value: str | None) -> SafeString | str:
    """'high' | 'low' | 'abnormal' -> a coloured mark with words; anything else -> nothing."""
    if value not in FLAGS:
        return ""
    cls, mark, word = FLAGS[value]
    return format_html(
        '<span class="flag {}"><span aria-hidden="true">{}</span>{}</span>', cls, mark, word
    )


register.filter(words)


@register.filter
def day(value: object) -> str:
    """A date or moment as 2021-03-01, in Shanghai; nothing for None."""
    if isinstance(value, datetime):
        return (
            timezone.localtime(value).date().isoformat()
            if timezone.is_aware(value)
            else str(value.date())
        )
    if isinstance(value, date):
        return value.isoformat()
    return str(value or "")


@register.filter
def moment(value: datetime | None) -> str:
    """2021-03-01 14:05, in Shanghai."""
    return timezone.localtime(value).strftime("%Y-%m-%d %H:%M") if value else ""


@register.filter
def age(born: date | None) -> int | str:
    """Full years today."""
    return years_between(born, timezone.localdate()) if isinstance(born, date) else ""


@register.filter
def get(mapping: Any, key: Any) -> Any:
    """Look a key up in a mapping inside a template; None when it is not there."""
    return mapping.get(key) if hasattr(mapping, "get") else None


@register.filter
def at(values: Any, number: int) -> Any:
    """One of a list by its place, from 0."""
    return values[number]


@register.filter
def joined(values: Iterable[object]) -> str:
    """甲、乙、丙"""
    return "、".join(str(v) for v in values)


@register.filter
def due_words(due: date | None) -> str:
    """逾期 3 天 / 今天 / 还有 5 天; a date without a limit: 无期限"""
    if due is None:
        return _("无期限")
    days = (due - timezone.localdate()).days
    if days < 0:
        return _("逾期 %d 天") % -days
    if days == 0:
        return _("今天到期")
    return _("还有 %d 天") % days
