"""How a district appears to its staff and its couples: name, centre, mark, own texts and templates."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from sanyou.protocol.models import DistrictFile
from sanyou.protocol.text import Text


@dataclass(frozen=True)
class District:
    """One district. `folder` holds its mark and its own templates."""

    spec: DistrictFile
    folder: Path

    @property
    def id(self) -> str:
        return self.spec.id

    @property
    def region(self) -> str:
        return self.spec.region

    @property
    def label(self) -> Text:
        return self.spec.label

    @cached_property
    def logo_svg(self) -> str:
        """The mark as SVG text; "" where it has none."""
        if not self.spec.logo:
            return ""
        return (self.folder / self.spec.logo).read_text(encoding="utf-8")

    def template(self, document: str) -> Path | None:
        """The district's own template of a document, where it has one."""
        name = self.spec.documents.get(document)
        return self.folder / name if name else None
