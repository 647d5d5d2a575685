"""Government benefit programmes: people and spending by programme and funding source."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from sanyou.benefits import programmes
from sanyou.benefits.models import BenefitEntry
from sanyou.care.errors import CareError
from sanyou.desk.actor import actor_of, duty_page, say
from sanyou.desk.views.money import workbook_response
from sanyou.desk.views.records_form import words
from sanyou.finance.money import yuan
from sanyou.finance.sheet import Book
from sanyou.protocol.entry import parse_date
from sanyou.protocol.policy import Policy
from sanyou.registry.access import Actor, reaches
from sanyou.registry.models import Region
from sanyou.trust import audit

MONTHS = 12


@dataclass(frozen=True)
class Money:
    """What one source paid for one programme, this month (as entered) and this year."""

    funding: str
    label: str
    entry: BenefitEntry | None
    spent: str  # yuan, this month
    year: str  # yuan, since January


@dataclass(frozen=True)
class Shown:
    """One programme as the page shows it."""

    number: int
    id: str
    label: str
    beneficiaries: str
    clause: str
    example: bool
    counted: bool
    priced: bool
    people: int | None  # this month; None not reported
    year_people: int
    months: int
    money: list[Money]

    @property
    def entered(self) -> bool:
        """Nothing of it is left to the product."""
        return not (self.counted and self.priced)


@duty_page("see_benefits")
def benefit_programmes(request: HttpRequest) -> HttpResponse:
    """A month and the year so far; POST enters a month of one programme from one source."""
    actor = actor_of(request)
    month = _month(request.POST.get("month") or request.GET.get("month", ""))
    documents = programmes.documents(actor.region, month)
    wanted = request.POST.get("policy") or request.GET.get("policy", "")
    policy = next((p for p in documents if p.id == wanted), documents[0] if documents else None)
    region = _region(actor, policy) if policy else None
    wrong = ""
    if request.method == "POST" and policy is not None and region is not None:
        try:
            return _enter(request, actor, policy, region, month)
        except CareError as error:
            wrong = error.message_zh
    context: dict[str, Any] = {
        "actor": actor,
        "documents": documents,
        "policy": policy,
        "region": region,
        "month": month,
        "months": _months(month),
        "wrong": wrong,
        "posted": request.POST,
        "may_export": actor.can("export"),
    }
    if policy is not None and region is not None:
        audit.record(actor, "read", "benefit-programmes", policy.id, month=f"{month:%Y-%m}")
        context |= _figures(policy, region, month)
        context["may_enter"] = actor.can("enter_benefits", region)
    return render(request, "desk/benefits/programmes.html", context, status=409 if wrong else 200)


def _figures(policy: Policy, region: Region, month: date) -> dict[str, Any]:
    found = programmes.year(policy, region, month)
    funding = found.by_funding()
    most = max([*funding.values(), 1])
    lines = [_shown(policy, line, month, n) for n, line in enumerate(found.lines, 1)]
    return {
        "lines": lines,
        "people": found.people,
        "total": yuan(found.total),
        "reported": found.reported,
        "count": len(lines),
        "examples": sum(line.example for line in lines),
        "funding": [
            {
                "label": words(policy.funding[name].label) if name in policy.funding else name,
                "clause": policy.funding[name].clause if name in policy.funding else "",
                "yuan": yuan(amount),
                "bar": amount,
            }
            for name, amount in funding.items()
        ],
        "most": most,
    }


def _shown(policy: Policy, line: programmes.Line, month: date, number: int) -> Shown:
    spec = line.spec
    money = []
    for name in spec.funding:
        entry = line.entries.get((month, name))
        label = words(policy.funding[name].label) if name in policy.funding else name
        money.append(
            Money(
                name,
                label,
                entry,
                _this_month(line, name, entry),
                yuan(line.spending.get(name, 0)),
            )
        )
    return Shown(
        number,
        spec.id,
        words(spec.label),
        words(spec.beneficiaries),
        spec.clause,
        line.example,
        line.counted,
        line.priced,
        line.months.get(month, 0 if line.counted else None),
        line.people,
        len(line.months),
        money,
    )


def _this_month(line: programmes.Line, funding: str, entry: BenefitEntry | None) -> str:
    if line.priced:
        return yuan(line.counted_month if funding == line.spec.funding[0] else 0)
    return yuan(entry.spending) if entry else ""


def _enter(
    request: HttpRequest, actor: Actor, policy: Policy, region: Region, month: date
) -> HttpResponse:
    version = request.POST.get("version", "")
    programmes.enter(
        actor,
        policy,
        request.POST.get("benefit", ""),
        region,
        month,
        request.POST.get("funding", ""),
        request.POST.get("beneficiaries", ""),
        request.POST.get("spending", ""),
        request.POST.get("reason", ""),
        int(version) if version.isdecimal() else None,
    )
    say(request, _("已保存 %s 的数字。") % f"{month:%Y-%m}")
    query = urlencode({"policy": policy.id, "month": f"{month:%Y-%m}"})
    response = redirect("benefit-programmes")
    response["Location"] += f"?{query}"
    return response


def _month(text: str) -> date:
    """2021-03 -> the first of that month; last month where nothing (or the future) is asked."""
    today = timezone.localdate()
    given = parse_date(f"{text}-01") if text else None
    if given is not None and given <= today:
        return given
    return programmes.month_of(date(today.year, today.month, 1))


def _months(chosen: date) -> list[date]:
    """The months that may be chosen: this one and the twelve before it, and the chosen one."""
    today = timezone.localdate()
    found = [
        date(today.year + (today.month - 1 - n) // 12, (today.month - 1 - n) % 12 + 1, 1)
        for n in range(MONTHS + 1)
    ]
    return sorted({*found, chosen}, reverse=True)


def _region(actor: Actor, policy: Policy) -> Region | None:
    """The district of the document, or hers where she stands below it."""
    found = Region.objects.filter(pk__in=[policy.region, f"{policy.region:0<6}"]).first()
    return found if found is not None and reaches(actor, found.code) else actor.region


@duty_page("export", methods=("POST",))
def benefit_export(request: HttpRequest) -> HttpResponse:
    """The year so far as a workbook, with who took it and why."""
    actor = actor_of(request)
    actor.require("see_benefits")
    month = _month(request.POST.get("month", ""))
    wanted = request.POST.get("policy", "")
    policy = next((p for p in programmes.documents(actor.region, month) if p.id == wanted), None)
    if policy is None:
        raise CareError(_("没有找到这份文件，请刷新页面。"), "no_policy")
    region = _region(actor, policy)
    reason = request.POST.get("reason", "").strip()
    if region is None or not reason:
        raise CareError(_("请填写导出的用途。"), "no_reason")
    audit.record(actor, "export", "benefit-programmes", policy.id, reason=reason[:80])
    data = workbook(policy, region, month, actor, reason)
    return workbook_response(data, f"{region.name}-{_('惠民项目')}-{month:%Y-%m}.xlsx")


def workbook(policy: Policy, region: Region, month: date, actor: Actor, reason: str) -> bytes:
    """Two sheets: by programme, by funding source."""
    figures = _figures(policy, region, month)
    span = _("%(year)d 年 1 月至 %(month)d 月") % {"year": month.year, "month": month.month}
    with Book(actor, reason) as book:
        sheet = book.sheet(_("惠民项目"), [6, 30, 26, 22, 12, 12, 16, 10])
        row = book.title(sheet, _("政府惠民项目执行情况"), 8, (region.full_name, span))
        head = [
            _("序号"), _("项目"), _("受益对象"), _("资金来源"), _("本月人数"), _("本年人数"),
            _("本年支出（元）"), _("备注"),
        ]  # fmt: skip
        rows = [
            [
                line.number,
                line.label,
                line.beneficiaries,
                m.label,
                line.people if first else None,
                line.year_people if first else None,
                float(m.year),
                _("示例") if line.example else _("系统计算") if not line.entered else "",
            ]
            for line in figures["lines"]
            for first, m in ((n == 0, m) for n, m in enumerate(line.money))
        ]
        styles = ["whole", "text", "text", "text", "whole", "whole", "money", "centre"]
        row = book.table(sheet, row, head, rows, styles)
        note = _("备注为“示例”的项目名称由系统举例，请按本区实际清单替换。")
        book.close(sheet, row, 8, *([note] if figures["examples"] else []))
        sheet = book.sheet(_("资金来源"), [34, 20])
        row = book.title(sheet, _("按资金来源"), 2, (region.full_name, span))
        money = [[f["label"], float(f["yuan"])] for f in figures["funding"]]
        money.append([_("合计"), float(figures["total"])])
        row = book.table(sheet, row, [_("资金来源"), _("本年支出（元）")], money, ["text", "money"])
        book.close(sheet, row, 2)
        return book.bytes()
