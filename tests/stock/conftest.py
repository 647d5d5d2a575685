"""Stores of one township and its county, women who may have folic acid, and a document that says so."""

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

FOLIC = Path(__file__).parents[1] / "fixtures" / "folic"
HUAYAN = "500107102"


@pytest.fixture(scope="session")
def folic_library() -> Any:
    from sanyou.protocol.library import Library

    return Library.load(None, FOLIC)


@pytest.fixture
def in_use(folic_library: Any) -> Iterator[Any]:
    from sanyou.care import content

    content.set_library(folic_library)
    yield folic_library
    content.set_library(None)


@pytest.fixture
def stores(in_use: Any, district: Any) -> dict[str, Any]:
    return {
        "centre": district.centre,
        "town": district.townships[HUAYAN],
        "hospital": district.hospitals[HUAYAN],
    }


@pytest.fixture
def keeper(actor: Any) -> Any:
    """The county's storekeeper."""
    return actor("storekeeper")


@pytest.fixture
def receive(stores: Any, keeper: Any) -> Callable[..., Any]:
    """`receive(10, "A")` -> batch A of ten packs in the township's store."""
    from sanyou.stock import moves

    def make(
        quantity: int = 10, number: str = "A", store: Any = None, expires: date | None = None
    ) -> Any:
        today = timezone.localdate()
        row = moves.receive(
            keeper,
            store or stores["town"],
            "folic_acid",
            number,
            "虚构药业",
            expires or today + timedelta(days=400),
            quantity,
            today,
            uuid4(),
        )
        return row.batch

    return make


@pytest.fixture
def woman(make_couple: Any) -> Callable[[int], Any]:
    """`woman(3)` -> the wife of couple number 3."""
    return lambda number=1: make_couple(number).wife


@pytest.fixture
def registered(woman: Any, actor: Any, stores: Any) -> Callable[..., Any]:
    """A woman registered and let in by the village worker: an episode ready to be issued to."""
    from sanyou.care import episodes
    from sanyou.registry.models import Region

    def make(number: int = 1, **answers: Any) -> Any:
        worker = actor("village_worker")
        episode = episodes.nominate(
            worker,
            "folic_acid",
            woman(number),
            {"wife": {"preparing_pregnancy": True} | answers},
            on=timezone.localdate(),
            region=Region.objects.get(pk=HUAYAN),
        )
        episodes.confirm(episode, worker, timezone.localdate())
        episode.refresh_from_db()
        return episode

    return make


@pytest.fixture
def issue(actor: Any) -> Callable[..., Any]:
    """`issue(episode, 2)` -> the signed record of two packs handed out by the village worker."""
    from sanyou.care import encounters

    def make(episode: Any, packs: int = 1, who: Any = None, **answers: Any) -> Any:
        worker = who or actor("village_worker")
        draft = encounters.open_draft(episode, "folic_issue", "wife", worker)
        values = {"folic_acid_packs": packs} | answers
        changes = {n: {"base": draft.data.get(n), "value": v} for n, v in values.items()}
        saved = encounters.autosave(draft.key, changes, worker)
        return encounters.sign(draft.key, worker, saved.version)

    return make


def left(store: Any, batch: Any) -> int:
    from sanyou.stock.models import Balance

    row = Balance.objects.filter(store=store, batch=batch).first()
    return row.quantity if row is not None else 0
