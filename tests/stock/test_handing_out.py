"""Signing a form that hands out a supply takes it from the store, or says why it cannot."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from sanyou.care import encounters, episodes
from sanyou.care.errors import NotAllowedNow
from sanyou.care.facts import facts_of
from sanyou.registry.access import Actor
from sanyou.stock import moves, reading, signing
from sanyou.stock.errors import NotEnough, StockError
from sanyou.stock.models import Balance, Movement

from .conftest import left

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("B08")]


def test_signing_takes_packs_from_the_township_of_the_worker(
    stores: Any, receive: Any, registered: Any, issue: Any
) -> None:
    batch = receive(10)
    row = issue(registered(), 2)
    assert left(stores["town"], batch) == 8
    movement = Movement.objects.get(issue=row)
    assert (movement.kind, movement.change, movement.left) == ("issue", -2, 8)


def test_the_first_to_expire_goes_first_and_one_record_may_take_two_batches(
    stores: Any, receive: Any, registered: Any, issue: Any
) -> None:
    today = timezone.localdate()
    late = receive(10, "late", expires=today + timedelta(days=500))
    soon = receive(1, "soon", expires=today + timedelta(days=40))
    issue(registered(), 3)
    assert (left(stores["town"], soon), left(stores["town"], late)) == (0, 8)


@pytest.mark.parametrize(("days", "goes"), [(1, True), (0, True), (-1, False)])
def test_a_batch_is_handed_out_until_its_last_day_and_not_after(
    stores: Any, receive: Any, registered: Any, issue: Any, days: int, goes: bool
) -> None:
    batch = receive(5)
    type(batch).objects.filter(pk=batch.pk).update(
        expires_on=timezone.localdate() + timedelta(days=days)
    )
    episode = registered()
    if goes:
        issue(episode, 1)
        assert left(stores["town"], batch) == 4
        return
    with pytest.raises(NotEnough, match="过期"):
        issue(episode, 1)
    assert left(stores["town"], batch) == 5


def test_too_few_are_refused_with_what_is_left_and_nothing_is_signed(
    stores: Any, receive: Any, registered: Any, issue: Any
) -> None:
    batch = receive(1)
    episode = registered()
    with pytest.raises(NotEnough, match="只剩 1 盒，不够发 2 盒"):
        issue(episode, 2)
    assert left(stores["town"], batch) == 1
    assert not episode.encounters.filter(form="folic_issue", status="signed").exists()
    assert not Movement.objects.filter(kind="issue").exists()


def test_without_a_store_the_message_says_who_must_send_some(registered: Any, issue: Any) -> None:
    with pytest.raises(StockError, match=r"还没有叶酸片.*调拨"):
        issue(registered(), 1)


def test_a_second_click_on_sign_takes_nothing_more(
    stores: Any, receive: Any, registered: Any, issue: Any, actor: Any
) -> None:
    batch = receive(10)
    row = issue(registered(), 2)
    again = encounters.sign(row.key, actor("village_worker"), row.version)
    assert again.pk == row.pk
    assert left(stores["town"], batch) == 8


def test_nobody_gets_any_before_the_conditions_are_checked(
    stores: Any, receive: Any, woman: Any, actor: Any, issue: Any
) -> None:
    from sanyou.registry.models import Region

    receive(10)
    episode = episodes.nominate(
        actor("village_worker"),
        "folic_acid",
        woman(1),
        {"wife": {"preparing_pregnancy": True}},
        on=timezone.localdate(),
        region=Region.objects.get(pk="500107102"),
    )
    with pytest.raises(NotAllowedNow, match="核对条件"):
        issue(episode, 1)


@pytest.mark.parametrize(("days", "goes"), [(90, True), (91, False), (92, False)])
def test_the_entitlement_ends_with_the_thirteenth_week(
    stores: Any, receive: Any, registered: Any, issue: Any, days: int, goes: bool
) -> None:
    """12 weeks 6 days: one more pack. 13 weeks and after: no more, with the clause."""
    receive(10)
    episode = registered()
    lmp = timezone.localdate() - timedelta(days=days)
    issue(episode, 1)
    told = {"pregnant": True, "lmp": lmp.isoformat()}
    if goes:
        issue(episode, 1, **told)
        assert facts_of(episode, timezone.localdate())["wife.supplied_times"] == 2
        return
    with pytest.raises(NotAllowedNow, match="不在准备怀孕至孕 12 周之间"):
        issue(episode, 1, **told)


def test_a_corrected_number_moves_only_the_difference(
    stores: Any, receive: Any, registered: Any, issue: Any, actor: Any
) -> None:
    worker = actor("village_worker")
    batch = receive(10)
    row = issue(registered(), 2)
    row = encounters.amend(row.key, {"folic_acid_packs": 5}, "写错了", worker)
    assert left(stores["town"], batch) == 5
    row = encounters.amend(row.key, {"folic_acid_packs": 1}, "又写错了", worker)
    assert left(stores["town"], batch) == 9
    encounters.amend(row.key, {"folic_acid_receiver": "spouse"}, "领取人", worker)
    assert left(stores["town"], batch) == 9
    first = Movement.objects.filter(kind="issue").first().issue
    assert sum(n for _b, n in moves.given(first)) == 1


def test_a_correction_that_the_store_cannot_meet_is_refused_whole(
    stores: Any, receive: Any, registered: Any, issue: Any, actor: Any
) -> None:
    batch = receive(3)
    row = issue(registered(), 2)
    with pytest.raises(NotEnough):
        encounters.amend(row.key, {"folic_acid_packs": 4}, "写错了", actor("village_worker"))
    row.refresh_from_db()
    assert row.status == "signed"
    assert left(stores["town"], batch) == 1


def test_a_record_taken_back_gives_everything_back(
    stores: Any, receive: Any, registered: Any, issue: Any, actor: Any
) -> None:
    batch = receive(10)
    row = issue(registered(), 4)
    encounters.amend(row.key, {"folic_acid_packs": 3}, "写错了", actor("village_worker"))
    latest = row.episode.encounters.get(form="folic_issue", status="signed")
    encounters.void(latest, Actor.system("tests"))
    encounters.void(latest, Actor.system("tests"))
    assert left(stores["town"], batch) == 10


def test_a_record_from_a_file_takes_from_the_store_of_its_place(
    stores: Any, receive: Any, registered: Any
) -> None:
    batch = receive(10)
    episode = registered()
    for _time in range(2):  # the same row read again
        encounters.record(
            episode,
            "folic_issue",
            "wife",
            {"folic_acid_packs": 2},
            timezone.localdate(),
            Actor.system("import"),
            source="file:1",
        )
    assert left(stores["town"], batch) == 8


def test_what_she_has_and_when_to_come_again_follow_from_the_packs(
    receive: Any, registered: Any, issue: Any
) -> None:
    receive(10)
    episode = registered()
    today = timezone.localdate()
    issue(episode, 1)
    facts = facts_of(episode, today)
    assert facts["wife.supplied_until"] == today + timedelta(days=30)
    assert facts["wife.supply_reminder_on"] == today + timedelta(days=23)
    issue(episode, 2)  # early: the rest of the first pack is used up first
    facts = facts_of(episode, today)
    assert facts["wife.supplied_until"] == today + timedelta(days=92)
    assert (facts["wife.supplied_times"], facts["wife.supplied_total"]) == (2, 3)
    task = episode.tasks.get(kind="schedule", name="next_pack", status="open")
    assert task.opens == today + timedelta(days=85)
    assert task.duty == "village_worker"


def test_packs_brought_back_go_into_the_store_and_shorten_what_she_has(
    stores: Any, receive: Any, registered: Any, issue: Any, actor: Any
) -> None:
    worker, today, token = actor("village_worker"), timezone.localdate(), uuid4()
    batch = receive(10)
    row = issue(registered(), 3)
    for _click in range(2):
        signing.take_back(row, worker, 1, "多领了", today, token)
    assert left(stores["town"], batch) == 8
    assert facts_of(row.episode, today)["wife.supplied_total"] == 2
    with pytest.raises(StockError, match="一共发出 2"):
        signing.take_back(row, worker, 3, "多领了", today, uuid4())


def test_a_village_with_its_own_store_hands_out_from_it(
    stores: Any, receive: Any, registered: Any, issue: Any, actor: Any
) -> None:
    from sanyou.registry.models import Region
    from sanyou.stock import stores as module

    town_batch = receive(10, "town")
    town = Region.objects.get(pk="500107102")
    own = module.open_village_store(actor("township_officer"), town, "冬笋坝社区居委会")
    assert module.open_village_store(actor("township_officer"), town, "冬笋坝社区居委会") == own
    village_batch = receive(5, "village", store=own)
    local = actor("village_worker", username="local")
    local = replace(local, organisation=own)
    assert module.home_store(local, "folic_acid") == own
    assert module.home_store(actor("village_worker"), "folic_acid") == stores["town"]
    issue(registered(), 1, who=local)
    assert (left(own, village_batch), left(stores["town"], town_batch)) == (4, 10)


def test_a_recalled_batch_is_handed_out_no_more_and_its_women_are_listed(
    stores: Any, receive: Any, registered: Any, issue: Any, keeper: Any, actor: Any
) -> None:
    batch = receive(10)
    first, second = registered(1), registered(2)
    issue(first, 2)
    row = issue(second, 1)
    signing.take_back(row, actor("village_worker"), 1, "不吃了", timezone.localdate(), uuid4())
    moves.recall(keeper, batch, "厂家召回")
    assert [(r.episode, r.units) for r in reading.recipients(keeper, batch)] == [(first, 2)]
    with pytest.raises(NotEnough, match="召回"):
        issue(second, 1)


def test_the_database_refuses_a_balance_below_nought(stores: Any, receive: Any) -> None:
    from django.db import IntegrityError, transaction

    batch = receive(1)
    with pytest.raises(IntegrityError), transaction.atomic():
        Balance.objects.filter(batch=batch).update(quantity=-1)


def test_movements_cannot_be_changed_or_removed(receive: Any) -> None:
    row = Movement.objects.get(batch=receive(1))
    row.change = 5
    for act in (row.save, row.delete, Movement.objects.all().delete):
        with pytest.raises(TypeError):
            act()
    with pytest.raises(TypeError):
        Movement.objects.update(change=1)


def test_nobody_but_the_decider_named_by_the_step_lets_in(
    registered: Any, actor: Any, stores: Any
) -> None:
    from sanyou.registry.access import Forbidden

    episode = registered()
    with pytest.raises(Forbidden):
        episodes.confirm(episode, actor("physician"), timezone.localdate())
    assert stores


def test_undoing_an_import_gives_back_what_its_records_handed_out(
    stores: Any, receive: Any, registered: Any, actor: Any
) -> None:
    from sanyou.exchange import undo
    from sanyou.exchange.models import ImportFile, ImportRow

    batch, episode, today = receive(10), registered(), timezone.localdate()
    system = Actor.system("import")
    row = encounters.record(
        episode, "folic_issue", "wife", {"folic_acid_packs": 3}, today, system, source="file:9"
    )
    assert left(stores["town"], batch) == 7
    file = ImportFile.objects.create(
        kind="stations", name="x", sha256="0" * 64, programme="folic_acid", policy="folic-2021",
        on=today, status="done",
    )  # fmt: skip
    ImportRow.objects.create(
        file=file, number=2, cells="{}", outcome="accepted", created=[["care.Encounter", row.pk]]
    )
    undo.undo(file, actor("township_officer"))
    undo.undo(file, actor("township_officer"))
    assert left(stores["town"], batch) == 10
    assert reading.batch_total(batch).holds
