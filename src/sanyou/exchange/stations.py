"""What the stations wrote down for one person: consent, the day, and findings of each station.

A row is found by id number. Without a consent date the examination is refused and nothing of the
person's row is used. A value that cannot be read is held with its reason; the rest goes in.
"""

import re
from datetime import date
from decimal import Decimal
from typing import Any

from sanyou.care import consents, encounters, flow
from sanyou.care.models import Consent, Encounter, Episode
from sanyou.exchange import values
from sanyou.exchange.context import Context, Done, Reader
from sanyou.exchange.elements import accepted, by_form
from sanyou.exchange.errors import BadValue, Problem
from sanyou.exchange.hl7lab import unit_key
from sanyou.exchange.models import ImportRow
from sanyou.exchange.spec import FieldSpec, SheetSpec, heading_unit
from sanyou.registry import people
from sanyou.registry.models import Doubt, Person

Outcome = ImportRow.Outcome
# Units people write for body measures -> factor to the element's own unit.
_UNITS: dict[tuple[str, str], int | Decimal] = {
    ("cm", "cm"): 1, ("厘米", "cm"): 1, ("公分", "cm"): 1, ("m", "cm"): 100, ("米", "cm"): 100,
    ("kg", "kg"): 1, ("公斤", "kg"): 1, ("千克", "kg"): 1, ("斤", "kg"): Decimal("0.5"),
    ("mmhg", "mmHg"): 1, ("毫米汞柱", "mmHg"): 1, ("kpa", "mmHg"): Decimal("7.50062"),
    ("次/分", "次/分"): 1, ("℃", "℃"): 1, ("°C", "℃"): 1, ("度", "℃"): 1,
}  # fmt: skip


def person_and_episode(ctx: Context, number: str) -> tuple[Person | None, str, Episode | None]:
    """The person of an id number, her role, and the episode that a file's row is about."""
    person = people.find_by_id(number)
    if person is None:
        return None, "", None
    mine = (
        Episode.objects.filter(programme=ctx.file.programme)
        .exclude(status=Episode.Status.CANCELLED)
        .select_related("couple", "couple__wife", "couple__husband")
        .order_by("-opened_on", "-pk")
    )
    for role, side in (("wife", "couple__wife"), ("husband", "couple__husband")):
        episode = mine.filter(**{side: person}).first()
        if episode is not None:
            return person, role, episode
    return person, "", None


def unknown(ctx: Context, reader: Reader, number: str) -> Problem:
    """Why an id number leads to nobody: held as a second spouse, or never registered."""
    held = any(
        number in {str(v) for v in _held_of(doubt).values()}
        for doubt in Doubt.objects.filter(
            kind=Doubt.Kind.SECOND_SPOUSE,
            status=Doubt.Status.OPEN,
            region__code__startswith=ctx.county.code,
        )
    )
    if held:
        return reader.problem(
            "id",
            "spouse_in_doubt",
            "此人的登记有疑点，尚待核实",
            "请先在“疑似重复”页面处理，再重新处理本行",
        )
    return reader.problem(
        "id",
        "unknown_person",
        "没有登记过这个身份证号",
        "请核对身份证号；如未登记，请先登记夫妇并确认资格，再重新处理本行",
    )


def _held_of(doubt: Doubt) -> dict[str, object]:
    from sanyou.registry.matching import held_of

    return held_of(doubt)


def may_be_examined(episode: Episode) -> bool:
    """Whether the latest decision lets this couple be examined free of charge."""
    decision = episode.decisions.order_by("-pk").first()
    return bool(
        decision
        and decision.answer == "yes"
        and decision.grant == "free"
        and episode.status not in {Episode.Status.INELIGIBLE, Episode.Status.CANCELLED}
    )


def process(ctx: Context, row: ImportRow, reader: Reader) -> Done:
    """Record one person's row. Runs inside the caller's transaction."""
    number = reader.get("id")
    if reader.has_problem("id"):
        return Done(Outcome.REJECTED, reader.problems[0].code, reader.problems)
    if number is None:
        problem = reader.problem("id", "no_id", "缺少身份证号", "请补填18位身份证号后重新导入该行")
        return Done(Outcome.REJECTED, "no_id", [problem])
    check = people.check_id(number)
    if not check.ok:
        problem = reader.problem(
            "id", check.code, check.message_zh, "请对照身份证原件改正后重新导入该行"
        )
        return Done(Outcome.REJECTED, check.code, [problem])
    person, role, episode = person_and_episode(ctx, check.number)
    if person is None or episode is None:
        problem = unknown(ctx, reader, check.number)
        return Done(Outcome.HELD, problem.code, [problem])
    if not may_be_examined(episode):
        problem = reader.problem(
            "id",
            "not_eligible",
            "这对夫妇未确认符合免费检查条件",
            "请先完成资格确认；自费检查请在系统中单独登记",
        )
        return Done(Outcome.HELD, "not_eligible", [problem], subject=str(episode.key))
    return _attended(ctx, row, reader, person, role, episode)


def _attended(
    ctx: Context, row: ImportRow, reader: Reader, person: Person, role: str, episode: Episode
) -> Done:
    subject = str(episode.key)
    consent_on: date | None = reader.get("consent_on")
    exam_on: date | None = reader.get("exam_on")
    if reader.has_problem("consent_on"):
        return Done(Outcome.HELD, "bad_consent_date", reader.problems, subject=subject)
    _warn_of_name(reader, person)
    if consent_on is None:
        return _refused(ctx, row, reader, episode, role, exam_on or ctx.file.on)
    if exam_on is None:
        if not reader.has_problem("exam_on"):
            reader.note("exam_on", "no_exam_date", "缺少检查日期", "请补填检查日期后重新处理本行")
        return Done(Outcome.HELD, reader.problems[-1].code, reader.problems, subject=subject)
    if consent_on > exam_on:
        reader.note(
            "consent_on",
            "consent_after_exam",
            "知情同意书签署日期晚于检查日期",
            "未签署不得检查，请核对两个日期",
        )
        return Done(Outcome.HELD, "consent_after_exam", reader.problems, subject=subject)
    with flow.at_end():
        return _recorded(ctx, row, reader, person, role, episode, consent_on, exam_on)


def _warn_of_name(reader: Reader, person: Person) -> None:
    given = reader.get("name")
    if given and values.squeezed(given) != values.squeezed(person.name):
        reader.note(
            "name",
            "other_name",
            "姓名与登记的不一致（已按身份证号记入）",
            "请核对姓名和身份证号是否属同一人",
        )


def _refused(
    ctx: Context, row: ImportRow, reader: Reader, episode: Episode, role: str, on: date
) -> Done:
    """No consent: the examination is refused; nothing of the row is used."""
    standing = consents.standing(episode).get(role)
    if standing is True:
        reader.note(
            "consent_on",
            "consent_blank",
            "此人此前已签署知情同意书，本行却未填签署日期",
            "请核对后补填签署日期",
        )
        return Done(Outcome.HELD, "consent_blank", reader.problems, subject=str(episode.key))
    created = []
    if standing is None:
        before = set(episode.consents.values_list("pk", flat=True))
        consents.refuse(episode, role, ctx.caller, on=on, method="file")
        created = [
            ("care.Consent", pk)
            for pk in episode.consents.values_list("pk", flat=True)
            if pk not in before
        ]
    reader.note(
        "consent_on", "no_consent", "没有知情同意书签署日期，不得检查，本行结果未采用",
        "如已签署，请补填签署日期后重新导入；如不同意，无须处理",
    )  # fmt: skip
    return Done(Outcome.REJECTED, "no_consent", reader.problems, created, str(episode.key))


def _recorded(
    ctx: Context,
    row: ImportRow,
    reader: Reader,
    person: Person,
    role: str,
    episode: Episode,
    consent_on: date,
    exam_on: date,
) -> Done:
    data = measured(ctx, reader, role, person.sex)
    forms = by_form(ctx, role, data)
    earlier = {
        e.form: e
        for e in Encounter.objects.filter(
            episode=episode, role=role, form__in=forms, status=Encounter.Status.SIGNED
        ).exclude(source="")
    }
    if earlier:
        return _again(reader, forms, earlier, episode)
    created: list[tuple[str, int]] = []
    before = set(Consent.objects.filter(episode=episode).values_list("pk", flat=True))
    if consents.standing(episode).get(role) is not True:
        consents.grant(episode, role, ctx.caller, on=consent_on, method="file")
    after = Consent.objects.filter(episode=episode).values_list("pk", flat=True)
    created += [("care.Consent", pk) for pk in after if pk not in before]
    problems = list(reader.problems)
    for form, given in forms.items():
        kept, refused = accepted(ctx, form, role, person.sex, given)
        problems += [_with_column(reader, p) for p in refused]
        if kept:
            encounter = encounters.record(
                episode,
                form,
                role,
                kept,
                on=exam_on,
                actor=ctx.caller,
                source=ctx.source(row, form),
            )
            created.append(("care.Encounter", encounter.pk))
    return Done(Outcome.ACCEPTED, "", problems, created, str(episode.key))


def _with_column(reader: Reader, problem: Problem) -> Problem:
    """The problem of an element, told by the column it came from."""
    for spec in reader.spec.fields:
        if problem.field in {spec.element, spec.text_element, *spec.elements}:
            found = reader.problem(spec.id, problem.code, problem.rule, problem.remedy)
            return found
    return problem


def _again(
    reader: Reader,
    forms: dict[str, dict[str, Any]],
    earlier: dict[str, Encounter],
    episode: Episode,
) -> Done:
    """The person has been recorded from a file before: the same again, or something else."""
    differs = sorted(
        name
        for form, given in forms.items()
        for name, value in given.items()
        if form not in earlier or not _same(earlier[form].data.get(name), value)
    )
    if not differs:
        return Done(Outcome.MERGED, "duplicate", reader.problems, subject=str(episode.key))
    reader.note(
        "id",
        "already_recorded",
        "此人已有检查记录，本行有不同的值",
        "请核对；确需修改的，请在检查记录中“更正”并写明理由",
    )
    return Done(Outcome.HELD, "already_recorded", reader.problems, subject=str(episode.key))


def _same(stored: Any, value: Any) -> bool:
    if isinstance(stored, dict):
        stored = stored.get("value")
    if isinstance(value, dict):
        value = value.get("value")
    if isinstance(stored, list | tuple) or isinstance(value, list | tuple):
        return list(stored or []) == list(value or [])
    try:
        return Decimal(str(stored)) == Decimal(str(value))
    except ArithmeticError:
        return str(stored) == str(value)


# --- cells -> values ------------------------------------------------------------------------------


def measured(ctx: Context, reader: Reader, role: str, sex: str) -> dict[str, Any]:
    """element -> value of every column that carries findings; unreadable cells become problems."""
    data: dict[str, Any] = {}
    for spec in reader.spec.fields:
        if spec.id not in reader.columns or reader.blank(spec.id):
            continue
        if spec.who and spec.who != role:
            continue
        try:
            data |= _read(ctx, reader, spec)
        except BadValue as bad:
            reader.note(spec.id, bad.code, bad.rule, bad.remedy)
    elements = ctx.library.dictionary.elements
    return {
        name: value
        for name, value in data.items()
        if value is not None and name in elements and elements[name].sex in {None, sex}
    }


def _read(ctx: Context, reader: Reader, spec: FieldSpec) -> dict[str, Any]:
    cell: values.Cell = reader.cell(spec.id)
    if spec.type == "element":
        return {spec.element: element_value(ctx, reader, spec, cell)}
    if spec.type == "blood_pressure":
        found = values.blood_pressure(cell)
        return dict(zip(spec.elements, found, strict=True)) if found else {}
    if spec.type == "finding_text":
        return finding_text(reader.spec, spec, cell)
    if spec.type == "codes_text":
        return codes_text(reader.spec, spec, cell)
    return {}


def element_value(ctx: Context, reader: Reader, spec: FieldSpec, cell: values.Cell) -> Any:
    """A cell as the protocol takes it: booleans decided here, numbers in the element's unit."""
    element = ctx.library.dictionary.elements[spec.element]
    if element.type == "boolean":
        return values.yes_no(cell)
    if element.type == "date":
        found = values.day(cell)
        return found.isoformat() if found else None
    if not element.is_number:
        return values.text(cell)
    number = values.number(cell)
    if number is None:
        return None
    text, unit = number
    unit = unit or heading_unit(reader.headings[reader.columns[spec.id]])
    factor = _factor(unit, element.unit)
    if factor is None:
        raise BadValue(
            "bad_unit", f"单位“{unit}”不能换算为“{element.unit}”", f"请换算为 {element.unit} 后填写"
        )
    return text if factor == 1 else str((Decimal(text) * factor).normalize())


def _factor(given: str, own: str) -> Decimal | None:
    key, own_key = unit_key(given).lower(), unit_key(own)
    if not key or key == own_key.lower():
        return Decimal(1)
    for (word, unit), factor in _UNITS.items():
        if word.lower() == key and unit_key(unit).lower() == own_key.lower():
            return Decimal(factor)
    return None


def finding_text(spec: SheetSpec, field: FieldSpec, cell: values.Cell) -> dict[str, Any]:
    """A described finding: normal or abnormal, and the text itself.

    An abnormal word decides, also beside 未见异常 (肌瘤，附件未见异常); text with neither is abnormal,
    because somebody described something.
    """
    text = values.text(cell)
    if text is None:
        return {}
    words = spec.finding_text
    key = values.squeezed(text)
    if any(key.startswith(w) for w in words.not_done):
        return {field.text_element: text}
    # 未见囊肿、无占位: an abnormal word that is denied does not count
    denied = re.sub(r"(?:未见|未发现|无|未探及|未及)(?:明显|明确|确切)?[^，,。；;、]*", "", key)
    if any(w in denied for w in words.abnormal):
        result = "abnormal"
    elif (
        any(w in key for w in words.normal)
        or not denied.strip("，,。；;、")
        or re.fullmatch(r"(?:子宫|附件|及|双附件|双侧|宫颈|、|，)*(?:大小)?正常.*", key)
    ):
        result = "normal"
    else:
        result = "abnormal"
    return {field.element: result, field.text_element: text}


def codes_text(spec: SheetSpec, field: FieldSpec, cell: values.Cell) -> dict[str, Any]:
    """Words in a text -> codes; a word that is not known counts as `other` and the text is kept."""
    text = values.text(cell)
    if text is None:
        return {}
    words = spec.codes_text
    if values.squeezed(text).rstrip("。.") in words.none:
        return {field.element: []}
    found: list[str] = []
    unknown_part = False
    for part in re.split(r"[、，,;；/|+和及与 ]+", text):
        if not part or part in words.none:
            continue
        codes = [code for word, code in words.words.items() if word.lower() in part.lower()]
        found += [c for c in codes if c not in found]
        unknown_part = unknown_part or not codes
    if unknown_part and words.other and words.other not in found:
        found.append(words.other)
    data: dict[str, Any] = {field.element: found}
    if unknown_part and words.detail:
        data[words.detail] = text
    return data
