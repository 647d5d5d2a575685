"""Loading several roots, worked cases, and what they must cover."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pytest

from sanyou.protocol.assessment import assess
from sanyou.protocol.facts import build_facts
from sanyou.protocol.form import validate
from sanyou.protocol.library import Library
from sanyou.protocol.population import assessment_sql, create_table_sql
from sanyou.protocol.schedule import plan
from sanyou.protocol.yamlfile import read_yaml
from tests.protocol.conftest import EYECHECK, TINY


def changed(tmp_path: Path, file: str, old: str, new: str) -> Library:
    root = tmp_path / "library"
    shutil.copytree(TINY, root)
    path = root / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    return Library.load(root)


def test_the_worked_cases_of_the_tiny_library_pass_and_cover_it(tiny: Library) -> None:
    report = tiny.check()
    assert report.ok, [str(error) for error in (*report.failures, *report.missing)]
    assert report.cases == 9


@pytest.mark.requirement("B05")
def test_the_packaged_content_loads_and_its_worked_cases_pass(packaged: Library) -> None:
    report = packaged.check()
    assert not report.failures, "\n".join(map(str, report.failures))
    assert not report.missing, "\n".join(map(str, report.missing))


def test_a_case_that_answers_otherwise_is_told_with_its_place(tmp_path: Path) -> None:
    library = changed(
        tmp_path, "programmes/tiny/rules/all.yaml", "person.alt__flag = 'high'", "person.alt > 60"
    )
    failures = [str(failure) for failure in library.check().failures]
    assert failures == [
        "programmes/tiny/cases/rules.yaml:2: 案例“谷丙转氨酶高于实验室上限，女方归入 C 类；"
        "男方没有结果，不能排除”：规则 wife.alt_high 应为 命中，实际 不命中。",
        "programmes/tiny/cases/rules.yaml:2: 案例“谷丙转氨酶高于实验室上限，女方归入 C 类；"
        "男方没有结果，不能排除”：类别应为 C，实际 B"
        "（命中：couple.both_smoke, husband.smoking, wife.exposed, wife.rubella_susceptible, "
        "wife.smoking, wife.weight_gap）。",
    ]


def test_a_rule_without_a_case_that_cannot_tell_is_named(tmp_path: Path) -> None:
    library = changed(
        tmp_path, "programmes/tiny/cases/rules.yaml", "unknown: [wife.smoking, ", "unknown: ["
    )
    missing = [str(error) for error in library.check().missing]
    assert missing == ["programmes/tiny/rules/all.yaml:12: 规则 smoking 没有这样的案例：不能排除。"]


def test_a_criterion_without_a_case_that_cannot_tell_is_named(tmp_path: Path) -> None:
    library = changed(
        tmp_path,
        "policies/cases/tiny.yaml",
        'given: {wife: {hukou_region: "500107"}, husband: {hukou_region: "110101"}}',
        'given: {couple: {planning: true}, wife: {hukou_region: "500107"}, '
        'husband: {hukou_region: "110101"}}',
    )
    report = library.check()
    assert ["资格条件 planning" in str(error) for error in report.missing] == [True]
    assert len(report.failures) == 1


def test_a_wrong_window_fails_its_case(tmp_path: Path) -> None:
    library = changed(
        tmp_path, "programmes/tiny/schedule.yaml", "due: {months: 3, days: 14}", "due: {months: 4}"
    )
    assert [failure.code for failure in library.check().failures] == ["case_failed"]


def test_elements_nobody_uses_are_only_a_warning(tmp_path: Path) -> None:
    library = changed(
        tmp_path, "programmes/tiny/forms/history.yaml", "      - {element: hukou_region}\n", ""
    )
    assert not library.warnings
    library = changed(
        tmp_path / "again",
        "programmes/tiny/forms/history.yaml",
        "      - {element: tsh, roles: [wife]}\n",
        "",
    )
    assert [warning.code for warning in library.warnings] == ["unused_element"]


def test_yes_no_and_on_are_words_and_numbers_are_exact(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("on: yes\nnumber: 0.1\ndate: 2021-03-01\ntext: '1'\n", encoding="utf-8")
    data = read_yaml(path, tmp_path).data
    assert data["on"] == "yes"
    assert str(data["number"]) == "0.1"
    assert data["date"] == date(2021, 3, 1)
    assert data["text"] == "1"


# --- a programme made of YAML only ------------------------------------------------


@pytest.fixture(scope="module")
def with_eyecheck() -> Library:
    return Library.load(None, EYECHECK)


def test_a_programme_of_yaml_only_is_laid_over_the_packaged_content(with_eyecheck: Library) -> None:
    assert {"preconception", "eyecheck"} <= set(with_eyecheck.programmes)
    report = with_eyecheck.check()
    assert report.ok, [str(error) for error in (*report.failures, *report.missing)]


def test_the_new_programme_has_forms_rules_tasks_and_figures(with_eyecheck: Library) -> None:
    programme = with_eyecheck.programmes["eyecheck"]
    on = date(2021, 9, 10)
    form = programme.forms["eye_vision"]
    data = {"eye_checked_on": "2021.9.10", "eye_right": "４.７", "eye_left": "5.0"}
    result = validate(with_eyecheck, form, "child", data)
    assert result.ok
    assert result.flags == {"eye_right": "low"}
    assert "eye_symptoms" in result.visible
    observations = {"child": result.as_json()["values"]}
    facts = build_facts(with_eyecheck, programme, observations, on)
    assessment = assess(programme, facts)
    assert [finding.key for finding in assessment.findings] == ["child.eye_low"]
    assert assessment.level == "attention"
    assert [task.id for task in plan(programme, facts, on)] == ["eye_referral_followup"]


def test_the_new_programme_runs_over_a_table(with_eyecheck: Library) -> None:
    import duckdb

    programme = with_eyecheck.programmes["eyecheck"]
    with duckdb.connect() as connection:
        connection.execute(create_table_sql(programme))
        connection.execute(
            'INSERT INTO facts ("child.eye_right__flag", "child.eye_left__flag") '
            "VALUES ('low', NULL), ('normal', NULL), ('normal', 'normal')"
        )
        query = f'SELECT "child.eye_low" FROM ({assessment_sql(programme)})'
        assert connection.execute(query).fetchall() == [(True,), (None,), (False,)]
