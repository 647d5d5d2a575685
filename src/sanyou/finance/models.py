"""Claims from signed records, statements, corrections, and the ledger. Money is integer fen."""

import uuid
from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from sanyou.care.models import Episode
from sanyou.registry.models import Couple, Organisation, Region, Staff


class Statement(models.Model):
    """What one organisation claims for one programme and period, under one document."""

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
    programme = models.CharField(max_length=60, default="")
    period_from = models.DateField()
    period_to = models.DateField()
    status = models.CharField(max_length=10, choices=Status, default=Status.DRAFT)
    total = models.BigIntegerField(default=0)  # fen; below 0 where corrections outweigh the claims
    shares = models.JSONField(default=dict)  # payer -> fen, adds up to total
    prepared_by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")
    checked_by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")
    history = models.JSONField(default=list)  # [{at, by, from, to, reason}]
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("结算表")
        constraints = [
            models.UniqueConstraint(
                fields=["organisation", "policy", "programme", "period_from", "period_to"],
                name="statement_once_per_period",
            )
        ]

    def __str__(self) -> str:
        return self.number


class Claim(models.Model):
    """One entitlement (a couple's check for a child order, a child's subsidy), claimed once for
    ever; or refused, by clause."""

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
    # What is granted once, by the document: "couple:17|child_order:1", "child:9"; "" not known.
    unit = models.CharField(max_length=200, default="")
    # Where it was opened: the district that claims it, and its tier of shares ("" without tiers).
    region = models.ForeignKey(Region, null=True, on_delete=models.PROTECT, related_name="+")
    tier = models.CharField(max_length=60, default="", blank=True)
    status = models.CharField(max_length=8, choices=Status)
    amount = models.BigIntegerField(default=0)  # fen, as first stated; corrections are added to it
    working = models.JSONField(default=dict)  # {"text","clause"}: how the amount was worked out
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
            # The database itself refuses a second claim for what is granted once.
            models.UniqueConstraint(
                fields=["programme", "unit"],
                condition=~Q(status="refused"),
                name="claim_once_per_unit",
            ),
            models.CheckConstraint(
                condition=Q(status="refused") | ~Q(unit=""), name="claim_has_its_unit"
            ),
        ]
        indexes = [models.Index(fields=["policy", "programme", "status", "served_on"])]

    def __str__(self) -> str:
        return str(self.key)


class Correction(models.Model):
    """What a later statement adds to, or takes back from, a claim that was approved before."""

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    claim = models.ForeignKey(Claim, on_delete=models.PROTECT, related_name="corrections")
    statement = models.ForeignKey(Statement, on_delete=models.PROTECT, related_name="corrections")
    amount = models.BigIntegerField()  # fen: below 0 is taken back, 0 only changes the evidence
    code = models.CharField(max_length=30)  # as a refusal's, or "amended"
    text = models.CharField(max_length=500)
    clause = models.CharField(max_length=120, blank=True)
    before = models.JSONField(default=list)  # keys of the records it rested on
    after = models.JSONField(default=list)  # keys of the records it rests on now
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("结算更正")
        constraints = [
            models.UniqueConstraint(
                fields=["claim", "statement"], name="correction_once_per_statement"
            )
        ]

    def __str__(self) -> str:
        return str(self.key)


class PostingRows(models.QuerySet["Posting"]):
    """Postings are added, never changed: not in bulk either."""

    def update(self, **kwargs: Any) -> int:
        raise TypeError("postings are append-only")

    def delete(self) -> tuple[int, dict[str, int]]:
        raise TypeError("postings are append-only")


class Posting(models.Model):
    """One entry of a district's ledger under one document: an amount from the credit account to the
    debit account. Append-only, here and by a trigger of the database (finance.guard).

    Accounts: "bank" (the special account), "fund:<payer>" (received from a payer and not yet used;
    overdrawn = still to be received), "payable:<organisation code>", "expense" (approved lines,
    nought once they are charged to the payers).
    """

    class Kind(models.TextChoices):
        RECEIVED = "received", _("拨入")
        APPROVED = "approved", _("核定")
        SHARED = "shared", _("分担")
        PAID = "paid", _("支付")
        SPENT = "spent", _("其他支出")
        REVERSED = "reversed", _("冲正")

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    region = models.ForeignKey(Region, on_delete=models.PROTECT, related_name="+")
    policy = models.CharField(max_length=60)
    kind = models.CharField(max_length=8, choices=Kind)
    debit = models.CharField(max_length=80)
    credit = models.CharField(max_length=80)
    amount = models.BigIntegerField()  # fen
    on = models.DateField()
    voucher = models.CharField(max_length=80)
    text = models.CharField(max_length=300)
    statement = models.ForeignKey(
        Statement, null=True, on_delete=models.PROTECT, related_name="postings"
    )
    line = models.PositiveIntegerField(null=True)  # within the statement and kind
    claim = models.ForeignKey(Claim, null=True, on_delete=models.PROTECT, related_name="postings")
    correction = models.ForeignKey(
        Correction, null=True, on_delete=models.PROTECT, related_name="postings"
    )
    reverses = models.OneToOneField(
        "self", null=True, on_delete=models.PROTECT, related_name="reversed_by"
    )
    author = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)

    objects = PostingRows.as_manager()

    class Meta:
        verbose_name = _("专账分录")
        indexes = [models.Index(fields=["region", "policy", "on"])]
        constraints = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="posting_is_more_than_nought"),
            models.CheckConstraint(
                condition=~Q(debit=models.F("credit")), name="posting_between_two_accounts"
            ),
            # Whatever is approved or paid is a claim or a correction on a statement, one by one …
            models.CheckConstraint(
                condition=~Q(kind__in=["approved", "paid"])
                | Q(
                    statement__isnull=False,
                    line__isnull=False,
                    claim__isnull=False,
                    correction__isnull=True,
                )
                | Q(
                    statement__isnull=False,
                    line__isnull=False,
                    claim__isnull=True,
                    correction__isnull=False,
                ),
                name="posting_pays_one_line",
            ),
            # … and each of them once.
            models.UniqueConstraint(
                fields=["claim"], condition=Q(kind="paid"), name="claim_paid_once"
            ),
            models.UniqueConstraint(
                fields=["correction"], condition=Q(kind="paid"), name="correction_paid_once"
            ),
            models.UniqueConstraint(
                fields=["claim"], condition=Q(kind="approved"), name="claim_approved_once"
            ),
            models.UniqueConstraint(
                fields=["correction"], condition=Q(kind="approved"), name="correction_approved_once"
            ),
            models.UniqueConstraint(
                fields=["statement", "kind", "line"],
                condition=Q(kind__in=["approved", "shared", "paid"]),
                name="statement_posted_once",
            ),
            models.CheckConstraint(
                condition=Q(kind="reversed", reverses__isnull=False)
                | (~Q(kind="reversed") & Q(reverses__isnull=True)),
                name="posting_reverses_another",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.voucher} {self.debit} {self.credit} {self.amount}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk is not None:
            raise TypeError("postings are append-only")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError("postings are append-only")


class AnnualAccount(models.Model):
    """The final accounts of a year (决算), or the budget of one (预算); frozen once submitted."""

    class Kind(models.TextChoices):
        FINAL = "final", _("决算")
        BUDGET = "budget", _("预算")

    class Status(models.TextChoices):
        DRAFT = "draft", _("草稿")
        SUBMITTED = "submitted", _("已提交")
        RETURNED = "returned", _("已退回")
        APPROVED = "approved", _("已批准")

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    kind = models.CharField(max_length=6, choices=Kind)
    region = models.ForeignKey(Region, on_delete=models.PROTECT, related_name="+")
    policy = models.CharField(max_length=60)
    programme = models.CharField(max_length=60)
    year = models.PositiveSmallIntegerField()
    status = models.CharField(max_length=10, choices=Status, default=Status.DRAFT)
    content = models.JSONField(default=dict)  # see sanyou.finance.annual
    prepared_by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")
    checked_by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")
    history = models.JSONField(default=list)  # as of a statement
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("决算与预算")
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "region", "policy", "programme", "year"],
                name="annual_account_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.region_id} {self.policy} {self.year}"
