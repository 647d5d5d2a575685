"""Signed results of the same person in another programme that still count in this one.

What may be reused, and for how long, the programme says (`reuse` in programme.yaml). A result
counts when it was still valid on the day this episode was opened, or came while it was going on;
and only for a role whose consent to this episode stands. A result of the episode's own wins, but
over an older one the re-check made in the other programme.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import Q

from sanyou.care import content
from sanyou.care.models import Consent, Encounter, Episode
from sanyou.care.steps import recheck_forms, stations
from sanyou.protocol.dates import add
from sanyou.protocol.form import validate
from sanyou.protocol.models import Step
from sanyou.protocol.policy import Policy
from sanyou.protocol.programme import Programme
from sanyou.registry.models import Couple

Standing = Mapping[int, Mapping[str, tuple[bool, date]]]  # episode pk -> role -> (stands, day)


@dataclass(frozen=True)
class Reused:
    """One value taken over from a signed record of another episode."""

    role: str
    element: str
    value: Any
    encounter: Encounter
    counts_from: date  # the day it was observed, not before the consent to this episode

    @property
    def on(self) -> date:
        return self.encounter.occurred_on

    def sets_right(self, own: Encounter) -> bool:
        """Whether this is a re-check made after the record of the episode's own."""
        programme = content.programme_of(self.encounter.episode)
        return self.encounter.form in recheck_forms(programme) and self.on > own.occurred_on

    @property
    def where(self) -> str:
        """2026-03-01 婚前医学检查."""
        programme = content.programme_of(self.encounter.episode)
        return f"{self.on.isoformat()} {programme.label.zh}"


def read(
    episodes: Sequence[Episode], on: date, standing: Standing | None = None
) -> dict[int, dict[tuple[str, str], Reused]]:
    """Per episode (role, element) -> what is reused. At most three queries, none where no programme
    reuses anything."""
    programmes = content.library().programmes
    wanted = [e for e in episodes if programmes[e.programme].spec.reuse and e.unit_id is None]
    if not wanted:
        return {}
    people = _people(wanted)
    everyone = {pk for roles in people.values() for pk in roles}
    sources = {s.from_ for e in wanted for s in programmes[e.programme].spec.reuse}
    rows = _signed(everyone, sources, on)
    if not rows:
        return {}
    consent = _consents(wanted, on) if standing is None else standing
    found: dict[int, dict[tuple[str, str], Reused]] = {}
    for episode in wanted:
        mine: dict[tuple[str, str], Reused] = {}
        for person, role in people[episode.pk].items():
            for row in rows.get(person, []):
                shared = open_to(row.episode, episode)
                if shared and row.episode_id != episode.pk:
                    _take(mine, episode, role, row, consent.get(episode.pk, {}))
        if mine:
            found[episode.pk] = mine
    return found


def open_to(other: Episode, episode: Episode) -> bool:
    """Whether another episode may be told of in this one: nothing leaves a compartment."""
    return other.compartment in ("", episode.compartment)


def of(episode: Episode, on: date) -> dict[tuple[str, str], Reused]:
    """What one episode reuses on a day."""
    return read([episode], on).get(episode.pk, {})


def linked_programmes(programme: str) -> set[str]:
    """Programmes that reuse results of this one, or whose results this one reuses."""
    programmes = content.library().programmes
    takes = {s.from_ for s in programmes[programme].spec.reuse}
    gives = {p.id for p in programmes.values() if any(s.from_ == programme for s in p.spec.reuse)}
    return (takes | gives) - {programme}


def partners(episode: Episode) -> list[Episode]:
    """Episodes of the same subject going on in programmes that share results with this one."""
    programmes = linked_programmes(episode.programme)
    if not programmes:
        return []
    rows = Episode.objects.filter(
        episode.same_subject,
        programme__in=programmes,
        status__in=(Episode.Status.OPEN, Episode.Status.RETURNED),
    )
    found = set(rows.values_list("pk", flat=True)) - {episode.pk}
    if not found:  # most subjects have one episode; reading all their columns is what takes time
        return []
    return list(
        Episode.objects.filter(pk__in=found)
        .select_related("region", "couple__wife", "couple__husband", "person", "unit")
        .order_by("pk")
    )


def _people(episodes: Sequence[Episode]) -> dict[int, dict[int, str]]:
    """episode pk -> person pk -> role."""
    programmes = content.library().programmes
    couples: dict[int, tuple[int, int]] = {}
    unread: set[int] = set()
    for e in episodes:
        if e.couple_id and Episode.couple.is_cached(e) and e.couple is not None:
            couples[e.couple_id] = (e.couple.wife_id, e.couple.husband_id)
        elif e.couple_id:
            unread.add(e.couple_id)
    if unread:
        rows = Couple.objects.filter(pk__in=unread).values_list("pk", "wife", "husband")
        couples |= {pk: (wife, husband) for pk, wife, husband in rows}
    found: dict[int, dict[int, str]] = {}
    for e in episodes:
        people = couples[e.couple_id] if e.couple_id else (e.person_id or 0,)
        found[e.pk] = dict(zip(people, programmes[e.programme].roles, strict=True))
    return found


def _signed(people: set[int], programmes: set[str], on: date) -> dict[int, list[Encounter]]:
    """person pk -> signed station records in these programmes, the oldest first."""
    library = content.library()
    whose = Q(person__in=people) | Q(couple__wife__in=people) | Q(couple__husband__in=people)
    theirs = Episode.objects.filter(whose, programme__in=programmes)
    going = list(theirs.exclude(status=Episode.Status.CANCELLED).values_list("pk", flat=True))
    if not going:  # nearly everybody
        return {}
    forms = {form for p in programmes if p in library.programmes for form in _forms(p)}
    rows = (
        Encounter.objects.filter(
            episode__in=going,
            status=Encounter.Status.SIGNED,
            occurred_on__lte=on,
            form__in=forms,
        )
        .select_related("episode__couple", "signed_by")
        .order_by("occurred_on", "pk")
    )
    found: dict[int, list[Encounter]] = defaultdict(list)
    for row in rows:
        roles = content.programme_of(row.episode).roles
        couple = row.episode.couple
        spouses = (couple.wife_id, couple.husband_id) if couple else (row.episode.person_id,)
        person = dict(zip(roles, spouses, strict=True)).get(row.role)
        if person is not None:
            found[person].append(row)
    return found


def _forms(programme: str) -> set[str]:
    found = content.library().programmes[programme]
    return {f for f in stations(found) if f != found.opening_form} | recheck_forms(found)


def _take(
    mine: dict[tuple[str, str], Reused],
    episode: Episode,
    role: str,
    row: Encounter,
    consent: Mapping[str, tuple[bool, date]],
) -> None:
    """Add what a record of another episode gives to this one; later records win."""
    programme = content.programme_of(episode)
    stands, since = consent.get(role, (False, episode.opened_on))
    if not stands and any(s.kind == "consent" for s in programme.steps):
        return
    if episode.closed_on is not None and row.occurred_on > episode.closed_on:
        return
    own = shared(programme, role)
    # A re-check is of what was valid when the episode began; it may come months later.
    again = row.form in recheck_forms(content.programme_of(row.episode))
    for spec in programme.spec.reuse:
        valid = (
            spec.from_ == row.episode.programme
            and add(row.occurred_on, spec.within) >= episode.opened_on
            and (again or row.occurred_on <= add(episode.opened_on, spec.within))
        )
        if not valid:
            continue
        for name in own & set(spec.elements or row.data):
            if row.data.get(name) is not None:
                day = max(row.occurred_on, since)
                mine[role, name] = Reused(role, name, row.data[name], row, day)


def shared(programme: Programme, role: str) -> set[str]:
    """Elements that the stations of a programme ask of a role."""
    forms = (programme.forms[f] for f in stations(programme) if f != programme.opening_form)
    return {f.element for form in forms if role in form.roles for f in form.fields_for(role)}


def _consents(episodes: Sequence[Episode], on: date) -> Standing:
    found: dict[int, dict[str, tuple[bool, date]]] = defaultdict(dict)
    rows = Consent.objects.filter(episode__in=[e.pk for e in episodes], on__lte=on).order_by("pk")
    for pk, role, kind, day in rows.values_list("episode", "role", "kind", "on"):
        found[pk][role] = (kind == Consent.Kind.GRANT, day)
    return found


def covering(
    programme: Programme,
    policy: Policy | None,
    step: Step,
    role: str,
    values: Mapping[tuple[str, str], Reused],
    facts: Mapping[str, Any] | None = None,
) -> list[Reused]:
    """What makes a form step needless: every field it requires, and every element of a service item
    it carries, is known. Empty where something has to be done; also for a form that asks nothing.
    """
    form = programme.forms.get(step.form or "")
    if form is None or role not in form.roles:
        return []
    data = {name: r.value for (r_role, name), r in values.items() if r_role == role}
    own = {f.element for f in form.fields_for(role)}
    mine = {name: value for name, value in data.items() if name in own}
    if not mine:
        return []
    carried = {
        name
        for item in (policy.items if policy else [])
        if role in item.who
        for name in item.requires
        if name in own
    }
    asked = carried | {f.element for f in form.fields_for(role) if f.required}
    if not asked or not carried <= mine.keys():
        return []
    sex = programme.role_sex.get(role)
    result = validate(content.library(), form, role, mine, sex, facts=facts)
    if result.errors:
        return []
    return [values[role, name] for name in mine if name in asked] or [
        values[role, name] for name in mine
    ]


def whole(
    programme: Programme, policy: Policy | None, values: Mapping[tuple[str, str], Reused]
) -> bool:
    """Whether every station that some step waits for is covered for every role."""
    waited = {before for s in programme.steps for before in s.after}
    forms = stations(programme)
    steps = [s for s in programme.steps if s.form in forms and s.id in waited]
    return bool(steps) and all(
        covering(programme, policy, step, role, values)
        for step in steps
        for role in (step.roles or programme.roles)
    )


def words(found: Iterable[Reused]) -> str:
    """沿用 2026-03-01 婚前医学检查、2026-03-03 …: where the values come from."""
    return "沿用 " + "、".join(sorted({r.where for r in found}))
