"""The approval of an application by a second person, and the applicant's appeal to a third."""

from datetime import date

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils.translation import gettext as _

from sanyou.benefits import applications, notices
from sanyou.benefits.models import Appeal, AppealDecision, Decision
from sanyou.care import content, flow
from sanyou.care.errors import CareError, NotAllowedNow
from sanyou.care.models import Episode
from sanyou.finance import claims
from sanyou.registry.access import Actor, visible
from sanyou.trust import audit


@transaction.atomic
def approve(episode: Episode, actor: Actor, on: date) -> Decision:
    """Grant what the document grants, after the notice stood; never by who checked or confirmed.

    The claim is put down at once, and is paid on a statement like any other.
    """
    actor.require("approve_benefit", episode)
    row = flow.lock(episode)
    given = applications.standing(row)
    if given is not None and given.kind == Decision.Kind.APPROVED:
        return given  # a second click
    _in_hand(row)
    if not flow.is_closed(row, "publish"):
        raise NotAllowedNow(_("公示还没有结束，不能审批。期满并结束公示后再来。"), "not_published")
    applications.other_hands(row, actor, _("审批"), deciding=False)
    announced = row.notice_entries.filter(standing=True).first()
    fen, worth = applications.payable(row, on)
    if announced is not None and announced.amount != fen:
        raise NotAllowedNow(
            _("公示的金额与现在的计算不一致（公示后资料有更正）。请在本页退回，补正后重新公示。"),
            "changed",
        )
    made = Decision.objects.create(
        episode=row,
        kind=Decision.Kind.APPROVED,
        amount=fen,
        working=worth.working.zh[:500],
        clause=worth.clause,
        on=on,
        by=actor.staff,
    )
    flow.close_step(row, "approve", actor.staff)
    step = applications.step_of(content.programme_of(row), "approve")
    row.stage, row.status_reason = step.id if step else row.stage, ""
    row.save(update_fields=["stage", "status_reason"])
    flow.advance(row, on)
    claims.claim(row, on)
    audit.record(actor, "approve-benefit", "episode", row.key, amount=fen)
    return made


@transaction.atomic
def refuse(episode: Episode, actor: Actor, reason: str, on: date) -> Decision:
    """Turn down with the reason, which the notice of decision prints."""
    actor.require("approve_benefit", episode)
    row = flow.lock(episode)
    given = applications.standing(row)
    if given is not None and given.kind == Decision.Kind.REFUSED:
        return given  # a second click
    _in_hand(row)
    if not flow.is_closed(row, "confirm"):
        raise NotAllowedNow(_("中心还没有确认资格，不能审批。"), "not_confirmed")
    if not reason.strip():
        raise CareError(_("请写明不予批准的理由，告知书上要写。"), "reason_missing")
    applications.other_hands(row, actor, _("审批"), deciding=False)
    made = Decision.objects.create(
        episode=row,
        kind=Decision.Kind.REFUSED,
        clause=applications.worth(row, on).clause,
        reason=reason.strip()[:500],
        on=on,
        by=actor.staff,
    )
    row.notice_entries.filter(standing=True).update(standing=False)
    row.status, row.status_reason = Episode.Status.INELIGIBLE, reason.strip()[:300]
    row.closed_on = on
    row.save(update_fields=["status", "status_reason", "closed_on"])
    flow.advance(row, on)
    audit.record(actor, "refuse-benefit", "episode", row.key)
    return made


def _in_hand(episode: Episode) -> None:
    if not applications.is_benefit(content.programme_of(episode)):
        raise NotAllowedNow(_("这个项目没有审批步骤。"), "no_step")
    if episode.status != Episode.Status.OPEN:
        raise NotAllowedNow(
            _("档案当前为“%s”，不能审批。请刷新页面。") % episode.get_status_display()
        )
    decision = applications.standing(episode)
    if decision is not None:
        raise NotAllowedNow(
            _("这份申请已决定“%s”，不能再改；申请人不服可以申诉。") % decision.get_kind_display()
        )


# --- appeals -------------------------------------------------------------------------------------


def appeals(actor: Actor) -> QuerySet[Appeal]:
    """Those of her region, undecided ones first."""
    actor.require("see_benefits")
    rows = Appeal.objects.select_related("episode__person", "episode__region", "decision__by")
    return visible(actor, rows).order_by(
        F("decision__pk").asc(nulls_first=True), "-filed_on", "-pk"
    )


@transaction.atomic
def appeal(episode: Episode, actor: Actor, text: str, filed_on: date, today: date) -> Appeal:
    """Write down the applicant's appeal, within the days that the programme states."""
    actor.require("see_person", episode)
    if not (actor.can("nominate", episode) or actor.can("decide_appeal", episode)):
        actor.require("nominate", episode)
    row = flow.lock(episode)
    waiting = row.appeals.filter(decision=None).first()
    if waiting is not None:
        return waiting  # one at a time; a second click
    if not text.strip():
        raise CareError(_("请写明申诉的请求和理由。"), "no_text")
    kind, until = applications.against(row), applications.appeal_until(row)
    if not kind or until is None:
        raise NotAllowedNow(_("这份申请还没有可以申诉的决定。"), "nothing_decided")
    if filed_on > today:
        raise CareError(_("申诉日期晚于今天，请核对。"), "future")
    if filed_on > until:
        raise NotAllowedNow(
            _("申诉期到 %s 为止，已经超过。申请人可以依法申请行政复议或者提起诉讼。")
            % until.isoformat(),
            "too_late",
        )
    if _rejected_since(row):
        raise NotAllowedNow(_("对这个决定的申诉已经驳回，是最终处理。"), "final")
    made = Appeal.objects.create(
        episode=row,
        against=kind,
        text=text.strip(),
        filed_on=filed_on,
        deadline=until,
        recorded_by=actor.staff,
    )
    audit.record(actor, "appeal", "episode", row.key, against=kind)
    return made


def _rejected_since(episode: Episode) -> bool:
    """Whether an appeal against what now stands was rejected."""
    last = episode.benefit_decisions.filter(kind=Decision.Kind.REOPENED).order_by("-pk").first()
    rejected = episode.appeals.filter(decision__upheld=False)
    return (rejected.filter(at__gt=last.at) if last is not None else rejected).exists()


@transaction.atomic
def decide_appeal(
    appeal: Appeal, actor: Actor, upheld: bool, reason: str, on: date
) -> AppealDecision:
    """By somebody who had no hand in it. Upheld: confirmed, announced and approved anew."""
    row = flow.lock(appeal.episode)
    actor.require("decide_appeal", row)
    given = AppealDecision.objects.filter(appeal=appeal).first()
    if given is not None:
        return given  # a second click
    if not reason.strip():
        raise CareError(_("请写明复核的理由。"), "reason_missing")
    applications.other_hands(row, actor, _("复核申诉"))
    made = AppealDecision.objects.create(
        appeal=appeal, upheld=upheld, reason=reason.strip()[:500], on=on, by=actor.staff
    )
    if upheld:
        why = _("申诉成立：%s") % reason.strip()
        notices.reopen(row, actor, why, on, "confirm", "publish", "approve")
        row.status, row.status_reason, row.closed_on = Episode.Status.OPEN, why[:300], None
        row.save(update_fields=["status", "status_reason", "closed_on"])
        flow.advance(row, on)
    audit.record(actor, "decide-appeal", "episode", row.key, upheld=upheld)
    return made
