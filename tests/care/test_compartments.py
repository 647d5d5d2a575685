"""Nothing leaves a compartment: not by reuse, not by one visit, not by looking back or counting."""

import shutil
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.utils import timezone

from sanyou.care import content, explain, one_stop, reuse
from sanyou.care.models import Encounter, Episode
from sanyou.care.reading import may_read_elsewhere
from sanyou.care.steps import duties_of
from sanyou.care.together import Shared
from sanyou.figures import checks, replay
from sanyou.protocol.errors import ContentErrors
from sanyou.protocol.library import Library
from sanyou.registry import access, groups, merging, people
from sanyou.registry.access import NotFoundForYou, existing, outside, visible, within
from sanyou.registry.duties import DUTIES
from sanyou.registry.models import Doubt, Merge, Region
from sanyou.trust.models import AuditEvent
from tests.quiet import COUNTY, OUTSIDE, QUIET, Hidden, open_compartment

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("H01")]

ONE_VISIT = Path(__file__).parents[1] / "fixtures" / "onevisit"
DAY = date(2021, 3, 1)


@pytest.fixture(scope="module")
def quiet() -> Library:
    return Library.load(None, QUIET)


@pytest.fixture
def in_use(quiet: Library) -> Iterator[None]:
    content.set_library(quiet)
    yield
    content.set_library(None)


@pytest.fixture
def hidden(in_use: None, episode_at: Any, actor: Any, make_id: Any, district: Any) -> Hidden:
    couple = episode_at("assessed", 1).couple
    groups.create(actor("maternity_doctor"), district.centre, "名单", timezone.localdate().year)
    officer = actor("infection_officer")
    return open_compartment(couple.wife, couple, officer, make_id, district.centre)


# --- the one place --------------------------------------------------------------------------------


@pytest.mark.parametrize("duty", [*OUTSIDE, "infection_officer"])
def test_one_record_and_a_list_of_them_say_the_same(
    duty: str, hidden: Hidden, actor: Callable[..., Any]
) -> None:
    """Every row of every kind: `within` and `visible` agree."""
    mine = actor(duty)
    looked_at = 0
    for label in access.PLACES:
        model = apps.get_model(label)
        listed = set(visible(mine, model._base_manager.all()).values_list("pk", flat=True))
        for row in model._base_manager.all()[:40] if label != "registry.Region" else ():
            looked_at += 1
            assert within(mine, row) == (row.pk in listed), (label, row)
    assert looked_at > 60
    found = set(visible(mine, Episode.objects.all()).values_list("compartment", flat=True))
    assert ("infection" in found) == (duty == "infection_officer")


def test_every_kind_that_hangs_on_a_record_names_its_compartment() -> None:
    """A path to a compartment for every model that points to one which has it."""
    have = {"registry.Person", "registry.Couple", "care.Episode"}
    while True:
        more = {
            label
            for label in access.PLACES.keys() - have
            if any(
                f.is_relation
                and not f.null
                and (f.many_to_one or f.one_to_one)
                and f.related_model._meta.label in have
                for f in apps.get_model(label)._meta.concrete_fields
            )
        }
        if not more:
            break
        have |= more
    plain = {label for label in have if any(len(way) == 1 for way in access.PLACES[label])}
    assert plain == set()
    programmes = {
        model._meta.label
        for model in apps.get_models()
        if model._meta.app_label != "care" or model._meta.model_name == "session"
        if any(f.name == "programme" for f in model._meta.concrete_fields)
    }
    assert programmes - access.PROGRAMMES.keys() - have == set()


def test_without_a_region_a_compartment_is_as_shut(hidden: Hidden, actor: Any) -> None:
    manager = actor("manager")
    assert not within(manager, hidden.episode)
    rows = Episode.objects.filter(pk=hidden.episode.pk)
    assert not existing(manager, rows).exists()
    assert not outside(rows).exists()
    assert existing(actor("infection_officer"), rows).exists()
    assert access.Actor.system("job").can("see_person", hidden.episode)


def test_another_district_reads_it_only_by_the_same_duty(hidden: Hidden, actor: Any) -> None:
    """Nor is somebody in the care of a doctor because of a record that is not there for her."""
    elsewhere = "500106"
    officer = actor("infection_officer", elsewhere, "officer-elsewhere")
    doctor = actor("assessing_doctor", elsewhere, "doctor-elsewhere")
    assert hidden.episode.person is not None
    check = Episode.objects.get(programme="preconception")
    assert not may_read_elsewhere(doctor, check)
    Episode.objects.filter(pk=hidden.episode.pk).update(region_id="500106001")
    assert not may_read_elsewhere(doctor, check)
    assert may_read_elsewhere(officer, check)
    assert not may_read_elsewhere(doctor, hidden.alone)


# --- facts ----------------------------------------------------------------------------------------


@pytest.fixture
def visit(make_couple: Any, actor: Any, regions: None) -> Iterator[dict[str, Episode]]:
    """Both episodes of one visit, the first examined; either may then be put in a compartment."""
    from sanyou.care import consents, encounters, episodes
    from sanyou.synth.filling import unremarkable

    library = Library.load(None, ONE_VISIT)
    content.set_library(library)
    town = Region.objects.filter(code__startswith="500106", level="township").first()
    assert town is not None
    answers = unremarkable(library, "premarital", "premarital_register", "couple") | {
        "child_order": 1, "policy_compliant": True, "planning": True, "premarital_told": True,
    }  # fmt: skip
    desk = actor("registration", "500106")
    made = one_stop.register(desk, make_couple(1), {"couple": answers}, DAY, town)
    for episode in made:
        episodes.confirm(episode, access.Actor.system("tests"), DAY)
        for role in ("wife", "husband"):
            consents.grant(episode, role, access.Actor.system("tests"), DAY, "paper")
        episode.refresh_from_db()
    found = {e.programme: e for e in made}
    form = "premarital_laboratory"
    if form not in library.programmes["premarital"].forms:
        form = next(f for f in library.programmes["premarital"].forms if "laborator" in f)
    data = unremarkable(library, "premarital", form, "wife")
    encounters.record(found["premarital"], form, "wife", data, DAY, access.Actor.system("tests"))
    yield found
    content.set_library(None)


def test_results_are_not_reused_outside(visit: dict[str, Episode]) -> None:
    first, second = visit["premarital"], visit["preconception"]
    assert reuse.of(second, DAY)
    assert one_stop.visit(second) == [second, first]
    Episode.objects.filter(pk=first.pk).update(compartment="infection")
    assert not reuse.of(second, DAY)
    assert one_stop.visit(second) == [second]
    first.refresh_from_db()
    assert not Shared(second, [first]).others
    assert list(Shared(first, [second]).others) == [second.pk]


def test_within_the_compartment_results_from_outside_count(visit: dict[str, Episode]) -> None:
    second = visit["preconception"]
    Episode.objects.filter(pk=second.pk).update(compartment="infection")
    second.refresh_from_db()
    assert reuse.of(second, DAY)
    Episode.objects.update(compartment="infection")
    second.refresh_from_db()
    assert reuse.of(second, DAY)


def test_a_pregnancy_followed_up_within_is_not_known_outside(episode_at: Any) -> None:
    """What the couple's other records tell of a pregnancy is a fact of each."""
    from sanyou.care.facts import facts_of

    first = episode_at("noticed", 1)
    Encounter.objects.create(
        episode=first, form="early_followup", form_version=1, role="wife", status="signed",
        occurred_on=date(2021, 6, 1),
        data={"pregnancy_result": "pregnant", "lmp": "2021-04-01"},
    )  # fmt: skip
    second = Episode.objects.get(pk=first.pk)
    second.pk, second.number = None, "500107-2021-000777"
    second.key = __import__("uuid").uuid4()
    second.save()
    told = facts_of(second, date(2021, 7, 1))
    assert told["couple.last_pregnancy_ended"] == "ongoing"
    Episode.objects.filter(pk=first.pk).update(compartment="infection")
    assert facts_of(second, date(2021, 7, 1))["couple.last_pregnancy_ended"] is None


# --- answers, counts, replays ---------------------------------------------------------------------


def test_why_somebody_was_let_in_is_told_outside_without_it(
    hidden: Hidden, actor: Any, capsys: Any
) -> None:
    from sanyou.cli import explain as command

    check = Episode.objects.get(programme="preconception")
    today = timezone.localdate()
    inside = explain.explain(check.couple, today, actor("infection_officer"))
    assert "quiet" in {told.programme for told in inside}
    for told in (
        explain.explain(check.couple, today, actor("registration")),
        explain.explain(check.couple, today, access.Actor.system("explain")),
    ):
        assert "quiet" not in {each.programme for each in told}
    assert explain.find(hidden.episode.number) is None
    command(check.number, today.isoformat())
    assert "静访" not in capsys.readouterr().out


def test_a_new_version_is_tried_without_it(hidden: Hidden, quiet: Library) -> None:
    made = replay._rules(quiet.programmes["quiet"], quiet.programmes["quiet"])
    assert made["cases"] == 0
    assert replay._rules(quiet.programmes["preconception"], quiet.programmes["preconception"])[
        "cases"
    ]


def test_doubts_about_somebody_within_are_not_counted(hidden: Hidden) -> None:
    today, county = timezone.localdate(), Region.objects.get(pk=COUNTY)
    before = [c.text for c in checks.waiting("preconception", county, today)]
    Doubt.objects.create(
        kind="same_person", person=hidden.alone.person, other=hidden.episode.person, region=county
    )
    assert [c.text for c in checks.waiting("preconception", county, today)] == before


def test_a_statement_of_it_is_not_drawn_up_outside(
    hidden: Hidden, actor: Any, quiet: Library, district: Any
) -> None:
    from sanyou.finance import statements
    from sanyou.finance.models import Claim, Statement

    policy, today = quiet.policies["quiet-2021"], timezone.localdate()
    with pytest.raises(NotFoundForYou):
        statements.prepare(
            district.centre, policy, *statements.period_of(policy, today), actor("finance"), "quiet"
        )
    assert not visible(actor("finance"), Statement.objects.filter(programme="quiet")).exists()
    assert Claim.objects.filter(programme="quiet").exists()
    assert not visible(actor("finance"), Claim.objects.all()).exists()


# --- people ---------------------------------------------------------------------------------------


def test_a_marriage_known_only_within_contradicts_nothing_outside(
    hidden: Hidden, actor: Any, make_id: Any
) -> None:
    from sanyou.registry.models import Couple

    pair = Couple.objects.get(compartment="infection")
    desk = actor("registration")
    wife = people.register_person(
        people.PersonData(name="慕容静夏", id_number=pair.wife.id_number), desk
    )
    other = people.register_person(
        people.PersonData(name="独孤新", id_number=make_id("500107", date(1991, 1, 1), 31)), desk
    )
    made = people.register_couple(wife, other, actor=desk)
    assert made != pair
    assert existing(desk, Couple.objects.filter(wife=wife)).get() == made
    husband = people.register_person(
        people.PersonData(name="拓跋静山", id_number=pair.husband.id_number), desk
    )
    again = people.register_couple(wife, husband, actor=desk, verified=True)
    assert again == pair
    assert again.compartment == ""


def test_merging_does_not_tell_how_much_lies_within(
    hidden: Hidden, make_couple: Any, actor: Any
) -> None:
    assert hidden.episode.person is not None
    twin = make_couple(3).wife
    merging.merge_people(twin, hidden.episode.person, "同一人", actor("registration"))
    hidden.episode.refresh_from_db()
    assert hidden.episode.person == twin
    told = AuditEvent.objects.get(action="merge").detail["moved"]
    made = Merge.objects.get()
    assert told == 3  # the couple, the doubt about the two, and the mark of the merge
    assert len(made.moved) == told + 2  # and within, the record and its claim


# --- content --------------------------------------------------------------------------------------


def test_whoever_is_named_in_a_compartment_works_in_it(library: Library) -> None:
    for programme in library.programmes.values():
        within_it = programme.spec.compartment
        if within_it is None:
            continue
        assert within_it in DUTIES["system"].compartments
        for duty in duties_of(programme):
            assert within_it in DUTIES[duty].compartments, (programme.id, duty)


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        (
            "programmes/heard/programme.yaml",
            "opening_form: heard_register",
            "opening_form: heard_register\nreuse:\n  - {from: quiet, within: {months: 1}, source: {ref: x}}",
        ),
        (
            "programmes/quiet/programme.yaml",
            "opening_form: quiet_register",
            "opening_form: quiet_register\nstarts:\n"
            "  - {id: out, form: quiet_test, subject: person, programmes: [heard]}",
        ),
        (
            "policies/quiet-2021.yaml",
            "items:",
            "one_stop: {programmes: [quiet, heard], clause: 一}\nitems:",
        ),
    ],
)
def test_content_that_would_carry_something_out_is_refused(
    file: str, old: str, new: str, tmp_path: Path
) -> None:
    root = tmp_path / "quiet"
    shutil.copytree(QUIET, root)
    path = root / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ContentErrors) as refused:
        Library.load(None, root)
    codes = {error.code for error in refused.value.errors}
    assert "compartment" in codes
    assert codes <= {"compartment", "clause_unlinked", "not_cited"}
