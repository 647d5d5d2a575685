"""Z-scores of growth charts by the LMS method, as WHO's software `anthro` computes them.

Tables stand in content/charts: one row a day of age, or 0.1 cm of length or height, with L (power),
M (median) and S (coefficient of variation).
Source: WHO Child Growth Standards: Methods and development (2006), chapter 7 "Computation of
centiles and z-scores"; length measured where height is due, and the reverse, differ by 0.7 cm.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_HALF_UP, Decimal

from sanyou.protocol.models import Growth, GrowthChart

TWO_YEARS = 731  # days of age from which the standing height is the measure
POSITION = Decimal("0.7")  # cm between length lying and height standing
TERM = 280  # days of gestation at term
CORRECTED_UNTIL = 731  # days of age until which a preterm child's age is corrected


@dataclass(frozen=True, slots=True)
class LMS:
    """Box-Cox power, median and coefficient of variation at one point of a chart."""

    power: float
    median: float
    variation: float

    def z(self, value: float, adjusted: bool) -> float:
        """Z-score; `adjusted` goes on linearly beyond ±3 SD."""
        if abs(self.power) < 1e-8:
            found = math.log(value / self.median) / self.variation
        else:
            found = ((value / self.median) ** self.power - 1) / (self.power * self.variation)
        if not adjusted or abs(found) <= 3:
            return found
        side = 3 if found > 0 else -3
        third, second = self.at(side), self.at(side * 2 / 3)
        return side + (value - third) / abs(third - second)

    def at(self, z: float) -> float:
        """The measurement at a z-score within ±3."""
        if abs(self.power) < 1e-8:
            return float(self.median * math.exp(self.variation * z))
        return float(self.median * (1 + self.power * self.variation * z) ** (1 / self.power))


Table = Mapping[tuple[str, int], LMS]  # (sex, day of age or tenths of a cm)


@dataclass(frozen=True)
class Chart:
    """A chart with its tables: (last day of age, table, whether it goes by length)."""

    spec: GrowthChart
    tables: tuple[tuple[int | None, Table, bool], ...] = field(repr=False)

    @property
    def by_length(self) -> bool:
        return any(by for _until, _table, by in self.tables)

    def point(self, sex: str, age: int, length: Decimal | None = None) -> LMS | None:
        """The row for this sex and age in days (and length in cm); None outside the chart."""
        for until, table, by_length in self.tables:
            if until is not None and age > until:
                continue
            if not by_length:
                return table.get((sex, age))
            if length is None:
                return None
            return _between(table, sex, length)
        return None


def _between(table: Table, sex: str, length: Decimal) -> LMS | None:
    """The row of a length; between two rows as `anthro` does, in proportion."""
    tenths = int(length * 10)
    part = float(length * 10 - tenths)
    low = table.get((sex, tenths))
    if low is None or part == 0:
        return low
    high = table.get((sex, tenths + 1))
    if high is None:
        return None
    return LMS(
        low.power + (high.power - low.power) * part,
        low.median + (high.median - low.median) * part,
        low.variation + (high.variation - low.variation) * part,
    )


def corrected_age(age: int, gestation: int | None) -> int:
    """Age in days less what is missing to term, until 24 months; never below 0."""
    if gestation is None or gestation >= 259 or age >= CORRECTED_UNTIL:
        return age
    return max(0, age - (TERM - gestation))


def length_due(length: Decimal, age: int, position: str | None) -> Decimal:
    """Length as it is due at this age: lying below two years, standing from then on (cm)."""
    if position == "standing" and age < TWO_YEARS:
        return length + POSITION
    if position == "lying" and age >= TWO_YEARS:
        return length - POSITION
    return length


def score(
    charts: Mapping[str, Chart],
    wanted: Growth,
    sex: str | None,
    numbers: Mapping[str, Decimal | None],
    position: str | None,
) -> Decimal | None:
    """Z-score to two decimals; None where a value is missing, the sex unknown, or off the chart."""
    chart = charts.get(wanted.chart)
    value, age = numbers.get(wanted.value), numbers.get(wanted.age)
    if chart is None or sex is None or value is None or age is None or value <= 0:
        return None
    gestation = numbers.get(wanted.gestation) if wanted.gestation else None
    days = corrected_age(int(age), None if gestation is None else int(gestation))
    length = numbers.get(wanted.by) if wanted.by else None
    if length is not None:
        length = length_due(length, int(age), position)
    if wanted.chart == "length_height_for_age":
        value = length_due(value, int(age), position)
    point = chart.point(sex, days, length)
    if point is None:
        return None
    z = point.z(float(value), chart.spec.adjusted)
    return Decimal(str(z)).quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)
