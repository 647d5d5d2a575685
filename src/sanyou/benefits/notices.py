"""Public notices: put up, objected to, ended. What was put up is frozen."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from sanyou.benefits import applications
from sanyou.benefits.models import (
    Decision,
    NoticeEntry,
    Objection,
    ObjectionAnswer,
    PublicNotice,
)
from sanyou.care import content, flow, numbers
from sanyou.care.errors import CareError, NotAllowedNow
from sanyou.care.facts import facts_table
from sanyou.care.models import Episode, Task
from sanyou.finance import claims
from sanyou.protocol.dates import add
from sanyou.registry.access import Actor, visible
from sanyou.registry.models import Region
from sanyou.registry.regions import county_code
from sanyou.trust import audit

LEAST = timedelta(days=7)  # where the step does not say how long a notice stands


@dataclass(frozen=True)
class Ready:
    """An application that may be put up: what it is worth, or why it cannot be."""

    episode: Episode
    amount: int | None  # fen
    working: str
    clause: str
    problem: str = ""


def ready(actor: Actor, on: date) -> list[Ready]:
    """Applications waiting to be announced, by programme and document."""
    actor.require("see_benefits")
    waiting = Task.objects.filter(
        kind=Task.Kind.STEP, status=Task.Status.OPEN, name__in=_steps("publish")
    )
    rows = list(
        visible(actor, Episode.objects.filter(pk__in=waiting.values("episode")))
        .filter(status=Episode.Status.OPEN, programme__in=[p.id for p in applications.programmes()])
        .exclude(notice_entries__standing=True)
        .select_related("person", "region")
        .order_by("programme", "policy", "opened_on", "pk")
    )
    found = []
    for row, facts in zip(rows, facts_table(rows, on), strict=True):
        worth = applications.worth(row, on, facts)
        try:
            applications.due(row, worth)
            problem = ""
        except CareError as error:
            problem = error.message_zh
        found.append(Ready(row, worth.fen, worth.working.zh, worth.clause, problem))
    return found


def _steps(kind: str) -> list[str]:
    return [s.id for p in applications.programmes() for s in p.steps if s.kind == kind]


@transaction.atomic
def make(
    actor: Actor,
    programme_id: str,
    policy_id: str,
    episodes: Iterable[Episode],
    starts_on: date,
    on: date | None = None,
) -> PublicNotice:
    """Put up a list from `starts_on`. The same applications again give the notice they stand on."""
    actor.require("publish_notice")
    chosen = {e.pk: e for e in episodes}
    if not chosen:
        raise CareError(_("没有选中申请。请先勾选要公示的申请。"), "none_chosen")
    rows = [flow.lock(chosen[pk]) for pk in sorted(chosen)]
    for row in rows:
        actor.require("publish_notice", row)
    if (first := _already(rows)) is not None:
        return first
    counties = {county_code(row.region.code) for row in rows}
    same = {(row.programme, row.policy) for row in rows} == {(programme_id, policy_id)}
    if not same or len(counties) != 1:
        raise CareError(
            _("一张公示表只能列同一区县、同一项目、同一文件的申请，请分开公示。"), "mixed"
        )
    today = on or timezone.localdate()
    if starts_on < today:
        raise CareError(_("公示开始日期早于今天，请改为今天或以后的日期。"), "too_early")
    programme = content.library().programmes[programme_id]
    step = applications.step_of(programme, "publish")
    if step is None:
        raise CareError(_("这个项目没有公示步骤。"), "no_step")
    ends = add(starts_on, step.within) if step.within else starts_on + LEAST
    county = counties.pop()
    notice = PublicNotice.objects.create(
        number=f"GS-{county}-{starts_on.year}-{numbers.take(f'notice:{county}:{starts_on.year}'):03d}",
        programme=programme_id,
        policy=policy_id,
        region=Region.objects.get(pk=county),
        starts_on=starts_on,
        ends_on=ends - timedelta(days=1),  # seven days: the first and six more
        made_by=actor.staff,
    )
    for line, row in enumerate(rows, 1):
        if not row.tasks.filter(
            kind=Task.Kind.STEP, name=step.id, status=Task.Status.OPEN
        ).exists():
            raise NotAllowedNow(_("档案 %s 还没有办到公示这一步，请刷新页面。") % row.number)
        fen, worth = applications.payable(row, starts_on)
        NoticeEntry.objects.create(
            notice=notice,
            episode=row,
            line=line,
            name=applications.masked(applications.applicant(row)),
            town=row.region.name,
            amount=fen,
            working=worth.working.zh[:500],
            clause=worth.clause,
        )
    audit.record(actor, "publish", "notice", notice.key, rows=len(rows))
    return notice


def _already(rows: list[Episode]) -> PublicNotice | None:
    """The notice on which every one of them stands; CareError where only some stand on one."""
    entries = list(
        NoticeEntry.objects.filter(episode__in=rows, standing=True).select_related(
            "notice", "episode"
        )
    )
    if not entries:
        return None
    found = {e.notice_id: e.notice for e in entries}
    if len(entries) == len(rows) and len(found) == 1:
        return found.popitem()[1]  # a second click
    number = entries[0].episode.number
    raise CareError(
        _("档案 %s 已在公示中，不能重复公示。请刷新页面后重新勾选。") % number, "already"
    )


def notices(actor: Actor) -> QuerySet[PublicNotice]:
    """Those of her region, the newest first."""
    actor.require("see_benefits")
    rows = PublicNotice.objects.select_related("region", "made_by")
    return visible(actor, rows).order_by("-starts_on", "-pk")


def _held(notice: PublicNotice) -> PublicNotice:
    return PublicNotice.objects.select_for_update(of=("self",)).get(pk=notice.pk)


@transaction.atomic
def close(notice: PublicNotice, actor: Actor, on: date) -> PublicNotice:
    """Note that the time is up: what nobody objected to with success goes on to the approval."""
    actor.require("publish_notice", notice)
    row = _held(notice)
    if row.closed_on is not None:
        return row  # a second click
    if on <= row.ends_on:
        raise NotAllowedNow(
            _("公示到 %s 为止，期满后才能结束。") % row.ends_on.isoformat(), "standing"
        )
    unanswered = Objection.objects.filter(entry__notice=row, answer=None).count()
    if unanswered:
        raise NotAllowedNow(
            _("还有 %d 条异议没有答复，请先答复再结束公示。") % unanswered, "unanswered"
        )
    for entry in row.entries.filter(standing=True).order_by("episode"):
        episode = flow.lock(entry.episode)
        if episode.status == Episode.Status.OPEN:
            flow.close_step(episode, "publish", actor.staff)
            _reached(episode, "publish")
            flow.advance(episode, on)
    row.closed_on, row.closed_by = on, actor.staff
    row.save(update_fields=["closed_on", "closed_by"])
    audit.record(actor, "close", "notice", row.key)
    return row


def _reached(episode: Episode, kind: str) -> None:
    step = applications.step_of(content.programme_of(episode), kind)
    if step is not None:
        episode.stage = step.id
        episode.save(update_fields=["stage"])


# --- objections ----------------------------------------------------------------------------------


@transaction.atomic
def object_to(entry: NoticeEntry, actor: Actor, text: str, objector: str, on: date) -> Objection:
    """Write down an objection. The same words on the same day are the same objection."""
    actor.require("publish_notice", entry.notice)
    if not text.strip():
        raise CareError(_("请写明异议内容和理由。"), "no_text")
    notice = _held(entry.notice)
    if notice.closed_on is not None or on < notice.starts_on:
        raise NotAllowedNow(_("这次公示已经结束，不能再登记异议；申请人可以申诉。"), "closed")
    for known in entry.objections.filter(received_on=on):
        if known.text == text.strip() and known.objector == objector.strip():
            return known
    if not NoticeEntry.objects.get(pk=entry.pk).standing:
        raise NotAllowedNow(_("这份申请已经退回，不再公示。"), "withdrawn")
    made = Objection.objects.create(
        entry=entry,
        received_on=on,
        objector=objector.strip(),
        text=text.strip(),
        recorded_by=actor.staff,
    )
    audit.record(actor, "object", "episode", entry.episode.key)
    return made


@transaction.atomic
def answer(
    objection: Objection, actor: Actor, upheld: bool, text: str, on: date
) -> ObjectionAnswer:
    """Somebody who had no hand in the application answers. Upheld: it goes back with the reason."""
    episode = flow.lock(objection.entry.episode)
    actor.require("decide_appeal", episode)
    given = ObjectionAnswer.objects.filter(objection=objection).first()
    if given is not None:
        return given  # a second click
    if not text.strip():
        raise CareError(_("请写明查实的情况和答复。"), "no_text")
    applications.other_hands(episode, actor, _("答复异议"))
    made = ObjectionAnswer.objects.create(
        objection=objection, upheld=upheld, text=text.strip()[:500], on=on, by=actor.staff
    )
    if upheld:
        _back(episode, actor, _("公示异议成立：%s") % text.strip(), on)
    audit.record(actor, "answer-objection", "episode", episode.key, upheld=upheld)
    return made


@transaction.atomic
def take_back(episode: Episode, actor: Actor, reason: str, on: date) -> Episode:
    """Send a confirmed application back before it is decided: its line on the notice falls.

    The way to put right what turned out wrong after the confirmation.
    """
    if not actor.can("approve_benefit", episode):
        actor.require("publish_notice", episode)
    row = flow.lock(episode)
    if row.status == Episode.Status.RETURNED:
        return row  # a second click
    if row.status != Episode.Status.OPEN or applications.standing(row) is not None:
        raise NotAllowedNow(_("这份申请已有决定，不能退回；申请人不服可以申诉。"), "decided")
    if not reason.strip():
        raise CareError(_("请写明退回原因，登记人员才知道要补什么。"), "reason_missing")
    _back(row, actor, reason.strip(), on)
    audit.record(actor, "send-back", "episode", row.key)
    return row


def _back(episode: Episode, actor: Actor, reason: str, on: date) -> None:
    """To whoever registered it, as the township or the centre would send it back."""
    reopen(episode, actor, reason, on, "review", "confirm", "publish", "approve")
    episode.status, episode.status_reason = Episode.Status.RETURNED, reason[:300]
    episode.save(update_fields=["status", "status_reason"])
    flow.advance(episode, on)


def reopen(episode: Episode, actor: Actor, reason: str, on: date, *kinds: str) -> None:
    """Take up again: what was announced and decided no longer stands, and is kept."""
    Decision.objects.create(
        episode=episode,
        kind=Decision.Kind.REOPENED,
        reason=reason[:500],
        on=on,
        by=actor.staff,
    )
    episode.notice_entries.filter(standing=True).update(standing=False)
    step = applications.step_of(content.programme_of(episode), "document")
    if step is not None:
        told = episode.documents.filter(kind=step.document, void_reason="")
        told.update(void_reason=_("重新办理：%s") % reason[:250])
    flow.reopen_steps(episode, *kinds)
    if hasattr(episode, "claim"):
        claims.claim(episode, on)
