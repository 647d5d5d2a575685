"""A month from its files gives the answers that were worked out from the story behind each row."""

import json
from pathlib import Path

import pytest
from python_calamine import CalamineWorkbook

from sanyou.care.models import Assessment, Consent, Document, Encounter, Episode, FreeCheck
from sanyou.exchange.errors import FileProblem
from sanyou.exchange.models import ImportFile, ImportRow
from sanyou.finance.models import Claim
from sanyou.registry.models import Couple, Doubt, Person
from tests.exchange.conftest import SUPPLIED
from tests.exchange.generator import STYLES, make

# `sanyou month` always works on the embedded database; jobs and pages are tested on both.
pytestmark = pytest.mark.embedded

COUNTED = [
    Person,
    Couple,
    Episode,
    Encounter,
    Consent,
    Assessment,
    Claim,
    Doubt,
    FreeCheck,
    Document,
    ImportFile,
    ImportRow,
]


def row_counts():
    return {model.__name__: model.objects.count() for model in COUNTED}


def rows_of(path: Path):
    return CalamineWorkbook.from_path(path).get_sheet_by_index(0).to_python()


@pytest.mark.django_db
@pytest.mark.requirement("A06")
@pytest.mark.requirement("B05")
@pytest.mark.requirement("E01")
def test_the_supplied_month_equals_its_answer_key(run_month, expected, tmp_path):
    summary = run_month(SUPPLIED, tmp_path)
    assert summary == expected(SUPPLIED)
    assert json.loads((tmp_path / "summary.json").read_text("utf-8")) == summary
    before = row_counts()
    assert run_month(SUPPLIED, tmp_path) == summary
    assert row_counts() == before
    names = {p.name for p in tmp_path.iterdir()}
    assert {
        "未导入和待核实.xlsx",
        "随访名单.xlsx",
        "结算表.xlsx",
        "告知书",
        "summary.json",
    } <= names
    notices = [p for p in (tmp_path / "告知书").glob("*.html") if p.name != "全部告知书.html"]
    assert len(notices) == summary["attendance"]["examined"]
    assert not list(tmp_path.rglob("*.tmp"))


@pytest.mark.django_db
@pytest.mark.parametrize("style", range(len(STYLES)))
def test_an_invented_month_in_another_style_equals_its_own_key(
    style, run_month, expected, tmp_path
):
    folder = tmp_path / "in"
    make(folder, seed=100 + style, couples=26, style=STYLES[style], year=2021, month=4 + style)
    assert run_month(folder, tmp_path / "out") == expected(folder)


@pytest.mark.django_db
def test_every_refused_row_names_its_place_value_rule_and_remedy(run_month, tmp_path):
    folder = tmp_path / "in"
    key = make(folder, seed=7, couples=24, style=STYLES[0])
    run_month(folder, tmp_path / "out")
    lines = rows_of(tmp_path / "out" / "未导入和待核实.xlsx")
    head, body = lines[0], lines[1:]
    assert head == ["文件", "工作表", "行号", "处理结果", "字段", "原值", "违反的规则", "处理办法"]
    roster = [line for line in body if line[0] == "roster.xlsx"]
    refused = sum(key["roster"]["rows_rejected"].values()) + key["roster"]["held_for_review"]
    assert len({line[2] for line in roster if line[3] in {"未导入", "待人工核实"}}) == refused
    for line in body:
        assert all(line[i] not in {"", None} for i in (0, 2, 3, 4, 6, 7)), line
    digits = [line for line in roster if "校验" in line[6]]
    given = {str(r[c]).strip() for r in rows_of(folder / "roster.xlsx") for c in range(len(r))}
    assert digits
    assert any(str(line[5]) in given for line in digits)


@pytest.mark.django_db
def test_a_folder_keeps_to_one_month(run_month, tmp_path):
    make(tmp_path / "a", seed=1, couples=6, style=STYLES[0])
    make(tmp_path / "b", seed=2, couples=6, style=STYLES[0])
    run_month(tmp_path / "a", tmp_path / "out")
    with pytest.raises(FileProblem, match="另一批文件"):
        run_month(tmp_path / "b", tmp_path / "out")


@pytest.mark.django_db
def test_files_in_the_wrong_place_are_told_apart_by_what_they_hold(run_month, expected, tmp_path):
    folder = tmp_path / "in"
    make(folder, seed=3, couples=12, style=STYLES[2])
    (folder / "roster.xlsx").rename(folder / "x.xlsx")
    (folder / "stations.xlsx").rename(folder / "roster.xlsx")
    (folder / "x.xlsx").rename(folder / "stations.xlsx")
    assert run_month(folder, tmp_path / "out") == expected(folder)


@pytest.mark.django_db
def test_a_missing_table_is_named(run_month, tmp_path):
    folder = tmp_path / "in"
    make(folder, seed=4, couples=4, style=STYLES[0])
    (folder / "stations.xlsx").write_bytes((folder / "roster.xlsx").read_bytes())
    with pytest.raises(FileProblem, match="检查站记录"):
        run_month(folder, tmp_path / "out")


@pytest.mark.django_db
def test_nothing_is_signed_in_a_doctors_name(run_month, tmp_path):
    folder = tmp_path / "in"
    make(folder, seed=5, couples=10, style=STYLES[0])
    run_month(folder, tmp_path / "out")
    assert set(Assessment.objects.values_list("status", flat=True)) == {"proposed"}
    text = (tmp_path / "out" / "告知书" / "全部告知书.html").read_text("utf-8")
    assert "待医生确认" in text
