"""One form filled for one role: drafts saved as they are typed, signed once, corrected by new rows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from sanyou.care import content, flow, reuse
from sanyou.care.errors import CareError, Conflict, ConsentMissing, FormInvalid, NotAllowedNow
from sanyou.care.facts import facts_of, following, stations
from sanyou.care.models import Consent, Encounter, Episode, Task
from sanyou.care.reuse import Reused
from sanyou.protocol.entry import parse_value
from sanyou.protocol.form import FormResult, stored, validate
from sanyou.protocol.programme import Form, Programme
from sanyou.registry.access import Actor, Forbidden, may_fill
from sanyou.trust import audit

Status = Encounter.Status

# What a floor above does in the same transaction when a record is signed, amended or voided. It may
# refuse by a CareError; then nothing is signed. The episode and the audit head are held.
Hook = Callable[[Encounter, Actor], None]
_on_sign: list[Hook] = []
_on_amend: list[Hook] = []
_on_void: list[Hook] = []


def on_sign(hook: Hook) -> None:
    """Call with (record, actor) when a record is signed for the first time, however it came."""
    if hook not in _on_sign:
        _on_sign.append(hook)


def on_amend(hook: Hook) -> None:
    """Call with (new record, actor) when it replaces a signed one (`record.replaces`)."""
    if hook not in _on_amend:
        _on_amend.append(hook)


def on_void(hook: Hook) -> None:
    """Call with (record, actor) when a signed record is taken back."""
    if hook not in _on_void:
        _on_void.append(hook)


# Locks what the hooks will write, before anything of the act is audited: people, then other
# episodes, then the audit head, in this order everywhere.
_on_hold: list[Callable[[Episode], None]] = []


def on_hold(hook: Callable[[Episode], None]) -> None:
    """Call with the locked episode before a record is signed or amended."""
    if hook not in _on_hold:
        _on_hold.append(hook)


def _hold(episode: Episode) -> None:
    for hook in _on_hold:
        hook(episode)


def seen_on(row: Encounter) -> date:
    """The day as of which a signed record is looked at: a file's own day, else today."""
    return row.occurred_on if row.source else max(timezone.localdate(), row.occurred_on)


@dataclass(frozen=True)
class SaveResult:
    """What a save did. `conflicts`: element -> {yours, theirs, by, at}; nothing is overwritten."""

    version: int
    data: dict[str, Any]
    saved: list[str] = field(default_factory=list)
    conflicts: dict[str, dict[str, Any]] = field(default_factory=dict)
    errors: dict[str, Any] = field(default_factory=dict)
    flags: dict[str, str] = field(default_factory=dict)


def _form(programme: Programme, form_id: str, role: str) -> Form:
    form = programme.forms.get(form_id)
    if form is None or role not in form.roles:
        raise CareError(_("这个项目没有这张表，请刷新页面后重试。"), "no_form")
    return form


def _may(actor: Actor, form: Form, episode: Episode) -> None:
    actor.require("fill", episode)
    if not may_fill(actor, form):
        raise Forbidden(
            _("“%(duty)s”不填写“%(form)s”，请由负责的岗位填写。")
            % {"duty": actor.role.label, "form": form.label.zh}
        )


def check_consent(episode: Episode, programme: Programme, form_id: str, role: str) -> None:
    """ConsentMissing where the form belongs to the examination and consent does not stand.

    After a withdrawal nothing more is asked of the couple, follow-up included.
    """
    standing: dict[str, str] = {
        row.role: row.kind for row in episode.consents.defer("signature").order_by("pk")
    }
    concerned = [role] if role in programme.roles else list(programme.roles)
    labels = {r: programme.role_label[r].zh for r in programme.roles}
    if any(standing.get(r) == Consent.Kind.WITHDRAW for r in concerned):
        raise NotAllowedNow(_("已撤回知情同意，不再检查和随访；已有记录依法保存。"), "withdrawn")
    after = following(programme, "consent")
    if any(s.form == form_id and s.id in after for s in programme.steps):
        for r in concerned:
            if standing.get(r) != Consent.Kind.GRANT:
                raise ConsentMissing(labels[r])


@transaction.atomic
def open_draft(
    episode: Episode, form: str, role: str, actor: Actor, task: Task | None = None
) -> Encounter:
    """The draft of a form for a role; the same draft for everybody who opens it."""
    programme = content.programme_of(episode)
    found = _form(programme, form, role)
    _may(actor, found, episode)
    row = flow.lock(episode)
    if row.status not in (Episode.Status.OPEN, Episode.Status.RETURNED):
        raise NotAllowedNow(_("档案当前为“%s”，不能再填写。") % row.get_status_display())
    check_consent(row, programme, form, role)
    drafts = row.encounters.filter(form=form, role=role, status=Status.DRAFT)
    draft = drafts.filter(task=task).first() if task else drafts.first()
    if draft is None:
        draft = Encounter.objects.create(
            episode=row,
            form=form,
            form_version=found.version,
            role=role,
            data=_defaults(found, role),
            occurred_on=timezone.localdate(),
            organisation=actor.organisation,
            author=actor.staff,
            task=task,
        )
        audit.record(actor, "open-draft", "encounter", draft.key, form=form)
    return draft


def _defaults(form: Form, role: str) -> dict[str, Any]:
    return {f.element: f.default for f in form.fields_for(role) if f.default is not None}


def taken_over(
    episode: Episode, form: Form, role: str, on: date | None = None
) -> dict[str, Reused]:
    """element -> the valid signed result of another programme that this form need not ask again."""
    if form.id not in stations(content.programme_of(episode)):
        return {}
    own = {f.element for f in form.fields_for(role)}
    found = reuse.of(episode, on or timezone.localdate())
    return {name: r for (r_role, name), r in found.items() if r_role == role and name in own}


def _locked(key: UUID) -> tuple[Encounter, Episode]:
    """The encounter and its episode, both held: in the order in which every service takes them."""
    row = Encounter.objects.select_related("episode").get(key=key)
    episode = flow.lock(row.episode)
    held = (
        Encounter.objects.select_for_update(of=("self",))
        .select_related("task", "signed_by")
        .get(pk=row.pk)
    )
    held.episode = episode
    return held, episode


@transaction.atomic
def autosave(key: UUID, changes: Mapping[str, Mapping[str, Any]], actor: Actor) -> SaveResult:
    """Write the fields that nobody else changed since the sender read them.

    `changes`: element -> {"base": what the sender last saw, "value": what she typed}. A field whose
    stored value is no longer her base is a conflict and stays as it is. An unreadable value is an
    error and stays as it is; the page keeps what was typed.
    """
    row, episode = _locked(key)
    programme = content.programme_of(episode)
    form = _form(programme, row.form, row.role)
    _may(actor, form, episode)
    if row.status != Status.DRAFT:
        raise Conflict(_("本记录已签名，不能再直接修改；如有差错请用“更正”。"), "closed")
    elements = content.library().dictionary.elements
    own = {f.element for f in form.fields_for(row.role)}
    data, touched = dict(row.data), dict(row.touched)
    over = taken_over(episode, form, row.role)
    saved: list[str] = []
    conflicts: dict[str, dict[str, Any]] = {}
    errors: dict[str, Any] = {}
    for name, change in changes.items():
        if name not in own:
            continue
        parsed = parse_value(elements[name], change.get("value"))
        if parsed.error:
            errors[name] = parsed.error
            continue
        new, current = stored(parsed.value), data.get(name)
        taken = over[name].value if current is None and name in over else None
        if new == current:
            saved.append(name)
        elif taken is not None and _same(elements[name], change.get("value"), taken):
            saved.append(name)  # left as it was taken over
        elif _same(elements[name], change.get("base"), current) or (
            taken is not None and _same(elements[name], change.get("base"), taken)
        ):
            if new is None:
                data.pop(name, None)
            else:
                data[name] = new
            touched[name] = [actor.display_name, timezone.now().isoformat()]
            saved.append(name)
        else:
            by, at = touched.get(name, ["", row.updated_at.isoformat()])
            conflicts[name] = {"yours": new, "theirs": current, "by": by, "at": _clock(at)}
    if data != row.data:
        row.data, row.touched, row.version = data, touched, row.version + 1
        row.author = actor.staff
        row.save(update_fields=["data", "touched", "version", "author", "updated_at"])
    known = {name: r.value for name, r in over.items()} | data
    flags = _check(episode, programme, form, row.role, known, draft=True).flags
    return SaveResult(row.version, data, saved, conflicts, errors, flags)


def _clock(at: str) -> str:
    return timezone.localtime(datetime.fromisoformat(at)).strftime("%H:%M")


def _same(element: Any, base: Any, current: Any) -> bool:
    return bool(base == current or stored(parse_value(element, base).value) == current)


def _check(
    episode: Episode,
    programme: Programme,
    form: Form,
    role: str,
    data: Mapping[str, Any],
    *,
    draft: bool,
    on: date | None = None,
) -> FormResult:
    """Judge a form; other forms' facts decide about fields shown only under a condition."""
    own = {f"{role}.{f.element}" for f in form.fields_for(role)}
    known: dict[str, Any] = {}
    if any(name.partition("__")[0] not in own for name in _asked(form, role)):
        known = facts_of(episode, on or timezone.localdate())
        known = {n: v for n, v in known.items() if n.partition("__")[0] not in own}
    sex = programme.role_sex.get(role)
    return validate(content.library(), form, role, data, sex, draft=draft, facts=known)


def _asked(form: Form, role: str) -> set[str]:
    """The facts that decide what is shown on a role's form."""
    whole = [e for (r, _section), e in form.show_section.items() if r == role]
    single = [e for (r, _element), e in form.show.items() if r == role]
    return {name for e in [*whole, *single] for name in e.facts}


def _values(result: FormResult) -> dict[str, Any]:
    return {n: stored(v) for n, v in result.values.items() if v is not None}


@transaction.atomic
def sign(key: UUID, actor: Actor, version: int) -> Encounter:
    """Sign the draft as it stands. Signing twice gives the first.

    FormInvalid names what is missing or wrong. Conflict when the draft has changed since `version`.
    """
    row, episode = _locked(key)
    _hold(episode)
    programme = content.programme_of(episode)
    form = _form(programme, row.form, row.role)
    _may(actor, form, episode)
    actor.require("sign", episode)
    if row.status == Status.SIGNED:
        return row
    if row.status != Status.DRAFT:
        raise Conflict(_("本记录已不是草稿，请刷新页面查看现行版本。"), "closed")
    if row.version != version:
        raise Conflict(_("签名前，同事刚刚修改了这份记录。请核对页面上的内容后再签名。"), "changed")
    check_consent(episode, programme, row.form, row.role)
    # What is taken over from another programme answers a required field; it stays where it is.
    over = {name: r.value for name, r in taken_over(episode, form, row.role).items()}
    result = _check(episode, programme, form, row.role, over | row.data, draft=False)
    if not result.ok:
        raise FormInvalid(result.errors)
    row.data = {name: value for name, value in _values(result).items() if name in row.data}
    return _finish(row, episode, programme, actor)


def _finish(row: Encounter, episode: Episode, programme: Programme, actor: Actor) -> Encounter:
    """Seal a row, close the task it answers, and let the course go on."""
    row.status, row.signed_at, row.signed_by = Status.SIGNED, timezone.now(), actor.staff
    row.touched = {}
    if row.task is None:
        row.task = _task_for(row, episode)
    row.save()
    audit.record(actor, "sign", "encounter", row.key, form=row.form, role=row.role)
    for hook in _on_sign if row.replaces_id is None else _on_amend:
        hook(row, actor)
    task = row.task
    if task is not None and task.status == Task.Status.OPEN and task.kind != Task.Kind.STEP:
        flow.close_task(task, actor.staff)
    _after(row, episode, programme, actor)
    return row


def _task_for(row: Encounter, episode: Episode) -> Task | None:
    """The open follow-up that this form answers: the earliest whose window has opened."""
    return (
        episode.tasks.filter(
            kind__in=(Task.Kind.SCHEDULE, Task.Kind.RECHECK, Task.Kind.LOOP),
            status=Task.Status.OPEN,
            form=row.form,
            role=row.role,
            opens__lte=row.occurred_on,
        )
        .order_by("opens", "pk")
        .first()
    )


def _after(row: Encounter, episode: Episode, programme: Programme, actor: Actor) -> None:
    from sanyou.care import assessments

    if episode.status == Episode.Status.RETURNED and row.form == programme.opening_form:
        episode.status, episode.status_reason = Episode.Status.OPEN, ""
    if row.form == programme.opening_form:
        order = row.data.get("child_order")
        episode.child_order = int(order) if order is not None else episode.child_order
        episode.save(update_fields=["status", "status_reason", "child_order"])
    assessments.supersede_if_changed(episode, row, actor)
    for other in reuse.partners(episode):
        assessments.supersede_where_reused(other, row, actor)
    flow.advance(episode, row.occurred_on if row.source else None)


@transaction.atomic
def amend(key: UUID, changes: Mapping[str, Any], reason: str, actor: Actor) -> Encounter:
    """Correct a signed record by a new one; both are kept. `changes`: element -> new value."""
    old, episode = _locked(key)
    _hold(episode)
    programme = content.programme_of(episode)
    form = _form(programme, old.form, old.role)
    _may(actor, form, episode)
    actor.require("amend", episode)
    if not reason.strip():
        raise CareError(_("请填写更正原因。"), "reason_missing")
    if old.status != Status.SIGNED:
        raise Conflict(_("这份记录已被更正或作废，请刷新页面查看现行版本。"), "closed")
    result = _check(episode, programme, form, old.role, {**old.data, **changes}, draft=False)
    wrong = {n: e for n, e in result.errors.items() if n in changes or n in result.visible}
    # A file may have brought an incomplete record; correcting one value must not need the rest.
    wrong = {n: e for n, e in wrong.items() if n in changes or old.data.get(n) is not None}
    if wrong:
        raise FormInvalid(wrong)
    old.status = Status.AMENDED
    old.save(update_fields=["status", "updated_at"])
    made = Encounter(
        episode=episode,
        form=old.form,
        form_version=form.version,
        role=old.role,
        data=_values(result),
        occurred_on=old.occurred_on,
        organisation=actor.organisation,
        author=actor.staff,
        replaces=old,
        reason=reason.strip()[:300],
        task=old.task,
    )
    audit.record(actor, "amend", "encounter", old.key)
    return _finish(made, episode, programme, actor)


@transaction.atomic
def record(
    episode: Episode,
    form: str,
    role: str,
    data: Mapping[str, Any],
    on: date,
    actor: Actor,
    source: str = "",
) -> Encounter:
    """Sign a record in one step, from a file or a device. The same source gives the first.

    Required fields may be missing (a file brings what it has); a wrong value is FormInvalid. A draft
    of the form is completed by it, so that nothing typed is lost.
    """
    row = flow.lock(episode)
    programme = content.programme_of(row)
    _may(actor, _form(programme, form, role), row)
    if source:
        found = (
            row.encounters.filter(source=source, form=form, role=role)
            .exclude(status=Status.VOID)
            .last()
        )
        if found is not None:
            return found
    if row.status in (Episode.Status.CANCELLED, Episode.Status.INELIGIBLE):
        raise NotAllowedNow(_("档案当前为“%s”，不能记录检查。") % row.get_status_display())
    check_consent(row, programme, form, role)
    return put(row, form, role, data, on, actor, source=source)


def missing(
    episode: Episode, form_id: str, role: str, data: Mapping[str, Any]
) -> Mapping[str, Any]:
    """What keeps data from being a whole form: element -> what is wrong or lacking."""
    programme = content.programme_of(episode)
    form = _form(programme, form_id, role)
    return _check(episode, programme, form, role, data, draft=False).errors


def put(
    episode: Episode,
    form_id: str,
    role: str,
    data: Mapping[str, Any],
    on: date,
    actor: Actor,
    source: str = "",
) -> Encounter:
    """Sign data as a record, without asking for required fields. Inside a transaction."""
    _hold(episode)
    programme = content.programme_of(episode)
    form = _form(programme, form_id, role)
    draft = episode.encounters.filter(form=form_id, role=role, status=Status.DRAFT).first()
    given = {**draft.data, **data} if draft is not None else dict(data)
    result = _check(episode, programme, form, role, given, draft=True, on=on)
    if not result.ok:
        raise FormInvalid(result.errors)
    row = draft or Encounter(
        episode=episode,
        form=form_id,
        form_version=form.version,
        role=role,
        organisation=actor.organisation,
        author=actor.staff,
    )
    row.data, row.occurred_on, row.source = _values(result), on, source
    return _finish(row, episode, programme, actor)


def copy_last(episode: Episode, form: str, role: str) -> dict[str, Any]:
    """What the same person answered on this form before, earlier in this or in another episode."""
    if episode.couple is not None:
        same = Encounter.objects.filter(episode__couple=episode.couple)
    else:
        same = Encounter.objects.filter(episode__person=episode.person)
    last = (
        same.filter(
            form=form, role=role, status=Status.SIGNED, episode__programme=episode.programme
        )
        .order_by("occurred_on", "pk")
        .last()
    )
    return dict(last.data) if last is not None else {}


@transaction.atomic
def void(encounter: Encounter, actor: Actor) -> None:
    """Take a record back, as where the file that brought it is undone; the row is kept."""
    if encounter.status == Status.SIGNED:
        for hook in _on_void:
            hook(encounter, actor)
    encounter.status = Status.VOID
    encounter.save(update_fields=["status", "updated_at"])
