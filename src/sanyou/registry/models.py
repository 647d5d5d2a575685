"""Regions, organisations, staff and their duties, people, couples, and what awaits a decision."""

import uuid

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from sanyou.trust.fields import EncryptedTextField


class Region(models.Model):
    """Administrative division, GB/T 2260 + township + village codes."""

    class Level(models.TextChoices):
        PROVINCE = "province", _("省")
        CITY = "city", _("市")
        COUNTY = "county", _("区县")
        TOWNSHIP = "township", _("镇街")
        VILLAGE = "village", _("村居")

    code = models.CharField(primary_key=True, max_length=12)
    name = models.CharField(max_length=60)
    level = models.CharField(max_length=10, choices=Level)
    parent = models.ForeignKey("self", null=True, on_delete=models.PROTECT, related_name="children")
    # Significant digits of the code: every region below starts with them.
    prefix = models.CharField(max_length=12, db_index=True)
    full_name = models.CharField(max_length=120)  # with the province: 某省某市某区某镇

    class Meta:
        ordering = ["code"]

    def __str__(self) -> str:
        return self.full_name


class Organisation(models.Model):
    class Kind(models.TextChoices):
        VILLAGE = "village", _("村（居）委会")
        TOWNSHIP = "township", _("镇街")
        HOSPITAL = "township_hospital", _("镇卫生院/社区卫生服务中心")
        CENTRE = "county_centre", _("区县妇幼保健计划生育服务中心")
        COMMISSION = "health_commission", _("卫生健康委")
        FINANCE = "finance", _("财政局")
        DELIVERY = "delivery_hospital", _("助产机构")
        SCREENING = "screening_centre", _("筛查或诊断中心")
        SCHOOL = "school", _("学校")
        KINDERGARTEN = "kindergarten", _("幼儿园、托育机构")
        OTHER = "other", _("其他")

    code = models.CharField(max_length=30, unique=True)
    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=30, choices=Kind)
    region = models.ForeignKey(Region, on_delete=models.PROTECT)
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT)
    active = models.BooleanField(default=True)

    class Meta:
        ordering = ["code"]

    def __str__(self) -> str:
        return self.name


class Staff(AbstractUser):
    """A person who signs in. What she may do hangs on her duties, not on this row."""

    display_name = models.CharField(max_length=40)
    organisation = models.ForeignKey(Organisation, null=True, on_delete=models.PROTECT)
    must_change_password = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.display_name or self.username


class DutyAssignment(models.Model):
    """A duty (sanyou.registry.duties) held by a staff member within a region, for a time."""

    staff = models.ForeignKey(Staff, on_delete=models.PROTECT, related_name="duties")
    duty = models.CharField(max_length=30)
    region = models.ForeignKey(Region, on_delete=models.PROTECT)
    valid_from = models.DateField()
    valid_until = models.DateField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["staff", "duty", "region", "valid_from"], name="duty_once_per_region"
            )
        ]

    def __str__(self) -> str:
        return f"{self.staff_id} {self.duty} {self.region_id}"


class Sex(models.TextChoices):
    """GB/T 2261.1 by its FHIR names."""

    FEMALE = "female", _("女")
    MALE = "male", _("男")
    UNCLEAR = "", _("未明")  # of a newborn, until a doctor has told it; a fact not known


class Person(models.Model):
    class IdType(models.TextChoices):
        RESIDENT = "resident", _("居民身份证")
        HK_MACAO = "hk_macao", _("港澳居民来往内地通行证")
        TAIWAN = "taiwan", _("台湾居民来往大陆通行证")
        PASSPORT = "passport", _("护照")
        BIRTH = "birth_certificate", _("出生医学证明")
        NONE = "none", _("暂无证件")  # a newborn; the number is made here and replaced later
        OTHER = "other", _("其他")

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    name = models.CharField(max_length=60, db_index=True)  # as on her papers
    name_key = models.CharField(max_length=60, db_index=True, default="")  # without dots and spaces
    name_initials = models.CharField(max_length=30, db_index=True)  # pinyin initials, lower case
    sex = models.CharField(max_length=6, choices=Sex, blank=True)
    birth_date = models.DateField()
    id_type = models.CharField(max_length=20, choices=IdType, default=IdType.RESIDENT)
    id_number = EncryptedTextField()
    id_index = models.CharField(max_length=64, unique=True)  # keyed blind index of the whole number
    id_tail_index = models.CharField(max_length=64, db_index=True)  # of its last four characters
    phone = EncryptedTextField(blank=True)
    phone_index = models.CharField(max_length=64, blank=True, db_index=True)
    phone_tail_index = models.CharField(max_length=64, blank=True, db_index=True)
    hukou_region = models.ForeignKey(
        Region, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    hukou_text = models.CharField(max_length=200, blank=True)
    residence_region = models.ForeignKey(
        Region, null=True, blank=True, on_delete=models.PROTECT, related_name="+"
    )
    residence_text = models.CharField(max_length=200, blank=True)
    residence_since = models.DateField(null=True, blank=True)
    merged_into = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT)
    # Known only within this compartment, "" generally: see sanyou.registry.access.
    compartment = models.CharField(max_length=40, default="", blank=True)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        indexes = [models.Index(fields=["birth_date", "sex"])]

    def __str__(self) -> str:
        return str(self.key)  # never the name: this string reaches logs


class FormerIdentity(models.Model):
    """What somebody was registered as before it was put right. Append-only."""

    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="former_identities")
    told = EncryptedTextField()  # JSON: name, sex, birth_date, id_type, id_number
    reason = models.CharField(max_length=300)
    at = models.DateTimeField(auto_now_add=True)
    by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")

    def __str__(self) -> str:
        return str(self.person_id)


class Couple(models.Model):
    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    wife = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="couples_as_wife")
    husband = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="couples_as_husband")
    marriage_date = models.DateField(null=True, blank=True)
    marriage_kind = models.CharField(max_length=20, blank=True)  # value set marriage_kind
    merged_into = models.ForeignKey("self", null=True, blank=True, on_delete=models.PROTECT)
    compartment = models.CharField(max_length=40, default="", blank=True)  # as of a person
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["wife", "husband"], name="couple_once"),
            models.CheckConstraint(condition=~Q(wife=F("husband")), name="couple_two_people"),
        ]

    def __str__(self) -> str:
        return str(self.key)


class Pregnancy(models.Model):
    """One pregnancy of a woman 妊娠; what every programme records of it hangs on this row."""

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    woman = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="pregnancies")
    began_on = models.DateField(null=True)  # first day of the last period as it is dated now
    ended_on = models.DateField(null=True)
    compartment = models.CharField(max_length=40, default="", blank=True)  # as of a person
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(ended_on__isnull=True)
                | Q(began_on__isnull=True)
                | Q(ended_on__gte=F("began_on")),
                name="pregnancy_ends_after_it_began",
            )
        ]

    def __str__(self) -> str:
        return str(self.key)


class Birth(models.Model):
    """Whose child somebody is: one row a child, reached from the mother, a screen or a defect card."""

    child = models.OneToOneField(Person, on_delete=models.PROTECT, related_name="birth")
    mother = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="births")
    father = models.ForeignKey(
        Person, null=True, on_delete=models.PROTECT, related_name="births_as_father"
    )
    pregnancy = models.ForeignKey(
        Pregnancy, null=True, on_delete=models.PROTECT, related_name="births"
    )
    born_on = models.DateField()
    order = models.PositiveSmallIntegerField(default=1)  # among the children of this birth
    certificate_index = models.CharField(max_length=64, blank=True, db_index=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["mother", "born_on", "order"], name="birth_once"),
            models.CheckConstraint(condition=~Q(mother=F("child")), name="birth_two_people"),
        ]

    def __str__(self) -> str:
        return str(self.child_id)


class Group(models.Model):
    """A list of people served together: a class 班级, a course 课程班, a village's field day."""

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    organisation = models.ForeignKey(Organisation, on_delete=models.PROTECT)
    name = models.CharField(max_length=60)
    year = models.PositiveSmallIntegerField()  # in which the school year or course begins
    active = models.BooleanField(default=True)
    created_by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["organisation", "name", "year"], name="group_once")
        ]

    def __str__(self) -> str:
        return self.name


class Member(models.Model):
    """Somebody on a list; who left stays with the day she left."""

    group = models.ForeignKey(Group, on_delete=models.PROTECT, related_name="members")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="memberships")
    joined_on = models.DateField()
    left_on = models.DateField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["group", "person"], condition=Q(left_on__isnull=True), name="member_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.group_id} {self.person_id}"


class Doubt(models.Model):
    """A possible duplicate or contradiction for a person to decide; nothing merges by itself."""

    class Kind(models.TextChoices):
        SAME_PERSON = "same_person", _("可能是同一人")
        SECOND_SPOUSE = "second_spouse", _("同一人登记了两名配偶")

    class Status(models.TextChoices):
        OPEN = "open", _("待处理")
        MERGED = "merged", _("已合并")
        DISTINCT = "distinct", _("确认不是同一人")
        ACCEPTED = "accepted", _("已核实采用")
        REJECTED = "rejected", _("已核实不采用")

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    kind = models.CharField(max_length=20, choices=Kind)
    status = models.CharField(max_length=10, choices=Status, default=Status.OPEN)
    person = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="doubts")
    other = models.ForeignKey(Person, null=True, on_delete=models.PROTECT, related_name="+")
    score = models.PositiveSmallIntegerField(default=0)  # 0-100, probability-like
    why = models.JSONField(default=list)  # e.g. ["同名", "出生日期相同", "手机号相同"]
    # What was to be registered when a contradiction held it up (encrypted: carries identifiers).
    held = EncryptedTextField(blank=True)
    source = models.CharField(max_length=120, blank=True, db_index=True)
    region = models.ForeignKey(Region, null=True, on_delete=models.PROTECT)
    created_at = models.DateTimeField(auto_now_add=True)
    decided_at = models.DateTimeField(null=True)
    decided_by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")
    reason = models.CharField(max_length=300, blank=True)

    def __str__(self) -> str:
        return str(self.key)


class Merge(models.Model):
    """One merge of two people or couples, with the snapshot that undoes it."""

    key = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    kind = models.CharField(max_length=10)  # person | couple
    winner = models.UUIDField()
    loser = models.UUIDField()
    moved = models.JSONField(default=list)  # [[app.model, pk, field, old, new], …]
    reason = models.CharField(max_length=300)
    at = models.DateTimeField(auto_now_add=True)
    by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")
    undone_at = models.DateTimeField(null=True)
    undone_by = models.ForeignKey(Staff, null=True, on_delete=models.PROTECT, related_name="+")

    def __str__(self) -> str:
        return str(self.key)
