"""Versions of rules and policies: proposed, replayed on past records, signed by two, in force."""

import datetime as dt
import difflib
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import yaml
from django.contrib import messages
from django.contrib.auth import authenticate
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from sanyou.care import content
from sanyou.care.models import Episode
from sanyou.desk.actor import actor_of, duty_page
from sanyou.desk.history import steps
from sanyou.desk.views import whatif_shown
from sanyou.desk.views.records import who_of
from sanyou.desk.views.records_form import words
from sanyou.figures import replay
from sanyou.protocol.library import Library
from sanyou.protocol.pricing import to_yuan
from sanyou.protocol.redraft import dump, source_of
from sanyou.protocol.text import Text
from sanyou.protocol.yamlfile import read_yaml
from sanyou.registry.access import Actor, NotFoundForYou, visible
from sanyou.registry.models import Region
from sanyou.releases import service
from sanyou.releases.errors import ReleaseError
from sanyou.releases.models import SIGNATURES, Release
from sanyou.trust import audit

STATE = {
    "proposed": "info",
    "replayed": "warn",
    "signed": "ok",
    "withdrawn": "",
}
ACTS = {
    "propose": gettext_lazy("提出，启用日期"),
    "replay": gettext_lazy("在过去的记录上试算，改变"),
    "start": gettext_lazy("改启用日期为"),
    "sign": gettext_lazy("签署，内容指纹"),
    "withdraw": gettext_lazy("撤回："),
}
LARGEST_FILE = 1_000_000  # bytes
LINES = 400  # of differences shown


def _release(actor: Actor, key: UUID) -> Release:
    found = service.seen_by(actor).filter(key=key).first()
    if found is None:
        raise NotFoundForYou
    return found


def _state(release: Release) -> tuple[str, str]:
    """(words, class of the badge)."""
    if service.is_active(release):
        return _("已启用"), "ok"
    if release.status == Release.Status.SIGNED:
        return _("已签署，待启用"), "info"
    return str(release.get_status_display()), STATE[release.status]


def _name(release: Release, lib: Library) -> str:
    if release.kind == Release.Kind.RULES and release.name in lib.programmes:
        return words(lib.programmes[release.name].label)
    if release.name in lib.policies:
        return words(lib.policies[release.name].label)
    for text in release.files.values():
        found = yaml.safe_load(text)
        if found.get("id") == release.name:
            return words(Text.of(found["label"]))
    return release.name


@duty_page("see_versions", methods=("GET",))
def versions(request: HttpRequest) -> HttpResponse:
    """What is in force today, and every release."""
    actor = actor_of(request)
    base = content.packaged()
    rows = []
    for release in service.seen_by(actor).prefetch_related("signatures__by"):
        state, badge = _state(release)
        rows.append(
            {
                "release": release,
                "label": _name(release, base),
                "state": state,
                "badge": badge,
                "signed": [s.by.display_name for s in release.signatures.all()],
            }
        )
    try:
        lib, problem = content.library(), ""
    except ReleaseError as error:
        lib, problem = base, error.message_zh
    context = {
        "rows": rows,
        "rules": [
            (words(p.label), p.rules_version, len({r.id for r in p.rules}))
            for p in lib.programmes.values()
            if p.rules
        ],
        "problem": problem,
        "may_propose": actor.can("propose_version"),
    }
    return render(request, "desk/versions/list.html", context)


@duty_page("propose_version")
def propose(request: HttpRequest) -> HttpResponse:
    """Upload changed files; mistakes are shown with file and line."""
    actor = actor_of(request)
    error: ReleaseError | None = None
    today = timezone.localdate()
    given = request.POST
    if request.method == "POST":
        try:
            starts = _day(given.get("starts_on", ""))
            checked = service.check(
                content.packaged(), _texts(request), starts, given.get("programme", "")
            )
            release = service.propose(actor, checked, starts, given.get("reason", ""))
            for warning in checked.warnings[:5]:
                messages.warning(request, _("提醒：%s") % warning)
            messages.success(request, _("文件已读入，没有错误。请先在过去的记录上试算。"))
            return redirect("version", release.key)
        except NotFoundForYou:
            error = ReleaseError(
                "not_yours",
                _("这份文件适用的地区不在您负责的范围内，请由那个地区的项目负责人提出。"),
            )
        except ReleaseError as mistake:
            error = mistake
    context = {
        "programmes": [
            (p.id, words(p.label)) for p in content.packaged().programmes.values() if p.rules
        ],
        "error": error,
        "given": given,
        "tomorrow": today + dt.timedelta(days=1),
    }
    return render(
        request, "desk/versions/propose.html", context, status=409 if error is not None else 200
    )


def _texts(request: HttpRequest) -> dict[str, str]:
    texts: dict[str, str] = {}
    for file in request.FILES.getlist("files"):
        name = file.name or ""
        if (file.size or 0) > LARGEST_FILE:
            raise ReleaseError("too_large", _("“%s”超过 1 MB，不像规则或政策文件，请核对。") % name)
        # A policy and its cases may have the same name; what each is, its content tells.
        key = name if name not in texts else f"{len(texts)}/{name}"
        try:
            texts[key] = file.read().decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise ReleaseError(
                "encoding", _("“%s”不是 UTF-8 文字文件。请另存为 UTF-8 编码的 .yaml。") % name
            ) from error
    return texts


def _day(text: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError as error:
        raise ReleaseError("no_date", _("请填写启用日期，如 2027-01-01。")) from error


@duty_page("see_versions", methods=("GET",))
def version(request: HttpRequest, key: UUID) -> HttpResponse:
    """One release: its files, what the replay found, its signatures."""
    return _page(request, key)


def _page(request: HttpRequest, key: UUID, error: str = "") -> HttpResponse:
    actor = actor_of(request)
    release = _release(actor, key)
    base = content.packaged()
    state, badge = _state(release)
    signatures = list(release.signatures.select_related("by", "region"))
    is_open = release.status in service.OPEN
    mine = any(s.by_id == (actor.staff.pk if actor.staff else None) for s in signatures)
    started = release.starts_on <= timezone.localdate()
    missing = service.uncovered(release) if len(signatures) >= SIGNATURES and is_open else []
    audit.record(actor, "read", "release", release.key)
    context = {
        "release": release,
        "label": _name(release, base),
        "state": state,
        "badge": badge,
        "signatures": signatures,
        "needed": max(0, SIGNATURES - len(signatures)),
        "missing": list(Region.objects.filter(pk__in=missing)),
        "replay": _replay(actor, release, base),
        "files": list(_files(release, base)),
        "renumbered": sum(
            only_version(old, text) for _p, old, text in _texts_beside(release, base)
        ),
        "history": steps(release.history, ACTS),
        "may": {
            "replay": is_open and not signatures,
            "sign": release.status == Release.Status.REPLAYED
            and not mine
            and actor.can("sign_version"),
            "withdraw": actor.can("propose_version")
            and (is_open or (release.status == Release.Status.SIGNED and not started)),
            "start": is_open and not signatures and actor.can("propose_version"),
        },
        "mine": mine,
        "error": error,
    }
    return render(request, "desk/versions/version.html", context, status=409 if error else 200)


def _replay(actor: Actor, release: Release, base: Library) -> dict[str, Any] | None:
    """The summary in words, and the changed records she may read."""
    found = release.replay
    if not found:
        return None
    rules = release.kind == Release.Kind.RULES
    sample = found["sample"]
    keys = [one["episode"] for one in sample]
    episodes = {
        str(e.key): e
        for e in visible(actor, Episode.objects.filter(key__in=keys)).select_related(
            "region", "couple__wife", "couple__husband", "person", "unit"
        )
    }
    reads = actor.can("see_results") if rules else actor.can("see_person")
    rows: list[dict[str, Any]] = []
    labels = _findings(release, base) if rules else {}
    for one in sample:
        episode = episodes.get(one["episode"])
        if episode is None or len(rows) >= replay.READ:
            continue
        row = {"episode": episode, "before": "", "after": "", "added": [], "removed": [], "why": ""}
        row["names"] = who_of(episode) if actor.can("see_person") else ""
        if rules:
            if reads:
                row |= {"before": one["before"] or "—", "after": one["after"] or "—"}
                row["added"] = [labels.get(k, k) for k in one["added"]]
                row["removed"] = [labels.get(k, k) for k in one["removed"]]
                row["recast"] = [
                    f"{labels.get(k, k)} {b} → {a}" for k, b, a in one.get("recast", ())
                ]
        else:
            row |= {
                "before": whatif_shown.STATE[one["before"]],
                "after": whatif_shown.STATE[one["after"]],
                "why": _why(release, base, one["why"]),
            }
        rows.append(row)
    return {
        "found": found,
        "at": dt.datetime.fromisoformat(found["at"]),
        "rows": rows,
        "reads": reads,
        "rules": [(labels.get(k, k), a, r) for k, (a, r) in found.get("rules", {}).items()],
        "moves": [
            (
                _class(b) if rules else whatif_shown.STATE[b],
                _class(a) if rules else whatif_shown.STATE[a],
                n,
            )
            for b, a, n in found["moves"]
        ],
        "yuan": [to_yuan(fen) for fen in found.get("fen", [])],
    }


def _why(release: Release, base: Library, name: str) -> str:
    """The criterion in words, as the replaced document calls it."""
    before = base.policies.get(str(release.replay.get("before", "")))
    if before is None:
        return name.partition(":")[2]
    for part in before.every_part():
        found = whatif_shown.why(part, part, name)
        if found != whatif_shown.why(part, part, ""):
            return found
    return name.partition(":")[2]


def _class(name: str) -> str:
    return name or _("无风险发现")


def _findings(release: Release, base: Library) -> dict[str, str]:
    """ "wife.alt_high" -> what a doctor calls it, by the new rules and the old ones."""
    labels: dict[str, str] = {}
    try:
        _old, new = replay.libraries(release.files, release.starts_on, release.pk)
    except Exception:
        new = base
    for lib in (base, new):
        programme = lib.programmes.get(release.name)
        for rule in programme.rules if programme else ():
            who = (
                words(programme.role_label[rule.role])
                if programme and rule.role in programme.role_label
                else ""
            )
            labels[rule.key] = f"{who} {words(rule.spec.label)}".strip()
    return labels


def _texts_beside(release: Release, base: Library) -> Iterable[tuple[str, str, str]]:
    """(path, the text it takes the place of, its own); a new document beside the one it repeals."""
    for path, text in release.files.items():
        files = [root / path for root in reversed(base.roots) if (root / path).is_file()]
        old, new = files[0].read_text(encoding="utf-8") if files else "", text
        before = base.policies.get(str(release.replay.get("before", "")))
        if not old and before is not None and path.count("/") == 1:
            with TemporaryDirectory() as folder:
                place = Path(folder) / "new.yaml"
                place.write_text(text, encoding="utf-8")
                new = dump(read_yaml(place, place.parent).data)
            old = dump(source_of(base, before))
        yield path, old, new


def only_version(old: str, new: str) -> bool:
    """Whether two texts differ in the version number alone."""
    one, other = old.splitlines(), new.splitlines()
    differing = [b for a, b in zip(one, other, strict=False) if a != b]
    return len(one) == len(other) and all(b.startswith("version:") for b in differing)


def _files(release: Release, base: Library) -> Iterable[tuple[str, SafeString]]:
    """Each file with what differs from the one it replaces; a new one whole."""
    for path, old, text in _texts_beside(release, base):
        if only_version(old, text):
            continue
        lines = list(difflib.unified_diff(old.splitlines(), text.splitlines(), lineterm="", n=2))[
            2:
        ]
        if not old:
            lines = [f"+{line}" for line in text.splitlines()]
        shown = format_html_join("\n", "{}", ((_marked(line),) for line in lines[:LINES]))
        if len(lines) > LINES:
            shown = format_html("{}\n…", shown)
        yield path, shown


def _marked(line: str) -> SafeString:
    if line.startswith("+"):
        return format_html("<ins>{}</ins>", line)
    if line.startswith("-"):
        return format_html("<del>{}</del>", line)
    return format_html("{}", line)


@duty_page("see_versions", methods=("POST",))
def version_replay(request: HttpRequest, key: UUID) -> HttpResponse:
    """Replay on past records."""
    actor = actor_of(request)
    try:
        replay.replay(_release(actor, key), actor)
    except ReleaseError as error:
        return _page(request, key, error.message_zh)
    messages.success(request, _("试算完成。请读几份结论会变的档案，再签署。"))
    return redirect("version", key)


@duty_page("sign_version", methods=("POST",))
def version_sign(request: HttpRequest, key: UUID) -> HttpResponse:
    """Sign with the password once more."""
    actor = actor_of(request)
    release = _release(actor, key)
    username = actor.staff.username if actor.staff else ""
    user = authenticate(request, username=username, password=request.POST.get("password", ""))
    if user is None or user.pk != request.user.pk:
        return _page(request, key, _("密码不对，没有签署。请重新输入您自己的登录密码。"))
    try:
        signed = service.sign(release, actor, content.packaged())
    except ReleaseError as error:
        detail = "".join(f" {mistake}" for mistake in error.mistakes[:3])
        return _page(request, key, error.message_zh + detail)
    if signed.status == Release.Status.SIGNED:
        messages.success(request, _("两人都已签署，从 %s 起执行。") % signed.starts_on.isoformat())
    else:
        messages.success(request, _("您已签署。还需另一位负责人用自己的账号签署。"))
    return redirect("version", key)


@duty_page("propose_version", methods=("POST",))
def version_start(request: HttpRequest, key: UUID) -> HttpResponse:
    """Another first day, while nobody has signed."""
    actor = actor_of(request)
    try:
        service.set_start(_release(actor, key), actor, _day(request.POST.get("starts_on", "")))
    except ReleaseError as error:
        return _page(request, key, error.message_zh)
    messages.success(request, _("启用日期已改。"))
    return redirect("version", key)


@duty_page("propose_version", methods=("POST",))
def version_withdraw(request: HttpRequest, key: UUID) -> HttpResponse:
    """Take it back before its day."""
    actor = actor_of(request)
    try:
        service.withdraw(_release(actor, key), actor, request.POST.get("reason", ""))
    except ReleaseError as error:
        return _page(request, key, error.message_zh)
    messages.success(request, _("版本已撤回，不会启用。"))
    return redirect("version", key)


@duty_page("see_versions", methods=("GET",))
def version_file(request: HttpRequest, key: UUID, number: int) -> HttpResponse:
    """One of its files as it was proposed."""
    actor = actor_of(request)
    release = _release(actor, key)
    paths = list(release.files)
    if number >= len(paths):
        raise Http404
    audit.record(actor, "download", "release", release.key)
    response = HttpResponse(
        release.files[paths[number]], content_type="application/yaml; charset=utf-8"
    )
    name = paths[number].rsplit("/", 1)[-1]
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
