"""Who is at work in this request, and the decorators every page carries.

A page without one of these decorators is refused by tests/desk/test_access.py.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, cast
from urllib.parse import urlencode

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _
from django_otp import user_has_device

from sanyou.registry import duties
from sanyou.registry.access import Actor, Forbidden, NotFoundForYou
from sanyou.registry.models import DutyAssignment

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponse]

SESSION_DUTY = "duty"


class NoDuty(Exception):
    """Signed in, but no duty chosen yet (several) or none held."""


def assignments_of(request: HttpRequest) -> list[DutyAssignment]:
    """The duties the signed-in person holds today. Cached on the request."""
    held: list[DutyAssignment] | None = getattr(request, "_sanyou_duties", None)
    if held is None:
        held = list(duties.assignments(request.user, timezone.localdate()))  # type: ignore[arg-type]
        request._sanyou_duties = held  # type: ignore[attr-defined]
    return held


def actor_of(request: HttpRequest) -> Actor:
    """The signed-in person under the duty she works in. NoDuty when none is chosen or held."""
    actor: Actor | None = getattr(request, "_sanyou_actor", None)
    if actor is not None:
        return actor
    held = assignments_of(request)
    chosen = [a for a in held if a.pk == request.session.get(SESSION_DUTY)]
    if not chosen and len(held) == 1:
        chosen = held
    if not chosen:
        raise NoDuty
    actor = Actor.of(request.user, chosen[0])  # type: ignore[arg-type]
    request._sanyou_actor = actor  # type: ignore[attr-defined]
    return actor


def choose(request: HttpRequest, assignment: DutyAssignment) -> None:
    """Work under this duty for the rest of the session."""
    request.session[SESSION_DUTY] = assignment.pk
    for name in ("_sanyou_actor", "_sanyou_duties"):
        if hasattr(request, name):
            delattr(request, name)


def is_partial(request: HttpRequest) -> bool:
    """Asked for by a script (htmx or fetch), not by the address bar."""
    if getattr(request, "htmx", False):
        return True
    return request.headers.get("X-Requested-With") == "fetch"


def needs_otp(request: HttpRequest) -> bool:
    """True while a second factor is set up for this person but not shown in this session."""
    return not _is_verified(request) and user_has_device(request.user)


def _is_verified(request: HttpRequest) -> bool:
    """Whether the second factor was shown in this session (django-otp's middleware tells)."""
    return bool(request.user.is_verified())  # type: ignore[union-attr]


def must_enrol(actor: Actor) -> bool:
    """An administrator needs a second factor where the district asks for one."""
    return actor.duty == "administrator" and bool(getattr(settings, "SANYOU_REQUIRE_OTP", False))


def _elsewhere(request: HttpRequest, name: str, status: int = 401) -> HttpResponse:
    """Send a person to another page; a script gets the status instead and shows a dialog."""
    if is_partial(request):
        response: HttpResponse = JsonResponse(
            {"error": _("登录已过期，请重新登录。您填写的内容仍在页面上。"), "url": reverse(name)},
            status=status,
        )
    else:
        query = urlencode({"next": request.get_full_path()}) if request.method == "GET" else ""
        response = redirect(f"{reverse(name)}?{query}" if query else reverse(name))
    add_never_cache_headers(response)
    return response


def signed_in_page(view: View[P]) -> View[P]:
    """A page for anybody signed in, whatever the duty (account, duty chooser)."""

    @wraps(view)
    def page(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not request.user.is_authenticated:
            return _elsewhere(request, "sign-in")
        if needs_otp(request):
            return _elsewhere(request, "second-factor")
        return view(request, *args, **kwargs)

    page.access = "signed-in"  # type: ignore[attr-defined]
    return cast("View[P]", page)


def public_page(view: View[P]) -> View[P]:
    """A page before sign-in."""
    view.access = "public"  # type: ignore[attr-defined]
    return view


def duty_page(
    action: str, methods: tuple[str, ...] = ("GET", "POST")
) -> Callable[[View[P]], View[P]]:
    """A page for duties that may do `action` (sanyou.registry.duties.ACTIONS).

    Anonymous: sent to sign in (a script gets 401). Duty without the action: 403. NotFoundForYou
    raised inside: 404. CareError and the like (anything with `message_zh`): a page, or for htmx a
    fragment, that says what is wrong, status 409. Other methods than `methods`: 405.
    """

    def decorate(view: View[P]) -> View[P]:
        @wraps(view)
        def page(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
            if not request.user.is_authenticated:
                return _elsewhere(request, "sign-in")
            if needs_otp(request):
                return _elsewhere(request, "second-factor")
            if request.user.must_change_password:
                return _elsewhere(request, "account", 403)
            try:
                actor = actor_of(request)
            except NoDuty:
                return _elsewhere(request, "choose-duty", 403)
            if must_enrol(actor) and not _is_verified(request):
                return _elsewhere(request, "account-second-factor", 403)
            try:
                actor.require(action)
                if request.method not in {*methods, "HEAD"}:
                    return HttpResponseNotAllowed(methods)
                response = view(request, *args, **kwargs)
            except NotFoundForYou as error:
                raise Http404(str(error)) from error
            except Forbidden as error:
                return problem(request, error.message_zh, status=403)
            except Exception as error:
                message = getattr(error, "message_zh", None)
                if message is None:
                    raise
                return problem(request, str(message), status=409)
            add_never_cache_headers(response)  # records never stay in a shared computer's cache
            return response

        page.access = action  # type: ignore[attr-defined]
        return cast("View[P]", page)

    return decorate


def problem(request: HttpRequest, message: str, status: int) -> HttpResponse:
    """Say what is wrong and what to do: a page, or a fragment for htmx, or JSON for fetch."""
    if request.headers.get("X-Requested-With") == "fetch":
        return JsonResponse({"error": message}, status=status)
    name = "desk/parts/message.html" if getattr(request, "htmx", False) else "desk/problem.html"
    context: dict[str, Any] = {"message": message, "level": "error", "status": status}
    return render(request, name, context, status=status)


def say(request: HttpRequest, message: str) -> None:
    """A line of success shown on the next page."""
    messages.success(request, message)
