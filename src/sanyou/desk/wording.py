"""A condition as a doctor reads it: 谷丙转氨酶偏高，且 (年龄 ≥ 35 岁 或 吸烟)."""

from datetime import date
from typing import Any

from django.utils.translation import gettext as _

from sanyou.desk.views.records_form import words
from sanyou.protocol.conditions import (
    And,
    Arithmetic,
    Between,
    Compare,
    Fact,
    Holds,
    In,
    IsNull,
    Literal,
    Node,
    Not,
    Or,
    Value,
)
from sanyou.protocol.programme import Programme
from sanyou.protocol.scope import FactSpec
from sanyou.protocol.wording import number, unit_text

_SIGNS = {"<=": "≤", ">=": "≥", "<>": "≠", "=": "=", "<": "<", ">": ">", "*": "×"}


def in_words(programme: Programme, node: Node, role: str) -> str:
    """The condition of a rule that speaks about `role`; facts of others carry whose they are."""
    return _Wording(programme, role).condition(node)


class _Wording:
    def __init__(self, programme: Programme, role: str) -> None:
        self.programme = programme
        self.role = role

    def condition(self, node: Node) -> str:
        if isinstance(node, And | Or):
            glue = _("，且 ") if isinstance(node, And) else _(" 或 ")
            parts = [
                f"（{self.condition(p)}）" if isinstance(p, And | Or) else self.condition(p)
                for p in node.parts
            ]
            return glue.join(parts)
        if isinstance(node, Not):
            return self._denied(node.part)
        if isinstance(node, IsNull):
            return _("%s未知") % self._name(node.fact.spec)
        if isinstance(node, Holds):
            return self._holds(node.value)
        if isinstance(node, Between):
            low, high = self._value(node.low, node.value), self._value(node.high, node.value)
            return f"{self._value(node.value)} {low}–{high}"
        if isinstance(node, In):
            answers = "、".join(self._value(option, node.value) for option in node.options)
            return self._is(node.value, answers)
        return self._compared(node)

    def _denied(self, node: Node) -> str:
        if isinstance(node, IsNull):
            return _("%s已知") % self._name(node.fact.spec)
        if isinstance(node, Holds) and isinstance(node.value, Fact):
            if node.value.spec.suffix.startswith("in_"):
                return _("%(what)s不在%(area)s") % self._placed(node.value.spec)
            return _("%s：否") % self._name(node.value.spec)
        return _("不是（%s）") % self.condition(node)

    def _holds(self, value: Fact | Literal) -> str:
        if isinstance(value, Literal):
            return _("总是") if value.value else _("从不")
        if value.spec.suffix.startswith("in_"):
            return _("%(what)s在%(area)s") % self._placed(value.spec)
        return _("%s：是") % self._name(value.spec)

    def _compared(self, node: Compare) -> str:
        left, right = self._value(node.left), self._value(node.right, node.left)
        if isinstance(node.left, Fact) and isinstance(node.right, Literal) and node.op == "=":
            return self._is(node.left, right)
        return f"{left} {_SIGNS.get(node.op, node.op)} {right}"

    def _is(self, value: Value, answers: str) -> str:
        if isinstance(value, Fact) and value.spec.suffix == "flag":
            return f"{self._name(value.spec)}{answers}"
        return _("%(what)s为%(answers)s") % {"what": self._value(value), "answers": answers}

    def _value(self, value: Value, beside: Value | None = None) -> str:
        """A fact by its name; a literal by its label, with the unit of what it is compared to."""
        if isinstance(value, Fact):
            return self._name(value.spec)
        if isinstance(value, Arithmetic):
            sign = _SIGNS.get(value.op, value.op)
            return f"{self._value(value.left)} {sign} {self._value(value.right)}"
        return self._literal(value.value, beside.spec if isinstance(beside, Fact) else None)

    def _literal(self, value: Any, spec: FactSpec | None) -> str:
        if spec is not None and spec.suffix == "flag":
            flags = {"high": _("偏高"), "low": _("偏低"), "normal": _("正常")}
            return flags.get(value, str(value))
        if isinstance(value, bool):
            return _("是") if value else _("否")
        if isinstance(value, date):
            return value.isoformat()
        element = spec.element if spec is not None else None
        if isinstance(value, str):
            code = element.value_set.find(value) if element and element.value_set else None
            return words(code.label) if code else value
        unit = unit_text(element.unit) if element else ""
        return f"{number(value)} {unit}".strip()

    def _placed(self, spec: FactSpec) -> dict[str, str]:
        """Whose region, and the area of the document it is compared to."""
        area = words(spec.label).replace(": ", "：").partition("：")[2]
        return {"what": self._name(spec), "area": area}

    def _name(self, spec: FactSpec) -> str:
        label = words(spec.element.label)
        if spec.suffix and spec.suffix != "flag" and not spec.suffix.startswith("in_"):
            value_set = spec.element.value_set
            code = value_set.find(spec.suffix) if value_set else None
            label += f"（{words(code.label) if code else words(spec.label)}）"
        if spec.role == self.role:
            return label
        return f"{words(self.programme.role_label.get(spec.role, spec.role))}{label}"
