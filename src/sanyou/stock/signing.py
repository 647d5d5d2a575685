"""Signing a form that hands out a supply takes it from the store, in the same transaction.

The facts a programme reads of it (`supplied_…`) come from the same movements.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Sum
from django.utils.translation import gettext as _

from sanyou.care import content, flow
from sanyou.care.errors import NotAllowedNow
from sanyou.care.facts import facts_of
from sanyou.care.models import Encounter, Episode
from sanyou.protocol.eligibility import decide
from sanyou.protocol.models import SupplySpec, SupplyUse
from sanyou.registry.access import Actor
from sanyou.registry.models import Organisation
from sanyou.stock import stores
from sanyou.stock.errors import StockError
from sanyou.stock.models import Movement
from sanyou.stock.moves import clicked, give_back, given, hand_out, quantity_of, reason_of
from sanyou.trust import audit

Kind = Movement.Kind
OCCASION = (Kind.ISSUE, Kind.CORRECT, Kind.RETURN)


def use_of(encounter: Encounter) -> SupplyUse | None:
    """What signing this record hands out; None for most forms."""
    form = content.programme_of(encounter.episode).forms.get(encounter.form)
    return form.spec.supply if form is not None else None


def units_of(encounter: Encounter, use: SupplyUse) -> int:
    return int(encounter.data.get(use.quantity) or 0)


def first_of(encounter: Encounter) -> Encounter:
    """The record before all its amendments."""
    while encounter.replaces is not None:
        encounter = encounter.replaces
    return encounter


def out_of(encounter: Encounter) -> int:
    """Units handed out on the occasion of a record and not come back."""
    rows = Movement.objects.filter(issue=first_of(encounter))
    return -(rows.aggregate(n=Sum("change"))["n"] or 0)


def signed(encounter: Encounter, actor: Actor) -> None:
    """A new record of issue: only to who is let in, only what is there."""
    use = use_of(encounter)
    if use is None or not (units := units_of(encounter, use)):
        return
    _let_in(encounter)
    store = issuing_store(actor, encounter.episode, use.item)
    hand_out(store, use.item, quantity_of(units), encounter.occurred_on, actor, encounter)


def amended(encounter: Encounter, actor: Actor) -> None:
    """A corrected number: the difference goes out, or back to where it came from."""
    use = use_of(encounter)
    if use is None:
        return
    first = first_of(encounter)
    out = given(first)
    more = units_of(encounter, use) - units_of(encounter.replaces or encounter, use)
    if more > 0:
        store = out[0][0].store if out else issuing_store(actor, encounter.episode, use.item)
        hand_out(store, use.item, more, encounter.occurred_on, actor, first)
    elif more < 0:
        there = sum(n for _balance, n in out)
        give_back(
            first, min(-more, there), Kind.CORRECT, encounter.occurred_on, actor, _("更正发放数")
        )


def voided(encounter: Encounter, actor: Actor) -> None:
    """A record taken back: everything it handed out is booked in again."""
    if use_of(encounter) is None:
        return
    first = first_of(encounter)
    units = sum(n for _balance, n in given(first))
    give_back(first, units, Kind.CORRECT, encounter.occurred_on, actor, _("发放记录作废"))


def issuing_store(actor: Actor, episode: Episode, item: str) -> Organisation:
    """The signer's store; for a file, the store of the place responsible. StockError without one."""
    store = stores.home_store(actor, item) if actor.staff is not None else None
    if store is None:
        store = stores.nearest(episode.region, item)
    if store is None:
        place = actor.region or episode.region
        label = stores.supply_of(item).label.zh
        raise StockError(
            _(
                "%(place)s还没有%(item)s库存，不能发放。请先由区县中心或镇街调拨，并在“药具库存”中确认到货。"
            )
            % {"place": place.name, "item": label},
            "no_store",
        )
    return store


def _let_in(encounter: Encounter) -> None:
    """Not before the step that decides who may have it, and not after the entitlement has ended."""
    episode = encounter.episode
    if not flow.is_closed(episode, "confirm"):
        raise NotAllowedNow(
            _("还没有核对是否符合条件，不能发放。请先办理“核对条件”。"), "not_confirmed"
        )
    policy = content.policy_of(episode)
    if policy is None:
        return
    decision = decide(policy, facts_of(episode, encounter.occurred_on))
    if decision.answer == "no":
        raise NotAllowedNow(
            _("现在不符合领取条件，不能发放：%s") % decision.clause_line, "not_eligible"
        )


@transaction.atomic
def take_back(
    encounter: Encounter, actor: Actor, quantity: int, reason: str, on: date, token: UUID
) -> list[Movement]:
    """Unopened units a woman brings back, into the store they came from. The same token once."""
    actor.require("fill", encounter.episode)
    episode = flow.lock(encounter.episode)
    audit.hold()
    if done := clicked(token, [Kind.RETURN]):
        return done
    first = first_of(encounter)
    there = sum(n for _balance, n in given(first))
    if quantity_of(quantity) > there:
        raise StockError(_("这次一共发出 %d，退回数不能更多。") % there, "too_many")
    why = reason_of(reason, _("退回原因"))
    made = give_back(first, quantity, Kind.RETURN, on, actor, why, token=token)
    flow.advance(episode)
    audit.record(actor, "stock-return", "encounter", first.key, quantity=quantity)
    return made


def supplied(episodes: Sequence[Episode], on: date) -> Mapping[int, Mapping[str, Any]]:
    """Facts of what was handed out: when last, how often, how much, and how long it lasts."""
    programmes = content.library().programmes
    handing = {
        p.id
        for p in programmes.values()
        if any(f.spec.supply is not None for f in p.forms.values())
    }
    wanted = [e for e in episodes if e.programme in handing]
    if not wanted:
        return {}
    rows = Movement.objects.filter(
        issue__episode__in=[e.pk for e in wanted], kind__in=OCCASION, on__lte=on
    ).values_list(
        "issue__episode", "issue", "issue__role", "issue__occurred_on", "batch__item", "change"
    )
    occasions: dict[int, dict[tuple[date, int], tuple[str, str, int]]] = defaultdict(dict)
    for episode, issue, role, day, item, change in rows:
        _role, _item, units = occasions[episode].get((day, issue), (role, item, 0))
        occasions[episode][day, issue] = (role, item, units - change)
    return {pk: _told(found) for pk, found in occasions.items()}


def _told(occasions: Mapping[tuple[date, int], tuple[str, str, int]]) -> dict[str, Any]:
    facts: dict[str, Any] = {}
    supplies = content.library().supplies
    for (day, _issue), (role, item, units) in sorted(occasions.items()):
        if units <= 0:
            continue
        supply = supplies.get(item)
        until = _until(supply, units, day, facts.get(f"{role}.supplied_until"))
        facts |= {
            f"{role}.supplied_on": day,
            f"{role}.supplied_times": facts.get(f"{role}.supplied_times", 0) + 1,
            f"{role}.supplied_total": facts.get(f"{role}.supplied_total", 0) + units,
            f"{role}.supplied_until": until,
            f"{role}.supply_reminder_on": _reminder(supply, until),
        }
    return facts


def _until(supply: SupplySpec | None, units: int, day: date, before: date | None) -> date | None:
    """The last day covered: what was left of the time before is used up first."""
    days = supply.days(units) if supply is not None else 0
    if days == 0:
        return None
    yesterday = day - timedelta(days=1)
    return max(before or yesterday, yesterday) + timedelta(days=days)


def _reminder(supply: SupplySpec | None, until: date | None) -> date | None:
    if supply is None or until is None:
        return None
    return until - timedelta(days=supply.remind_days_before_end)
