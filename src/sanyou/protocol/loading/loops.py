"""Reads loops.yaml of a programme."""

from __future__ import annotations

from collections.abc import Mapping

from sanyou.protocol.loading.draft import Draft
from sanyou.protocol.loading.outputs import date_fact
from sanyou.protocol.loading.parts import Parts, check_window, role_known
from sanyou.protocol.loop import Leg, Loop
from sanyou.protocol.models import LoopsFile, LoopSpec
from sanyou.protocol.programme import Form
from sanyou.protocol.scope import Scope
from sanyou.protocol.yamlfile import Loc, YamlFile


def load_loops(
    draft: Draft, parts: Parts, scope: Scope, forms: Mapping[str, Form]
) -> tuple[Loop, ...]:
    path = parts.folder / "loops.yaml"
    if not path.exists():
        return ()
    file, content = draft.read(path, parts.root, LoopsFile)
    if content is None:
        return ()
    draft.unique(file, ("loops",), (one.id for one in content.loops))
    found = []
    for index, spec in enumerate(content.loops):
        loc: Loc = ("loops", index)
        if not role_known(draft, parts, file, (*loc, "role"), spec.role, scope):
            continue
        scoped = scope.with_person(spec.role)
        date_fact(draft, file, (*loc, "since"), spec.since, scoped)
        opens = draft.expression(file, (*loc, "open"), spec.open, scoped)
        closed = draft.expression(file, (*loc, "closed"), spec.closed, scoped)
        draft.unique(file, (*loc, "legs"), (leg.id for leg in spec.legs))
        legs = _legs(draft, file, loc, spec, scoped, forms)
        if opens is not None and closed is not None and len(legs) == len(spec.legs):
            found.append(Loop(spec, opens, closed, tuple(legs), (file.shown, file.line(loc))))
    return tuple(found)


def _legs(
    draft: Draft,
    file: YamlFile,
    loop: Loc,
    spec: LoopSpec,
    scope: Scope,
    forms: Mapping[str, Form],
) -> list[Leg]:
    legs = []
    for index, leg in enumerate(spec.legs):
        loc: Loc = (*loop, "legs", index)
        form = forms.get(leg.form)
        if form is None:
            draft.unknown(file, (*loc, "form"), "表单", "form", leg.form, forms)
        elif spec.role not in form.roles:
            draft.unknown(file, (*loc, "form"), "表单角色", "form role", spec.role, form.roles)
        elif leg.duty not in form.duty:
            draft.unknown(file, (*loc, "duty"), "填表岗位", "duty of the form", leg.duty, form.duty)
        if leg.anchor is not None:
            date_fact(draft, file, (*loc, "anchor"), leg.anchor, scope)
        check_window(draft, file, (*loc, "due"), leg.from_, leg.due)
        done = draft.expression(file, (*loc, "done"), leg.done, scope)
        when = draft.expression(file, (*loc, "when"), leg.when, scope)
        if done is not None and (leg.when is None or when is not None):
            legs.append(Leg(leg, done, when))
    return legs
