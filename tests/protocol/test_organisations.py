"""A programme whose subject is an organisation: the same files, and nothing that only people have."""

import shutil
from pathlib import Path

import pytest

from sanyou.protocol.errors import ContentErrors
from sanyou.protocol.library import Library

VISITS = Path(__file__).parents[1] / "fixtures" / "visits"


@pytest.fixture(scope="module")
def visits() -> Library:
    return Library.load(None, VISITS)


def test_its_worked_cases_pass_and_cover_it(visits: Library) -> None:
    report = visits.check()
    mine = [str(e) for e in (*report.failures, *report.missing) if "visits" in str(e)]
    assert mine == []


def test_an_organisation_has_neither_age_nor_sex(visits: Library) -> None:
    programme = visits.programmes["visits"]
    assert programme.is_of_organisations
    have = {element.id for element in programme.elements_of["unit"]}
    assert have.isdisjoint({"sex", "birth_date", "age", "hukou_region", "residence_since"})
    assert "residence_region" in have


@pytest.mark.parametrize(
    ("file", "old", "new", "code"),
    [
        ("policies/visits-2021.yaml", "unit.residence_region__in_district", "unit.age > 18", "not_of_people"),
        ("programmes/visits/rules/visits.yaml", "unit.visits_result = 'poor'", "unit.sex = 'male'", "not_of_people"),
        ("programmes/visits/programme.yaml", "subject: organisation\nroles: [{", "subject: organisation\nroles: [wife, {", "subject"),
        (
            "programmes/visits/programme.yaml",
            "opening_form: visits_open",
            "opening_form: visits_open\nsessions: [{id: day, label: x, form: visits_look}]",
            "subject",
        ),
        (
            "programmes/visits/programme.yaml",
            "opening_form: visits_open",
            "opening_form: visits_open\npregnancy: {began: visits_on, ended: visits_mended_on}",
            "subject",
        ),
    ],
)  # fmt: skip
def test_what_only_people_have_is_refused(
    file: str, old: str, new: str, code: str, tmp_path: Path
) -> None:
    root = tmp_path / "visits"
    shutil.copytree(VISITS, root)
    path = root / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    with pytest.raises(ContentErrors) as refused:
        Library.load(None, root)
    assert code in {error.code for error in refused.value.errors}


def test_nothing_begins_a_programme_of_organisations(tmp_path: Path) -> None:
    root = tmp_path / "visits"
    shutil.copytree(VISITS, root)
    other = root / "programmes" / "other"
    (other / "forms").mkdir(parents=True)
    (other / "programme.yaml").write_text(
        "id: other\nlabel: 另一个\nversion: '1'\nsubject: person\nroles: [child]\n"
        "opening_form: other_open\n"
        "starts: [{id: x, form: other_open, subject: person, programmes: [visits]}]\n"
        "steps: [{id: open, label: 登记, kind: form, form: other_open, duty: child_doctor}]\n",
        encoding="utf-8",
    )
    (other / "forms" / "other_open.yaml").write_text(
        "id: other_open\nlabel: 登记\nversion: 1\nroles: [child]\nduty: [child_doctor]\n"
        "sections: [{id: a, label: 甲, fields: [{element: visits_on}]}]\n",
        encoding="utf-8",
    )
    with pytest.raises(ContentErrors) as refused:
        Library.load(None, root)
    assert any("visits" in str(error) for error in refused.value.errors)
