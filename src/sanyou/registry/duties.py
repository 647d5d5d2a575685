"""The duties of a district's programme: what each may do, and which part of a record it may read.

One table, read by sanyou.registry.access. A duty is held within a region and for a time
(DutyAssignment); the same person may hold several and works under one at a time.
"""

import datetime as dt
from dataclasses import dataclass, field

from django.db.models import Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from sanyou.registry.models import DutyAssignment, Staff

# Every action there is. "fill" stands for "fill:<form>"; which forms, the form itself says.
ACTIONS: dict[str, Promise] = {
    "home": _("打开工作台"),
    "see_policy": _("查看政策"),
    "search": _("检索人员"),
    "see_person": _("查看夫妇档案"),
    "see_results": _("查看检查结果"),
    "nominate": _("登记目标人群"),
    "review": _("镇街审核"),
    "confirm": _("中心确认资格"),
    "issue_card": _("发放服务卡"),
    "take_consent": _("办理知情同意"),
    "fill": _("填写检查记录"),
    "sign": _("签名"),
    "amend": _("更正已签名记录"),
    "assess": _("风险评估"),
    "issue_document": _("出具文书"),
    "follow_up": _("随访"),
    "decide_doubt": _("处理疑似重复"),
    "merge": _("合并档案"),
    "import": _("导入文件"),
    "report": _("查看报表"),
    "submit_report": _("编制并上报报表"),
    "accept_report": _("接收或退回报表"),
    "see_task_numbers": _("查看年度任务"),
    "set_task_number": _("下达年度任务数"),
    "see_money": _("查看结算"),
    "claim": _("编制结算表"),
    "approve_statement": _("审核结算表"),
    "pay_statement": _("登记拨付"),
    "plan_money": _("编制决算和预算"),
    "see_benefits": _("查看补助"),
    "publish_notice": _("公示"),
    "approve_benefit": _("审批补助"),
    "decide_appeal": _("处理申诉"),
    "enter_benefits": _("填报惠民项目"),
    "see_stock": _("查看库存"),
    "manage_stock": _("管理库存"),
    "transfer": _("转到其他区县"),
    "try_policy": _("政策试算"),
    "see_versions": _("查看内容版本"),
    "propose_version": _("提出内容版本"),
    "sign_version": _("签署内容版本"),
    "manage_staff": _("管理人员与职责"),
    "see_audit": _("查看操作记录"),
    "export": _("导出"),
}

_COMMON = {"home", "see_policy"}
_PERSON = _COMMON | {"search", "see_person"}
_RECORD = _PERSON | {"fill", "sign", "amend"}
_RESULTS = _RECORD | {"see_results"}

# Whoever keeps the record of a programme: registers, examines, judges and follows up.
_KEEPS = _RESULTS | {"nominate", "assess", "follow_up", "issue_document", "take_consent"}
_CARE_LEVELS = ("county", "township")

_OFFICE = frozenset({"public", "identity"})
_HEALTH = frozenset({"public", "identity", "health"})
_CLINIC = frozenset({"public", "identity", "health", "restricted"})


@dataclass(frozen=True, slots=True)
class Duty:
    """`home` is the name of the page it starts on, `privacy` the classes of elements it reads,
    `unmasked` whether whole identity numbers are shown to it, `compartments` the programmes hidden
    from everybody else that it works in."""

    id: str
    label: Promise | str
    home: str
    may: frozenset[str]
    privacy: frozenset[str] = _OFFICE
    unmasked: bool = False
    levels: tuple[str, ...] = field(default=("county",))  # region levels it is usually held at
    compartments: frozenset[str] = frozenset()


def _duty(
    id: str,
    label: Promise,
    may: set[str],
    *,
    home: str = "queue",
    privacy: frozenset[str] = _OFFICE,
    unmasked: bool = False,
    levels: tuple[str, ...] = ("county",),
    compartments: frozenset[str] = frozenset(),
) -> Duty:
    unknown = may - ACTIONS.keys()
    assert not unknown, unknown
    return Duty(id, label, home, frozenset(may), privacy, unmasked, levels, compartments)


_ALL = (
    _duty(
        "village_worker",
        _("村居专干"),
        _RECORD | {"nominate", "issue_card", "issue_document", "see_task_numbers", "see_stock"},
        levels=("village", "township"),
    ),
    _duty(
        "township_officer",
        _("镇街审核员"),
        _RECORD
        | {
            "nominate",
            "review",
            "issue_card",
            "issue_document",
            "import",
            "report",
            "see_task_numbers",
            "see_benefits",
            "see_stock",
            "manage_stock",
        },
        levels=("township",),
    ),
    _duty(
        "registration",
        _("登记确认"),
        _RECORD
        | {
            "nominate",
            "confirm",
            "issue_card",
            "take_consent",
            "issue_document",
            "decide_doubt",
            "merge",
            "import",
            "export",
            "transfer",
            "see_benefits",
            "publish_notice",
        },
        unmasked=True,
    ),
    _duty(
        "history_nurse",
        _("病史询问护士"),
        _RESULTS | {"take_consent", "issue_document"},
        privacy=_CLINIC,
    ),
    _duty("physician", _("体格检查医生"), _RESULTS | {"issue_document"}, privacy=_CLINIC),
    _duty("laboratory", _("检验人员"), _RESULTS | {"import"}, privacy=_CLINIC),
    _duty("ultrasound", _("超声医生"), _RESULTS, privacy=_HEALTH),
    _duty(
        "assessing_doctor",
        _("评估医生"),
        _RESULTS | {"assess", "issue_document", "follow_up", "see_versions", "sign_version"},
        privacy=_CLINIC,
    ),
    _duty(
        "followup_worker",
        _("随访人员"),
        _RESULTS | {"follow_up", "issue_document"},
        privacy=_CLINIC,
    ),
    _duty("maternity_doctor", _("孕产保健医生"), _KEEPS, privacy=_CLINIC, levels=_CARE_LEVELS),
    _duty("screening_nurse", _("筛查管理人员"), _KEEPS, privacy=_CLINIC),
    _duty("child_doctor", _("儿童保健医生"), _KEEPS, privacy=_CLINIC, levels=_CARE_LEVELS),
    _duty("women_doctor", _("妇女保健医生"), _KEEPS, privacy=_CLINIC, levels=_CARE_LEVELS),
    _duty(
        "infection_officer",
        _("母婴阻断专员"),
        # Nobody else reports on what lies in her compartment, or reads who looked into it.
        _KEEPS | {"report", "submit_report", "accept_report", "export", "see_audit"},
        privacy=_CLINIC,
        compartments=frozenset({"infection"}),
    ),
    _duty("case_manager", _("高危专案管理员"), _KEEPS | {"report"}, privacy=_CLINIC),
    _duty("expert", _("专家组成员"), _RESULTS | {"assess", "issue_document"}, privacy=_CLINIC),
    _duty(
        "school_doctor",
        _("校医（园医）"),
        _RECORD | {"nominate"},
        privacy=_HEALTH,
        levels=("county", "township", "village"),
    ),
    _duty(
        "statistician",
        _("统计人员"),
        _PERSON
        | {
            "import",
            "report",
            "submit_report",
            "export",
            "see_task_numbers",
            "see_benefits",
            "enter_benefits",
            "try_policy",
        },
        home="reports",
    ),
    _duty(
        "storekeeper",
        _("物资管理员"),
        _COMMON | {"see_stock", "manage_stock", "export"},
        home="stock",
        levels=("county", "township"),
    ),
    _duty(
        "finance",
        _("财务人员"),
        _COMMON
        | {
            "see_money",
            "claim",
            "approve_statement",
            "pay_statement",
            "plan_money",
            "see_benefits",
            "enter_benefits",
            "try_policy",
            "export",
        },
        home="statements",
        privacy=frozenset({"public"}),
    ),
    _duty(
        "manager",
        _("项目负责人"),
        _PERSON
        | {
            "report",
            "accept_report",
            "see_task_numbers",
            "set_task_number",
            "see_money",
            "approve_statement",
            "plan_money",
            "see_benefits",
            "approve_benefit",
            "decide_appeal",
            "see_stock",
            "try_policy",
            "see_versions",
            "propose_version",
            "sign_version",
            "see_audit",
            "export",
        },
        home="reports",
    ),
    _duty(
        "administrator",
        _("系统管理员"),
        _COMMON | {"manage_staff", "see_audit"},
        home="staff",
        unmasked=True,
    ),
    # Commands and imports running under no person's name.
    _duty(
        "system",
        _("系统"),
        set(ACTIONS),
        home="home",
        privacy=_CLINIC,
        unmasked=True,
        compartments=frozenset({"infection"}),
    ),
)

DUTIES: dict[str, Duty] = {duty.id: duty for duty in _ALL}


def assignments(staff: Staff, on: dt.date) -> QuerySet[DutyAssignment]:
    """The duties a staff member holds on a day; both ends of the validity are included."""
    return (
        staff.duties.filter(valid_from__lte=on)
        .filter(Q(valid_until__isnull=True) | Q(valid_until__gte=on))
        .filter(duty__in=DUTIES.keys() - {"system"})
        .select_related("region")
        .order_by("id")
    )
