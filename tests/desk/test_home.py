"""Home: each duty's own queue, grouped, filtered, paged; and nothing of others."""

from datetime import timedelta

import pytest
from django.utils import timezone

from sanyou.care.models import Task
from sanyou.desk.views.home import DOORS_OF, group_of
from sanyou.registry.duties import DUTIES
from tests.conftest import XIPENG

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("duty", sorted(DUTIES.keys() - {"system"}))
def test_every_duty_has_a_home(client_as, duty: str) -> None:
    response = client_as(duty).get("/")

    assert response.status_code == 200
    assert str(DUTIES[duty].label) in response.content.decode()


def test_every_duty_has_actions_of_its_own_to_start_from() -> None:
    assert DOORS_OF.keys() == DUTIES.keys() - {"system"}


def test_the_township_sees_what_waits_for_review_and_the_centre_does_not(
    client_as, episode_at
) -> None:
    episode = episode_at("nominated")

    assert episode.number in client_as("township_officer").get("/").content.decode()
    assert episode.number not in client_as("registration").get("/").content.decode()


@pytest.mark.requirement("H01")
def test_another_township_sees_nothing_of_it(client_as, episode_at) -> None:
    episode = episode_at("nominated")

    other = client_as("township_officer", XIPENG).get("/").content.decode()

    assert episode.number not in other


def test_a_station_sees_only_its_own_queue(client_as, episode_at) -> None:
    episode_at("consented")

    nurse = client_as("history_nurse").get("/").content.decode()

    assert "病史询问" in nurse
    assert "超声" not in nurse


def test_tasks_are_grouped_by_when_they_are_due() -> None:
    today = timezone.localdate()
    day = timedelta(days=1)

    assert group_of(today - day, today) == "overdue"
    assert group_of(today, today) == "today"
    assert group_of(today + day, today) == "later"
    assert group_of(None, today) == "later"


@pytest.mark.parametrize(("shift", "group"), [(-1, "overdue"), (0, "today"), (1, "later")])
def test_a_tab_shows_its_group_only(client_as, episode_at, shift: int, group: str) -> None:
    episode = episode_at("nominated")
    Task.objects.filter(episode=episode).update(due=timezone.localdate() + timedelta(days=shift))
    client = client_as("township_officer")

    for name in ("overdue", "today", "later"):
        shown = episode.number in client.get("/", {"when": name}).content.decode()
        assert shown == (name == group)


def test_what_cannot_begin_yet_stays_out_of_the_way(client_as, episode_at) -> None:
    episode = episode_at("nominated")
    soon = timezone.localdate() + timedelta(days=20)
    client = client_as("township_officer")
    assert "还没到时间" not in client.get("/").content.decode()

    Task.objects.filter(episode=episode).update(opens=soon, due=soon)

    home = client.get("/").content.decode()
    assert "还没到时间" in home
    assert episode.number not in home
    assert episode.number in client.get("/", {"when": "ahead"}).content.decode()


def test_the_queue_is_filtered_by_name(client_as, episode_at) -> None:
    episode = episode_at("nominated")
    client = client_as("township_officer")

    assert episode.number in client.post("/", {"name": "欧阳"}).content.decode()
    assert episode.number not in client.post("/", {"name": "诸葛"}).content.decode()


def test_a_long_queue_comes_in_pages(client_as, episode_at) -> None:
    for number in range(1, 23):
        episode_at("nominated", number)
    client = client_as("township_officer")

    first, second = (client.get("/", {"page": n}).content.decode() for n in (1, 2))

    assert "共 22 条" in first
    assert first.count('name="task"') == 20
    assert second.count('name="task"') == 2


def test_the_queue_costs_the_same_number_of_queries_however_long(
    client_as, episode_at, django_assert_max_num_queries
) -> None:
    for number in range(1, 13):
        episode_at("nominated", number)
    client = client_as("township_officer")
    client.get("/")

    with django_assert_max_num_queries(26):
        client.get("/")


def test_the_manager_sees_numbers_and_no_names(client_as, episode_at) -> None:
    episode_at("consented")

    text = client_as("manager").get("/").content.decode()

    assert "各岗位待办" in text
    assert "欧阳慧敏" not in text


def test_a_name_that_is_looked_for_stays_out_of_the_address(client_as, episode_at) -> None:
    episode = episode_at("nominated")
    page = client_as("township_officer").get("/", {"name": "诸葛"}).content.decode()
    assert episode.number in page
    assert "诸葛" not in page


def test_a_manager_finds_her_pages_under_short_headings(client_as) -> None:
    page = client_as("manager").get("/").content.decode()

    side = page[page.index('id="side"') :]
    places = [side.index(f'class="heading">{label}<') for label in ("日常", "经费", "政策与内容")]
    assert places == sorted(places)
    assert places[0] < side.index('href="/search"') < places[1]


def test_nobody_reads_a_heading_without_pages_under_it(client_as) -> None:
    page = client_as("history_nurse").get("/").content.decode()

    assert 'class="heading">经费<' not in page


def test_a_storekeeper_finds_the_consignments_under_way_on_her_first_page(client_as) -> None:
    assert "没有在途或有差异的调拨" in client_as("storekeeper").get("/").content.decode()


def test_finance_sees_how_many_statements_wait(client_as) -> None:
    page = client_as("finance").get("/").content.decode()

    assert "张结算表待拨付" in page
    assert 'href="/ledger/account"' in page
