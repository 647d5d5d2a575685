"""Files that came in: each file, each row, what became of it.

Running a file twice changes nothing.
"""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _

from sanyou.registry.models import Organisation, Staff
from sanyou.trust.fields import EncryptedTextField


class ImportFile(models.Model):
    class Kind(models.TextChoices):
        ROSTER = "roster", _("目标人群花名册")
        HISTORY = "history", _("历史免费检查")
        STATIONS = "stations", _("检查站记录")
        LAB = "lab", _("检验结果（HL7）")

    class Status(models.TextChoices):
        UPLOADED = "uploaded", _("已上传")
        MAPPED = "mapped", _("待导入")
        RUNNING = "running", _("导入中")
        DONE = "done", _("已完成")
        UNDONE = "undone", _("已撤销")

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    kind = models.CharField(max_length=10, choices=Kind)
    name = models.CharField(max_length=200)
    sheet = models.CharField(max_length=60, blank=True)
    sha256 = models.CharField(max_length=64)
    programme = models.CharField(max_length=60)
    policy = models.CharField(max_length=60)
    on = models.DateField()  # the day by which rows are judged
    # {"columns": {field: column}, "headings": […], "title": […], "header_row": n}; the columns are
    # confirmed by a person in the desk.
    mapping = models.JSONField(default=dict)
    # The rows (or messages) as read, until they have become ImportRows.
    content = EncryptedTextField(blank=True)
    status = models.CharField(max_length=10, choices=Status, default=Status.UPLOADED)
    rows = models.PositiveIntegerField(default=0)
    organisation = models.ForeignKey(Organisation, null=True, on_delete=models.PROTECT)
    by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "sheet", "sha256", "programme", "on"],
                condition=~models.Q(status="undone"),
                name="import_file_once",
            )
        ]

    def __str__(self) -> str:
        return str(self.key)


class ImportRow(models.Model):
    """One row or message. Written in the same transaction as what it created."""

    class Outcome(models.TextChoices):
        PENDING = "pending", _("待处理")
        ACCEPTED = "accepted", _("已导入")
        MERGED = "merged", _("重复，已合并")
        HELD = "held", _("待人工核实")
        REJECTED = "rejected", _("未导入")
        UNDONE = "undone", _("已撤销")

    file = models.ForeignKey(ImportFile, on_delete=models.PROTECT, related_name="items")
    # The row as the spreadsheet program numbers it, or the ordinal of a message.
    number = models.PositiveIntegerField()
    rank = models.PositiveSmallIntegerField(default=0)  # rows of a lower rank are processed first
    cells = EncryptedTextField()  # JSON of the row as read
    reference = models.CharField(max_length=120, blank=True, db_index=True)  # HL7 control id
    fingerprint = models.CharField(max_length=64, blank=True)  # sha256 of a message
    outcome = models.CharField(max_length=10, choices=Outcome, default=Outcome.PENDING)
    # bad_check_digit, no_husband_id, duplicate …
    code = models.CharField(max_length=40, blank=True)
    problems = models.JSONField(default=list)  # [{field, value(masked), rule, remedy}]
    created = models.JSONField(default=list)  # [[app.model, pk], …] for undo
    subject = models.CharField(max_length=64, blank=True)  # couple/person key

    class Meta:
        constraints = [models.UniqueConstraint(fields=["file", "number"], name="import_row_once")]
        indexes = [models.Index(fields=["file", "outcome"])]

    def __str__(self) -> str:
        return f"{self.file_id}:{self.number}"
