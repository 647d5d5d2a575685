"""A release from proposal to its day: strict reading, two signatures, withdrawal.

Replaying it on past records is figures.replay's part; it hands the summary to `note_replay`.
"""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import yaml
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sanyou.protocol.errors import ContentError, ContentErrors
from sanyou.protocol.facts import region_prefix
from sanyou.protocol.library import Library
from sanyou.registry import history
from sanyou.registry.access import Actor, visible
from sanyou.registry.models import Region
from sanyou.registry.regions import county_code
from sanyou.releases import content
from sanyou.releases.errors import ReleaseError
from sanyou.releases.models import SIGNATURES, Release, Signature
from sanyou.trust import audit

Kind, Status = Release.Kind, Release.Status
LARGEST = 2_000_000  # characters of all files together
OPEN = (Status.PROPOSED, Status.REPLAYED)
_OTHER_BASE = gettext_lazy(
    "提出以后，又有别的版本签署，到启用那天这份文件所依据的内容已经不同。请撤回，在新的内容上重新提出。"
)


@dataclass(frozen=True, slots=True)
class Checked:
    """Files that were read without a mistake, and what they amount to."""

    kind: str
    name: str
    version: str
    region: str  # "" for rules
    files: dict[str, str]
    library: Library
    warnings: tuple[ContentError, ...]


# --- reading ------------------------------------------------------------------------------------


def check(base: Library, given: Mapping[str, str], on: dt.date, programme: str = "") -> Checked:
    """Read the files over the content in force on a day, and run every worked case.

    `given`: file name -> text. ReleaseError with the mistakes, each with file and line.
    """
    before = content.active_files(on)
    old = content.load(base, before) if before else base
    files = placed(old, given, programme)
    try:
        new = content.load(base, before | files)
    except ContentErrors as error:
        raise ReleaseError(
            "mistakes",
            _("文件有 %d 处错误，请按下面的文件和行号修改后重新上传。") % len(error.errors),
            sorted(error.errors, key=lambda e: (e.path not in files, e.path, e.line)),
        ) from error
    report = new.check()
    failures = set(report.failures) - (set(old.check().failures) if report.failures else set())
    if failures:
        listed = sorted(failures, key=lambda e: (e.path, e.line))
        raise ReleaseError(
            "cases",
            _(
                "有 %d 个案例的答案与期望不符。请核对规则；确实要改变答案的，把案例文件改好一并上传。"
            )
            % len(listed),
            listed,
        )
    names = set(files)
    warnings = tuple(m for m in report.missing if m.path in names)
    policies = [p for p in new.policies.values() if p.path in names]
    if policies:
        policy = policies[0]
        return Checked(
            Kind.POLICY, policy.id, policy.document_number[:40], policy.region, files, new, warnings
        )
    folder = next(path.split("/")[1] for path in files if path.startswith("programmes/"))
    version = new.programmes[folder].rules_version
    if version == old.programmes[folder].rules_version:
        raise ReleaseError(
            "version",
            _(
                "规则的版本号仍是 %s。请在每个规则文件的 version 中写新的版本号，否则分不清评估依据的是哪一版。"
            )
            % version,
        )
    return Checked(Kind.RULES, folder, version, "", files, new, warnings)


def placed(base: Library, given: Mapping[str, str], programme: str = "") -> dict[str, str]:
    """Where each file belongs in a content folder: {path: text}, told by what it holds."""
    if not given:
        raise ReleaseError("no_files", _("请选择要上传的文件（.yaml）。"))
    if sum(len(text) for text in given.values()) > LARGEST:
        raise ReleaseError("too_large", _("文件过大。规则和政策文件一般不超过几百 KB，请核对。"))
    kinds = {name: _kind(name, text) for name, text in given.items()}
    has = set(kinds.values())
    if "rules" in has and "policy" in has:
        raise ReleaseError("both", _("规则和政策要分开提出，各签各的。请只选其中一种文件。"))
    if has == {"cases"}:
        raise ReleaseError("only_cases", _("只有案例文件。请连同改过的规则或政策文件一起上传。"))
    if "rules" in has:
        programme = programme or _owner(base, [n for n, kind in kinds.items() if kind == "rules"])
        if programme not in base.programmes:
            raise ReleaseError("programme", _("请选择这些规则属于哪个项目。"))
        folder = f"programmes/{programme}/"
        files = _by_path(given, {n: f"{folder}{kind}/" for n, kind in kinds.items()})
        return _with_same_version(base, programme, files)
    if sum(kind == "policy" for kind in kinds.values()) > 1:
        raise ReleaseError("several", _("一次只能提出一份政策文件。请分开提出。"))
    folders = {
        n: "policies/cases/" if kind == "cases" else "policies/" for n, kind in kinds.items()
    }
    return _by_path(given, folders)


def _owner(base: Library, names: Iterable[str]) -> str:
    """The one programme that has rule files of these names; "" where none or several have."""
    wanted = {PurePosixPath(name).name for name in names}
    owners = [
        p.id
        for p in base.programmes.values()
        if wanted & {path.name for path in (p.folder / "rules").glob("*.yaml")}
    ]
    return owners[0] if len(owners) == 1 else ""


def _by_path(given: Mapping[str, str], folders: Mapping[str, str]) -> dict[str, str]:
    files: dict[str, str] = {}
    for name, text in given.items():
        path = folders[name] + PurePosixPath(name).name
        if path in files:
            raise ReleaseError("twice", _("“%s”选了两次，请重新选择。") % PurePosixPath(name).name)
        files[path] = text
    return files


def _with_same_version(base: Library, programme: str, files: dict[str, str]) -> dict[str, str]:
    """Rules of one programme carry one version: the files left as they are take the new one, too."""
    versions = {
        str(data.get("version", ""))
        for path, text in files.items()
        if "/rules/" in path and isinstance(data := _read(text), dict)
    }
    if len(versions) != 1:
        return files  # the loader tells where they differ
    version = versions.pop()
    if not version:
        return files
    folder = base.programmes[programme].folder / "rules"
    for path in sorted(folder.glob("*.yaml")):
        name = f"programmes/{programme}/rules/{path.name}"
        if name in files:
            continue
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        new = [f'version: "{version}"\n' if line.startswith("version:") else line for line in lines]
        files[name] = "".join(new)
    return files


def _read(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return None


def _kind(name: str, text: str) -> str:
    """rules | cases | policy by the keys of the file; ReleaseError for anything else."""
    if not name.lower().endswith((".yaml", ".yml")):
        raise ReleaseError("not_yaml", _("“%s”不是 .yaml 文件，请选择规则或政策文件。") % name)
    keys = {
        line.partition(":")[0].strip()
        for line in text.splitlines()
        if line[:1].isalpha() and ":" in line
    }
    for kind, needed in (
        ("rules", {"rules"}),
        ("cases", {"cases"}),
        ("policy", {"document_number", "region"}),
    ):
        if needed <= keys:
            return kind
    raise ReleaseError(
        "unknown_file",
        _(
            "“%s”看不出是规则（有 rules）、案例（有 cases）还是政策文件（有 document_number、region），请核对。"
        )
        % name,
    )


# --- who sees and does --------------------------------------------------------------------------


def seen_by(actor: Actor) -> QuerySet[Release]:
    """Releases that concern her region: its policies (also those of the region above), all rules."""
    rows = Release.objects.select_related("region", "proposed_by")
    if actor.region is None:
        return rows if actor.region_prefix == "" else rows.none()
    here = visible(actor, Release.objects.all()).values("pk")
    above = [actor.region_prefix[:digits] for digits in (2, 4, 6, 9, 12)]
    return rows.filter(Q(pk__in=here) | Q(region__isnull=True) | Q(region__prefix__in=above))


def _require(actor: Actor, action: str, release: Release) -> None:
    actor.require(action, release if release.region_id else None)


# --- proposing ----------------------------------------------------------------------------------


@transaction.atomic
def propose(
    actor: Actor, checked: Checked, starts_on: dt.date, reason: str, today: dt.date | None = None
) -> Release:
    """Keep checked files as a proposal. The same files again give the proposal there is."""
    actor.require("propose_version")
    prefix = region_prefix(checked.region)
    region = Region.objects.filter(prefix=prefix).first() if prefix else None
    if checked.kind == Kind.POLICY:
        if region is None:
            raise ReleaseError("region", _("文件里的地区代码 %s 不在区划中。") % checked.region)
        actor.require("propose_version", region)
    if not reason.strip():
        raise ReleaseError("no_reason", _("请写明改了什么、为什么改，签署人要看。"))
    _check_start(starts_on, today)
    sha256 = content.digest(checked.files)
    same = Release.objects.filter(sha256=sha256).exclude(status=Status.WITHDRAWN).first()
    if same is not None:
        return same  # a second click
    release = Release(
        kind=checked.kind,
        name=checked.name,
        version=checked.version,
        region=region,
        files=checked.files,
        sha256=sha256,
        over=content.digest(content.active_files(starts_on)),
        starts_on=starts_on,
        reason=reason.strip()[:500],
        proposed_by=actor.staff,
    )
    _note(release, actor, "propose", starts_on.isoformat())
    try:
        with transaction.atomic():
            release.save()
    except IntegrityError:
        return Release.objects.exclude(status=Status.WITHDRAWN).get(sha256=sha256)
    audit.record(actor, "propose", "release", release.key)
    return release


def _check_start(starts_on: dt.date, today: dt.date | None = None) -> None:
    """From tomorrow on: a day has one content from its first minute to its last."""
    if starts_on <= (today or timezone.localdate()):
        raise ReleaseError(
            "too_early", _("启用日期最早是明天：同一天只能按一个版本办理。请改启用日期。")
        )


def _note(release: Release, actor: Actor, act: str, detail: str = "") -> None:
    release.history = [*release.history, history.line(actor, act=act, detail=detail)]


def _locked(release: Release) -> Release:
    return Release.objects.select_for_update().get(pk=release.pk)


@transaction.atomic
def note_replay(release: Release, actor: Actor, summary: Mapping[str, Any]) -> Release:
    """Keep what the replay on past records found. Only before it is signed by anybody."""
    _require(actor, "see_versions", release)
    row = _locked(release)
    if row.status not in OPEN:
        raise ReleaseError("not_open", _("这个版本已签署或撤回，不能再试算。"))
    row.replay, row.status = dict(summary), Status.REPLAYED
    _note(row, actor, "replay", str(summary.get("changed", "")))
    row.save()
    audit.record(actor, "replay", "release", row.key)
    return row


@transaction.atomic
def set_start(release: Release, actor: Actor, starts_on: dt.date) -> Release:
    """Another day; only while nobody has signed the old one."""
    _require(actor, "propose_version", release)
    row = _locked(release)
    if row.starts_on == starts_on:
        return row
    if row.status not in OPEN or row.signatures.exists():
        raise ReleaseError("signed", _("已有人签署，不能再改启用日期。请撤回后重新提出。"))
    _check_start(starts_on)
    _note(row, actor, "start", starts_on.isoformat())
    if row.over != content.digest(content.active_files(starts_on)):
        raise ReleaseError("other_base", str(_OTHER_BASE))
    row.starts_on = starts_on
    row.save()
    audit.record(actor, "start", "release", row.key)
    return row


# --- signing ------------------------------------------------------------------------------------


@transaction.atomic
def sign(release: Release, actor: Actor, base: Library) -> Release:
    """One named person's signature; the second (of another person) puts it in force on its day."""
    _require(actor, "sign_version", release)
    if actor.staff is None:
        raise ReleaseError("no_person", _("签署要由具名的人员本人办理。"))
    row = _locked(release)
    if row.signatures.filter(by=actor.staff).exists():
        if row.status == Status.SIGNED or row.signatures.count() < SIGNATURES:
            raise ReleaseError(
                "same_person", _("您已经签过这个版本。另一个签名要由另一位负责人用自己的账号签。")
            )
        return row
    if row.status == Status.PROPOSED:
        raise ReleaseError("not_replayed", _("还没有在过去的记录上试算。请先试算、看过影响再签。"))
    if row.status != Status.REPLAYED:
        raise ReleaseError(
            "not_open", _("这个版本当前为“%s”，不能签署。请刷新页面。") % row.get_status_display()
        )
    _check_start(row.starts_on)
    _check_order(row)
    check(base, row.files, row.starts_on, row.name if row.kind == Kind.RULES else "")
    Signature.objects.create(
        release=row, by=actor.staff, duty=actor.duty, region=actor.region, sha256=row.sha256
    )
    _note(row, actor, "sign", row.sha256[:12])
    if row.signatures.count() >= SIGNATURES and not uncovered(row):
        row.status = Status.SIGNED
    row.save()
    audit.record(actor, "sign", "release", row.key, sha256=row.sha256[:12])
    content.forget()
    transaction.on_commit(content.forget)
    return row


def _check_order(row: Release) -> None:
    """What it was replayed upon is still what it will lie upon, and nothing signed lies above it."""
    if row.over != content.digest(content.active_files(row.starts_on)):
        raise ReleaseError("other_base", str(_OTHER_BASE))
    later = Release.objects.filter(status=Status.SIGNED, starts_on__gt=row.starts_on)
    for other in later:
        if other.files.keys() & row.files.keys():
            raise ReleaseError(
                "later_signed",
                _(
                    "%(day)s 启用的版本 %(version)s 已经签署，改的是同样的文件。请先撤回它，按启用日期的先后提出。"
                )
                % {"day": other.starts_on, "version": other.version},
            )


def uncovered(release: Release) -> list[str]:
    """Districts that use shared rules and whose signature is still missing (county codes).

    Rules are the same for every district of the installation, so somebody who answers for each of
    them has to sign.
    """
    districts: Sequence[str] = release.replay.get("districts", ())
    prefixes = [
        region.prefix if region else ""
        for region in (s.region for s in release.signatures.select_related("region"))
    ]
    return [
        code
        for code in map(county_code, districts)
        if release.kind == Kind.RULES and not any(code.startswith(p) for p in prefixes)
    ]


@transaction.atomic
def withdraw(release: Release, actor: Actor, reason: str) -> Release:
    """Take a release back before its day. Afterwards only a further release can change things."""
    _require(actor, "propose_version", release)
    if not reason.strip():
        raise ReleaseError("no_reason", _("请写明撤回原因。"))
    row = _locked(release)
    if row.status == Status.WITHDRAWN:
        return row
    if row.status == Status.SIGNED and row.starts_on <= timezone.localdate():
        raise ReleaseError(
            "in_force",
            _(
                "这个版本已经启用，不能撤回：已有判断以它为依据。要改回去，请把原来的文件作为新版本提出。"
            ),
        )
    row.status = Status.WITHDRAWN
    _note(row, actor, "withdraw", reason.strip()[:300])
    row.save()
    audit.record(actor, "withdraw", "release", row.key)
    content.forget()
    transaction.on_commit(content.forget)
    return row


def is_active(release: Release, on: dt.date | None = None) -> bool:
    """Signed and started."""
    return release.status == Status.SIGNED and release.starts_on <= (on or timezone.localdate())
