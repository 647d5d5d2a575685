"""What the steps of a programme are to each other."""

from collections.abc import Iterable

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


def registers(duty: str, programmes: Iterable[Programme]) -> list[Programme]:
    """The programmes whose opening form this duty fills."""
    return [p for p in programmes if p.opening_form and duty in p.forms[p.opening_form].duty]


def duties_of(programme: Programme) -> set[str]:
    """Everybody who has something to do in a programme."""
    found = {s.duty for s in programme.steps} | {t.spec.duty for t in programme.schedule}
    found |= {duty for form in programme.forms.values() for duty in form.duty}
    for loop in programme.loops:
        found |= {leg.duty for leg in loop.spec.legs} | {loop.spec.lost.duty}
    return found
