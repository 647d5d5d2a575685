"""Free checks used before this system: they count towards entitlement."""

from sanyou.care.models import FreeCheck
from sanyou.exchange.context import Context, Done, Reader
from sanyou.exchange.models import ImportRow
from sanyou.exchange.roster import identities
from sanyou.registry import people
from sanyou.registry.models import Couple

Outcome = ImportRow.Outcome


def process(ctx: Context, row: ImportRow, reader: Reader) -> Done:
    """Keep one used free check, for a couple that may not be registered yet."""
    found, problem = identities(reader)
    if problem is not None:
        return Done(Outcome.REJECTED, problem.code, [problem])
    order, examined_on = reader.get("child_order"), reader.get("examined_on")
    for name, value, word in (
        ("child_order", order, "孩次"),
        ("examined_on", examined_on, "检查日期"),
    ):
        if value is None and not reader.has_problem(name):
            reader.note(name, f"no_{name}", f"缺少{word}", f"请补填{word}后重新导入该行")
    if order is None or examined_on is None:
        return Done(Outcome.REJECTED, reader.problems[0].code, reader.problems)
    wife, husband = people.find_by_id(found["wife"]), people.find_by_id(found["husband"])
    couple = Couple.objects.filter(wife=wife, husband=husband).first() if wife and husband else None
    check, new = FreeCheck.objects.get_or_create(
        wife_index=people.id_index(found["wife"]),
        husband_index=people.id_index(found["husband"]),
        child_order=order,
        programme=ctx.file.programme,
        examined_on=examined_on,
        defaults={"couple": couple, "source": ctx.source(row)},
    )
    if not new:
        return Done(Outcome.MERGED, "duplicate", reader.problems)
    return Done(Outcome.ACCEPTED, "", reader.problems, [("care.FreeCheck", check.pk)])
