"""The audit chain: one row per act on a record, each carrying the hash of the one before."""

from typing import Any

from django.db import models


class AuditEvent(models.Model):
    """Append-only. `subject` is an opaque key (uuid), never a name or an identifier."""

    seq = models.PositiveBigIntegerField(unique=True)
    at = models.DateTimeField()
    actor = models.CharField(max_length=80)  # staff username, or system:<job>
    duty = models.CharField(max_length=40, blank=True)
    action = models.CharField(max_length=40)  # read, sign, amend, export, merge, print, sign-in …
    kind = models.CharField(max_length=40)  # person, couple, episode, document, …
    subject = models.CharField(max_length=64, blank=True, db_index=True)
    detail = models.JSONField(default=dict)
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    class Meta:
        ordering = ["seq"]

    def __str__(self) -> str:
        return f"{self.seq} {self.action} {self.kind}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        if self.pk is not None:
            raise TypeError("audit events are append-only")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError("audit events are append-only")


class AuditHead(models.Model):
    """The one row that says where the chain ends; locked while an event is appended."""

    seq = models.PositiveBigIntegerField()
    hash = models.CharField(max_length=64)

    def __str__(self) -> str:
        return str(self.seq)
