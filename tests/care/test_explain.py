"""Why was this couple eligible in March? The answer of a past day, word for word, for ever."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from sanyou.care import content, episodes
from sanyou.care.explain import explain, find
from sanyou.care.models import FreeCheck
from sanyou.protocol.text import Text
from sanyou.registry.access import NotFoundForYou
from sanyou.trust.models import AuditEvent

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("A05")]

DAY = date(2021, 3, 1)
NUMBER = "九龙坡府办发〔2020〕136号"


@pytest.fixture(autouse=True)
def packaged() -> Iterator[None]:
    yield
    content.set_library(None)


def altered(library: Any) -> Any:
    """The same content with another wording, another number and a stricter rule."""
    old = library.policies["jiulongpo-2020"]
    spec = old.spec.model_copy(
        update={
            "document_number": "改号〔2099〕1号",
            "label": Text("改了名的文件"),
            "clauses": [c.model_copy(update={"text": "改了的条文"}) for c in old.clauses],
            "eligibility": [
                c.model_copy(update={"label": Text("改了"), "refuse": Text("改了")})
                for c in old.eligibility
            ],
        }
    )
    policies = {**library.policies, old.id: replace(old, spec=spec, sha256="0" * 64)}
    return replace(library, policies=policies)


def of(found: list[Any], programme: str = "preconception") -> Any:
    return next(e for e in found if e.programme == programme)


@pytest.mark.requirement("A03")
def test_the_line_names_document_and_clause_and_quotes_it(
    episode_at: Any, actor: Any, library: Any
) -> None:
    episode = episode_at("confirmed")
    told = of(explain(episode.couple, DAY, actor("registration")))
    assert (told.answer, told.grant, told.decided_on) == ("yes", "free", DAY)
    assert NUMBER in told.line
    assert "“三”" in told.line
    assert "\n" not in told.line
    policy = library.policies["jiulongpo-2020"]
    quoted = {c.ref: c.text for c in told.clauses}
    assert quoted["四"] == policy.clause("四").text
    assert told.fingerprint == policy.sha256 != ""


def test_a_changed_policy_file_changes_no_past_answer(
    episode_at: Any, actor: Any, library: Any
) -> None:
    episode, desk = episode_at("confirmed"), actor("registration")
    before = explain(episode.couple, DAY, desk)
    content.set_library(altered(library))
    after = explain(episode.couple, DAY, desk)
    assert of(after) == of(before)
    assert NUMBER in of(after).line


def test_a_decision_from_before_words_were_kept_says_where_the_quotation_is_from(
    episode_at: Any, actor: Any
) -> None:
    episode = episode_at("confirmed")
    row = episode.decisions.get()
    for name in ("clauses", "document", "programme", "policy_sha256", "content_version"):
        del row.result[name]
    row.save()
    told = of(explain(episode.couple, DAY, actor("registration")))
    assert told.quoted_now
    assert told.document_number == NUMBER
    assert {"三", "四"} <= {c.ref for c in told.clauses}


def test_a_day_without_a_decision_is_worked_out_now_and_says_so(
    episode_at: Any, actor: Any
) -> None:
    episode, desk = episode_at("confirmed"), actor("registration")
    told = of(explain(episode.couple, date(2021, 2, 1), desk))
    assert told.worked_out_now
    assert "2021-02-01" in told.line
    assert "现在推算" in told.line
    assert NUMBER in told.line
    assert told.answer == "unknown", "whether they were planning was not known yet"


def test_worked_out_now_follows_the_file_of_today(
    episode_at: Any, actor: Any, library: Any
) -> None:
    episode, desk = episode_at("confirmed"), actor("registration")
    content.set_library(altered(library))
    told = of(explain(episode.couple, date(2021, 2, 1), desk))
    assert "改号〔2099〕1号" in told.line


def test_each_day_has_the_answer_that_stood_then(episode_at: Any, actor: Any) -> None:
    """Free in March; the same couple judged again in May, when a check had been found in a file."""
    episode, desk = episode_at("reviewed"), actor("registration")
    episodes.judge(episode, DAY, desk)
    FreeCheck.objects.create(
        wife_index=episode.couple.wife.id_index,
        husband_index=episode.couple.husband.id_index,
        child_order=1,
        programme="preconception",
        examined_on=date(2020, 2, 1),
        source="history:1",
    )
    may = date(2021, 5, 1)
    episodes.judge(episode, may, desk)
    assert of(explain(episode.couple, DAY, desk)).grant == "free"
    assert of(explain(episode.couple, date(2021, 4, 30), desk)).grant == "free"
    assert of(explain(episode.couple, may, desk)).grant == "own_cost"
    assert of(explain(episode.couple, date(2022, 1, 1), desk)).decided_on == may


def test_a_couple_never_registered_is_answered_from_what_is_known(
    make_couple: Any, actor: Any
) -> None:
    told = of(explain(make_couple(5), DAY, actor("registration")))
    assert told.worked_out_now
    assert told.episode == ""
    assert "couple.planning" not in told.line
    assert NUMBER in told.line


def test_before_any_document_there_is_nothing_to_tell(make_couple: Any, actor: Any) -> None:
    assert explain(make_couple(5), date(2001, 1, 1), actor("registration")) == []


def test_a_couple_is_found_by_record_number_or_key(episode_at: Any) -> None:
    episode = episode_at("nominated")
    assert find(episode.number) == episode.couple == find(f" {episode.couple.key} ")
    assert find("500107-1999-000001") is None


@pytest.mark.requirement("H01")
def test_it_is_audited_and_only_for_who_reaches_them(episode_at: Any, actor: Any) -> None:
    episode = episode_at("confirmed")
    explain(episode.couple, DAY, actor("registration"))
    assert AuditEvent.objects.filter(action="explain", subject=str(episode.couple.key)).exists()
    with pytest.raises(NotFoundForYou):
        explain(episode.couple, DAY, actor("registration", "220174"))
