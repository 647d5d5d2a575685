"""The pages of subsidies, as each duty uses them."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from sanyou.benefits.models import Appeal, BenefitEntry, Decision, NoticeEntry, PublicNotice
from sanyou.care.models import Episode, Task
from sanyou.finance.models import Claim
from tests.benefits.conftest import AID, DAY, DELIVERY, child_answers
from tests.conftest import id_number

pytestmark = pytest.mark.django_db

BENEFIT_DUTIES = {"township_officer", "registration", "statistician", "finance", "manager"}
ALL_DUTIES = [
    "village_worker", "township_officer", "registration", "history_nurse", "physician",
    "laboratory", "ultrasound", "assessing_doctor", "followup_worker", "statistician",
    "storekeeper", "finance", "manager", "administrator",
]  # fmt: skip


@pytest.fixture
def today(monkeypatch: pytest.MonkeyPatch) -> Callable[[date], None]:
    """`today(day)`: what every page takes for today."""

    def move(day: date) -> None:
        monkeypatch.setattr(timezone, "localdate", lambda *args, **kwargs: day)

    move(DAY)
    return move


@pytest.fixture
def page(at: Any, today: Any) -> Callable[..., Client]:
    """`page("manager", "b")`: signed in in the aid's district."""

    def make(duty: str, who: str = "") -> Client:
        client = Client()
        client.force_login(at(duty, who).staff, "django.contrib.auth.backends.ModelBackend")
        return client

    return make


def test_the_list_shows_each_duty_what_is_hers_to_do(application: Any, page: Any) -> None:
    application("ended")
    html = page("manager").get(reverse("benefits")).content.decode()
    assert "王小宝" in html
    assert "待审批" in html
    assert "/task/" in html or "审批</a>" in html
    assert page("registration").get(reverse("benefits")).status_code == 200


def test_finance_does_not_read_who_it_is(application: Any, page: Any) -> None:
    episode = application("published")
    client = page("finance")
    for url in (
        reverse("benefits"),
        reverse("benefit", args=[episode.key]),
        reverse("notices"),
        reverse("notice", args=[PublicNotice.objects.get().key]),
        reverse("appeals"),
    ):
        html = client.get(url).content.decode()
        assert "王小宝" not in html, url
        assert "欧阳秀英" not in html, url


@pytest.mark.requirement("E03")
def test_the_whole_life_of_an_application_on_the_pages(
    application: Any, page: Any, today: Any, subsidies: Any
) -> None:
    episode = application("checked")
    assert page("registration").post(
        reverse("confirm", args=[episode.key]), {"decision": "accept"}
    ).status_code == 302  # fmt: skip
    task = episode.tasks.get(name="publish", status=Task.Status.OPEN)
    publish = page("registration").get(reverse("task", args=[task.key]), follow=True)
    assert "待公示" in publish.content.decode()
    made = page("registration").post(
        reverse("notice-make"),
        {
            "episode": [str(episode.key)],
            "programme": "congenital_aid",
            "policy": "aid-2018",
            "starts_on": DAY.isoformat(),
        },
    )
    notice = PublicNotice.objects.get()
    assert made["Location"] == reverse("notice", args=[notice.key])
    sheet = page("registration").get(reverse("notice-print", args=[notice.key])).content.decode()
    assert "欧**" in sheet
    assert "10000.00" in sheet
    assert "欧阳秀英" not in sheet
    assert "唇裂" not in sheet

    page("registration").post(
        reverse("object", args=[notice.key]), {"line": "1", "text": "家里有房", "objector": ""}
    )
    objection = NoticeEntry.objects.get().objections.get()
    page("manager").post(
        reverse("objection-answer", args=[objection.key]), {"upheld": "no", "text": "与条件无关"}
    )
    today(DAY + timedelta(days=7))
    page("registration").post(reverse("notice-close", args=[notice.key]))
    page("manager").post(reverse("approve", args=[episode.key]), {"decision": "approve"})
    page("manager").post(reverse("approve", args=[episode.key]), {"decision": "approve"})
    assert Decision.objects.get().amount == 1_000_000
    assert Claim.objects.get(episode=episode).status == Claim.Status.READY
    issued = page("registration").post(
        reverse("document-issue", args=[episode.key, "congenital_aid_notice"]), follow=True
    )
    assert "批准告知书" in issued.content.decode()
    assert "已批准" in page("finance").get(reverse("benefits") + "?tab=all").content.decode()


@pytest.mark.requirement("E03")
def test_refusal_appeal_and_a_second_judgement_on_the_pages(application: Any, page: Any) -> None:
    episode = application("published")
    page("manager").post(
        reverse("approve", args=[episode.key]), {"decision": "refuse", "reason": "票据不清"}
    )
    html = page("township_officer").get(reverse("benefit", args=[episode.key])).content.decode()
    assert "票据不清" in html
    page("township_officer").post(
        reverse("appeal-file", args=[episode.key]),
        {"text": "票据已补章", "filed_on": DAY.isoformat()},
    )
    appeal = Appeal.objects.get()
    own = page("manager").get(reverse("appeals")).content.decode()
    assert "须由另一人复核" in own
    refused = page("manager").post(
        reverse("appeal-decide", args=[appeal.key]), {"upheld": "no", "reason": "不变"}
    )
    assert refused.status_code == 409
    page("manager", "b").post(
        reverse("appeal-decide", args=[appeal.key]), {"upheld": "yes", "reason": "补章属实"}
    )
    episode.refresh_from_db()
    assert episode.status == Episode.Status.OPEN
    html = page("registration").get(reverse("benefit", args=[episode.key])).content.decode()
    assert "补章属实" in html
    assert "重新办理" in html


def test_a_refusal_without_a_reason_says_so(application: Any, page: Any) -> None:
    answer = page("manager").post(
        reverse("approve", args=[application("ended").key]), {"decision": "refuse", "reason": " "}
    )
    assert answer.status_code == 409
    assert "请写明不予批准的理由" in answer.content.decode()


@pytest.mark.requirement("E03")
def test_a_child_is_registered_with_its_guardian_on_the_registration_page(
    page: Any, aid: str, town: Any
) -> None:
    client = page("village_worker")
    url = reverse("nominate") + "?programme=congenital_aid"
    html = client.get(url).content.decode()
    assert "申请人（监护人）姓名" in html
    assert "不含照片" not in html
    answer = client.post(
        url,
        {
            "programme": "congenital_aid",
            "child-name": "王小宝",
            "child-id_type": "resident",
            "child-id_number": id_number("500111", date(2018, 5, 20), 1),
            "child-hukou_text": town.full_name,
            "child-residence_text": town.full_name,
            **{f"f-{name}": value for name, value in child_answers().items()},
        },
    )
    episode = Episode.objects.get()
    assert answer["Location"] == reverse("episode", args=[episode.key])
    assert set(episode.tasks.filter(status="open").values_list("name", flat=True)) == {"papers"}


@pytest.mark.requirement("E03")
def test_a_rural_mother_gets_her_five_hundred(subsidies: Any, regions: None, staff: Any) -> None:
    """By the services, in another county with a fixed amount."""
    from sanyou.benefits import decisions, notices
    from sanyou.care import encounters, episodes
    from sanyou.registry import organisations
    from sanyou.registry.access import Actor
    from sanyou.registry.models import Region
    from sanyou.registry.people import PersonData, register_person

    organisations.setup_district(DELIVERY, "县妇幼保健院")
    town = Region.objects.filter(parent_id=DELIVERY).first()
    assert town is not None

    def at(duty: str) -> Actor:
        person = staff(duty, DELIVERY, f"{duty}-{DELIVERY}")
        return Actor.of(person, person.duties.get(duty=duty))

    mother = register_person(
        PersonData(name="李桂花", id_number=id_number("320723", date(1995, 1, 1), 2)),
        Actor.system("tests"),
    )
    told = {
        "applicant_phone": "13800000002",
        "delivered_on": "2021-02-20",
        "delivered_in_hospital": True,
        "delivery_hospital": "县人民医院",
        "rural_hukou": True,
        "birth_group": "ordinary",
        "hardship": False,
        "account_holder": "李桂花",
        "bank_name": "农商行",
        "bank_account": "6222",
    }
    episode = episodes.nominate(
        at("registration"), "delivery_subsidy", mother, {"wife": told}, on=DAY, region=town
    )
    clerk = at("registration")
    papers = {"papers_given": ["identity"]}
    encounters.record(episode, "delivery_subsidy_papers", "wife", papers, DAY, clerk)
    episodes.review(episode, at("township_officer"), DAY)
    seen = {
        "originals_seen": ["identity"],
        "originals_agree": True,
        "delivered_in_hospital": True,
        "rural_hukou": True,
    }
    encounters.record(episode, "delivery_subsidy_check", "wife", seen, DAY, clerk)
    assert episodes.confirm(episode, clerk, DAY).answer == "yes"
    episode.refresh_from_db()
    notice = notices.make(clerk, "delivery_subsidy", "delivery-2014", [episode], DAY, on=DAY)
    after = DAY + timedelta(days=7)
    notices.close(notice, clerk, after)
    assert decisions.approve(episode, at("manager"), after).amount == 50_000
    assert Claim.objects.get(episode=episode).amount == 50_000


# --- who may -------------------------------------------------------------------------------------


@pytest.mark.parametrize("duty", ALL_DUTIES)
def test_who_opens_which_page(duty: str, page: Any, application: Any) -> None:
    episode = application("published")
    notice = PublicNotice.objects.get()
    client = page(duty)
    allowed = duty in BENEFIT_DUTIES
    for url in (
        reverse("benefits"),
        reverse("benefit", args=[episode.key]),
        reverse("notices"),
        reverse("notice", args=[notice.key]),
        reverse("notice-print", args=[notice.key]),
        reverse("appeals"),
        reverse("benefit-programmes"),
    ):
        assert client.get(url).status_code == (200 if allowed else 403), url
    acts = {
        reverse("notice-make"): {"registration"},
        reverse("notice-close", args=[notice.key]): {"registration"},
        reverse("object", args=[notice.key]): {"registration"},
        reverse("approve", args=[episode.key]): {"manager"},
        reverse("benefit-programmes-export"): {
            "registration",
            "statistician",
            "finance",
            "manager",
        },
    }
    for url, duties in acts.items():
        refused = client.post(url).status_code == 403
        assert refused is (duty not in duties), url


def test_another_district_does_not_know_of_it(application: Any, staff: Any, page: Any) -> None:
    episode = application("published")
    client = Client()
    client.force_login(
        staff("manager", DELIVERY, "far-away"), "django.contrib.auth.backends.ModelBackend"
    )
    notice = PublicNotice.objects.get()
    assert client.get(reverse("benefit", args=[episode.key])).status_code == 404
    assert client.get(reverse("notice", args=[notice.key])).status_code == 404
    assert client.post(reverse("approve", args=[episode.key])).status_code == 404
    assert "王小宝" not in client.get(reverse("benefits")).content.decode()


# --- government benefit programmes ---------------------------------------------------------------


def entry(client: Client, **given: str) -> Any:
    data = {
        "policy": "aid-2018",
        "month": "2021-02",
        "benefit": "vaccination",
        "funding": "other",
        "beneficiaries": "120",
        "spending": "3600.50",
        "version": "0",
    }
    return client.post(reverse("benefit-programmes"), data | given)


@pytest.mark.requirement("E04")
def test_a_month_is_entered_and_added_up_by_source(page: Any, aid: str) -> None:
    client = page("statistician")
    assert entry(client).status_code == 302
    entry(client, funding="basic_public_health", spending="1000")
    html = client.get(reverse("benefit-programmes") + "?month=2021-02").content.decode()
    assert "4600.50" in html
    assert "3600.50" in html
    assert "示例" in html
    year = BenefitEntry.objects.values_list("beneficiaries", flat=True)
    assert list(year) == [120, 120]
    assert ">120<" in html.replace(" ", "")


@pytest.mark.requirement("E04")
def test_a_correction_is_a_new_row_with_its_reason(page: Any, aid: str) -> None:
    client = page("finance")
    entry(client)
    entry(client)  # a second click
    assert BenefitEntry.objects.count() == 1
    assert entry(client, spending="3700", version="1").status_code == 409
    assert entry(client, spending="3700", version="1", reason="漏记一笔").status_code == 302
    last = BenefitEntry.objects.get(version=2)
    assert (last.spending, last.replaces and last.replaces.spending) == (370_000, 360_050)
    behind = entry(client, spending="1", version="1", reason="旧页面")
    assert behind.status_code == 409
    assert "刚被别人改过" in behind.content.decode()


@pytest.mark.requirement("E04")
def test_a_programme_the_product_runs_is_counted_not_entered(page: Any, application: Any) -> None:
    application("approved")
    client = page("statistician")
    answer = entry(client, benefit="aid", funding="basic_public_health", month="2021-03")
    assert answer.status_code == 409
    html = client.get(reverse("benefit-programmes") + "?month=2021-03").content.decode()
    assert "系统计算" in html
    assert "10000.00" in html


@pytest.mark.parametrize(
    ("field", "value"), [("beneficiaries", "一百"), ("beneficiaries", "-1"), ("spending", "1.005")]
)
def test_what_is_no_number_is_refused(page: Any, aid: str, field: str, value: str) -> None:
    assert entry(page("finance"), **{field: value}).status_code == 409
    assert not BenefitEntry.objects.exists()


def test_the_year_is_taken_away_as_a_workbook(page: Any, aid: str) -> None:
    from io import BytesIO

    from openpyxl import load_workbook

    client = page("finance")
    entry(client)
    answer = client.post(
        reverse("benefit-programmes-export"),
        {"policy": "aid-2018", "month": "2021-02", "reason": "年终"},
    )
    book = load_workbook(BytesIO(answer.content))
    cells = [c.value for row in book.worksheets[0].iter_rows() for c in row]
    assert 3600.5 in cells
    assert "预防接种" in cells


def test_every_region_of_the_fixture_is_real(regions: None) -> None:
    from sanyou.registry.models import Region

    assert Region.objects.filter(pk__in=[AID, DELIVERY]).count() == 2


def test_an_application_is_taken_back_on_its_page(application: Any, page: Any) -> None:
    episode = application("ended")
    client = page("registration")
    assert "退回补正" in client.get(reverse("benefit", args=[episode.key])).content.decode()
    url = reverse("benefit-take-back", args=[episode.key])
    assert page("finance").post(url, {"reason": "错"}).status_code == 403
    assert client.post(url, {"reason": ""}).status_code == 409
    assert client.post(url, {"reason": "票据重复"}).status_code == 302
    episode.refresh_from_db()
    assert episode.status == Episode.Status.RETURNED
