"""The assessment notices of a month as pages to print, marked as not yet confirmed by a doctor.

One file per couple, named by the record number, and all of them in one file.
"""

from __future__ import annotations

import html
from pathlib import Path
from typing import TYPE_CHECKING

from django.contrib.staticfiles import finders
from rich.progress import Progress

from sanyou.care import documents
from sanyou.care.models import Episode
from sanyou.exchange import outputs, summary
from sanyou.trust import audit

if TYPE_CHECKING:
    from sanyou.exchange.month import Month

KIND = "notice"
ALL, STYLE = "全部告知书.html", "告知书.css"
SHEETS = (
    "desk/sanyou.css",
    "desk/print.css",
    "desk/documents.css",
)  # the look of printed documents, where installed
WARNING = "待医生确认：本页由系统按规则生成，尚未经评估医生确认和签名，不得发放。"
OWN_STYLE = """
.unconfirmed { max-width: 190mm; margin: 8px auto; padding: 8px 12px; border: 2px solid #b3261e;
  color: #b3261e; font-weight: 700; font-family: sans-serif; background: #fff; }
@media print { .unconfirmed { border-width: 1px; margin: 0 0 4mm; } .couple { break-after: page; } }
"""
PAGE = """<!doctype html>
<html lang="zh-CN"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><link rel="stylesheet" href="{style}"></head>
<body><div class="paper-desk">
{body}
</div></body></html>
"""


def write(month: Month, folder: Path, progress: Progress | None) -> None:
    """Write the notices of every couple examined."""
    if KIND not in month.programme.documents:
        return
    episodes = list(
        summary.examined_episodes(month.rosters)
        .select_related("couple__wife", "couple__husband", "person", "region", "organisation")
        .order_by("number")
    )
    outputs.write_text(folder / STYLE, _style())
    bar = progress.add_task("生成告知书", total=len(episodes)) if progress else None
    bodies = []
    for episode in episodes:
        body = _body(month, episode)
        bodies.append(body)
        audit.record(month.actor, "print", "episode", episode.key, document=KIND)
        outputs.write_text(folder / f"{episode.number}.html", _page(episode.number, body))
        if progress and bar is not None:
            progress.advance(bar)
    outputs.write_text(folder / ALL, _page("全部告知书", "\n".join(bodies)))


def _body(month: Month, episode: Episode) -> str:
    rendered = documents.preview(episode, KIND, month.actor, month.last_day)
    return f'<section class="couple sheet"><p class="unconfirmed">{WARNING}</p>\n{rendered}\n</section>'


def _page(title: str, body: str) -> str:
    return PAGE.format(title=html.escape(title), style=STYLE, body=body)


def _style() -> str:
    found = [finders.find(name) for name in SHEETS]
    texts = [Path(path).read_text("utf-8") for path in found if isinstance(path, str)]
    return "\n".join([*texts, OWN_STYLE])
