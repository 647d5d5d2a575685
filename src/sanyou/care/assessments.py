"""Risk assessment of an episode: proposed by the rules, decided by a doctor, redone on new results."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from sanyou.care import content, flow, reuse
from sanyou.care.errors import CareError, Conflict, NotAllowedNow
from sanyou.care.facts import facts_of, observations_of, stations
from sanyou.care.models import Assessment, Encounter, Episode, Task
from sanyou.protocol import assessment as rules
from sanyou.protocol.expression import json_value
from sanyou.protocol.programme import Programme, Rule
from sanyou.protocol.schedule import PlannedTask, recheck_tasks
from sanyou.registry.access import Actor
from sanyou.trust import audit

Status = Assessment.Status
DECIDED = (Status.CONFIRMED, Status.OVERRIDDEN)


def standing(episode: Episode) -> Assessment | None:
    """The assessment that is not superseded."""
    return episode.assessments.exclude(status=Status.SUPERSEDED).first()


@transaction.atomic
def propose(episode: Episode, on: date) -> Assessment:
    """What the rules say on a day. Unchanged findings keep the assessment that stands."""
    row = flow.lock(episode)
    programme = content.programme_of(row)
    facts = facts_of(row, on)
    if not any(facts.get(f"{r}.examined") for r in programme.roles):
        raise NotAllowedNow(_("还没有任何已签名的检查记录，不能评估。请先完成检查。"))
    result = rules.assess(programme, facts)
    current = standing(row)
    if current is not None:
        if _keys(current.result) == _keys(result.as_json()):
            return current
        _supersede(current, _("检查结果有变化"))
    return Assessment.objects.create(
        episode=row,
        as_of=on,
        rules_version=result.rules_version,
        facts=_stored_facts(row, facts, on),
        result=result.as_json(),
        cls=result.cls or "",
        level=result.level,
    )


def _stored_facts(episode: Episode, facts: Mapping[str, Any], on: date) -> dict[str, Any]:
    """The facts that are known; a value with the laboratory's own range keeps it."""
    stored = {name: json_value(value) for name, value in facts.items() if value is not None}
    for role, values in observations_of(episode, on).items():
        for name, value in values.items():
            if isinstance(value, Mapping) and f"{role}.{name}" in stored:
                stored[f"{role}.{name}"] = dict(value)
    return stored


def _keys(result: Mapping[str, Any]) -> tuple[Any, ...]:
    """What makes two assessments the same: findings on the same evidence, and what is missing."""
    found = sorted(
        (f["role"], f["rule"], sorted((k, str(v)) for k, v in f["evidence"].items()))
        for f in result.get("findings", [])
    )
    unknown = sorted((u["role"], u["rule"]) for u in result.get("undetermined", []))
    return found, unknown, result.get("rules_version")


def _supersede(row: Assessment, why: str) -> None:
    row.status = Status.SUPERSEDED
    row.reason = f"{row.reason}；{why}".strip("；")[:500]
    row.save(update_fields=["status", "reason"])


def supersede_if_changed(episode: Episode, encounter: Encounter, actor: Actor) -> None:
    """A new or corrected result of the examination, or of a recheck, may undo an assessment."""
    current = standing(episode)
    if current is None:
        return
    programme = content.programme_of(episode)
    is_recheck = encounter.task is not None and encounter.task.kind == Task.Kind.RECHECK
    counted = {*stations(programme), programme.opening_form, *programme.spec.reassess}
    if not is_recheck and encounter.form not in counted:
        return
    _supersede_if_other(episode, current, actor)


def supersede_where_reused(episode: Episode, encounter: Encounter, actor: Actor) -> None:
    """A new or corrected result of another programme may undo an assessment that reuses it."""
    current = standing(episode)
    takes = {s.from_ for s in content.programme_of(episode).spec.reuse}
    if current is not None and encounter.episode.programme in takes:
        _supersede_if_other(episode, current, actor)


def _supersede_if_other(episode: Episode, current: Assessment, actor: Actor) -> None:
    programme = content.programme_of(episode)
    result = rules.assess(programme, facts_of(episode, timezone.localdate()))
    if _keys(current.result) == _keys(result.as_json()):
        return
    _supersede(current, _("检查结果有变化"))
    audit.record(actor, "supersede", "assessment", current.key)


@transaction.atomic
def confirm(assessment: Assessment, actor: Actor) -> Assessment:
    """The doctor agrees. A second click gives the first; Conflict when results have changed since."""
    row, episode = _to_decide(assessment, actor)
    if row.status in DECIDED:
        return row
    row.status = Status.CONFIRMED
    _decide(row, episode, actor)
    return row


@transaction.atomic
def override(
    assessment: Assessment,
    actor: Actor,
    cls: str,
    removed: Iterable[str],
    added: Iterable[str],
    reason: str,
) -> Assessment:
    """The doctor judges otherwise: findings ("role.rule") taken out or added, or another class.

    `cls` "" takes the worst class of the findings that remain. The proposal itself is kept.
    """
    row, episode = _to_decide(assessment, actor)
    if not reason.strip():
        raise CareError(_("请填写调整原因。"), "reason_missing")
    programme = content.programme_of(episode)
    by_key = {rule.key: rule for rule in programme.rules}
    taken = {f"{f['role']}.{f['rule']}" for f in row.result["findings"]}
    out, more = sorted(set(removed) & taken), sorted(set(added) & by_key.keys() - taken)
    remaining = [by_key[k].cls for k in (taken - set(out)) | set(more) if k in by_key]
    if cls and cls not in {c.id for c in programme.risk_classes} - programme.beside_classes:
        raise CareError(_("请选择风险分类。"), "class_missing")
    row.cls = cls or rules.worst_of(programme, remaining) or ""
    row.level = programme.level_of(row.cls or None, rules.beside_of(programme, remaining))
    row.override = {"cls": cls, "removed": out, "added": more}
    row.reason = reason.strip()[:500]
    row.status = Status.OVERRIDDEN
    _decide(row, episode, actor)
    return row


def _to_decide(assessment: Assessment, actor: Actor) -> tuple[Assessment, Episode]:
    episode = flow.lock(assessment.episode)
    actor.require("assess", episode)
    row = Assessment.objects.select_for_update().get(pk=assessment.pk)
    row.episode = episode
    if row.status == Status.SUPERSEDED:
        raise Conflict(_("检查结果刚刚有变化，评估已重新计算，请核对新的结果。"), "superseded")
    if episode.status != Episode.Status.OPEN:
        raise NotAllowedNow(_("档案当前为“%s”，不能评估。") % episode.get_status_display())
    return row, episode


def _decide(row: Assessment, episode: Episode, actor: Actor) -> None:
    row.decided_at, row.decided_by = timezone.now(), actor.staff
    row.save()
    programme = content.programme_of(episode)
    step = next((s for s in programme.steps if s.kind == "assess"), None)
    if step is not None:
        episode.stage = step.id
        episode.save(update_fields=["stage"])
    _open_rechecks(row, episode, programme)
    flow.advance(episode, row.as_of)
    audit.record(actor, str(row.status), "assessment", row.key)


def _open_rechecks(row: Assessment, episode: Episode, programme: Programme) -> None:
    """Rechecks of the findings that stand after the doctor's changes."""
    result = rules.assess(programme, facts_of(episode, row.as_of))
    removed = set(row.override.get("removed", []))
    by_key = {rule.key: rule for rule in programme.rules}
    windows = [w for w in recheck_tasks(result, row.as_of) if _rule_of(w) not in removed]
    standing_elsewhere = _rechecks_elsewhere(episode)
    flow.open_rechecks(
        episode,
        [
            (w, *_form_and_duty(programme, w, by_key))
            for w in windows
            if not _is_planned(w, by_key.get(_rule_of(w)), standing_elsewhere)
        ],
        row.as_of,
    )


def _rule_of(window: PlannedTask) -> str:
    return f"{window.role}.{window.id.removeprefix('recheck_')}"


def _rechecks_elsewhere(episode: Episode) -> list[tuple[Task, Rule]]:
    """Re-checks open in other programmes of the same people and shared results, with their rules."""
    rows = Task.objects.filter(
        episode__in=reuse.partners(episode), kind=Task.Kind.RECHECK, status=Task.Status.OPEN
    ).select_related("episode")
    found = []
    for task in rows:
        key = f"{task.role}.{task.name.removeprefix('recheck_')}"
        rules_ = content.programme_of(task.episode).rules
        found += [(task, rule) for rule in rules_ if rule.key == key]
    return found


def _is_planned(
    window: PlannedTask, rule: Rule | None, elsewhere: Iterable[tuple[Task, Rule]]
) -> bool:
    """Whether one of these re-checks looks at the same in the same person at the same time."""
    if rule is None:
        return False
    return any(
        other.role == rule.role
        and other.spec.category == rule.spec.category
        and (_reads(rule) <= _reads(other) or _reads(other) <= _reads(rule))
        and task.opens <= window.due
        and (task.due is None or window.opens <= task.due)
        for task, other in elsewhere
    )


def _reads(rule: Rule) -> set[str]:
    """The elements a rule looks at."""
    return {name.partition(".")[2].partition("__")[0] for name in rule.when.facts}


def _form_and_duty(
    programme: Programme, window: PlannedTask, by_key: Mapping[str, Rule]
) -> tuple[str, str]:
    """The form on which a recheck is written down, and who works it.

    A form outside the steps that asks for what the rule reads. Follow-up is done by whoever does
    the programme's follow-ups, else by the assessing duty.
    """
    rule = by_key.get(_rule_of(window))
    reads = _reads(rule) if rule else set()
    in_steps = {s.form for s in programme.steps} | {t.spec.form for t in programme.schedule}
    duties = [t.spec.duty for t in programme.schedule]
    assess_step = next((s for s in programme.steps if s.kind == "assess"), None)
    duty = duties[0] if duties else assess_step.duty if assess_step else ""
    best = ""
    for form in programme.forms.values():
        if form.id in in_steps or window.role not in form.roles or duty not in form.duty:
            continue
        if reads & {f.element for f in form.fields_for(window.role)}:
            return form.id, duty
        best = best or form.id
    return best, duty
