"""Doubts are decided by a person; merges are taken back."""

from datetime import date

import pytest
from django.urls import reverse

from sanyou.care.models import Episode
from sanyou.registry import matching, people
from sanyou.registry.models import Doubt, Merge, Person, Region
from tests.conftest import HUAYAN, XIPENG, id_number
from tests.desk.test_nominate import send

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("A01")]


@pytest.fixture
def doubt(couple, actor) -> Doubt:
    """The wife once more, her number misread in one place."""
    wife = couple.wife
    region = Region.objects.get(pk=HUAYAN)
    people.register_person(
        people.PersonData(
            name=wife.name, id_number=id_number("500107", wife.birth_date, 62), phone=wife.phone,
            hukou_region=region, residence_region=region,
        ),
        actor("registration"),
    )  # fmt: skip
    return Doubt.objects.get(kind=Doubt.Kind.SAME_PERSON)


def decide(client, doubt: Doubt, decision: str, reason: str = "已核对身份证原件"):
    data = {"decision": decision, "reason": reason}
    return client.post(reverse("doubt", args=[doubt.key]), data)


def test_it_lists_and_compares_them_side_by_side(client_as, doubt) -> None:
    client = client_as("registration")
    assert reverse("doubt", args=[doubt.key]) in client.get(reverse("doubts")).content.decode()

    text = client.get(reverse("doubt", args=[doubt.key])).content.decode()

    assert "第一份" in text
    assert 'class="differs"' in text


def test_they_are_merged_and_the_merge_is_undone(client_as, doubt) -> None:
    client = client_as("registration")
    decide(client, doubt, "merge-first")
    doubt.refresh_from_db()
    assert doubt.status == Doubt.Status.MERGED
    merge = Merge.objects.get()
    assert Person.objects.get(key=merge.loser).merged_into is not None

    client.post(reverse("merge-undo", args=[merge.key]), {"reason": "看错了"})

    assert Person.objects.get(key=merge.loser).merged_into is None
    doubt.refresh_from_db()
    assert doubt.status == Doubt.Status.OPEN


def test_they_are_kept_apart(client_as, doubt) -> None:
    decide(client_as("registration"), doubt, "distinct")

    doubt.refresh_from_db()
    assert doubt.status == Doubt.Status.DISTINCT
    assert not Merge.objects.exists()


@pytest.mark.parametrize(("decision", "reason"), [("distinct", " "), ("nonsense", "核对过")])
def test_a_decision_without_reason_or_sense_changes_nothing(
    client_as, doubt, decision: str, reason: str
) -> None:
    assert decide(client_as("registration"), doubt, decision, reason).status_code == 409

    doubt.refresh_from_db()
    assert doubt.status == Doubt.Status.OPEN


def test_deciding_twice_is_refused(client_as, doubt) -> None:
    client = client_as("registration")
    decide(client, doubt, "distinct")

    assert decide(client, doubt, "merge-first").status_code == 409
    assert not Merge.objects.exists()


def test_an_accepted_second_spouse_is_registered_with_an_episode(client_as, district) -> None:
    village = client_as("village_worker")
    send(village)
    other = id_number("500107", date(1988, 1, 9), 7)
    send(village, **{"husband-id_number": other, "husband-name": "令狐冲"})
    held = Doubt.objects.get(kind=Doubt.Kind.SECOND_SPOUSE)
    client = client_as("registration")
    assert "令狐冲" in client.get(reverse("doubt", args=[held.key])).content.decode()

    decide(client, held, "accept")

    assert Episode.objects.filter(couple__husband__name="令狐冲").count() == 1
    held.refresh_from_db()
    assert held.status == Doubt.Status.ACCEPTED


def test_a_rejected_second_spouse_leaves_everything_as_it_was(client_as, district) -> None:
    village = client_as("village_worker")
    send(village)
    other = id_number("500107", date(1988, 1, 9), 7)
    send(village, **{"husband-id_number": other, "husband-name": "令狐冲"})
    held = Doubt.objects.get(kind=Doubt.Kind.SECOND_SPOUSE)

    decide(client_as("registration"), held, "reject")

    assert not Person.objects.filter(name="令狐冲").exists()
    assert matching.held_of(held)


@pytest.mark.requirement("H01")
def test_another_region_sees_none_of_it(client_as, doubt) -> None:
    client = client_as("registration", XIPENG)

    assert client.get(reverse("doubt", args=[doubt.key])).status_code == 404


def test_the_physician_does_not_decide(client_as, doubt) -> None:
    assert client_as("physician").get(reverse("doubts")).status_code == 403


def test_undoing_rejects_get(client_as, doubt) -> None:
    url = reverse("merge-undo", args=[doubt.key])

    assert client_as("registration").get(url).status_code == 405


def test_the_source_of_a_held_row_is_told_by_file_and_row() -> None:
    import uuid
    from datetime import date

    from sanyou.desk.held import source_in_words
    from sanyou.exchange.models import ImportFile

    file = ImportFile.objects.create(
        kind=ImportFile.Kind.ROSTER, name="roster.xlsx", sheet="花名册", sha256="0" * 64,
        programme="preconception", policy="jiulongpo-2020", on=date(2021, 3, 1),
    )  # fmt: skip
    assert source_in_words(f"import:{file.key}:53") == "导入文件 roster.xlsx · 花名册 第 53 行"
    gone = f"import:{uuid.uuid4()}:53"
    assert source_in_words(gone) == gone
    assert source_in_words("history:9") == "history:9"
