"""Which form of a programme takes a data element, and what reading its values needs to know."""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from sanyou.exchange.context import Context
from sanyou.exchange.errors import Problem
from sanyou.exchange.hl7lab import ElementInfo
from sanyou.exchange.spec import FieldSpec, SheetSpec, sheet_spec
from sanyou.protocol.form import validate

P = ParamSpec("P")
T = TypeVar("T")


def per_content(work: Callable[P, T]) -> Callable[P, T]:
    """Work out once for each set of content objects (which are not hashable); keeps the last few."""
    kept: list[tuple[tuple[Any, ...], T]] = []

    @wraps(work)
    def known(*args: P.args, **kwargs: P.kwargs) -> T:
        for given, answer in kept:
            if len(given) == len(args) and all(a is b for a, b in zip(given, args, strict=True)):
                return answer
        answer = work(*args, **kwargs)
        kept.append((args, answer))
        del kept[:-8]
        return answer

    return known


def examination_forms(programme: Any) -> list[Any]:
    """The forms of the stations: those that open with consent, in the order of the steps."""
    consent = {s.id for s in programme.steps if s.kind == "consent"}
    steps = [s for s in programme.steps if s.form and consent & set(s.after)]
    return [programme.forms[s.form] for s in steps]


@per_content
def form_of(programme: Any) -> dict[tuple[str, str], str]:
    """(role, element) -> the station form that asks for it; the first step wins."""
    found: dict[tuple[str, str], str] = {}
    for form in examination_forms(programme):
        for role in form.roles:
            for item in form.fields_for(role):
                found.setdefault((role, item.element), form.id)
    return found


@per_content
def stations_spec(library: Any, programme: Any) -> SheetSpec:
    """The stations sheet, with a column for every element of the station forms by its own label."""
    spec = sheet_spec("stations")
    known = {f.element for f in spec.fields} | {e for f in spec.fields for e in f.elements}
    taken = {key for f in spec.fields for key in f.keys}
    more = []
    for _role, name in form_of(programme):
        element = library.dictionary.elements[name]
        label = str(element.label.zh)
        fits = element.is_entered and element.type not in {"image", "region"}
        if fits and name not in known and label not in taken:
            known.add(name)
            field = FieldSpec(
                id=f"element_{name}", label=label, type="element", element=name, exact=True,
                aliases=(label,),
            )  # fmt: skip
            more.append(field)
    return spec.with_fields(tuple(more))


@per_content
def element_infos(library: Any) -> Mapping[str, ElementInfo]:
    """What the laboratory reader needs to know of each element."""
    return {name: _info(element) for name, element in library.dictionary.elements.items()}


def _info(element: Any) -> ElementInfo:
    codes: dict[str, str] = {}
    if element.value_set is not None:
        for code in element.value_set.codes:
            for word in (code.code, code.label.zh, code.label.en, *code.alias):
                if word:
                    codes.setdefault(str(word), code.code)
    limits = element.plausible
    return ElementInfo(
        element.id,
        str(element.label.zh),
        element.type,
        element.unit,
        codes,
        element.codes or "",
        element.sex or "",
        Decimal(limits.min) if limits else None,
        Decimal(limits.max) if limits else None,
    )


def by_form(
    ctx: Context, role: str, data: Mapping[str, Any], programme: Any = None
) -> dict[str, dict[str, Any]]:
    """The values parted by the form that takes them; of the file's programme, or another."""
    forms = form_of(programme or ctx.programme)
    parted: dict[str, dict[str, Any]] = {}
    for name, value in data.items():
        form = forms.get((role, name))
        if form is not None:
            parted.setdefault(form, {})[name] = value
    return parted


def accepted(
    ctx: Context, form_id: str, role: str, sex: str, data: dict[str, Any], programme: Any = None
) -> tuple[dict[str, Any], list[Problem]]:
    """The values the form takes, and a problem for each it refuses; the rest goes in."""
    form = (programme or ctx.programme).forms[form_id]
    result = validate(ctx.library, form, role, data, sex, draft=True)
    problems = []
    for name, error in result.errors.items():
        label = str(ctx.library.dictionary.elements[name].label.zh)
        given = data[name]["value"] if isinstance(data[name], dict) else data[name]
        problems.append(
            Problem(
                error.code, name, str(given)[:80], error.zh, "请核对原始记录，改正后补录该项", label
            )
        )
    kept = {
        name: value
        for name, value in data.items()
        if name not in result.errors and name in result.visible
    }
    return kept, problems


def missing_labels(ctx: Context, names: Iterable[str]) -> str:
    elements = ctx.library.dictionary.elements
    return "、".join(str(elements[n].label.zh) for n in names if n in elements)
