"""Applications for a subsidy: where each stands, its approval, and appeals."""

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from sanyou.benefits import applications, decisions, notices
from sanyou.benefits.models import Appeal, Decision, NoticeEntry, PublicNotice
from sanyou.care.content import programme_of
from sanyou.care.errors import CareError
from sanyou.care.models import Episode, Task
from sanyou.desk.actor import actor_of, duty_page, say
from sanyou.desk.paging import leaf
from sanyou.desk.views import record
from sanyou.desk.views.records import episode_of, find
from sanyou.desk.views.records_form import words
from sanyou.finance.models import Claim
from sanyou.finance.money import yuan
from sanyou.protocol.entry import parse_date
from sanyou.registry.access import Actor
from sanyou.trust import audit

TABS = ("mine", "going", "approved", "refused", "all")


@dataclass(frozen=True)
class State:
    """Where an application stands, in words."""

    label: str
    badge: str
    tab: str


@dataclass(frozen=True)
class Row:
    """One application in the list with the next act of the duty that looks at it."""

    episode: Episode
    name: str
    programme: str
    state: State
    amount: str
    act: str
    url: str


def state_of(
    episode: Episode,
    waiting: Task | None,
    decision: Decision | None,
    notice: PublicNotice | None = None,
) -> State:
    """By what stands: refused, sent back, approved and paid or not, announced, or the open step."""
    if episode.status == Episode.Status.INELIGIBLE:
        return State(_("不予批准"), "bad", "refused")
    if episode.status == Episode.Status.RETURNED:
        return State(_("退回补正"), "warn", "going")
    if decision is not None and decision.kind == Decision.Kind.APPROVED:
        claim = getattr(episode, "claim", None)
        if claim is not None and claim.status == Claim.Status.PAID:
            return State(_("已拨付"), "ok", "approved")
        return State(_("已批准"), "ok", "approved")
    if episode.status != Episode.Status.OPEN:
        return State(str(episode.get_status_display()), "", "all")
    if notice is not None and notice.closed_on is None:
        over = timezone.localdate() > notice.ends_on
        return State(_("公示期满") if over else _("公示中"), "warn" if over else "info", "going")
    return State(_("待%s") % waiting.label if waiting else _("办理中"), "info", "going")


@duty_page("see_benefits", methods=("GET",))
def benefits(request: HttpRequest) -> HttpResponse:
    """The list by state, with what is hers to do first."""
    actor = actor_of(request)
    rows = rows_of(actor)
    wanted = request.GET.get("programme", "")
    shown = [r for r in rows if not wanted or r.episode.programme == wanted]
    tab = request.GET.get("tab", "")
    if tab not in TABS:
        tab = "mine" if any(r.act for r in shown) else "all"
    chosen = [r for r in shown if _in_tab(r, tab)]
    audit.record(actor, "list", "benefits", "", rows=len(chosen))
    context = {
        "actor": actor,
        "leaf": (page := leaf(request, chosen)),
        "rows": list(page),
        "tab": tab,
        "tabs": [(t, label, sum(_in_tab(r, t) for r in shown)) for t, label in _tab_labels()],
        "offered": [
            (p.id, words(p.label))
            for p in applications.programmes()
            if any(r.episode.programme == p.id for r in rows)
        ],
        "wanted": wanted,
        "may_apply": actor.can("nominate"),
        "here": "benefits",
    }
    return render(request, "desk/benefits/list.html", context)


def _tab_labels() -> list[tuple[str, str]]:
    labels = {
        "mine": _("待我办理"),
        "going": _("办理中"),
        "approved": _("已批准"),
        "refused": _("不予批准"),
        "all": _("全部"),
    }
    return [(t, labels[t]) for t in TABS]


def _in_tab(row: Row, tab: str) -> bool:
    return tab == "all" or (bool(row.act) if tab == "mine" else row.state.tab == tab)


def rows_of(actor: Actor) -> list[Row]:
    """Every application she may see; a fixed number of queries."""
    episodes = list(applications.applications(actor).select_related("claim"))
    pks = [e.pk for e in episodes]
    waiting: dict[int, list[Task]] = {}
    steps = Task.objects.filter(episode__in=pks, kind=Task.Kind.STEP, status=Task.Status.OPEN)
    for task in steps.order_by("pk"):
        waiting.setdefault(task.episode_id, []).append(task)
    decided = {d.episode_id: d for d in Decision.objects.filter(episode__in=pks).order_by("pk")}
    told = set(
        Episode.objects.filter(pk__in=pks, documents__void_reason="", documents__isnull=False)
        .filter(documents__kind__in=_notices())
        .values_list("pk", flat=True)
    )
    names = {p.id: words(p.label) for p in applications.programmes()}
    entries = NoticeEntry.objects.filter(episode__in=pks, standing=True).select_related("notice")
    announced = {e.episode_id: e.notice for e in entries}
    found = []
    for episode in episodes:
        open_ = waiting.get(episode.pk, [])
        last = decided.get(episode.pk)
        decision = None if last is None or last.kind == Decision.Kind.REOPENED else last
        notice = announced.get(episode.pk)
        act, url = _next(actor, episode, open_, episode.pk in told, notice)
        approved = decision is not None and decision.kind == Decision.Kind.APPROVED
        found.append(
            Row(
                episode,
                applications.shown_name(actor, episode),
                names[episode.programme],
                state_of(episode, open_[0] if open_ else None, decision, notice),
                yuan(decision.amount) if decision is not None and approved else "",
                act,
                url,
            )
        )
    return found


def _notices() -> list[str]:
    """Kinds of the notices of decision."""
    steps = (applications.step_of(p, "document") for p in applications.programmes())
    return [s.document for s in steps if s is not None and s.document]


def _next(
    actor: Actor, episode: Episode, open_: list[Task], told: bool, notice: PublicNotice | None
) -> tuple[str, str]:
    """(words, address) of the act that is hers now; "" where it is somebody else's turn, or only
    the days of the notice have to pass."""
    if notice is not None and notice.closed_on is None:
        if timezone.localdate() > notice.ends_on and actor.can("publish_notice"):
            return _("结束公示"), reverse("notice", args=[notice.key])
        return "", ""
    for task in open_:
        if task.duty == actor.duty:
            return task.label, reverse("task", args=[task.key])
    refused = episode.status == Episode.Status.INELIGIBLE
    if refused and not told and actor.can("confirm") and actor.can("issue_document"):
        return _("出具告知书"), reverse("documents", args=[episode.key])
    return "", ""


@duty_page("see_benefits", methods=("GET",))
def benefit(request: HttpRequest, key: UUID) -> HttpResponse:
    """One application: what is asked, how the amount is worked out, what was said and decided."""
    return _page(request, key)


@duty_page("approve_benefit")
def approve(request: HttpRequest, key: UUID) -> HttpResponse:
    """The approval step of the queue; POST approves or refuses."""
    if request.method != "POST":
        return _page(request, key)
    actor, episode = episode_of(request, key)
    today = timezone.localdate()
    try:
        if request.POST.get("decision") == "refuse":
            decisions.refuse(episode, actor, request.POST.get("reason", ""), today)
            say(request, _("已记录不予批准，请登记确认岗位出具告知书。"))
        else:
            made = decisions.approve(episode, actor, today)
            say(request, _("已批准 %s 元，已列为可结算。") % yuan(made.amount))
    except CareError as error:
        return _page(request, key, error.message_zh)
    return redirect("benefits")


@duty_page("see_benefits", methods=("POST",))
def take_back(request: HttpRequest, key: UUID) -> HttpResponse:
    """Send a confirmed, undecided application back to whoever registered it."""
    actor, episode = episode_of(request, key)
    notices.take_back(episode, actor, request.POST.get("reason", ""), timezone.localdate())
    say(request, _("已退回，登记人员会看到您写的原因；公示中的这一行同时作废。"))
    return redirect("benefit", key=episode.key)


@duty_page("see_benefits", methods=("GET",))
def publish(request: HttpRequest, key: UUID) -> HttpResponse:
    """The publishing step of the queue: notices are made for several applications together."""
    _actor, episode = episode_of(request, key)
    entry = episode.notice_entries.filter(standing=True).select_related("notice").first()
    if entry is not None:
        return redirect("notice", entry.notice.key)
    return redirect("notices")


def _page(request: HttpRequest, key: UUID, wrong: str = "") -> HttpResponse:
    actor, episode = episode_of(request, key)
    actor.require("see_benefits", episode)
    programme = programme_of(episode)
    if not applications.is_benefit(programme):
        return redirect("episode", episode.key)
    today = timezone.localdate()
    reads = actor.can("see_person")
    audit.record(actor, "read", "benefit", episode.key)
    decision = applications.standing(episode)
    worth = applications.worth(episode, decision.on if decision else today)
    policy = applications.terms_of(episode)
    open_ = list(episode.tasks.filter(kind=Task.Kind.STEP, status=Task.Status.OPEN).order_by("pk"))
    clause = policy.clause(worth.clause)
    hands = applications.hands(episode, deciding=False)
    entry = episode.notice_entries.select_related("notice").order_by("-pk").first()
    context: dict[str, Any] = record.head(actor, episode) | {
        "name": applications.shown_name(actor, episode),
        "reads": reads,
        "state": state_of(
            episode,
            open_[0] if open_ else None,
            decision,
            entry.notice if entry and entry.standing else None,
        ),
        "worth": yuan(worth.fen) if worth.fen is not None else "",
        "working": words(worth.working),
        "policy": policy,
        "clause": clause,
        "clause_ref": worth.clause,
        "decision": decision,
        "amount": yuan(decision.amount) if decision else "",
        "refusal": applications.refusal_of(episode),
        "history": episode.benefit_decisions.select_related("by"),
        "entry": entry,
        "objections": _objections(episode),
        "appeals": list(episode.appeals.select_related("decision__by").order_by("-pk")),
        "judged": episode.decisions.select_related("by").order_by("-pk").first(),
        "tables": record.results(actor, episode) if reads else [],
        "to_approve": actor.can("approve_benefit", episode)
        and any(t.name == _step(programme, "approve") for t in open_),
        "may_refuse": actor.can("approve_benefit", episode)
        and any(
            t.name in {_step(programme, "publish"), _step(programme, "approve")} for t in open_
        ),
        "may_take_back": (
            actor.can("publish_notice", episode) or actor.can("approve_benefit", episode)
        )
        and any(
            t.name in {_step(programme, "publish"), _step(programme, "approve")} for t in open_
        ),
        "own_hand": hands.get(actor.staff.pk) if actor.staff else None,
        "against": applications.against(episode),
        "appeal_until": applications.appeal_until(episode),
        "may_appeal": _may_appeal(actor, episode),
        "today": today,
        "wrong": wrong,
    }
    return render(request, "desk/benefits/application.html", context, status=409 if wrong else 200)


def _step(programme: Any, kind: str) -> str:
    step = applications.step_of(programme, kind)
    return step.id if step else ""


def _objections(episode: Episode) -> list[Any]:
    found = []
    for entry in episode.notice_entries.prefetch_related("objections__answer__by"):
        found += list(entry.objections.all())
    return found


def _may_appeal(actor: Actor, episode: Episode) -> bool:
    until = applications.appeal_until(episode)
    return (
        (actor.can("nominate", episode) or actor.can("decide_appeal", episode))
        and until is not None
        and timezone.localdate() <= until
        and not episode.appeals.filter(decision=None).exists()
    )


# --- appeals -------------------------------------------------------------------------------------


@duty_page("see_person", methods=("POST",))
def appeal_file(request: HttpRequest, key: UUID) -> HttpResponse:
    """Write down an appeal that the applicant handed in."""
    actor, episode = episode_of(request, key)
    today = timezone.localdate()
    filed = parse_date(request.POST.get("filed_on", "")) or today
    decisions.appeal(episode, actor, request.POST.get("text", ""), filed, today)
    say(request, _("已登记申诉，由未参与办理的人员复核。"))
    if actor.can("see_benefits"):
        return redirect("benefit", key=episode.key)
    return redirect("episode", key=episode.key)


@duty_page("see_benefits", methods=("GET",))
def appeals(request: HttpRequest) -> HttpResponse:
    """Appeals of her region, undecided ones first."""
    actor = actor_of(request)
    page = leaf(request, decisions.appeals(actor))
    rows = [_appeal(actor, a) for a in page]
    audit.record(actor, "list", "appeal", "", rows=len(rows))
    context = {
        "actor": actor,
        "leaf": page,
        "rows": rows,
        "may_decide": actor.can("decide_appeal"),
        "here": "appeals",
    }
    return render(request, "desk/benefits/appeals.html", context)


def _appeal(actor: Actor, row: Appeal) -> dict[str, Any]:
    mine = applications.hands(row.episode, deciding=True)
    return {
        "row": row,
        "name": applications.shown_name(actor, row.episode),
        "programme": words(programme_of(row.episode).label),
        "decision": getattr(row, "decision", None),
        "text": row.text if actor.can("see_person") else "",
        "own_hand": mine.get(actor.staff.pk) if actor.staff else None,
    }


@duty_page("decide_appeal", methods=("POST",))
def appeal_decide(request: HttpRequest, key: UUID) -> HttpResponse:
    """Upheld or rejected, with the reason."""
    actor, row = find(request, Appeal.objects.select_related("episode"), key)
    upheld = _yes_no(request)
    decisions.decide_appeal(
        row, actor, upheld, request.POST.get("reason", ""), timezone.localdate()
    )
    say(request, _("申诉成立，已重新办理。") if upheld else _("已驳回申诉，这是最终处理。"))
    return redirect("appeals")


def _yes_no(request: HttpRequest) -> bool:
    """Which of the two was chosen; CareError where neither."""
    given = request.POST.get("upheld", "")
    if given not in {"yes", "no"}:
        raise CareError(_("请选择成立或不成立。"), "not_chosen")
    return given == "yes"


def day_or_today(text: str) -> date:
    return parse_date(text) or timezone.localdate()
