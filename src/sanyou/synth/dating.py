"""Lets the rows of an invented past carry the hours at which they would have been written.

Only here: in real work these times are when somebody acted, whatever day a record is about.
"""

from datetime import date, datetime, time, timedelta

from django.utils import timezone

from sanyou.care import content
from sanyou.care.models import (
    Assessment,
    Consent,
    Document,
    EligibilityDecision,
    Encounter,
    Episode,
    Task,
)


def date_back(episode: Episode) -> None:
    """The moments of one couple's course, each not before the one before."""
    hours = _Hours()
    moment = hours.on(episode.opened_on)
    Episode.objects.filter(pk=episode.pk).update(created_at=moment)
    closed = {"nominate": moment}
    for decision in episode.decisions.order_by("pk"):
        closed["review"] = hours.on(decision.on)
        closed["confirm"] = hours.on(decision.on)
        EligibilityDecision.objects.filter(pk=decision.pk).update(at=closed["confirm"])
    for card in episode.cards.all():
        closed["card"] = hours.on(card.issued_on)
    for consent in episode.consents.order_by("pk"):
        closed["consent"] = hours.on(consent.on)
        Consent.objects.filter(pk=consent.pk).update(at=closed["consent"])
    signed = list(episode.encounters.filter(signed_at__isnull=False).order_by("pk"))
    moments = {}
    for encounter in signed:
        moment = moments[encounter.form, encounter.role] = hours.on(encounter.occurred_on)
        encounter.signed_at = encounter.created_at = encounter.updated_at = moment
    Encounter.objects.bulk_update(signed, ["signed_at", "created_at", "updated_at"])
    by_task = {e.task_id: e.signed_at for e in signed if e.task_id}
    for assessment in episode.assessments.order_by("pk"):
        closed["assess"] = hours.on(assessment.as_of)
        Assessment.objects.filter(pk=assessment.pk).update(created_at=closed["assess"])
        Assessment.objects.filter(pk=assessment.pk, decided_at__isnull=False).update(
            decided_at=closed["assess"]
        )
    for document in episode.documents.order_by("pk"):
        closed["document"] = hours.on(document.issued_on)
        Document.objects.filter(pk=document.pk).update(at=closed["document"])
    kinds = {step.id: step.kind for step in content.programme_of(episode).steps}
    done = list(episode.tasks.filter(status=Task.Status.DONE))
    for task in done:
        if task.kind == Task.Kind.STEP and not task.form:
            at = closed.get(kinds[task.name])
        else:
            at = by_task.get(task.pk) or moments.get((task.form, task.role))
        task.closed_at = at or task.closed_at
    Task.objects.bulk_update(done, ["closed_at"])


class _Hours:
    """Moments of one couple's course: never before the one before, on the day wanted."""

    def __init__(self) -> None:
        self.last: datetime | None = None

    def on(self, day: date) -> datetime:
        moment = datetime.combine(day, time(9, 5), timezone.get_current_timezone())
        if self.last is not None and self.last >= moment:
            moment = self.last + timedelta(minutes=6)
        self.last = min(moment, timezone.now())
        return self.last
