"""What a statistician looks at before she hands a report in.

An error stops the submission; a note asks to be looked at.
"""

import datetime as dt
from collections import Counter
from dataclasses import dataclass
from typing import Literal

from django.utils.translation import gettext as _

from sanyou.care.models import Encounter, Episode
from sanyou.figures.report import DENOMINATOR, Value, month_of
from sanyou.protocol.programme import Programme
from sanyou.registry.access import outside
from sanyou.registry.models import Doubt, Region

# A change against last month worth a look: by half, and by at least ten cases.
CHANGE_SHARE, CHANGE_CASES = 0.5, 10


@dataclass(frozen=True, slots=True)
class Check:
    """One finding, with the indicators it speaks about."""

    level: Literal["error", "note"]
    text: str
    indicators: tuple[str, ...] = ()


def run(
    programme: Programme,
    values: dict[str, Value],
    cases: dict[str, list[str]],
    previous: dict[str, Value] | None = None,
) -> list[Check]:
    """Sums, rates, cases counted twice, and large changes since last month."""
    names = {i: str(programme.indicators[i].label) for i in values if i in programme.indicators}
    found = [*_sums(values, cases, names), *_crossed(cases, names), *_twice(cases, names)]
    if previous is not None:
        found += _changes(values, previous, names)
    return found


def _sums(
    values: dict[str, Value], cases: dict[str, list[str]], names: dict[str, str]
) -> list[Check]:
    """Every figure is the number of its cases; no part is larger than its whole."""
    found = []
    for indicator, value in values.items():
        name = names.get(indicator, indicator)
        if isinstance(value, dict):
            parts = (len(cases.get(indicator, ())), len(cases.get(indicator + DENOMINATOR, ())))
            wrong = parts != (value["numerator"], value["denominator"]) or parts[0] > parts[1]
        else:
            wrong = value != len(cases.get(indicator, ()))
        if wrong:
            text = _("“%s”的数字与个案清单不一致，请重新生成报表。") % name
            found.append(Check("error", text, (indicator,)))
    return found


def _crossed(cases: dict[str, list[str]], names: dict[str, str]) -> list[Check]:
    """No case is normal and abnormal at once (indicators named x_normal_y and x_abnormal_y)."""
    found = []
    for indicator, listed in cases.items():
        other = indicator.replace("_normal_", "_abnormal_")
        both = set(listed) & set(cases.get(other, ())) if other != indicator else set()
        if both:
            text = _("%(count)d 例同时计入“%(one)s”和“%(two)s”，请核对检查记录。") % {
                "count": len(both),
                "one": names.get(indicator, indicator),
                "two": names.get(other, other),
            }
            found.append(Check("error", text, (indicator, other)))
    return found


def _twice(cases: dict[str, list[str]], names: dict[str, str]) -> list[Check]:
    """The same couple with two records in one figure."""
    keys = {key for listed in cases.values() for key in listed}
    couple_of = {
        str(key): couple
        for key, couple in Episode.objects.filter(key__in=keys).values_list("key", "couple")
        if couple is not None
    }
    found = []
    for indicator, listed in cases.items():
        if indicator.endswith(DENOMINATOR):
            continue
        couples = Counter(couple_of[k] for k in listed if k in couple_of)
        double = sum(1 for n in couples.values() if n > 1)
        if double:
            text = _("%(count)d 对夫妇在“%(name)s”中有两份档案，请核实是否重复建档。") % {
                "count": double,
                "name": names.get(indicator, indicator),
            }
            found.append(Check("note", text, (indicator,)))
    return found


def _changes(
    values: dict[str, Value], previous: dict[str, Value], names: dict[str, str]
) -> list[Check]:
    found = []
    for indicator, value in values.items():
        before = previous.get(indicator)
        if isinstance(value, dict) or not isinstance(before, int):
            continue
        change = abs(value - before)
        if change >= CHANGE_CASES and change > before * CHANGE_SHARE:
            text = _("“%(name)s”由上月 %(before)d 变为 %(now)d，请核实。") % {
                "name": names.get(indicator, indicator),
                "before": before,
                "now": value,
            }
            found.append(Check("note", text, (indicator,)))
    return found


def waiting(programme_id: str, region: Region, month: dt.date) -> list[Check]:
    """Records of the month that cannot be counted yet: unsigned, or held as possible duplicates."""
    start, end = month_of(month)
    drafts = Encounter.objects.filter(
        status=Encounter.Status.DRAFT,
        occurred_on__range=(start, end),
        episode__programme=programme_id,
        episode__region__code__startswith=region.prefix,
    ).count()
    open_ = Doubt.objects.filter(
        status=Doubt.Status.OPEN,
        region__code__startswith=region.prefix,
        created_at__date__range=(start, end),
    )
    doubts = outside(open_).count()
    found = []
    if drafts:
        text = _("本月还有 %d 份检查记录没有签名，未计入报表。") % drafts
        found.append(Check("note", text))
    if doubts:
        found.append(Check("note", _("本月还有 %d 条疑似重复登记没有处理。") % doubts))
    return found
