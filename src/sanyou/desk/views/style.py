"""The living style page: every component of the desk, once."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from sanyou.desk.actor import public_page

ICONS = tuple(
    name
    for line in (
        "home couple search upload download twins chart money staff shield book scale menu check",
        "cross warn info clock print back next card pen phone lock doc flask undo plus exit",
    )
    for name in line.split(" ")
)


@public_page
def page(request: HttpRequest) -> HttpResponse:
    """Shows components with made-up content; reads nothing."""
    return render(request, "desk/style.html", {"icons": ICONS})
