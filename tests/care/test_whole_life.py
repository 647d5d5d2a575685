"""One couple from nomination to the outcome of the pregnancy, by the services on the real content."""

from datetime import date, timedelta
from typing import Any

import pytest

from sanyou.care import (
    assessments,
    cards,
    consents,
    content,
    documents,
    encounters,
    episodes,
    referrals,
    tasks,
)
from sanyou.care.errors import ConsentMissing
from sanyou.care.facts import facts_of
from sanyou.care.models import Encounter, Episode
from sanyou.registry.models import Region
from sanyou.trust import audit

pytestmark = pytest.mark.django_db

HUAYAN = "500107102"
DAY = date(2021, 3, 1)


@pytest.mark.requirement("A03")
@pytest.mark.requirement("A06")
@pytest.mark.requirement("B02")
@pytest.mark.requirement("B03")
@pytest.mark.requirement("B05")
@pytest.mark.requirement("B06")
@pytest.mark.requirement("B09")
def test_a_couple_from_nomination_to_birth(
    couple: Any, actor: Any, library: Any, fill: Any
) -> None:
    village, town = actor("village_worker"), actor("township_officer")
    centre, doctor = actor("registration"), actor("assessing_doctor")
    worker = actor("followup_worker")
    answers = {"couple": {"child_order": 1, "policy_compliant": True, "planning": True}}
    episode = episodes.nominate(
        village, "preconception", couple, answers, DAY, Region.objects.get(pk=HUAYAN)
    )
    assert _waiting(town) == ["review"]

    # Sent back with a reason, put right, sent up again.
    episodes.send_back(episode, town, "电话打不通")
    assert _waiting(town) == []
    assert _waiting(village) == ["nominate"]
    episodes.resubmit(_fresh(episode), village)
    episodes.review(_fresh(episode), town)
    assert _waiting(centre) == ["confirm"]

    decision = episodes.confirm(_fresh(episode), centre, DAY)
    assert (decision.answer, decision.grant) == ("yes", "free")
    line = decision.result["clause_line"]
    assert "九龙坡府办发〔2020〕136号" in line
    assert "\n" not in line

    with pytest.raises(ConsentMissing):
        encounters.open_draft(_fresh(episode), "laboratory", "wife", actor("laboratory"))
    cards.issue(_fresh(episode), village, DAY)
    for role in ("wife", "husband"):
        consents.grant(_fresh(episode), role, centre, DAY, "paper")
    assert _waiting(actor("history_nurse")) == ["history", "history"]

    _examine(_fresh(episode), actor, fill, wife={"alt": 88}, husband={"smoking": True})
    assert _waiting(doctor) == ["assess"]
    proposal = assessments.propose(_fresh(episode), DAY)
    found = {f"{f['role']}.{f['rule']}" for f in proposal.result["findings"]}
    assert "wife.alt_high" in found
    assessments.confirm(proposal, doctor)
    assert set(_waiting(doctor)) == {"counsel", "notice"}
    referral = referrals.send(_fresh(episode), "wife", "肝病科", "ALT 88 U/L", doctor, DAY)
    referrals.answer(referrals.receive(referral, doctor), "脂肪肝，三月后复查", doctor, DAY)

    notice = documents.issue(_fresh(episode), "notice", doctor, DAY)
    assert "欧阳慧敏" in documents.render(notice)
    windows = episode.tasks.filter(name="early_followup").order_by("opens")
    assert [w.opens for w in windows] == [
        date(2021, 3, 1), date(2021, 6, 1), date(2021, 9, 1), date(2021, 12, 1)
    ]  # fmt: skip

    # Pregnant at the second contact: the outcome is planned, the other contacts fall away.
    _follow(
        episode, worker, fill, date(2021, 3, 20), "early_followup", pregnancy_result="not_pregnant"
    )
    lmp = date(2021, 5, 10)
    _follow(
        episode, worker, fill, date(2021, 6, 20), "early_followup",
        pregnancy_result="pregnant", lmp=lmp.isoformat(),
    )  # fmt: skip
    assert sorted(windows.values_list("status", flat=True)) == [
        "cancelled", "cancelled", "done", "done"
    ]  # fmt: skip
    outcome = episode.tasks.get(name="outcome_followup")
    assert (outcome.opens, outcome.due) == (lmp + timedelta(weeks=40), lmp + timedelta(weeks=46))
    tasks.attempt(outcome, worker, "phone", True, "母子平安")
    _follow(
        episode, worker, fill, date(2022, 2, 20), "outcome_followup",
        outcome_result="ended", outcome="live_birth",
    )  # fmt: skip
    outcome.refresh_from_db()
    assert outcome.status == "done"

    facts = facts_of(_fresh(episode), date(2022, 3, 1))
    assert facts["couple.exam_on"] == DAY
    assert facts["couple.consented"] is True
    assert facts["couple.notice_on"] == DAY
    assert facts["wife.outcome"] == "live_birth"
    # Nothing signed was ever changed or removed, and every step is in the chain.
    assert not Encounter.objects.filter(episode=episode, status=Encounter.Status.VOID).exists()
    assert audit.verify().ok


def _fresh(episode: Episode) -> Episode:
    return Episode.objects.get(pk=episode.pk)


def _waiting(actor: Any) -> list[str]:
    return [t.name for t in tasks.queue(actor) if t.kind == "step"]


def _examine(episode: Episode, actor: Any, fill: Any, **given: dict[str, Any]) -> None:
    programme = content.programme_of(episode)
    for step in programme.steps:
        if step.kind != "form" or not step.form or "consent" not in step.after:
            continue
        form = programme.forms[step.form]
        own = {f.element for f in form.fields_for(step.roles[0])}
        for role in step.roles:
            more = {k: v for k, v in given.get(role, {}).items() if k in own}
            data = fill(step.form, role, **more)
            encounters.record(episode, step.form, role, data, DAY, actor(form.duty[0]))


def _follow(
    episode: Episode, worker: Any, fill: Any, on: date, form: str, **answers: Any
) -> Encounter:
    data = fill(form, "wife", **answers)
    return encounters.record(_fresh(episode), form, "wife", data, on, worker)
