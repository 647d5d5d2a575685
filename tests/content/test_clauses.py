"""Each document stands in its policy file word for word, and nothing is decided without a clause."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from sanyou.protocol.library import Library
from sanyou.protocol.policy import Policy

TEXTS = Path(__file__).parent.parent / "fixtures" / "policies"
DOCUMENTS = sorted(path.stem for path in TEXTS.glob("*.txt"))
# What the conversion of the published files to text left behind: no words of the document.
MARKS = re.compile(r"\[bookmark: _GoBack\]|PAGE\s*—\d+—|^- (?=\()", re.MULTILINE)


@pytest.fixture(scope="module")
def lib() -> Library:
    return Library.load()


def words(text: str) -> str:
    """The text without white space and without marks of the conversion."""
    return re.sub(r"\s+", "", MARKS.sub("", text))


def test_the_five_documents_are_here(lib: Library) -> None:
    assert len(DOCUMENTS) == 5
    assert set(DOCUMENTS) == {p.id for p in lib.policies.values() if not p.stub}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_clauses_together_are_the_document_word_for_word(lib: Library, name: str) -> None:
    document = words((TEXTS / f"{name}.txt").read_text(encoding="utf-8"))
    clauses = words("\n".join(clause.text for clause in lib.policies[name].clauses))
    assert clauses == document


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_clause_says_what_carries_it_out_or_why_nothing_does(lib: Library, name: str) -> None:
    for clause in lib.policies[name].clauses:
        if clause.status == "implemented":
            assert clause.by, clause.ref
        else:
            assert clause.reason, clause.ref


def rules(policy: Policy) -> list[tuple[str, str]]:
    """(how a clause names it, the clause it cites) of all that decides about people."""
    found = [(f"eligibility:{c.id}", c.clause) for c in policy.eligibility]
    found += [(f"item:{i.id}", i.clause) for i in policy.items]
    if policy.entitlement is not None:
        found += [(f"entitlement:{d.id}", d.clause) for d in policy.entitlement.decisions]
    return found


@pytest.mark.parametrize("name", DOCUMENTS)
def test_no_rule_about_people_rests_on_an_exhortation(lib: Library, name: str) -> None:
    policy = lib.policies[name]
    status = {clause.ref: clause.status for clause in policy.clauses}
    cited = {clause for part in policy.every_part() for _name, clause in rules(part) if clause}
    assert cited
    assert {ref for ref in cited if status[ref] == "exhortation"} == set()


@pytest.mark.parametrize("name", ["jiulongpo-2020", "qikai-2021", "qijiang-2018"])
def test_every_rule_about_people_is_named_by_a_clause(lib: Library, name: str) -> None:
    policy = lib.policies[name]
    named = {by for clause in policy.clauses for by in clause.by}
    wanted = {entry for entry, _clause in rules(policy)}
    for programme, part in policy.parts.items():
        wanted |= {f"{programme}.{entry}" for entry, _clause in rules(part)}
    assert wanted - named == set()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_an_invented_value_says_that_the_document_leaves_it_open(lib: Library, name: str) -> None:
    policy = lib.policies[name]
    for part in policy.every_part():
        spec = part.spec
        money = [*spec.price, *spec.shares, spec.settlement, spec.benefit]
        sources = [entry.source for entry in money if entry is not None and not entry.clause]
        assert all(source is not None and source.ref for source in sources)
