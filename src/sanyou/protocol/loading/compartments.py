"""Nothing leaves a compartment: what programmes may say of one that lies in it."""

from __future__ import annotations

from sanyou.protocol.loading.draft import Draft
from sanyou.protocol.programme import Programme
from sanyou.protocol.yamlfile import Loc, YamlFile, read_yaml


def check_compartment(draft: Draft, programme: Programme) -> None:
    """Its results are reused and looked back on only within; what it begins lies within, too.
    Others may begin what lies in it. Known once all programmes are read."""
    root = programme.folder.parent.parent
    file = read_yaml(programme.folder / "programme.yaml", root)
    for index, reuse in enumerate(programme.spec.reuse):
        _within(draft, file, ("reuse", index, "from"), reuse.from_, programme.id)
    for index, start in enumerate(programme.spec.starts):
        for number, name in enumerate(start.programmes):
            where: Loc = ("starts", index, "programmes", number)
            _within(draft, file, where, programme.id, name)
    path = programme.folder / "trace.yaml"
    if programme.trace is not None and path.exists():
        file = read_yaml(path, root)
        for index, chance in enumerate(programme.trace.chances):
            where = ("chances", index, "programme")
            _within(draft, file, where, chance.spec.programme, programme.id)


def check_together(draft: Draft, file: YamlFile, programmes: list[str]) -> None:
    """One visit is told of in each of its programmes: none of them lies in a compartment."""
    for index, name in enumerate(programmes):
        found = draft.programmes.get(name)
        if found is not None and found.spec.compartment is not None:
            draft.fail(
                file,
                ("one_stop", "programmes", index),
                "compartment",
                f"“{name}”在隔间“{found.spec.compartment}”里，不能与别的项目一次办理。",
                f'"{name}" lies in the compartment "{found.spec.compartment}"; it cannot be part of '
                "one visit.",
            )


def _within(draft: Draft, file: YamlFile, loc: Loc, inner: str, outer: str) -> None:
    """What `inner` knows may be told in `outer`."""
    one, two = draft.programmes.get(inner), draft.programmes.get(outer)
    if one is None or two is None or one.spec.compartment in (None, two.spec.compartment):
        return
    draft.fail(
        file,
        loc,
        "compartment",
        f"“{inner}”在隔间“{one.spec.compartment}”里，它的内容不能用到“{outer}”。",
        f'"{inner}" lies in the compartment "{one.spec.compartment}"; nothing of it may be used in '
        f'"{outer}".',
    )
