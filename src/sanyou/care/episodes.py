"""From nomination to confirmation: who is let in, by which clause, and who was sent back."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from sanyou.care import content, encounters, flow, numbers, pregnancies
from sanyou.care.errors import CareError, NotAllowedNow
from sanyou.care.facts import facts_of
from sanyou.care.models import EligibilityDecision, Encounter, Episode, Task, Transfer
from sanyou.protocol.eligibility import decide
from sanyou.protocol.entitlement import decide_entitlement
from sanyou.protocol.expression import json_value
from sanyou.protocol.policy import Policy
from sanyou.protocol.programme import Programme
from sanyou.protocol.scope import COUPLE
from sanyou.registry import people
from sanyou.registry.access import Actor, NotFoundForYou, may_confirm, works_in
from sanyou.registry.models import Couple, Organisation, Person, Pregnancy, Region
from sanyou.registry.regions import county_code
from sanyou.trust import audit

GOING_ON = (Episode.Status.OPEN, Episode.Status.RETURNED)


@transaction.atomic
def nominate(
    actor: Actor,
    programme_id: str,
    subject: Couple | Person | Organisation,
    observations: Mapping[str, Mapping[str, Any]],
    on: date,
    region: Region,
    source: str = "",
    pregnancy: Pregnancy | None = None,
) -> Episode:
    """Open an episode by signing the programme's opening form. The same again gives the first.

    It belongs to the `pregnancy` given; else, in a programme of pregnancies, to the woman's own.

    CareError where an episode of this child order is going on already, where no policy of the
    region covers the programme, or where an answer cannot be read (FormInvalid).
    """
    actor.require("nominate")
    programme = content.library().programmes[programme_id]
    compartment = programme.spec.compartment or ""
    if not works_in(actor, compartment):
        raise NotFoundForYou
    unit = subject if isinstance(subject, Organisation) else None
    if programme.is_of_organisations != (unit is not None):
        raise CareError(_("这个项目不登记这样的对象，请核对项目。"), "bad_subject")
    couple = subject if isinstance(subject, Couple) else None
    person = subject if isinstance(subject, Person) else None
    _hold(subject, programme)
    if source:
        found = Episode.objects.filter(source=source, compartment=compartment).first()
        if found is not None:
            return found
    order = observations.get(COUPLE, {}).get("child_order")
    order = int(order) if order not in (None, "") else None
    same = Episode.objects.filter(
        programme=programme_id, couple=couple, person=person, unit=unit, status__in=GOING_ON
    ).first()
    if same is not None:
        if same.created_by_id and actor.staff and same.created_by_id == actor.staff.pk:
            return same  # a second click
        raise CareError(_already_open(same, region), "already_open")
    policy = content.current_policy(region.code, programme_id, on)
    if policy is None:
        raise CareError(
            _("%(region)s在 %(on)s 没有有效的政策文件，不能登记。请联系中心核对地区和日期。")
            % {"region": region.name, "on": on.isoformat()},
            "no_policy",
        )
    audit.hold()  # before the number, as wherever an act has been audited already
    county = county_code(region.code)
    number = numbers.take(f"episode:{county}:{on.year}", compartment)
    if not compartment:
        for known in (couple, couple and couple.wife, couple and couple.husband, person):
            if known is not None:
                people.known_outside(known)
    episode = Episode.objects.create(
        number=f"{county}-{on.year}-{number:06d}",
        programme=programme_id,
        programme_version=programme.version,
        policy=policy.id,
        couple=couple,
        person=person,
        unit=unit,
        pregnancy=pregnancy,
        compartment=compartment,
        child_order=order,
        region=region,
        origin=region,
        organisation=actor.organisation,
        opened_on=on,
        source=source,
        created_by=actor.staff,
        stage=programme.steps[0].id,
    )
    if programme.opening_form is not None:
        for role in programme.forms[programme.opening_form].roles:
            encounters.put(
                episode, programme.opening_form, role, observations.get(role, {}), on, actor,
                source=source,
            )  # fmt: skip
    pregnancies.attach(episode, on, actor)
    flow.advance(episode, on)
    audit.record(actor, "nominate", "episode", episode.key)
    return episode


def _already_open(same: Episode, region: Region) -> str:
    """What to do about an episode that is going on: here, or in another district."""
    if county_code(same.region.code) == county_code(region.code):
        return _("已有进行中的档案 %s，不能重复登记。请在该档案中补充或更正。") % same.number
    return _(
        "这对夫妇在%(where)s已有进行中的档案 %(number)s，不能重复登记。请联系该地登记处，"
        "在档案页点“转到其他区县”转来。"
    ) % {"where": same.region.full_name, "number": same.number}


def _hold(subject: Couple | Person | Organisation, programme: Programme) -> None:
    """Two people registering the same couple at once wait for each other."""
    type(subject)._default_manager.select_for_update(no_key=True).get(pk=subject.pk)
    if isinstance(subject, Couple) and programme.starts:
        both = Person.objects.filter(pk__in=(subject.wife_id, subject.husband_id))
        list(both.select_for_update(no_key=True).order_by("pk"))


def _stage(episode: Episode, kind: str) -> None:
    step = next((s for s in content.programme_of(episode).steps if s.kind == kind), None)
    if step is not None:
        episode.stage = step.id


@transaction.atomic
def review(episode: Episode, actor: Actor, on: date | None = None) -> Episode:
    """The township accepts what the village entered."""
    actor.require("review", episode)
    row = flow.lock(episode)
    if row.status != Episode.Status.OPEN:
        raise NotAllowedNow(_("档案当前为“%s”，不能审核。请刷新页面。") % row.get_status_display())
    if not flow.is_closed(row, "review"):
        flow.close_step(row, "review", actor.staff)
        _stage(row, "review")
        row.save(update_fields=["stage"])
        flow.advance(row, on or row.opened_on)
        audit.record(actor, "review", "episode", row.key)
    return row


@transaction.atomic
def send_back(episode: Episode, actor: Actor, reason: str) -> Episode:
    """Return to whoever registered it, with the reason she will see."""
    if not (actor.can("review", episode) or actor.can("confirm", episode)):
        actor.require("review", episode)
    if not reason.strip():
        raise CareError(_("请写明退回原因，登记人员才知道要补什么。"), "reason_missing")
    row = flow.lock(episode)
    if row.status == Episode.Status.RETURNED:
        return row
    if row.status != Episode.Status.OPEN or row.consents.exists():
        raise NotAllowedNow(_("这份档案已进入检查或已结束，不能退回。"))
    subsidy = any(s.kind == "approve" for s in content.programme_of(row).steps)
    if subsidy and flow.is_closed(row, "confirm"):
        raise NotAllowedNow(_("这份申请已确认资格，请在补助办理页退回，公示同时作废。"))
    row.status, row.status_reason = Episode.Status.RETURNED, reason.strip()[:300]
    row.save(update_fields=["status", "status_reason"])
    flow.reopen_steps(row, "review", "confirm")
    flow.advance(row)
    audit.record(actor, "send-back", "episode", row.key)
    return row


@transaction.atomic
def resubmit(episode: Episode, actor: Actor) -> Episode:
    """Send a returned episode up again, after it was put right."""
    actor.require("nominate", episode)
    row = flow.lock(episode)
    if row.status == Episode.Status.RETURNED:
        row.status, row.status_reason = Episode.Status.OPEN, ""
        row.save(update_fields=["status", "status_reason"])
        flow.advance(row)
        audit.record(actor, "resubmit", "episode", row.key)
    return row


@transaction.atomic
def judge(episode: Episode, on: date, actor: Actor) -> EligibilityDecision:
    """Eligibility and entitlement on a day, kept with the facts and clauses they rest on.

    The same answer on the same facts and day is kept once.
    """
    row = flow.lock(episode)
    policy = content.policy_of(row)
    if policy is None:
        raise CareError(_("找不到这份档案适用的政策文件，请联系系统管理员。"), "no_policy")
    facts = facts_of(row, on)
    decision, grant = decide(policy, facts), decide_entitlement(policy, facts)
    used = {*grant.missing, *grant.facts} | {name for c in decision.criteria for name in c.facts}
    used |= {"couple.child_order", "couple.free_checks_used"} & facts.keys()
    named = f"“{grant.clause}”：" if grant.clause else ""  # a document may leave it unnumbered
    result = decision.as_json() | {
        "grant": grant.as_json(),
        "facts": {name: json_value(facts.get(name)) for name in sorted(used)},
        "line": f"{on.isoformat()}：{decision.clause_line}"
        + (f"{named}{grant.text.zh}" if decision.answer == "yes" else ""),
        **grounds(row, policy, [*(c.clause for c in decision.criteria), grant.clause]),
    }
    last = row.decisions.order_by("-pk").first()
    if last is not None and last.on == on and last.result == result:
        return last
    made = EligibilityDecision.objects.create(
        episode=row,
        on=on,
        policy=policy.id,
        answer=decision.answer,
        grant=grant.grant,
        result=result,
        by=actor.staff,
    )
    audit.record(actor, "judge", "episode", row.key, answer=decision.answer, grant=grant.grant)
    return made


def quoted(policy: Policy, refs: Iterable[str]) -> dict[str, str]:
    """The text of these clauses, each once."""
    return {ref: found.text for ref in refs if ref and (found := policy.clause(ref))}


def grounds(episode: Episode, policy: Policy, refs: Iterable[str]) -> dict[str, Any]:
    """What a decision rests on, word for word: it is read here ever after, not in the file."""
    programme = content.programme_of(episode)
    return {
        "programme": {"id": programme.id, "label": programme.label.zh},
        "document": {"number": policy.document_number, "title": policy.label.zh},
        "clauses": quoted(policy, refs),
        "policy_sha256": policy.sha256,
        "content_version": programme.version,
    }


@transaction.atomic
def confirm(
    episode: Episode, actor: Actor, on: date, own_cost: bool = False
) -> EligibilityDecision:
    """The centre decides: in, not eligible, or not yet known. Own cost only when it is chosen.

    Where the programme's own step says so, whoever registers decides at once.
    """
    deciders = {s.duty for s in content.programme_of(episode).steps if s.kind == "confirm"}
    if not may_confirm(actor, deciders, episode):
        actor.require("confirm", episode)
    row = flow.lock(episode)
    if row.status not in (Episode.Status.OPEN, Episode.Status.INELIGIBLE):
        raise NotAllowedNow(
            _("档案当前为“%s”，不能确认资格。请刷新页面。") % row.get_status_display()
        )
    if flow.is_closed(row, "confirm") and row.status == Episode.Status.OPEN:
        last = row.decisions.order_by("-pk").first()
        if last is not None:
            return last  # a second click
    subsidy = any(s.kind == "approve" for s in content.programme_of(row).steps)
    if subsidy and row.status == Episode.Status.INELIGIBLE:
        raise NotAllowedNow(_("这份申请已决定不予批准。申请人不服的，请登记申诉，由另一人复核。"))
    if not flow.is_closed(row, "review"):
        if actor.duty != "system":
            raise NotAllowedNow(_("镇街还没有审核这对夫妇，请先由镇街审核。"))
        flow.close_step(row, "review", None)
    if left := flow.unfinished_before(row, "confirm"):
        raise NotAllowedNow(_("请先完成“%s”，再确认资格。") % "、".join(left))
    decision = judge(row, on, actor)
    grant = decision.grant
    status, reason = Episode.Status.OPEN, ""
    if decision.answer == "no":
        status, reason = Episode.Status.INELIGIBLE, str(decision.result["clause_line"])
    elif decision.answer == "unknown":
        reason = str(decision.result["clause_line"])
    elif grant != "free" and not (grant == "own_cost" and own_cost and not subsidy):
        reason = str(decision.result["grant"]["text"]["zh"])
        if subsidy and grant == "own_cost":  # a subsidy has no own cost: it is refused
            status = Episode.Status.INELIGIBLE
    else:
        flow.close_step(row, "confirm", actor.staff)
        _stage(row, "confirm")
    row.status, row.status_reason = status, reason[:300]
    row.closed_on = on if status == Episode.Status.INELIGIBLE else None
    row.save(update_fields=["status", "status_reason", "stage", "closed_on"])
    flow.advance(row, on)
    return decision


@transaction.atomic
def close(episode: Episode, actor: Actor, reason: str) -> Episode:
    """End an episode: everything is done, or the couple has moved away."""
    actor.require("confirm", episode)
    row = flow.lock(episode)
    going_on = row.tasks.filter(kind=Task.Kind.LOOP, status=Task.Status.OPEN)
    if row.status == Episode.Status.OPEN and (
        names := list(going_on.values_list("label", flat=True))
    ):
        raise NotAllowedNow(
            _("还有阳性没有闭环（%s），不能结束这份档案。请先办完，或转给新的负责地区。")
            % "、".join(names)
        )
    if row.status == Episode.Status.OPEN:
        row.status, row.status_reason = Episode.Status.CLOSED, reason.strip()[:300]
        row.closed_on = timezone.localdate()
        row.save(update_fields=["status", "status_reason", "closed_on"])
        flow.advance(row)
        audit.record(actor, "close", "episode", row.key)
    return row


@transaction.atomic
def transfer(
    episode: Episode, actor: Actor, to_region: Region, reason: str, on: date | None = None
) -> Episode:
    """Hand responsibility and open tasks to another district. Policy and origin stay.

    The district that hands it on goes on reading it. The same again gives the first.
    """
    row = flow.lock(episode)
    actor.require("see_person", row)
    if row.region_id == to_region.code and row.transfers.exists():
        return row  # a second click
    actor.require("transfer", row)
    if not reason.strip():
        raise CareError(_("请填写转出原因，接收的区县会看到。"), "reason_missing")
    if row.status not in GOING_ON:
        raise NotAllowedNow(_("档案当前为“%s”，不需要转出。") % row.get_status_display())
    if to_region.level not in (Region.Level.COUNTY, Region.Level.TOWNSHIP, Region.Level.VILLAGE):
        raise CareError(_("请写到区县或镇街，例如“某区某镇”。"), "too_broad")
    if county_code(to_region.code) == county_code(row.region.code):
        raise CareError(_("还在同一个区县，不需要转出；镇街之间的变动请更正登记。"), "same_county")
    Transfer.objects.create(
        episode=row,
        from_region=row.region,
        to_region=to_region,
        on=on or timezone.localdate(),
        reason=reason.strip()[:300],
        by=actor.staff,
    )
    row.region = to_region
    row.save(update_fields=["region"])
    row.tasks.filter(status=Task.Status.OPEN).update(region=to_region)
    audit.record(actor, "transfer", "episode", row.key, to=to_region.code)
    return row


def opening_of(episode: Episode) -> Encounter | None:
    """The opening form as it stands."""
    form = content.programme_of(episode).opening_form
    return episode.encounters.filter(form=form or "", status=Encounter.Status.SIGNED).last()
