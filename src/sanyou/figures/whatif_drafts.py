"""Drafts of a policy: made from a document in force, edited by several, downloaded as a file."""

import datetime as dt
import unicodedata
from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from sanyou.care import content
from sanyou.figures.models import PolicyDraft
from sanyou.protocol.policy import Policy
from sanyou.protocol.redraft import DraftErrors, Redraft, policy_from, redraft
from sanyou.registry import history
from sanyou.registry.access import Actor, shut_programmes
from sanyou.trust import audit

HISTORY = 100  # steps kept


class DraftError(Exception):
    """Refused. `message_zh` says why; `fields` holds messages at fields of the form."""

    def __init__(self, code: str, message_zh: str, fields: Mapping[str, str] | None = None) -> None:
        super().__init__(message_zh)
        self.code = code
        self.message_zh = message_zh
        self.fields = dict(fields or {})


def documents(actor: Actor, on: dt.date) -> list[tuple[Policy, str]]:
    """The documents in force for the actor's region, or in it, with each of their programmes."""
    here, shut = actor.region_prefix, shut_programmes(actor)
    found: list[tuple[Policy, str]] = []
    for policy in content.library(on).policies.values():
        prefix = policy.region
        if policy.stub or not policy.in_force(on):
            continue
        if not (prefix.startswith(here) or here.startswith(prefix.rstrip("0") or prefix)):
            continue
        found += [
            (policy, p)
            for p in policy.programmes
            if p in content.library(on).programmes
            and p not in shut
            and policy.for_programme(p).eligibility
        ]
    return sorted(found, key=lambda pair: (pair[0].region, pair[0].id, pair[1]))


@transaction.atomic
def create(actor: Actor, policy_id: str, programme: str, name: str) -> PolicyDraft:
    """A copy without changes yet."""
    actor.require("try_policy")
    today = timezone.localdate()
    known = {(policy.id, p) for policy, p in documents(actor, today)}
    if (policy_id, programme) not in known or actor.region is None:
        raise DraftError("no_policy", _("请选择一份在本地区有效的政策文件。"))
    if not name.strip():
        raise DraftError("no_name", _("请给拟稿起个名字，例如“居住改为三个月”。"))
    draft = PolicyDraft.objects.create(
        name=name.strip()[:80],
        base=policy_id,
        programme=programme,
        region=actor.region,
        author=actor.staff,
        history=[_step(actor, {})],
    )
    audit.record(actor, "create", "policy-draft", draft.key)
    return draft


def _step(actor: Actor, changed: Mapping[str, Any]) -> dict[str, Any]:
    return history.line(actor, changed=dict(changed))


def base_of(draft: PolicyDraft) -> Policy:
    """The document it was made from, as it stands today."""
    found = content.library().policies.get(draft.base)
    if found is None:
        raise DraftError(
            "no_base", _("拟稿所依据的政策文件 %s 已不在系统中，请另建拟稿。") % draft.base
        )
    return found


def made_of(draft: PolicyDraft, changes: Mapping[str, Any] | None = None) -> Redraft:
    """The whole document with the draft's changes, as data."""
    return redraft(
        content.library(),
        base_of(draft),
        draft.programme,
        draft.changes if changes is None else changes,
        timezone.localdate(draft.created_at),
    )


def policies_of(draft: PolicyDraft) -> tuple[Policy, Policy]:
    """(the document in force, the edited copy), both with the terms of the draft's programme."""
    base = base_of(draft)
    made = policy_from(content.library(), made_of(draft))
    return base.for_programme(draft.programme), made.for_programme(draft.programme)


@transaction.atomic
def save(
    draft: PolicyDraft, actor: Actor, changes: Mapping[str, Any], name: str, version: int
) -> PolicyDraft:
    """Keep the changes after a strict reading. DraftError with messages at the fields."""
    actor.require("try_policy", draft)
    row = PolicyDraft.objects.select_for_update().get(pk=draft.pk)
    wanted = {field: _plain(value) for field, value in changes.items()}
    if row.version != version:
        if row.changes == wanted and row.name == name.strip():
            return row  # a second click
        raise DraftError(
            "conflict",
            _("%s 刚刚改过这份拟稿。请打开最新内容，再填一次您的修改。")
            % (row.history[-1]["name"] if row.history else ""),
        )
    if not name.strip():
        raise DraftError("no_name", _("请给拟稿起个名字。"), {"name": _("请填写名称。")})
    fields = _dates(wanted)
    if fields:
        raise DraftError("mistakes", _("有内容需要改正，见标红的地方。"), fields)
    try:
        policy_from(content.library(), made_of(row, wanted))
    except DraftErrors as error:
        where = "" if not error.others else "：" + "；".join(error.others)
        raise DraftError(
            "mistakes", _("有内容需要改正，见标红的地方") + where + "。", error.fields
        ) from error
    changed = {
        field: [row.changes.get(field), wanted.get(field)]
        for field in sorted({*row.changes, *wanted})
        if row.changes.get(field) != wanted.get(field)
    }
    if row.name != name.strip():
        changed["name"] = [row.name, name.strip()]
    if changed:
        row.changes, row.name, row.version = wanted, name.strip()[:80], row.version + 1
        row.history = [*row.history, _step(actor, changed)][-HISTORY:]
        row.save()
        audit.record(actor, "edit", "policy-draft", row.key)
    return row


def _plain(value: Any) -> Any:
    """Full-width digits and signs as typed on a Chinese keyboard become plain ones; text stays."""
    if isinstance(value, str):
        text = value.strip()
        folded = unicodedata.normalize("NFKC", text)
        return folded if folded.replace(".", "").replace("-", "").isdigit() else text
    return value


def _dates(changes: Mapping[str, Any]) -> dict[str, str]:
    """Messages for days that are no days; amounts get their two decimals."""
    messages: dict[str, str] = {}
    for field in ("issued_on", "from", "price/+/from"):
        value = changes.get(field)
        if not value:
            continue
        try:
            dt.date.fromisoformat(str(value))
        except ValueError:
            messages[field] = _("“%s”不是日期，请按 2027-01-01 的形式填写。") % value
    if changes.get("price/+/amount") and not changes.get("price/+/from"):
        messages["price/+/from"] = _("请填写新价格从哪一天起执行。")
    return messages


@transaction.atomic
def remove(draft: PolicyDraft, actor: Actor) -> None:
    """Throw a draft away; nothing rests on it."""
    actor.require("try_policy", draft)
    audit.record(actor, "delete", "policy-draft", draft.key)
    draft.delete()
