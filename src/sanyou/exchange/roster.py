"""A roster 花名册: couples who plan a pregnancy, as the towns list them.

A row registers both spouses and the couple and nominates them. Rejected rows register nobody.
The same two id numbers again are merged. A second spouse is never decided by the machine: one
couple stands, the other row is held as a doubt.
"""

from collections import defaultdict
from collections.abc import Iterable
from datetime import date
from typing import Any

from sanyou.care import episodes
from sanyou.care.models import Episode
from sanyou.exchange import values
from sanyou.exchange.context import Context, Done, Reader
from sanyou.exchange.errors import BadValue, Problem
from sanyou.exchange.models import ImportRow
from sanyou.registry import matching, people
from sanyou.registry.access import outside, reaches
from sanyou.registry.models import Couple, Doubt, Region, Sex

Outcome = ImportRow.Outcome
STANDING = [Episode.Status.OPEN, Episode.Status.RETURNED]
SPOUSES = (("wife", Sex.FEMALE, "女方"), ("husband", Sex.MALE, "男方"))
_ID_CODES = {
    "bad_length": "bad_id_length",
    "bad_characters": "bad_id_length",
    "bad_date": "bad_id_date",
}


def identities(reader: Reader) -> tuple[dict[str, str], Problem | None]:
    """Both id numbers, checked; or the problem for which the row is rejected."""
    found: dict[str, str] = {}
    for role, _sex, word in SPOUSES:
        name = f"{role}_id"
        number = reader.get(name)
        if reader.has_problem(name):  # stored as a number: its last digits are gone
            return found, reader.problems.pop()
        if number is None:
            return found, reader.problem(
                name,
                f"no_{role}_id",
                f"缺少{word}身份证号",
                f"请补填{word}18位身份证号后重新导入该行",
            )
        found[role] = number
    for role, _sex, word in SPOUSES:
        check = people.check_id(found[role])
        if not check.ok:
            code = _ID_CODES.get(check.code, check.code)
            return found, reader.problem(f"{role}_id", code, f"{word}：{check.message_zh}", _REMEDY)
    for role, sex, word in SPOUSES:
        check = people.check_id(found[role])
        if check.sex != sex:
            rule = f"{word}身份证号第17位表示的性别不是{'女' if sex == Sex.FEMALE else '男'}性"
            remedy = "请核对是否填错人，或男女方填反，改正后重新导入该行"
            return found, reader.problem(f"{role}_id", "wrong_sex", rule, remedy)
        found[role] = check.number
    return found, None


_REMEDY = "请对照身份证原件改正后重新导入该行"


def ranks(rows: Iterable[tuple[int, Reader]], evidence: set[str] | None = None) -> dict[int, int]:
    """row number -> rank of processing, 0 first.

    Where a spouse is listed with two partners the couple of whom both are known to have come
    (`evidence`: id numbers) goes before the other; without evidence the order of rows decides.
    """
    pairs: dict[int, tuple[str, str]] = {}
    partners: defaultdict[str, set[str]] = defaultdict(set)
    for number, reader in rows:
        found, problem = identities(reader)
        if problem is None:
            pairs[number] = found["wife"], found["husband"]
            partners[found["wife"]].add(found["husband"])
            partners[found["husband"]].add(found["wife"])
    known = evidence or set()
    return {
        number: 2 - len(known & set(pair))
        for number, pair in pairs.items()
        if any(len(partners[p]) > 1 for p in pair)
    }


def process(ctx: Context, row: ImportRow, reader: Reader) -> Done:
    """Register one row. Runs inside the caller's transaction."""
    found, problem = identities(reader)
    if problem is not None:
        return Done(Outcome.REJECTED, problem.code, [problem, *reader.problems])
    for role, _sex, word in SPOUSES:
        if not reader.get(f"{role}_name"):
            missing = reader.problem(
                f"{role}_name", "no_name", f"缺少{word}姓名", "请补填姓名后重新导入该行"
            )
            return Done(Outcome.REJECTED, "no_name", [missing])
    region = _region(ctx, reader)
    if not reaches(ctx.actor, region.code):
        outside = reader.problem(
            "town",
            "other_region",
            "所属镇街不在您负责的地区",
            "请由该镇街或区中心导入此行，或改正所属镇街",
        )
        return Done(Outcome.HELD, "other_region", [outside])
    decided = Doubt.objects.filter(kind=Doubt.Kind.SECOND_SPOUSE, source=ctx.source(row)).first()
    if decided is not None and decided.status == Doubt.Status.REJECTED:
        return _held(ctx, row, reader, found, Outcome.REJECTED)
    accepted = decided is not None and decided.status == Doubt.Status.ACCEPTED
    other = _standing_with_another(found)
    if other is not None and not accepted:
        return _held(ctx, row, reader, found, Outcome.HELD)
    return _register(ctx, row, reader, found, verified=accepted or other is None)


def _standing_with_another(found: dict[str, str]) -> Couple | None:
    """A couple in which one of the two stands with somebody else; undone imports do not count."""
    wife, husband = people.find_by_id(found["wife"]), people.find_by_id(found["husband"])
    mine: set[int] = set()
    if wife and husband:
        mine = set(Couple.objects.filter(wife=wife, husband=husband).values_list("pk", flat=True))
    for person, side in ((wife, "wife"), (husband, "husband")):
        if person is None:
            continue
        known = outside(Couple.objects.filter(**{side: person}, merged_into=None))
        couple: Couple
        for couple in known.exclude(pk__in=mine):
            statuses = set(outside(couple.episodes.all()).values_list("status", flat=True))
            if statuses != {Episode.Status.CANCELLED}:
                return couple
    return None


def _held(
    ctx: Context, row: ImportRow, reader: Reader, found: dict[str, str], outcome: str
) -> Done:
    """Hold the row for a person to decide; nothing of it is registered."""
    other = _standing_with_another(found)
    wife = people.find_by_id(found["wife"])
    husband = people.find_by_id(found["husband"])
    whose = "wife" if wife and other and other.wife_id == wife.pk else "husband"
    person = wife if whose == "wife" else husband
    word = "女方" if whose == "wife" else "男方"
    problem = reader.problem(
        f"{whose}_id",
        "second_spouse",
        f"{word}已与另一名配偶登记",
        "请核对结婚证，在“疑似重复”页面核实采用哪一对，然后重新处理本行",
    )
    created: list[tuple[str, int]] = []
    if outcome == Outcome.HELD and person is not None:
        region = _region(ctx, reader)
        spouses = _spouses(ctx, reader, found)
        held: dict[str, object] = {
            "programme": ctx.file.programme,
            "on": ctx.file.on.isoformat(),
            "region": region.code,
            "observations": {"couple": _plan(ctx, reader)},
            "source": ctx.source(row),
            **{role: people.pack(data) for role, data in spouses.items()},
        }
        doubt = matching.hold_second_spouse(person, held, source=ctx.source(row), region=region)
        created.append(("registry.Doubt", doubt.pk))
    return Done(outcome, "second_spouse", [problem], created, str(other.key) if other else "")


def _place(ctx: Context, reader: Reader, name: str) -> tuple[Region | None, str]:
    text = reader.get(name) or ""
    if not text:
        return None, ""
    region = ctx.place(text)
    if region is None:
        reader.note(
            name,
            "unknown_address",
            "地址里认不出行政区划",
            "请写明省、市、区县和镇街，如 某省某市某区某镇",
        )
    return region, text


def _region(ctx: Context, reader: Reader) -> Region:
    """The responsible township: the town column, else where they live, else the county."""
    for name in ("town", "residence"):
        text = values.plain(reader.cell(name))
        found = ctx.place(text) if text else None
        if found is not None and found.code.startswith(ctx.county.prefix):
            return found
    return ctx.county


def _spouses(ctx: Context, reader: Reader, found: dict[str, str]) -> dict[str, people.PersonData]:
    """Both spouses as the row describes them; they share the place where they live."""
    residence, residence_text = _place(ctx, reader, "residence")
    if residence is None and not residence_text:
        residence, residence_text = _place(ctx, reader, "town")
    since = _not_after(reader, "residence_since", ctx.file.on)
    spouses = {}
    for role, sex, _word in SPOUSES:
        hukou, hukou_text = _place(ctx, reader, f"{role}_hukou")
        spouses[role] = people.PersonData(
            name=reader.get(f"{role}_name"),
            id_number=found[role],
            sex=str(sex),
            phone=reader.get(f"{role}_phone") or "",
            hukou_region=hukou,
            hukou_text=hukou_text,
            residence_region=residence,
            residence_text=residence_text,
            residence_since=since,
        )
    return spouses


def _plan(ctx: Context, reader: Reader) -> dict[str, Any]:
    """What the nomination form asks for, as far as the row says it."""
    married = _not_after(reader, "marriage_date", ctx.file.on)
    plan = {
        "child_order": reader.get("child_order"),
        "policy_compliant": reader.get("compliant"),
        "planning": reader.get("planning"),
        "planning_text": _planned_when(reader),
        "marriage_date": married.isoformat() if married else None,
        "nomination_note": reader.get("note"),
    }
    return {name: value for name, value in plan.items() if value is not None}


def _register(
    ctx: Context, row: ImportRow, reader: Reader, found: dict[str, str], *, verified: bool
) -> Done:
    registered = {
        role: people.register_person(data, ctx.actor)
        for role, data in _spouses(ctx, reader, found).items()
    }
    plan = _plan(ctx, reader)
    married = plan.get("marriage_date")
    couple = people.register_couple(
        registered["wife"],
        registered["husband"],
        marriage_date=date.fromisoformat(married) if married else None,
        actor=ctx.actor,
        verified=verified,
    )
    own = couple.episodes.filter(source=ctx.source(row)).first()
    if own is not None:  # opened when a person accepted the doubt about this row
        created = [("care.Episode", own.pk)]
        return Done(Outcome.ACCEPTED, "", _once(reader), created, str(own.key))
    existing = _same_plan(ctx, couple, plan.get("child_order"))
    if existing is not None:
        return Done(Outcome.MERGED, "duplicate", _once(reader), [], str(existing.key))
    episode = episodes.nominate(
        ctx.caller,
        ctx.file.programme,
        couple,
        {"couple": plan},
        on=ctx.file.on,
        region=_region(ctx, reader),
        source=ctx.source(row),
    )
    created = [("care.Episode", episode.pk)]
    return Done(Outcome.ACCEPTED, "", _once(reader), created, str(episode.key))


def _once(reader: Reader) -> list[Problem]:
    """The problems of the row, each once however often its cell was read."""
    return list({(p.field, p.code): p for p in reader.problems}.values())


def _planned_when(reader: Reader) -> str | None:
    """The time a pregnancy is planned for, when one was given instead of a plain yes."""
    text = values.plain(reader.cell("planning"))
    try:
        values.yes_no(text)
    except BadValue:
        return text if not reader.has_problem("planning") else None
    return None


def _not_after(reader: Reader, name: str, on: date) -> date | None:
    found: date | None = reader.get(name)
    if found is not None and found > on.replace(year=on.year + 1):
        reader.note(name, "in_the_future", "日期在将来", "请核对年份后补录")
        return None
    return found


def _same_plan(ctx: Context, couple: Couple, order: int | None) -> Episode | None:
    """An episode that already stands for what this row says."""
    mine = couple.episodes.filter(programme=ctx.file.programme).exclude(
        status=Episode.Status.CANCELLED
    )
    same_file = mine.filter(source__startswith=f"import:{ctx.file.key}:").first()
    if same_file is not None:
        return same_file
    going_on = mine.filter(status__in=STANDING).first()
    if going_on is not None:
        return going_on
    return mine.filter(child_order=order, opened_on=ctx.file.on).first()
