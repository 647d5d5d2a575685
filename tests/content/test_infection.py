"""HIV, syphilis and hepatitis B from mother to child as content: hidden, complete, followed to the end."""

import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from sanyou.protocol.facts import build_facts
from sanyou.protocol.loop import loops_of

pytestmark = pytest.mark.requirement("C04")

CONTENT = Path(__file__).parents[2] / "src" / "sanyou" / "content"
HIDDEN = ("infection_blocking", "infection_infant")
BORN = date(2021, 1, 15)
NAMED = re.compile("艾滋|梅毒|乙肝|HIV|传染|感染|阻断|暴露", re.IGNORECASE)


def test_every_element_of_the_infection_dictionaries_is_restricted() -> None:
    for path in CONTENT.glob("dictionary/infection*.yaml"):
        for element in yaml.safe_load(path.read_text(encoding="utf-8"))["elements"]:
            assert element["privacy"] == "restricted", element["id"]


@pytest.mark.parametrize("name", HIDDEN)
def test_the_records_of_the_positive_lie_in_the_compartment_with_one_duty(
    library: Any, name: str
) -> None:
    programme = library.programmes[name]
    assert programme.spec.compartment == "infection"
    duties = {step.duty for step in programme.steps}
    duties |= {duty for form in programme.forms.values() for duty in form.duty}
    duties |= {task.spec.duty for task in programme.schedule}
    duties |= {leg.duty for loop in programme.loops for leg in loop.spec.legs}
    duties |= {loop.spec.lost.duty for loop in programme.loops}
    assert duties == {"infection_officer"}


def test_what_everybody_has_tells_nothing(library: Any) -> None:
    """Every pregnant woman has a record of the tests; only what it begins lies hidden."""
    tests = library.programmes["infection_test"]
    assert tests.spec.compartment is None
    assert (tests.rules, tests.loops, tests.documents) == ((), (), {})
    assert [name for start in tests.starts for name in start.spec.programmes] == [HIDDEN[0]]


@pytest.mark.parametrize("name", HIDDEN)
def test_no_print_names_the_infection_on_its_outside(library: Any, name: str) -> None:
    programme = library.programmes[name]
    assert set(programme.documents) == {"inner_sheet"}
    for spec in programme.documents.values():
        assert not NAMED.search(f"{spec.label.zh} {spec.number} {spec.code}")
        page = (CONTENT / "documents" / spec.template).read_text(encoding="utf-8")
        body = re.sub(r"\{#.*?#\}", "", page, flags=re.DOTALL)
        assert not NAMED.search(body)
        assert "programme.label" not in body


@pytest.mark.parametrize("source", ["maternity", "infection_test"])
@pytest.mark.parametrize(
    ("results", "begins"),
    [
        ({"hiv": "reactive", "syphilis": "negative", "hbsag": "negative"}, True),
        ({"hiv": "negative", "syphilis": "positive", "hbsag": "negative"}, True),
        ({"hiv": "declined", "syphilis": "negative", "hbsag": "positive"}, True),
        ({"hiv": "negative", "syphilis": "negative", "hbsag": "negative"}, False),
    ],
)
def test_a_positive_begins_the_hidden_record(
    library: Any, source: str, results: dict[str, str], begins: bool
) -> None:
    programme = library.programmes[source]
    start = next(s for s in programme.starts if HIDDEN[0] in s.spec.programmes)
    found = build_facts(library, source, {"wife": results}, BORN)
    assert (start.when.evaluate(found) is True) is begins
    opening = library.programmes[HIDDEN[0]].forms["infection_case"]
    asked = {f.element for section in opening.sections for f in section.fields}
    assert set(start.spec.carry) <= asked


def state(library: Any, loop: str, on: date, **child: Any) -> Any:
    facts = build_facts(library, "infection_infant", {"child": {"birth_date": BORN, **child}}, on)
    programme = library.programmes["infection_infant"]
    return next(s for s in loops_of(programme, facts) if s.loop.id == loop)


@pytest.mark.parametrize(
    ("loop", "exposed"),
    [("hiv", "exposed_hiv"), ("syphilis", "exposed_syphilis"), ("hbv", "exposed_hbv")],
)
def test_an_exposed_child_is_on_the_list_every_day_until_concluded(
    library: Any, loop: str, exposed: str
) -> None:
    """Nothing done at all: on every day of two years something is to be done."""
    for days in range(0, 730, 5):
        found = state(library, loop, BORN + timedelta(days=days), **{exposed: True})
        assert found.state == "open"
        assert None not in (found.leg, found.due)


@pytest.mark.parametrize(
    ("weight", "doses"),
    [(1999, ["dose2", "dose3_small", "dose4"]), (2000, ["dose2", "dose3"])],
)
def test_a_small_infant_has_four_doses(library: Any, weight: int, doses: list[str]) -> None:
    given: dict[str, Any] = {"exposed_hbv": True, "birth_weight": weight}
    given |= {"hbig_on": BORN, "hepb1_on": BORN}
    legs = []
    for number in (2, 3, 4):
        leg = state(library, "hbv", BORN + timedelta(days=5), **given).leg
        if leg.id == "test":
            break
        legs.append(leg.id)
        given[f"hepb{number}_on"] = BORN + timedelta(days=30 * number)
    assert legs == doses
