"""An edited copy of a document: what was changed, as data, laid over the document's own file.

Changes are a flat mapping, field -> value; a field is the place in the terms of one programme:
  price/0/amount "480.00"          shares/1/percent "25"         targets/coverage/value "95"
  shares/+/label, /percent (/percent@TIER where there are tiers)
  eligibility/ID/when "…"          eligibility/ID/off true       eligibility/+/label, /when
  entitlement/ID/when|grant|off    items/ID/off, items/ID/who    items/+/label, /who, /requires
  price/+/from, /amount            id, label, document_number, issued_on, from (of the new document)
The strict loader reads the result, so a mistake is told in its words, at the field it was made in.
"""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import yaml

from sanyou.protocol.errors import ContentError, ContentErrors
from sanyou.protocol.library import Library
from sanyou.protocol.loading.draft import Draft
from sanyou.protocol.loading.policies import load_policies
from sanyou.protocol.policy import Policy
from sanyou.protocol.yamlfile import Loc, read_yaml

Changes = Mapping[str, Any]
NEW = "+"
HEAD = ("id", "label", "document_number", "issued_on", "from")
_SOURCE = {"ref": "拟稿", "status": "example"}


class DraftErrors(Exception):
    """The edited copy does not read. `fields`: field -> message; `others`: not at any field."""

    def __init__(self, fields: dict[str, str], others: list[str]) -> None:
        super().__init__("; ".join([*fields.values(), *others]))
        self.fields = fields
        self.others = others


@dataclass(frozen=True)
class Redraft:
    """The document with its changes: plain data, and which field each place came from."""

    data: dict[str, Any]
    places: dict[Loc, str]

    def text(self) -> str:
        """As a complete policy file."""
        return dump(self.data)

    def alone(self) -> str:
        """The same without what it says of other documents, so that it can be read by itself."""
        data = copy.deepcopy(self.data)
        data["repeals"] = []
        for clause in data.get("clauses") or []:
            by = [name for name in clause.get("by") or [] if not name.startswith(_OF_OTHERS)]
            if clause.get("by") and not by:
                clause["status"], clause["reason"] = "open", "repeals"
            clause["by"] = by
        return dump(data)


_OF_OTHERS = ("repeals", "policy:")


def dump(data: dict[str, Any]) -> str:
    """Plain data as a policy file is written; two documents so written can be laid side by side."""
    return yaml.dump(
        data, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=10**6, indent=2
    )


class _Dumper(yaml.SafeDumper):
    """Block style; text of several lines as such; decimals plain."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> Any:
        return super().increase_indent(flow, False)


def _represent_text(dumper: Any, text: str) -> Any:
    return dumper.represent_scalar(
        "tag:yaml.org,2002:str", text, style="|" if "\n" in text else None
    )


def _represent_decimal(dumper: Any, number: Decimal) -> Any:
    whole = number == number.to_integral_value()
    kind = "int" if whole else "float"
    return dumper.represent_scalar(f"tag:yaml.org,2002:{kind}", f"{number.normalize():f}")


_Dumper.add_representer(str, _represent_text)
_Dumper.add_representer(Decimal, _represent_decimal)


def source_of(lib: Library, policy: Policy) -> dict[str, Any]:
    """The document's file as plain data."""
    for root in reversed(lib.roots):
        path = root / policy.path
        if path.is_file():
            data: dict[str, Any] = read_yaml(path, root).data
            return data
    raise FileNotFoundError(policy.path)


def redraft(lib: Library, policy: Policy, programme: str, changes: Changes, on: date) -> Redraft:
    """The whole document with the changes in the terms of one of its programmes.

    It becomes a document of its own (id, number, dates) that repeals the one it is made from.
    """
    data = copy.deepcopy(source_of(lib, policy))
    terms: dict[str, Any] = data
    base: Loc = ()
    if programme != policy.spec.programmes[0]:
        terms, base = data["terms"][programme], ("terms", programme)
    places: dict[Loc, str] = {}
    gone: set[str] = set()
    _edit_rows(terms, base, "price", changes, places)
    _edit_rows(terms, base, "shares", changes, places)
    _edit_named(terms, base, "eligibility", changes, places, gone)
    if terms.get("entitlement"):
        inside = (*base, "entitlement")
        _edit_named(terms["entitlement"], inside, "decisions", changes, places, gone, "entitlement")
    _edit_named(terms, base, "items", changes, places, gone)
    _edit_named(data, (), "targets", changes, places, gone)
    _forget(data, gone, "" if not base else f"{programme}.")
    _head(data, policy, changes, on, places)
    return Redraft(data, places)


def _edit_rows(
    terms: dict[str, Any], base: Loc, name: str, changes: Changes, places: dict[Loc, str]
) -> None:
    """Rows known by their number: prices and shares."""
    rows = terms.get(name) or []
    for index, row in enumerate(rows):
        for key in list(row):
            field = f"{name}/{index}/{key}"
            places[*base, name, index, key] = field
            if field in changes:
                row[key] = _number(changes[field]) if key == "percent" else changes[field]
    if name == "price" and changes.get(f"price/{NEW}/amount"):
        per = rows[-1]["per"] if rows else "couple"
        rows.append(
            {
                "from": _day(changes.get(f"price/{NEW}/from")),
                "amount": changes[f"price/{NEW}/amount"],
                "per": per,
                "source": dict(_SOURCE),
            }
        )
        for key in ("from", "amount"):
            places[*base, name, len(rows) - 1, key] = f"price/{NEW}/{key}"
        terms["price"] = rows
    if name == "shares":
        _add_payer(rows, (*base, name), changes, places)
    if rows:
        places.setdefault((*base, name), f"{name}/0/{'amount' if name == 'price' else 'percent'}")


def _add_payer(
    rows: list[dict[str, Any]], base: Loc, changes: Changes, places: dict[Loc, str]
) -> None:
    """A further payer, with a percentage for each tier there is."""
    label = str(changes.get(f"shares/{NEW}/label") or "").strip()
    for tier in list(dict.fromkeys(row.get("tier") for row in rows)):
        field = f"shares/{NEW}/percent" + (f"@{tier}" if tier else "")
        if not label or not changes.get(field):
            continue
        row = {"payer": "added_payer", "label": label, "percent": _number(changes[field])}
        rows.append(row | ({"tier": tier} if tier else {}) | {"source": dict(_SOURCE)})
        places[*base, len(rows) - 1, "percent"] = field


def _edit_named(
    holder: dict[str, Any],
    base: Loc,
    name: str,
    changes: Changes,
    places: dict[Loc, str],
    gone: set[str],
    kind: str = "",
) -> None:
    """Rows known by their id: criteria, decisions, items, targets."""
    kind = kind or name
    kept: list[dict[str, Any]] = []
    for row in holder.get(name) or []:
        if changes.get(f"{kind}/{row['id']}/off"):
            gone.add(f"{_CITED[kind]}:{row['id']}")
            continue
        for key in ("when", "grant", "who", "value"):
            field = f"{kind}/{row['id']}/{key}"
            places[*base, name, len(kept), key] = field
            if field in changes:
                row[key] = _number(changes[field]) if key == "value" else changes[field]
        kept.append(row)
    _add_new(kind, kept, changes, (*base, name), places)
    if kept or name in holder:
        holder[name] = kept


_CITED = {
    "eligibility": "eligibility",
    "entitlement": "entitlement",
    "items": "item",
    "targets": "target",
}


def _add_new(
    kind: str, rows: list[dict[str, Any]], changes: Changes, base: Loc, places: dict[Loc, str]
) -> None:
    label = str(changes.get(f"{kind}/{NEW}/label") or "").strip()
    if not label or kind not in {"eligibility", "items"}:
        return
    number = len(rows)
    row: dict[str, Any] = {"id": f"added_{number + 1}", "label": label}
    if kind == "eligibility":
        row["when"] = changes.get(f"{kind}/{NEW}/when") or ""
        row["refuse"] = f"不符合“{label}”"
        row["ask"] = f"缺少判断“{label}”所需的资料，请补填"
    else:
        row["who"] = list(changes.get(f"{kind}/{NEW}/who") or [])
        row["kind"] = "laboratory"
        row["requires"] = list(changes.get(f"{kind}/{NEW}/requires") or [])
    row["source"] = dict(_SOURCE)
    rows.append(row)
    for key in ("label", "when", "who", "requires"):
        places[*base, number, key] = f"{kind}/{NEW}/{key}"


def _forget(data: dict[str, Any], gone: set[str], prefix: str) -> None:
    """Clauses no longer name what was taken out; a clause left with nothing is open."""
    names = {f"{prefix}{name}" for name in gone}
    names |= gone if not prefix else {n for n in gone if n.startswith("target:")}
    for clause in data.get("clauses") or []:
        by = clause.get("by") or []
        left = [name for name in by if name not in names]
        if len(left) == len(by):
            continue
        clause["by"] = left
        if not left:
            del clause["by"]
            clause["status"], clause["reason"] = "open", "拟稿中停用了实现这一条的内容。"


def _head(
    data: dict[str, Any], policy: Policy, changes: Changes, on: date, places: dict[Loc, str]
) -> None:
    start = _day(changes.get("from")) or date(on.year + 1, 1, 1)
    data["id"] = changes.get("id") or f"{policy.id}-draft"
    if changes.get("label"):
        data["label"] = changes["label"]
    data["document_number"] = changes.get("document_number") or f"（拟稿）{policy.document_number}"
    data["issued_on"] = _day(changes.get("issued_on")) or min(on, start)
    data["in_force"] = {"from": start, "until": None}
    data["repeals"] = [policy.id]
    for key in ("id", "label", "document_number", "issued_on"):
        places[key,] = key
    places["in_force",] = places["in_force", "from"] = "from"
    for clause in data.get("clauses") or []:  # the new document repeals another one
        clause["by"] = [
            f"{name.partition(':')[0]}:{policy.id}"
            if name.startswith(("repeals:", "policy:"))
            else name
            for name in clause.get("by") or []
        ]
        if not clause["by"]:
            del clause["by"]


def _number(value: Any) -> Any:
    """What was typed as a decimal, else as it is for the loader to complain about."""
    try:
        return Decimal(str(value))
    except InvalidOperation:
        return str(value)


def _day(value: Any) -> date | None:
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value)) if value else None
    except ValueError:
        return None


def read(lib: Library, text: str) -> Policy:
    """A policy file by itself, read strictly over the dictionary and programmes of a library."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        (root / "policies").mkdir()
        (root / "policies" / "draft.yaml").write_text(text, encoding="utf-8")
        draft = Draft((root,))
        draft.dictionary = lib.dictionary
        draft.elements = dict(lib.dictionary.elements)
        draft.value_sets = dict(lib.dictionary.value_sets)
        draft.programmes = dict(lib.programmes)
        load_policies(draft)
    if draft.errors:
        raise ContentErrors(draft.errors)
    return next(iter(draft.policies.values()))


def policy_from(lib: Library, made: Redraft) -> Policy:
    """The edited copy at run time. DraftErrors with each mistake at its field."""
    text = made.alone()
    try:
        return read(lib, text)
    except ContentErrors as error:
        raise _at_fields(made, text, error.errors) from error


def _at_fields(made: Redraft, text: str, errors: list[ContentError]) -> DraftErrors:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "draft.yaml"
        path.write_text(text, encoding="utf-8")
        file = read_yaml(path, path.parent)
    at: dict[int, str] = {}
    for loc, field in made.places.items():
        if loc in file.lines:
            at.setdefault(file.lines[loc], field)
    fields: dict[str, str] = {}
    others: list[str] = []
    for error in errors:
        if error.line in at:
            fields.setdefault(at[error.line], error.zh)
        else:
            others.append(error.zh)
    return DraftErrors(fields, others)
