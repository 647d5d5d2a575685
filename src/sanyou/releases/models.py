"""A new version of rules or of a policy: its files, its replay, its signatures, its day.

A release is never changed after it was signed, and never deleted: what was in force on any past day
can be told from these rows and the packaged content alone.
"""

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from sanyou.registry.models import Region, Staff

SIGNATURES = 2  # named persons, never the same one twice


class Release(models.Model):
    class Kind(models.TextChoices):
        RULES = "rules", _("评估规则")
        POLICY = "policy", _("政策文件")

    class Status(models.TextChoices):
        PROPOSED = "proposed", _("已提出")
        REPLAYED = "replayed", _("已试算")
        SIGNED = "signed", _("已签署")
        WITHDRAWN = "withdrawn", _("已撤回")

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    kind = models.CharField(max_length=10, choices=Kind)
    name = models.CharField(max_length=60)  # programme id (rules) or policy id
    version = models.CharField(max_length=40)  # version of the rules, or the document number
    # Where a policy applies; None: rules, which every district of the installation shares.
    region = models.ForeignKey(Region, null=True, on_delete=models.PROTECT)
    files = models.JSONField()  # {path inside a content folder: text}
    sha256 = models.CharField(max_length=64)  # of the files, see releases.content.digest
    over = models.CharField(max_length=64)  # digest of the releases below it on its first day
    starts_on = models.DateField()
    status = models.CharField(max_length=10, choices=Status, default=Status.PROPOSED)
    reason = models.CharField(max_length=500)  # what changes and why, by whoever proposed it
    replay = models.JSONField(default=dict)  # summary written by figures.replay
    proposed_by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")
    proposed_at = models.DateTimeField(auto_now_add=True)
    history = models.JSONField(default=list)  # [{at, by, name, act, detail}]

    class Meta:
        verbose_name = _("内容版本")
        ordering = ["-pk"]
        constraints = [
            # The same change is not proposed twice; a withdrawn one may be.
            models.UniqueConstraint(
                fields=["sha256"], condition=~Q(status="withdrawn"), name="release_once"
            )
        ]
        indexes = [models.Index(fields=["status", "starts_on"])]

    def __str__(self) -> str:
        return f"{self.name} {self.version}"


class Signature(models.Model):
    """Append-only: one named person stands for a release."""

    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="signatures")
    by = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="+")
    duty = models.CharField(max_length=30)
    region = models.ForeignKey(Region, null=True, on_delete=models.PROTECT)  # where she holds it
    sha256 = models.CharField(max_length=64)  # what she signed
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        verbose_name = _("版本签名")
        ordering = ["pk"]
        constraints = [
            models.UniqueConstraint(fields=["release", "by"], name="release_signed_once_by_each")
        ]

    def __str__(self) -> str:
        return f"{self.release_id} {self.by_id}"
