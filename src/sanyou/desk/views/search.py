"""Finding people: by name, pinyin initials, id tail, phone tail, card number or QR."""

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sanyou.desk.actor import actor_of, duty_page
from sanyou.registry import people
from sanyou.registry.access import Actor
from sanyou.registry.models import Person

BY = {
    "name": gettext_lazy("姓名"),
    "initials": gettext_lazy("拼音首字母"),
    "id": gettext_lazy("身份证"),
    "phone": gettext_lazy("手机"),
    "card": gettext_lazy("服务卡"),
    "record": gettext_lazy("档案编号"),
}


@dataclass(frozen=True)
class Found:
    """One line of the results: the couple (or the single person), masked."""

    url: str
    people: list[Person]
    ids: list[str]
    place: str
    by: str


def _found(actor: Actor, hit: people.SearchHit) -> Found:
    couple = hit.couple
    both = [couple.wife, couple.husband] if couple else [hit.person]
    url = (
        reverse("couple", args=[couple.key]) if couple else reverse("person", args=[hit.person.key])
    )
    region = hit.person.residence_region
    place = region.name if region else hit.person.residence_text
    ids = [people.masked_id(person) or "—" for person in both]
    return Found(url, both, ids, place, str(BY.get(hit.by, hit.by)))


@duty_page("search")
def search(request: HttpRequest) -> HttpResponse:
    """Results as typed (htmx), or a page of its own. POST: what is searched for is personal and
    stays out of addresses."""
    text = request.POST.get("q", "").strip()
    actor = actor_of(request)
    enough = len(text) >= 2 or any("\u4e00" <= c <= "\u9fff" for c in text)
    hits = [_found(actor, hit) for hit in people.search(actor, text)] if enough else []
    context = {
        "q": text,
        "hits": hits,
        "asked": bool(text) and enough,
        "limit": people.SEARCH_LIMIT,
        "help": _(
            "可输入：姓名（至少一个字）、拼音首字母（如 oyhm）、身份证号或后四位、手机号或后四位、"
            "服务卡号、档案编号；也可用扫码枪扫服务卡。"
        ),
    }
    partial = bool(getattr(request, "htmx", False))
    name = "desk/shell/search_hits.html" if partial else "desk/shell/search.html"
    return render(request, name, context)
