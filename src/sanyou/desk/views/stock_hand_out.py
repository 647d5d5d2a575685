"""One sitting at the village: register, check the conditions, hand out, sign. And packs brought back."""

from typing import Any
from uuid import UUID, uuid4

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from sanyou.care import content
from sanyou.care.errors import CareError, FormInvalid
from sanyou.care.facts import facts_of
from sanyou.care.models import Encounter, Episode
from sanyou.desk.actor import actor_of, duty_page, say
from sanyou.desk.views.nominate import Question, county_of
from sanyou.desk.views.records import find, home_of, uuid_of
from sanyou.desk.views.records_form import Filled, SectionView, sections, words
from sanyou.protocol.assessment import assess
from sanyou.protocol.form import FormResult, stored, validate
from sanyou.protocol.programme import Form, Programme
from sanyou.registry import people
from sanyou.registry.access import (
    Actor,
    Forbidden,
    NotFoundForYou,
    existing,
    may_fill,
    visible,
)
from sanyou.registry.models import Couple, Person, Region
from sanyou.stock import reading, signing, sitting, stores
from sanyou.stock.errors import StockError
from sanyou.trust import audit


def place_of(actor: Actor, person: Person) -> Region | None:
    """The region responsible for her: her own place of work, or where the person's file lies."""
    if actor.region is not None and actor.region.level in ("township", "village"):
        return actor.region
    rows = visible(actor, Episode.objects.filter(couple__wife=person))
    rows = rows | visible(actor, Episode.objects.filter(couple__husband=person))
    last = rows.select_related("region").order_by("-opened_on", "-pk").first()
    if last is not None:
        responsible: Region = last.region
        return responsible
    return person.residence_region or county_of(actor)


def offers(actor: Actor, person: Person) -> list[tuple[str, str]]:
    """(programme id, label) of what may be handed out to her here and now; for buttons."""
    if not actor.can("see_stock"):
        return []
    place = place_of(actor, person)
    if place is None:
        return []
    found = sitting.programmes_for(actor, person, place, timezone.localdate())
    return [(p.id, words(p.label)) for p in found]


@duty_page("fill")
def hand_out(request: HttpRequest, key: UUID, programme_id: str) -> HttpResponse:
    """What is known of her, what is still asked, what the store has; one button does it all."""
    page = _page(request, key, programme_id)
    if request.method == "POST":
        return page.post()
    about = page.episode or page.person
    audit.record(page.actor, "read", "episode" if page.episode else "person", about.key)
    return page.show()


@duty_page("fill", methods=("POST",))
def questions(request: HttpRequest, key: UUID, programme_id: str) -> HttpResponse:
    """Which questions apply to what is answered so far (JSON)."""
    page = _page(request, key, programme_id)
    found = [page.judged(f, page.typed(f), draft=True).visible for f in page.forms()]
    return JsonResponse({"visible": sorted({name for names in found for name in names})})


def _page(request: HttpRequest, key: UUID, programme_id: str) -> "_Page":
    actor = actor_of(request)
    person = people.by_key(key)
    if person is None:
        raise NotFoundForYou
    actor.require("see_person", person)
    programme = content.programmes_for(actor).get(programme_id)
    if programme is None or sitting.handing_form(programme) is None:
        raise NotFoundForYou
    if not sitting.does_all(actor, programme):
        raise Forbidden(_("发放由村居、镇街的工作人员办理，您的岗位可以查看档案。"))
    episode = sitting.going_on(person, programme)
    if episode is not None:
        actor.require("fill", episode)
    return _Page(request, actor, person, programme, episode)


class _Page:
    """The page for one woman and programme."""

    def __init__(
        self,
        request: HttpRequest,
        actor: Actor,
        person: Person,
        programme: Programme,
        episode: Episode | None,
    ) -> None:
        self.request, self.actor, self.person = request, actor, person
        self.programme, self.episode = programme, episode
        self.role = programme.roles[0]
        self.sex = programme.role_sex.get(self.role)
        self.today = timezone.localdate()
        form = sitting.handing_form(programme)
        assert form is not None
        self.handing = form
        self.opening = programme.forms[programme.opening_form or ""]
        self.errors: dict[str, Any] = {}
        self.problem = ""

    def forms(self) -> list[Form]:
        """What is asked: the opening form only of who is not registered yet."""
        return [self.handing] if self.episode else [self.opening, self.handing]

    def typed(self, form: Form) -> dict[str, Any]:
        """What was typed on a form; on a fresh page what is known, else the usual answers."""
        elements = content.library().dictionary.elements
        if self.request.method != "POST":
            usual = {
                f.element: f.default for f in form.fields_for(self.role) if f.default is not None
            }
            if form is self.opening:
                return usual | sitting.known_of(self.actor, self.person, self.programme)
            return usual | self._last(form)
        found: dict[str, Any] = {}
        for item in form.fields_for(self.role):
            name = f"f-{item.element}"
            if elements[item.element].type == "codes":
                value: Any = self.request.POST.getlist(name)
            else:
                value = self.request.POST.get(name, "").strip()
            if value:
                found[item.element] = value
        return found

    def _last(self, form: Form) -> dict[str, Any]:
        """What is carried on from last time."""
        if self.episode is None:
            return {}
        facts = facts_of(self.episode, self.today)
        carried = [f.element for f in form.fields_for(self.role) if f.copy_last]
        known = {name: stored(facts.get(f"{self.role}.{name}")) for name in carried}
        return {name: value for name, value in known.items() if value is not None}

    def known(self, form: Form) -> dict[str, Any]:
        """Facts from elsewhere that decide what is asked."""
        if self.episode is None:
            return {}
        own = {f"{self.role}.{f.element}" for f in form.fields_for(self.role)}
        facts = facts_of(self.episode, self.today)
        return {n: v for n, v in facts.items() if n.partition("__")[0] not in own}

    def judged(self, form: Form, raw: dict[str, Any], draft: bool) -> FormResult:
        return validate(
            content.library(), form, self.role, raw, self.sex, draft=draft, facts=self.known(form)
        )

    def post(self) -> HttpResponse:
        token = uuid_of(self.request.POST.get("token", ""))
        place = self.episode.region if self.episode else place_of(self.actor, self.person)
        if token.int == 0 or place is None:
            raise StockError(_("页面已过期，请刷新后重新填写。"), "no_token")
        for form in self.forms():
            self.errors |= self.judged(form, self.typed(form), draft=False).errors
        if self.errors:
            return self.show(422)
        try:
            done = sitting.enter(
                self.actor, self.person, self.programme,
                self.typed(self.opening) if self.episode is None else {}, place, self.today,
            )  # fmt: skip
            self.episode = done.episode
            if not done.let_in:
                self.problem = _("已登记，但现在不能发放：%s") % done.reason
                return self.show(409)
            row = sitting.hand_out(
                self.actor, done.episode, self.typed(self.handing), self.today, token
            )
        except FormInvalid as error:
            self.errors = dict(error.errors)
            return self.show(422)
        except CareError as error:
            self.problem = error.message_zh
            return self.show(409)
        self._say(row)
        return redirect("episode", key=done.episode.key)

    def _say(self, row: Encounter) -> None:
        until = facts_of(row.episode, self.today).get(f"{self.role}.supplied_until")
        out = signing.out_of(row)
        text = _("已发放 %d 盒并签名入账。") % out
        if until is not None:
            text += _("够用到 %s，快用完时会在待办中提醒续领。") % until.isoformat()
        say(self.request, text)
        for label, advice in self.advice():
            messages.warning(self.request, f"{label}：{advice}")

    def advice(self) -> list[tuple[str, str]]:
        """What the rules say to what she has told, to be passed on at once."""
        if self.episode is None:
            return []
        found = assess(self.programme, facts_of(self.episode, self.today)).findings
        return [(words(f.label), words(f.advice)) for f in found]

    def questions(self, form: Form) -> list[tuple[SectionView, list[Question]]]:
        raw = self.typed(form)
        result = self.judged(form, raw, draft=True)
        shown = Filled(data=result.values, flags=result.flags, visible=frozenset(result.visible))
        names = [f.element for f in form.fields_for(self.role)]
        if form is self.handing and not self._again():
            names = [n for n in names if n in result.visible]  # nothing to look back on yet
        views = sections(content.library(), self.programme, form, self.role, names, shown)
        return [
            (
                view,
                [
                    Question(f, raw.get(f.name, ""), str(self.errors.get(f.name, "")))
                    for f in view.fields
                ],
            )
            for view in views
        ]

    def _again(self) -> bool:
        return bool(self.episode and self.episode.encounters.filter(form=self.handing.id).exists())

    def show(self, status: int = 200) -> HttpResponse:
        use = self.handing.spec.supply
        assert use is not None
        supply = stores.supply_of(use.item)
        place = self.episode.region if self.episode else place_of(self.actor, self.person)
        store = stores.home_store(self.actor, use.item) or (
            stores.nearest(place, use.item) if place else None
        )
        held = next(
            (
                h
                for h in (reading.held_in(store, self.today) if store else [])
                if h.item == use.item
            ),
            None,
        )
        facts = facts_of(self.episode, self.today) if self.episode else {}
        context = {
            "actor": self.actor,
            "person": self.person,
            "number": people.shown_id(self.actor, self.person),
            "label": words(self.programme.label),
            "programme": self.programme,
            "episode": self.episode,
            "back": home_of(self.episode) if self.episode else _home(self.actor, self.person),
            "opening": self.questions(self.opening) if self.episode is None else [],
            "handing": self.questions(self.handing),
            "hint": words(self.handing.spec.hint),
            "supply": words(supply.label),
            "unit": words(supply.unit),
            "store": store,
            "held": held,
            "first": next((s for s in held.shelves if s.state in ("good", "soon")), None)
            if held
            else None,
            "times": facts.get(f"{self.role}.supplied_times"),
            "until": facts.get(f"{self.role}.supplied_until"),
            "total": facts.get(f"{self.role}.supplied_total"),
            "advice": self.advice(),
            "token": self.request.POST.get("token") or uuid4(),
            "problem": self.problem,
            "faulty": bool(self.errors),
        }
        return render(self.request, "desk/stock/hand_out.html", context, status=status)


def _home(actor: Actor, person: Person) -> str:
    couple = (
        existing(actor, Couple.objects.filter(wife=person)).first()
        or existing(actor, Couple.objects.filter(husband=person)).first()
    )
    if couple is not None:
        return reverse("couple", args=[couple.key])
    return reverse("person", args=[person.key])


@duty_page("fill")
def returned(request: HttpRequest, key: UUID) -> HttpResponse:
    """Unopened packs somebody brings back, into the store they came from."""
    rows = Encounter.objects.select_related("episode__person", "episode__region", "replaces")
    actor, row = find(request, rows, key)
    form = content.programme_of(row.episode).forms[row.form]
    if form.spec.supply is None or not may_fill(actor, form):
        raise NotFoundForYou
    error = ""
    if request.method == "POST":
        try:
            try:
                quantity = int(request.POST.get("quantity", ""))
            except ValueError:
                raise StockError(_("数量请填整数。"), "bad_quantity") from None
            signing.take_back(
                row,
                actor,
                quantity,
                request.POST.get("reason", ""),
                timezone.localdate(),
                uuid_of(request.POST.get("token", "")),
            )
        except CareError as problem:
            error = problem.message_zh
        else:
            say(request, _("已退回入库。"))
            return redirect("encounter", row.key)
    audit.record(actor, "read", "encounter", row.key, form=row.form)
    context = {
        "encounter": row,
        "out": signing.out_of(row),
        "unit": stores.supply_of(form.spec.supply.item).unit.zh,
        "token": request.POST.get("token") or uuid4(),
        "typed": request.POST,
        "error": error,
    }
    return render(request, "desk/stock/returned.html", context, status=422 if error else 200)
