"""The journal, and the year's accounts and budget, as finance and the manager see them."""

from collections.abc import Callable
from datetime import date
from io import BytesIO
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from openpyxl import load_workbook

from sanyou.care.models import Encounter
from sanyou.figures import tasknumbers
from sanyou.finance import annual, statements
from sanyou.finance.annual import Plan
from sanyou.finance.errors import FinanceError
from sanyou.finance.models import AnnualAccount, Posting, Statement
from tests.conftest import COUNTY, HUAYAN

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("E01"), pytest.mark.requirement("E02")]
FIRST = (date(2021, 1, 1), date(2021, 6, 30))
SECOND = (date(2021, 7, 1), date(2021, 12, 31))
BOOK = f"{COUNTY}|jiulongpo-2020"


@pytest.fixture
def clerk(client_as: Callable[..., Client]) -> Client:
    return client_as("finance", username="clerk")


@pytest.fixture
def policy(library: Any) -> Any:
    return library.policies["jiulongpo-2020"]


@pytest.fixture
def settle(district: Any, policy: Any, actor: Any) -> Callable[..., Statement]:
    def act(period: tuple[date, date]) -> Statement:
        one, two = actor("finance", username="clerk"), actor("finance", username="chief")
        drawn = statements.prepare(district.centre, policy, *period, one)
        approved = statements.approve(statements.submit(drawn, one), two)
        return statements.mark_paid(approved, one, f"拨字{period[0]:%Y%m}")

    return act


def html(client: Client, name: str, *args: Any, **query: str) -> str:
    response = client.get(reverse(name, args=args), query)
    assert response.status_code == 200, response.status_code
    return response.content.decode()


def post(client: Client, name: str, *args: Any, **given: Any) -> Any:
    return client.post(reverse(name, args=args), given)


def receive(client: Client, **given: str) -> Any:
    whole = {
        "book": BOOK, "payer": "district_finance", "amount": "１,000.50", "on": "2021-03-01",
        "voucher": "银收-001", "text": "上半年拨款",
    } | given  # fmt: skip
    return post(client, "ledger-receive", **whole)


def test_money_received_is_entered_once_and_reversed_not_changed(
    clerk: Client, district: Any
) -> None:
    assert receive(clerk).status_code == 302
    row = Posting.objects.get()
    assert (row.amount, row.voucher) == (100_050, "银收-001")
    page = html(clerk, "ledger")
    assert "1000.50" in page
    assert "银收-001" in page
    assert post(clerk, "ledger-reverse", row.key, reason="重复登记").status_code == 302
    page = html(clerk, "ledger")
    assert "已冲正" in page
    assert "重复登记" in page
    assert "确认冲正" not in page
    assert "借贷平衡" in page


@pytest.mark.parametrize("amount", ["", "abc", "1.234", "-5", "0", "1e3"])
def test_an_amount_that_is_none_is_refused_in_words(
    amount: str, clerk: Client, district: Any
) -> None:
    response = receive(clerk, amount=amount)
    assert response.status_code == 409
    assert "金额" in response.content.decode()
    assert not Posting.objects.exists()


def test_other_spending_names_its_voucher_and_purpose(clerk: Client, district: Any) -> None:
    receive(clerk)
    given = {"book": BOOK, "payer": "district_finance", "amount": "200", "on": "2021-03-02"}
    assert post(clerk, "ledger-spend", **given, voucher="付-1", text="宣传折页").status_code == 302
    assert "宣传折页" in html(clerk, "ledger")
    page = html(clerk, "special-account")
    assert "800.50" in page
    assert "account=fund:district_finance" in page  # the payer opens to its lines


def test_one_account_is_read_by_itself(clerk: Client, episode_at: Any, settle: Any) -> None:
    episode_at("examined")
    settle(FIRST)
    receive(clerk)
    page = html(clerk, "ledger", book=BOOK, account="bank")
    assert "经费拨付" in page
    assert "按比例分担" not in page


@pytest.mark.requirement("H01")
def test_the_ledger_is_for_finance_of_the_district(
    clerk: Client, client_as: Callable[..., Client], district: Any
) -> None:
    receive(clerk)
    row = Posting.objects.get()
    away = client_as("finance", region="500106", username="away")
    assert away.get(reverse("ledger"), {"book": BOOK}).status_code == 404
    assert post(away, "ledger-reverse", row.key, reason="x").status_code == 404
    assert receive(away).status_code == 404
    manager = client_as("manager")
    assert "登记拨入" not in html(manager, "ledger")
    assert receive(manager).status_code == 403
    assert client_as("physician").get(reverse("ledger")).status_code == 403


def test_the_ledger_is_exported_with_its_trial_balance(
    clerk: Client, episode_at: Any, settle: Any
) -> None:
    episode_at("examined")
    settle(FIRST)
    response = post(clerk, "ledger-export", book=BOOK, reason="审计")
    book = load_workbook(BytesIO(response.content))
    assert book.sheetnames == ["专账", "日记账", "试算平衡"]
    rows = [[c for c in row if c is not None] for row in book["试算平衡"].values]
    assert ["合计", 1380, 1380, 0] in rows


def test_a_correction_is_shown_on_the_statement_and_the_claim(
    clerk: Client, episode_at: Any, settle: Any, district: Any, policy: Any, actor: Any
) -> None:
    episode = episode_at("examined")
    paid = settle(FIRST)
    Encounter.objects.filter(episode=episode, form="laboratory", role="wife").update(status="void")
    one = actor("finance", username="clerk")
    later = statements.prepare(district.centre, policy, *SECOND, one)
    page = html(clerk, "statement", later.key)
    assert "-460.00" in page
    assert paid.number in page
    assert "合计为负：应退回专户" in page
    claim = html(clerk, "claim", paid.claims.get().key)
    assert "后来的更正" in claim
    assert later.number in claim
    book = load_workbook(
        BytesIO(post(clerk, "statement-export", later.key, reason="报财政").content)
    )
    assert "更正" in book.sheetnames


def test_the_whole_book_and_the_whole_statement_are_printed(
    clerk: Client, episode_at: Any, settle: Any, client_as: Callable[..., Client]
) -> None:
    episode = episode_at("examined")
    drawn = settle(FIRST)
    for number in range(25):  # more lines than a page of the list shows
        receive(clerk, voucher=f"银收-{number:03d}")
    book = html(clerk, "ledger-print", book=BOOK)
    assert "银收-000" in book
    assert "银收-024" in book
    assert "试算平衡" in book
    sheet = html(clerk, "statement-print", drawn.key)
    assert episode.number in sheet
    assert "肆佰陆拾元整" in sheet
    away = client_as("finance", region="500106", username="away")
    assert away.get(reverse("statement-print", args=[drawn.key])).status_code == 404
    assert away.get(reverse("ledger-print"), {"book": BOOK}).status_code == 404


# --- the year ------------------------------------------------------------------------------------


@pytest.fixture
def planned(district: Any, actor: Any) -> None:
    for year in (2021, timezone.localdate().year + 1):
        tasknumbers.distribute(
            actor("manager"), "preconception", district.county, year, 3000, "渝卫〔2021〕5号",
            {HUAYAN: 1200},
        )  # fmt: skip


@pytest.fixture
def year(episode_at: Any, settle: Any, planned: None, clerk: Client) -> None:
    for number in (1, 2, 3):
        episode_at("examined", number)
    episode_at("examined", 4, on=date(2021, 9, 10))
    settle(FIRST)
    settle(SECOND)
    receive(clerk, amount="2000")


def drawn(kind: str, policy: Any, district: Any, actor: Any, year: int, plan: Plan) -> Any:
    one = actor("finance", username="clerk")
    return annual.draw_up(kind, district.county, policy, year, plan, one)


def test_final_accounts_say_what_was_planned_done_received_and_used(
    year: None, district: Any, policy: Any, actor: Any
) -> None:
    plan = Plan(3000, "渝卫〔2021〕5号", {HUAYAN: 1200})
    body = drawn("final", policy, district, actor, 2021, plan).content
    assert (body["planned"], body["cases"], body["granted"]) == (3000, 4, 184_000)
    months = {m["month"]: (m["cases"], m["amount"]) for m in body["months"] if m["cases"]}
    assert months == {3: (3, 138_000), 9: (1, 46_000)}
    (town,) = body["towns"]
    assert (town["name"], town["planned"], town["cases"], town["amount"]) == (
        "华岩镇", 1200, 4, 184_000,
    )  # fmt: skip
    (payer,) = body["payers"]
    assert (payer["due"], payer["received"]) == (184_000, 200_000)
    assert [s["total"] for s in body["statements"]] == [138_000, 46_000]


def test_what_was_taken_back_later_is_not_in_the_final_accounts(
    year: None, district: Any, policy: Any, actor: Any, settle: Any
) -> None:
    record = Encounter.objects.filter(form="laboratory", role="wife").order_by("pk").first()
    assert record is not None
    Encounter.objects.filter(pk=record.pk).update(status="void")
    settle((date(2022, 1, 1), date(2022, 6, 30)))
    body = drawn("final", policy, district, actor, 2021, Plan(3000)).content
    assert (body["cases"], body["granted"]) == (3, 138_000)
    assert sum(m["amount"] for m in body["months"]) == 138_000


def test_a_budget_is_the_number_times_the_price_by_payer_less_what_is_left(
    year: None, district: Any, policy: Any, actor: Any
) -> None:
    row = drawn("budget", policy, district, actor, 2022, Plan(3000, "x", {HUAYAN: 1200}))
    body = row.content
    assert (body["price"], body["need"]) == (46_000, 138_000_000)
    (payer,) = body["payers"]
    assert payer["left"] == 200_000 - 184_000
    assert payer["asked"] == 138_000_000 - 16_000
    assert body["towns"][0]["amount"] == 1200 * 46_000


def test_the_shares_of_a_budget_follow_the_tier_and_add_up(
    district: Any, library: Any, actor: Any
) -> None:
    policy = library.policies["qikai-2021"]
    from sanyou.protocol.pricing import tier_of
    from sanyou.registry.models import Region

    seen = set()
    for tier in policy.tiers:
        region = Region.objects.filter(code__startswith=tier.include[0], level="county").first()
        if region is None:
            continue
        body = annual.budget(region, policy, 2022, Plan(1001))
        shares = [p["share"] for p in body["payers"]]
        assert sum(shares) == body["need"] == 1001 * 24_000
        seen.add((tier_of(policy, region.code), shares[0] * 100 // body["need"]))
    assert {percent for _tier, percent in seen} == {60, 80}


def test_without_a_task_number_there_is_no_budget(district: Any, policy: Any, actor: Any) -> None:
    with pytest.raises(FinanceError, match="年度任务"):
        drawn("budget", policy, district, actor, 2022, Plan(None))


def test_the_year_is_drawn_up_handed_in_approved_by_another_and_then_stays(
    year: None, clerk: Client, client_as: Callable[..., Client]
) -> None:
    given = {"kind": "final", "offer": "jiulongpo-2020|preconception|2021"}
    this_year = timezone.localdate().year
    if this_year - 2021 >= 3:  # the page offers the last years only
        given["offer"] = f"jiulongpo-2020|preconception|{this_year}"
    response = post(clerk, "annual-prepare", **given)
    row = AnnualAccount.objects.get()
    assert response.url == reverse("annual-account", args=[row.key])
    assert post(clerk, "annual-submit", row.key).status_code == 302
    refused = post(clerk, "annual-approve", row.key)
    assert (refused.status_code, "另一人" in refused.content.decode()) == (409, True)
    assert "须由另一人审批" in html(clerk, "annual-account", row.key)
    manager = client_as("manager")
    assert post(manager, "annual-return", row.key, reason="请补任务数依据").status_code == 302
    assert "请补任务数依据" in html(clerk, "annual-account", row.key)
    post(clerk, "annual-submit", row.key)
    assert post(manager, "annual-approve", row.key).status_code == 302
    before = AnnualAccount.objects.get().content
    post(clerk, "annual-prepare", **given)
    assert AnnualAccount.objects.get().content == before
    assert AnnualAccount.objects.get().status == "approved"


def test_a_budget_on_the_page_takes_the_task_number_of_its_year(
    planned: None, clerk: Client
) -> None:
    year = timezone.localdate().year + 1
    post(clerk, "annual-prepare", kind="budget", offer=f"jiulongpo-2020|preconception|{year}")
    row = AnnualAccount.objects.get()
    page = html(clerk, "annual-account", row.key)
    assert "1380000.00" in page
    assert "渝卫〔2021〕5号" in page
    assert "华岩镇" in html(clerk, "annual-print", row.key)
    assert str(year) in html(clerk, "budget")
    sheets = load_workbook(
        BytesIO(post(clerk, "annual-export", row.key, reason="报财政").content)
    ).sheetnames
    assert sheets == ["预算", "按镇街"]


def test_final_accounts_are_exported_and_printed(
    year: None, district: Any, policy: Any, actor: Any, clerk: Client
) -> None:
    row = drawn("final", policy, district, actor, 2021, Plan(3000, "x", {HUAYAN: 1200}))
    book = load_workbook(BytesIO(post(clerk, "annual-export", row.key, reason="报财政").content))
    assert book.sheetnames == ["出资方", "按月", "按镇街", "结算表"]
    page = html(clerk, "annual-print", row.key)
    assert "壹仟捌佰肆拾元整" in page
    assert "2021年" in html(clerk, "annual-account", row.key)


@pytest.mark.requirement("H01")
def test_the_years_accounts_stay_within_the_district(
    year: None, district: Any, policy: Any, actor: Any, client_as: Callable[..., Client]
) -> None:
    row = drawn("final", policy, district, actor, 2021, Plan(3000))
    away = client_as("finance", region="500106", username="away")
    for name in ("annual-account", "annual-print"):
        assert away.get(reverse(name, args=[row.key])).status_code == 404
    assert post(away, "annual-approve", row.key).status_code == 404
    assert client_as("physician").get(reverse("annual-accounts")).status_code == 403
