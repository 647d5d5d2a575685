"""Township review and the centre's confirmation of eligibility and entitlement."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from sanyou.care import content, episodes, facts, tasks
from sanyou.care.errors import CareError
from sanyou.care.models import Episode, Task
from sanyou.desk.actor import actor_of, duty_page, problem, say
from sanyou.desk.views import record
from sanyou.desk.views.policies import in_words
from sanyou.desk.views.records import episode_of, uuid_of
from sanyou.desk.views.records_form import words
from sanyou.protocol.eligibility import decide
from sanyou.protocol.entitlement import decide_entitlement
from sanyou.registry.access import Actor, may_confirm
from sanyou.trust import audit

SHOWN = 10  # failures named one by one


@duty_page("review")
def review(request: HttpRequest, key: UUID) -> HttpResponse:
    """Check what the village entered; accept, or return with a reason."""
    actor, episode = episode_of(request, key)
    if request.method == "POST":
        if request.POST.get("decision") == "return":
            return _send_back(request, actor, episode)
        episodes.review(episode, actor)
        say(request, _("已审核通过，转中心确认。"))
        return _next(request, actor, "review")
    audit.record(actor, "read", "episode", episode.key)
    context = record.head(actor, episode)
    context |= {"tables": record.results(actor, episode, opening_only=_only_opening(episode)),
                "eligibility": judged(episode)}  # fmt: skip
    return render(request, "desk/shell/review.html", context)


def _only_opening(episode: Episode) -> bool:
    """Papers and checks that a subsidy is decided on are shown, results of an examination not."""
    return not any(s.kind == "approve" for s in content.programme_of(episode).steps)


@duty_page("review", methods=("POST",))
def review_many(request: HttpRequest) -> HttpResponse:
    """Accept several at once."""
    return _many(request, "review", episodes.review, _("已审核通过 %d 对。"))


@duty_page("confirm", methods=("POST",))
def confirm_many(request: HttpRequest) -> HttpResponse:
    """Confirm several at once: those who are plainly eligible and free.

    Nobody is turned away in a bundle; whoever is not plainly eligible is left to be looked at.
    """
    return _many(request, "confirm", _confirm_plain, _("已确认 %d 份档案的资格。"))


def _confirm_plain(episode: Episode, actor: Actor) -> None:
    view = judged(episode)
    if view is None or view["decision"].answer != "yes" or view["grant"].grant != "free":
        raise CareError(_("系统判断不是“符合且免费”，请单独打开核对。"), "look_closely")
    episodes.confirm(episode, actor, on=timezone.localdate())


def steps_of(kind: str) -> set[str]:
    """Ids of the steps of a kind in any programme."""
    programmes = content.library().programmes.values()
    return {step.id for p in programmes for step in p.steps if step.kind == kind}


def _many(
    request: HttpRequest, step: str, act: Callable[[Episode, Actor], object], said: str
) -> HttpResponse:
    """Do a step for each couple ticked in the queue; each is its own transaction, failures named."""
    actor = actor_of(request)
    keys = request.POST.getlist("task")
    waiting = tasks.queue(actor).filter(
        key__in=[uuid_of(k) for k in keys], kind=Task.Kind.STEP, name__in=steps_of(step)
    )
    done, failed = 0, []
    for task in waiting.select_related("episode"):
        try:
            with transaction.atomic():
                act(task.episode, actor)
            done += 1
        except CareError as error:
            failed.append(f"{task.episode.number}：{error.message_zh}")
    if not keys:
        messages.warning(request, _("没有选中夫妇。请先勾选，再点下面的按钮。"))
    if done:
        say(request, said % done)
    for line in failed[:SHOWN]:
        messages.error(request, line)
    if len(failed) > SHOWN:
        messages.error(request, _("另有 %d 对没有办成，仍在待办中。") % (len(failed) - SHOWN))
    return redirect("home")


def _send_back(request: HttpRequest, actor: Actor, episode: Episode) -> HttpResponse:
    reason = request.POST.get("reason", "").strip()
    if not reason:
        return problem(request, _("请写明退回原因，登记人员才知道要补什么。"), 409)
    episodes.send_back(episode, actor, reason)
    say(request, _("已退回，登记人员会看到您写的原因。"))
    return redirect("home")


@duty_page("see_person")
def confirm(request: HttpRequest, key: UUID) -> HttpResponse:
    """Eligibility and entitlement with the clause; confirm, or return with a reason. Also for
    whoever registers in a programme whose own step says that she decides."""
    actor, episode = episode_of(request, key)
    deciders = {s.duty for s in content.programme_of(episode).steps if s.kind == "confirm"}
    if not may_confirm(actor, deciders, episode):
        actor.require("confirm", episode)
    today = timezone.localdate()
    if request.method == "POST":
        if request.POST.get("decision") == "return":
            return _send_back(request, actor, episode)
        own_cost = request.POST.get("decision") == "own-cost"
        decision = _confirm(episode, actor, own_cost)
        episode.refresh_from_db()
        if decision.answer == "yes" and not episode.status_reason:
            say(request, _confirmed(episode))
            return _next(request, actor, "confirm")
        messages.warning(request, episode.status_reason or _("资料不全，暂不能确认。"))
        return redirect("episode", key=episode.key)
    audit.record(actor, "read", "episode", episode.key)
    context = record.head(actor, episode)
    context |= {
        "tables": record.results(actor, episode, opening_only=_only_opening(episode)),
        "eligibility": judged(episode),
        "today": today,
        "decisions": episode.decisions.order_by("-at"),
    }
    return render(request, "desk/shell/confirm.html", context)


def _confirmed(episode: Episode) -> str:
    """What comes next."""
    kinds = {s.kind for s in content.programme_of(episode).steps}
    if "card" in kinds:
        return _("已确认，可以发放服务卡。")
    return _("已确认，转公示。") if "publish" in kinds else _("已确认资格。")


def _confirm(episode: Episode, actor: Actor, own_cost: bool) -> Any:
    today = timezone.localdate()
    if own_cost:
        return episodes.confirm(episode, actor, on=today, own_cost=True)
    return episodes.confirm(episode, actor, on=today)


def judged(episode: Episode) -> dict[str, Any] | None:
    """What the policy says today, for looking at: nothing is written."""
    policy = content.policy_of(episode)
    if policy is None or policy.stub:
        return None
    programme = content.programme_of(episode)
    library = content.library()
    known = facts.facts_of(episode, timezone.localdate())
    decision = decide(policy, known)
    grant = decide_entitlement(policy, known)
    return {
        "decision": decision,
        "grant": grant,
        "grant_text": words(grant.text),
        "grant_facts": [
            (words(policy.fact_label(name)), in_words(library, programme, name, value))
            for name, value in grant.facts.items()
        ],
        "policy": policy,
        "criteria": [
            {
                "label": words(c.label),
                "truth": c.truth,
                "text": words(c.text),
                "clause": c.clause,
                "missing": [words(policy.fact_label(m)) for m in c.missing],
                "facts": [
                    (words(policy.fact_label(name)), in_words(library, programme, name, value))
                    for name, value in c.facts.items()
                ],
            }
            for c in decision.criteria
        ],
        "clauses": _quoted(policy, [c.clause for c in decision.criteria] + [grant.clause]),
    }


def _quoted(policy: Any, refs: list[str]) -> list[tuple[str, str]]:
    """(ref, text) of each clause cited, once, in order."""
    found = []
    for ref in dict.fromkeys(r for r in refs if r):
        clause = policy.clause(ref)
        if clause is not None:
            found.append((ref, clause.text))
    return found


def _next(request: HttpRequest, actor: Actor, step: str) -> HttpResponse:
    """On to the next one of the same kind where asked for, else home."""
    if request.POST.get("next"):
        same = tasks.queue(actor).filter(kind=Task.Kind.STEP, name__in=steps_of(step))
        following = same.first()
        if following is not None:
            return redirect(step, key=following.episode.key)
    return redirect("home")
