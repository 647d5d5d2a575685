"""Encounters, assessments, documents."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from ninja import Router, Status

from sanyou.api import reach, shapes
from sanyou.api.auth import actor_of
from sanyou.care import assessments, content, documents, encounters
from sanyou.care.errors import CareError
from sanyou.care.models import Assessment, Document, Encounter
from sanyou.care.reading import may_read_document
from sanyou.registry.access import Actor, Forbidden, NotFoundForYou, may_fill
from sanyou.trust import audit

router = Router(tags=["records"])
SUBJECTS = tuple(f"episode__{path}" for path in reach.SUBJECTS)


def _encounter(actor: Actor, key: UUID) -> Encounter:
    rows = Encounter.objects.select_related(*SUBJECTS, "replaces")
    return reach.find(actor, rows, key)


def _own(actor: Actor, key: UUID) -> Encounter:
    """A record whose form her duty fills."""
    row = _encounter(actor, key)
    if not may_fill(actor, content.programme_of(row.episode).forms[row.form], row):
        raise Forbidden(_("您的职责不填写这张表，请由负责的岗位办理。"))
    return row


@router.get("/episodes/{uuid:key}/encounters", response=list[shapes.EncounterLine])
def encounters_of(request: HttpRequest, key: UUID) -> object:
    """Records of an episode: which forms, for whom, in what state; without their answers."""
    actor = actor_of(request)
    row = reach.episode(actor, key, "see_person")
    audit.record(actor, "list", "encounter", row.key)
    return [reach.encounter_line(e) for e in row.encounters.order_by("occurred_on", "pk")]


@router.post("/episodes/{uuid:key}/encounters", response={201: shapes.EncounterOut})
def open_draft(request: HttpRequest, key: UUID, body: shapes.OpenIn) -> object:
    """The draft of a form for a role; the same draft for everybody who opens it."""
    actor = actor_of(request)
    row = reach.episode(actor, key, "fill")
    task = row.tasks.filter(key=body.task).first() if body.task else None
    if body.task and task is None:
        raise NotFoundForYou
    made = encounters.open_draft(row, body.form, body.role, actor, task)
    return Status(201, reach.encounter_out(actor, made))


@router.get("/encounters/{uuid:key}", response=shapes.EncounterOut)
def read_encounter(request: HttpRequest, key: UUID) -> object:
    """One record, as far as the duty reads its elements."""
    actor = actor_of(request)
    row = _encounter(actor, key)
    if not may_fill(actor, content.programme_of(row.episode).forms[row.form], row):
        actor.require("see_results", row)
    audit.record(actor, "read", "encounter", row.key, form=row.form)
    return reach.encounter_out(actor, row)


@router.patch("/encounters/{uuid:key}", response=shapes.SavedOut)
def autosave(request: HttpRequest, key: UUID, body: shapes.ChangesIn) -> object:
    """Save fields of a draft. What somebody else changed meanwhile is answered as a conflict."""
    actor = actor_of(request)
    row = _own(actor, key)
    changes = {name: change.model_dump() for name, change in body.changes.items()}
    form = content.programme_of(row.episode).forms[row.form]
    unknown = sorted(changes.keys() - {f.element for f in form.fields_for(row.role)})
    if unknown:
        raise CareError(_("这张表没有这些项目：%s。") % "、".join(unknown), "unknown_field")
    saved = encounters.autosave(row.key, changes, actor)
    return {
        "version": saved.version,
        "saved": saved.saved,
        "conflicts": saved.conflicts,
        "errors": {name: str(error) for name, error in saved.errors.items()},
        "flags": saved.flags,
    }


@router.post("/encounters/{uuid:key}/sign", response=shapes.EncounterOut)
def sign(request: HttpRequest, key: UUID, body: shapes.SignIn) -> object:
    """Sign the draft at this version; signing again gives the first."""
    actor = actor_of(request)
    row = encounters.sign(_own(actor, key).key, actor, body.version)
    return reach.encounter_out(actor, row)


@router.post("/encounters/{uuid:key}/amend", response={201: shapes.EncounterOut})
def amend(request: HttpRequest, key: UUID, body: shapes.AmendIn) -> object:
    """Correct a signed record by a new one; both are kept."""
    actor = actor_of(request)
    row = encounters.amend(_own(actor, key).key, body.changes, body.reason, actor)
    return Status(201, reach.encounter_out(actor, row))


@router.get("/episodes/{uuid:key}/assessment", response=shapes.AssessmentOut)
def assessment(request: HttpRequest, key: UUID) -> object:
    """The assessment that stands."""
    actor = actor_of(request)
    row = reach.episode(actor, key, "see_results")
    found = assessments.standing(row)
    audit.record(actor, "read", "assessment", row.key)
    if found is None:
        raise NotFoundForYou
    return reach.assessment_out(actor, found)


@router.post("/episodes/{uuid:key}/assessment", response=shapes.AssessmentOut)
def propose(request: HttpRequest, key: UUID) -> object:
    """What the rules say today; nothing new when nothing has changed."""
    actor = actor_of(request)
    row = reach.episode(actor, key, "assess")
    return reach.assessment_out(actor, assessments.propose(row, timezone.localdate()))


@router.post("/assessments/{uuid:key}/confirm", response=shapes.AssessmentOut)
def confirm(request: HttpRequest, key: UUID) -> object:
    """The doctor agrees with the proposal."""
    actor = actor_of(request)
    row = _assessment(actor, key)
    return reach.assessment_out(actor, assessments.confirm(row, actor))


@router.post("/assessments/{uuid:key}/override", response=shapes.AssessmentOut)
def override(request: HttpRequest, key: UUID, body: shapes.OverrideIn) -> object:
    """The doctor judges otherwise, with a reason."""
    actor = actor_of(request)
    row = _assessment(actor, key)
    made = assessments.override(row, actor, body.cls, body.removed, body.added, body.reason)
    return reach.assessment_out(actor, made)


def _assessment(actor: Actor, key: UUID) -> Assessment:
    row = reach.find(actor, Assessment.objects.select_related("episode__region"), key)
    actor.require("assess", row)
    return row


@router.get("/episodes/{uuid:key}/documents", response=list[shapes.DocumentOut])
def documents_of(request: HttpRequest, key: UUID) -> object:
    """Documents issued for an episode that the duty may read."""
    actor = actor_of(request)
    row = reach.episode(actor, key, "see_person")
    audit.record(actor, "list", "document", row.key)
    programme = content.programme_of(row)
    return [d for d in row.documents.order_by("pk") if may_read_document(actor, programme, d.kind)]


@router.post("/episodes/{uuid:key}/documents", response={201: shapes.DocumentOut})
def issue(request: HttpRequest, key: UUID, body: shapes.IssueIn) -> object:
    """Issue a document; where nothing has changed since the last one, that one."""
    actor = actor_of(request)
    row = reach.episode(actor, key, "issue_document")
    programme = content.programme_of(row)
    if body.kind not in programme.documents:
        raise NotFoundForYou
    if not may_read_document(actor, programme, body.kind):
        raise Forbidden(_("您的职责不出具这种文书。"))
    return Status(201, documents.issue(row, body.kind, actor, timezone.localdate()))


@router.get("/documents/{uuid:key}", response={200: None})
def page(request: HttpRequest, key: UUID) -> HttpResponse:
    """The document as it was issued, as an HTML fragment."""
    actor = actor_of(request)
    row = reach.find(actor, Document.objects.select_related(*SUBJECTS), key)
    actor.require("see_person", row)
    if row.episode is None or not may_read_document(
        actor, content.programme_of(row.episode), row.kind
    ):
        raise Forbidden(_("您的职责不查看这种文书。"))
    audit.record(actor, "print", "document", row.key, document=row.kind)
    return HttpResponse(documents.render(row), content_type="text/html; charset=utf-8")
