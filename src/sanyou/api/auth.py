"""Who calls: a signed-in session (with CSRF token), or a bearer token of one duty of one person.

A token is signed, not stored: it names a duty assignment and carries a print of the person's
password state. It ends with its term, with the duty, with the account, and with a new password.
"""

from typing import Any

from django.conf import settings
from django.core import signing
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.translation import gettext as _
from django_otp import user_has_device
from ninja.errors import HttpError
from ninja.security import APIKeyCookie, HttpBearer

from sanyou.registry import duties
from sanyou.registry.access import Actor, Forbidden
from sanyou.registry.models import DutyAssignment, Staff
from sanyou.trust import audit

SALT = "sanyou.api.token"
TOKEN_DAYS = 90
SESSION_DUTY = "duty"  # the duty chosen on the pages


def make_token(assignment: DutyAssignment, by: Actor) -> str:
    """A bearer token for one duty, valid TOKEN_DAYS. Needs "manage_staff" over the person."""
    by.require("manage_staff", assignment)
    body = {"duty": assignment.pk, "print": _print(assignment.staff)}
    audit.record(by, "make-token", "staff", assignment.staff.username, duty=assignment.duty)
    return signing.dumps(body, salt=SALT)


def _print(staff: Staff) -> str:
    """Changes with the password."""
    return salted_hmac(SALT, staff.get_session_auth_hash()).hexdigest()[:24]


class Token(HttpBearer):
    """Authorization: Bearer <token>."""

    def authenticate(self, request: HttpRequest, token: str) -> Actor | None:
        try:
            body = signing.loads(token, salt=SALT, max_age=TOKEN_DAYS * 86400)
        except signing.BadSignature:
            return None
        held = (
            DutyAssignment.objects.filter(pk=body.get("duty"))
            .select_related("staff__organisation", "region")
            .first()
        )
        if held is None or not constant_time_compare(body.get("print", ""), _print(held.staff)):
            return None
        try:
            return Actor.of(held.staff, held)
        except Forbidden:
            return None


class Session(APIKeyCookie):
    """The session of the pages. The header X-Duty chooses among several duties."""

    param_name = "sessionid"

    def authenticate(self, request: HttpRequest, key: str | None) -> Actor | None:
        user: Any = request.user
        if not user.is_authenticated:
            return None
        if user_has_device(user) and not user.is_verified():
            raise HttpError(401, _("请先完成二次验证。"))
        if user.must_change_password:
            raise HttpError(403, _("请先在“账户”页面修改初始密码。"))
        actor = Actor.of(user, _chosen(request, user))
        if actor.duty == "administrator" and settings.SANYOU_REQUIRE_OTP and not user.is_verified():
            raise HttpError(401, _("请先在“账户”页面启用二次验证。"))
        return actor


def _chosen(request: HttpRequest, staff: Staff) -> DutyAssignment:
    held = list(duties.assignments(staff, timezone.localdate()))
    wanted = request.headers.get("X-Duty")
    if wanted:
        found = [a for a in held if a.duty == wanted]
    else:
        found = [a for a in held if a.pk == request.session.get(SESSION_DUTY)]
        found = found or (held if len(held) == 1 else [])
    if not found:
        raise HttpError(403, _("请用请求头 X-Duty 指明以哪项职责办理，例如 X-Duty: registration。"))
    return found[0]


def actor_of(request: HttpRequest) -> Actor:
    """The actor that authentication found."""
    actor: Actor = request.auth  # type: ignore[attr-defined]
    return actor
