"""Signing in and out, the second factor, and the choice of duty."""

import os
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import django_otp
import segno
from axes.helpers import get_cool_off
from django.contrib import messages
from django.contrib.auth import authenticate, login, logout, update_session_auth_hash
from django.contrib.auth.forms import PasswordChangeForm
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.middleware.csrf import get_token
from django.shortcuts import redirect, render
from django.utils.cache import add_never_cache_headers
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_GET, require_http_methods, require_POST
from django_otp.plugins.otp_totp.models import TOTPDevice

from sanyou.desk.actor import (
    NoDuty,
    actor_of,
    assignments_of,
    choose,
    must_enrol,
    needs_otp,
    public_page,
    signed_in_page,
)
from sanyou.registry.access import AccessError
from sanyou.registry.models import Staff
from sanyou.trust import audit


@dataclass(frozen=True)
class Visitor:
    """Somebody known by name, before a duty is chosen: enough for the audit."""

    username: str
    duty: str = ""


def _next(request: HttpRequest) -> str:
    """Where she wanted to go; never another site."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    safe = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if safe else "/"


def _authenticate(request: HttpRequest) -> tuple[Staff | None, str]:
    """(the person, "") or (None, what is wrong and what to do)."""
    username = request.POST.get("username", "").strip()
    password = request.POST.get("password", "")
    if not username or not password:
        return None, _("请输入用户名和密码。")
    user = authenticate(request, username=username, password=password)
    if isinstance(user, Staff):
        return user, ""
    if getattr(request, "axes_locked_out", False):
        request.axes_locked_out = False  # type: ignore[attr-defined]  # our own words instead
        minutes = round((get_cool_off(request) or timedelta(minutes=30)).total_seconds() / 60)
        return None, _(
            "密码错误次数过多，该账号在这台电脑上已锁定 %d 分钟。"
            "请稍后再试；忘记密码请联系系统管理员重置。"
        ) % minutes
    return None, _("用户名或密码不正确。请检查大小写和输入法后重试；连续错 5 次将锁定 30 分钟。")


def _enter(request: HttpRequest, user: Staff) -> None:
    login(request, user)
    audit.record(Visitor(user.username), "sign-in", "staff", user.pk)


@public_page
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """Username and password; then the second factor and the duty where needed."""
    if request.method == "GET" and request.user.is_authenticated:
        return redirect("home")
    problem = ""
    if request.method == "POST":
        user, problem = _authenticate(request)
        if user is not None:
            _enter(request, user)
            return redirect(_next(request))
    context = {
        "problem": problem,
        "username": request.POST.get("username", ""),
        "next": _next(request),
    } | _demo(request)
    response = render(request, "desk/shell/sign_in.html", context, status=401 if problem else 200)
    add_never_cache_headers(response)
    return response


def _demo(request: HttpRequest) -> dict[str, Any]:
    """In a demo its districts and the accounts of the chosen one; elsewhere nothing."""
    if os.environ.get("SANYOU_DEMO") != "1":
        return {}
    from sanyou.synth import district

    logins = district.logins()
    places = {login.district: login.place for login in logins}
    first = next(iter(places), "")
    chosen = request.GET.get("district", first)
    if chosen not in places:
        chosen = first
    return {
        "places": [
            {"id": id_, "label": label, "current": id_ == chosen} for id_, label in places.items()
        ],
        "demo": [login for login in logins if login.district == chosen],
    }


@public_page
@sensitive_post_parameters("password")
@require_POST
def sign_in_again(request: HttpRequest) -> HttpResponse:
    """Sign in from the dialog over an open form: answers JSON, keeps the duty."""
    user, problem = _authenticate(request)
    if user is None:
        return JsonResponse({"error": problem}, status=403)
    if django_otp.user_has_device(user):
        token = request.POST.get("token", "").strip()
        device = django_otp.match_token(user, token) if token else None
        if device is None:
            return JsonResponse(
                {"error": _("动态验证码不正确，请输入手机上当前显示的 6 位数字。")}, status=403
            )
        _enter(request, user)
        django_otp.login(request, device)
    else:
        _enter(request, user)
    wanted = request.POST.get("duty", "")
    for assignment in assignments_of(request):
        if str(assignment.pk) == wanted:
            choose(request, assignment)
    return JsonResponse({"csrf": get_token(request)})


@public_page
@require_GET
def alive(request: HttpRequest) -> HttpResponse:
    """204 while the session lasts, 401 after: asked before a form is sent."""
    ok = request.user.is_authenticated and not needs_otp(request)
    return HttpResponse(status=204 if ok else 401)


@public_page
@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session."""
    if request.user.is_authenticated:
        audit.record(Visitor(request.user.username), "sign-out", "staff", request.user.pk)
    logout(request)
    messages.success(request, _("您已退出登录。"))
    return redirect("sign-in")


@public_page
@require_http_methods(["GET", "POST"])
def second_factor(request: HttpRequest) -> HttpResponse:
    """Ask for the code of the authenticator app after the password."""
    if not request.user.is_authenticated:
        return redirect("sign-in")
    if not needs_otp(request):
        return redirect(_next(request))
    problem = ""
    if request.method == "POST":
        device = django_otp.match_token(request.user, request.POST.get("token", "").strip())
        if device is not None:
            django_otp.login(request, device)
            return redirect(_next(request))
        problem = _("动态验证码不正确。请输入手机上当前显示的 6 位数字；多次不对请等待片刻再试。")
    return render(
        request,
        "desk/shell/second_factor.html",
        {"problem": problem, "next": _next(request)},
        status=401 if problem else 200,
    )


@signed_in_page
@require_http_methods(["GET", "POST"])
def choose_duty(request: HttpRequest) -> HttpResponse:
    """Which of her duties she works in now."""
    held = assignments_of(request)
    if request.method == "POST":
        for assignment in held:
            if str(assignment.pk) == request.POST.get("duty"):
                choose(request, assignment)
                audit.record(
                    Visitor(request.user.username, assignment.duty),
                    "choose-duty",
                    "staff",
                    request.user.pk,
                )
                return redirect(_next(request))
        messages.error(request, _("您没有这个岗位，请从列表中选择。"))
    return render(request, "desk/shell/choose_duty.html", {"held": held, "next": _next(request)})


@signed_in_page
@sensitive_post_parameters()
@require_http_methods(["GET", "POST"])
def account(request: HttpRequest) -> HttpResponse:
    """Change the password; see whether a second factor is set up."""
    user = request.user
    form = PasswordChangeForm(user, request.POST or None)  # type: ignore[arg-type]
    if request.method == "POST" and form.is_valid():
        form.save()
        Staff.objects.filter(username=user.get_username()).update(must_change_password=False)
        update_session_auth_hash(request, form.user)
        audit.record(Visitor(user.username), "change-password", "staff", user.pk)
        messages.success(request, _("密码已修改，下次登录请使用新密码。"))
        return redirect("home")
    return render(
        request,
        "desk/shell/account.html",
        {"form": form, "has_device": django_otp.user_has_device(user)},
        status=422 if request.method == "POST" else 200,
    )


@signed_in_page
@require_http_methods(["GET", "POST"])
def account_second_factor(request: HttpRequest) -> HttpResponse:
    """Set up, or take away, the authenticator app."""
    user = request.user
    own = TOTPDevice.objects.filter(user=user)
    confirmed = own.filter(confirmed=True).first()
    if confirmed is not None:
        return _remove_device(request, confirmed)
    device = own.first() or TOTPDevice.objects.create(user=user, name="app", confirmed=False)
    problem = ""
    if request.method == "POST":
        if device.verify_token(request.POST.get("token", "").strip()):
            device.confirmed = True
            device.save()
            django_otp.login(request, device)
            audit.record(Visitor(user.username), "enrol-otp", "staff", user.pk)
            messages.success(request, _("二次验证已启用，以后登录还需输入动态验证码。"))
            return redirect("home")
        problem = _("动态验证码不正确。请核对手机时间是否自动校准，再输入当前的 6 位数字。")
    try:
        required = must_enrol(actor_of(request))
    except (NoDuty, AccessError):
        required = False
    context = {
        "qr": segno.make(device.config_url, error="m").svg_data_uri(scale=5, border=2),
        "secret": _grouped(device),
        "problem": problem,
        "required": required,
    }
    return render(request, "desk/shell/enrol.html", context, status=422 if problem else 200)


def _grouped(device: TOTPDevice) -> str:
    """The secret for typing by hand, in fours."""
    from base64 import b32encode

    text = b32encode(device.bin_key).decode().rstrip("=")
    return " ".join(text[i : i + 4] for i in range(0, len(text), 4))


def _remove_device(request: HttpRequest, device: TOTPDevice) -> HttpResponse:
    problem = ""
    if request.method == "POST":
        right = request.user.check_password(request.POST.get("password", ""))
        if right and device.verify_token(request.POST.get("token", "").strip()):
            device.delete()
            audit.record(Visitor(request.user.username), "remove-otp", "staff", request.user.pk)
            messages.success(request, _("二次验证已停用。"))
            return redirect("account")
        problem = _("密码或动态验证码不正确，二次验证没有停用。")
    return render(
        request,
        "desk/shell/enrolled.html",
        {"problem": problem},
        status=422 if problem else 200,
    )
