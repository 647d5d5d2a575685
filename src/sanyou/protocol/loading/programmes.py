"""Reads one programme folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from sanyou.protocol.loading.cases import placed, read_cases
from sanyou.protocol.loading.draft import Draft
from sanyou.protocol.loading.forms import load_forms
from sanyou.protocol.loading.outputs import load_documents, load_indicators, load_schedule
from sanyou.protocol.loading.parts import Parts, role_known
from sanyou.protocol.loading.rules import load_rules
from sanyou.protocol.models import DocumentSpec, ProgrammeFile, SupplySpec
from sanyou.protocol.programme import Form, Programme, role_details
from sanyou.protocol.scope import COUPLE, Scope, build_scope
from sanyou.protocol.yamlfile import Loc, read_yaml


def load_programme(draft: Draft, path: Path, root: Path) -> None:
    file, spec = draft.read(path, root, ProgrammeFile)
    if spec is None:
        draft.unreadable = True
        return
    if spec.id in draft.programmes:
        draft.duplicate(file, ("id",), spec.id, "programme")
        return
    roles, labels, sexes = role_details(spec)
    couple = spec.subject == "couple"
    elements = draft.dictionary.elements
    scope = build_scope(elements, roles, sexes, labels, couple)
    parts = Parts(path.parent, root, file, spec)
    of_role = {
        role: tuple(
            e
            for e in elements.values()
            if (e.scope == "couple") == (role == COUPLE)
            and not (e.sex and sexes.get(role) and e.sex != sexes[role])
        )
        for role in ((*roles, COUPLE) if couple else roles)
    }
    _check_classes(draft, parts)
    forms = load_forms(draft, parts, scope)
    rules, version = load_rules(draft, parts, scope)
    schedule = load_schedule(draft, parts, scope, forms)
    documents = load_documents(draft, parts)
    indicators = load_indicators(draft, parts, scope, {f"{r.role}.{r.id}" for r in rules})
    _check_steps(draft, parts, scope, forms, documents)
    cases = list(read_cases(draft, parts.folder, root))
    programme = Programme(
        spec,
        roles,
        labels,
        sexes,
        scope,
        of_role,
        forms,
        rules,
        version,
        schedule,
        documents,
        {i.id: i for i in indicators[0]},
        {r.id: r for r in indicators[1].reports},
        indicators[1].summaries,
        tuple(placed(f, i, c) for f, i, c in cases),
        parts.folder,
    )
    draft.programmes[spec.id] = programme
    draft.cases += [(case_file, index, case, programme) for case_file, index, case in cases]


def check_between(draft: Draft, supplies: Mapping[str, SupplySpec]) -> None:
    """What one programme says of another, and of supplies; known once all are read."""
    for programme in draft.programmes.values():
        root = programme.folder.parent.parent
        file = read_yaml(programme.folder / "programme.yaml", root)
        for index, reuse in enumerate(programme.spec.reuse):
            if reuse.from_ not in draft.programmes or reuse.from_ == programme.id:
                others = [name for name in draft.programmes if name != programme.id]
                loc: Loc = ("reuse", index, "from")
                draft.unknown(file, loc, "项目", "programme", reuse.from_, others)
            for i, name in enumerate(reuse.elements):
                if name not in draft.elements:
                    loc = ("reuse", index, "elements", i)
                    draft.unknown(file, loc, "数据元", "element", name, ())
        for form in programme.forms.values():
            use = form.spec.supply
            if use is None:
                continue
            source = read_yaml(programme.folder / "forms" / f"{form.id}.yaml", root)
            if use.item not in supplies:
                draft.unknown(source, ("supply", "item"), "物资", "supply", use.item, supplies)
            fields = {f.element for section in form.sections for f in section.fields}
            if use.quantity not in fields:
                loc = ("supply", "quantity")
                draft.unknown(
                    source, loc, "表单数据元", "element of the form", use.quantity, fields
                )


def _check_classes(draft: Draft, parts: Parts) -> None:
    draft.unique(parts.file, ("risk_classes",), (c.id for c in parts.spec.risk_classes))
    for index, risk_class in enumerate(parts.spec.risk_classes):
        if risk_class.level not in parts.spec.risk_levels:
            where = ("risk_classes", index, "level")
            levels = parts.spec.risk_levels
            draft.unknown(parts.file, where, "风险等级", "risk level", risk_class.level, levels)


def _check_steps(
    draft: Draft,
    parts: Parts,
    scope: Scope,
    forms: Mapping[str, Form],
    documents: Mapping[str, DocumentSpec],
) -> None:
    file, steps = parts.file, parts.spec.steps
    draft.unique(file, ("steps",), (s.id for s in steps))
    opening = parts.spec.opening_form
    if opening is not None and opening not in forms:
        draft.unknown(file, ("opening_form",), "表单", "form", opening, forms)
    known: set[str] = set()
    for index, step in enumerate(steps):
        loc: Loc = ("steps", index)
        for role in step.roles:
            role_known(draft, parts, file, (*loc, "roles"), role, scope)
        if step.form is not None and step.form not in forms:
            draft.unknown(file, (*loc, "form"), "表单", "form", step.form, forms)
        elif step.form is not None:
            for role in step.roles:
                if role not in forms[step.form].roles:
                    roles = forms[step.form].roles
                    draft.unknown(file, (*loc, "roles"), "表单角色", "form role", role, roles)
        if step.document is not None and step.document not in documents:
            where = (*loc, "document")
            draft.unknown(file, where, "文书", "document", step.document, documents)
        needed = {"form": step.form, "document": step.document}
        if step.kind in needed and needed[step.kind] is None:
            draft.fail(
                file,
                loc,
                "missing_key",
                f"kind: {step.kind} 的步骤必须写 {step.kind}（编号）。",
                f"A step of kind {step.kind} needs {step.kind}.",
            )
        for name in step.after:
            if name not in known:
                draft.fail(
                    file,
                    (*loc, "after"),
                    "unknown_reference",
                    f"after 中的“{name}”不是前面的步骤，请核对顺序和拼写。",
                    f'"{name}" in after is not an earlier step; check order and spelling.',
                )
        known.add(step.id)
