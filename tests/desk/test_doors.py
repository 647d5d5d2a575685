"""No page leads nowhere: every link on a duty's home and in its menu opens for that duty."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from sanyou.registry.duties import DUTIES

pytestmark = pytest.mark.django_db


@pytest.mark.requirement("H01")
@pytest.mark.parametrize("duty", [d for d in DUTIES if d != "system"])
def test_every_link_of_a_home_page_opens(
    duty: str, client_as: Callable[..., Any], episode_at: Callable[..., Any]
) -> None:
    episode_at("confirmed", 1)
    episode_at("assessed", 2)
    client = client_as(duty)

    home = client.get("/")
    assert home.status_code == 200
    links = {
        href
        for href in re.findall(r'<a [^>]*href="(/[^"]*)"', home.content.decode())
        if not href.startswith(("/static/", "/sign-out"))
    }

    assert links
    refused = {href: client.get(href, follow=True).status_code for href in links}
    assert {href: code for href, code in refused.items() if code != 200} == {}
