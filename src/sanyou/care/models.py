"""What happens to a couple (or a person) in a programme: one episode and all that hangs on it.

Signed rows are never updated; amendments and withdrawals are new rows.
"""

import uuid
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from sanyou.registry.models import (
    Couple,
    Group,
    Organisation,
    Person,
    Pregnancy,
    Region,
    Staff,
)
from sanyou.trust.fields import EncryptedTextField


class Episode(models.Model):
    """One passage of one subject through one programme, e.g. a couple's check for one child order."""

    class Status(models.TextChoices):
        OPEN = "open", _("进行中")
        RETURNED = "returned", _("退回")  # sent back by the township or the centre, with a reason
        INELIGIBLE = "ineligible", _("不符合条件")
        REFUSED = "refused", _("未签署知情同意")
        WITHDRAWN = "withdrawn", _("已退出")
        CLOSED = "closed", _("已结束")
        CANCELLED = "cancelled", _("已撤销")  # import undone, registered in error

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    number = models.CharField(max_length=40, unique=True)  # record number 档案编号
    programme = models.CharField(max_length=60)
    programme_version = models.CharField(max_length=20)
    policy = models.CharField(max_length=60)
    couple = models.ForeignKey(Couple, null=True, on_delete=models.PROTECT, related_name="episodes")
    person = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="episodes")
    unit = models.ForeignKey(
        Organisation, null=True, on_delete=models.PROTECT, related_name="episodes"
    )  # the subject of a programme of organisations
    pregnancy = models.ForeignKey(
        Pregnancy, null=True, on_delete=models.PROTECT, related_name="episodes"
    )
    # Of the programme; what lies in a compartment exists only for duties that work in it.
    compartment = models.CharField(max_length=40, default="", blank=True)
    child_order = models.PositiveSmallIntegerField(null=True)
    region = models.ForeignKey(Region, on_delete=models.PROTECT)  # responsible township or village
    # Where it was opened and judged, and is paid; it stays when the couple moves.
    origin = models.ForeignKey(Region, on_delete=models.PROTECT, related_name="+")
    organisation = models.ForeignKey(Organisation, null=True, on_delete=models.PROTECT)
    status = models.CharField(max_length=12, choices=Status, default=Status.OPEN)
    stage = models.CharField(max_length=40, default="")  # id of the furthest step reached
    opened_on = models.DateField()
    closed_on = models.DateField(null=True)
    status_reason = models.CharField(max_length=300, blank=True)
    source = models.CharField(max_length=120, blank=True, db_index=True)
    created_by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(couple__isnull=False, person__isnull=True, unit__isnull=True)
                | Q(couple__isnull=True, person__isnull=False, unit__isnull=True)
                | Q(couple__isnull=True, person__isnull=True, unit__isnull=False),
                name="episode_one_subject",
            )
        ]
        indexes = [models.Index(fields=["programme", "status", "region"])]

    def __str__(self) -> str:
        return self.number

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.origin_id is None:
            self.origin_id = self.region_id
        super().save(*args, **kwargs)

    @property
    def same_subject(self) -> Q:
        """Episodes of the same couple, person or organisation."""
        return Q(couple=self.couple_id, person=self.person_id, unit=self.unit_id)


class Transfer(models.Model):
    """Responsibility for an episode handed from one district to another. Append-only."""

    episode = models.ForeignKey(Episode, on_delete=models.PROTECT, related_name="transfers")
    from_region = models.ForeignKey(Region, on_delete=models.PROTECT, related_name="+")
    to_region = models.ForeignKey(Region, on_delete=models.PROTECT, related_name="+")
    on = models.DateField()
    reason = models.CharField(max_length=300)
    at = models.DateTimeField(auto_now_add=True)
    by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")


class EligibilityDecision(models.Model):
    """Who was found eligible, entitled, or not, on what facts and clause. Append-only."""

    episode = models.ForeignKey(Episode, on_delete=models.PROTECT, related_name="decisions")
    on = models.DateField()  # the day judged
    policy = models.CharField(max_length=60)
    answer = models.CharField(max_length=10)  # yes | no | unknown
    grant = models.CharField(max_length=10, blank=True)  # free | own_cost | unknown
    result = models.JSONField()  # Decision.as_json() + Grant.as_json() + facts used
    at = models.DateTimeField(auto_now_add=True)
    by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")


class FreeCheck(models.Model):
    """A free check used before this system, from history files. Counts towards entitlement."""

    couple = models.ForeignKey(
        Couple, null=True, on_delete=models.PROTECT, related_name="free_checks"
    )
    wife_index = models.CharField(
        max_length=64
    )  # blind index: the couple may not be registered yet
    husband_index = models.CharField(max_length=64)
    child_order = models.PositiveSmallIntegerField()
    programme = models.CharField(max_length=60, blank=True)  # "" in files from before it was told
    examined_on = models.DateField()
    source = models.CharField(max_length=120, db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=[
                    "wife_index",
                    "husband_index",
                    "child_order",
                    "programme",
                    "examined_on",
                ],
                name="free_check_once",
            )
        ]


class Consent(models.Model):
    """Append-only. The latest row of a role tells whether consent stands."""

    class Kind(models.TextChoices):
        GRANT = "grant", _("同意")
        REFUSE = "refuse", _("不同意")
        WITHDRAW = "withdraw", _("撤回")

    episode = models.ForeignKey(Episode, on_delete=models.PROTECT, related_name="consents")
    role = models.CharField(max_length=20)
    kind = models.CharField(max_length=10, choices=Kind)
    on = models.DateField()
    text_version = models.CharField(max_length=20)
    method = models.CharField(max_length=10)  # screen | paper | file
    signature = EncryptedTextField(blank=True)  # data:image/png;base64,…
    reason = models.CharField(max_length=300, blank=True)
    at = models.DateTimeField(auto_now_add=True)
    by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")


class Session(models.Model):
    """One form filled for a whole list on one day: a class, a course, a field day."""

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    programme = models.CharField(max_length=60)
    kind = models.CharField(max_length=60)  # id of the programme's session
    group = models.ForeignKey(Group, on_delete=models.PROTECT, related_name="sessions")
    region = models.ForeignKey(Region, on_delete=models.PROTECT)
    held_on = models.DateField()
    note = models.CharField(max_length=300, blank=True)
    created_by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["programme", "kind", "group", "held_on"], name="session_once"
            )
        ]

    def __str__(self) -> str:
        return str(self.key)


class Encounter(models.Model):
    """One form filled for one role. Drafts change; signed rows never do."""

    class Status(models.TextChoices):
        DRAFT = "draft", _("草稿")
        SIGNED = "signed", _("已签名")
        AMENDED = "amended", _("已被更正")  # replaced by a later row, kept
        VOID = "void", _("已作废")

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    episode = models.ForeignKey(Episode, on_delete=models.PROTECT, related_name="encounters")
    form = models.CharField(max_length=60)
    form_version = models.PositiveIntegerField()
    role = models.CharField(max_length=20)
    status = models.CharField(max_length=8, choices=Status, default=Status.DRAFT)
    # {element: value} or {element: {"value":…, "low":…, "high":…}} when the laboratory sent its range
    data = models.JSONField(default=dict)
    version = models.PositiveIntegerField(default=1)  # optimistic lock of drafts
    touched = models.JSONField(
        default=dict
    )  # {element: [who, when]}: who last typed a draft's field
    occurred_on = models.DateField()
    organisation = models.ForeignKey(Organisation, null=True, on_delete=models.PROTECT)
    author = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")
    signed_at = models.DateTimeField(null=True)
    signed_by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")
    replaces = models.OneToOneField(
        "self", null=True, on_delete=models.PROTECT, related_name="replaced_by"
    )
    reason = models.CharField(max_length=300, blank=True)
    task = models.ForeignKey("Task", null=True, on_delete=models.PROTECT, related_name="encounters")
    session = models.ForeignKey(
        Session, null=True, on_delete=models.PROTECT, related_name="encounters"
    )
    source = models.CharField(max_length=120, blank=True, db_index=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        indexes = [models.Index(fields=["episode", "form", "role", "status"])]


class Assessment(models.Model):
    class Status(models.TextChoices):
        PROPOSED = "proposed", _("系统建议")
        CONFIRMED = "confirmed", _("医生已确认")
        OVERRIDDEN = "overridden", _("医生已调整")
        SUPERSEDED = "superseded", _("已被新结果取代")

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    episode = models.ForeignKey(Episode, on_delete=models.PROTECT, related_name="assessments")
    status = models.CharField(max_length=10, choices=Status, default=Status.PROPOSED)
    as_of = models.DateField()
    rules_version = models.CharField(max_length=20)
    facts = models.JSONField()  # the facts that were read
    result = models.JSONField()  # protocol Assessment.as_json()
    cls = models.CharField(max_length=20, blank=True)  # class that stands (after override)
    level = models.CharField(max_length=20)  # general | high
    override = models.JSONField(default=dict)  # {"cls":…, "removed":[…], "added":[…]}
    reason = models.CharField(max_length=500, blank=True)
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["episode"],
                condition=~Q(status="superseded"),
                name="assessment_one_standing",
            )
        ]


class Task(models.Model):
    """Something somebody must do: a programme step, a scheduled follow-up, a recheck. Queues are tasks."""

    class Kind(models.TextChoices):
        STEP = "step", _("流程")
        SCHEDULE = "schedule", _("随访")
        RECHECK = "recheck", _("复查")
        LOOP = "loop", _("闭环")  # a positive that is not closed yet

    class Status(models.TextChoices):
        OPEN = "open", _("待办")
        DONE = "done", _("已完成")
        LOST = "lost", _("失访")
        CANCELLED = "cancelled", _("已取消")

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    episode = models.ForeignKey(Episode, on_delete=models.PROTECT, related_name="tasks")
    kind = models.CharField(max_length=10, choices=Kind)
    name = models.CharField(max_length=80)  # step id, schedule id or rule id
    occurrence = models.CharField(
        max_length=160, default=""
    )  # which one of a series, unique in episode
    role = models.CharField(max_length=20, blank=True)
    form = models.CharField(max_length=60, blank=True)
    label = models.CharField(max_length=200)
    duty = models.CharField(max_length=30)
    region = models.ForeignKey(Region, on_delete=models.PROTECT)
    opens = models.DateField()
    due = models.DateField(null=True)
    status = models.CharField(max_length=10, choices=Status, default=Status.OPEN)
    closed_at = models.DateTimeField(null=True)
    closed_by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=300, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["episode", "kind", "name", "role", "occurrence"], name="task_once"
            )
        ]
        indexes = [models.Index(fields=["duty", "status", "region", "opens"])]


class ContactAttempt(models.Model):
    """One attempt to reach somebody for a task. Append-only."""

    task = models.ForeignKey(Task, on_delete=models.PROTECT, related_name="attempts")
    at = models.DateTimeField()
    way = models.CharField(max_length=10)  # phone | visit | message
    reached = models.BooleanField()
    note = models.CharField(max_length=300, blank=True)
    by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")


class Card(models.Model):
    class Status(models.TextChoices):
        VALID = "valid", _("有效")
        USED = "used", _("已使用")
        VOID = "void", _("作废")

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    episode = models.ForeignKey(Episode, on_delete=models.PROTECT, related_name="cards")
    number = models.CharField(max_length=40, unique=True)
    token = models.CharField(max_length=40, unique=True)  # what the QR carries: random, no data
    issued_on = models.DateField()
    valid_until = models.DateField()
    appointment_on = models.DateField(null=True)
    status = models.CharField(max_length=6, choices=Status, default=Status.VALID)
    issued_by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["episode"], condition=~Q(status="void"), name="card_one_valid"
            )
        ]


class Document(models.Model):
    """A numbered print. The payload is frozen, so the same page can be printed again for ever."""

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    episode = models.ForeignKey(
        Episode, null=True, on_delete=models.PROTECT, related_name="documents"
    )
    kind = models.CharField(max_length=40)  # document id in the programme
    number = models.CharField(max_length=60, unique=True)
    template_version = models.CharField(max_length=20)
    payload = models.JSONField()  # identifiers inside are encrypted by care.documents
    sha256 = models.CharField(max_length=64)
    issued_on = models.DateField()
    issued_by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)
    void_reason = models.CharField(max_length=300, blank=True)


class Sequence(models.Model):
    """Counters for numbers without gaps, taken inside the transaction that uses them."""

    name = models.CharField(primary_key=True, max_length=80)
    value = models.PositiveBigIntegerField(default=0)


class Referral(models.Model):
    class Status(models.TextChoices):
        SENT = "sent", _("已转出")
        RECEIVED = "received", _("已接收")
        ANSWERED = "answered", _("已反馈")

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    episode = models.ForeignKey(Episode, on_delete=models.PROTECT, related_name="referrals")
    role = models.CharField(max_length=20)
    to = models.CharField(max_length=80)
    why = models.CharField(max_length=300)
    status = models.CharField(max_length=10, choices=Status, default=Status.SENT)
    sent_on = models.DateField()
    answered_on = models.DateField(null=True)
    answer = models.TextField(blank=True)
    by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")
