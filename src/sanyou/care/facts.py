"""What is known of an episode on a day: registry, signed encounters, and the course itself.

Facts of the course (`process: true` in the dictionary) are supplied here; they are the engine's own
vocabulary and mean the same in every programme. A floor above may supply more (`supply`).
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from typing import Any

from sanyou.care import content, reuse
from sanyou.care.earlier import Earlier
from sanyou.care.models import (
    Assessment,
    Card,
    Consent,
    Document,
    EligibilityDecision,
    Encounter,
    Episode,
)
from sanyou.care.reuse import Reused
from sanyou.care.series import add_series
from sanyou.care.steps import following, stations
from sanyou.protocol.assessment import beside_of
from sanyou.protocol.facts import build_facts
from sanyou.protocol.policy import Policy
from sanyou.protocol.pricing import completeness
from sanyou.protocol.programme import Programme
from sanyou.protocol.scope import COUPLE
from sanyou.registry.models import Couple, Person

Supplier = Callable[[Sequence[Episode], date], Mapping[int, Mapping[str, Any]]]
_suppliers: list[Supplier] = []

AT_ONCE = 2000  # keeps memory and the length of queries within bounds
EPISODE_PATHS = ("couple__wife", "couple__husband", "person", "unit")


def supply(supplier: Supplier) -> None:
    """Let a floor above add facts: episode pk -> {fact: value}."""
    if supplier not in _suppliers:
        _suppliers.append(supplier)


def people_of(programme: Programme, episode: Episode) -> dict[str, Person]:
    """Person by role; nobody where the subject is an organisation."""
    if episode.couple is not None:
        both = (episode.couple.wife, episode.couple.husband)
        return dict(zip(programme.roles, both, strict=True))
    return {} if episode.person is None else {programme.roles[0]: episode.person}


def names_of(programme: Programme, episode: Episode) -> dict[str, str]:
    """Name by role, also where the subject is an organisation."""
    if episode.unit is not None:
        return {programme.roles[0]: episode.unit.name}
    return {role: person.name for role, person in people_of(programme, episode).items()}


def facts_of(episode: Episode, on: date) -> dict[str, Any]:
    """All facts of one episode on a day; None where not known."""
    return facts_table([episode], on)[0]


def facts_without_episode(
    couple: Couple, programme_id: str, on: date, policy: Policy
) -> dict[str, Any]:
    """What is known of a couple on a day in a programme that never registered them."""
    episode = Episode(programme=programme_id, couple=couple, opened_on=on, policy=policy.id)
    programme = content.programme_of(episode)
    known, earlier = _Known([], on), Earlier([episode], on)
    observations = observations_of(episode, on, (), {})
    _add_course(observations, episode, programme, known, [])
    case = observations[COUPLE]
    case.update(earlier.facts(episode, None, case), nominated_on=None)
    return build_facts(content.library(), programme, observations, on, policy)


def facts_table(episodes: Iterable[Episode], on: date) -> list[dict[str, Any]]:
    """Facts of each episode, in order. A fixed number of queries per AT_ONCE episodes."""
    wanted = list(episodes)
    parts = [wanted[i : i + AT_ONCE] for i in range(0, len(wanted), AT_ONCE)]
    return [facts for part in parts for facts in _table(part, on)]


def _table(wanted: list[Episode], on: date) -> list[dict[str, Any]]:
    known = _Known([e.pk for e in wanted], on)
    rows = _with_people(wanted)
    known.read_reused(rows)
    earlier = Earlier(rows, on)
    supplied = [supplier(rows, on) for supplier in _suppliers]
    table = []
    for row in rows:
        more: dict[str, Any] = {}
        for found in supplied:
            more.update(found.get(row.pk, {}))
        table.append(_facts(row, known, earlier, on, more))
    return table


# What `course_table` tells, of the whole case and of each role.
_OF_CASE = (
    "nominated_on exam_on consented both_consented_on eligible grant confirmed_on card_on notice_on"
)
_OF_ROLE = "consented_on examined"


def course_facts(programme: Programme) -> frozenset[str]:
    """Names of the facts that `course_table` tells."""
    found = {f"{COUPLE}.{name}" for name in _OF_CASE.split()}
    found |= {f"{role}.{name}" for role in programme.roles for name in _OF_ROLE.split()}
    return frozenset(found)


def course_table(episodes: Iterable[Episode], on: date) -> list[dict[str, Any]]:
    """The course of each episode, in order: steps and their days, consent, eligibility, examined.

    The same values as in `facts_table`, only sooner: nothing observed and no assessment is read.
    """
    wanted = list(episodes)
    table = []
    names = {
        p: course_facts(content.library().programmes[p]) for p in {e.programme for e in wanted}
    }
    for start in range(0, len(wanted), AT_ONCE):
        batch = wanted[start : start + AT_ONCE]
        known = _Known([e.pk for e in batch], on, observed=False)
        known.read_reused(batch)
        for episode in batch:
            programme = content.programme_of(episode)
            found: dict[str, dict[str, Any]] = {}
            _add_course(found, episode, programme, known, known.encounters.get(episode.pk, []))
            told = {f"{role}.{n}": v for role, values in found.items() for n, v in values.items()}
            table.append({name: told.get(name) for name in names[programme.id]})
    return table


def _with_people(episodes: list[Episode]) -> list[Episode]:
    by_pk = Episode.objects.select_related(*EPISODE_PATHS).in_bulk([e.pk for e in episodes])
    return [by_pk[e.pk] for e in episodes]


class _Known:
    """Everything of a set of episodes that facts are made from, read at once."""

    def __init__(self, pks: list[int], on: date, observed: bool = True) -> None:
        self.on = on
        signed: Any = Encounter.objects.filter(
            episode__in=pks, status=Encounter.Status.SIGNED, occurred_on__lte=on
        ).order_by("occurred_on", "pk")
        if not observed:  # plain rows: making objects of them would take most of the time
            signed = signed.values_list("episode_id", "form", "role", "occurred_on", named=True)
        self.encounters = self._by(signed)
        self.consents = self._by(
            Consent.objects.filter(episode__in=pks, on__lte=on).defer("signature").order_by("pk")
        )
        self.decisions = self._by(
            EligibilityDecision.objects.filter(episode__in=pks, on__lte=on)
            .defer("result")
            .order_by("pk")
        )
        self.cards = self._by(
            Card.objects.filter(episode__in=pks, issued_on__lte=on).exclude(status=Card.Status.VOID)
        )
        assessed = Assessment.objects.filter(
            episode__in=pks,
            as_of__lte=on,
            status__in=(Assessment.Status.CONFIRMED, Assessment.Status.OVERRIDDEN),
        ).defer("facts")
        self.assessments = self._by(assessed if observed else ())
        self.documents = self._by(
            Document.objects.filter(episode__in=pks, issued_on__lte=on, void_reason="")
            .defer("payload")
            .order_by("issued_on", "pk")
        )
        self.reused: dict[int, dict[tuple[str, str], Reused]] = {}

    @staticmethod
    def _by(rows: Iterable[Any]) -> dict[int, list[Any]]:
        found: dict[int, list[Any]] = defaultdict(list)
        for row in rows:
            found[row.episode_id].append(row)
        return found

    def read_reused(self, episodes: list[Episode]) -> None:
        """What is taken over from other programmes."""
        standing = {pk: _consents(rows) for pk, rows in self.consents.items()}
        self.reused = reuse.read(episodes, self.on, standing)


def observations_of(
    episode: Episode,
    on: date,
    encounters: Iterable[Encounter] | None = None,
    reused: Mapping[tuple[str, str], Reused] | None = None,
) -> dict[str, dict[str, Any]]:
    """Per role what was registered and what was signed until the day; later values win.

    Results reused from another programme count where there is none of the episode's own. An
    encounter that leaves an element blank does not take back an earlier value.
    """
    programme = content.programme_of(episode)
    found: dict[str, dict[str, Any]] = {}
    for role, person in people_of(programme, episode).items():
        found[role] = {
            "sex": person.sex,
            "birth_date": person.birth_date,
            "hukou_region": person.hukou_region_id,
            "residence_region": person.residence_region_id,
            "residence_since": person.residence_since,
        }
    if episode.unit is not None:
        found[programme.roles[0]] = {"residence_region": episode.unit.region_id}
    if episode.couple is not None:
        found[COUPLE] = {
            "child_order": episode.child_order,
            "marriage_date": episode.couple.marriage_date,
            "marriage_kind": episode.couple.marriage_kind or None,
        }
    if encounters is None:
        encounters = episode.encounters.filter(
            status=Encounter.Status.SIGNED, occurred_on__lte=on
        ).order_by("occurred_on", "pk")
    taken = reuse.of(episode, on) if reused is None else reused
    for (role, name), value in taken.items():
        found.setdefault(role, {})[name] = value.value
    for encounter in encounters:
        values = found.setdefault(encounter.role, {})
        for name, given in encounter.data.items():
            other = taken.get((encounter.role, name))
            if given is not None and not (other and other.sets_right(encounter)):
                values[name] = given
    return found


def _facts(
    episode: Episode, known: _Known, earlier: Earlier, on: date, supplied: Mapping[str, Any]
) -> dict[str, Any]:
    programme, policy = content.programme_of(episode), content.policy_of(episode)
    signed = known.encounters.get(episode.pk, [])
    observations = observations_of(episode, on, signed, known.reused.get(episode.pk, {}))
    _add_course(observations, episode, programme, known, signed)
    add_series(observations, programme, signed, content.library().dictionary.elements)
    case = observations[COUPLE]
    case.update(earlier.facts(episode, case["exam_on"], case))
    for name, value in supplied.items():  # before what is computed from them
        role, _dot, element = name.partition(".")
        observations.setdefault(role, {})[element] = value
    facts = build_facts(content.library(), programme, observations, on, policy)
    facts.update(supplied)
    if policy is not None and facts.get("couple.exam_on") is not None:
        facts["couple.complete"] = not completeness(policy, facts)
    return facts


def _add_course(
    observations: dict[str, dict[str, Any]],
    episode: Episode,
    programme: Programme,
    known: _Known,
    signed: list[Encounter],
) -> None:
    """The facts of the course, for the whole case and for each role."""
    examined = stations(programme)
    days = [e.occurred_on for e in signed if e.form in examined]
    reused = known.reused.get(episode.pk, {})
    # Where nothing was done here, the examination is what was taken over, once that is all of it.
    taken = not days and reuse.whole(programme, content.policy_of(episode), reused)
    if taken:
        days = [max(r.counts_from for r in reused.values())]
    consent = _consents(known.consents.get(episode.pk, []))
    decision = next(reversed(known.decisions.get(episode.pk, [])), None)
    assessment = next(reversed(known.assessments.get(episode.pk, [])), None)
    case = observations.setdefault(COUPLE, {})
    case.update(
        nominated_on=episode.opened_on,
        exam_on=min(days, default=None),
        consented=bool(consent) and all(consent.get(r, (False, None))[0] for r in programme.roles),
        both_consented_on=max((on for ok, on in consent.values() if ok), default=None)
        if all(consent.get(r, (False, None))[0] for r in programme.roles)
        else None,
    )
    if decision is not None:
        case["eligible"] = {"yes": True, "no": False}.get(decision.answer)
        case["grant"] = decision.grant or None
        if decision.answer == "yes":
            case["confirmed_on"] = decision.on
    if cards := known.cards.get(episode.pk):
        case["card_on"] = cards[-1].issued_on
    notices = {s.document for s in programme.steps if s.kind == "document"}
    issued = [d for d in known.documents.get(episode.pk, []) if d.kind in notices]
    case["notice_on"] = issued[0].issued_on if issued else None
    at_risk: set[str] = set()
    stands: dict[str, Any] = {}
    if assessment is not None:
        stands = {
            "assessed_class": assessment.cls or None,
            "assessed_beside": ",".join(standing_beside(programme, assessment)),
            "assessed_day": assessment.as_of,
        }
        case["assessed_on"] = assessment.as_of
        case["risk_class"] = assessment.cls or None
        case["risk_level"] = assessment.level or None
        at_risk = {key.partition(".")[0] for key in standing_keys(assessment)}
    for role in programme.roles:
        mine = observations.setdefault(role, {})
        ok, on = consent.get(role, (False, None))
        mine["consented_on"] = on if ok else None
        mine["examined"] = taken or any(e.form in examined and e.role == role for e in signed)
        mine["at_risk"] = role in at_risk if assessment is not None else None
        mine.update(stands)


def evidence_encounters(episode: Episode, on: date) -> list[Encounter]:
    """The signed records an examination rests on: the stations' own, and those reused from other
    programmes; each once, the oldest first."""
    own = episode.encounters.filter(
        status=Encounter.Status.SIGNED,
        occurred_on__lte=on,
        form__in=stations(content.programme_of(episode)),
    ).select_related("episode", "signed_by")
    found = {e.pk: e for e in own}
    told = {(e.role, n) for e in found.values() for n, v in e.data.items() if v is not None}
    for key, value in reuse.of(episode, on).items():
        if key not in told:
            found[value.encounter.pk] = value.encounter
    return sorted(found.values(), key=lambda e: (e.occurred_on, e.pk))


def _consents(rows: list[Consent]) -> dict[str, tuple[bool, date]]:
    """role -> (stands, day) by its latest row."""
    return {row.role: (row.kind == Consent.Kind.GRANT, row.on) for row in rows}


def standing_beside(programme: Programme, assessment: Assessment) -> tuple[str, ...]:
    """Classes that stand beside the worst, after the doctor's changes."""
    if not programme.beside_classes:
        return ()
    told = {f"{f['role']}.{f['rule']}": f["class"] for f in assessment.result.get("findings", [])}
    by_rule = {rule.key: rule.cls for rule in programme.rules}
    classes = (told.get(key) or by_rule.get(key) for key in standing_keys(assessment))
    return beside_of(programme, [c for c in classes if c])


def standing_keys(assessment: Assessment) -> list[str]:
    """Findings ("role.rule") that stand after the doctor's changes."""
    removed = set(assessment.override.get("removed", []))
    found = [f"{f['role']}.{f['rule']}" for f in assessment.result.get("findings", [])]
    added = list(assessment.override.get("added", []))
    return [key for key in (*found, *added) if key not in removed]


__all__ = [
    "course_facts",
    "course_table",
    "evidence_encounters",
    "facts_of",
    "facts_table",
    "facts_without_episode",
    "following",
    "names_of",
    "observations_of",
    "people_of",
    "standing_beside",
    "standing_keys",
    "stations",
    "supply",
]
