"""Trying a policy before signing it: drafts, their editing, and what they would change."""

import datetime as dt
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from sanyou.care import content
from sanyou.care.models import Episode
from sanyou.desk.actor import actor_of, duty_page
from sanyou.desk.views import whatif_form as forms
from sanyou.desk.views import whatif_shown as show
from sanyou.desk.views.money import workbook_response
from sanyou.desk.views.records import who_of
from sanyou.desk.views.records_form import words
from sanyou.figures import whatif, whatif_drafts, whatif_people, whatif_sheet
from sanyou.figures.models import PolicyDraft
from sanyou.figures.whatif import Comparison
from sanyou.protocol.policy import Policy
from sanyou.registry.access import Actor, NotFoundForYou, visible
from sanyou.registry.models import Region
from sanyou.trust import audit

SHOWN = 50  # changed records on the page


def _draft(actor: Actor, key: UUID) -> PolicyDraft:
    found = PolicyDraft.objects.select_related("region", "author").filter(key=key).first()
    if found is None:
        raise NotFoundForYou
    actor.require("try_policy", found)
    return found


@duty_page("try_policy")
def try_policy(request: HttpRequest) -> HttpResponse:
    """The drafts, and a new one from a document in force."""
    actor = actor_of(request)
    today = timezone.localdate()
    documents = whatif_drafts.documents(actor, today)
    error = ""
    if request.method == "POST":
        policy, _sep, programme = request.POST.get("document", "").partition("|")
        try:
            draft = whatif_drafts.create(actor, policy, programme, request.POST.get("name", ""))
            return redirect("try-policy-edit", draft.key)
        except whatif_drafts.DraftError as mistake:
            error = mistake.message_zh
    programmes = content.library().programmes
    rows = visible(actor, PolicyDraft.objects.select_related("author", "region"))
    policies = content.library().policies
    context = {
        "drafts": [
            {
                "draft": row,
                "policy": words(policies[row.base].label) if row.base in policies else row.base,
                "number": policies[row.base].document_number if row.base in policies else "",
                "programme": words(programmes[row.programme].label)
                if row.programme in programmes
                else row.programme,
                "changes": len(row.changes.keys() - {"id", "label", "document_number"}),
                "last": row.history[-1]["name"] if row.history else "",
            }
            for row in rows[:100]
        ],
        "documents": [
            (
                f"{p.id}|{programme}",
                words(p.label),
                p.document_number,
                words(programmes[programme].label),
            )
            for p, programme in documents
        ],
        "chosen": request.POST.get("document", ""),
        "name": request.POST.get("name", ""),
        "error": error,
    }
    return render(request, "desk/whatif/drafts.html", context, status=409 if error else 200)


@duty_page("try_policy")
def edit(request: HttpRequest, key: UUID) -> HttpResponse:
    """The copy on which a change is written."""
    actor = actor_of(request)
    draft = _draft(actor, key)
    base = whatif_drafts.base_of(draft)
    part = base.for_programme(draft.programme)
    values, errors, problem = dict(draft.changes), {}, ""
    name, version = draft.name, draft.version
    if request.method == "POST":
        values = forms.changes_of(request.POST, base, part)
        name = request.POST.get("name", "")
        sent = request.POST.get("version", "")
        version = int(sent) if sent.isdecimal() else 0  # another version is told as a conflict
        try:
            whatif_drafts.save(draft, actor, values, name, version)
            messages.success(request, _("拟稿已保存，下面是试算结果。"))
            return redirect("try-policy-draft", draft.key)
        except whatif_drafts.DraftError as mistake:
            errors, problem = mistake.fields, mistake.message_zh
    audit.record(actor, "read", "policy-draft", draft.key)
    context = {
        "draft": draft,
        "name": name,
        "version": version,
        "policy": base,
        "label": words(base.label),
        "programme": words(content.library().programmes[draft.programme].label),
        "form": forms.form_of(base, part, values, errors, timezone.localdate(draft.created_at)),
        "facts": forms.fact_names(part),
        "elements": forms.elements_of(part),
        "problem": problem,
    }
    return render(request, "desk/whatif/edit.html", context, status=409 if problem else 200)


@duty_page("try_policy", methods=("GET",))
def draft_page(request: HttpRequest, key: UUID) -> HttpResponse:
    """What the draft would change, beside the document in force."""
    actor = actor_of(request)
    draft = _draft(actor, key)
    context: dict[str, Any] = {"draft": draft, "actor": actor}
    base, made, on = _tried(request, actor, draft, context)
    audit.record(actor, "try", "policy-draft", draft.key, on=context["source"])
    context |= show.page(base, made[0], made[1], draft, on)
    context |= {
        "label": words(base.label),
        "programme": words(content.library().programmes[draft.programme].label),
        "may_export": actor.can("export"),
        "may_propose": actor.can("propose_version"),
        "history": _history(draft, base),
    }
    return render(request, "desk/whatif/draft.html", context)


def _tried(
    request: HttpRequest, actor: Actor, draft: PolicyDraft, context: dict[str, Any]
) -> tuple[Policy, tuple[Policy, Comparison], dt.date]:
    """The document, (the draft, the comparison), and the draft's first day; fills `context`."""
    base, made = whatif_drafts.policies_of(draft)
    years = whatif.years_of(actor, base, draft.programme)
    given = request.GET if request.method == "GET" else request.POST
    asked = given.get("year", "")
    roles = whatif.roles_of(draft.programme)
    year = int(asked) if asked.isdigit() and int(asked) in years else 0
    number = _number(given.get("couples", ""))
    context |= {"years": years, "year": year, "couples": number, "largest": whatif.LARGEST}
    region = Region.objects.filter(prefix=base.region).first() or draft.region
    if year:
        episodes = whatif.episodes_of(actor, base, draft.programme, year)
        found = whatif.recorded(base, made, episodes, roles)
        context["source"] = str(year)
        context["people"] = _people(actor, base, made, found, episodes)
        context["coverage"] = whatif.coverage(base, made, found, draft.region, year)
    else:
        place = _place(draft, region)
        found = whatif.invented(base, made, place, number, roles)
        context["source"] = f"{number}"
    return base, (made, found), made.starts


def _number(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else whatif.USUAL
    return max(1_000, min(number, whatif.LARGEST))


def _place(draft: PolicyDraft, region: Region) -> whatif_people.Place:
    """Where the invented couples live: in the county of the draft, or in the document's region."""
    home = draft.region
    if home.level not in (Region.Level.COUNTY, Region.Level.TOWNSHIP, Region.Level.VILLAGE):
        first = Region.objects.filter(prefix__startswith=region.prefix, level=Region.Level.COUNTY)
        home = first.first() or region
    county = Region.objects.filter(pk=home.code[:6]).first() or home
    towns = list(county.children.values_list("code", flat=True))
    siblings = Region.objects.filter(parent=county.parent).exclude(pk=county.pk)
    return whatif_people.place_of(
        county.code, towns, list(siblings.values_list("code", flat=True)[:6])
    )


def _people(
    actor: Actor, base: Policy, made: Policy, found: Comparison, episodes: list[Episode]
) -> dict[str, Any]:
    """Records that would be decided otherwise, as far as she may see them."""
    if not actor.can("see_person"):
        return {"hidden": len(found.cases_changed)}
    rows = [
        {
            "episode": episodes[index],
            "names": who_of(episodes[index]),
            "before": show.STATE[before],
            "after": show.STATE[after],
            "why": show.why(base, made, why),
        }
        for index, before, after, why in found.cases_changed[:SHOWN]
    ]
    return {"rows": rows, "more": max(0, len(found.cases_changed) - SHOWN)}


def _history(draft: PolicyDraft, base: Policy) -> list[dict[str, Any]]:
    part = base.for_programme(draft.programme)
    return [
        {
            "when": dt.datetime.fromisoformat(step["at"]),
            "name": step["name"],
            "lines": [
                f"{forms.field_label(part, name)}：{forms.shown(old)} → {forms.shown(new)}"
                for name, (old, new) in step["changed"].items()
            ],
        }
        for step in reversed(draft.history)
    ][:20]


@duty_page("try_policy", methods=("GET",))
def file(request: HttpRequest, key: UUID) -> HttpResponse:
    """The draft as a complete policy file."""
    actor = actor_of(request)
    draft = _draft(actor, key)
    made = whatif_drafts.made_of(draft)
    audit.record(actor, "download", "policy-draft", draft.key)
    response = HttpResponse(made.text(), content_type="application/yaml; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{made.data["id"]}.yaml"'
    return response


@duty_page("export", methods=("POST",))
def sheet(request: HttpRequest, key: UUID) -> HttpResponse:
    """The figures of the page as a workbook."""
    actor = actor_of(request)
    draft = _draft(actor, key)
    context: dict[str, Any] = {}
    base, (made, found), _on = _tried(request, actor, draft, context)
    shown = show.page(base, made, found, draft, made.starts)
    data = whatif_sheet.write(
        actor, draft, request.POST.get("reason", ""), show.source_words(context), shown
    )
    return workbook_response(data, f"{draft.name}.xlsx")


@duty_page("try_policy", methods=("POST",))
def delete(request: HttpRequest, key: UUID) -> HttpResponse:
    """Throw the draft away."""
    actor = actor_of(request)
    whatif_drafts.remove(_draft(actor, key), actor)
    messages.success(request, _("拟稿已删除。"))
    return redirect(reverse("try-policy"))
