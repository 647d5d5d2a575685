"""What the steps of a programme are to each other."""

from sanyou.protocol.programme import Programme


def stations(programme: Programme) -> set[str]:
    """Forms of the steps that need consent and come before the assessment: the examination."""
    after_consent = following(programme, "consent")
    after_assess = following(programme, "assess")
    found = {s.form for s in programme.steps if s.form and s.id in after_consent - after_assess}
    if found or any(s.kind == "consent" for s in programme.steps):
        return found
    return {s.form for s in programme.steps if s.form and s.id not in after_assess}


def recheck_forms(programme: Programme) -> set[str]:
    """Forms outside the steps and the schedule: what a re-check is written down on."""
    planned = {s.form for s in programme.steps} | {t.spec.form for t in programme.schedule}
    return programme.forms.keys() - planned


def following(programme: Programme, kind: str) -> set[str]:
    """Steps that come after a step of a kind, at any distance."""
    found: set[str] = set()
    reached = {s.id for s in programme.steps if s.kind == kind}
    while True:
        more = {s.id for s in programme.steps if reached & set(s.after)} - found
        if not more:
            return found
        found |= more
        reached |= more
