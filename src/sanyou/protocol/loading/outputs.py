"""Reads what a programme leaves behind: schedule.yaml, documents/*.yaml, indicators.yaml."""

from __future__ import annotations

import re
from collections.abc import Mapping

from sanyou.protocol.errors import Problem
from sanyou.protocol.loading.draft import Draft
from sanyou.protocol.loading.parts import Parts, about_days, check_window, role_known
from sanyou.protocol.models import DocumentSpec, IndicatorsFile, ScheduleFile
from sanyou.protocol.programme import Form, Indicator, Task
from sanyou.protocol.scope import Scope
from sanyou.protocol.yamlfile import Loc, YamlFile

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")
_NUMBER_FIELDS = ("kind", "code", "org", "year", "seq")


def load_schedule(
    draft: Draft, parts: Parts, scope: Scope, forms: Mapping[str, Form]
) -> tuple[Task, ...]:
    path = parts.folder / "schedule.yaml"
    if not path.exists():
        return ()
    file, content = draft.read(path, parts.root, ScheduleFile)
    if content is None:
        return ()
    draft.unique(file, ("tasks",), (t.id for t in content.tasks))
    tasks = []
    for index, spec in enumerate(content.tasks):
        loc: Loc = ("tasks", index)
        role_known(draft, parts, file, (*loc, "role"), spec.role, scope)
        if spec.form is not None and spec.form not in forms:
            draft.unknown(file, (*loc, "form"), "表单", "form", spec.form, forms)
        date_fact(draft, file, (*loc, "anchor"), spec.anchor, scope)
        for number, after in enumerate(spec.also_after):
            date_fact(draft, file, (*loc, "also_after", number, "anchor"), after.anchor, scope)
        if (spec.every is None) != (spec.until is None) or (
            spec.every is not None and about_days(spec.every) == 0
        ):
            draft.fail(
                file,
                loc,
                "series",
                "every 与 until 要同时写，且 every 必须大于 0。",
                "every and until go together, and every must be longer than 0.",
            )
        check_window(draft, file, (*loc, "due"), spec.from_, spec.due)
        when = draft.expression(
            file, (*loc, "when"), spec.when, scope.with_person(spec.role), may_always_hold=True
        )
        tasks.append(Task(spec, when))
    return tuple(tasks)


def date_fact(draft: Draft, file: YamlFile, loc: Loc, name: str, scope: Scope) -> None:
    role, _, element = name.partition(".")
    try:
        spec = scope.lookup(role, element)
    except Problem as problem:
        draft.problem(file, loc, problem)
        return
    draft.used.add(spec.element.id)
    draft.named_by[scope.programme].add(spec.element.id)
    if spec.kind != "date":
        draft.fail(
            file,
            loc,
            "expression_type",
            f"“{name}”不是日期，请换成日期类的事实。",
            f'"{name}" is not a date; name a date fact.',
        )


def load_documents(draft: Draft, parts: Parts) -> dict[str, DocumentSpec]:
    documents: dict[str, DocumentSpec] = {}
    for path in sorted(parts.folder.glob("documents/*.yaml")):
        file, spec = draft.read(path, parts.root, DocumentSpec)
        if spec is None:
            continue
        if spec.id in documents:
            draft.duplicate(file, ("id",), spec.id, "document")
        documents[spec.id] = spec
        shared = (root / "documents" / spec.template for root in draft.roots)
        if not any(place.is_file() for place in (path.parent / spec.template, *shared)):
            draft.fail(
                file,
                ("template",),
                "missing_file",
                f"模板文件“{spec.template}”不在同一目录，也不在共用的 documents/，请补上或改名。",
                f'The template "{spec.template}" is neither beside this file nor in documents/.',
            )
        for name in _PLACEHOLDER.findall(spec.number):
            if name.partition(":")[0] not in _NUMBER_FIELDS:
                where = ("number",)
                draft.unknown(file, where, "编号占位符", "placeholder", name, _NUMBER_FIELDS)
    return documents


def load_indicators(
    draft: Draft, parts: Parts, scope: Scope, findings: set[str]
) -> tuple[list[Indicator], IndicatorsFile]:
    path = parts.folder / "indicators.yaml"
    if not path.exists():
        return [], IndicatorsFile()
    file, content = draft.read(path, parts.root, IndicatorsFile)
    if content is None:
        return [], IndicatorsFile()
    draft.unique(file, ("indicators",), (i.id for i in content.indicators))
    draft.unique(file, ("reports",), (r.id for r in content.reports))
    found = []
    for index, spec in enumerate(content.indicators):
        loc: Loc = ("indicators", index)
        date_fact(draft, file, (*loc, "on"), spec.on, scope)
        rate = spec.numerator is not None and spec.denominator is not None
        partly = spec.numerator is not None or spec.denominator is not None
        if (spec.count is not None) == partly or (partly and not rate):
            draft.fail(
                file,
                loc,
                "indicator",
                "指标要么写 count，要么同时写 numerator 和 denominator。",
                "An indicator has either count, or both numerator and denominator.",
            )
        conditions = [
            draft.expression(file, (*loc, name), getattr(spec, name), scope, may_always_hold=True)
            for name in ("count", "numerator", "denominator")
        ]
        found.append(Indicator(spec, *conditions))
    known = {i.id for i in found}
    for r, report in enumerate(content.reports):
        for s, section in enumerate(report.sections):
            for i, row in enumerate(section.rows):
                if row not in known:
                    where: Loc = ("reports", r, "sections", s, "rows", i)
                    draft.unknown(file, where, "指标", "indicator", row, known)
    for index, key in enumerate(content.summaries.findings):
        if key not in findings:
            where = ("summaries", "findings", index)
            draft.unknown(file, where, "规则", "rule", key, findings)
    return found, content
