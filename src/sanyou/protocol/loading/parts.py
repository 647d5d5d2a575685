"""What the readers of one programme's files share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sanyou.protocol.loading.draft import Draft
from sanyou.protocol.models import Duration, ProgrammeFile
from sanyou.protocol.scope import COUPLE, Scope
from sanyou.protocol.yamlfile import Loc, YamlFile


@dataclass
class Parts:
    """One programme folder and its programme.yaml."""

    folder: Path
    root: Path
    file: YamlFile
    spec: ProgrammeFile


def role_known(
    draft: Draft, parts: Parts, file: YamlFile, loc: Loc, role: str, scope: Scope
) -> bool:
    known = (*scope.roles, COUPLE) if parts.spec.subject == "couple" else scope.roles
    if role in known:
        return True
    draft.unknown(file, loc, "角色", "role", role, known)
    return False


def about_days(duration: Duration) -> int:
    """About how many days; only for comparing windows."""
    months = duration.years * 12 + duration.months
    return months * 30 + duration.weeks * 7 + duration.days


def check_window(draft: Draft, file: YamlFile, loc: Loc, opens: Duration, due: Duration) -> None:
    if about_days(due) < about_days(opens):
        draft.fail(
            file,
            loc,
            "window",
            "截止时间 due 早于开始时间（两者都从同一天算起），请改大 due。",
            "due comes before the opening (both count from the same day); make due longer.",
        )
