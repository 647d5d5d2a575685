"""What a comparison of two documents looks like: lines with both values, and their bars."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sanyou.desk.views import whatif_form as forms
from sanyou.desk.views.records_form import words
from sanyou.figures.models import PolicyDraft
from sanyou.figures.whatif import Comparison, Group
from sanyou.protocol.policy import Policy
from sanyou.protocol.pricing import to_yuan
from sanyou.registry.models import Region

STATE: dict[str, Promise] = {
    "free": gettext_lazy("免费"),
    "own_cost": gettext_lazy("自费"),
    "unknown": gettext_lazy("不能确定"),
    "no": gettext_lazy("不符合"),
}


@dataclass(frozen=True)
class Line:
    """One quantity under both documents. `most`: the length of a whole bar."""

    label: str
    base: int
    draft: int
    most: int
    money: bool = False

    @property
    def difference(self) -> str:
        """With its sign; "—" where nothing changes."""
        delta = self.draft - self.base
        if not delta:
            return "—"
        return ("+" if delta > 0 else "−") + self._text(abs(delta))

    @property
    def base_text(self) -> str:
        return self._text(self.base)

    @property
    def draft_text(self) -> str:
        return self._text(self.draft)

    def _text(self, value: int) -> str:
        if not self.money:
            return f"{value:,}"
        yuan, _sep, fen = to_yuan(value).partition(".")
        return f"{int(yuan):,}.{fen}"


def lines(rows: Iterable[tuple[str, int, int]], money: bool = False) -> list[Line]:
    """Lines drawn on one scale."""
    listed = list(rows)
    most = max((max(base, draft) for _label, base, draft in listed), default=0)
    return [Line(label, base, draft, most, money) for label, base, draft in listed]


def page(
    base: Policy, draft: Policy, made: Comparison, row: PolicyDraft, on: dt.date
) -> dict[str, Any]:
    """Everything the page, and the workbook, shows."""
    names = _names(made)
    one, other = made.base, made.draft
    couples = [
        (_("符合条件"), one.eligible, other.eligible),
        *((str(STATE[s]), one.couples[s], other.couples[s]) for s in STATE),
    ]
    payers = {s.payer: words(s.label) for p in (draft, base) for s in p.shares}
    towns = sorted({*one.towns, *other.towns}, key=lambda code: -one.towns.get(code, 0))
    items = _items(base, draft)
    return {
        "base": base,
        "made": draft,
        "found": made,
        "on": on,
        "changes": changes(base, row),
        "couples_lines": lines(couples),
        "free": Line("", one.couples["free"], other.couples["free"], made.cases),
        "money": Line("", one.fen, other.fen, max(one.fen, other.fen), True),
        "payers": lines(
            ((label, one.payers.get(p, 0), other.payers.get(p, 0)) for p, label in payers.items()),
            money=True,
        ),
        "unpriced": max(one.unpriced, other.unpriced),
        "groups": _groups(base, draft, made, names),
        "towns": lines(
            (names.get(c, c), one.towns.get(c, 0), other.towns.get(c, 0)) for c in towns
        ),
        "load": lines(
            (names.get(c, c), _sum(one.load, c, items), _sum(other.load, c, items)) for c in towns
        ),
        "items": lines(
            (label, _of_item(one.load, i), _of_item(other.load, i)) for i, label in items.items()
        ),
        "moves": [
            (str(STATE[b]), str(STATE[d]), n)
            for (b, d), n in sorted(made.moves.items(), key=lambda m: -m[1])
            if b != d
        ],
        "unknown_facts": [words(_fact(base, draft, name)) for name in made.unknown_facts],
        "targets": _targets(base, draft),
        "couple": _("对") if base.price == [] or base.price[0].per == "couple" else _("人"),
    }


def _fact(base: Policy, draft: Policy, name: str) -> Any:
    return (
        base.fact_label(name) if base.scope and name in base.scope.facts else draft.fact_label(name)
    )


def changes(base: Policy, row: PolicyDraft) -> list[tuple[str, str, str]]:
    """(what, in the document, in the draft) of every change that bears on a case."""
    heads = {"id", "label", "document_number", "issued_on", "from"}
    found = []
    for name, value in row.changes.items():
        if name in heads:
            continue
        text = forms.shown(value) if not name.endswith("/off") else _("停用")
        label = forms.field_label(base, name).removesuffix(" " + _("停用"))
        found.append((label, forms.before_of(base, name), text))
    return found


def _items(base: Policy, draft: Policy) -> dict[str, str]:
    """Items that are work for the laboratory."""
    return {i.id: words(i.label) for p in (base, draft) for i in p.items if i.kind == "laboratory"}


def _sum(load: Mapping[tuple[str, str], int], town: str, items: Mapping[str, str]) -> int:
    return sum(load.get((town, item), 0) for item in items)


def _of_item(load: Mapping[tuple[str, str], int], item: str) -> int:
    return sum(n for (_town, one), n in load.items() if one == item)


def _names(made: Comparison) -> dict[str, str]:
    codes = {g.name for g in made.groups if g.kind == "town"}
    return {r.code: r.name for r in Region.objects.filter(pk__in=codes)}


def _targets(base: Policy, draft: Policy) -> list[tuple[str, str, str]]:
    new = {t.id: t for t in draft.targets}
    return [
        (
            words(t.label) or t.id,
            f"{t.value:f}{t.unit}",
            f"{new[t.id].value:f}{t.unit}" if t.id in new else _("（取消）"),
        )
        for t in base.targets
    ]


_KINDS = {
    "criterion": gettext_lazy("按哪一条"),
    "town": gettext_lazy("按镇街"),
    "child_order": gettext_lazy("按孩次"),
    "hukou": gettext_lazy("按户籍"),
}


def _groups(
    base: Policy, draft: Policy, made: Comparison, names: Mapping[str, str]
) -> list[dict[str, Any]]:
    found = []
    for kind, label in _KINDS.items():
        rows = [
            (g, _group_label(base, draft, g, names))
            for g in made.groups
            if g.kind == kind and (g.gains or g.loses or g.uncertain)
        ]
        if rows:
            found.append({"kind": kind, "label": label, "rows": rows})
    return found


def _group_label(base: Policy, draft: Policy, group: Group, names: Mapping[str, str]) -> str:
    if group.kind == "criterion":
        return why(base, draft, group.name)
    if group.kind == "town":
        return names.get(group.name, group.name)
    if group.kind == "child_order":
        return _("第 %s 孩") % group.name if group.name.isdigit() else _("孩次未填")
    return {
        "True": _("双方户籍都在外地（流动人口）"),
        "False": _("至少一方户籍在本地"),
    }.get(group.name, _("户籍未填"))


def why(base: Policy, draft: Policy, name: str) -> str:
    """ "eligibility:residence" as a person calls it, with its clause."""
    kind, _sep, which = name.partition(":")
    if name == "eligibility:benefit":
        return _("没有可以补助的金额")
    for policy in (base, draft):
        rows: list[Any] = list(policy.eligibility)
        if kind == "entitlement":
            rows = list(policy.entitlement.decisions) if policy.entitlement else []
        for row in rows:
            if row.id == which:
                label: str = words(getattr(row, "label", None) or row.text)
                return f"{label}（{row.clause}）" if row.clause else label
    return _("没有规定")


def source_words(context: Mapping[str, Any]) -> str:
    """On what it was tried."""
    if context.get("year"):
        return _("%d 年登记的档案") % int(context["year"])
    return _("虚构人口 %s 对") % f"{context['couples']:,}"
