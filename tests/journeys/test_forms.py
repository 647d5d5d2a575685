"""The record form in a real browser: two people, ended session, cut network, keyboard."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.urls import reverse

os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "true")  # Playwright keeps a loop in this thread
playwright_api = pytest.importorskip("playwright.sync_api")
expect = playwright_api.expect

CHROMIUM = "/usr/bin/chromium"
PASSWORD = "correct-horse-9"
# No save is on its way: the database may be emptied.
SETTLED = (
    "() => !['typing', 'saving'].includes(document.getElementById('save-state')?.dataset.state)"
)

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.requirement("H03")]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright_api.sync_playwright() as p:
        running = p.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def signed_in(browser: Any, live_server: Any, staff: Any) -> Iterator[Callable[..., Any]]:
    """`signed_in("history_nurse")` -> a page of a fresh browser, past the sign-in page."""
    contexts = []

    def make(duty: str, username: str | None = None, **options: Any) -> Any:
        person = staff(duty, username=username)
        context = browser.new_context(
            locale="zh-CN", viewport={"width": 1366, "height": 768}, **options
        )
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
            page.wait_for_function(SETTLED, timeout=8000)
        context.close()


@pytest.fixture
def episode(transactional_db: None, episode_at: Any) -> Any:
    return episode_at("consented")


def open_form(page: Any, live_server: Any, episode: Any, form: str, role: str = "wife") -> None:
    page.goto(live_server.url + reverse("encounter-open", args=[episode.key, form, role]))
    page.wait_for_selector("#record")


def row(episode: Any, form: str, role: str = "wife") -> Any:
    return episode.encounters.get(form=form, role=role)


def saved(page: Any) -> None:
    expect(page.locator("#save-state[data-state=saved]")).to_be_visible(timeout=8000)


def test_what_is_typed_is_saved_by_itself(signed_in: Any, live_server: Any, episode: Any) -> None:
    page = signed_in("laboratory")
    open_form(page, live_server, episode, "laboratory")
    page.fill("#f-alt", "33")
    saved(page)
    expect(page.locator("#save-state")).to_contain_text("已保存")
    assert row(episode, "laboratory").data["alt"] == 33
    page.reload()
    expect(page.locator("#f-alt")).to_have_value("33")


def test_leaving_at_once_loses_nothing(signed_in: Any, live_server: Any, episode: Any) -> None:
    page = signed_in("laboratory")
    open_form(page, live_server, episode, "laboratory")
    page.fill("#f-alt", "34")
    page.goto(live_server.url + reverse("home"))
    open_form(page, live_server, episode, "laboratory")
    expect(page.locator("#f-alt")).to_have_value("34")


def test_abnormal_values_are_marked_as_typed(
    signed_in: Any, live_server: Any, episode: Any
) -> None:
    page = signed_in("laboratory")
    open_form(page, live_server, episode, "laboratory")
    field = page.locator("[data-element=alt]")
    page.fill("#f-alt", "88")
    expect(field.locator("[data-flag]")).to_have_text("↑ 偏高")
    page.fill("#f-alt", "20")
    expect(field.locator("[data-flag]")).to_be_hidden()
    page.fill("#f-alt", "99999")
    page.press("#f-alt", "Tab")
    expect(field.locator("[data-error]")).to_contain_text("超出")
    saved_state = page.locator("#save-state")
    expect(saved_state).to_have_attribute("data-state", "error")


def test_an_answer_shows_and_hides_its_questions(
    signed_in: Any, live_server: Any, episode: Any
) -> None:
    page = signed_in("history_nurse")
    open_form(page, live_server, episode, "history")
    dependent = page.locator("[data-element=cigarettes_per_day]")
    expect(dependent).to_be_hidden()
    page.check("input[name=smoking][value=true]")
    expect(dependent).to_be_visible()
    page.check("input[name=smoking][value=false]")
    expect(dependent).to_be_hidden()


def test_the_whole_form_by_keyboard(signed_in: Any, live_server: Any, episode: Any) -> None:
    page = signed_in("history_nurse")
    open_form(page, live_server, episode, "history")
    page.locator("input[name=history_anaemia]").first.focus()
    for key in ("2", "1", "2"):
        page.keyboard.press(key)
    saved(page)
    data = row(episode, "history").data
    assert data["history_anaemia"] is False
    assert data["history_hypertension"] is True
    assert data["history_diabetes"] is False
    page.keyboard.press("ArrowUp")
    page.keyboard.press("Backspace")
    expect(page.locator("input[name=history_diabetes]:checked")).to_have_count(0)
    page.locator("input[name=smoking]").first.focus()
    page.keyboard.press("1")
    expect(page.locator("#f-cigarettes_per_day")).to_be_visible()
    page.locator("#f-cigarettes_per_day").focus()
    page.keyboard.type("10")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.closest('[data-element]').dataset.element") != (
        "cigarettes_per_day"
    )


def test_two_nurses_on_one_record_choose_field_by_field(
    signed_in: Any, live_server: Any, episode: Any
) -> None:
    one = signed_in("laboratory")
    other = signed_in("laboratory", username="second-lab")
    open_form(one, live_server, episode, "laboratory")
    open_form(other, live_server, episode, "laboratory")
    one.fill("#f-alt", "33")
    saved(one)
    other.fill("#f-tsh", "2.2")
    other.fill("#f-alt", "44")
    banner = other.locator("[data-element=alt] [data-conflict]")
    expect(banner).to_be_visible(timeout=8000)
    expect(banner).to_contain_text("33")
    expect(banner).to_contain_text("44")
    assert row(episode, "laboratory").data["alt"] == 33
    banner.get_by_role("button", name="用我填的").click()
    expect(banner).to_be_hidden()
    saved(other)
    data = row(episode, "laboratory").data
    assert (data["alt"], float(data["tsh"])) == (44, 2.2)


def test_the_session_ends_in_mid_form_and_nothing_is_lost(
    signed_in: Any, live_server: Any, episode: Any
) -> None:
    page = signed_in("laboratory")
    open_form(page, live_server, episode, "laboratory")
    page.context.clear_cookies(name="sessionid")
    page.fill("#f-alt", "35")
    dialog = page.locator("#session-dialog")
    expect(dialog).to_be_visible(timeout=8000)
    dialog.locator("input[name=password]").fill(PASSWORD)
    dialog.get_by_role("button", name="继续").click()
    expect(dialog).to_be_hidden()
    saved(page)
    expect(page.locator("#f-alt")).to_have_value("35")
    assert row(episode, "laboratory").data["alt"] == 35


def test_the_network_is_cut_and_comes_back(signed_in: Any, live_server: Any, episode: Any) -> None:
    page = signed_in("laboratory")
    open_form(page, live_server, episode, "laboratory")
    page.context.set_offline(True)
    page.fill("#f-alt", "36")
    expect(page.locator("#save-state[data-state=offline]")).to_be_visible(timeout=8000)
    assert row(episode, "laboratory").data.get("alt") is None
    page.context.set_offline(False)
    expect(page.locator("#save-state[data-state=saved]")).to_be_visible(timeout=15000)
    assert row(episode, "laboratory").data["alt"] == 36


def test_signing_names_what_is_missing_and_leads_there(
    signed_in: Any, live_server: Any, episode: Any
) -> None:
    page = signed_in("history_nurse")
    open_form(page, live_server, episode, "history")
    page.click("#sign-button")
    summary = page.locator("#error-summary")
    expect(summary).to_be_visible()
    expect(summary).to_contain_text("吸烟")
    summary.get_by_role("link").first.click()
    focused = page.evaluate("document.activeElement.closest('[data-element]')?.dataset.required")
    assert focused == "1"


def test_a_form_is_filled_and_signed(
    signed_in: Any, live_server: Any, episode: Any, fill: Any, actor: Any
) -> None:
    from sanyou.care import encounters

    nurse = actor("ultrasound")
    draft = encounters.open_draft(episode, "ultrasound", "wife", nurse)
    given = fill("ultrasound", "wife")
    encounters.autosave(draft.key, {k: {"base": None, "value": v} for k, v in given.items()}, nurse)
    page = signed_in("ultrasound")
    open_form(page, live_server, episode, "ultrasound")
    page.click("#sign-button")
    expect(page.locator("#sign-dialog")).to_be_visible()
    page.click("#sign-confirm")
    expect(page.locator(".signed-line")).to_be_visible(timeout=8000)
    assert row(episode, "ultrasound").status == "signed"


def test_nothing_breaks_the_content_security_policy(
    signed_in: Any, live_server: Any, episode: Any
) -> None:
    page = signed_in("history_nurse")
    problems: list[str] = []
    page.on("console", lambda m: problems.append(m.text) if m.type == "error" else None)
    page.on("pageerror", lambda e: problems.append(str(e)))
    open_form(page, live_server, episode, "history")
    page.check("input[name=smoking][value=true]")
    saved(page)
    assert problems == []


def test_a_spouse_signs_consent_on_the_screen(
    signed_in: Any, live_server: Any, episode_at: Any, transactional_db: None
) -> None:
    episode = episode_at("carded")
    page = signed_in("registration")
    page.goto(live_server.url + reverse("consent", args=[episode.key]))
    side = page.locator(".spouse.wife")
    side.get_by_role("button", name="同意，按屏幕签名保存").click()
    expect(side.locator("[data-error]")).to_be_visible()
    pad = side.locator("canvas")
    pad.scroll_into_view_if_needed()
    box = pad.bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + 60)
    page.mouse.down()
    for step in range(1, 8):
        page.mouse.move(box["x"] + 60 + 30 * step, box["y"] + 60 + (20 if step % 2 else -10))
    page.mouse.up()
    side.get_by_role("button", name="同意，按屏幕签名保存").click()
    expect(page.locator(".spouse.wife .signature-shown")).to_be_visible(timeout=8000)
    row = episode.consents.get(role="wife")
    assert (row.kind, row.method) == ("grant", "screen")
    assert row.signature.startswith("data:image/png;base64,")


def test_a_signed_value_is_corrected_with_its_reason(
    signed_in: Any, live_server: Any, episode_at: Any, transactional_db: None
) -> None:
    episode = episode_at("examined", facts={"wife": {"alt": 33}})
    signed = row(episode, "laboratory")
    page = signed_in("laboratory")
    page.goto(live_server.url + reverse("encounter-amend", args=[signed.key]))
    page.fill("#f-alt", "88")
    page.press("#f-alt", "Tab")
    page.click("#sign-button")
    expect(page.locator("#error-summary")).to_contain_text("更正原因")
    page.fill("#amend-reason", "录入时看错小数点")
    page.click("#sign-button")
    expect(page.locator("#amend-changes")).to_contain_text("33 U/L → 88 U/L")
    page.click("#sign-confirm")
    expect(page.locator("del")).to_have_text("33 U/L", timeout=8000)
    signed.refresh_from_db()
    assert signed.status == "amended"
    assert signed.data["alt"] == 33


def test_a_doctor_adjusts_the_conclusion(
    signed_in: Any, live_server: Any, episode_at: Any, transactional_db: None
) -> None:
    episode = episode_at("examined", facts={"wife": {"alt": 60}})
    page = signed_in("assessing_doctor")
    page.goto(live_server.url + reverse("assess", args=[episode.key]))
    page.click("#adjust")
    page.uncheck('input[name=keep][value="wife.alt_high"]')
    page.get_by_role("button", name="按我的判断确认").click()
    expect(page.locator(".message.error")).to_contain_text("原因", timeout=8000)
    expect(page.locator('input[name=keep][value="wife.alt_high"]')).not_to_be_checked()
    page.fill("#reason", "外院复查正常")
    page.get_by_role("button", name="按我的判断确认").click()
    expect(page.locator(".finding.removed")).to_have_count(1, timeout=8000)
    standing = episode.assessments.exclude(status="superseded").get()
    assert (standing.status, standing.reason) == ("overridden", "外院复查正常")


def test_a_picture_is_added_to_the_record(
    signed_in: Any, live_server: Any, episode: Any, settings: Any, tmp_path: Any
) -> None:
    page = signed_in("ultrasound")
    open_form(page, live_server, episode, "ultrasound")
    page.screenshot(path=str(tmp_path / "scan.png"))
    page.set_input_files("#f-ultrasound_image", str(tmp_path / "scan.png"))
    saved(page)
    key = row(episode, "ultrasound").data["ultrasound_image"]
    assert (settings.HOME / "pictures" / key).exists()
    page.reload()
    shown = page.locator("[data-element=ultrasound_image] [data-picture-shown]")
    expect(shown).to_be_visible()
    assert shown.evaluate("node => node.decode().then(() => node.naturalWidth)") == 1366
