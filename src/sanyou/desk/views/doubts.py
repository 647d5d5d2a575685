"""Probable duplicates and contradictions: a person decides; merges can be taken back."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from sanyou.care.models import Episode
from sanyou.desk import held
from sanyou.desk.actor import actor_of, duty_page, problem
from sanyou.desk.paging import leaf
from sanyou.registry import matching, merging
from sanyou.registry.access import Actor, existing, visible
from sanyou.registry.models import Couple, Doubt, Merge, Person
from sanyou.registry.people import mask_phone, shown_id
from sanyou.trust import audit

BADGE = {
    Doubt.Status.OPEN: "warn",
    Doubt.Status.MERGED: "ok",
    Doubt.Status.DISTINCT: "ok",
    Doubt.Status.ACCEPTED: "ok",
    Doubt.Status.REJECTED: "",
}


@dataclass(frozen=True)
class Line:
    """One property of two people beside each other."""

    label: str
    one: str
    two: str

    @property
    def differs(self) -> bool:
        return self.one != self.two


def _properties(actor: Actor, person: Person) -> list[tuple[str, str]]:
    married = Couple.objects.filter(Q(wife=person) | Q(husband=person))
    couples = existing(actor, married)
    spouses = [
        (c.husband if c.wife_id == person.pk else c.wife).name
        for c in couples.filter(merged_into__isnull=True).select_related("wife", "husband")
    ]
    theirs = Episode.objects.filter(Q(couple__in=married) | Q(person=person))
    episodes = existing(actor, theirs)
    return [
        (_("姓名"), person.name),
        (_("性别"), str(person.get_sex_display())),
        (_("出生日期"), person.birth_date.isoformat()),
        (_("证件"), f"{person.get_id_type_display()} {shown_id(actor, person)}"),
        (_("手机"), mask_phone(person.phone) or "—"),
        (_("户籍地"), person.hukou_text or str(person.hukou_region or "—")),
        (_("现居地"), person.residence_text or str(person.residence_region or "—")),
        (_("配偶"), "、".join(spouses) or "—"),
        (_("检查档案"), "、".join(episodes.values_list("number", flat=True)) or "—"),
        (_("登记时间"), timezone.localtime(person.created_at).date().isoformat()),
    ]


def _compare(actor: Actor, one: Person, two: Person) -> list[Line]:
    pairs = zip(_properties(actor, one), _properties(actor, two), strict=True)
    return [Line(label, left, right) for (label, left), (_label, right) in pairs]


@duty_page("decide_doubt", methods=("GET",))
def doubts(request: HttpRequest) -> HttpResponse:
    """What waits for a decision, and the merges made."""
    actor = actor_of(request)
    status = request.GET.get("status", "open")
    rows = visible(actor, Doubt.objects.all()).select_related("person", "other", "decided_by")
    if status in Doubt.Status.values:
        rows = rows.filter(status=status)
    context = {
        "leaf": leaf(request, rows.order_by("-score", "created_at")),
        "status": status,
        "statuses": Doubt.Status.choices,
        "merges": _merges(actor),
    }
    return render(request, "desk/shell/doubts.html", context)


def _merges(actor: Actor) -> list[dict[str, Any]]:
    """The last merges of records in her region, with the names of both."""
    last = list(Merge.objects.select_related("by", "undone_by").order_by("-at")[:60])
    seen: dict[UUID, Person | Couple] = {}
    merged: dict[UUID, Person | Couple] = {}
    for rows in (Person.objects.all(), Couple.objects.select_related("wife", "husband")):
        seen |= visible(actor, rows).in_bulk({m.winner for m in last}, field_name="key")
        merged |= existing(actor, rows).in_bulk({m.loser for m in last}, field_name="key")
    found = [
        {"merge": m, "winner": _name(seen[m.winner]), "loser": _name(merged[m.loser])}
        for m in last
        if m.winner in seen and m.loser in merged
    ]
    return found[:20]


def _name(row: Person | Couple) -> str:
    if isinstance(row, Person):
        return row.name
    return f"{row.wife.name}、{row.husband.name}"


@duty_page("decide_doubt")
def doubt(request: HttpRequest, key: UUID) -> HttpResponse:
    """Both records side by side; merge, keep apart, accept or reject, with a reason."""
    actor = actor_of(request)
    row = get_object_or_404(visible(actor, Doubt.objects.all()), key=key)
    if request.method == "POST":
        return _decide(request, actor, row)
    audit.record(actor, "read", "doubt", row.key)
    context: dict[str, Any] = {"doubt": row, "badge": BADGE[Doubt.Status(row.status)]}
    if row.kind == Doubt.Kind.SAME_PERSON and row.person and row.other:
        context["lines"] = _compare(actor, row.person, row.other)
    elif row.person is not None:
        context["registered"] = _properties(actor, row.person)
        context["held"] = held.in_words(actor, row)
    return render(request, "desk/shell/doubt.html", context)


def _decide(request: HttpRequest, actor: Actor, row: Doubt) -> HttpResponse:
    decision = request.POST.get("decision", "")
    reason = request.POST.get("reason", "").strip()
    if not reason:
        return problem(request, _("请填写处理理由，例如：已核对两人身份证原件。"), 409)
    try:
        if decision in {"merge-first", "merge-second"}:
            return _merge(request, actor, row, decision, reason)
        if decision == "distinct" and row.kind == Doubt.Kind.SAME_PERSON:
            matching.decide(row, Doubt.Status.DISTINCT, actor, reason)
            messages.success(request, _("已确认不是同一人，以后不再提示。"))
        elif decision == "accept" and row.kind == Doubt.Kind.SECOND_SPOUSE:
            with transaction.atomic():
                matching.decide(row, Doubt.Status.ACCEPTED, actor, reason)
                held.accept(actor, row)
            messages.success(request, _("已核实采用，新的夫妇已登记。"))
        elif decision == "reject" and row.kind == Doubt.Kind.SECOND_SPOUSE:
            matching.decide(row, Doubt.Status.REJECTED, actor, reason)
            messages.success(request, _("已核实不采用，原登记不变。"))
        else:
            return problem(request, _("请选择一种处理方式。"), 409)
    except ValueError as error:
        return problem(request, str(error), 409)
    return redirect("doubts")


def _merge(
    request: HttpRequest, actor: Actor, row: Doubt, decision: str, reason: str
) -> HttpResponse:
    actor.require("merge", row)
    if row.person is None or row.other is None or row.status != Doubt.Status.OPEN:
        return problem(request, _("这条疑点已经处理过，请刷新页面。"), 409)
    first = decision == "merge-first"
    winner, loser = (row.person, row.other) if first else (row.other, row.person)
    with transaction.atomic():
        merging.merge_people(winner, loser, reason, actor)
        Doubt.objects.filter(pk=row.pk).update(reason=reason, decided_by=actor.staff)
    messages.success(request, _("已合并。原档案号仍可查到；如有错误可在下方撤销。"))
    return redirect("doubts")


@duty_page("merge", methods=("POST",))
def merge_undo(request: HttpRequest, key: UUID) -> HttpResponse:
    """Take a merge back."""
    actor = actor_of(request)
    merge = get_object_or_404(Merge, key=key)
    merging.undo(merge, actor, request.POST.get("reason", ""))
    messages.success(request, _("合并已撤销，两份档案恢复原样。"))
    return redirect("doubts")
