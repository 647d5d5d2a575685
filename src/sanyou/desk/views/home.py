"""The first page of a duty."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from sanyou.desk.actor import actor_of, duty_page


@duty_page("home", methods=("GET",))
def home(request: HttpRequest) -> HttpResponse:
    """Her own work and nothing else."""
    return render(request, "desk/shell/home.html", {"actor": actor_of(request)})
