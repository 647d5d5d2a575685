"""Subsidies: public notice, objection, approval, appeal; government benefit programmes.

Rows of what somebody said or decided are added, never changed. Money is integer fen.
"""

import uuid
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from sanyou.care.models import Episode
from sanyou.registry.models import Region, Staff
from sanyou.trust.fields import EncryptedTextField


class Kept(models.Model):
    """Added once; neither changed nor deleted."""

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk is not None:
            raise TypeError(f"{type(self).__name__} is append-only")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(f"{type(self).__name__} is append-only")


class PublicNotice(models.Model):
    """A list of applications put up for everybody to see, from a day until a day (both included)."""

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    number = models.CharField(max_length=40, unique=True)
    programme = models.CharField(max_length=60)
    policy = models.CharField(max_length=60)
    region = models.ForeignKey(Region, on_delete=models.PROTECT, related_name="+")  # the county
    starts_on = models.DateField()
    ends_on = models.DateField()
    closed_on = models.DateField(null=True)  # when its end was noted
    closed_by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")
    made_by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("公示")
        constraints = [
            models.CheckConstraint(
                condition=Q(ends_on__gte=models.F("starts_on")), name="notice_ends_after_it_starts"
            )
        ]

    def __str__(self) -> str:
        return self.number


class NoticeEntry(models.Model):
    """One application as it was put up: frozen. `standing` until an objection or appeal ends it."""

    notice = models.ForeignKey(PublicNotice, on_delete=models.PROTECT, related_name="entries")
    episode = models.ForeignKey(Episode, on_delete=models.PROTECT, related_name="notice_entries")
    line = models.PositiveIntegerField()
    name = models.CharField(max_length=60)  # masked: 王*
    town = models.CharField(max_length=120)
    amount = models.BigIntegerField()  # fen
    working = models.CharField(max_length=500)
    clause = models.CharField(max_length=120)
    standing = models.BooleanField(default=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["notice", "episode"], name="notice_names_each_once"),
            models.UniqueConstraint(
                fields=["episode"], condition=Q(standing=True), name="notice_one_standing"
            ),
        ]
        ordering = ["line"]


class Objection(Kept):
    """Somebody says that an announced application is not right."""

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    entry = models.ForeignKey(NoticeEntry, on_delete=models.PROTECT, related_name="objections")
    received_on = models.DateField()
    objector = EncryptedTextField(blank=True)  # name and contact; "" anonymous
    text = EncryptedTextField()
    recorded_by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("公示异议")


class ObjectionAnswer(Kept):
    """What was found out; upheld: the application went back."""

    objection = models.OneToOneField(Objection, on_delete=models.PROTECT, related_name="answer")
    upheld = models.BooleanField()
    text = models.CharField(max_length=500)
    on = models.DateField()
    by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)


class Decision(Kept):
    """An application approved, refused, or taken up again. The latest row stands."""

    class Kind(models.TextChoices):
        APPROVED = "approved", _("批准")
        REFUSED = "refused", _("不予批准")
        REOPENED = "reopened", _("重新办理")

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    episode = models.ForeignKey(Episode, on_delete=models.PROTECT, related_name="benefit_decisions")
    kind = models.CharField(max_length=8, choices=Kind)
    amount = models.BigIntegerField(default=0)  # fen; 0 unless approved
    working = models.CharField(max_length=500, blank=True)
    clause = models.CharField(max_length=120, blank=True)
    reason = models.CharField(max_length=500, blank=True)
    on = models.DateField()
    by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("审批决定")
        ordering = ["pk"]


class Appeal(Kept):
    """The applicant does not agree."""

    class Against(models.TextChoices):
        REFUSAL = "refusal", _("不予批准")
        AMOUNT = "amount", _("补助金额")
        OBJECTION = "objection", _("公示异议的处理")

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    episode = models.ForeignKey(Episode, on_delete=models.PROTECT, related_name="appeals")
    against = models.CharField(max_length=10, choices=Against)
    text = EncryptedTextField()
    filed_on = models.DateField()
    deadline = models.DateField()  # the last day on which it could be filed
    recorded_by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("申诉")


class AppealDecision(Kept):
    """Upheld: the application is taken up again. Rejected: final."""

    appeal = models.OneToOneField(Appeal, on_delete=models.PROTECT, related_name="decision")
    upheld = models.BooleanField()
    reason = models.CharField(max_length=500)
    on = models.DateField()
    by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)


class BenefitEntry(Kept):
    """A month of one government benefit programme in one region: how many people, what was spent.

    A correction is a new row with the next version; the latest version stands.
    """

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    benefit = models.CharField(max_length=60)  # id in the policy's benefit_programmes
    policy = models.CharField(max_length=60)
    region = models.ForeignKey(Region, on_delete=models.PROTECT, related_name="+")
    funding = models.CharField(max_length=60)  # id in the policy's funding
    month = models.DateField()  # its first day
    beneficiaries = models.PositiveIntegerField()
    spending = models.BigIntegerField()  # fen
    version = models.PositiveIntegerField(default=1)
    replaces = models.OneToOneField(
        "self", null=True, on_delete=models.PROTECT, related_name="replaced_by"
    )
    reason = models.CharField(max_length=300, blank=True)  # of a correction
    entered_by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("惠民项目月报")
        constraints = [
            models.UniqueConstraint(
                fields=["policy", "benefit", "region", "funding", "month", "version"],
                name="benefit_entry_once",
            ),
            models.CheckConstraint(
                condition=Q(spending__gte=0), name="benefit_spending_not_below_0"
            ),
        ]
