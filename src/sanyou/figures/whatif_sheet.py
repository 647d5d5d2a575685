"""The comparison of two documents as a workbook: values only, with what they were worked out from."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from sanyou.figures.models import PolicyDraft
from sanyou.figures.whatif_drafts import DraftError
from sanyou.finance.sheet import Book, Cell
from sanyou.registry.access import Actor
from sanyou.trust import audit


def write(
    actor: Actor, draft: PolicyDraft, reason: str, source: str, shown: Mapping[str, Any]
) -> bytes:
    """The file's bytes. Needs the duty "export" and a reason; no record and no name is in it."""
    actor.require("export", draft)
    if not reason.strip():
        raise DraftError("no_reason", _("请填写导出用途。"))
    base = shown["base"]
    with Book(actor, reason.strip()) as book:
        about = [f"{base.label}（{base.document_number}）", _("试算范围：%s") % source]
        changes = [list(row) for row in shown["changes"]]
        _table(
            book, draft, _("改动"), about, [_("内容"), _("现行"), _("拟稿")], changes, [40, 40, 40]
        )
        for name, key, unit in (
            (_("人数"), "couples_lines", shown["couple"]),
            (_("经费"), "payers", _("元")),
            (_("各镇街免费人数"), "towns", shown["couple"]),
            (_("各镇街检验量"), "load", _("项次")),
            (_("各项目检验量"), "items", _("项次")),
        ):
            lines = list(shown[key])
            if key == "payers":
                lines = [*lines, shown["money"]]
            _lines(book, draft, name, about, lines, unit)
        _changed(book, draft, about, shown["groups"])
        audit.record(actor, "export", "policy-draft", draft.key, reason=reason.strip())
        return book.bytes()


def _lines(
    book: Book, draft: PolicyDraft, name: str, about: list[str], lines: Sequence[Any], unit: str
) -> None:
    rows: list[list[Cell]] = []
    for line in lines:
        scale = 100 if line.money else 1
        base, new = line.base / scale, line.draft / scale
        rows.append([line.label or _("合计"), base, new, new - base])
    number = "money" if any(line.money for line in lines) else "whole"
    head = [
        _("项目"),
        *(
            _("%(what)s（%(unit)s）") % {"what": w, "unit": unit}
            for w in (_("现行"), _("拟稿"), _("差"))
        ),
    ]
    _table(book, draft, name, about, head, rows, [40, 20, 20, 20], ["text", *[number] * 3])


def _changed(book: Book, draft: PolicyDraft, about: list[str], groups: Sequence[Any]) -> None:
    rows: list[list[Cell]] = [
        [str(group["label"]), label, one.gains, one.loses, one.uncertain]
        for group in groups
        for one, label in group["rows"]
    ]
    head = [_("分组"), _("内容"), _("受益"), _("受损"), _("不能确定")]
    formats = ["text", "text", "whole", "whole", "whole"]
    _table(book, draft, _("谁受影响"), about, head, rows, [14, 50, 14, 14, 14], formats)


def _table(
    book: Book,
    draft: PolicyDraft,
    name: str,
    about: list[str],
    head: list[str],
    rows: list[list[Cell]],
    widths: list[float],
    formats: list[str] | None = None,
) -> None:
    sheet = book.sheet(name, widths)
    row = book.title(sheet, f"{draft.name} · {name}", len(head), about)
    row = book.table(sheet, row, head, rows, formats or ["text"] * len(head))
    book.close(sheet, row, len(head))
