"""What the desks of any district do in the browser: registering, and taking work from the queue."""

from datetime import date
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.conftest import id_number
from tests.journeys.test_whole_month import go, home


def person(page: Page, role: str, name: str, born: date, number: int, place: str) -> None:
    """One person on the registration page, who lives at `place`."""
    page.fill(f"#{role}-id_number", id_number("320724", born, number))
    page.fill(f"#{role}-name", name)
    page.fill(f"#{role}-phone", f"138000012{number % 100:02d}")
    page.fill(f"#{role}-hukou_text", place)
    page.fill(f"#{role}-residence_text", place)


def answer(page: Page, **given: Any) -> None:
    """Questions of the registration page, the way each is answered."""
    for name, value in given.items():
        field = page.locator(f"#nominate [data-question={name}]")
        if field.locator("input[type=radio]").count():
            field.locator(f'input[value="{str(value).lower()}"]').check()
        elif field.locator("select").count():
            field.locator("select").select_option(value)
        else:
            field.locator("input").fill(str(value))
            field.locator("input").press("Tab")


def waiting(page: Page, label: str, role: str = "") -> Locator:
    """Lines of the duty's own queue."""
    home(page)
    rows = page.locator("table.table tbody tr", has_text=label)
    return rows.filter(has_text=role) if role else rows


def take(page: Page, label: str, role: str = "") -> None:
    row = waiting(page, label, role)
    expect(row).to_have_count(1)
    row.get_by_role("link", name="办理").click()


def apply(
    page: Page, programme: str, name: str, born: date, number: int, place: str, **given: Any
) -> None:
    """One woman on the registration page of a programme of hers."""
    go(page, "nominate")
    page.goto(f"{page.url}?programme={programme}")
    page.wait_for_load_state("load")
    person(page, "wife", name, born, number, place)
    answer(page, **given)
    page.get_by_role("button", name="提交登记", exact=True).click()
