"""Labels of tasks are kept in Chinese; a page in English shows the content's English for them."""

from collections.abc import Iterator

from django import template
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from sanyou.care import content
from sanyou.protocol.text import Text

register = template.Library()

LATE = "（补录）"
CORRECT = "补正："


@register.filter
def named(label: str) -> str:
    """The label of a task in the language of the page; the Chinese where there is no English."""
    if not (get_language() or "").startswith("en"):
        return label
    if label.startswith(CORRECT):
        return _("补正：%s") % named(label.removeprefix(CORRECT))
    if label.endswith(LATE):
        return named(label.removesuffix(LATE)) + " " + _("（补录）")
    if "：" in label:  # the search for somebody given up as lost: 失访追查：听力复筛
        first, _colon, rest = label.partition("：")
        return f"{named(first)}: {named(rest)}"
    return next((text.en for text in _task_labels() if text.zh == label and text.en), label)


def _task_labels() -> Iterator[Text]:
    """What steps, planned follow-ups and rechecks are called, of every programme."""
    for programme in content.library().programmes.values():
        yield from (step.label for step in programme.steps)
        yield from (task.spec.label for task in programme.schedule)
        yield from (rule.spec.recheck.label for rule in programme.rules if rule.spec.recheck)
        for loop in programme.loops:
            yield from (leg.label for leg in loop.spec.legs)
            yield loop.spec.lost.label
