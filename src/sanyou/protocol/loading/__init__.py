"""Reads content folders into a Library and collects every mistake with file and line."""

from __future__ import annotations

from pathlib import Path

from sanyou.protocol.errors import ContentError, ContentErrors
from sanyou.protocol.library import Library
from sanyou.protocol.loading.cases import check_case, placed, read_cases
from sanyou.protocol.loading.charts import load_charts
from sanyou.protocol.loading.dictionary import load_dictionary
from sanyou.protocol.loading.districts import load_districts
from sanyou.protocol.loading.draft import Draft
from sanyou.protocol.loading.policies import load_policies
from sanyou.protocol.loading.programmes import check_between, load_programme, narrow
from sanyou.protocol.loading.supplies import load_supplies


def load_library(roots: tuple[Path, ...]) -> Library:
    """Read all roots, later ones adding to earlier; ContentErrors with every mistake found."""
    draft = Draft(roots)
    for root in roots:
        if not root.is_dir():
            zh = "内容目录不存在，请核对路径。"
            en = "The content folder does not exist; check the path."
            draft.errors.append(ContentError("missing_folder", str(root), 1, zh, en))
    load_dictionary(draft)
    charts = load_charts(draft)
    for root in roots:
        for path in sorted(root.glob("programmes/*/programme.yaml")):
            load_programme(draft, path, root)
    if draft.unreadable:  # what depends on it would only repeat the same mistake
        raise ContentErrors(draft.errors)
    supplies = load_supplies(draft)
    districts = load_districts(draft)
    check_between(draft, supplies)
    load_policies(draft)
    cases = [case for root in roots for case in read_cases(draft, root / "policies", root)]
    for file, index, case in cases:
        check_case(draft, file, index, case, None)
    for file, index, case, programme in draft.cases:
        check_case(draft, file, index, case, programme)
    if draft.errors:
        raise ContentErrors(draft.errors)
    for _file, _index, case in cases:
        policy = draft.policies.get(case.policy or "")
        name = case.programme or (policy.programmes[0] if policy else "")
        draft.named_by[name] |= {n for values in case.given.values() for n in values}
    narrow(draft)
    _warn_unused(draft)
    return Library(
        draft.dictionary,
        draft.programmes,
        draft.policies,
        tuple(placed(file, index, case) for file, index, case in cases),
        tuple(draft.warnings),
        roots,
        districts,
        supplies,
        charts,
    )


def _warn_unused(draft: Draft) -> None:
    for name in draft.elements:
        if name not in draft.used:
            file, loc = draft.places[name]
            element = draft.elements[name]
            draft.warnings.append(
                file.error(
                    "unused_element",
                    (*loc, "id"),
                    f"“{element.label}”（{name}）没有被任何表单、条件或计算使用。",
                    f'"{name}" is not used by any form, condition or computation.',
                )
            )
