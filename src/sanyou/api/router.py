"""The API: its parts, who may call it, and how it says no."""

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from sanyou.api import (
    benefits,
    births,
    contents,
    couples,
    episodes,
    lifecourse,
    money,
    records,
    rules,
    stock,
    work,
)
from sanyou.api.auth import Session, Token
from sanyou.care.errors import CareError, Conflict, FormInvalid
from sanyou.finance.errors import FinanceError
from sanyou.registry.access import Forbidden, NotFoundForYou
from sanyou.registry.people import RegistryError

api = NinjaAPI(
    title="Sanyou 三优",
    version="1",
    description="免费孕前优生健康检查：与页面相同的服务，供其他系统和脚本使用。",
    auth=[Token(), Session()],
    docs_url=None,  # the interactive page would load scripts from elsewhere
    openapi_url="/openapi.json",
    urls_namespace="api",
)
api.add_router("/episodes", episodes.router)
api.add_router("", couples.router)
api.add_router("", records.router)
api.add_router("/tasks", work.router)
api.add_router("", lifecourse.router)
api.add_router("", births.router)
api.add_router("", money.router)
api.add_router("", rules.router)
api.add_router("", contents.router)
api.add_router("/benefits", benefits.router)
api.add_router("/stock", stock.router)


def _refuse(
    request: HttpRequest, status: int, code: str, text: str, **more: object
) -> HttpResponse:
    answer = api.create_response(request, {"code": code, "error": text, **more}, status=status)
    answer["Cache-Control"] = "no-store"
    return answer


@api.exception_handler(AuthenticationError)
def _not_signed_in(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    text = _("请先登录，或在 Authorization 请求头中给出有效令牌。")
    return _refuse(request, 401, "not_signed_in", text)


@api.exception_handler(NotFoundForYou)
def _not_found(request: HttpRequest, error: NotFoundForYou) -> HttpResponse:
    return _refuse(request, 404, "not_found", error.message_zh)


@api.exception_handler(Forbidden)
def _forbidden(request: HttpRequest, error: Forbidden) -> HttpResponse:
    return _refuse(request, 403, "forbidden", error.message_zh)


@api.exception_handler(CareError)
def _not_now(request: HttpRequest, error: CareError) -> HttpResponse:
    return _refuse(request, 409, error.code, error.message_zh)


@api.exception_handler(Conflict)
def _conflict(request: HttpRequest, error: Conflict) -> HttpResponse:
    return _refuse(request, 409, error.code, error.message_zh)


@api.exception_handler(FinanceError)
def _not_payable(request: HttpRequest, error: FinanceError) -> HttpResponse:
    return _refuse(request, 409, error.code, error.message_zh)


@api.exception_handler(FormInvalid)
def _invalid(request: HttpRequest, error: FormInvalid) -> HttpResponse:
    errors = {name: str(found) for name, found in error.errors.items()}
    return _refuse(request, 422, error.code, error.message_zh, errors=errors)


@api.exception_handler(RegistryError)
def _not_registered(request: HttpRequest, error: RegistryError) -> HttpResponse:
    return _refuse(request, 422, error.code, error.message_zh)


@api.exception_handler(ValidationError)
def _malformed(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """Names the fields; never repeats their values, which may be personal."""
    errors = {
        ".".join(str(part) for part in found["loc"][1:]): str(found["msg"])
        for found in error.errors
    }
    text = _("请求内容不完整或格式不对，请对照 /api/openapi.json 核对。")
    return _refuse(request, 422, "malformed", text, errors=errors)


@api.exception_handler(HttpError)
def _http(request: HttpRequest, error: HttpError) -> HttpResponse:
    text = str(error)
    if error.status_code == 403 and "CSRF" in text:
        text = _("请求缺少 CSRF 令牌。请在 X-CSRFToken 请求头中带上，或改用 Bearer 令牌。")
        return _refuse(request, 403, "no_csrf", text)
    return _refuse(request, error.status_code, "refused", text)
