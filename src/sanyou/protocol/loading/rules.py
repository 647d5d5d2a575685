"""Reads rules/*.yaml of a programme."""

from __future__ import annotations

from collections.abc import Iterator

from sanyou.protocol.loading.draft import Draft
from sanyou.protocol.loading.parts import Parts, check_window, role_known
from sanyou.protocol.models import RulesFile, RuleSpec
from sanyou.protocol.programme import Rule
from sanyou.protocol.scope import Scope
from sanyou.protocol.yamlfile import Loc, YamlFile


def load_rules(draft: Draft, parts: Parts, scope: Scope) -> tuple[tuple[Rule, ...], str]:
    rules: list[Rule] = []
    version = ""
    first: dict[str, str] = {}
    for path in sorted(parts.folder.glob("rules/*.yaml")):
        file, content = draft.read(path, parts.root, RulesFile)
        if content is None:
            continue
        if version and content.version != version:
            draft.fail(
                file,
                ("version",),
                "rules_version",
                f"规则版本“{content.version}”与其他规则文件“{version}”不一致，请统一。",
                f'Rule version "{content.version}" differs from "{version}" in other files.',
            )
        version = version or content.version
        for index, spec in enumerate(content.rules):
            loc: Loc = ("rules", index)
            if spec.id in first:
                draft.duplicate(file, (*loc, "id"), spec.id, first[spec.id])
                continue
            first[spec.id] = f"{file.shown}:{file.line((*loc, 'id'))}"
            rules += _rule(draft, parts, file, loc, spec, scope)
    return tuple(rules), version


def _rule(
    draft: Draft, parts: Parts, file: YamlFile, loc: Loc, spec: RuleSpec, scope: Scope
) -> Iterator[Rule]:
    classes = [c.id for c in parts.spec.risk_classes]
    for role, cls in spec.for_.items():
        where = (*loc, "for", role)
        if not role_known(draft, parts, file, where, role, scope):
            continue
        if cls not in classes:
            draft.unknown(file, where, "风险类别", "risk class", cls, classes)
            continue
        scoped = scope.with_person(role)
        when = draft.expression(file, (*loc, "when"), spec.when, scoped)
        referral = None
        if spec.referral is not None:
            to = (*loc, "referral", "when")
            referral = draft.expression(file, to, spec.referral.when, scoped)
        if when is None:
            return
        yield Rule(spec, role, cls, when, referral, (file.shown, file.line(loc)))
    if spec.recheck is not None:
        check_window(draft, file, (*loc, "recheck"), spec.recheck.after, spec.recheck.due)
