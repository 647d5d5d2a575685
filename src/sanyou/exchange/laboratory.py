"""Laboratory messages into records: whose they are, whether they came before, and what they change.

The control id (MSH-10) of a message is used once: the same content again is a duplicate; other
content under a used id is broken, unless it is a complete correction.
"""

from decimal import Decimal
from typing import Any

from sanyou.care import consents, content, encounters, one_stop
from sanyou.care.models import Encounter, Episode
from sanyou.exchange import hl7lab
from sanyou.exchange.context import Context, Done
from sanyou.exchange.elements import accepted, by_form, element_infos
from sanyou.exchange.errors import FileProblem, Problem
from sanyou.exchange.hl7lab import Message, Result
from sanyou.exchange.models import ImportFile, ImportRow
from sanyou.exchange.spec import LabSpec, lab_spec_for
from sanyou.exchange.stations import may_be_examined, person_and_episode
from sanyou.registry import people
from sanyou.registry.models import Person

Outcome = ImportRow.Outcome
# A message with less than this share of the tests its panel holds is taken as cut off.
CUT_OFF_SHARE = 0.5


def spec_of(ctx: Context) -> LabSpec:
    found = lab_spec_for(ctx.policy.region)
    if found is None:
        raise FileProblem(
            "本地区没有检验代码对照文件，无法导入检验结果。请管理员在内容目录中添加。"
        )
    return found


def read(ctx: Context, text: str, ordinal: int) -> Message:
    return hl7lab.read(text, ordinal, spec_of(ctx), dict(element_infos(ctx.library)))


def _problem(
    message: Message, code: str, rule: str, remedy: str, field: str = "MSH-10", value: str = ""
) -> Problem:
    return Problem(code, field, value or message.control_id, rule, remedy, field)


def process(ctx: Context, row: ImportRow, text: str) -> Done:
    """File one message. Runs inside the caller's transaction."""
    message = read(ctx, text, row.number)
    earlier = (
        ImportRow.objects.filter(
            file__kind=ImportFile.Kind.LAB,
            reference=message.control_id,
            outcome__in=[Outcome.ACCEPTED, Outcome.HELD],
        )
        .exclude(pk=row.pk)
        .exclude(reference="")
    )
    same = earlier.filter(fingerprint=message.fingerprint).first()
    if same is not None:
        problem = _problem(message, "duplicate", "这条消息以前收到过，内容相同", "无须处理")
        return Done(Outcome.MERGED, "duplicate", [problem], subject=same.subject)
    if message.broken:
        return _broken(message, message.broken)
    if earlier.filter(outcome=Outcome.ACCEPTED).exists() and not message.correction:
        return _broken(message, "控制号已用过，但内容不同")
    return _file(ctx, row, message)


def _broken(message: Message, why: str) -> Done:
    problem = _problem(message, "broken", why, "请检验科重新发送完整的消息")
    return Done(Outcome.REJECTED, "broken", [problem])


def _file(ctx: Context, row: ImportRow, message: Message) -> Done:
    person, role, episode = person_and_episode(ctx, message.id_number)
    if person is None or episode is None:
        problem = _problem(
            message, "unknown_person", "受检者没有登记过", "请检验科核对身份证号；如未登记，请先登记后重新处理",
            "PID-3", people.mask_id(message.id_number),
        )  # fmt: skip
        return Done(Outcome.HELD, "unknown_person", [problem])
    subject = str(episode.key)
    wrong = _other_person(message, person)
    if wrong is not None:
        return Done(Outcome.HELD, "other_person", [wrong], subject=subject)
    if not may_be_examined(episode):
        problem = _problem(
            message,
            "not_eligible",
            "这对夫妇未确认符合免费检查条件",
            "请先完成资格确认，再重新处理本条",
        )
        return Done(Outcome.HELD, "not_eligible", [problem], subject=subject)
    if consents.standing(episode).get(role) is not True:
        problem = _problem(
            message,
            "no_consent",
            "没有有效的知情同意，结果不能采用",
            "请先办理知情同意，再重新处理本条",
        )
        return Done(Outcome.HELD, "no_consent", [problem], subject=subject)
    cut = _too_few(ctx, message, person)
    if cut:
        return _broken(message, cut)
    return _recorded(ctx, row, message, person, role, episode)


def _other_person(message: Message, person: Person) -> Problem | None:
    """The id number fits but sex or birth date do not: somebody else's blood, perhaps."""
    sex = {"F": "female", "M": "male"}.get(message.sex, "")
    if sex and sex != person.sex:
        return _problem(
            message, "other_person", "消息中的性别与登记的不符", _CHECK, "PID-8", message.sex
        )
    if message.birth_date and message.birth_date != person.birth_date:
        given = message.birth_date.isoformat()
        return _problem(
            message, "other_person", "消息中的出生日期与登记的不符", _CHECK, "PID-7", given
        )
    return None


_CHECK = "请检验科核对受检者身份后重新发送"


def _too_few(ctx: Context, message: Message, person: Person) -> str:
    sex = "F" if person.sex == "female" else "M"
    expected = hl7lab.panel_size(message, spec_of(ctx), sex)
    if message.correction or not expected:
        return ""
    missing = hl7lab.missing_from_panel(message, spec_of(ctx), sex)
    if len(missing) > expected * CUT_OFF_SHARE:
        return f"消息不完整：组合应有 {expected} 项，只收到 {expected - len(missing)} 项"
    return ""


def _data(results: tuple[Result, ...]) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for r in results:
        if isinstance(r.value, Decimal):
            value: dict[str, Any] = {"value": _plain(r.value)}
            value |= {k: _plain(v) for k, v in (("low", r.low), ("high", r.high)) if v is not None}
            data[r.element] = value
        else:
            data[r.element] = r.value
    return data


def _plain(number: Decimal) -> str:
    return format(number.normalize(), "f")


def _recorded(
    ctx: Context, row: ImportRow, message: Message, person: Person, role: str, episode: Episode
) -> Done:
    subject = str(episode.key)
    problems = list(message.problems)
    if message.name and people.normalise_id(message.name) != people.normalise_id(person.name):
        problems.append(
            _problem(
                message, "other_name", "消息中的姓名与登记的不一致（已按身份证号记入）",
                "请检验科核对姓名", "PID-5", message.name[:1] + "**",
            )
        )  # fmt: skip
    created: list[tuple[str, int]] = []
    left = _data(message.results)
    for target in _of_the_visit(episode, role):
        programme = content.programme_of(target)
        for form, given in by_form(ctx, role, left, programme).items():
            left = {name: value for name, value in left.items() if name not in given}
            kept, refused = accepted(ctx, form, role, person.sex, given, programme)
            problems += refused
            if not kept:
                continue
            encounter = _write(ctx, row, message, target, form, role, kept)
            if encounter is not None:
                created.append(("care.Encounter", encounter.pk))
    if not created and not message.results:
        return Done(Outcome.HELD, "no_usable_result", problems, subject=subject)
    return Done(Outcome.ACCEPTED, "", problems, created, subject)


def _of_the_visit(episode: Episode, role: str) -> list[Episode]:
    """The episode, and those of the same visit that take what only their forms ask for. What both
    ask is written once; the other takes it over from there."""
    first, *others = one_stop.visit(episode)
    return [first, *(o for o in others if consents.standing(o).get(role) is True)]


def _write(
    ctx: Context,
    row: ImportRow,
    message: Message,
    episode: Episode,
    form: str,
    role: str,
    data: dict[str, Any],
) -> Encounter | None:
    """A record of its own; a corrected report amends the record that holds the wrong values."""
    if message.correction:
        signed = Encounter.objects.filter(
            episode=episode, form=form, role=role, status=Encounter.Status.SIGNED
        ).order_by("-pk")
        wrong = next((e for e in signed if data.keys() & e.data.keys()), None)
        if wrong is not None:
            changes = {name: value for name, value in data.items() if wrong.data.get(name) != value}
            if not changes:
                return None
            reason = f"检验科更正报告，消息控制号 {message.control_id}"
            return encounters.amend(wrong.key, changes, reason, ctx.caller)
    on = message.observed_on or ctx.file.on
    return encounters.record(
        episode, form, role, data, on=on, actor=ctx.caller, source=ctx.source(row, form)
    )
