"""Premarital and preconception check in one visit: one specimen, each test once, both served."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from sanyou.care import (
    assessments,
    cards,
    content,
    documents,
    encounters,
    episodes,
    one_stop,
    tasks,
)
from sanyou.care.errors import CareError
from sanyou.care.facts import evidence_encounters, facts_of, facts_table
from sanyou.care.models import Episode, FreeCheck, Task
from sanyou.protocol.library import Library
from sanyou.protocol.pricing import completeness
from sanyou.registry.models import Region
from sanyou.synth.filling import unremarkable

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("B07")]

ONE_VISIT = Path(__file__).parents[1] / "fixtures" / "onevisit"
COUNTY, TOWN = "500106", "500106001"
DAY = date(2021, 3, 1)
ROLES = ("wife", "husband")
ANSWERS = {
    "child_order": 1,
    "policy_compliant": True,
    "planning": True,
    "premarital_told": True,
}


@pytest.fixture(scope="module")
def both() -> Library:
    return Library.load(None, ONE_VISIT)


@pytest.fixture(autouse=True)
def in_use(both: Library) -> Iterator[None]:
    content.set_library(both)
    yield
    content.set_library(None)


@pytest.fixture
def town(regions: None) -> Region:
    found = Region.objects.filter(code__startswith=COUNTY, level="township").first()
    assert found is not None
    return found


@pytest.fixture
def answers(both: Library) -> dict[str, Any]:
    form = "premarital_register"
    return unremarkable(both, "premarital", form, "couple") | ANSWERS


@pytest.fixture
def registered(make_couple: Any, actor: Any, town: Region, answers: Any) -> list[Episode]:
    desk = actor("registration", COUNTY)
    return one_stop.register(desk, make_couple(1), {"couple": answers}, DAY, town)


@pytest.fixture
def confirmed(registered: list[Episode], actor: Any) -> list[Episode]:
    for episode in registered:
        if episode.tasks.filter(name="review").exists():
            episodes.review(episode, actor("township_officer", COUNTY), DAY)
        episodes.confirm(episode, actor("registration", COUNTY), DAY)
        episode.refresh_from_db()
        if episode.tasks.filter(name="card").exists():
            cards.issue(episode, actor("village_worker", COUNTY), DAY)
    return registered


@pytest.fixture
def consented(confirmed: list[Episode], actor: Any) -> dict[str, Episode]:
    desk = actor("registration", COUNTY)
    for role in ROLES:
        one_stop.grant(one_stop.consent_ready(confirmed), role, desk, DAY, "paper")
    for episode in confirmed:
        episode.refresh_from_db()
    return {e.programme: e for e in confirmed}


@pytest.fixture
def sign(both: Library, actor: Any) -> Any:
    def act(episode: Episode, form: str, role: str, on: date = DAY, **given: Any) -> Any:
        asked = both.programmes[episode.programme].forms[form]
        taken = encounters.taken_over(episode, asked, role, on)
        whole = unremarkable(both, episode.programme, form, role)
        data = {n: v for n, v in whole.items() if n not in taken} | given
        duty = both.programmes[episode.programme].forms[form].duty[0]
        return encounters.record(episode, form, role, data, on, actor(duty, COUNTY))

    return act


def open_steps(episode: Episode, role: str = "wife") -> set[str]:
    rows = Task.objects.filter(episode=episode, kind="step", status="open", role=role)
    return set(rows.values_list("name", flat=True))


def test_one_set_of_answers_opens_both(registered: list[Episode]) -> None:
    assert [e.programme for e in registered] == ["premarital", "preconception"]
    assert {e.couple_id for e in registered} == {registered[0].couple_id}
    for episode in registered:
        assert facts_of(episode, DAY)["couple.planning"] is True


def test_a_check_in_a_history_file_counts_in_its_own_programme_only(
    registered: list[Episode],
) -> None:
    couple = registered[0].couple
    assert couple is not None
    FreeCheck.objects.create(
        wife_index=couple.wife.id_index,
        husband_index=couple.husband.id_index,
        child_order=1,
        programme="preconception",
        examined_on=date(2020, 2, 1),
        source="history:1",
    )
    used = {e.programme: facts_of(e, DAY)["couple.last_check_on"] for e in registered}
    assert used == {"premarital": None, "preconception": date(2020, 2, 1)}


def test_where_no_document_provides_for_it_it_is_refused(
    make_couple: Any, actor: Any, answers: Any
) -> None:
    elsewhere = Region.objects.get(pk="500107102")
    assert one_stop.programmes("500107102", DAY) == []
    with pytest.raises(CareError, match="分别登记"):
        one_stop.register(
            actor("registration"), make_couple(1), {"couple": answers}, DAY, elsewhere
        )


def test_a_second_click_opens_no_more(
    registered: list[Episode], actor: Any, town: Region, answers: Any
) -> None:
    desk, couple = actor("registration", COUNTY), registered[0].couple
    assert couple is not None
    again = one_stop.register(desk, couple, {"couple": answers}, DAY, town)
    assert again == registered


@pytest.mark.requirement("B02")
def test_one_signature_consents_to_both(consented: dict[str, Episode]) -> None:
    for episode in consented.values():
        assert episode.consents.filter(kind="grant").count() == 2
    texts = {e.consents.first().text_version for e in consented.values()}  # type: ignore[union-attr]
    assert all(texts), "each under the version of its own text"


def test_the_consent_queue_shows_the_couple_once(confirmed: list[Episode], actor: Any) -> None:
    found = tasks.queue(actor("registration", COUNTY))
    steps = {
        e.programme: next(
            s.id for s in content.library().programmes[e.programme].steps if s.kind == "consent"
        )
        for e in confirmed
    }
    rows = [t for t in found if steps[t.episode.programme] == t.name]
    assert sorted(t.role for t in rows) == ["husband", "wife"]


@pytest.mark.parametrize("duty", ["history_nurse", "physician", "laboratory"])
def test_a_station_sees_each_of_them_once(
    consented: dict[str, Episode], actor: Any, both: Library, duty: str
) -> None:
    rows = list(tasks.queue(actor(duty, COUNTY)))
    asked: dict[str, set[str]] = {}
    for task in rows:
        form = both.programmes[task.episode.programme].forms[task.form]
        mine = {f.element for f in form.fields_for(task.role)}
        assert not mine & asked.setdefault(task.role, set()), "no test is ordered twice"
        asked[task.role] |= mine
    assert set(asked) == set(ROLES)


def test_a_result_signed_in_one_serves_the_other(consented: dict[str, Episode], sign: Any) -> None:
    pre, main = consented["premarital"], consented["preconception"]
    sign(main, "laboratory", "wife", alt=55, hbsag="negative")
    facts = facts_of(pre, DAY)
    assert (facts["wife.alt"], facts["wife.hbsag"]) == (55, "negative")
    assert facts_table([pre, main], DAY)[0] == facts


def test_the_step_closes_and_says_where_the_result_is(
    consented: dict[str, Episode], sign: Any
) -> None:
    pre, main = consented["premarital"], consented["preconception"]
    for role in ROLES:
        sign(main, "specimen", role)
    rows = pre.tasks.filter(name="premarital_specimen")
    assert {t.status for t in rows} == {"done"}
    assert {t.reason for t in rows} == {"沿用 2021-03-01 免费孕前优生健康检查"}


def test_what_the_other_form_does_not_ask_is_asked_here(
    consented: dict[str, Episode], sign: Any, both: Library, actor: Any
) -> None:
    pre, main = consented["premarital"], consented["preconception"]
    sign(main, "laboratory", "wife")
    assert "premarital_laboratory" in open_steps(pre), "HIV is asked only before marriage"
    tech = actor("laboratory", COUNTY)
    draft = encounters.open_draft(pre, "premarital_laboratory", "wife", tech)
    form = both.programmes["premarital"].forms["premarital_laboratory"]
    over = encounters.taken_over(pre, form, "wife")
    assert over["alt"].where == "2021-03-01 免费孕前优生健康检查"
    saved = encounters.autosave(draft.key, {"hiv": {"base": None, "value": "negative"}}, tech)
    signed = encounters.sign(draft.key, tech, saved.version)
    assert set(signed.data) == {"hiv"}, "what is taken over stays where it was signed"


def test_a_field_taken_over_may_be_tested_again(
    consented: dict[str, Episode], sign: Any, actor: Any
) -> None:
    pre, main = consented["premarital"], consented["preconception"]
    sign(main, "laboratory", "wife", alt=20)
    tech = actor("laboratory", COUNTY)
    draft = encounters.open_draft(pre, "premarital_laboratory", "wife", tech)
    saved = encounters.autosave(draft.key, {"alt": {"base": 20, "value": "31"}}, tech)
    assert saved.saved == ["alt"]
    saved = encounters.autosave(draft.key, {"hiv": {"base": None, "value": "negative"}}, tech)
    encounters.sign(draft.key, tech, saved.version)
    today = timezone.localdate()
    assert facts_of(pre, today)["wife.alt"] == 31
    assert facts_of(main, today)["wife.alt"] == 20, "a result of its own wins"


def examine(found: dict[str, Episode], sign: Any, both: Library) -> None:
    """Every station once, as the queues show it."""
    for _round in range(2):  # what is left after the fuller forms
        for task in list(
            Task.objects.filter(
                episode__in=found.values(), kind="step", status="open", form__gt=""
            ).select_related("episode")
        ):
            task.refresh_from_db()
            programme = both.programmes[task.episode.programme]
            stations = {"history_nurse", "physician", "laboratory", "ultrasound"}
            if task.status == "open" and task.duty in stations and programme.forms[task.form]:
                sign(task.episode, task.form, task.role)


def test_after_one_round_both_are_ready_for_their_own_assessment(
    consented: dict[str, Episode], sign: Any, both: Library, actor: Any
) -> None:
    examine(consented, sign, both)
    doctor = actor("assessing_doctor", COUNTY)
    for episode in consented.values():
        assert not completeness(
            content.policy_of(episode),
            facts_of(episode, DAY),  # type: ignore[arg-type]
        )
        assert assessments.confirm(assessments.propose(episode, DAY), doctor).level


def test_each_test_was_signed_once(consented: dict[str, Episode], sign: Any, both: Library) -> None:
    sign(consented["preconception"], "laboratory", "wife")
    rows = [
        e
        for episode in consented.values()
        for e in episode.encounters.filter(role="wife", status="signed")
        if "alt" in e.data
    ]
    assert len(rows) == 1


def test_evidence_of_one_names_the_records_of_the_other(
    consented: dict[str, Episode], sign: Any
) -> None:
    pre, main = consented["premarital"], consented["preconception"]
    lab = sign(main, "laboratory", "wife")
    own = sign(pre, "premarital_imaging", "wife")
    assert set(evidence_encounters(pre, DAY)) == {lab, own}
    assert evidence_encounters(main, DAY) == [lab]


def test_without_consent_nothing_is_taken_over(
    confirmed: list[Episode], actor: Any, sign: Any
) -> None:
    from sanyou.care import consents

    pre, main = confirmed
    desk = actor("registration", COUNTY)
    for role in ROLES:
        consents.grant(main, role, desk, DAY, "paper")
    sign(main, "laboratory", "wife", alt=55)
    assert facts_of(pre, DAY)["wife.alt"] is None
    assert facts_of(pre, DAY)["couple.exam_on"] is None


def test_a_corrected_result_reaches_the_other_assessment(
    consented: dict[str, Episode], sign: Any, both: Library, actor: Any
) -> None:
    pre, main = consented["premarital"], consented["preconception"]
    examine(consented, sign, both)
    doctor = actor("assessing_doctor", COUNTY)
    standing = assessments.confirm(assessments.propose(pre, DAY), doctor)
    lab = main.encounters.get(form="laboratory", role="wife", status="signed")
    encounters.amend(lab.key, {"syphilis": "positive"}, "复核", actor("laboratory", COUNTY))
    standing.refresh_from_db()
    assert standing.status == "superseded"
    assert Task.objects.get(episode=pre, name="premarital_assess").status == "open"


def test_a_recheck_is_asked_for_once_and_its_result_serves_both(
    consented: dict[str, Episode], sign: Any, both: Library, actor: Any
) -> None:
    pre, main = consented["premarital"], consented["preconception"]
    sign(main, "laboratory", "wife", syphilis="positive", syphilis_rpr="positive")
    examine(consented, sign, both)
    doctor = actor("assessing_doctor", COUNTY)
    standing = [assessments.confirm(assessments.propose(e, DAY), doctor) for e in (pre, main)]
    rechecks = Task.objects.filter(episode__in=(pre, main), kind="recheck", role="wife")
    (task,) = [t for t in rechecks if "梅毒" in t.label]
    assert task.episode_id == pre.pk
    given = {"retest_on": "2021-06-10", "retest_result": "recovered"}
    given |= {"syphilis": "negative", "syphilis_rpr": "negative"}
    encounters.record(pre, task.form, "wife", given, date(2021, 6, 10), doctor)
    for episode, before in zip((pre, main), standing, strict=True):
        before.refresh_from_db()
        assert before.status == "superseded"
        assert facts_of(episode, date(2021, 6, 9))["wife.syphilis"] == "positive"
        assert facts_of(episode, date(2021, 6, 10))["wife.syphilis"] == "negative"


def test_another_finding_keeps_a_recheck_of_its_own(
    consented: dict[str, Episode], sign: Any, both: Library, actor: Any
) -> None:
    pre, main = consented["premarital"], consented["preconception"]
    sign(main, "laboratory", "wife", syphilis="positive", syphilis_rpr="positive", tsh=9.0)
    examine(consented, sign, both)
    doctor = actor("assessing_doctor", COUNTY)
    for episode in (pre, main):
        assessments.confirm(assessments.propose(episode, DAY), doctor)
    labels = main.tasks.filter(kind="recheck", role="wife").values_list("label", flat=True)
    assert any("TSH" in label for label in labels)
    assert not any("梅毒" in label for label in labels)


def test_results_past_their_time_are_not_taken_over(
    consented: dict[str, Episode], sign: Any, actor: Any, make_couple: Any, town: Region
) -> None:
    """Months later a new preconception check finds only what is still valid."""
    pre = consented["premarital"]
    sign(pre, "premarital_laboratory", "wife", alt=30, hemoglobin=120, abo="a")
    sign(pre, "premarital_physical", "wife")
    main = consented["preconception"]
    desk = actor("registration", COUNTY)
    episodes.close(main, desk, "改日再来")

    def anew(on: date) -> dict[str, Any]:
        episode = episodes.nominate(
            desk,
            "preconception",
            pre.couple,
            {"couple": {**ANSWERS}},
            on,
            town,  # type: ignore[arg-type]
        )
        episode.consents.create(role="wife", kind="grant", on=on, text_version="1", method="paper")
        facts = facts_of(episode, on)
        episodes.close(episode, desk, "测试")
        return facts

    soon = anew(date(2021, 4, 1))
    assert (soon["wife.alt"], soon["wife.hemoglobin"], soon["wife.abo"]) == (30, 120, "a")
    later = anew(date(2021, 6, 1))
    assert (later["wife.alt"], later["wife.hemoglobin"], later["wife.abo"]) == (30, None, "a")
    late = anew(date(2021, 6, 2))
    assert (late["wife.alt"], late["wife.hemoglobin"], late["wife.abo"]) == (None, None, "a")


def test_the_joint_report_tells_both(
    consented: dict[str, Episode], sign: Any, both: Library, actor: Any
) -> None:
    examine(consented, sign, both)
    doctor = actor("assessing_doctor", COUNTY)
    for episode in consented.values():
        assessments.confirm(assessments.propose(episode, DAY), doctor)
    pre, main = consented["premarital"], consented["preconception"]
    made = documents.issue(pre, "one_stop_report", doctor, DAY)
    linked = documents.payload(made)["linked"]
    assert linked["number"] == main.number
    assert linked["assessment"]["level"]
    assert main.number in documents.render(made)


def test_files_brought_in_at_once_serve_both(consented: dict[str, Episode], sign: Any) -> None:
    from sanyou.care.flow import at_end

    pre, main = consented["premarital"], consented["preconception"]
    with at_end():
        for role in ROLES:
            sign(main, "specimen", role)
    assert {t.status for t in pre.tasks.filter(name="premarital_specimen")} == {"done"}


def test_a_laboratory_message_is_written_once_and_serves_both(
    consented: dict[str, Episode], actor: Any
) -> None:
    """What both ask goes to one record; what only one asks goes to that one."""
    from decimal import Decimal

    from sanyou.exchange import laboratory
    from sanyou.exchange.context import Context
    from sanyou.exchange.hl7lab import Message, Result
    from sanyou.exchange.models import ImportFile, ImportRow
    from sanyou.registry.access import Actor

    pre, main = consented["premarital"], consented["preconception"]
    assert main.couple is not None
    file = ImportFile.objects.create(
        kind=ImportFile.Kind.LAB, name="lab.hl7", sha256="0" * 64, programme="preconception",
        policy="onevisit-2020", on=DAY,
    )  # fmt: skip
    row = ImportRow.objects.create(file=file, number=1)
    results = (
        Result("alt", Decimal("44"), Decimal("0"), Decimal("40")),
        Result("tsh", Decimal("2.1")),  # asked only before a pregnancy
        Result("hiv", "negative"),  # asked only before marriage
    )
    message = Message(1, "M1", "f", "", observed_on=DAY, results=results)
    ctx = Context(file, Actor.system("tests"))
    laboratory._recorded(ctx, row, message, main.couple.wife, "wife", main)
    assert set(main.encounters.get(form="laboratory").data) == {"alt", "tsh"}
    assert set(pre.encounters.get(form="premarital_laboratory").data) == {"hiv"}
    facts = facts_of(pre, DAY)
    assert (facts["wife.alt"], facts["wife.alt__flag"]) == (44, "high"), "with its own range"
    assert facts["wife.hiv"] == "negative"
