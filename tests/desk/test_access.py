"""Every page is refused by default: walk all addresses without signing in, and with a wrong duty."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import URLPattern, reverse

from sanyou.desk import urls
from sanyou.registry.duties import ACTIONS, DUTIES

PUBLIC = {
    "sign-in", "sign-in-again", "second-factor", "sign-out", "alive", "set_language", "style",
}  # fmt: skip


def patterns() -> Iterator[URLPattern]:
    yield from (p for p in urls.urlpatterns if isinstance(p, URLPattern))


def address(pattern: URLPattern) -> str:
    """The address with made-up values for what it captures."""
    made = {"UUIDConverter": uuid4(), "IntConverter": 999999, "SlugConverter": "none",
            "StringConverter": "none", "PathConverter": "none"}  # fmt: skip
    values = {
        name: made[type(converter).__name__]
        for name, converter in pattern.pattern.converters.items()
    }
    return reverse(pattern.name, kwargs=values)


NAMED = [pytest.param(p, id=str(p.name)) for p in patterns()]


@pytest.mark.parametrize("pattern", NAMED)
def test_every_page_says_who_may_open_it(pattern: URLPattern) -> None:
    if pattern.name == "set_language":
        return  # Django's own, changes a cookie only
    access = getattr(pattern.callback, "access", None)
    assert access in {"public", "signed-in"} | set(ACTIONS), pattern.name
    assert (access == "public") == (pattern.name in PUBLIC), pattern.name


@pytest.mark.django_db
@pytest.mark.requirement("H01")
@pytest.mark.parametrize("pattern", [p for p in NAMED if p.values[0].name not in PUBLIC])
@pytest.mark.parametrize("method", ["get", "post"])
def test_it_sends_a_stranger_to_sign_in(pattern: URLPattern, method: str) -> None:
    response = getattr(Client(), method)(address(pattern))

    assert response.status_code == 302
    assert response.url.startswith(reverse("sign-in"))


@pytest.mark.django_db
@pytest.mark.parametrize("pattern", [p for p in NAMED if p.values[0].name not in PUBLIC])
def test_it_tells_a_script_that_the_session_is_over(pattern: URLPattern) -> None:
    response = Client().post(address(pattern), headers={"X-Requested-With": "fetch"})

    assert response.status_code == 401
    assert "重新登录" in response.json()["error"]


@pytest.mark.django_db
@pytest.mark.requirement("H01")
def test_no_duty_opens_a_page_it_does_not_hold(client_as) -> None:
    for duty in (d for d in DUTIES.values() if d.id != "system"):
        client = client_as(duty.id)
        for pattern in patterns():
            access = getattr(pattern.callback, "access", "public")
            if access in {"public", "signed-in"} or access in duty.may:
                continue
            for method in ("get", "post"):
                response = getattr(client, method)(address(pattern))
                assert response.status_code == 403, (duty.id, pattern.name, method)
                assert "切换" in response.content.decode()
