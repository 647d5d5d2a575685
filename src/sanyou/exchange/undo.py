"""Taking an import back, only while nothing was built on it; otherwise saying what is in the way.

Signed records are never deleted: they are voided and kept; nominated episodes are cancelled.
"""

from collections.abc import Iterable

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from sanyou.care import encounters, flow
from sanyou.care.models import (
    Assessment,
    Card,
    Consent,
    Document,
    EligibilityDecision,
    Encounter,
    Episode,
    FreeCheck,
)
from sanyou.exchange.models import ImportFile, ImportRow
from sanyou.registry.access import Actor
from sanyou.registry.models import Doubt
from sanyou.trust import audit

Status, Outcome = ImportFile.Status, ImportRow.Outcome
REASON = "撤销导入"


class UndoBlocked(Exception):
    """Something was built on what the file brought. `message_zh` lists it."""

    code = "undo_blocked"

    def __init__(self, blockers: list[str]) -> None:
        self.blockers = blockers
        shown = "；".join(blockers[:5])
        more = _("；等共 %d 处") % len(blockers) if len(blockers) > 5 else ""
        self.message_zh = _("不能撤销：已有后续工作。请先处理：%(what)s%(more)s") % {
            "what": shown,
            "more": more,
        }
        super().__init__(self.message_zh)


def blockers(file: ImportFile) -> list[str]:
    """What stands on this import, in words; empty when it may be undone."""
    found: dict[str, None] = {}
    own = _created(file)
    for row in file.items.exclude(created=[]):
        for label, pk in row.created:
            for text in _in_the_way(label, pk, own):
                found[_("第 %(n)d 行：%(what)s") % {"n": row.number, "what": text}] = None
    return list(found)


def _created(file: ImportFile) -> set[tuple[str, int]]:
    return {
        (label, pk)
        for created in file.items.exclude(created=[]).values_list("created", flat=True)
        for label, pk in created
    }


def _in_the_way(label: str, pk: int, own: set[tuple[str, int]]) -> Iterable[str]:
    if label == "care.Episode":
        episode = Episode.objects.get(pk=pk)
        if Consent.objects.filter(episode=episode).exists():
            yield _("已办理知情同意（档案 %s）") % episode.number
        elif Card.objects.filter(episode=episode).exclude(status=Card.Status.VOID).exists():
            yield _("已发放服务卡（档案 %s）") % episode.number
        elif EligibilityDecision.objects.filter(episode=episode).exists():
            yield _("已确认资格（档案 %s）") % episode.number
    elif label == "care.FreeCheck":
        check = FreeCheck.objects.get(pk=pk)
        used = EligibilityDecision.objects.filter(
            episode__couple__wife__id_index=check.wife_index,
            episode__couple__husband__id_index=check.husband_index,
            episode__child_order=check.child_order,
            grant="own_cost",
        ).first()
        if used is not None:
            yield _("资格审核已采用这次检查（档案 %s）") % used.episode.number
    elif label == "care.Encounter":
        encounter = Encounter.objects.select_related("episode").get(pk=pk)
        yield from _on_record(encounter)
    elif label == "care.Consent":
        consent = Consent.objects.select_related("episode").get(pk=pk)
        others = Encounter.objects.filter(
            episode=consent.episode, role=consent.role, status=Encounter.Status.SIGNED
        )
        if any(("care.Encounter", e.pk) not in own for e in others):
            yield _("凭此知情同意已做了其他检查（档案 %s）") % consent.episode.number


def _on_record(encounter: Encounter) -> Iterable[str]:
    episode = encounter.episode
    number = episode.number
    if encounter.status == Encounter.Status.AMENDED:
        yield _("检查记录已被更正（档案 %s）") % number
    decided = [Assessment.Status.CONFIRMED, Assessment.Status.OVERRIDDEN]
    if Assessment.objects.filter(episode=episode, status__in=decided).exists():
        yield _("医生已确认风险评估（档案 %s）") % number
    if Document.objects.filter(episode=episode, kind="notice").exists():
        yield _("已出具告知书（档案 %s）") % number
    if _is_claimed(episode):
        yield _("已列入结算（档案 %s）") % number


def _is_claimed(episode: Episode) -> bool:
    claim = getattr(episode, "claim", None)
    return claim is not None and claim.status in {"stated", "paid"}


@transaction.atomic
def undo(file: ImportFile, actor: Actor) -> int:
    """Take the whole file back; returns the number of rows. Raises UndoBlocked."""
    row = ImportFile.objects.select_for_update().get(pk=file.pk)
    if row.status == Status.UNDONE:
        return 0
    _lock(row)
    standing = blockers(row)
    if standing:
        raise UndoBlocked(standing)
    items = list(row.items.select_for_update().order_by("-rank", "-number"))
    for item in items:
        for label, pk in reversed(item.created):
            _REVERT[label](pk, actor)
    row.items.update(outcome=Outcome.UNDONE)
    row.status, row.content = Status.UNDONE, ""
    row.save(update_fields=["status", "content"])
    audit.record(actor, "import-undo", "file", row.key, rows=len(items))
    return len(items)


def _lock(file: ImportFile) -> None:
    """Hold every episode that the file touched, in one order: nobody builds on it meanwhile."""
    created = _created(file)
    touched = {pk for label, pk in created if label == "care.Episode"}
    for model in (Encounter, Consent):
        pks = [pk for label, pk in created if label == model._meta.label]
        touched |= set(model._base_manager.filter(pk__in=pks).values_list("episode", flat=True))
    list(Episode.objects.select_for_update().filter(pk__in=touched).order_by("pk"))


def _cancel_episode(pk: int, actor: Actor) -> None:
    episode = Episode.objects.get(pk=pk)
    episode.status, episode.status_reason = Episode.Status.CANCELLED, REASON
    episode.closed_on = timezone.localdate()
    episode.save(update_fields=["status", "status_reason", "closed_on"])
    for encounter in Encounter.objects.filter(episode=episode).exclude(
        status__in=(Encounter.Status.VOID, Encounter.Status.AMENDED)
    ):
        encounters.void(encounter, actor)
    Encounter.objects.filter(episode=episode).update(status=Encounter.Status.VOID)
    flow.advance(episode)
    audit.record(actor, "cancel", "episode", episode.key)


def _void_encounter(pk: int, actor: Actor) -> None:
    encounter = Encounter.objects.select_related("episode__region").get(pk=pk)
    encounters.void(encounter, actor)
    Assessment.objects.filter(episode=encounter.episode, status=Assessment.Status.PROPOSED).update(
        status=Assessment.Status.SUPERSEDED, reason=REASON
    )
    flow.advance(encounter.episode)
    audit.record(actor, "void", "encounter", encounter.key)


def _take_back_consent(pk: int, actor: Actor) -> None:
    """The answer was never given: a row that takes it back, and the couple is asked anew."""
    consent = Consent.objects.select_related("episode__region").get(pk=pk)
    episode = consent.episode
    Consent.objects.create(
        episode=episode,
        role=consent.role,
        kind=Consent.Kind.WITHDRAW,
        on=consent.on,
        text_version=consent.text_version,
        method="file",
        reason=REASON,
        by=actor.staff,
    )
    if episode.status == Episode.Status.REFUSED:
        episode.status, episode.status_reason, episode.closed_on = Episode.Status.OPEN, "", None
        episode.save(update_fields=["status", "status_reason", "closed_on"])
    flow.advance(episode)
    audit.record(actor, "consent-undone", "episode", episode.key, role=consent.role)


def _delete_free_check(pk: int, actor: Actor) -> None:
    FreeCheck.objects.filter(pk=pk).delete()


def _reject_doubt(pk: int, actor: Actor) -> None:
    Doubt.objects.filter(pk=pk, status=Doubt.Status.OPEN).update(
        status=Doubt.Status.REJECTED, reason=REASON, decided_at=timezone.now()
    )


_REVERT = {
    "care.Episode": _cancel_episode,
    "care.Encounter": _void_encounter,
    "care.Consent": _take_back_consent,
    "care.FreeCheck": _delete_free_check,
    "registry.Doubt": _reject_doubt,
}
