"""Reads one programme folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from sanyou.protocol.dictionary import inputs_of, personal
from sanyou.protocol.loading.cases import placed, read_cases
from sanyou.protocol.loading.compartments import check_compartment
from sanyou.protocol.loading.draft import Draft
from sanyou.protocol.loading.forms import load_forms
from sanyou.protocol.loading.loops import load_loops
from sanyou.protocol.loading.outputs import load_documents, load_indicators, load_schedule
from sanyou.protocol.loading.parts import Parts, role_known
from sanyou.protocol.loading.rules import load_rules
from sanyou.protocol.loading.starts import check_starts, load_starts
from sanyou.protocol.loading.trace import load_trace
from sanyou.protocol.models import DocumentSpec, Element, ProgrammeFile, SupplySpec
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
    without: frozenset[str] = frozenset()
    if spec.subject == "organisation":
        without = personal(elements, draft.dictionary.formulas)
    scope = build_scope(elements, roles, sexes, labels, couple, programme=spec.id, without=without)
    parts = Parts(path.parent, root, file, spec)
    of_role = {
        role: tuple(
            e
            for e in elements.values()
            if (e.scope == "couple") == (role == COUPLE)
            and e.id not in without
            and not (e.sex and sexes.get(role) and e.sex != sexes[role])
        )
        for role in ((*roles, COUPLE) if couple else roles)
    }
    _check_classes(draft, parts)
    _check_subject(draft, parts, roles)
    forms = load_forms(draft, parts, scope)
    rules, version = load_rules(draft, parts, scope)
    schedule = load_schedule(draft, parts, scope, forms)
    loops = load_loops(draft, parts, scope, forms)
    starts = load_starts(draft, parts, scope, forms)
    documents = load_documents(draft, parts)
    indicators = load_indicators(draft, parts, scope, {f"{r.role}.{r.id}" for r in rules})
    _check_steps(draft, parts, scope, forms, documents)
    _check_lists(draft, parts, elements, forms)
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
        loops,
        starts,
        None,
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
    for programme in list(draft.programmes.values()):
        draft.programmes[programme.id] = load_trace(draft, programme)
        check_starts(draft, programme)
        check_compartment(draft, draft.programmes[programme.id])
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


def narrow(draft: Draft) -> None:
    """Leave each programme the elements that it can meet, so that building facts stays short.

    Those of its forms and conditions, of what its policies, cases and lists name and reuse, of the
    course itself, and whatever is computed from these or they are computed from.
    """
    dictionary = draft.dictionary
    inputs = {n: inputs_of(e, dictionary.formulas) for n, e in dictionary.elements.items()}
    for name, element in dictionary.elements.items():
        if element.series is not None and element.series.element is not None:
            inputs[name] = (element.series.element,)
    for name, programme in draft.programmes.items():
        kept = (draft.named_by[name] | _named(draft, programme)) & draft.elements.keys()
        while True:
            known = kept | {n for n in kept for n in inputs[n]}
            known |= {n for n, needed in inputs.items() if needed and set(needed) <= known}
            if known == kept:
                break
            kept = known
        of_role = {
            role: tuple(e for e in elements if e.id in kept)
            for role, elements in programme.elements_of.items()
        }
        draft.programmes[name] = replace(programme, elements_of=of_role)


def _named(draft: Draft, programme: Programme) -> set[str]:
    """Elements that the programme's own files name, and those of the course."""
    spec = programme.spec
    found = {e.id for e in draft.dictionary.elements.values() if e.process and e.series is None}
    for element in draft.dictionary.elements.values():
        if element.series is not None and programme.forms.keys() & set(element.series.forms or ()):
            found.add(element.id)
    for form in programme.forms.values():
        found |= {f.element for s in form.sections for f in s.fields}
    for reuse in spec.reuse:
        found |= set(reuse.elements)
    if spec.pregnancy is not None:
        found |= {spec.pregnancy.began, spec.pregnancy.ended}
    if spec.ledger is not None:
        found |= set(spec.ledger.show)
    for chart in spec.charts:
        found |= {n for n in (chart.value, chart.age, chart.by, chart.gestation) if n}
    for start in spec.starts:
        found |= set(start.carry.values())
    for _path, _line, case in programme.cases:
        found |= {n for values in case.given.values() for n in values}
    return found


def _check_classes(draft: Draft, parts: Parts) -> None:
    draft.unique(parts.file, ("risk_classes",), (c.id for c in parts.spec.risk_classes))
    for index, risk_class in enumerate(parts.spec.risk_classes):
        if risk_class.level not in parts.spec.risk_levels:
            where = ("risk_classes", index, "level")
            levels = parts.spec.risk_levels
            draft.unknown(parts.file, where, "风险等级", "risk level", risk_class.level, levels)


def _check_subject(draft: Draft, parts: Parts, roles: tuple[str, ...]) -> None:
    """An organisation is one role, has no pregnancy, curve or child, and is on no list of people."""
    spec = parts.spec
    if spec.subject != "organisation":
        return
    if len(roles) != 1:
        draft.fail(
            parts.file,
            ("roles",),
            "subject",
            "以机构为对象的项目只有一个角色，例如 unit。",
            "A programme of organisations has one role, such as unit.",
        )
    for name in ("pregnancy", "charts", "sessions", "starts"):
        if getattr(spec, name):
            draft.fail(
                parts.file,
                (name,),
                "subject",
                f"{name} 只用于以人为对象的项目。",
                f"{name} is for programmes of people only.",
            )


def _check_lists(
    draft: Draft, parts: Parts, elements: Mapping[str, Element], forms: Mapping[str, Form]
) -> None:
    """What the lists of programme.yaml name: forms, elements, classes."""
    file, spec = parts.file, parts.spec
    named: list[tuple[Loc, str]] = []
    if spec.pregnancy is not None:
        named += [(("pregnancy", n), getattr(spec.pregnancy, n)) for n in ("began", "ended")]
    if spec.ledger is not None:
        named += [(("ledger", "show", i), name) for i, name in enumerate(spec.ledger.show)]
        classes = [c.id for c in spec.risk_classes]
        for i, name in enumerate(spec.ledger.classes):
            if name not in classes:
                draft.unknown(file, ("ledger", "classes", i), "风险类别", "class", name, classes)
    for i, chart in enumerate(spec.charts):
        for key in ("value", "age", "by", "gestation"):
            if (name := getattr(chart, key)) is not None:
                named.append((("charts", i, key), name))
    for loc, name in named:
        draft.used.add(name)
        if name not in elements:
            draft.unknown(file, loc, "数据元", "element", name, ())
    listed: list[tuple[Loc, str]] = [
        (("reassess", i), name) for i, name in enumerate(spec.reassess)
    ]
    listed += [(("sessions", i, "form"), s.form) for i, s in enumerate(spec.sessions)]
    for loc, name in listed:
        if name not in forms:
            draft.unknown(file, loc, "表单", "form", name, forms)


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
