"""Versions of rules and policies: replayed first, signed by two, in force from a day, past untouched."""

import datetime as dt
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from sanyou.care import assessments, content
from sanyou.care.models import Assessment
from sanyou.figures import replay
from sanyou.protocol.library import PACKAGED
from sanyou.protocol.redraft import redraft
from sanyou.registry.access import Forbidden, NotFoundForYou
from sanyou.releases import content as contents
from sanyou.releases import service
from sanyou.releases.errors import ReleaseError
from sanyou.releases.models import Release

pytestmark = pytest.mark.django_db

RULES = PACKAGED / "programmes" / "preconception" / "rules"
VERSION = "2027.1"
PASSWORD = "correct-horse-9"  # of the cast


def today() -> dt.date:
    return timezone.localdate()


def tomorrow() -> dt.date:
    return today() + dt.timedelta(days=1)


def in_days(number: int) -> dt.date:
    return today() + dt.timedelta(days=number)


def days_later(monkeypatch: Any, number: int) -> None:
    day = in_days(number)
    monkeypatch.setattr(timezone, "localdate", lambda *_args: day)


@pytest.fixture(autouse=True)
def _releases_are_looked_for(settings: Any) -> Iterator[None]:
    settings.RELEASES_CHECK_SECONDS = 0
    contents.forget()
    yield
    contents.forget()


def changed_rules(version: str = VERSION, cls: str = "A") -> dict[str, str]:
    """The laboratory rules with a raised ALT in another class."""
    path = next(p for p in RULES.glob("*.yaml") if "id: alt_high" in p.read_text("utf-8"))
    lines, inside = [], False
    for line in path.read_text("utf-8").splitlines():
        if line.startswith("version:"):
            line = f'version: "{version}"'
        if line.strip().startswith("- id:"):
            inside = line.strip() == "- id: alt_high"
        if inside and line.strip().startswith("for:"):
            line = line[: line.index("for:")] + f"for: {{wife: {cls}, husband: {cls}}}"
        lines.append(line)
    return {path.name: "\n".join(lines) + "\n"}


def new_policy(price: str = "480.00", starts: dt.date | None = None) -> dict[str, str]:
    base = content.packaged().policies["jiulongpo-2020"]
    starts = starts or tomorrow()
    changes = {
        "price/0/amount": price,
        "id": "jiulongpo-new",
        "from": starts.isoformat(),
        "document_number": "九龙坡府办发〔新〕1号",
        "eligibility/compliant/off": True,
    }
    made = redraft(content.packaged(), base, "preconception", changes, today())
    return {"jiulongpo-new.yaml": made.text()}


def checked(files: dict[str, str], on: dt.date | None = None) -> service.Checked:
    return service.check(content.packaged(), files, on or tomorrow(), "preconception")


@pytest.fixture
def proposed(actor: Callable[..., Any], district: Any) -> Callable[..., Release]:
    def make(files: dict[str, str], on: dt.date | None = None, replayed: bool = True) -> Release:
        day = on or tomorrow()
        release = service.propose(actor("manager"), checked(files, day), day, "按新的共识调整")
        return replay.replay(release, actor("manager")) if replayed else release

    return make


@pytest.fixture
def signed(proposed: Any, actor: Callable[..., Any]) -> Callable[..., Release]:
    def make(files: dict[str, str], on: dt.date | None = None) -> Release:
        release = proposed(files, on)
        service.sign(release, actor("manager"), content.packaged())
        return service.sign(release, actor("assessing_doctor"), content.packaged())

    return make


def version_on(day: dt.date) -> str:
    return content.library(day).programmes["preconception"].rules_version


# --- rules --------------------------------------------------------------------------------------


@pytest.mark.requirement("A05")
def test_new_rules_count_from_their_day_and_not_before(signed: Callable[..., Release]) -> None:
    before = version_on(today())

    release = signed(changed_rules(), in_days(3))

    assert release.status == Release.Status.SIGNED
    assert version_on(today()) == before
    assert version_on(in_days(2)) == before
    assert version_on(in_days(3)) == VERSION
    rule = next(
        r for r in content.library(in_days(3)).programmes["preconception"].rules
        if r.key == "wife.alt_high"
    )  # fmt: skip
    assert rule.cls == "A"


@pytest.mark.requirement("A05")
def test_the_replay_says_whose_class_would_change_and_changes_nothing(
    proposed: Callable[..., Release], episode_at: Callable[..., Any]
) -> None:
    raised = episode_at("assessed", 1, {"wife": {"alt": {"value": 55, "high": 40}}})
    other = episode_at("assessed", 2)
    before = list(Assessment.objects.order_by("pk").values())

    release = proposed(changed_rules(cls="X"))

    found = release.replay
    assert (found["cases"], found["changed"]) == (2, 1)
    [row] = found["sample"]
    assert row["episode"] == str(raised.key) != str(other.key)
    assert row["after"] == "X" != row["before"]
    assert found["districts"] == ["500107"]
    assert list(Assessment.objects.order_by("pk").values()) == before


@pytest.mark.requirement("A05")
def test_a_standing_assessment_keeps_its_version_when_new_rules_start(
    signed: Callable[..., Release], episode_at: Callable[..., Any], monkeypatch: Any
) -> None:
    episode = episode_at("assessed", 1, {"wife": {"alt": {"value": 55, "high": 40}}})
    standing = assessments.standing(episode)
    assert standing is not None
    kept = (standing.rules_version, standing.cls, standing.result)
    signed(changed_rules(cls="X"))

    days_later(monkeypatch, 5)
    standing.refresh_from_db()
    assert (standing.rules_version, standing.cls, standing.result) == kept
    newer = episode_at("examined", 2, {"wife": {"alt": {"value": 55, "high": 40}}})
    made = assessments.propose(newer, dt.date(2021, 3, 1))

    assert made.rules_version == VERSION
    assert made.cls == "X"


def test_files_left_as_they_are_take_the_new_version_too(
    proposed: Callable[..., Release],
) -> None:
    release = proposed(changed_rules(), replayed=False)

    rules = [path for path in release.files if "/rules/" in path]
    assert len(rules) == len(list(RULES.glob("*.yaml")))
    assert all(f'version: "{VERSION}"' in release.files[path] for path in rules)


def test_rules_without_a_new_version_number_are_refused() -> None:
    same = content.packaged().programmes["preconception"].rules_version
    with pytest.raises(ReleaseError) as caught:
        checked(changed_rules(version=same))
    assert "version" in caught.value.message_zh


def test_a_mistake_is_told_with_file_and_line() -> None:
    [(name, text)] = changed_rules().items()
    wrong = text.replace("alt__flag", "alt_flag")
    with pytest.raises(ReleaseError) as caught:
        checked({name: wrong})

    mistake = caught.value.mistakes[0]
    assert mistake.path == f"programmes/preconception/rules/{name}"
    assert "alt_flag" in wrong.splitlines()[mistake.line - 1]
    assert caught.value.code == "mistakes"


def test_a_case_that_would_fail_is_told_and_nothing_is_kept() -> None:
    [(name, text)] = changed_rules().items()
    wrong = text.replace("person.alt__flag = 'high'", "person.alt__flag = 'low'")
    assert wrong != text
    with pytest.raises(ReleaseError) as caught:
        checked({name: wrong})

    assert caught.value.code == "cases"
    assert any("/cases/" in m.path for m in caught.value.mistakes)
    assert not Release.objects.exists()


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({}, "请选择"),
        ({"rules.docx": "x"}, "不是 .yaml"),
        ({"x.yaml": "a: 1\n"}, "看不出"),
        ({"x.yaml": "cases:\n- name: x\n"}, "只有案例"),
        ({"x.yaml": "rules: []\n", "y.yaml": "document_number: 1\nregion: 2\n"}, "分开提出"),
        ({"x.yaml": "version: [\nrules: ]\n"}, "处错误"),
        ({"x.yaml": "x" * 2_000_001}, "过大"),
    ],
)
def test_other_files_are_refused_in_words(files: dict[str, str], says: str) -> None:
    with pytest.raises(ReleaseError) as caught:
        checked(files)
    assert says in caught.value.message_zh


# --- policies -----------------------------------------------------------------------------------


@pytest.mark.requirement("A05")
@pytest.mark.requirement("E05")
def test_a_new_document_starts_on_its_day_and_opened_cases_keep_the_old_one(
    signed: Callable[..., Release], episode_at: Callable[..., Any], monkeypatch: Any
) -> None:
    episode = episode_at("confirmed", 1)
    decided = list(episode.decisions.values())
    release = signed(new_policy(starts=in_days(2)), in_days(2))

    assert (release.kind, release.name) == (Release.Kind.POLICY, "jiulongpo-new")
    before = content.current_policy("500107102", "preconception", in_days(1))
    after = content.current_policy("500107102", "preconception", in_days(2))
    assert before is not None
    assert before.id == "jiulongpo-2020"
    assert after is not None
    assert (after.id, after.price[0].amount) == ("jiulongpo-new", "480.00")
    days_later(monkeypatch, 30)
    episode.refresh_from_db()
    assert content.policy_of(episode).id == "jiulongpo-2020"  # type: ignore[union-attr]
    assert list(episode.decisions.values()) == decided


@pytest.mark.requirement("A05")
def test_a_document_corrected_in_place_does_not_reach_cases_opened_before(
    signed: Callable[..., Release], episode_at: Callable[..., Any], monkeypatch: Any
) -> None:
    episode = episode_at("confirmed", 1)
    path = PACKAGED / "policies" / "jiulongpo-2020.yaml"
    files = {path.name: path.read_text("utf-8")}
    for cases in (PACKAGED / "policies" / "cases").glob("jiulongpo*.yaml"):
        files[f"cases/{cases.name}"] = cases.read_text("utf-8")
    signed({name: text.replace('"460.00"', '"465.00"') for name, text in files.items()})

    days_later(monkeypatch, 30)
    old = content.policy_of(episode)
    new = content.current_policy("500107102", "preconception", in_days(30))

    assert old is not None
    assert new is not None
    assert (old.price[0].amount, new.price[0].amount) == ("460.00", "465.00")
    assert old.sha256 != new.sha256


def test_a_policy_is_replayed_with_its_money(
    proposed: Callable[..., Release], episode_at: Callable[..., Any]
) -> None:
    episode_at("examined", 1)
    episode_at("nominated", 2, {"couple": {"policy_compliant": False}})

    release = proposed(new_policy())

    found = release.replay
    assert (found["cases"], found["changed"]) == (2, 1)
    assert found["moves"] == [["no", "free", 1]]
    assert found["fen"] == [46_000, 96_000]


def test_nobody_proposes_a_document_for_another_district(actor: Callable[..., Any]) -> None:
    other = actor("manager", "500110", "qijiang-manager")
    with pytest.raises(NotFoundForYou):
        service.propose(other, checked(new_policy()), tomorrow(), "试")
    assert not Release.objects.exists()


def test_the_page_says_whose_document_it_is(
    client_as: Callable[..., Client], district: Any
) -> None:
    other = client_as("manager", "500110", "qijiang-manager")
    sent = {"files": uploaded(new_policy()), "starts_on": tomorrow().isoformat(), "reason": "试"}

    page = other.post(reverse("version-new"), sent)

    assert page.status_code == 409
    assert "不在您负责的范围内" in page.content.decode()


# --- signatures ---------------------------------------------------------------------------------


@pytest.mark.requirement("A05")
def test_one_person_is_not_two(proposed: Callable[..., Release], actor: Callable[..., Any]) -> None:
    release = proposed(changed_rules())
    service.sign(release, actor("manager"), content.packaged())

    with pytest.raises(ReleaseError) as caught:
        service.sign(release, actor("manager"), content.packaged())

    assert caught.value.code == "same_person"
    release.refresh_from_db()
    assert release.status == Release.Status.REPLAYED
    assert version_on(in_days(9)) != VERSION


def test_it_is_replayed_before_it_is_signed(
    proposed: Callable[..., Release], actor: Callable[..., Any]
) -> None:
    release = proposed(changed_rules(), replayed=False)
    with pytest.raises(ReleaseError) as caught:
        service.sign(release, actor("manager"), content.packaged())
    assert caught.value.code == "not_replayed"


def test_who_may_not_sign_does_not(
    proposed: Callable[..., Release], actor: Callable[..., Any]
) -> None:
    release = proposed(changed_rules())
    with pytest.raises(Forbidden):
        service.sign(release, actor("registration"), content.packaged())


@pytest.mark.parametrize("days", [-1, 0])
def test_it_never_starts_in_the_past_or_on_a_day_already_begun(
    actor: Callable[..., Any], district: Any, days: int
) -> None:
    with pytest.raises(ReleaseError) as caught:
        service.propose(actor("manager"), checked(changed_rules()), in_days(days), "试")
    assert "最早是明天" in caught.value.message_zh


def test_a_day_that_passed_before_the_second_signature_must_be_set_anew(
    proposed: Callable[..., Release], actor: Callable[..., Any], monkeypatch: Any
) -> None:
    release = proposed(changed_rules())
    service.sign(release, actor("manager"), content.packaged())
    days_later(monkeypatch, 1)

    with pytest.raises(ReleaseError) as caught:
        service.sign(release, actor("assessing_doctor"), content.packaged())
    assert caught.value.code == "too_early"


def test_shared_rules_need_a_signature_for_every_district_that_uses_them(
    proposed: Callable[..., Release], actor: Callable[..., Any]
) -> None:
    release = proposed(changed_rules())
    release.replay = release.replay | {"districts": ["500107", "220174"]}
    release.save()
    service.sign(release, actor("manager"), content.packaged())
    two = service.sign(release, actor("assessing_doctor"), content.packaged())

    assert two.status == Release.Status.REPLAYED
    assert service.uncovered(two) == ["220174"]
    three = service.sign(two, actor("manager", "220174", "qikai-manager"), content.packaged())
    assert three.status == Release.Status.SIGNED


def test_the_same_files_are_proposed_once(proposed: Callable[..., Release]) -> None:
    first = proposed(changed_rules(), replayed=False)
    assert proposed(changed_rules(), replayed=False) == first
    assert Release.objects.count() == 1


def test_before_its_day_it_can_be_withdrawn_and_afterwards_not(
    signed: Callable[..., Release], actor: Callable[..., Any], monkeypatch: Any
) -> None:
    release = signed(changed_rules())
    with pytest.raises(ReleaseError):
        service.withdraw(release, actor("manager"), " ")
    service.withdraw(release, actor("manager"), "还要再讨论")
    assert version_on(in_days(9)) != VERSION

    again = signed(changed_rules(version="2027.2"))
    days_later(monkeypatch, 1)
    with pytest.raises(ReleaseError) as caught:
        service.withdraw(again, actor("manager"), "不要了")
    assert caught.value.code == "in_force"
    assert service.is_active(again)


def test_a_later_proposal_keeps_what_an_earlier_release_changed(
    signed: Callable[..., Release],
) -> None:
    signed(changed_rules(cls="X"), in_days(1))
    other = next(p for p in RULES.glob("*.yaml") if "id: alt_high" not in p.read_text("utf-8"))
    text = other.read_text("utf-8")
    first = next(line for line in text.splitlines() if line.startswith("version:"))
    signed({other.name: text.replace(first, 'version: "2027.9"')}, in_days(2))

    programme = content.library(in_days(2)).programmes["preconception"]
    assert programme.rules_version == "2027.9"
    assert next(r for r in programme.rules if r.key == "wife.alt_high").cls == "X"


def test_what_was_replayed_on_other_content_is_not_signed(
    proposed: Callable[..., Release], signed: Callable[..., Release], actor: Callable[..., Any]
) -> None:
    waiting = proposed(changed_rules(version="2027.5", cls="X"), in_days(5))
    signed(changed_rules(), in_days(1))

    with pytest.raises(ReleaseError) as caught:
        service.sign(waiting, actor("manager"), content.packaged())
    assert caught.value.code == "other_base"


def test_nothing_slips_under_a_release_that_is_signed_already(
    proposed: Callable[..., Release], signed: Callable[..., Release], actor: Callable[..., Any]
) -> None:
    signed(changed_rules(), in_days(5))
    earlier = proposed(changed_rules(version="2027.0", cls="X"), in_days(2))

    with pytest.raises(ReleaseError) as caught:
        service.sign(earlier, actor("manager"), content.packaged())
    assert caught.value.code == "later_signed"


def test_the_content_is_looked_up_without_a_query_each_time(
    signed: Callable[..., Release], settings: Any, django_assert_num_queries: Any
) -> None:
    signed(changed_rules())
    settings.RELEASES_CHECK_SECONDS = 60
    content.library(in_days(2))

    with django_assert_num_queries(0):
        for _ in range(100):
            content.library(in_days(2))
            content.library()


@pytest.mark.django_db(transaction=True)
def test_another_process_learns_of_it(
    regions: None, signed: Callable[..., Release], settings: Any, on_postgres: bool
) -> None:
    """A release signed elsewhere: this process reads it from the database when it next looks."""
    settings.RELEASES_CHECK_SECONDS = 0
    version_on(tomorrow())
    release = signed(changed_rules())
    Release.objects.filter(pk=release.pk).update(status=Release.Status.WITHDRAWN)
    assert version_on(tomorrow()) != VERSION

    Release.objects.filter(pk=release.pk).update(status=Release.Status.SIGNED)
    assert version_on(tomorrow()) == VERSION


# --- pages --------------------------------------------------------------------------------------


def uploaded(files: dict[str, str]) -> list[SimpleUploadedFile]:
    return [SimpleUploadedFile(name, text.encode()) for name, text in files.items()]


@pytest.mark.requirement("A05")
def test_from_upload_to_two_signatures_on_the_pages(
    client_as: Callable[..., Client], episode_at: Callable[..., Any]
) -> None:
    episode = episode_at("assessed", 1, {"wife": {"alt": {"value": 55, "high": 40}}})
    manager, doctor = client_as("manager"), client_as("assessing_doctor")
    sent = {"files": uploaded(changed_rules(cls="X")), "programme": "preconception",
            "starts_on": tomorrow().isoformat(), "reason": "转氨酶升高改为暂缓怀孕"}  # fmt: skip

    page = manager.post(reverse("version-new"), sent, follow=True)
    release = Release.objects.get()
    assert page.redirect_chain[-1][0] == reverse("version", args=[release.key])
    manager.post(reverse("version-replay", args=[release.key]))
    wrong = manager.post(reverse("version-sign", args=[release.key]), {"password": "nonsense"})
    assert wrong.status_code == 409
    assert "密码不对" in wrong.content.decode()
    one = manager.post(reverse("version-sign", args=[release.key]), {"password": PASSWORD})
    assert one.status_code == 302
    again = manager.post(reverse("version-sign", args=[release.key]), {"password": PASSWORD})
    assert "另一位负责人" in again.content.decode()
    read = doctor.get(reverse("version", args=[release.key])).content.decode()
    assert "1 对夫妇的类别会改变" in read
    assert episode.number in read
    assert "→ X" in read
    doctor.post(reverse("version-sign", args=[release.key]), {"password": PASSWORD})

    release.refresh_from_db()
    assert release.status == Release.Status.SIGNED
    assert version_on(tomorrow()) == VERSION


def test_the_manager_sees_which_records_but_not_their_findings(
    client_as: Callable[..., Client], proposed: Callable[..., Release], episode_at: Any
) -> None:
    episode = episode_at("assessed", 1, {"wife": {"alt": {"value": 55, "high": 40}}})
    release = proposed(changed_rules(cls="X"))

    page = client_as("manager").get(reverse("version", args=[release.key])).content.decode()

    assert episode.number in page
    assert "→ X" not in page
    assert "您的岗位不能看检查结果" in page


def test_mistakes_are_shown_on_the_page_with_file_and_line(
    client_as: Callable[..., Client], district: Any
) -> None:
    [(name, text)] = changed_rules().items()
    sent = {"files": uploaded({name: text.replace("alt__flag", "alt_flag")}),
            "programme": "preconception", "starts_on": tomorrow().isoformat(), "reason": "x"}  # fmt: skip

    page = client_as("manager").post(reverse("version-new"), sent)

    assert page.status_code == 409
    assert f"rules/{name}:" in page.content.decode()


def test_a_file_in_another_encoding_is_refused_in_words(
    client_as: Callable[..., Client], district: Any
) -> None:
    file = SimpleUploadedFile("x.yaml", "规则".encode("gbk"))
    sent = {"files": [file], "starts_on": tomorrow().isoformat(), "reason": "x"}

    page = client_as("manager").post(reverse("version-new"), sent)

    assert "UTF-8" in page.content.decode()


def test_a_policy_of_another_district_is_not_shown(
    client_as: Callable[..., Client], proposed: Callable[..., Release]
) -> None:
    release = proposed(new_policy(), replayed=False)
    other = client_as("manager", "500110", "qijiang-manager")

    assert other.get(reverse("version", args=[release.key])).status_code == 404
    assert str(release.key) not in other.get(reverse("versions")).content.decode()


def test_the_files_are_written_below_the_home_folder_once(signed: Callable[..., Release]) -> None:
    signed(changed_rules())
    content.library(tomorrow())
    folder = Path(django_settings.HOME) / contents.FOLDER
    first = sorted(p.name for p in folder.iterdir())
    contents._libraries.clear()
    content.library(tomorrow())

    assert sorted(p.name for p in folder.iterdir()) == first
    assert not [name for name in first if name.startswith(".draft")]


def test_a_release_that_no_longer_fits_the_program_is_told_loudly(
    signed: Callable[..., Release],
) -> None:
    """After an upgrade of the packaged content: never silently back to other rules."""
    release = signed(changed_rules())
    path = next(p for p in release.files if "alt_high" in release.files[p])
    files = release.files | {path: release.files[path].replace("alt__flag", "alt_flag")}
    Release.objects.filter(pk=release.pk).update(files=files, sha256=contents.digest(files))

    with pytest.raises(ReleaseError) as caught:
        content.library(tomorrow())
    assert "alt_flag" in caught.value.message_zh
    assert path in caught.value.message_zh
