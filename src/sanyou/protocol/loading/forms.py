"""Reads forms/*.yaml of a programme."""

from __future__ import annotations

from typing import Any

from sanyou.protocol.entry import parse_value
from sanyou.protocol.errors import similar
from sanyou.protocol.expression import Expression
from sanyou.protocol.loading.draft import Draft
from sanyou.protocol.loading.parts import Parts, role_known
from sanyou.protocol.models import FormFile
from sanyou.protocol.programme import Form
from sanyou.protocol.scope import COUPLE, Scope
from sanyou.protocol.yamlfile import Loc, YamlFile


def load_forms(draft: Draft, parts: Parts, scope: Scope) -> dict[str, Form]:
    forms: dict[str, Form] = {}
    for path in sorted(parts.folder.glob("forms/*.yaml")):
        file, spec = draft.read(path, parts.root, FormFile)
        if spec is None:
            continue
        if spec.id in forms:
            draft.duplicate(file, ("id",), spec.id, "form")
            continue
        forms[spec.id] = _form(draft, parts, file, spec, scope)
    return forms


def _form(draft: Draft, parts: Parts, file: YamlFile, spec: FormFile, scope: Scope) -> Form:
    show: dict[tuple[str, str], Expression] = {}
    show_section: dict[tuple[str, str], Expression] = {}
    roles = [
        r
        for i, r in enumerate(spec.roles)
        if role_known(draft, parts, file, ("roles", i), r, scope)
    ]
    draft.unique(file, ("sections",), (s.id for s in spec.sections))
    seen: dict[tuple[str, str], int] = {}
    for s, section in enumerate(spec.sections):
        for role in roles:
            where: Loc = ("sections", s, "show_if")
            found = _shown_if(draft, file, where, section.show_if, scope.with_person(role))
            if found is not None:
                show_section[role, section.id] = found
        for f, item in enumerate(section.fields):
            loc = ("sections", s, "fields", f)
            line = file.line(loc)
            for role in item.roles or roles:
                if role not in roles:
                    draft.unknown(file, (*loc, "roles"), "角色", "role", role, roles)
                    continue
                if (role, item.element) in seen:
                    first = f"{file.shown}:{seen[role, item.element]}"
                    draft.duplicate(file, (*loc, "element"), item.element, first)
                    continue
                seen[role, item.element] = line
                if not _field_fits(draft, file, loc, item.element, role, scope):
                    continue
                where = (*loc, "show_if")
                found = _shown_if(draft, file, where, item.show_if, scope.with_person(role))
                if found is not None:
                    show[role, item.element] = found
            _check_default(draft, file, (*loc, "default"), item.element, item.default)
    return Form(spec, show, show_section)


def _shown_if(
    draft: Draft, file: YamlFile, loc: Loc, text: str | None, scope: Scope
) -> Expression | None:
    """May always hold once its facts are known: then it asks whether they were answered."""
    return draft.expression(file, loc, text, scope, may_always_hold=True)


def _field_fits(draft: Draft, file: YamlFile, loc: Loc, name: str, role: str, scope: Scope) -> bool:
    element = draft.elements.get(name)
    where = (*loc, "element")
    if element is None:
        hint = similar(name, draft.elements)
        draft.fail(
            file,
            where,
            "unknown_element",
            f"数据元“{name}”不在数据字典中，请核对拼写或先在 dictionary/ 中登记。{hint[0]}",
            f'"{name}" is not in the dictionary; check the spelling or add it there.{hint[1]}',
        )
        return False
    draft.used.add(name)
    if not element.is_entered:
        draft.fail(
            file,
            where,
            "not_entered",
            f"“{element.label}”（{name}）由系统给出，不能放在表单里录入。",
            f'"{name}" is supplied by the system and cannot be a form field.',
        )
        return False
    sex = scope.role_sex.get(role)
    wrong_scope = (element.scope == "couple") != (role == COUPLE)
    wrong_sex = bool(element.sex and sex and element.sex != sex)
    if wrong_scope or wrong_sex:
        draft.fail(
            file,
            where,
            "wrong_sex" if wrong_sex else "wrong_scope",
            f"“{element.label}”（{name}）不适用于 {role}，请用 roles 限定或移到别的表单。",
            f'"{name}" does not apply to {role}; limit it with roles or move it.',
        )
        return False
    return True


def _check_default(draft: Draft, file: YamlFile, loc: Loc, name: str, default: Any) -> None:
    element = draft.elements.get(name)
    if default is None or element is None:
        return
    error = parse_value(element, default).error
    if error is not None:
        draft.fail(file, loc, "bad_value", f"默认值：{error.zh}", f"Default: {error.en}")
