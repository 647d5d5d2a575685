"""The statement as a workbook: summary, couples with their evidence, refusals, the account."""

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from sanyou.finance import corrections, ledger, money
from sanyou.finance.claims import remedy
from sanyou.finance.errors import FinanceError
from sanyou.finance.models import Claim, Statement
from sanyou.finance.sheet import Book, Cell, merge
from sanyou.finance.statements import current_policy, period_label
from sanyou.registry.access import Actor
from sanyou.trust import audit

MANY = 8  # different amounts that are still listed one by one in the summary


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
        _corrections(book, statement)
        _refused(book, statement)
        _ledger(book, statement)
        audit.record(actor, "export", "statement", statement.key, reason=reason.strip())
        return book.bytes()


def write_ledger(of: ledger.Book, actor: Actor, reason: str) -> bytes:
    """The special account as a workbook. Needs the duty "export" and a reason."""
    actor.require("export", of.region)
    if not reason.strip():
        raise FinanceError("no_reason", _("请填写导出用途。"))
    with Book(actor, reason.strip()) as book:
        ledger_sheets(book, of)
        key = f"{of.region.code}/{of.policy}"
        audit.record(actor, "export", "ledger", key, reason=reason.strip())
        return book.bytes()


def refused(statement: Statement) -> QuerySet[Claim]:
    """Claims of the period that were refused."""
    return Claim.objects.filter(
        status=Claim.Status.REFUSED,
        policy=statement.policy,
        programme=statement.programme,
        served_on__range=(statement.period_from, statement.period_to),
        region__code__startswith=statement.organisation.region.prefix,
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
    cite = policy.cite("").strip()
    rows: list[list[Cell]] = [
        [_("已完成的服务"), count, price / 100, price * count / 100, cite]
        for price, count in sorted(prices.items())
    ]
    if len(rows) > MANY:  # amounts worked out case by case: they stand in the list
        whole = sum(price * count for price, count in prices.items())
        rows = [[_("已核定的补助"), sum(prices.values()), None, whole / 100, cite]]
    changes = statement.corrections.count()
    if changes:
        taken = corrections.total(statement) / 100
        rows.append([_("以前各期更正"), changes, None, taken, cite])
    head = [_("项目"), _("数量"), _("标准（元）"), _("金额（元）"), _("依据")]
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


def _corrections(book: Book, statement: Statement) -> None:
    """What this statement sets right of earlier ones; no sheet where there is nothing."""
    found = list(
        statement.corrections.select_related("claim__episode", "claim__statement").order_by("pk")
    )
    if not found:
        return
    sheet = book.sheet(_("更正"), [6, 22, 28, 16, 44, 16, 34, 34], landscape=True)
    row = book.title(sheet, _("以前各期更正明细"), 8, [statement.number, ""])
    rows: list[list[Cell]] = [
        [
            number,
            one.claim.episode.number,
            one.claim.statement.number if one.claim.statement else "",
            one.amount / 100,
            one.text,
            one.clause,
            "\n".join(one.before),
            "\n".join(one.after),
        ]
        for number, one in enumerate(found, 1)
    ]
    head = [
        _("序号"),
        _("档案编号"),
        _("原结算表"),
        _("更正金额（元）"),
        _("原因"),
        _("条款"),
        _("原凭据"),
        _("现凭据"),
    ]
    styles = ["whole", "text", "text", "money", "text", "text", "text", "text"]
    book.close(sheet, book.table(sheet, row, head, rows, styles), 8)


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
    """The special account (专款专用) under this document so far."""
    ledger_sheets(book, ledger.book_of(statement))


def ledger_sheets(book: Book, of: ledger.Book) -> None:
    """The account by payer, and the journal line by line with the balance of the account."""
    sheet = book.sheet(_("专账"), [26, 18, 18, 18, 18], landscape=True)
    place = [_("地区：%s") % of.region.full_name, _("金额单位：元")]
    row = book.title(sheet, _("项目经费专账（按出资方）"), 5, place)
    found = ledger.funds(of.rows, of.policy)
    rows: list[list[Cell]] = [
        [f.label, f.received / 100, f.borne / 100, f.spent / 100, f.left / 100] for f in found
    ]
    head = [_("出资方"), _("拨入"), _("结算分担"), _("其他支出"), _("结余（负数为待拨入）")]
    row = book.table(sheet, row, head, rows, ["text", "money", "money", "money", "money"])
    book.close(sheet, row, 5)
    _journal(book, of)
    _trial(book, of)


def _journal(book: Book, of: ledger.Book) -> None:
    names = ledger.labels(of.rows, of.policy)
    sheet = book.sheet(_("日记账"), [14, 10, 30, 24, 26, 26, 16], landscape=True)
    row = book.title(sheet, _("专账日记账"), 7, [_("地区：%s") % of.region.full_name, ""])
    rows: list[list[Cell]] = [
        [
            str(e.on),
            e.kind_label,
            e.text,
            e.voucher,
            names[e.debit],
            names[e.credit],
            e.amount / 100,
        ]
        for e in ledger.journal(of.rows)
    ]
    head = [_("日期"), _("类别"), _("摘要"), _("凭证号"), _("借方"), _("贷方"), _("金额（元）")]
    styles = ["centre", "centre", "text", "text", "text", "text", "money"]
    book.close(sheet, book.table(sheet, row, head, rows, styles), 7)


def _trial(book: Book, of: ledger.Book) -> None:
    sheet = book.sheet(_("试算平衡"), [40, 18, 18, 18])
    row = book.title(sheet, _("试算平衡表"), 4, [_("地区：%s") % of.region.full_name, ""])
    sums, names = ledger.balances(of.rows), ledger.labels(of.rows, of.policy)
    rows: list[list[Cell]] = [
        [names[b.account], b.debit / 100, b.credit / 100, b.balance / 100] for b in sums
    ]
    debit, credit = sum(b.debit for b in sums), sum(b.credit for b in sums)
    rows.append([_("合计"), debit / 100, credit / 100, (debit - credit) / 100])
    head = [_("科目"), _("借方合计"), _("贷方合计"), _("余额（借减贷）")]
    book.close(sheet, book.table(sheet, row, head, rows, ["text", "money", "money", "money"]), 4)
