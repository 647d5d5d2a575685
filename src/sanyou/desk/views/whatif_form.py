"""The fields on which a copy of a document is edited; their names are those of its changes."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from sanyou.care import content
from sanyou.desk.views.records_form import words
from sanyou.protocol.policy import Policy
from sanyou.protocol.redraft import NEW

_LIST = "，"


@dataclass(frozen=True)
class Field:
    """One control: `value` as it stands now, `before` as it stands in the document."""

    name: str
    label: str
    value: str
    before: str = ""
    error: str = ""
    unit: str = ""
    hint: str = ""

    @property
    def changed(self) -> bool:
        return self.value.strip() != self.before.strip()


@dataclass(frozen=True)
class Row:
    """A criterion, decision or item: on or off, and its fields."""

    id: str
    label: str
    clause: str
    on: bool
    fields: list[Field] = field(default_factory=list)
    who: list[tuple[str, str, bool]] = field(default_factory=list)  # role, label, chosen
    grant: str = ""
    error: str = ""
    text: str = ""
    changed: bool = False


def form_of(
    base: Policy,
    part: Policy,
    values: Mapping[str, Any],
    errors: Mapping[str, str],
    on: dt.date,
) -> dict[str, Any]:
    """The sections of the form."""

    def made(name: str, label: str, before: str, unit: str = "", hint: str = "") -> Field:
        value = values.get(name, before)
        return Field(name, label, str(value), before, errors.get(name, ""), unit, hint)

    head = [
        made("label", _("文件名称"), words(base.label)),
        made("document_number", _("文号"), _("（拟稿）%s") % base.document_number),
        made("issued_on", _("发文日期"), on.isoformat(), hint=_("如 2027-01-01")),
        made(
            "from",
            _("施行日期"),
            dt.date(on.year + 1, 1, 1).isoformat(),
            hint=_("试算按这一天的价格"),
        ),
        made("id", _("文件编号"), f"{base.id}-draft", hint=_("小写字母、数字和连字符，也是文件名")),
    ]
    price = [
        made(f"price/{i}/amount", _("%s 起") % p.from_.isoformat(), p.amount, _("元"))
        for i, p in enumerate(part.price)
    ]
    if part.price:
        price += [
            made(f"price/{NEW}/amount", _("新价格"), "", _("元"), _("不改价可不填；两位小数")),
            made(f"price/{NEW}/from", _("新价格从哪天起"), "", "", _("如 2027-01-01")),
        ]
    tiers = {t.id: words(t.label) for t in base.tiers}
    shares = [
        made(
            f"shares/{i}/percent",
            words(s.label) + (f"（{tiers.get(s.tier, s.tier)}）" if s.tier else ""),
            f"{s.percent:f}",
            "%",
        )
        for i, s in enumerate(part.shares)
    ]
    if part.shares:
        shares.append(made(f"shares/{NEW}/label", _("新增付款方"), "", hint=_("不增加可不填")))
        for tier in dict.fromkeys(s.tier for s in part.shares):
            name = f"shares/{NEW}/percent" + (f"@{tier}" if tier else "")
            label = _("新增付款方的比例") + (f"（{tiers.get(tier, tier)}）" if tier else "")
            shares.append(made(name, label, "", "%"))
    targets = [
        made(f"targets/{t.id}/value", words(t.label) or t.id, f"{t.value:f}", t.unit)
        for t in base.targets
    ]
    return {
        "head": head,
        "price": price,
        "shares": shares,
        "targets": targets,
        "eligibility": _criteria(part, values, errors, made),
        "entitlement": _decisions(part, values, errors, made),
        "items": _items(part, values, errors),
        "new_criterion": [
            made(f"eligibility/{NEW}/label", _("新增条件的名称"), ""),
            made(f"eligibility/{NEW}/when", _("条件"), ""),
        ],
        "new_item": [
            made(f"items/{NEW}/label", _("新增项目的名称"), ""),
            Field(
                f"items/{NEW}/requires",
                _("要有结果的数据元"),
                _LIST.join(values.get(f"items/{NEW}/requires", [])),
                "",
                errors.get(f"items/{NEW}/requires", ""),
                "",
                _("写编号，几个之间用逗号，如 tsh"),
            ),
        ],
        "new_item_who": [
            (role, words(label), role in values.get(f"items/{NEW}/who", []))
            for role, label in _roles(part)
        ],
        "new_item_error": errors.get(f"items/{NEW}/who", ""),
    }


def _roles(part: Policy) -> list[tuple[str, Any]]:
    programme = content.library().programmes[part.programme]
    return [(role, programme.role_label[role]) for role in programme.roles]


def _criteria(part: Policy, values: Any, errors: Any, made: Any) -> list[Row]:
    return [
        Row(
            c.id,
            words(c.label),
            c.clause,
            not values.get(f"eligibility/{c.id}/off"),
            [made(f"eligibility/{c.id}/when", _("条件"), _one_line(c.when))],
            error=errors.get(f"eligibility/{c.id}/off", ""),
            changed=any(k.startswith(f"eligibility/{c.id}/") for k in values),
        )
        for c in part.eligibility
    ]


def _decisions(part: Policy, values: Any, errors: Any, made: Any) -> list[Row]:
    return [
        Row(
            d.id,
            words(d.text),
            d.clause,
            not values.get(f"entitlement/{d.id}/off"),
            [made(f"entitlement/{d.id}/when", _("条件"), _one_line(d.when))],
            grant=str(values.get(f"entitlement/{d.id}/grant", d.grant)),
            error=errors.get(f"entitlement/{d.id}/grant", ""),
            changed=any(k.startswith(f"entitlement/{d.id}/") for k in values),
        )
        for d in (part.entitlement.decisions if part.entitlement else ())
    ]


def _items(part: Policy, values: Any, errors: Any) -> list[Row]:
    roles = _roles(part)
    return [
        Row(
            i.id,
            words(i.label),
            i.clause,
            not values.get(f"items/{i.id}/off"),
            who=[
                (role, words(label), role in values.get(f"items/{i.id}/who", i.who))
                for role, label in roles
            ],
            error=errors.get(f"items/{i.id}/who", ""),
            changed=any(k.startswith(f"items/{i.id}/") for k in values),
        )
        for i in part.items
    ]


def _one_line(text: str) -> str:
    return " ".join(str(text).split())


def changes_of(given: Any, base: Policy, part: Policy) -> dict[str, Any]:
    """What was sent, less what stands in the document anyway."""
    plain = form_of(base, part, {}, {}, dt.date.min)
    changes: dict[str, Any] = {}
    always = {"label": plain["head"][0].before}
    for section in ("price", "shares", "targets", "new_criterion"):
        for one in plain[section]:
            _take(changes, one.name, given.get(one.name, one.before), one.before)
    for one in plain["head"]:
        _take(changes, one.name, given.get(one.name, ""), always.get(one.name, ""))
    for kind, rows in (
        ("eligibility", plain["eligibility"]),
        ("entitlement", plain["entitlement"]),
    ):
        for row in rows:
            one = row.fields[0]
            _take(changes, one.name, _one_line(given.get(one.name, one.before)), one.before)
            _off(changes, given, kind, row.id)
            if row.grant:
                name = f"{kind}/{row.id}/grant"
                _take(changes, name, given.get(name, row.grant), row.grant)
    for row in plain["items"]:
        _off(changes, given, "items", row.id)
        name = f"items/{row.id}/who"
        before = [role for role, _label, chosen in row.who if chosen]
        chosen = [role for role, _label, _c in row.who if role in given.getlist(name)]
        if chosen != before and f"items/{row.id}/off" not in changes:
            changes[name] = chosen
    if given.get(f"items/{NEW}/label", "").strip():
        changes[f"items/{NEW}/label"] = given[f"items/{NEW}/label"].strip()
        changes[f"items/{NEW}/who"] = given.getlist(f"items/{NEW}/who")
        listed = given.get(f"items/{NEW}/requires", "").replace("，", ",").replace("、", ",")
        changes[f"items/{NEW}/requires"] = [p.strip() for p in listed.split(",") if p.strip()]
    return changes


def _take(changes: dict[str, Any], name: str, value: str, before: str) -> None:
    if value.strip() and value.strip() != before.strip():
        changes[name] = value.strip()
    elif not value.strip() and before.strip():
        changes[name] = ""  # emptied: the loader says what belongs there


def _off(changes: dict[str, Any], given: Any, kind: str, name: str) -> None:
    if f"{kind}/{name}/on" not in given:
        changes[f"{kind}/{name}/off"] = True


def field_label(part: Policy, name: str) -> str:
    """What a person calls a field of the changes."""
    kind, _sep, rest = name.partition("/")
    which, _sep, key = rest.partition("/")
    heads = {
        "name": _("拟稿名称"),
        "label": _("文件名称"),
        "document_number": _("文号"),
        "issued_on": _("发文日期"),
        "from": _("施行日期"),
        "id": _("文件编号"),
    }
    if kind in heads:
        return heads[kind]
    keys = {
        "when": _("条件"),
        "off": _("停用"),
        "grant": _("结论"),
        "who": _("谁做"),
        "amount": _("金额"),
        "from": _("起始日"),
        "label": _("名称"),
        "requires": _("数据元"),
        "value": "",
        "percent": "",
    }
    key, _at, _tier = key.partition("@")
    kinds = {
        "price": _("价格"),
        "shares": _("分担"),
        "eligibility": _("资格"),
        "entitlement": _("享受次数"),
        "items": _("项目"),
        "targets": _("目标"),
    }
    label = _("新增") if which == NEW else _label_of(part, kind, which)
    return " ".join(p for p in (kinds.get(kind, kind), label, keys.get(key, key)) if p)


def _label_of(part: Policy, kind: str, which: str) -> str:
    if kind in ("price", "shares") and which.isdigit():
        rows: list[Any] = list(part.price if kind == "price" else part.shares)
        if int(which) < len(rows):
            row = rows[int(which)]
            tier = next(
                (words(t.label) for t in part.tiers if t.id == getattr(row, "tier", "")), ""
            )
            own = row.from_.isoformat() if kind == "price" else words(row.label)
            return f"{own}（{tier}）" if tier else own
    lists: dict[str, Any] = {
        "eligibility": part.eligibility,
        "entitlement": part.entitlement.decisions if part.entitlement else (),
        "items": part.items,
        "targets": part.targets,
    }
    for row in lists.get(kind, ()):
        if row.id == which:
            return words(getattr(row, "label", None) or getattr(row, "text", None)) or which
    return which


def shown(value: Any) -> str:
    """A value of a change in words."""
    if value is None or value == "":
        return _("（无）")
    if value is True:
        return _("是")
    if value in ("free", "own_cost"):
        return _("免费") if value == "free" else _("自费")
    if isinstance(value, list):
        names = {"wife": _("女方"), "husband": _("男方")}
        return "、".join(names.get(v, str(v)) for v in value)
    return str(value)


def before_of(part: Policy, name: str) -> str:
    """The same field as the document has it."""
    kind, _sep, rest = name.partition("/")
    which, _sep, key = rest.partition("/")
    if which == NEW:
        return ""
    if kind in ("price", "shares") and which.isdigit():
        row: Any = (part.price if kind == "price" else part.shares)[int(which)]
        return f"{row.percent:f}%" if kind == "shares" else str(row.amount)
    lists: dict[str, Any] = {
        "eligibility": part.eligibility,
        "entitlement": part.entitlement.decisions if part.entitlement else (),
        "items": part.items,
        "targets": part.targets,
    }
    for row in lists.get(kind, ()):
        if row.id == which:
            if key == "off":
                return _("启用")
            value = getattr(row, key, "")
            return (
                f"{value:f}"
                if kind == "targets"
                else shown(_one_line(value) if key == "when" else value)
            )
    return ""


def fact_names(part: Policy) -> list[tuple[str, str]]:
    """Facts a condition may read, those of the document first."""
    if part.scope is None:
        return []
    used = list(dict.fromkeys(n for e in part.conditions.values() for n in e.facts))
    more = [
        name
        for name, spec in part.scope.facts.items()
        if name not in used and not spec.suffix and spec.element.privacy in ("public", "identity")
    ]
    return [(name, words(part.scope.facts[name].label)) for name in [*used, *more]]


def elements_of(part: Policy) -> list[tuple[str, str]]:
    """Laboratory and other numeric or coded elements an item may require."""
    programme = content.library().programmes[part.programme]
    found: dict[str, str] = {}
    for role in programme.roles:
        for element in programme.elements_of[role]:
            if element.privacy in ("health", "restricted") and element.derived is None:
                found.setdefault(element.id, words(element.label))
    return list(found.items())
