"""What a doubt holds back: a registration that waits until a person has checked it.

It is: {"programme", "on", "region", "wife": {…}, "husband": {…},
"observations": {…}, "source"}; people as `registry.people.pack` writes them.
"""

import re
from datetime import date
from typing import Any

from django.utils.translation import gettext as _

from sanyou.care import episodes
from sanyou.exchange.models import ImportFile
from sanyou.registry import people
from sanyou.registry.access import Actor, may_unmask
from sanyou.registry.matching import held_of
from sanyou.registry.models import Couple, Doubt, Region

SPOUSES = ("wife", "husband")


def in_words(actor: Actor, doubt: Doubt) -> list[tuple[str, str]]:
    """What was to be registered, identifiers masked unless her duty sees them."""
    data = held_of(doubt)
    lines: list[tuple[str, str]] = []
    labels = {"wife": _("女方"), "husband": _("男方")}
    for role in SPOUSES:
        person = data.get(role)
        if not isinstance(person, dict):
            continue
        number = str(person.get("id_number", ""))
        shown = number if may_unmask(actor) else people.mask_id(number)
        lines += [
            (labels[role], str(person.get("name", ""))),
            (labels[role] + _("证件"), shown),
            (labels[role] + _("手机"), people.mask_phone(str(person.get("phone") or "")) or "—"),
            (labels[role] + _("户籍地"), str(person.get("hukou_text") or "—")),
            (labels[role] + _("现居地"), str(person.get("residence_text") or "—")),
        ]
    if doubt.source:
        lines.append((_("来源"), source_in_words(doubt.source)))
    return lines


def source_in_words(source: str) -> str:
    """Where a row came from: "import:KEY:53" is row 53 of the file of that name."""
    kind, _colon, rest = source.partition(":")
    key, _colon, row = rest.partition(":")
    whole = kind == "import" and re.fullmatch(r"[0-9a-f-]{36}", key) and row
    file = ImportFile.objects.filter(key=key).first() if whole else None
    if file is None:
        return source
    where = {
        "file": " · ".join(filter(None, (file.name, file.sheet))),
        "row": row.partition(":")[0],
    }
    return _("导入文件 %(file)s 第 %(row)s 行") % where


def accept(actor: Actor, doubt: Doubt) -> Couple:
    """Register the couple that was held, as verified, and open its episode."""
    data: dict[str, Any] = held_of(doubt)
    wife, husband = (people.register_person(people.unpack(data[role]), actor) for role in SPOUSES)
    couple = people.register_couple(wife, husband, actor=actor, verified=True)
    region = Region.objects.get(pk=data["region"])
    episodes.nominate(
        actor,
        data["programme"],
        couple,
        data.get("observations") or {},
        on=date.fromisoformat(data["on"]),
        region=region,
        source=data.get("source", ""),
    )
    return couple
