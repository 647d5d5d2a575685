"""What lies in a compartment does not exist for anybody who does not work in it: every page, every
duty. The pages are taken before anything lies there and after."""

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.test import Client
from django.urls import URLPattern, reverse
from django.utils import timezone

from sanyou.care import content, encounters, episodes
from sanyou.care.models import Episode
from sanyou.desk import urls
from sanyou.protocol.library import Library
from sanyou.registry import groups, trail
from sanyou.registry.access import existing
from sanyou.registry.duties import DUTIES
from sanyou.registry.models import Doubt, Group, Person, Region
from sanyou.registry.people import PersonData, register_person
from sanyou.trust import audit
from sanyou.trust.models import AuditEvent
from tests.quiet import (
    BORN,
    COMPARTMENT,
    HIDDEN,
    OUTSIDE,
    QUIET,
    TOWN,
    UNKNOWN,
    Hidden,
    clean,
    open_compartment,
    woman,
)

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("H01")]


@pytest.fixture(scope="module")
def quiet() -> Library:
    return Library.load(None, QUIET)


@pytest.fixture(autouse=True)
def in_use(quiet: Library) -> Iterator[None]:
    content.set_library(quiet)
    yield
    content.set_library(None)


@pytest.fixture
def known(episode_at: Any, actor: Any) -> Episode:
    """A couple known to everybody: its check is done, the wife is registered for `heard`, too."""
    check = episode_at("noticed", 1)
    episode_at("nominated", 2)
    doctor, today = actor("maternity_doctor"), timezone.localdate()
    town = Region.objects.get(pk=TOWN)
    episodes.nominate(doctor, "heard", check.couple.wife, {}, today, town)
    groups.create(doctor, actor("registration").organisation, "名单", today.year)
    return check


@pytest.fixture
def opened(known: Episode, actor: Any, make_id: Any, district: Any) -> Callable[[], Hidden]:
    def make() -> Hidden:
        couple = known.couple
        return open_compartment(
            couple.wife, couple, actor("infection_officer"), make_id, district.centre
        )

    return make


def patterns() -> Iterator[URLPattern]:
    for pattern in urls.urlpatterns:
        if isinstance(pattern, URLPattern) and pattern.name:
            access = getattr(pattern.callback, "access", "public")
            if access not in ("public", "signed-in"):
                yield pattern


def may(duty: str, pattern: URLPattern) -> bool:
    return pattern.callback.access in DUTIES[duty].may


# --- what she sees --------------------------------------------------------------------------------

# Pages that count or list the acts of the readers themselves: looked at by themselves below.
OF_ACTS = {"": {"audit"}, "administrator": {"audit", "home", "queue"}}
ASKED = ("慕容静秋", "mrjq")  # what is looked for stands on the page that answers


def doors(duty: str, known: Episode) -> list[tuple[str, str, dict[str, str]]]:
    """(method, address, what is sent) of every page of a duty that opens without knowing of it."""
    couple, wife = known.couple, known.couple.wife
    keys: dict[str, UUID] = {
        "couples": couple.key,
        "people": wife.key,
        "episodes": known.key,
        "encounters": known.encounters.first().key,
        "tasks": known.tasks.first().key,
        "documents": known.documents.first().key,
        "groups": Group.objects.get().key,
    }
    found: list[tuple[str, str, dict[str, str]]] = []
    for pattern in patterns():
        kinds = pattern.pattern.converters
        if pattern.name in OF_ACTS.get(duty, OF_ACTS[""]) or not may(duty, pattern):
            continue
        if not kinds:
            found.append(("get", reverse(pattern.name), {}))
        elif set(kinds) == {"key"} and (key := keys.get(str(pattern.pattern).split("/")[0])):
            found.append(("get", reverse(pattern.name, args=[key]), {}))
    heard = Episode.objects.get(programme="heard")
    found.append(("get", reverse("episode", args=[heard.key]), {}))
    found.append(("get", reverse("policy", args=["quiet-2021"]), {}))
    for text in (*ASKED, wife.name, wife.phone, wife.id_number[-4:], known.number):
        found.append(("post", reverse("search"), {"q": text}))
    for chosen in ("quiet/quiet_report", "none"):
        found.append(("get", reverse("reports") + f"?report={chosen}", {}))
    for programme in ("quiet", "none"):
        found.append(("get", reverse("task-numbers") + f"?programme={programme}", {}))
        found.append(("get", reverse("nominate") + f"?programme={programme}", {}))
        found.append(("get", reverse("ledger-of", args=[programme]), {}))
    found.append(("post", reverse("check-number"), {"number": wife.id_number}))
    return found


@pytest.mark.parametrize("part", range(4))
def test_every_page_is_as_it_was(
    part: int, known: Episode, opened: Callable[[], Hidden], client_as: Callable[..., Client]
) -> None:
    duties = OUTSIDE[part::4]

    places = {duty: doors(duty, known) for duty in duties}

    def look() -> dict[tuple[str, str, str, str], tuple[int, str, str]]:
        found = {}
        for duty in duties:
            client = client_as(duty)
            for method, address, data in places[duty]:
                answer = getattr(client, method)(address, data)
                found[duty, method, address, str(data)] = clean(answer)
        return found

    client_as("infection_officer")  # she is a member of staff before she does anything
    before = look()
    hidden = opened()
    after = look()
    assert [place for place in before if before[place] != after[place]] == []
    words = [word for word in hidden.words if word not in ASKED]
    shown = [place for place, answer in after.items() if any(w in answer[2] for w in words)]
    assert shown == []
    assert {answer[0] for answer in after.values()} <= {200, 302, 403, 404, 405}
    assert len(after) > 20 * len(duties)


def test_whoever_works_in_it_sees_it(
    known: Episode, opened: Callable[[], Hidden], client_as: Callable[..., Client]
) -> None:
    hidden = opened()
    officer = client_as("infection_officer")
    home = officer.get(reverse("home")).content.decode()
    assert "静访用药" in home
    assert hidden.alone.person is not None
    page = officer.get(reverse("person", args=[hidden.alone.person.key])).content.decode()
    assert hidden.alone.number in page
    assert "慕容静秋" in officer.post(reverse("search"), {"q": "慕容"}).content.decode()
    life = officer.get(reverse("life", args=[known.couple.wife.key])).content.decode()
    assert hidden.episode.number in life
    assert "静访" in officer.get(reverse("nominate")).content.decode()
    ledger = officer.get(reverse("ledger-of", args=["quiet"])).content.decode()
    assert "慕容静秋" in ledger
    assert "静访月报" in officer.get(reverse("reports")).content.decode()


# --- what she asks for by its key -----------------------------------------------------------------

WORDS = {
    "form": "quiet_test", "role": "wife", "kind": "quiet_notice", "chart_id": "none",
    "programme_id": "quiet", "indicator": "quiet_tested", "number": 1,
}  # fmt: skip


def asked(pattern: URLPattern, key: UUID) -> str:
    names = pattern.pattern.converters
    return reverse(pattern.name, kwargs={n: key if n == "key" else WORDS[n] for n in names})


def kinds_of(pattern: URLPattern) -> list[str]:
    """The kinds of record whose keys are tried: by its address, the episode's everywhere."""
    first = str(pattern.pattern).split("/")[0]
    return [first] if first in KINDS else ["episodes"]


KINDS = {
    "episodes", "encounters", "tasks", "documents", "people", "couples", "sessions", "claims",
    "statements", "reports",
}  # fmt: skip


@pytest.mark.parametrize("part", range(4))
def test_a_key_of_it_is_a_key_of_nothing(
    part: int, opened: Callable[[], Hidden], client_as: Callable[..., Client]
) -> None:
    """Every address that takes a key, GET and POST: the same answer as to a key nobody has."""
    hidden = opened()
    rows = Episode.objects.count(), AuditEvent.objects.count()
    told = []
    for duty in OUTSIDE[part::4]:
        client = client_as(duty)
        for pattern in patterns():
            if "key" not in pattern.pattern.converters or not may(duty, pattern):
                continue
            for method in ("get", "post"):
                nobody = uuid4()
                wanted = clean(getattr(client, method)(asked(pattern, nobody)), nobody)
                for kind in kinds_of(pattern):
                    for key in hidden.keys[kind][:2]:
                        answer = clean(getattr(client, method)(asked(pattern, key)), key)
                        if answer != wanted:
                            told.append((duty, pattern.name, method, kind, answer[:2]))
    assert told == []
    assert rows[0] == Episode.objects.count()


# --- the acts -------------------------------------------------------------------------------------


@pytest.mark.requirement("H02")
def test_the_audit_log_tells_nothing_of_it_and_the_chain_stays_whole(
    known: Episode, opened: Callable[[], Hidden], actor: Any, client_as: Callable[..., Client]
) -> None:
    readers = [actor(d) for d in OUTSIDE if "see_audit" in DUTIES[d].may]
    assert {r.duty for r in readers} == {"manager", "administrator"}
    before = {r.duty: list(trail.events(r).values_list("seq", flat=True)) for r in readers}
    hidden = opened()
    assert {r.duty: list(trail.events(r).values_list("seq", flat=True)) for r in readers} == before
    assert AuditEvent.objects.filter(subject=str(hidden.episode.key)).exists()
    assert audit.verify().ok
    for duty in ("manager", "administrator"):
        page = client_as(duty).get(reverse("audit"), {"subject": str(hidden.episode.key)})
        assert "没有符合筛选的记录" in page.content.decode()
    officer = trail.events(actor("infection_officer"))
    assert officer.filter(subject=str(hidden.episode.key), action="nominate").exists()
    assert not officer.filter(subject=str(known.key)).exists()


def test_an_act_outside_that_moves_something_within_is_not_told(
    known: Episode, opened: Callable[[], Hidden], actor: Any
) -> None:
    """A result of the other programme undoes the assessment in the compartment."""
    hidden = opened()
    heard = Episode.objects.get(programme="heard")
    before = set(AuditEvent.objects.values_list("seq", flat=True))
    doctor = actor("maternity_doctor")
    encounters.record(
        heard, "heard_test", "wife", {"heard_test": "negative"}, timezone.localdate(), doctor
    )
    hidden.episode.refresh_from_db()
    made = AuditEvent.objects.exclude(seq__in=before)
    assert set(made.values_list("action", flat=True)) <= {"sign", "supersede", "nominate"}
    told = trail.events(actor("manager")).exclude(seq__in=before)
    assert list(told.values_list("action", flat=True)) == ["sign"]


def test_what_begins_it_outside_shows_no_trace_there(
    known: Episode, actor: Any, client_as: Callable[..., Client]
) -> None:
    """A positive first test opens a record in the compartment; the doctor who signed sees none."""
    heard = Episode.objects.get(programme="heard")
    doctor = client_as("maternity_doctor")
    draft = encounters.open_draft(heard, "heard_test", "wife", actor("maternity_doctor"))
    before = set(AuditEvent.objects.values_list("seq", flat=True))
    changes = {"changes": {"heard_test": {"base": None, "value": "positive"}}}
    doctor.post(reverse("encounter-autosave", args=[draft.key]), changes, "application/json")
    draft.refresh_from_db()
    signed = doctor.post(
        reverse("encounter-sign", args=[draft.key]), {"version": draft.version}, "application/json"
    )
    assert signed.status_code == 200, signed.content.decode()
    begun = Episode.objects.get(programme="quiet")
    assert (begun.compartment, begun.person) == (COMPARTMENT, heard.person)
    pages = [signed, doctor.get(reverse("home")), doctor.get(f"/api/episodes/{heard.key}")]
    pages += [doctor.get("/api/episodes"), doctor.get("/api/tasks")]
    pages += [doctor.get(reverse("episode", args=[heard.key]))]
    pages += [doctor.get(reverse("encounter", args=[draft.key]))]
    pages += [
        doctor.get(reverse(name, args=[known.couple.wife.key])) for name in ("life", "person")
    ]
    for page in pages:
        text = page.content.decode()
        assert page.status_code == 200
        assert not [w for w in (begun.number, str(begun.key), "静访登", "静访确") if w in text]
    assert doctor.get(reverse("episode", args=[begun.key])).status_code == 404
    told = trail.events(actor("manager")).exclude(seq__in=before).exclude(action="read")
    assert set(told.values_list("action", "kind", "subject")) == {
        ("sign", "encounter", str(draft.key)),
        ("list", "episode", ""),
        ("list", "task", ""),
    }
    assert AuditEvent.objects.filter(subject=str(begun.key)).exists()
    home = client_as("infection_officer").get(reverse("home")).content.decode()
    assert "静访确认" in home


# --- people ---------------------------------------------------------------------------------------


def test_her_number_is_nobodys_until_she_is_registered_outside(
    known: Episode,
    opened: Callable[[], Hidden],
    make_id: Callable[..., str],
    client_as: Callable[..., Client],
    actor: Any,
) -> None:
    hidden = opened()
    client = client_as("maternity_doctor")
    address = reverse("check-number")
    hers, nobodys = (make_id("500107", BORN, n) for n in (HIDDEN, UNKNOWN))
    assert clean(client.post(address, {"number": hers})) == clean(
        client.post(address, {"number": nobodys})
    )
    doctor = actor("maternity_doctor")
    made = woman(make_id, HIDDEN, "慕容静", doctor, "")
    assert made == hidden.alone.person
    assert made.name == "慕容静"  # as she gives it now, not as it stands within
    assert made.compartment == ""
    assert doctor.can("see_person", made)
    page = client.get(reverse("person", args=[made.key])).content.decode()
    assert hidden.alone.number not in page
    assert [e for e in AuditEvent.objects.filter(subject=str(made.key), duty="maternity_doctor")
            if e.action == "register"]  # fmt: skip


def test_whom_everybody_knows_stays_known(
    known: Episode, opened: Callable[[], Hidden], actor: Any
) -> None:
    opened()
    wife = Person.objects.get(pk=known.couple.wife.pk)
    assert wife.compartment == ""
    assert actor("village_worker").can("see_person", wife)


def test_a_likeness_to_somebody_within_is_no_doubt_outside(
    opened: Callable[[], Hidden], make_id: Callable[..., str], actor: Any, client_as: Any
) -> None:
    hidden = opened()
    desk = actor("registration")
    town = Region.objects.get(pk=TOWN)
    register_person(
        PersonData(
            name="慕容静秋",
            id_number=make_id("500107", BORN, HIDDEN + 6),
            phone=f"13900000{HIDDEN}",
            residence_region=town,
            residence_text=town.full_name,
        ),
        desk,
    )
    doubt = Doubt.objects.get(other=hidden.alone.person)
    theirs = Doubt.objects.filter(pk=doubt.pk)
    assert not existing(desk, theirs).exists()
    assert client_as("registration").get(reverse("doubt", args=[doubt.key])).status_code == 404
    woman(make_id, HIDDEN, "慕容静秋", desk, "")
    assert existing(desk, theirs).get() == doubt


def test_numbers_outside_go_on_without_a_gap(
    known: Episode, opened: Callable[[], Hidden], make_id: Any, actor: Any
) -> None:
    hidden = opened()
    town, today = Region.objects.get(pk=TOWN), timezone.localdate()
    doctor = actor("maternity_doctor")
    last = Episode.objects.get(programme="heard").number
    made = episodes.nominate(
        doctor, "heard", woman(make_id, 420, "上官新", doctor, ""), {}, today, town
    )
    assert int(made.number[-6:]) == int(last[-6:]) + 1
    assert int(hidden.episode.number[-6:]) > 500_000


@pytest.mark.parametrize("duty", [d for d in OUTSIDE if "nominate" in DUTIES[d].may])
def test_only_its_duties_register_for_it(
    duty: str, known: Episode, actor: Any, client_as: Callable[..., Client]
) -> None:
    from sanyou.registry.access import NotFoundForYou

    page = client_as(duty).get(reverse("nominate"), {"programme": "quiet"})
    assert "静访" not in page.content.decode()
    town = Region.objects.get(pk=TOWN)
    with pytest.raises(NotFoundForYou):
        episodes.nominate(actor(duty), "quiet", known.couple.wife, {}, timezone.localdate(), town)
