"""Claims from signed records, and half-yearly statements. Money is integer fen."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from sanyou.care.models import Episode
from sanyou.registry.models import Couple, Organisation, Staff


class Statement(models.Model):
    class Status(models.TextChoices):
        DRAFT = "draft", _("草稿")
        SUBMITTED = "submitted", _("已提交")
        RETURNED = "returned", _("已退回")
        APPROVED = "approved", _("已审核")
        PAID = "paid", _("已拨付")

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    number = models.CharField(max_length=40, unique=True)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    policy = models.CharField(max_length=60)
    period_from = models.DateField()
    period_to = models.DateField()
    status = models.CharField(max_length=10, choices=Status, default=Status.DRAFT)
    total = models.BigIntegerField(default=0)  # fen
    shares = models.JSONField(default=dict)  # payer -> fen, adds up to total
    prepared_by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")
    checked_by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")
    history = models.JSONField(default=list)  # [{at, by, from, to, reason}]
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("结算表")
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "policy", "period_from", "period_to"],
                name="statement_once_per_period",
            )
        ]

    def __str__(self) -> str:
        return self.number


class Claim(models.Model):
    """One couple's check for one child order, claimed once for ever; or refused, by clause."""

    class Status(models.TextChoices):
        READY = "ready", _("可结算")
        REFUSED = "refused", _("不予结算")
        STATED = "stated", _("已列入结算表")
        PAID = "paid", _("已拨付")

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    episode = models.OneToOneField(Episode, on_delete=models.PROTECT, related_name="claim")
    couple = models.ForeignKey(Couple, null=True, on_delete=models.PROTECT, related_name="+")
    child_order = models.PositiveSmallIntegerField(null=True)
    programme = models.CharField(max_length=60)
    policy = models.CharField(max_length=60)
    status = models.CharField(max_length=8, choices=Status)
    amount = models.BigIntegerField(default=0)  # fen
    refusal = models.JSONField(default=dict)  # {"code","text","clause","missing"}
    evidence = models.JSONField(default=list)  # keys of the signed encounters that prove it
    served_on = models.DateField(null=True)
    statement = models.ForeignKey(
        Statement, null=True, blank=True, on_delete=models.PROTECT, related_name="claims"
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("结算记录")
        constraints = [
            # The database itself refuses a second payment for the same couple and child order.
            models.UniqueConstraint(
                fields=["programme", "couple", "child_order"],
                condition=~Q(status="refused"),
                name="claim_once_per_child_order",
            )
        ]

    def __str__(self) -> str:
        return str(self.key)
