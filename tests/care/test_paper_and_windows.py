"""Documents that stay as they were printed; follow-up windows and how they are closed."""

import hashlib
from datetime import date
from typing import Any

import pytest

from sanyou.care import cards, documents, encounters, tasks
from sanyou.care.errors import CareError, NotAllowedNow
from sanyou.care.models import Document, Task

pytestmark = pytest.mark.django_db

DAY = date(2021, 3, 1)


@pytest.mark.requirement("B06")
def test_a_document_prints_the_same_page_for_ever(episode_at: Any) -> None:
    notice = episode_at("noticed").documents.get(kind="notice")
    person = notice.episode.couple.wife
    person.name = "改名之后"
    person.save()
    page = documents.render(Document.objects.get(pk=notice.pk))
    assert hashlib.sha256(page.encode()).hexdigest() == notice.sha256
    assert "欧阳慧敏" in page
    assert "改名之后" not in page


@pytest.mark.requirement("H02")
def test_identifiers_in_a_document_are_encrypted_at_rest(episode_at: Any, actor: Any) -> None:
    from django.db import connection

    episode = episode_at("noticed")
    documents.issue(episode, "record", actor("assessing_doctor"), DAY)
    with connection.cursor() as cursor:
        cursor.execute("SELECT CAST(payload AS text) FROM care_document")
        stored = " ".join(str(row[0]) for row in cursor.fetchall())
    for secret in (episode.couple.wife.id_number, episode.couple.wife.phone, "欧阳"):
        assert secret not in stored


@pytest.mark.requirement("B06")
def test_a_tampered_document_does_not_print(episode_at: Any) -> None:
    notice = episode_at("noticed").documents.get(kind="notice")
    notice.sha256 = "0" * 64
    notice.save()
    with pytest.raises(CareError):
        documents.render(notice)


def test_numbers_have_no_gaps(episode_at: Any, actor: Any) -> None:
    numbers = [
        documents.issue(episode_at("assessed", n), "notice", actor("assessing_doctor"), DAY).number
        for n in (1, 2, 3)
    ]
    tails = [int(n[-6:]) for n in numbers]
    assert tails == [tails[0], tails[0] + 1, tails[0] + 2]


@pytest.mark.requirement("A06")
def test_the_card_carries_nothing_but_a_token(episode_at: Any) -> None:
    card = episode_at("carded").cards.get()
    assert card.issued_on < card.valid_until
    for told in (card.number, card.episode.number, card.episode.couple.wife.name):
        assert told not in card.token
    assert cards.find(card.token) == card == cards.find(card.number)
    assert cards.qr_svg(card).startswith("<svg")


@pytest.mark.requirement("B09")
def test_a_window_already_past_says_that_it_catches_up(
    episode_at: Any, fill: Any, actor: Any
) -> None:
    """Pregnancy learned of after the window of the outcome: late from the first day, and told."""
    episode = episode_at("noticed")
    answers = fill("early_followup", "wife", pregnancy_result="pregnant", lmp="2021-03-20")
    encounters.record(
        episode, "early_followup", "wife", answers, date(2022, 6, 1), actor("followup_worker"),
        source="history:9",
    )  # fmt: skip
    outcome = episode.tasks.get(name="outcome_followup")
    assert outcome.due < date(2022, 6, 1)
    assert "补录" in outcome.label
    assert outcome.reason


@pytest.mark.requirement("B09")
def test_a_window_in_time_is_not_called_late(episode_at: Any) -> None:
    for task in episode_at("noticed").tasks.filter(kind="schedule"):
        assert "补录" not in task.label
        assert task.reason == ""


@pytest.mark.requirement("B09")
def test_lost_only_after_failed_attempts(episode_at: Any, actor: Any) -> None:
    task = episode_at("noticed").tasks.filter(name="early_followup").order_by("opens").first()
    worker = actor("followup_worker")
    tasks.attempt(task, worker, "phone", False, "")
    tasks.attempt(task, worker, "phone", True, "稍后再联系")
    tasks.attempt(task, worker, "visit", False, "不在家")
    with pytest.raises(NotAllowedNow) as refused:
        tasks.close_lost(task, worker, "找不到")
    assert "3" in refused.value.message_zh
    tasks.attempt(task, worker, "phone", False, "停机")
    assert tasks.close_lost(task, worker, "找不到").status == Task.Status.LOST


@pytest.mark.requirement("H01")
def test_each_duty_sees_its_own_queue_and_town_only(episode_at: Any, actor: Any) -> None:
    episode_at("nominated", 1)
    episode_at("consented", 2)
    for duty in ("township_officer", "history_nurse", "laboratory", "ultrasound"):
        rows = list(tasks.queue(actor(duty)))
        assert rows, duty
        assert {t.duty for t in rows} == {duty}
    elsewhere = actor("history_nurse", "500107110", "nurse-elsewhere")
    assert not tasks.queue(elsewhere).exists()


@pytest.mark.requirement("B03")
def test_results_that_are_signed_close_the_specimens_that_were_not_written_down(
    episode_at: Any, actor: Any, fill: Any
) -> None:
    episode = episode_at("consented")
    encounters.record(
        episode, "laboratory", "wife", fill("laboratory", "wife"), DAY, actor("laboratory")
    )
    states = dict(episode.tasks.filter(name="specimen").values_list("role", "status"))
    assert states == {"wife": "done", "husband": "open"}
