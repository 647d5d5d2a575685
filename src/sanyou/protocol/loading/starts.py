"""Reads `starts` of programme.yaml: what signing a form begins in other programmes."""

from __future__ import annotations

from collections.abc import Mapping

from sanyou.protocol.loading.draft import Draft
from sanyou.protocol.loading.parts import Parts
from sanyou.protocol.models import StartSpec
from sanyou.protocol.programme import Form, Programme, Start
from sanyou.protocol.scope import COUPLE, Scope
from sanyou.protocol.yamlfile import Loc, read_yaml


def load_starts(
    draft: Draft, parts: Parts, scope: Scope, forms: Mapping[str, Form]
) -> tuple[Start, ...]:
    draft.unique(parts.file, ("starts",), (s.id for s in parts.spec.starts))
    found = []
    for index, spec in enumerate(parts.spec.starts):
        loc: Loc = ("starts", index)
        form = forms.get(spec.form)
        if form is None:
            draft.unknown(parts.file, (*loc, "form"), "表单", "form", spec.form, forms)
            continue
        if (spec.subject == "child") != (spec.child is not None):
            draft.fail(
                parts.file,
                loc,
                "starts",
                "subject: child 要写 child（出生日期等数据元），subject: person 不写。",
                "subject: child needs child (its elements); subject: person has none.",
            )
        _check_names(draft, parts, loc, spec, form)
        person = spec.role or form.roles[0]
        scoped = scope.with_person(person if person != COUPLE else scope.roles[0])
        when = draft.expression(parts.file, (*loc, "when"), spec.when, scoped, may_always_hold=True)
        found.append(Start(spec, when))
    return tuple(found)


def _check_names(draft: Draft, parts: Parts, loc: Loc, spec: StartSpec, form: Form) -> None:
    on_form = {f.element for s in form.sections for f in s.fields}
    if spec.child is not None:
        for key, name in spec.child.model_dump().items():
            if name is not None and name not in on_form:
                where = (*loc, "child", key)
                draft.unknown(parts.file, where, "表单数据元", "element of the form", name, on_form)
    for target, source in spec.carry.items():
        for name in (target, source):
            draft.used.add(name)
            if name not in draft.elements:
                draft.unknown(parts.file, (*loc, "carry", target), "数据元", "element", name, ())


def check_starts(draft: Draft, programme: Programme) -> None:
    """Every programme begun can be opened with what is carried into it; known once all are read."""
    file = read_yaml(programme.folder / "programme.yaml", programme.folder.parent.parent)
    for index, start in enumerate(programme.spec.starts):
        for number, name in enumerate(start.programmes):
            loc: Loc = ("starts", index, "programmes", number)
            other = draft.programmes.get(name)
            if other is None or other.subject != "person":
                known = [p.id for p in draft.programmes.values() if p.subject == "person"]
                draft.unknown(file, loc, "个人项目", "programme of persons", name, known)
                continue
            opening = other.forms.get(other.opening_form or "")
            fields = [f for s in opening.sections for f in s.fields] if opening else []
            for field in fields:
                open_ended = field.show_if is None and field.default is None
                if field.required and open_ended and field.element not in start.carry:
                    draft.fail(
                        file,
                        loc,
                        "starts",
                        f"“{other.label}”的登记表必填“{field.element}”，carry 里没有，无法自动登记。",
                        f'"{name}" needs "{field.element}" on its opening form; carry it.',
                    )
