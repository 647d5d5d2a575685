"""The final accounts or the budget of a year as a workbook."""

from typing import Any

from django.utils.translation import gettext as _

from sanyou.care import content
from sanyou.finance import money
from sanyou.finance.errors import FinanceError
from sanyou.finance.models import AnnualAccount
from sanyou.finance.sheet import Book, Cell
from sanyou.registry.access import Actor
from sanyou.trust import audit


def title(row: AnnualAccount) -> str:
    """<place><year>年<programme>经费决算, or …预算."""
    programme = content.library().programmes.get(row.programme)
    return _("%(place)s%(year)d年%(programme)s经费%(kind)s") % {
        "place": row.region.name,
        "year": row.year,
        "programme": programme.label if programme else row.programme,
        "kind": row.get_kind_display(),
    }


def write(row: AnnualAccount, actor: Actor, reason: str) -> bytes:
    """The file's bytes. Needs the duty "export" and a reason; every sheet is marked with both."""
    actor.require("export", row)
    if not reason.strip():
        raise FinanceError("no_reason", _("请填写导出用途。"))
    with Book(actor, reason.strip()) as book:
        if row.kind == AnnualAccount.Kind.FINAL:
            _final(book, row)
        else:
            _budget(book, row)
        audit.record(actor, "export", "annual-account", row.key, reason=reason.strip())
        return book.bytes()


def _below(row: AnnualAccount) -> list[str]:
    policy = content.library().policies.get(row.policy)
    return [policy.cite("") if policy else row.policy, _("金额单位：元")]


def _sheet(
    book: Book,
    row: AnnualAccount,
    name: str,
    head: list[str],
    rows: list[list[Cell]],
    styles: list[str],
    *lines: str,
) -> None:
    """One ruled table under the title."""
    widths = [30 if style == "text" else 18 for style in styles]
    sheet = book.sheet(name, widths, landscape=True)
    start = book.title(sheet, title(row), len(head), _below(row))
    end = book.table(sheet, start, head, rows, styles)
    book.close(sheet, end, len(head), *lines)


def _yuan(fen: int) -> float:
    return fen / 100


def _final(book: Book, row: AnnualAccount) -> None:
    body: dict[str, Any] = row.content
    payers: list[list[Cell]] = [
        [p["label"], *(_yuan(p[n]) for n in ("due", "received", "borne", "spent", "left"))]
        for p in body["payers"]
    ]
    whole = _("任务数：%(planned)s　完成：%(cases)d　核定金额：%(yuan)s 元（%(words)s）") % {
        "planned": body["planned"] if body["planned"] is not None else _("未下达"),
        "cases": body["cases"],
        "yuan": money.yuan(body["granted"]),
        "words": money.capitals(body["granted"]),
    }
    head = [
        _("出资方"),
        _("应分担"),
        _("本年拨入"),
        _("本年结算分担"),
        _("其他支出"),
        _("本年结余"),
    ]
    _sheet(book, row, _("出资方"), head, payers, ["text", *["money"] * 5], whole, _signatures(row))
    months: list[list[Cell]] = [
        [_("%d月") % m["month"], m["cases"], _yuan(m["amount"])] for m in body["months"]
    ]
    months.append([_("合计"), body["cases"], _yuan(body["granted"])])
    head = [_("月份（按检查日期）"), _("完成数"), _("金额")]
    _sheet(book, row, _("按月"), head, months, ["text", "whole", "money"])
    towns: list[list[Cell]] = [
        [t["name"], t["planned"], t["cases"], _yuan(t["amount"])] for t in body["towns"]
    ]
    towns.append([_("合计"), body["planned"], body["cases"], _yuan(body["granted"])])
    head = [_("镇街"), _("任务数"), _("完成数"), _("金额")]
    _sheet(book, row, _("按镇街"), head, towns, ["text", "whole", "whole", "money"])
    drawn: list[list[Cell]] = [
        [s["number"], f"{s['from']} — {s['to']}", s["status"], _yuan(s["total"])]
        for s in body["statements"]
    ]
    head = [_("结算表"), _("结算期"), _("状态"), _("金额")]
    _sheet(book, row, _("结算表"), head, drawn, ["text", "text", "centre", "money"])


def _budget(book: Book, row: AnnualAccount) -> None:
    body: dict[str, Any] = row.content
    payers: list[list[Cell]] = [
        [p["label"], _yuan(p["share"]), _yuan(p["left"]), _yuan(p["asked"])] for p in body["payers"]
    ]
    asked = sum(p["asked"] for p in body["payers"])
    left = sum(p["left"] for p in body["payers"])
    payers.append([_("合计"), _yuan(body["need"]), _yuan(left), _yuan(asked)])
    whole = _("任务数 %(planned)d × 标准 %(price)s 元 ＝ %(yuan)s 元（%(words)s）") % {
        "planned": body["planned"],
        "price": money.yuan(body["price"]),
        "yuan": money.yuan(body["need"]),
        "words": money.capitals(body["need"]),
    }
    head = [_("出资方"), _("应安排"), _("上年结余（负数为欠拨）"), _("申请拨付")]
    _sheet(book, row, _("预算"), head, payers, ["text", *["money"] * 3], whole, _signatures(row))
    towns: list[list[Cell]] = [[t["name"], t["planned"], _yuan(t["amount"])] for t in body["towns"]]
    head = [_("镇街"), _("任务数"), _("金额")]
    _sheet(book, row, _("按镇街"), head, towns, ["text", "whole", "money"])


def _signatures(row: AnnualAccount) -> str:
    return _("编制人：%(made)s　　　审批人：%(checked)s　　　单位负责人：　　　　　（公章）") % {
        "made": row.prepared_by.display_name if row.prepared_by else "",
        "checked": row.checked_by.display_name if row.checked_by else "",
    }
