"""Folic acid as content: who, how long a pack lasts, when the next one is due, when it ends."""

from datetime import date, timedelta
from typing import Any

import pytest

from sanyou.protocol.assessment import assess
from sanyou.protocol.facts import build_facts
from sanyou.protocol.schedule import plan

pytestmark = pytest.mark.requirement("B08")

DAY = date(2021, 3, 1)


@pytest.fixture
def programme(library: Any) -> Any:
    return library.programmes["folic_acid"]


def facts(library: Any, on: date = DAY, **wife: Any) -> dict[str, Any]:
    return build_facts(library, "folic_acid", {"wife": wife}, on)


def test_it_is_one_sitting_of_the_village_worker(programme: Any) -> None:
    assert [(s.id, s.kind, s.duty) for s in programme.steps] == [
        ("register", "form", "village_worker"),
        ("confirm", "confirm", "village_worker"),
        ("issue", "form", "village_worker"),
    ]


def test_signing_the_issue_hands_out_the_packs_it_states(programme: Any, library: Any) -> None:
    use = programme.forms["folic_issue"].spec.supply
    assert (use.item, use.quantity) == ("folic_acid", "folic_acid_packs")
    supply = library.supplies[use.item]
    assert (supply.days(1), supply.days(3)) == (31, 93)
    assert supply.source.status == "from-knowledge"


def test_what_the_districts_ask_is_on_the_registration(programme: Any, library: Any) -> None:
    """Every fact that a document's folic acid terms read is asked, derived, or of the registry."""
    fields = {f.element for f in programme.forms["folic_register"].fields_for("wife")}
    elements = library.dictionary.elements
    seen = 0
    for policy in library.policies.values():
        if policy.stub or "folic_acid" not in policy.programmes:
            continue
        terms = policy.for_programme("folic_acid")
        for criterion in terms.eligibility:
            for name in terms.conditions[f"eligibility:{criterion.id}"].facts:
                seen += 1
                element = elements[name.partition(".")[2].partition("__")[0]]
                known = element.id in fields or element.process or element.derived is not None
                assert known, (policy.id, name)
    assert seen > 0


@pytest.mark.parametrize(("days", "weeks"), [(90, 12), (91, 13), (6, 0), (7, 1)])
def test_weeks_are_full_weeks_since_the_last_period(library: Any, days: int, weeks: int) -> None:
    lmp = DAY - timedelta(days=days)
    assert facts(library, lmp=lmp)["wife.weeks_since_lmp"] == weeks


@pytest.mark.parametrize(
    ("planned", "months"),
    [(date(2021, 6, 1), -3), (date(2021, 6, 2), -4), (date(2021, 3, 1), 0)],
)
def test_three_months_before_are_counted_to_the_day(
    library: Any, planned: date, months: int
) -> None:
    assert facts(library, planned_pregnancy_on=planned)["wife.months_past_planned"] == months


@pytest.mark.parametrize(("missed", "standard"), [(10, True), (11, False)])
def test_eighty_per_cent_of_the_days_is_the_standard(
    library: Any, programme: Any, missed: int, standard: bool
) -> None:
    told = facts(
        library,
        folic_acid_since=DAY,
        folic_acid_asked_on=DAY + timedelta(days=50),
        folic_acid_missed_days=missed,
    )
    assert told["wife.folic_acid_taken_days"] == 50 - missed
    found = {f.rule for f in assess(programme, told).findings}
    assert ("low_adherence" not in found) is standard


def test_the_next_pack_is_not_offered_past_the_twelfth_week(library: Any, programme: Any) -> None:
    until = DAY + timedelta(days=30)
    for days, offered in ((90, True), (91, False)):
        told = facts(
            library,
            lmp=until - timedelta(days=days),
            supplied_on=DAY,
            supplied_until=until,
            supply_reminder_on=until - timedelta(days=7),
        )
        ids = {task.id for task in plan(programme, told, DAY)}
        assert ("next_pack" in ids) is offered


def test_a_low_folate_is_tested_again_after_three_months(library: Any, programme: Any) -> None:
    told = facts(library, folate_tested_on=DAY, serum_folate=6.7)
    task = next(t for t in plan(programme, told, DAY) if t.id == "level_again")
    assert (task.opens, task.due) == (date(2021, 6, 1), date(2021, 7, 1))
    normal = facts(library, folate_tested_on=DAY, serum_folate=6.8)
    assert all(t.id != "level_again" for t in plan(programme, normal, DAY))


def test_every_range_of_the_level_has_its_source(library: Any) -> None:
    for name in ("serum_folate", "red_cell_folate"):
        element = library.dictionary.elements[name]
        assert element.unit == "nmol/L"
        assert all(r.source and "WHO" in r.source.ref for r in element.ranges)


def test_the_record_sheet_prints_what_was_handed_out(
    library: Any, district: Any, db: None, make_couple: Any, actor: Any
) -> None:
    """The sheet of the woman: each time, with packs and who handed them out."""
    from uuid import uuid4

    from django.utils import timezone

    from sanyou.care import documents, encounters, episodes
    from sanyou.registry.models import Region
    from sanyou.stock import moves

    today, worker = timezone.localdate(), actor("village_worker")
    moves.receive(
        actor("storekeeper"), district.townships["500107102"], "folic_acid", "A", "虚构药业",
        today + timedelta(days=300), 5, today, uuid4(),
    )  # fmt: skip
    episode = episodes.nominate(
        worker,
        "folic_acid",
        make_couple(1).wife,
        {"wife": {"preparing_pregnancy": True, "pregnant": False}},
        on=today,
        region=Region.objects.get(pk="500107102"),
    )
    decision = episodes.confirm(episode, worker, today)
    assert decision.answer == "yes", decision.result["clause_line"]
    encounters.record(episode, "folic_issue", "wife", {"folic_acid_packs": 2}, today, worker)
    page = documents.render(documents.issue(episode, "folic_issue", worker, today))
    assert "发放叶酸盒数 2 盒" in page
    assert str(worker.staff) in page
