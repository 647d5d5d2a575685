"""Reads trace.yaml of a programme: the chances of prevention on the way to a case."""

from __future__ import annotations

from dataclasses import replace

from sanyou.protocol.loading.draft import Draft
from sanyou.protocol.models import TraceFile
from sanyou.protocol.programme import Programme
from sanyou.protocol.trace import Chance, Trace
from sanyou.protocol.yamlfile import Loc


def load_trace(draft: Draft, programme: Programme) -> Programme:
    """The programme with its back-trace; every programme that it looks at must be read already."""
    path = programme.folder / "trace.yaml"
    if not path.exists():
        return programme
    file, content = draft.read(path, programme.folder.parent.parent, TraceFile)
    if content is None:
        return programme
    draft.unique(file, ("chances",), (c.id for c in content.chances))
    found = []
    for index, spec in enumerate(content.chances):
        loc: Loc = ("chances", index)
        other = draft.programmes.get(spec.programme)
        if other is None:
            draft.unknown(
                file, (*loc, "programme"), "项目", "programme", spec.programme, draft.programmes
            )
            continue
        if other.is_of_organisations or other.is_couple != (spec.of == "parents"):
            draft.fail(
                file,
                (*loc, "of"),
                "trace",
                "夫妇项目写 of: parents，个人项目写 of: mother 或 child。",
                "of: parents for a programme of couples, mother or child for one of persons.",
            )
        case = programme.scope.with_person(programme.roles[0])
        record = other.scope.with_person(other.roles[0])
        when = draft.expression(file, (*loc, "when"), spec.when, case)
        taken = draft.expression(file, (*loc, "taken"), spec.taken, record)
        partly = draft.expression(file, (*loc, "partly"), spec.partly, record)
        if taken is not None:
            found.append(Chance(spec, when, taken, partly))
    return replace(programme, trace=Trace(tuple(found)))
