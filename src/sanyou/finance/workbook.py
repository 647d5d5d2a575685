"""The statement as a workbook: summary, couples with their evidence, refusals, the account."""

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from sanyou.finance import account, money
from sanyou.finance.claims import remedy
from sanyou.finance.errors import FinanceError
from sanyou.finance.models import Claim, Statement
from sanyou.finance.sheet import Book, Cell, merge
from sanyou.finance.statements import current_policy, period_label
from sanyou.registry.access import Actor
from sanyou.trust import audit


def write(statement: Statement, actor: Actor, reason: str) -> bytes:
    """The file's bytes. Needs the duty "export" and a reason; every sheet is marked with both.

    Names and identity numbers are not in it: a record is cited by its number.
    """
    actor.require("export", statement)
    if not reason.strip():
        raise FinanceError("no_reason", _("请填写导出用途。"))
    with Book(actor, reason.strip()) as book:
        _summary(book, statement)
        _lines(book, statement)
        _refused(book, statement)
        _ledger(book, statement)
        audit.record(actor, "export", "statement", statement.key, reason=reason.strip())
        return book.bytes()


def refused(statement: Statement) -> QuerySet[Claim]:
    """Claims of the period that were refused."""
    return Claim.objects.filter(
        status=Claim.Status.REFUSED,
        policy=statement.policy,
        served_on__range=(statement.period_from, statement.period_to),
        episode__region__code__startswith=statement.organisation.region.prefix,
    ).select_related("episode__region")


def _summary(book: Book, statement: Statement) -> None:
    policy = current_policy(statement)
    sheet = book.sheet(_("结算表"), [26, 14, 16, 18, 26])
    period = period_label(statement.period_from, statement.period_to)
    row = book.title(
        sheet,
        _("%(label)s经费结算表（%(period)s）") % {"label": policy.label, "period": period},
        5,
        [_("填报单位：%s") % statement.organisation.name, _("编号：%s") % statement.number],
    )
    prices: dict[int, int] = {}
    for amount in statement.claims.values_list("amount", flat=True):
        prices[amount] = prices.get(amount, 0) + 1
    rows: list[list[Cell]] = [
        [_("已完成检查的夫妇"), count, price / 100, price * count / 100, policy.cite("").strip()]
        for price, count in sorted(prices.items())
    ]
    head = [_("项目"), _("对数"), _("标准（元/对）"), _("金额（元）"), _("依据")]
    row = book.table(sheet, row, head, rows, ["text", "whole", "money", "money", "text"])
    labels = {s.payer: str(s.label) for s in policy.shares}
    merge(sheet, row, 0, row, 2, _("合计"), book.formats["strong"])
    book.cell(sheet, row, 3, statement.total / 100, "total")
    book.cell(sheet, row, 4, money.capitals(statement.total), "strong")
    for payer, fen in statement.shares.items():
        row += 1
        merge(sheet, row, 0, row, 2, _("其中：%s") % labels.get(payer, payer), book.formats["text"])
        book.cell(sheet, row, 3, fen / 100, "money")
        book.cell(sheet, row, 4, money.capitals(fen), "text")
    signatures = _(
        "编制人：%(made)s　　　审核人：%(checked)s　　　单位负责人：　　　　　（公章）"
    ) % {
        "made": statement.prepared_by.display_name if statement.prepared_by else "",
        "checked": statement.checked_by.display_name if statement.checked_by else "",
    }
    book.close(sheet, row, 5, str(policy.settlement.text) if policy.settlement else "", signatures)


def _lines(book: Book, statement: Statement) -> None:
    sheet = book.sheet(_("明细"), [6, 22, 16, 14, 8, 14, 10, 46], landscape=True)
    row = book.title(sheet, _("结算明细"), 8, [statement.number, ""])
    claims = statement.claims.select_related("episode__region").order_by("served_on", "id")
    rows = [
        [
            number,
            claim.episode.number,
            claim.episode.region.name,
            str(claim.served_on or ""),
            claim.child_order,
            claim.amount / 100,
            len(claim.evidence),
            "\n".join(claim.evidence),
        ]
        for number, claim in enumerate(claims, 1)
    ]
    head = [
        _("序号"),
        _("档案编号"),
        _("镇街"),
        _("检查日期"),
        _("孩次"),
        _("金额（元）"),
        _("凭据数"),
        _("凭据（已签名记录）"),
    ]
    styles = ["whole", "text", "text", "centre", "whole", "money", "whole", "text"]
    row = book.table(sheet, row, head, rows, styles)
    book.close(sheet, row, 8)


def _refused(book: Book, statement: Statement) -> None:
    sheet = book.sheet(_("不予结算"), [6, 22, 16, 14, 44, 16, 40], landscape=True)
    row = book.title(sheet, _("不予结算明细"), 7, [statement.number, ""])
    rows = [
        [
            number,
            claim.episode.number,
            claim.episode.region.name,
            str(claim.served_on or ""),
            claim.refusal.get("text", ""),
            claim.refusal.get("clause", ""),
            remedy(claim.refusal["code"]),
        ]
        for number, claim in enumerate(refused(statement).order_by("served_on", "id"), 1)
    ]
    head = [_("序号"), _("档案编号"), _("镇街"), _("检查日期"), _("原因"), _("条款"), _("处理办法")]
    styles = ["whole", "text", "text", "centre", "text", "text", "text"]
    row = book.table(sheet, row, head, rows, styles)
    book.close(sheet, row, 7)


def _ledger(book: Book, statement: Statement) -> None:
    """The special account (专款专用): what was approved and paid under this policy so far."""
    sheet = book.sheet(_("专账"), [14, 30, 22, 16, 16, 16], landscape=True)
    row = book.title(
        sheet,
        _("项目经费专账（应收与拨付）"),
        6,
        [_("单位：%s") % statement.organisation.name, _("金额单位：元")],
    )
    rows: list[list[Cell]] = [
        [
            str(e.on),
            e.text,
            e.number,
            e.owed / 100 or None,
            e.paid / 100 or None,
            e.balance / 100,
        ]
        for e in account.entries(statement.organisation, statement.policy)
    ]
    head = [_("日期"), _("摘要"), _("凭证/结算表"), _("应收"), _("已拨付"), _("未拨付余额")]
    styles = ["centre", "text", "text", "money", "money", "money"]
    row = book.table(sheet, row, head, rows, styles)
    book.close(sheet, row, 6)
