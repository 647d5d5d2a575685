"""Stores, batches, what moved and why. Movements are append-only; a balance never goes below nought.

A store is an organisation (county centre, township office or hospital, village). Quantities are
whole units of a supply (content: supplies/*.yaml).
"""

import uuid
from typing import Any

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from sanyou.care.models import Encounter
from sanyou.registry.models import Organisation, Staff


class Batch(models.Model):
    """One batch of one maker. `expires_on` is the last day on which it may be handed out."""

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    item = models.CharField(max_length=60)  # id of a supply
    number = models.CharField(max_length=60)
    maker = models.CharField(max_length=80)
    expires_on = models.DateField()
    recalled_on = models.DateField(null=True)
    recall_reason = models.CharField(max_length=300, blank=True)
    recalled_by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("批次")
        ordering = ["expires_on", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["item", "maker", "number"], name="batch_once")
        ]

    def __str__(self) -> str:
        return self.number


class Balance(models.Model):
    """How much of a batch lies in a store. The database refuses less than nothing."""

    store = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="balances")
    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="balances")
    quantity = models.IntegerField(default=0)

    class Meta:
        verbose_name = _("结存")
        constraints = [
            models.UniqueConstraint(fields=["store", "batch"], name="balance_once"),
            models.CheckConstraint(condition=Q(quantity__gte=0), name="balance_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.store_id} {self.batch_id}"


class Transfer(models.Model):
    """A consignment from one store to another. On the way until the receiver confirms it."""

    class Status(models.TextChoices):
        SENT = "sent", _("在途")
        DIFFERENT = "different", _("有差异待处理")
        DONE = "done", _("已完成")

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    token = models.UUIDField(unique=True)  # of the page it was sent from: a double click sends once
    sender = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    receiver = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    status = models.CharField(max_length=10, choices=Status, default=Status.SENT)
    is_return = models.BooleanField(default=False)  # back to the store above
    note = models.CharField(max_length=300, blank=True)
    sent_on = models.DateField()
    sent_by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")
    arrived_on = models.DateField(null=True)
    arrived_by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("调拨")
        constraints = [
            models.CheckConstraint(
                condition=~Q(sender=F("receiver")), name="transfer_between_two_stores"
            )
        ]

    def __str__(self) -> str:
        return str(self.key)


class TransferLine(models.Model):
    """A batch in a consignment. What is neither arrived, found nor lost is still on the way."""

    transfer = models.ForeignKey(Transfer, on_delete=models.PROTECT, related_name="lines")
    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="+")
    sent = models.PositiveIntegerField()
    arrived = models.PositiveIntegerField(null=True)  # as the receiver counted
    settled = models.CharField(max_length=10, blank=True)  # how the difference ended: SETTLEMENTS
    settled_reason = models.CharField(max_length=300, blank=True)
    settled_on = models.DateField(null=True)
    settled_by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")

    class Meta:
        verbose_name = _("调拨明细")
        constraints = [
            models.UniqueConstraint(fields=["transfer", "batch"], name="transfer_line_once"),
            models.CheckConstraint(
                condition=Q(arrived__isnull=True) | Q(arrived__lte=F("sent")),
                name="transfer_line_not_more_than_sent",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.transfer_id} {self.batch_id}"

    @property
    def missing(self) -> int:
        """Sent and not arrived; nought before the receiver has counted."""
        return 0 if self.arrived is None else self.sent - self.arrived

    @property
    def open_difference(self) -> int:
        """Of it, what nobody has settled yet."""
        return 0 if self.settled else self.missing

    @property
    def on_the_way(self) -> int:
        """Units that have left one store and are in no other, nor written off."""
        return self.sent if self.arrived is None else self.open_difference


class Count(models.Model):
    """A stock count of one store: booked against counted, with a reason for each difference."""

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    token = models.UUIDField(unique=True)
    store = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    on = models.DateField()
    note = models.CharField(max_length=300, blank=True)
    by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("盘点")

    def __str__(self) -> str:
        return str(self.key)


class CountLine(models.Model):
    count = models.ForeignKey(Count, on_delete=models.PROTECT, related_name="lines")
    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="+")
    booked = models.IntegerField()
    counted = models.PositiveIntegerField()
    reason = models.CharField(max_length=300, blank=True)

    class Meta:
        verbose_name = _("盘点明细")
        constraints = [models.UniqueConstraint(fields=["count", "batch"], name="count_line_once")]

    def __str__(self) -> str:
        return f"{self.count_id} {self.batch_id}"

    @property
    def difference(self) -> int:
        return self.counted - self.booked


class MovementRows(models.QuerySet["Movement"]):
    """Movements are added, never changed: not in bulk either."""

    def update(self, **kwargs: Any) -> int:
        raise TypeError("movements are append-only")

    def delete(self) -> tuple[int, dict[str, int]]:
        raise TypeError("movements are append-only")


class Movement(models.Model):
    """One line of a store's ledger. Append-only: a mistake is put right by a line against it."""

    class Kind(models.TextChoices):
        RECEIVE = "receive", _("入库")
        SEND = "send", _("调出")
        ARRIVE = "arrive", _("调入")
        BACK = "back", _("差异退回")  # what was missing is found to have stayed with the sender
        ISSUE = "issue", _("发放")
        CORRECT = "correct", _("发放更正")  # an amended or voided record of issue
        RETURN = "return", _("群众退回")
        ADJUST = "adjust", _("盘点调整")
        WRITE_OFF = "write_off", _("报损")

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    # Of the page it was entered on; a double click gives the first. Null for what a record causes.
    token = models.UUIDField(null=True)
    kind = models.CharField(max_length=10, choices=Kind)
    store = models.ForeignKey(Organisation, on_delete=models.PROTECT, related_name="+")
    batch = models.ForeignKey(Batch, on_delete=models.PROTECT, related_name="movements")
    change = models.IntegerField()  # + into the store, - out of it
    left = models.IntegerField()  # the store's balance of the batch after it
    on = models.DateField()
    reason = models.CharField(max_length=300, blank=True)
    document = models.CharField(max_length=60, blank=True)  # number of the delivery note
    transfer = models.ForeignKey(
        Transfer, null=True, on_delete=models.PROTECT, related_name="movements"
    )
    count = models.ForeignKey(Count, null=True, on_delete=models.PROTECT, related_name="movements")
    # The first signed record of the occasion; amendments of it keep pointing there.
    issue = models.ForeignKey(
        Encounter, null=True, on_delete=models.PROTECT, related_name="supplied"
    )
    by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(auto_now_add=True)

    objects = MovementRows.as_manager()

    class Meta:
        verbose_name = _("出入库")
        constraints = [
            models.CheckConstraint(condition=~Q(change=0), name="movement_moves"),
            models.UniqueConstraint(
                fields=["token", "store", "batch"],
                condition=Q(token__isnull=False),
                name="movement_once_per_click",
            ),
        ]
        indexes = [models.Index(fields=["store", "on"]), models.Index(fields=["batch", "kind"])]

    def __str__(self) -> str:
        return str(self.key)

    def save(self, *args: Any, **kwargs: Any) -> None:
        if not self._state.adding:
            raise TypeError("movements are append-only")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        raise TypeError("movements are append-only")
