"""Reads supplies/*.yaml: what is kept in stock and handed out."""

from __future__ import annotations

from sanyou.protocol.loading.draft import Draft
from sanyou.protocol.models import SuppliesFile, SupplySpec


def load_supplies(draft: Draft) -> dict[str, SupplySpec]:
    found: dict[str, SupplySpec] = {}
    for root in draft.roots:
        for path in sorted(root.glob("supplies/*.yaml")):
            file, spec = draft.read(path, root, SuppliesFile)
            for index, supply in enumerate(spec.supplies if spec is not None else ()):
                if supply.id in found:
                    draft.duplicate(file, ("supplies", index, "id"), supply.id, "supplies")
                found.setdefault(supply.id, supply)
    return found
