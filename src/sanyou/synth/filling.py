"""Answers to any form, from the dictionary alone: unremarkable ones, or drawn from published shares."""

import math
from collections.abc import Mapping
from datetime import date
from random import Random
from typing import Any

from sanyou.protocol.form import validate
from sanyou.protocol.library import Library
from sanyou.synth.population import shares

ROLE_SEX = {"wife": "female", "husband": "male"}


def _middle(element: Any, sex: str | None) -> tuple[float, float]:
    """Centre and a fifth of the width of the reference range, else of the plausible limits."""
    fitting = [r for r in element.ranges if r.sex in (None, sex)]
    low = high = None
    if fitting:
        low, high = fitting[0].low, fitting[0].high
    if (low is None or high is None) and element.plausible:
        low = element.plausible.min if low is None else low
        high = element.plausible.max if high is None else high
    low, high = float(low or 0), float(high if high is not None else (low or 0))
    return (low + high) / 2, (high - low) / 6


def _shape(element: Any, value: float) -> Any:
    """Bring a drawn number to the element's type, decimals and plausible limits."""
    limits = element.plausible
    if limits is not None:
        value = max(value, float(limits.min)) if limits.min is not None else value
        value = min(value, float(limits.max)) if limits.max is not None else value
    if element.type == "integer":
        return round(value)
    return round(value, element.decimals if element.decimals is not None else 1)


def _unremarkable(element: Any, sex: str | None, on: date) -> Any:
    normal = list(element.normal or [])
    match element.type:
        case "boolean":
            return bool(normal[0]) if normal else False
        case "code":
            return normal[0] if normal else element.value_set.codes[0].code
        case "codes":
            return []
        case "integer" if not element.ranges:
            return int(element.plausible.min) if element.plausible else 0  # a count: none
        case "integer" | "decimal":
            return _shape(element, _middle(element, sex)[0])
        case "date":
            return on.isoformat()
        case _:
            return "无"


def _plain_fields(library: Library, programme: str, form_id: str, role: str) -> list[Any]:
    form = library.programmes[programme].forms[form_id]
    return [
        field
        for section in form.sections
        for field in section.fields
        if not field.show_if and (not field.roles or role in field.roles)
    ]


def unremarkable(
    library: Library, programme: str, form_id: str, role: str, on: date = date(2021, 3, 1)
) -> dict[str, Any]:
    """Every question of a form answered the way a healthy person would."""
    sex = ROLE_SEX.get(role)
    healthy = shares()["unremarkable"].get(role, {})
    unmeasured = shares()["not_measured"]
    return {
        field.element: healthy.get(field.element)
        or _unremarkable(library.dictionary.elements[field.element], sex, on)
        for field in _plain_fields(library, programme, form_id, role)
        if field.required
        or (
            field.element not in unmeasured
            and library.dictionary.elements[field.element].type not in {"date", "text", "image"}
        )
    }


def _pick(rng: Random, shares: Mapping[str, float]) -> str | None:
    point = rng.random()
    for value, share in shares.items():
        point -= share
        if point < 0:
            return value
    return None


def _answer(element: Any, picked: str) -> Any:
    """A share's key in the element's type."""
    match element.type:
        case "boolean":
            return picked == "true"
        case "integer":
            return int(picked)
    return picked


def drawn(
    library: Library,
    values: list[dict[str, Any]],
    rng: Random,
    programme: str,
    form_id: str,
    role: str,
    on: date,
    told: Mapping[str, Any],
) -> dict[str, Any]:
    """Answers with the published shares of findings; numbers without a share vary inside their range.

    `told`: answers that this couple's story settles."""
    sex = ROLE_SEX.get(role)
    healthy = shares()["unremarkable"].get(role, {})
    answers = unremarkable(library, programme, form_id, role, on)
    for name, value in list(answers.items()):
        element = library.dictionary.elements[name]
        if element.ranges and value is not None:
            centre, width = _middle(element, sex)
            answers[name] = _shape(element, rng.gauss(centre, width / 2))
        elif (
            element.value_set and element.type == "code" and not (element.normal or name in healthy)
        ):
            answers[name] = rng.choice(element.value_set.current).code
    for entry in values:
        name = entry["element"]
        if name not in answers or role not in entry["roles"]:
            continue
        if any(answers.get(k) != v for k, v in entry.get("when", {}).items()):
            continue
        element = library.dictionary.elements[name]
        if "lognormal" in entry:
            p = entry["lognormal"]
            answers[name] = _shape(element, p["median"] * math.exp(rng.gauss(0, p["ln_sd"])))
        elif "normal" in entry:
            answers[name] = _shape(
                element, rng.gauss(entry["normal"]["mean"], entry["normal"]["sd"])
            )
        elif element.type == "codes":
            answers[name] = [code for code, p in entry["share"].items() if rng.random() < p]
        else:
            picked = _pick(rng, entry["share"])
            if picked is not None:
                answers[name] = _answer(element, picked)
    answers |= {name: value for name, value in told.items() if name in answers}
    return _follow_up_questions(library, programme, form_id, role, on, answers, told)


def _follow_up_questions(
    library: Library,
    programme: str,
    form_id: str,
    role: str,
    on: date,
    answers: dict[str, Any],
    told: Mapping[str, Any],
) -> dict[str, Any]:
    """Answer what an answer brought into view: having been pregnant asks for how it ended."""
    form, sex = library.programmes[programme].forms[form_id], ROLE_SEX.get(role)
    healthy = shares()["unremarkable"].get(role, {})
    for _ in range(3):
        shown = validate(library, form, role, answers, sex, draft=True).visible
        more = {
            name: told.get(name, healthy.get(name, _unremarkable(element, sex, on)))
            for name in shown
            if name not in answers
            and (element := library.dictionary.elements[name]).type
            in {"boolean", "integer", "code", "codes"}
        }
        if not more:
            break
        answers |= more
    return answers
