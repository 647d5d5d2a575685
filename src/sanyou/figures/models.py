"""Monthly reports as they were submitted, and the year's task numbers."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from sanyou.registry.models import Organisation, Region, Staff


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


class TaskNumber(models.Model):
    """How many couples a district, township or examining organisation is to examine in a year.

    The latest number stands; who set which before is in the history.
    """

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    programme = models.CharField(max_length=60)
    region = models.ForeignKey(Region, on_delete=models.PROTECT)
    organisation = models.ForeignKey(Organisation, null=True, on_delete=models.PROTECT)
    year = models.PositiveSmallIntegerField()
    number = models.PositiveIntegerField()
    source = models.CharField(max_length=200)  # the document that set it
    set_by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")
    set_at = models.DateTimeField()
    history = models.JSONField(default=list)  # [{at, by, name, number, source}]

    class Meta:
        verbose_name = _("年度任务数")
        constraints = [
            models.UniqueConstraint(
                fields=["programme", "region", "year"],
                condition=Q(organisation__isnull=True),
                name="task_number_once_a_region",
            ),
            models.UniqueConstraint(
                fields=["programme", "organisation", "year"],
                condition=Q(organisation__isnull=False),
                name="task_number_once_an_organisation",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.programme} {self.region_id} {self.year}"


class PolicyDraft(models.Model):
    """An edited copy of a document on which it is tried before anybody signs it.

    Only what differs from the document is kept; nothing is ever judged or paid by a draft.
    """

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(max_length=80)
    base = models.CharField(max_length=60)  # policy id
    programme = models.CharField(max_length=60)  # whose terms are edited
    region = models.ForeignKey(Region, on_delete=models.PROTECT)  # for whom it is tried
    changes = models.JSONField(default=dict)  # {field: value}, see sanyou.protocol.redraft
    version = models.PositiveIntegerField(default=1)  # optimistic lock
    author = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)
    history = models.JSONField(default=list)  # [{at, by, name, changed: {field: [old, new]}}]

    class Meta:
        verbose_name = _("政策拟稿")
        ordering = ["-updated_at"]

    def __str__(self) -> str:
        return str(self.key)
