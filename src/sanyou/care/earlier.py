"""A couple's earlier free checks and the pregnancies after them: what another free check rests on.

The definitions stand in the notes of content/dictionary/entitlement.yaml. Everything is read for
many episodes at once, with a fixed number of queries.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.db.models import Min

from sanyou.care import content
from sanyou.care.models import Encounter, Episode, FreeCheck
from sanyou.care.steps import stations
from sanyou.protocol.dates import add
from sanyou.protocol.facts import coerce
from sanyou.protocol.models import Duration
from sanyou.registry.models import Person

FROM_LMP = timedelta(days=14)  # conception is reckoned from the last menstrual period
YEAR = Duration(years=1)
LONGEST = timedelta(weeks=44)  # after which a pregnancy without an outcome is no longer going on
PREGNANT, NOT_PREGNANT, ENDED = "pregnant", "not_pregnant", "ended"


@dataclass(frozen=True)
class Check:
    """One free check of a couple; `episode` None where it comes from a history file.

    `programme` "" where an old file did not tell: it counts in every programme.
    """

    on: date
    child_order: int | None
    programme: str
    episode: int | None = None


class Earlier:
    """Earlier free checks and follow-ups of the couples of these episodes, until a day."""

    def __init__(self, episodes: Sequence[Episode], on: date) -> None:
        self.on = on
        self._checks: dict[tuple[int, str], list[Check]] = defaultdict(list)
        self._files: dict[tuple[str, str], list[Check]] = defaultdict(list)
        self._follow_ups: dict[int, list[tuple[int, str, Mapping[str, Any], date]]] = defaultdict(
            list
        )
        self._indexes: dict[int, set[str]] = {}
        rows = [e for e in episodes if e.couple]
        if rows:
            self._read_files(rows)
            couples = {e.couple_id for e in rows if e.couple_id}
            self._read_checks(couples)
            self._read_follow_ups(couples)

    def _read_files(self, episodes: list[Episode]) -> None:
        spouses = {p.pk: p for e in episodes if e.couple for p in (e.couple.wife, e.couple.husband)}
        for pk, person in spouses.items():
            self._indexes[pk] = {person.id_index}
        # Numbers of records that were merged into these people count as theirs.
        merged = Person.objects.filter(merged_into__in=spouses)
        for winner, index in merged.values_list("merged_into", "id_index"):
            self._indexes[winner or 0].add(index)
        indexes = [i for e in episodes if e.couple for i in self._indexes[e.couple.wife_id]]
        for row in FreeCheck.objects.filter(wife_index__in=indexes, examined_on__lte=self.on):
            found = Check(row.examined_on, row.child_order, row.programme)
            self._files[row.wife_index, row.husband_index].append(found)

    def _read_checks(self, couples: set[int]) -> None:
        """Examined in an episode that was found eligible and free, in any district."""
        library = content.library()
        rows = (
            Encounter.objects.filter(
                episode__couple__in=couples,
                status=Encounter.Status.SIGNED,
                occurred_on__lte=self.on,
                episode__decisions__answer="yes",
                episode__decisions__grant="free",
            )
            .exclude(episode__status=Episode.Status.CANCELLED)
            .values_list(
                "episode__couple", "episode__programme", "episode__child_order", "episode", "form"
            )
            .annotate(first=Min("occurred_on"))
        )
        days: dict[tuple[int, str, int | None, int], list[date]] = defaultdict(list)
        for couple, programme, order, episode, form, first in rows:
            if form in stations(library.programmes[programme]):
                days[couple, programme, order, episode].append(first)
        for (couple, programme, order, episode), found in days.items():
            self._checks[couple, programme].append(Check(min(found), order, programme, episode))

    def _read_follow_ups(self, couples: set[int]) -> None:
        rows = (
            Encounter.objects.filter(
                episode__couple__in=couples,
                form__in=_follow_up_forms(),
                status=Encounter.Status.SIGNED,
                occurred_on__lte=self.on,
            )
            .exclude(episode__status=Episode.Status.CANCELLED)
            .order_by("occurred_on", "pk")
            .values_list(
                "episode__couple", "episode", "episode__compartment", "data", "occurred_on"
            )
        )
        for couple, episode, compartment, data, occurred_on in rows:
            self._follow_ups[couple].append((episode, compartment, data, occurred_on))

    def checks(self, episode: Episode) -> list[Check]:
        """Free checks of this couple in this programme other than this episode's own."""
        if episode.couple is None:
            return []
        known = self._checks[episode.couple_id or 0, episode.programme]
        filed = [
            check
            for (wife, husband), checks in self._files.items()
            if wife in self._indexes[episode.couple.wife_id]
            and husband in self._indexes[episode.couple.husband_id]
            for check in checks
            if check.programme in ("", episode.programme)
        ]
        return [c for c in known if c.episode != episode.pk] + filed

    def used(self, episode: Episode, examined_on: date | None = None) -> int:
        """Checks used for this child order in all districts, before this episode's own check."""
        if episode.child_order is None:
            return 0
        return sum(
            check.child_order == episode.child_order
            for check in self.checks(episode)
            if examined_on is None or check.on < examined_on
        )

    def facts(
        self, episode: Episode, examined_on: date | None, stated: Mapping[str, Any]
    ) -> dict[str, Any]:
        """last_check_on, conceived_within_year and last_pregnancy_ended of an episode.

        `examined_on`: the day of its own check, before which a check is an earlier one. `stated`:
        what the couple said on registration; it counts where no follow-up tells.
        """
        if episode.couple is None:
            return {"free_checks_used": 0}
        days = [c.on for c in self.checks(episode) if examined_on is None or c.on < examined_on]
        last = max(days, default=None)
        told = [
            (data, on)
            for other, compartment, data, on in self._follow_ups.get(episode.couple_id or 0, [])
            if other != episode.pk
            and compartment in ("", episode.compartment)
            and (last is None or on >= last)
        ]
        conceived = None if last is None else conceived_within_year(last, told)
        if conceived is None:
            conceived = stated.get("stated_conceived_within_year")
        ended = pregnancy_ended(told, self.on) or stated.get("stated_pregnancy_end")
        return {
            "free_checks_used": self.used(episode, examined_on),
            "last_check_on": last,
            "conceived_within_year": conceived,
            "last_pregnancy_ended": ended,
        }


def _follow_up_forms() -> set[str]:
    """Forms that tell of a pregnancy after a check, of whatever programme."""
    return {
        form.id
        for programme in content.library().programmes.values()
        for form in programme.forms.values()
        if {"pregnancy_result", "outcome_result"}
        & {f.element for s in form.sections for f in s.fields}
    }


def _read(data: Mapping[str, Any], name: str) -> Any:
    element = content.library().dictionary.elements.get(name)
    return None if element is None else coerce(element, data.get(name))


def conceived_within_year(
    check_on: date, told: Iterable[tuple[Mapping[str, Any], date]]
) -> bool | None:
    """Whether a pregnancy began from the check to the same day a year later; None: not known."""
    limit = add(check_on, YEAR)
    began: list[date] = []
    asked: list[date] = []
    for data, on in told:
        result, lmp = data.get("pregnancy_result"), _read(data, "lmp")
        if result == PREGNANT and lmp is not None:
            began.append(lmp + FROM_LMP)
        elif result == NOT_PREGNANT:
            asked.append(_read(data, "early_followup_on") or on)
    after = [day for day in began if day >= check_on]
    if after:
        return min(after) <= limit
    return False if max(asked, default=check_on) >= limit else None


def pregnancy_ended(told: Sequence[tuple[Mapping[str, Any], date]], on: date) -> str | None:
    """How the latest pregnancy followed up ended; `ongoing`, or None where it is not known."""
    kinds = content.library().dictionary.value_sets.get("pregnancy_end")
    began: date | None = None
    ended: tuple[date, str | None] | None = None
    for data, asked in told:
        lmp = _read(data, "lmp")
        if data.get("pregnancy_result") == PREGNANT and lmp is not None:
            began = max(began, lmp) if began else lmp
        if data.get("outcome_result") == ENDED and data.get("outcome") is not None:
            code = kinds.current_codes.get(data["outcome"]) if kinds else None
            ended = (_read(data, "outcome_on") or asked, code)
    if began is not None and (ended is None or began > ended[0]):
        return "ongoing" if on <= began + LONGEST else None
    return ended[1] if ended else None
