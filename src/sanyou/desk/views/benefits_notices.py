"""Public notices: put up what is ready, print the sheet, write down and answer objections."""

from itertools import groupby
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from sanyou.benefits import applications, notices
from sanyou.benefits.models import Objection, PublicNotice
from sanyou.care import content
from sanyou.care.models import Episode
from sanyou.desk.actor import actor_of, duty_page, say
from sanyou.desk.paging import leaf
from sanyou.desk.views.benefits import _yes_no, day_or_today
from sanyou.desk.views.records import find, uuid_of
from sanyou.desk.views.records_form import words
from sanyou.finance.money import yuan
from sanyou.registry.access import Actor, NotFoundForYou, reaches, visible
from sanyou.registry.models import Organisation
from sanyou.trust import audit


@duty_page("see_benefits", methods=("GET",))
def notice_list(request: HttpRequest) -> HttpResponse:
    """What is ready to be put up, and what was."""
    actor = actor_of(request)
    today = timezone.localdate()
    rows = notices.notices(actor)
    audit.record(actor, "list", "notice", "")
    context = {
        "actor": actor,
        "groups": _ready(actor) if actor.can("publish_notice") else [],
        "leaf": (page := leaf(request, rows)),
        "rows": [_line(n) for n in page],
        "may_publish": actor.can("publish_notice"),
        "today": today,
        "here": "notices",
    }
    return render(request, "desk/benefits/notices.html", context)


def _ready(actor: Actor) -> list[dict[str, Any]]:
    """Ready applications by programme and document."""
    found = notices.ready(actor, timezone.localdate())
    groups = []
    for (programme, policy), rows in groupby(
        found, key=lambda r: (r.episode.programme, r.episode.policy)
    ):
        library = content.library()
        step = applications.step_of(library.programmes[programme], "publish")
        groups.append(
            {
                "programme": programme,
                "policy": policy,
                "label": words(library.programmes[programme].label),
                "document": library.policies[policy].document_number,
                "days": step.within.days if step and step.within else notices.LEAST.days,
                "rows": [
                    {
                        "ready": r,
                        "name": applications.shown_name(actor, r.episode),
                        "amount": yuan(r.amount) if r.amount is not None else "",
                    }
                    for r in rows
                ],
            }
        )
    return groups


def _line(notice: PublicNotice) -> dict[str, Any]:
    entries = list(notice.entries.all())
    today = timezone.localdate()
    return {
        "notice": notice,
        "label": words(content.library().programmes[notice.programme].label),
        "count": len(entries),
        "total": yuan(sum(e.amount for e in entries)),
        "state": _("已结束") if notice.closed_on
        else _("期满待结束") if today > notice.ends_on
        else _("公示中") if today >= notice.starts_on
        else _("未开始"),
        "badge": "ok" if notice.closed_on else "warn" if today > notice.ends_on else "info",
    }  # fmt: skip


@duty_page("publish_notice", methods=("POST",))
def notice_make(request: HttpRequest) -> HttpResponse:
    """Put up the applications that were ticked."""
    actor = actor_of(request)
    keys = [k for k in (uuid_of(t) for t in request.POST.getlist("episode")) if k]
    rows = list(visible(actor, Episode.objects.filter(key__in=keys)))
    made = notices.make(
        actor,
        request.POST.get("programme", ""),
        request.POST.get("policy", ""),
        rows,
        day_or_today(request.POST.get("starts_on", "")),
    )
    say(request, _("已生成公示表 %s，请打印张贴或在网站公布。") % made.number)
    return redirect("notice", key=made.key)


def _notice(request: HttpRequest, key: UUID) -> tuple[Actor, PublicNotice]:
    return find(request, PublicNotice.objects.select_related("region", "made_by", "closed_by"), key)


@duty_page("see_benefits", methods=("GET",))
def notice(request: HttpRequest, key: UUID) -> HttpResponse:
    """One notice: its entries, the objections, and its end."""
    actor, found = _notice(request, key)
    audit.record(actor, "read", "notice", found.key)
    entries = list(
        found.entries.select_related("episode__person", "episode__region").prefetch_related(
            "objections__answer__by", "objections__recorded_by"
        )
    )
    today = timezone.localdate()
    unanswered = sum(not hasattr(o, "answer") for entry in entries for o in entry.objections.all())
    context = {
        "actor": actor,
        "line": _line(found),
        "notice": found,
        "policy": content.library().policies[found.policy],
        "entries": [
            {
                "entry": e,
                "near": (near := reaches(actor, e.episode.region.code)),
                "name": applications.shown_name(actor, e.episode) if near else "",
                "amount": yuan(e.amount),
                "objections": [
                    {
                        "row": o,
                        "text": o.text if near and actor.can("see_person") else "",
                        "by": o.objector if near and actor.can("see_person") else "",
                        "answer": getattr(o, "answer", None),
                        "own_hand": _mine(actor, e.episode),
                    }
                    for o in e.objections.all()
                ],
            }
            for e in entries
        ],
        "may_object": actor.can("publish_notice", found) and found.closed_on is None,
        "may_answer": actor.can("decide_appeal"),
        "may_close": actor.can("publish_notice", found) and found.closed_on is None,
        "over": today > found.ends_on,
        "unanswered": unanswered,
        "today": today,
    }
    return render(request, "desk/benefits/notice.html", context)


def _mine(actor: Actor, episode: Episode) -> str | None:
    hands = applications.hands(episode, deciding=True)
    return hands.get(actor.staff.pk) if actor.staff else None


@duty_page("see_benefits", methods=("GET",))
def notice_print(request: HttpRequest, key: UUID) -> HttpResponse:
    """The sheet that is put up: masked names, town, amount, document and clause."""
    actor, found = _notice(request, key)
    audit.record(actor, "print", "notice", found.key)
    policy = content.library().policies[found.policy]
    entries = list(found.entries.all())
    clauses = [policy.clause(ref) for ref in dict.fromkeys(e.clause for e in entries)]
    centre = Organisation.objects.filter(
        region=found.region, kind=Organisation.Kind.CENTRE, active=True
    ).first()
    context = {
        "notice": found,
        "label": words(content.library().programmes[found.programme].label),
        "policy": policy,
        "entries": [(e, yuan(e.amount)) for e in entries],
        "total": yuan(sum(e.amount for e in entries)),
        "clauses": [c for c in clauses if c is not None],
        "days": (found.ends_on - found.starts_on).days + 1,
        "centre": centre.name if centre else found.region.full_name,
        "phone": _phone(found),
    }
    return render(request, "desk/benefits/notice_print.html", context)


def _phone(found: PublicNotice) -> str:
    district = content.library().district_for(found.region.code)
    return district.spec.centre.phone if district else ""


@duty_page("publish_notice", methods=("POST",))
def notice_close(request: HttpRequest, key: UUID) -> HttpResponse:
    """The time is up and every objection answered: on to the approval."""
    actor, found = _notice(request, key)
    notices.close(found, actor, timezone.localdate())
    say(request, _("公示已结束，转审批。"))
    return redirect("notice", key=found.key)


@duty_page("publish_notice", methods=("POST",))
def objection_add(request: HttpRequest, key: UUID) -> HttpResponse:
    """Write down an objection to one entry."""
    actor, found = _notice(request, key)
    line = request.POST.get("line", "")
    entry = found.entries.filter(line=int(line)).first() if line.isdecimal() else None
    if entry is None:
        raise NotFoundForYou
    notices.object_to(
        entry,
        actor,
        request.POST.get("text", ""),
        request.POST.get("objector", ""),
        timezone.localdate(),
    )
    say(request, _("已登记异议，由未参与办理的人员答复。"))
    return redirect("notice", key=found.key)


@duty_page("decide_appeal", methods=("POST",))
def objection_answer(request: HttpRequest, key: UUID) -> HttpResponse:
    """Answer an objection: upheld sends the application back."""
    actor, row = find(request, Objection.objects.select_related("entry__episode"), key)
    upheld = _yes_no(request)
    notices.answer(row, actor, upheld, request.POST.get("text", ""), timezone.localdate())
    say(request, _("异议成立，申请已退回。") if upheld else _("已答复，异议不成立。"))
    return redirect("notice", key=row.entry.notice.key)
