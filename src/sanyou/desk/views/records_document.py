"""Documents: what can be issued for an episode, what has been, and each as a page that prints."""

from dataclasses import dataclass
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from sanyou.care import documents
from sanyou.care.content import programme_of
from sanyou.care.errors import CareError
from sanyou.care.models import Document, Episode
from sanyou.care.reading import may_read_document, reads_everything
from sanyou.desk.actor import duty_page
from sanyou.desk.views.records import episode_of, home_of, readable, refuse, subject_of
from sanyou.desk.views.records_form import words
from sanyou.protocol.programme import Programme
from sanyou.registry.access import Actor, NotFoundForYou
from sanyou.trust import audit


@dataclass(frozen=True)
class Consentable:
    """The text to be read before signing."""

    html: SafeString
    version: str
    printable: bool


@dataclass(frozen=True)
class Kind:
    id: str
    label: str
    issued: list[Document]
    not_now: str  # why it cannot be issued yet


@duty_page("see_person", methods=("GET",))
def documents_of(request: HttpRequest, key: UUID) -> HttpResponse:
    """All kinds of the programme, with what has been issued."""
    actor, episode = episode_of(request, key)
    programme = programme_of(episode)
    rows = list(episode.documents.select_related("issued_by").order_by("-pk"))
    audit.record(actor, "read", "documents", episode.key)
    context = {
        "actor": actor,
        "episode": episode,
        "subject": subject_of(programme, episode),
        "kinds": [
            Kind(
                spec.id,
                words(spec.label),
                [d for d in rows if d.kind == spec.id],
                _not_now(episode, spec.id),
            )
            for spec in programme.documents.values()
            if may_read_document(actor, programme, spec.id)
        ],
        "may_issue": actor.can("issue_document", episode),
        "may_refer": reads_everything(actor),
        "back": home_of(episode),
    }
    return render(request, "desk/records/documents.html", context)


def _not_now(episode: Episode, kind: str) -> str:
    """Why a document has nothing to say yet; "" where it can be issued."""
    if kind == "card" and not episode.cards.exclude(status="void").exists():
        return _("还没有发卡")
    if (
        kind == "notice"
        and not episode.assessments.filter(status__in=("confirmed", "overridden")).exists()
    ):
        return _("风险评估还没有由医生确认")
    form = _form_behind(programme_of(episode), kind)
    if form and not episode.encounters.filter(form=form, status="signed").exists():
        return _("“%s”还没有填写签名") % words(programme_of(episode).forms[form].label)
    return ""


def _form_behind(programme: Programme, kind: str) -> str:
    """The form a document is the print of: of the same id, or filled by a follow-up of that id."""
    if kind in programme.forms:
        return kind
    return next((t.spec.form or "" for t in programme.schedule if t.spec.id == kind), "")


@duty_page("issue_document", methods=("POST",))
def issue(request: HttpRequest, key: UUID, kind: str) -> HttpResponse:
    """Issue and show it. Where nothing changed since the last one, that one is shown."""
    actor, episode = episode_of(request, key)
    programme = programme_of(episode)
    if kind not in programme.documents:
        raise NotFoundForYou
    if not may_read_document(actor, programme, kind):
        raise refuse(_("出具“%s”") % words(programme.documents[kind].label))
    wrong = _not_now(episode, kind)
    if wrong:
        raise CareError(_("%s，暂不能出具这份文书。请先完成前面的步骤。") % wrong, "too_early")
    made = documents.issue(episode, kind, actor, timezone.localdate())
    return redirect("document", made.key)


@duty_page("see_person", methods=("GET",))
def document(request: HttpRequest, key: UUID) -> HttpResponse:
    """The document as it was issued, ready to print on its paper."""
    rows = Document.objects.select_related(
        "episode__couple__wife", "episode__couple__husband", "episode__person", "issued_by"
    )
    actor, row = readable(request, rows, key)
    assert row.episode is not None
    programme = programme_of(row.episode)
    spec = programme.documents.get(row.kind)
    if not may_read_document(actor, programme, row.kind):
        raise refuse(_("查看“%s”") % (words(spec.label) if spec else row.kind))
    audit.record(actor, "print", "document", row.key, document=row.kind)
    latest = row.episode.documents.filter(kind=row.kind).order_by("-pk").first()
    context = {
        "document": row,
        "html": documents.render(row),
        "label": words(spec.label) if spec else row.kind,
        "paper": spec.paper if spec else "A4",
        "newer": latest if latest is not None and latest.pk != row.pk else None,
        "back": home_of(row.episode),
    }
    return render(request, "desk/records/document.html", context)


def text_of(episode: Episode, kind: str, actor: Actor) -> Consentable:
    """A document's text with this episode's data, to read on the screen; nothing is issued."""
    spec = programme_of(episode).documents.get(kind)
    if spec is None:
        return Consentable(mark_safe(""), "", False)
    html = documents.preview(episode, kind, actor, timezone.localdate())
    return Consentable(mark_safe(html), spec.text_version, actor.can("issue_document"))  # noqa: S308
