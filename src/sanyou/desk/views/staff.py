"""Staff and their duties, the audit log with its proof, and the state of the keys."""

import secrets
from datetime import date, timedelta
from typing import Any

from axes.utils import reset as axes_reset
from django import forms
from django.contrib import messages
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.db import transaction
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.dateparse import parse_date
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.debug import sensitive_variables
from django_otp.plugins.otp_totp.models import TOTPDevice

from sanyou.desk.actor import actor_of, duty_page
from sanyou.desk.paging import leaf
from sanyou.registry import trail
from sanyou.registry.access import Actor, existing, reaches, visible
from sanyou.registry.duties import DUTIES
from sanyou.registry.models import DutyAssignment, Organisation, Region, Staff
from sanyou.trust import audit, keys

MOST_REGIONS = 800  # offered in the place list of a duty


class StaffForm(forms.Form):
    """Who it is and where she works."""

    username = forms.CharField(
        label=gettext_lazy("用户名"), max_length=150, validators=[UnicodeUsernameValidator()]
    )
    display_name = forms.CharField(label=gettext_lazy("姓名"), max_length=40)
    organisation = forms.ModelChoiceField(
        Organisation.objects.none(),
        label=gettext_lazy("单位"),
        required=False,
        empty_label=gettext_lazy("请选择"),
    )
    is_active = forms.BooleanField(label=gettext_lazy("可以登录"), required=False, initial=True)

    def __init__(self, *args: Any, actor: Actor, person: Staff | None = None, **kw: Any) -> None:
        super().__init__(*args, **kw)
        self.person = person
        field = self.fields["organisation"]
        field.queryset = visible(actor, Organisation.objects.filter(active=True))  # type: ignore[attr-defined]
        if person is not None:
            self.fields["username"].disabled = True

    def clean_username(self) -> str:
        name: str = self.cleaned_data["username"]
        if self.person is None and Staff.objects.filter(username__iexact=name).exists():
            raise forms.ValidationError(_("这个用户名已有人使用，请换一个，例如加上镇街拼音。"))
        return name


class DutyForm(forms.Form):
    """One duty, where, and for how long."""

    duty = forms.ChoiceField(label=gettext_lazy("岗位"))
    region = forms.CharField(label=gettext_lazy("负责地区"), max_length=140)
    valid_from = forms.DateField(label=gettext_lazy("开始日期"))
    valid_until = forms.DateField(label=gettext_lazy("结束日期"), required=False)

    def __init__(self, *args: Any, actor: Actor, **kw: Any) -> None:
        super().__init__(*args, **kw)
        self.actor = actor
        choices = [(d.id, d.label) for d in DUTIES.values() if d.id != "system"]
        self.fields["duty"].choices = choices  # type: ignore[attr-defined]

    def clean_region(self) -> Region:
        """The code at the start, or the whole name; only within the administrator's region."""
        text = self.cleaned_data["region"].strip()
        code = text.split(" ")[0]
        region = Region.objects.filter(Q(code=code) | Q(full_name=text)).first()
        if region is None or not reaches(self.actor, region.code):
            raise forms.ValidationError(_("没有这个地区，或不在您管理的范围内。请从列表中选择。"))
        return region

    def clean(self) -> dict[str, Any]:
        data = super().clean() or {}
        start, end = data.get("valid_from"), data.get("valid_until")
        if start and end and end < start:
            self.add_error("valid_until", _("结束日期早于开始日期，请改正。"))
        return data


def _regions(actor: Actor) -> list[Region]:
    return list(Region.objects.filter(code__startswith=actor.region_prefix)[:MOST_REGIONS])


def _password() -> str:
    """An initial password that can be read out: no 0/O, 1/l."""
    letters = "abcdefghjkmnpqrstuvwxyz23456789"
    return "-".join("".join(secrets.choice(letters) for _i in range(4)) for _j in range(3))


@duty_page("manage_staff", methods=("GET",))
def staff(request: HttpRequest) -> HttpResponse:
    """Everybody in the administrator's region with the duties they hold today."""
    actor = actor_of(request)
    people = visible(actor, Staff.objects.all()).select_related("organisation").order_by("username")
    text, duty = request.GET.get("q", "").strip(), request.GET.get("duty", "")
    today = timezone.localdate()
    current = DutyAssignment.objects.filter(valid_from__lte=today).filter(
        Q(valid_until__isnull=True) | Q(valid_until__gte=today)
    )
    if text:
        people = people.filter(Q(username__icontains=text) | Q(display_name__icontains=text))
    if duty:
        people = people.filter(pk__in=current.filter(duty=duty).values("staff"))
    page = leaf(request, people)
    held: dict[int, list[DutyAssignment]] = {}
    shown = [person.pk for person in page]
    for one in current.filter(staff__in=shown).select_related("region"):
        held.setdefault(one.staff_id, []).append(one)
    context = {
        "leaf": page,
        "rows": [(person, held.get(person.pk, [])) for person in page],
        "q": text,
        "duty": duty,
        "duties": [(d.id, d.label) for d in DUTIES.values() if d.id != "system"],
    }
    return render(request, "desk/shell/staff.html", context)


@duty_page("manage_staff")
@sensitive_variables("password")
def staff_new(request: HttpRequest) -> HttpResponse:
    """A new member of staff with a first duty and an initial password, shown once."""
    actor = actor_of(request)
    form = StaffForm(request.POST or None, actor=actor, initial={"is_active": True})
    duty = DutyForm(request.POST or None, actor=actor, initial={"valid_from": timezone.localdate()})
    if request.method == "POST" and form.is_valid() and duty.is_valid():
        password = _password()
        with transaction.atomic():
            person = Staff.objects.create_user(
                form.cleaned_data["username"],
                password=password,
                display_name=form.cleaned_data["display_name"],
                organisation=form.cleaned_data["organisation"],
                is_active=form.cleaned_data["is_active"],
                must_change_password=True,
            )
            assignment = DutyAssignment.objects.create(staff=person, **duty.cleaned_data)
            audit.record(
                actor,
                "add-staff",
                "staff",
                person.pk,
                new_duty=assignment.duty,
                region=assignment.region_id,
            )
        context = {"person": person, "password": password}
        return render(request, "desk/shell/staff_password.html", context)
    context = {"form": form, "duty_form": duty, "regions": _regions(actor), "person": None}
    status = 422 if request.method == "POST" else 200
    return render(request, "desk/shell/staff_edit.html", context, status=status)


@duty_page("manage_staff")
@sensitive_variables("password")
def staff_edit(request: HttpRequest, pk: int) -> HttpResponse:
    """Change a person, add or end duties, reset password or second factor, unlock."""
    actor = actor_of(request)
    person = get_object_or_404(visible(actor, Staff.objects.all()), pk=pk)
    act = request.POST.get("act", "") if request.method == "POST" else ""
    first = {
        "username": person.username,
        "display_name": person.display_name,
        "organisation": person.organisation_id,
        "is_active": person.is_active,
    }
    form = StaffForm(
        request.POST if act == "save" else None, actor=actor, person=person, initial=first
    )
    duty = DutyForm(
        request.POST if act == "add-duty" else None,
        actor=actor,
        initial={"valid_from": timezone.localdate()},
    )
    if act == "save" and form.is_valid():
        return _save(request, actor, person, form)
    if act == "add-duty" and duty.is_valid():
        return _add_duty(request, actor, person, duty)
    if act == "end-duty":
        return _end_duty(request, actor, person)
    if act == "password":
        password = _password()
        person.set_password(password)
        person.must_change_password = True
        person.save()
        axes_reset(username=person.username)
        audit.record(actor, "reset-password", "staff", person.pk)
        context = {"person": person, "password": password}
        return render(request, "desk/shell/staff_password.html", context)
    if act == "otp":
        TOTPDevice.objects.filter(user=person).delete()
        audit.record(actor, "reset-otp", "staff", person.pk)
        messages.success(request, _("二次验证已重置，请本人下次登录后重新启用。"))
        return redirect("staff-edit", pk=person.pk)
    if act == "unlock":
        axes_reset(username=person.username)
        audit.record(actor, "unlock", "staff", person.pk)
        messages.success(request, _("已解除登录锁定。"))
        return redirect("staff-edit", pk=person.pk)
    context = {
        "form": form,
        "duty_form": duty,
        "person": person,
        "held": person.duties.select_related("region").order_by("valid_from"),
        "today": timezone.localdate(),
        "has_device": TOTPDevice.objects.filter(user=person, confirmed=True).exists(),
        "regions": _regions(actor),
    }
    return render(request, "desk/shell/staff_edit.html", context, status=422 if act else 200)


def _save(request: HttpRequest, actor: Actor, person: Staff, form: StaffForm) -> HttpResponse:
    if person.pk == request.user.pk and not form.cleaned_data["is_active"]:
        messages.error(request, _("不能停用自己的账号，请由另一名管理员办理。"))
        return redirect("staff-edit", pk=person.pk)
    changed = [name for name in form.changed_data if name != "username"]
    for name in changed:
        setattr(person, name, form.cleaned_data[name])
    if changed:
        person.save()
        audit.record(actor, "change-staff", "staff", person.pk, fields=changed)
    messages.success(request, _("已保存。"))
    return redirect("staff-edit", pk=person.pk)


def _add_duty(request: HttpRequest, actor: Actor, person: Staff, form: DutyForm) -> HttpResponse:
    data = form.cleaned_data
    _row, created = DutyAssignment.objects.get_or_create(
        staff=person,
        duty=data["duty"],
        region=data["region"],
        valid_from=data["valid_from"],
        defaults={"valid_until": data["valid_until"]},
    )
    if created:
        audit.record(
            actor, "add-duty", "staff", person.pk, new_duty=data["duty"], region=data["region"].code
        )
        messages.success(request, _("已分配岗位。"))
    else:
        messages.info(request, _("这个岗位已经分配过。"))
    return redirect("staff-edit", pk=person.pk)


def _end_duty(request: HttpRequest, actor: Actor, person: Staff) -> HttpResponse:
    """Ends a duty as of yesterday; one that begins later is removed."""
    one = person.duties.filter(pk=request.POST.get("assignment") or 0).first()
    if one is None or not reaches(actor, one.region_id):
        raise Http404
    if person.pk == request.user.pk and one.duty == actor.duty:
        messages.error(request, _("不能撤销自己正在使用的岗位，请由另一名管理员办理。"))
        return redirect("staff-edit", pk=person.pk)
    yesterday = timezone.localdate() - timedelta(days=1)
    if one.valid_from > yesterday:
        one.delete()
    else:
        one.valid_until = yesterday
        one.save(update_fields=["valid_until"])
    audit.record(actor, "end-duty", "staff", person.pk, old_duty=one.duty, region=one.region_id)
    messages.success(request, _("岗位已结束，立即生效。"))
    return redirect("staff-edit", pk=person.pk)


ACTS = {
    "read": gettext_lazy("查阅"),
    "search": gettext_lazy("检索"),
    "register": gettext_lazy("登记"),
    "update": gettext_lazy("更新"),
    "sign": gettext_lazy("签名"),
    "amend": gettext_lazy("更正"),
    "nominate": gettext_lazy("登记"),
    "trace": gettext_lazy("回顾三级预防"),
    "join": gettext_lazy("加入名单"),
    "leave": gettext_lazy("移出名单"),
    "correct": gettext_lazy("更正登记"),
    "begin": gettext_lazy("由另一项目开始"),
    "review": gettext_lazy("镇街审核"),
    "confirm": gettext_lazy("确认"),
    "send-back": gettext_lazy("退回"),
    "merge": gettext_lazy("合并"),
    "unmerge": gettext_lazy("撤销合并"),
    "decide": gettext_lazy("处理疑点"),
    "print": gettext_lazy("打印"),
    "issue": gettext_lazy("出具"),
    "export": gettext_lazy("导出"),
    "import": gettext_lazy("导入"),
    "sign-in": gettext_lazy("登录"),
    "sign-out": gettext_lazy("退出"),
    "choose-duty": gettext_lazy("选择岗位"),
    "change-password": gettext_lazy("修改密码"),
    "reset-password": gettext_lazy("重置密码"),
    "enrol-otp": gettext_lazy("启用二次验证"),
    "remove-otp": gettext_lazy("停用二次验证"),
    "reset-otp": gettext_lazy("重置二次验证"),
    "unlock": gettext_lazy("解除锁定"),
    "add-staff": gettext_lazy("新增人员"),
    "change-staff": gettext_lazy("修改人员"),
    "add-duty": gettext_lazy("分配岗位"),
    "end-duty": gettext_lazy("结束岗位"),
    "verify-audit": gettext_lazy("核对审计链"),
    "list": gettext_lazy("查阅清单"),
    "scan": gettext_lazy("扫卡"),
    "open-draft": gettext_lazy("打开草稿"),
    "void": gettext_lazy("作废"),
    "judge": gettext_lazy("判断资格"),
    "supersede": gettext_lazy("评估作废"),
    "resubmit": gettext_lazy("补正后再报"),
    "cancel": gettext_lazy("终止"),
    "close": gettext_lazy("结案"),
    "complete": gettext_lazy("完成"),
    "contact": gettext_lazy("记录联系"),
    "lost": gettext_lazy("失访结案"),
    "refer": gettext_lazy("转诊"),
    "received": gettext_lazy("登记接收"),
    "answered": gettext_lazy("登记转诊反馈"),
    "hold": gettext_lazy("列为疑点"),
    "draft": gettext_lazy("生成报表"),
    "prepare": gettext_lazy("编制结算表"),
    "set": gettext_lazy("设定"),
    "import-again": gettext_lazy("重新处理"),
    "import-undo": gettext_lazy("撤销导入"),
    "consent-undone": gettext_lazy("撤销同意记录"),
    "make-token": gettext_lazy("发放接口令牌"),
    "consent-grant": gettext_lazy("同意"),
    "consent-refuse": gettext_lazy("不同意"),
    "consent-withdraw": gettext_lazy("撤回同意"),
    "confirmed": gettext_lazy("确认评估"),
    "overridden": gettext_lazy("调整评估"),
    "submit": gettext_lazy("提交"),
    "accept": gettext_lazy("接收"),
    "return": gettext_lazy("退回"),
    "approve": gettext_lazy("审核通过"),
    "pay": gettext_lazy("登记拨付"),
    "receive": gettext_lazy("登记拨入"),
    "spend": gettext_lazy("登记其他支出"),
    "reverse": gettext_lazy("冲正"),
    "stock-receive": gettext_lazy("药具入库"),
    "stock-send": gettext_lazy("药具调出"),
    "stock-arrive": gettext_lazy("确认到货"),
    "stock-settle": gettext_lazy("处理调拨差异"),
    "stock-count": gettext_lazy("药具盘点"),
    "stock-write-off": gettext_lazy("药具报损"),
    "stock-return": gettext_lazy("药具退回入库"),
    "stock-recall": gettext_lazy("召回批次"),
    "stock-open-store": gettext_lazy("村居设库"),
    "load": gettext_lazy("载入"),
    "publish": gettext_lazy("公示"),
    "object": gettext_lazy("登记公示异议"),
    "answer-objection": gettext_lazy("答复公示异议"),
    "approve-benefit": gettext_lazy("批准补助"),
    "refuse-benefit": gettext_lazy("不予批准补助"),
    "appeal": gettext_lazy("登记申诉"),
    "decide-appeal": gettext_lazy("复核申诉"),
    "enter": gettext_lazy("填报"),
    "explain": gettext_lazy("查询依据"),
    "transfer": gettext_lazy("转到其他区县"),
    "create": gettext_lazy("新建"),
    "edit": gettext_lazy("修改"),
    "delete": gettext_lazy("删除"),
    "download": gettext_lazy("下载"),
    "try": gettext_lazy("试算"),
    "propose": gettext_lazy("提出版本"),
    "replay": gettext_lazy("在过去的记录上试算"),
    "start": gettext_lazy("改启用日期"),
    "withdraw": gettext_lazy("撤回"),
}
KINDS = {
    "birth": gettext_lazy("出生"),
    "pregnancy": gettext_lazy("妊娠"),
    "family": gettext_lazy("家庭"),
    "chart": gettext_lazy("生长曲线"),
    "case-ledger": gettext_lazy("台账"),
    "group": gettext_lazy("名单"),
    "session": gettext_lazy("集体服务"),
    "person": gettext_lazy("个人"),
    "couple": gettext_lazy("夫妇"),
    "episode": gettext_lazy("检查档案"),
    "encounter": gettext_lazy("检查记录"),
    "document": gettext_lazy("文书"),
    "assessment": gettext_lazy("评估"),
    "task": gettext_lazy("任务"),
    "card": gettext_lazy("服务卡"),
    "consent": gettext_lazy("知情同意"),
    "doubt": gettext_lazy("疑点"),
    "staff": gettext_lazy("人员"),
    "policy": gettext_lazy("政策"),
    "audit": gettext_lazy("审计"),
    "file": gettext_lazy("文件"),
    "statement": gettext_lazy("结算表"),
    "submission": gettext_lazy("报表"),
    "report": gettext_lazy("报表"),
    "report-cases": gettext_lazy("报表个案"),
    "figures": gettext_lazy("统计数字"),
    "task-numbers": gettext_lazy("年度任务"),
    "task-number": gettext_lazy("年度任务"),
    "special-account": gettext_lazy("经费专账"),
    "ledger": gettext_lazy("日记账"),
    "posting": gettext_lazy("专账分录"),
    "annual-account": gettext_lazy("决算与预算"),
    "claim": gettext_lazy("结算依据"),
    "referral": gettext_lazy("转诊"),
    "documents": gettext_lazy("文书清单"),
    "decision": gettext_lazy("资格判断"),
    "follow-up": gettext_lazy("随访名单"),
    "content": gettext_lazy("业务内容"),
    "picture": gettext_lazy("图片"),
    "benefit": gettext_lazy("补助申请"),
    "benefits": gettext_lazy("补助申请清单"),
    "notice": gettext_lazy("公示"),
    "appeal": gettext_lazy("申诉"),
    "benefit-entry": gettext_lazy("惠民项目"),
    "benefit-programmes": gettext_lazy("惠民项目"),
    "stock": gettext_lazy("药具库存"),
    "batch": gettext_lazy("批次"),
    "transfer": gettext_lazy("调拨"),
    "count": gettext_lazy("盘点"),
    "organisation": gettext_lazy("机构"),
    "policy-draft": gettext_lazy("政策拟稿"),
    "release": gettext_lazy("内容版本"),
}


@duty_page("see_audit")
def audit_log(request: HttpRequest) -> HttpResponse:
    """Who did what and when; POST proves the chain from its first row."""
    actor = actor_of(request)
    verdict = None
    if request.method == "POST":
        verdict = audit.verify()
        # How long the chain is would tell that somebody acted where the reader does not look.
        audit.record(actor, "verify-audit", "audit", "", ok=verdict.ok)
    events = _events(request, actor)
    page = leaf(request, events, per_page=40)
    names = dict(
        Staff.objects.filter(username__in={e.actor for e in page}).values_list(
            "username", "display_name"
        )
    )
    rows = [
        {
            "event": e,
            "who": names.get(e.actor, e.actor),
            "act": str(ACTS.get(e.action, e.action)),
            "kind": str(KINDS.get(e.kind, e.kind)),
            "detail": _detail(e.detail),
        }
        for e in page
    ]
    context = {
        "leaf": page,
        "rows": rows,
        "verdict": verdict,
        "acts": sorted(trail.events(actor).order_by().values_list("action", flat=True).distinct()),
        "act_labels": ACTS,
        "filters": request.GET,
    }
    return render(request, "desk/shell/audit.html", context)


DETAILS = {
    "by": gettext_lazy("方式"),
    "hits": gettext_lazy("命中"),
    "fields": gettext_lazy("字段"),
    "reason": gettext_lazy("理由"),
    "other": gettext_lazy("另一份"),
    "moved": gettext_lazy("移动"),
    "status": gettext_lazy("结果"),
    "rows": gettext_lazy("条数"),
    "ok": gettext_lazy("完整"),
    "new_duty": gettext_lazy("岗位"),
    "old_duty": gettext_lazy("岗位"),
    "region": gettext_lazy("地区"),
    "role": gettext_lazy("对象"),
    "form": gettext_lazy("表单"),
    "kind": gettext_lazy("种类"),
    "number": gettext_lazy("编号"),
    "version": gettext_lazy("版本"),
    "indicator": gettext_lazy("指标"),
    "cases": gettext_lazy("例数"),
    "document": gettext_lazy("文书"),
}


def _detail(detail: dict[str, Any]) -> str:
    """What an event adds, in words: 命中：2；方式：姓名."""
    parts = []
    for name, value in detail.items():
        if value in ("", None, []):
            continue
        words = "、".join(map(str, value)) if isinstance(value, list) else value
        if isinstance(value, bool):
            words = _("是") if value else _("否")
        if name.endswith("duty"):
            words = DUTIES[value].label if value in DUTIES else value
        parts.append(f"{DETAILS.get(name, name)}：{words}")
    return "；".join(parts)


def _events(request: HttpRequest, actor: Actor) -> Any:
    """The events she may read, by the filters asked for, newest first."""
    events = trail.events(actor)
    who, act = request.GET.get("who", "").strip(), request.GET.get("act", "")
    subject = request.GET.get("subject", "").strip()
    start, end = (_day(request.GET.get(name)) for name in ("from", "to"))
    if who:
        known = Staff.objects.filter(display_name=who).values("username")
        events = events.filter(Q(actor=who) | Q(actor__in=known))
    if act:
        events = events.filter(action=act)
    if subject:
        events = events.filter(subject=subject)
    if start:
        events = events.filter(at__date__gte=start)
    if end:
        events = events.filter(at__date__lte=end)
    return events


def _day(text: str | None) -> date | None:
    try:
        return parse_date(text or "")
    except ValueError:
        return None


@duty_page("manage_staff", methods=("GET",))
def key_state(request: HttpRequest) -> HttpResponse:
    """Which keys protect the identifiers, and whether old values wait to be re-encrypted."""
    actor, ring = actor_of(request), keys.keyring()
    fields = [
        {
            "label": f"{model._meta.label}.{field.name}",
            "rows": existing(actor, model._base_manager.all()).count(),
        }
        for model, field in keys.encrypted_fields()
    ]
    context = {"active": ring.active, "older": [k for k in ring.keys if k != ring.active],
               "fields": fields}  # fmt: skip
    return render(request, "desk/shell/keys.html", context)
