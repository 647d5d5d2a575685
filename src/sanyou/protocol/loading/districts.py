"""Reads districts/*.yaml: how each district appears."""

from __future__ import annotations

from sanyou.protocol.district import District
from sanyou.protocol.facts import region_prefix
from sanyou.protocol.loading.draft import Draft
from sanyou.protocol.models import DistrictFile
from sanyou.protocol.yamlfile import Loc


def load_districts(draft: Draft) -> dict[str, District]:
    found: dict[str, District] = {}
    regions: dict[str, str] = {}
    for root in draft.roots:
        for path in sorted(root.glob("districts/*.yaml")):
            file, spec = draft.read(path, root, DistrictFile)
            if spec is None:
                continue
            if spec.id in found:
                draft.duplicate(file, ("id",), spec.id, "districts")
                continue
            place = region_prefix(spec.region)
            if place in regions:
                draft.duplicate(file, ("region",), spec.region, regions[place])
            regions[place] = file.shown
            wanted: list[tuple[Loc, str]] = [
                (("documents", k), v) for k, v in spec.documents.items()
            ]
            if spec.logo is not None:
                wanted.append((("logo",), spec.logo))
            for loc, name in wanted:
                if not (path.parent / name).is_file():
                    draft.fail(
                        file,
                        loc,
                        "missing_file",
                        f"找不到文件“{name}”，请放在 {file.shown} 旁边或核对文件名。",
                        f'There is no file "{name}" beside {file.shown}.',
                    )
            found[spec.id] = District(spec, path.parent)
    return found
