"""A browser for the journeys: each member of staff in a browser of their own, past the sign-in page.

With SANYOU_PICTURES=FOLDER the journeys leave pictures of their pages in that folder.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse

from tests.conftest import PASSWORD

os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # Playwright keeps a loop in this thread
playwright_api = pytest.importorskip("playwright.sync_api")

CHROMIUM = "/usr/bin/chromium"
DESKTOP = {"width": 1366, "height": 768}
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright_api.sync_playwright() as p:
        running = p.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def signed_in(browser: Any, live_server: Any, staff: Any) -> Iterator[Callable[..., Any]]:
    """`signed_in("history_nurse")` -> a page of a fresh browser, past the sign-in page.

    At the end no page may have met an error in its scripts.
    """
    contexts: list[Any] = []
    broken: list[str] = []

    def make(
        duty: str, username: str | None = None, region: str | None = None, **options: Any
    ) -> Any:
        person = staff(duty, region, username)
        context = browser.new_context(**{"locale": "zh-CN", "viewport": DESKTOP} | options)
        context.set_default_timeout(15_000)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: broken.append(f"{page.url}: {error}"))
        page.goto(live_server.url + reverse("sign-in"))
        page.fill("input[name=username]", person.username)
        page.fill("input[name=password]", PASSWORD)
        page.press("input[name=password]", "Enter")
        page.wait_for_url(lambda url: "sign-in" not in url)
        return page

    yield make
    for context in contexts:
        context.close()
    assert broken == []


@pytest.fixture
def other_district(regions: None, library: Any) -> Callable[[str], Any]:
    """`other_district("320724")` -> the organisations of a district that has its own document."""
    from sanyou.registry import organisations

    def make(code: str) -> Any:
        return organisations.setup_district(code, library.district_for(code).spec.centre.name.zh)

    return make


@pytest.fixture
def desks(signed_in: Any, other_district: Any) -> Callable[..., Callable[..., Any]]:
    """`desks(county, town)` -> a function: `desk("manager")` is signed in there, the village and
    township staff in that town."""

    def of(county: str, town: str) -> Callable[..., Any]:
        other_district(county)

        def make(duty: str, **options: Any) -> Any:
            low = duty in {"village_worker", "township_officer"}
            return signed_in(duty, region=town if low else county, **options)

        return make

    return of


@pytest.fixture
def picture() -> Callable[[Any, str], None]:
    """`picture(page, "03-confirm")` leaves a picture where pictures are asked for."""
    folder = os.environ.get("SANYOU_PICTURES", "")

    def take(page: Any, name: str) -> None:
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            page.evaluate("window.scrollTo(0, 0)")
            page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)

    return take
