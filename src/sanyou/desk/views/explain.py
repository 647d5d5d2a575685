"""Why a couple was let in or not, as of a day: for the window, the file and the auditor."""

from datetime import date
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _

from sanyou.care.explain import explain as explained
from sanyou.care.models import Episode
from sanyou.desk.actor import actor_of, duty_page
from sanyou.protocol.entry import parse_date
from sanyou.registry import people
from sanyou.registry.access import NotFoundForYou, existing


@duty_page("see_person", methods=("GET",))
def explain(request: HttpRequest, key: UUID) -> HttpResponse:
    """The answer of each programme on a day, with its clauses; prints on A4."""
    actor = actor_of(request)
    couple = people.couple_by_key(key)
    if couple is None:
        raise NotFoundForYou
    actor.require("see_person", couple)
    on, wrong = _day(request.GET.get("on", "").strip())
    context = {
        "actor": actor,
        "couple": couple,
        "names": [couple.wife.name, couple.husband.name],
        "on": on,
        "wrong": wrong,
        "told": explained(couple, on, actor),
        "opened": existing(
            actor, Episode.objects.filter(couple=couple).order_by("opened_on")
        ).first(),
    }
    return render(request, "desk/explain/explain.html", context, status=422 if wrong else 200)


def _day(text: str) -> tuple[date, str]:
    """The day asked for, today where none; and what is wrong with it."""
    today = timezone.localdate()
    if not text:
        return today, ""
    found = parse_date(text)
    if found is None:
        return today, _("日期请写成 2021-03-01 的形式。下面显示的是今天的情况。")
    if found > today:
        return today, _("只能查询今天及以前的情况。下面显示的是今天的情况。")
    return found, ""
