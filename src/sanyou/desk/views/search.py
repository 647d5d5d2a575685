"""Finding people."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from sanyou.desk.actor import actor_of, duty_page


@duty_page("search", methods=("GET",))
def search(request: HttpRequest) -> HttpResponse:
    """By name, pinyin initials, id or phone tail, card number."""
    return render(request, "desk/shell/search.html", {"actor": actor_of(request)})
