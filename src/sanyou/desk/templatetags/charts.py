"""Bars drawn on the server as SVG: no script, no inline style, and they print."""

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

register = template.Library()


@register.simple_tag
def bar_pair(before: int, after: int, most: int, label: str = "") -> SafeString:
    """Two bars under each other on the scale 0–`most`: as it is (pale), as it would be (deep).

    The numbers stand beside it as text, so the picture itself is decoration unless labelled.
    """
    one, two = _width(before, most), _width(after, most)
    role = format_html('role="img" aria-label="{}"', label) if label else 'aria-hidden="true"'
    return format_html(
        '<svg class="bars" viewBox="0 0 100 20" preserveAspectRatio="none" {}>'
        '<rect class="bar-track" x="0" y="0" width="100" height="20"/>'
        '<rect class="bar-before" x="0" y="2" width="{}" height="7"/>'
        '<rect class="bar-after" x="0" y="11" width="{}" height="7"/></svg>',
        SafeString(role),
        one,
        two,
    )


def _width(value: int, most: int) -> str:
    """Percent of the scale; what is not nothing stays visible."""
    if most <= 0 or value <= 0:
        return "0"
    return f"{max(0.5, 100 * value / most):.2f}"
