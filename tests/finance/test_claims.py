"""What is claimed, and every way a claim is refused."""

import threading
import uuid
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from sanyou.care.models import Consent, EligibilityDecision, Encounter, Episode, FreeCheck
from sanyou.finance import claims
from sanyou.finance.models import Claim
from tests.conftest import TODAY

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("E02")]


@pytest.fixture
def examined(episode_at: Callable[..., Episode]) -> Episode:
    return episode_at("examined")


def code(claim: Claim) -> str:
    assert claim.status == Claim.Status.REFUSED
    assert claim.amount == 0
    assert claim.refusal["text"]
    assert claims.remedy(claim.refusal["code"])
    return str(claim.refusal["code"])


def signed(episode: Episode) -> Any:
    return episode.encounters.filter(status=Encounter.Status.SIGNED)


def test_a_complete_examination_is_claimed_at_the_documents_price(examined: Episode) -> None:
    claim = claims.claim(examined, TODAY)
    assert (claim.status, claim.amount, claim.served_on) == ("ready", 46000, TODAY)


def test_the_evidence_are_the_signed_records_of_the_examination(examined: Episode) -> None:
    claim = claims.claim(examined, TODAY)
    records = Encounter.objects.filter(key__in=claim.evidence)
    assert records.count() == len(claim.evidence) > 0
    assert {r.status for r in records} == {"signed"}
    assert "nomination" not in {r.form for r in records}


def test_claiming_twice_changes_nothing(examined: Episode) -> None:
    first = claims.claim(examined, TODAY)
    again = claims.claim(examined, TODAY)
    assert (again.pk, again.key, again.amount) == (first.pk, first.key, first.amount)
    assert Claim.objects.count() == 1


def test_without_results_the_missing_items_are_named(episode_at: Callable[..., Episode]) -> None:
    episode = episode_at("consented")
    claim = claims.claim(episode, TODAY)
    assert code(claim) == "items_missing"
    assert claim.refusal["clause"] == "五"
    assert claim.served_on is None


def test_one_missing_result_is_enough(examined: Episode) -> None:
    record = signed(examined).get(form="laboratory", role="wife")
    data = {k: v for k, v in record.data.items() if k != "tsh"}
    Encounter.objects.filter(pk=record.pk).update(data=data)
    claim = claims.claim(examined, TODAY)
    assert code(claim) == "items_missing"
    assert [(m["item"], m["role"], m["elements"]) for m in claim.refusal["missing"]] == [
        ("thyroid", "wife", ["tsh"])
    ]
    assert "女方甲状腺功能" in claim.refusal["text"]


def test_once_the_result_is_there_the_claim_stands(examined: Episode) -> None:
    record = signed(examined).get(form="laboratory", role="wife")
    whole = dict(record.data)
    Encounter.objects.filter(pk=record.pk).update(data={**whole, "tsh": None})
    assert code(claims.claim(examined, TODAY)) == "items_missing"
    Encounter.objects.filter(pk=record.pk).update(data=whole)
    assert claims.claim(examined, TODAY).status == Claim.Status.READY


def test_a_draft_proves_nothing(examined: Episode) -> None:
    signed(examined).filter(form="laboratory", role="husband").update(status="draft")
    claim = claims.claim(examined, TODAY)
    assert code(claim) == "unsigned"
    assert all(m["role"] == "husband" for m in claim.refusal["missing"])


def test_a_record_signed_later_counts_from_its_day(examined: Episode) -> None:
    signed(examined).filter(form="laboratory").update(occurred_on=TODAY + timedelta(days=5))
    assert code(claims.claim(examined, TODAY)) == "items_missing"
    later = claims.claim(examined, TODAY + timedelta(days=5))
    assert (later.status, later.served_on) == ("ready", TODAY)


@pytest.mark.parametrize("how", ["nobody", "one", "refused", "afterwards", "withdrawn before"])
def test_without_both_consents_before_the_examination_nothing_is_paid(
    how: str, examined: Episode
) -> None:
    consents = examined.consents.all()
    wife = consents.get(role="wife")
    if how == "nobody":
        Consent.objects.all().delete()
    elif how == "one":
        wife.delete()
    elif how == "refused":
        consents.filter(role="wife").update(kind="refuse")
    elif how == "afterwards":
        consents.filter(role="wife").update(on=TODAY + timedelta(days=1))
    else:
        Consent.objects.create(
            episode=examined, role="wife", kind="withdraw", on=TODAY, text_version="1",
            method="paper",
        )  # fmt: skip
    claim = claims.claim(examined, TODAY + timedelta(days=9))
    assert code(claim) == "no_consent"
    assert "女方" in claim.refusal["text"]


def test_consent_withdrawn_after_the_examination_does_not_undo_what_was_done(
    examined: Episode,
) -> None:
    after = TODAY + timedelta(days=30)
    Consent.objects.create(
        episode=examined, role="wife", kind="withdraw", on=after, text_version="1", method="paper"
    )
    assert claims.claim(examined, after).status == Claim.Status.READY


def test_a_couple_not_eligible_is_refused_with_the_criterion_and_its_clause(
    examined: Episode, library: Any
) -> None:
    from sanyou.protocol.eligibility import decide

    policy = library.policies["jiulongpo-2020"]
    decision = decide(policy, {"couple.planning": False})
    EligibilityDecision.objects.create(
        episode=examined, on=TODAY, policy=policy.id, answer="no", grant="",
        result=decision.as_json(),
    )  # fmt: skip
    claim = claims.claim(examined, TODAY)
    assert code(claim) == "not_eligible"
    assert claim.refusal["clause"] == "三"
    assert "计划怀孕" in claim.refusal["text"]


def test_an_episode_nobody_has_judged_is_refused(examined: Episode) -> None:
    EligibilityDecision.objects.all().delete()
    assert code(claims.claim(examined, TODAY)) == "not_eligible"


def test_a_check_at_own_cost_is_not_settled(examined: Episode) -> None:
    examined.decisions.update(grant="own_cost")
    claim = claims.claim(examined, TODAY)
    assert code(claim) == "own_cost"
    assert claim.refusal["clause"] == "四"


def test_a_free_check_in_the_history_files_uses_the_entitlement_up(examined: Episode) -> None:
    couple = examined.couple
    assert couple is not None
    FreeCheck.objects.create(
        wife_index=couple.wife.id_index,
        husband_index=couple.husband.id_index,
        child_order=1,
        examined_on=date(2020, 12, 21),
        source="history",
    )
    claim = claims.claim(examined, TODAY)
    assert (code(claim), claim.refusal["clause"]) == ("entitlement_used", "四")


def test_a_free_check_for_another_child_does_not_count(examined: Episode) -> None:
    couple = examined.couple
    assert couple is not None
    FreeCheck.objects.create(
        wife_index=couple.wife.id_index,
        husband_index=couple.husband.id_index,
        child_order=2,
        examined_on=date(2020, 12, 21),
        source="history",
    )
    assert claims.claim(examined, TODAY).status == Claim.Status.READY


def copy_of(episode: Episode) -> Episode:
    """A second record of the same couple and child order, with everything on it."""
    old = episode.pk
    rows = [
        list(model.objects.filter(episode=old))
        for model in (EligibilityDecision, Consent, Encounter)
    ]
    twin = Episode.objects.get(pk=old)
    twin.pk, twin.key, twin.number = None, uuid.uuid4(), f"{episode.number}-2"
    twin.save()
    for row in (row for group in rows for row in group):
        row.pk, row.episode = None, twin
        if isinstance(row, Encounter):
            row.key, row.task, row.replaces = uuid.uuid4(), None, None
        row.save()
    return twin


def test_the_same_couple_and_child_is_counted_once(examined: Episode) -> None:
    first = claims.claim(examined, TODAY)
    second = claims.claim(copy_of(examined), TODAY)
    assert first.status == Claim.Status.READY
    assert code(second) == "counted_before"
    assert examined.number in second.refusal["text"]
    assert second.refusal["clause"] == "四"


def test_the_database_itself_refuses_a_second_claim(examined: Episode) -> None:
    claims.claim(examined, TODAY)
    twin = copy_of(examined)
    with pytest.raises(IntegrityError), transaction.atomic():
        Claim.objects.create(
            episode=twin,
            couple=twin.couple,
            child_order=twin.child_order,
            programme=twin.programme,
            policy=twin.policy,
            unit=examined.claim.unit,
            status="ready",
            amount=46000,
        )
    refused = Claim.objects.create(
        episode=twin,
        couple=twin.couple,
        child_order=twin.child_order,
        programme=twin.programme,
        policy=twin.policy,
        unit=examined.claim.unit,
        status="refused",
    )
    with pytest.raises(IntegrityError), transaction.atomic():
        Claim.objects.filter(pk=refused.pk).update(status="paid")


def test_when_the_first_claim_falls_the_second_may_stand(examined: Episode) -> None:
    twin = copy_of(examined)
    claims.claim(examined, TODAY)
    claims.claim(twin, TODAY)
    examined.consents.all().delete()
    claims.claim(examined, TODAY)
    assert claims.claim(twin, TODAY).status == Claim.Status.READY


@pytest.mark.parametrize("status", ["stated", "paid"])
def test_a_claim_on_a_statement_is_left_as_it_is(examined: Episode, status: str) -> None:
    claim = claims.claim(examined, TODAY)
    Claim.objects.filter(pk=claim.pk).update(status=status)
    examined.consents.all().delete()
    after = claims.claim(examined, TODAY)
    assert (after.status, after.amount) == (status, 46000)


def test_a_cancelled_registration_is_not_settled(examined: Episode) -> None:
    claims.claim(examined, TODAY)
    examined.status = Episode.Status.CANCELLED
    examined.save()
    assert code(claims.claim(examined, TODAY)) == "not_eligible"


def test_every_refusal_has_a_remedy() -> None:
    assert all("。" in claims.remedy(name) for name in claims.CODES)


@pytest.fixture
def registered_twice(episode_at: Callable[..., Episode], actor: Callable[..., Any]) -> Any:
    """One couple under two id numbers each, both records examined and claimed."""
    from sanyou.registry import merging

    first, second = episode_at("examined", 1), episode_at("examined", 2)
    for episode in (first, second):
        assert claims.claim(episode, TODAY).status == Claim.Status.READY
    clerk = actor("registration")
    assert first.couple is not None
    assert second.couple is not None
    merging.merge_people(first.couple.wife, second.couple.wife, "同一人", clerk)
    return first, second, clerk


def statuses() -> list[str]:
    return list(Claim.objects.order_by("episode").values_list("status", flat=True))


@pytest.mark.requirement("A01")
def test_merging_a_couple_registered_twice_leaves_one_claim_and_undoing_it_two(
    registered_twice: Any,
) -> None:
    from sanyou.registry import merging

    first, second, clerk = registered_twice
    assert statuses() == ["ready", "ready"]
    merge = merging.merge_people(first.couple.husband, second.couple.husband, "同一人", clerk)
    assert statuses() == ["ready", "refused"]
    second.refresh_from_db()
    assert second.couple == first.couple
    assert code(second.claim) == "counted_before"
    merging.undo(merge, clerk, "不是同一人")
    second.refresh_from_db()
    assert statuses() == ["ready", "ready"]
    assert second.claim.amount == 46000
    assert second.couple != first.couple


@pytest.mark.requirement("A01")
def test_couples_both_paid_are_not_merged_before_one_payment_is_taken_back(
    registered_twice: Any,
) -> None:
    from sanyou.registry import merging

    first, second, clerk = registered_twice
    Claim.objects.update(status="paid")
    with pytest.raises(merging.MergeRefused, match="结算表"):
        merging.merge_people(first.couple.husband, second.couple.husband, "同一人", clerk)
    assert statuses() == ["paid", "paid"]
    assert first.couple.husband.merged_into is None


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_two_clerks_claiming_at_once_leave_one_claim(examined: Episode) -> None:
    twin = copy_of(examined)
    start = threading.Barrier(2)

    def work(episode: Episode) -> None:
        try:
            start.wait()
            claims.claim(episode, TODAY)
        finally:
            connection.close()

    clerks = [threading.Thread(target=work, args=[e]) for e in (examined, twin)]
    for clerk in clerks:
        clerk.start()
    for clerk in clerks:
        clerk.join()
    assert sorted(Claim.objects.values_list("status", flat=True)) == ["ready", "refused"]
