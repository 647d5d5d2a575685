"""The frame in a real browser: registration to confirmation, a session that ends, another village."""

import os
from collections.abc import Callable, Iterator
from datetime import date
from typing import Any

import pytest
from django.urls import reverse

from sanyou.care.models import Episode
from tests.conftest import HUAYAN, XIPENG, id_number

os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # Playwright keeps a loop in this thread
playwright_api = pytest.importorskip("playwright.sync_api")
expect = playwright_api.expect

CHROMIUM = "/usr/bin/chromium"
PASSWORD = "correct-horse-9"
WIFE = id_number("500107", date(1992, 6, 15), 2)
HUSBAND = id_number("500107", date(1990, 2, 3), 3)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright_api.sync_playwright() as p:
        running = p.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def signed_in(
    transactional_db: None, browser: Any, live_server: Any, staff: Any
) -> Iterator[Callable[..., Any]]:
    """`signed_in("village_worker")` -> a page of a fresh browser, past the sign-in page."""
    contexts = []

    def make(duty: str, region: str | None = None, **options: Any) -> Any:
        person = staff(duty, region)
        size = options.pop("viewport", {"width": 1366, "height": 768})
        context = browser.new_context(locale="zh-CN", viewport=size, **options)
        contexts.append(context)
        page = context.new_page()
        page.goto(live_server.url + reverse("sign-in"))
        page.fill("input[name=username]", person.username)
        page.fill("input[name=password]", PASSWORD)
        page.press("input[name=password]", "Enter")
        page.wait_for_url(lambda url: "sign-in" not in url)
        return page

    yield make
    for context in contexts:
        for page in context.pages:
            page.wait_for_load_state("networkidle")
        context.close()


def type_couple(page: Any, live_server: Any) -> None:
    page.goto(live_server.url + reverse("nominate"))
    page.fill("#wife-id_number", WIFE)
    page.fill("#wife-name", "欧阳慧敏")
    page.fill("#wife-hukou_text", "重庆市九龙坡区华岩镇民安村")
    page.fill("#husband-id_number", HUSBAND)
    page.fill("#husband-name", "司马建国")
    page.click("[data-person=husband] [data-same=hukou_text]")
    page.fill("#f-child_order", "1")
    page.check("input[name=f-planning][value=true]")
    page.check("input[name=f-policy_compliant][value=true]")


@pytest.mark.requirement("A06")
def test_from_the_village_to_the_centre(signed_in: Any, live_server: Any) -> None:
    village = signed_in("village_worker")
    type_couple(village, live_server)
    village.click("text=提交登记")
    village.wait_for_url("**/episodes/**")
    expect(village.locator(".message.success")).to_contain_text("已转镇街审核")

    town = signed_in("township_officer")
    town.check("input[name=task]")
    town.on("dialog", lambda dialog: dialog.accept())
    town.click("text=所选审核通过")
    expect(town.locator(".message.success")).to_contain_text("已审核通过 1 对")

    centre = signed_in("registration")
    centre.click("text=办理")
    expect(centre.locator("body")).to_contain_text("九龙坡府办发〔2020〕136号")
    centre.click("button:has-text('确认资格')")
    expect(centre.locator(".message.success")).to_contain_text("可以发放服务卡")
    assert Episode.objects.get().decisions.get().grant == "free"


@pytest.mark.requirement("A01")
def test_a_number_is_judged_as_it_is_typed(signed_in: Any, live_server: Any) -> None:
    page = signed_in("village_worker")
    page.goto(live_server.url + reverse("nominate"))
    box = page.locator("[data-person=wife]")

    page.fill("#wife-id_number", WIFE[:17])
    expect(box.locator("[data-ok]")).to_have_text("还差 1 位")
    page.fill("#wife-id_number", WIFE[:16] + WIFE[17] + WIFE[16])
    expect(box.locator("[data-error]")).to_contain_text("校验位不正确")
    page.fill("#wife-id_number", HUSBAND)
    expect(box.locator("[data-error]")).to_contain_text("填反")
    page.fill("#wife-id_number", WIFE)
    expect(box.locator("[data-ok]")).to_contain_text("1992-06-15")
    expect(box.locator("[data-error]")).to_be_empty()


@pytest.mark.requirement("H03")
def test_a_session_that_ends_in_mid_form_loses_nothing(signed_in: Any, live_server: Any) -> None:
    page = signed_in("village_worker")
    type_couple(page, live_server)
    page.wait_for_load_state("networkidle")
    page.context.clear_cookies(name="sessionid")

    page.click("text=提交登记")
    expect(page.locator("#session-dialog")).to_be_visible()
    assert not Episode.objects.exists()
    page.fill("#session-password", "wrong-password-1")
    page.click("#session-dialog button[type=submit]")
    expect(page.locator("#session-dialog .error")).to_contain_text("密码不正确")
    page.fill("#session-password", PASSWORD)
    page.click("#session-dialog button[type=submit]")

    page.wait_for_url("**/episodes/**")
    assert Episode.objects.get().couple.wife.name == "欧阳慧敏"


@pytest.mark.requirement("H01")
def test_another_village_is_refused(signed_in: Any, live_server: Any, episode_at: Any) -> None:
    episode = episode_at("nominated")
    page = signed_in("village_worker", XIPENG)

    page.goto(live_server.url + reverse("episode", args=[episode.key]))

    expect(page.locator("body")).to_contain_text("没有找到")
    expect(page.locator("body")).not_to_contain_text("欧阳慧敏")
    assert episode.region_id == HUAYAN


def test_search_answers_as_one_types(signed_in: Any, live_server: Any, episode_at: Any) -> None:
    episode_at("nominated")
    page = signed_in("registration")

    page.fill("#top-search", "oyhm")
    page.locator("#search-hits a").first.wait_for()
    page.press("#top-search", "ArrowDown")
    page.keyboard.press("Enter")

    page.wait_for_url("**/couples/**")
    expect(page.locator("h1")).to_contain_text("欧阳慧敏")


@pytest.mark.parametrize("width", [1366, 360])
def test_no_page_of_the_frame_is_wider_than_the_screen(
    signed_in: Any, live_server: Any, episode_at: Any, width: int
) -> None:
    episode = episode_at("assessed")
    page = signed_in("registration", viewport={"width": width, "height": 780})
    paths = [
        reverse(name)
        for name in (
            "home",
            "nominate",
            "search",
            "doubts",
            "policies",
            "rules",
            "style",
            "account",
        )
    ]
    paths += [reverse("policy", args=["jiulongpo-2020"]), reverse("episode", args=[episode.key])]

    for path in paths:
        page.goto(live_server.url + path)
        extra = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert extra <= 0, (path, extra)


def test_nothing_breaks_the_content_security_policy(
    signed_in: Any, live_server: Any, episode_at: Any
) -> None:
    episode = episode_at("assessed")
    page = signed_in("assessing_doctor")
    complaints: list[str] = []
    page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda e: complaints.append(str(e)))

    for path in ("/", "/search?q=oyhm", "/rules", "/style", f"/episodes/{episode.key}"):
        page.goto(live_server.url + path)

    assert complaints == []
