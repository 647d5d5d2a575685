"""Monthly reports as they were submitted."""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from sanyou.registry.models import Region, Staff


class Submission(models.Model):
    """One report of one region and month. Frozen once submitted; a correction is an amendment."""

    class Status(models.TextChoices):
        DRAFT = "draft", _("草稿")
        SUBMITTED = "submitted", _("已上报")
        RETURNED = "returned", _("已退回")
        ACCEPTED = "accepted", _("已接收")

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    programme = models.CharField(max_length=60)
    report = models.CharField(max_length=60)
    region = models.ForeignKey(Region, on_delete=models.PROTECT)
    month = models.DateField()  # first day
    amendment = models.PositiveSmallIntegerField(default=0)
    status = models.CharField(max_length=10, choices=Status, default=Status.DRAFT)
    figures = models.JSONField()  # {indicator: value}
    cases = models.JSONField()  # {indicator: [episode keys]}
    content_version = models.CharField(max_length=20)
    reason = models.CharField(max_length=300, blank=True)
    submitted_at = models.DateTimeField(null=True)
    submitted_by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")
    history = models.JSONField(default=list)

    class Meta:
        verbose_name = _("报表")
        constraints = [
            models.UniqueConstraint(
                fields=["programme", "report", "region", "month", "amendment"],
                name="submission_once",
            )
        ]

    def __str__(self) -> str:
        return str(self.key)
