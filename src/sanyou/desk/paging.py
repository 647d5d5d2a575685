"""Long lists in pages."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.core.paginator import Page, Paginator
from django.http import HttpRequest

PER_PAGE = 20


@dataclass(frozen=True)
class Leaf:
    """One page of a list with the addresses of its neighbours (filters kept)."""

    page: Page[Any]
    previous: str
    next: str

    def __iter__(self) -> Any:
        return iter(self.page)

    def __len__(self) -> int:
        return len(self.page.object_list)


def leaf(request: HttpRequest, rows: Any, per_page: int = PER_PAGE) -> Leaf:
    """The page asked for by ?page=; a number out of range gives the nearest page."""
    page = Paginator(rows, per_page).get_page(request.GET.get("page"))
    kept = [(k, v) for k, v in request.GET.items() if k != "page" and v]

    def url(number: int) -> str:
        return f"?{urlencode([*kept, ('page', number)])}"

    return Leaf(
        page,
        url(page.previous_page_number()) if page.has_previous() else "",
        url(page.next_page_number()) if page.has_next() else "",
    )
