"""Sheets as people make them: where the table is, which column is what, which rows are people."""

import io
import zipfile

import pytest
import xlsxwriter

from sanyou.exchange import spreadsheet
from sanyou.exchange.errors import FileProblem
from sanyou.exchange.spec import heading_key, heading_unit, sheet_spec

WIFE, HUSBAND = "500107199105043947", "500107199312170738"


def workbook(*rows, merges=(), name="Sheet1", more=()):
    """xlsx bytes; merges are (first row, first column, last row, last column, text)."""
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True})
    sheet = book.add_worksheet(name)
    for r, row in enumerate(rows):
        for c, value in enumerate(row):
            if value is not None:
                sheet.write(r, c, value)
    for merge in merges:
        sheet.merge_range(*merge)
    for other, other_rows in more:
        sheet = book.add_worksheet(other)
        for r, row in enumerate(other_rows):
            sheet.write_row(r, 0, row)
    book.close()
    return out.getvalue()


def roster(data):
    sheet = spreadsheet.read(data, "x.xlsx")[0]
    spec = sheet_spec("roster")
    layout = spreadsheet.recognise(sheet, spec)
    assert layout is not None
    return layout, list(spreadsheet.data_rows(sheet, layout, spec))


def test_the_table_is_found_under_title_rows():
    layout, rows = roster(
        workbook(
            ["2021年5月计划怀孕夫妇花名册"],
            ["填报单位：某街道", None, "填报日期：2021年5月6日"],
            [],
            ["序号", "妻子姓名", "妻子身份证", "丈夫姓名", "丈夫身份证", "孩次"],
            [1, "甲", WIFE, "乙", HUSBAND, "首孩"],
        )
    )
    assert layout.header_row == 3
    assert layout.columns["wife_id"] == 2
    assert layout.columns["husband_id"] == 4
    assert [r.number for r in rows] == [5]
    assert spreadsheet.stated_month(layout.title) == (2021, 5)


def test_two_row_headings_with_merged_groups_are_joined():
    layout, rows = roster(
        workbook(
            ["花名册"],
            ["序号", None, None, None, None, None, "现居住地址", "孩次"],
            [None, "姓名", "身份证号", "联系电话", "姓名", "身份证号"],
            [1, "甲", WIFE, "13361283388", "乙", HUSBAND, "九龙坡区华岩镇", "二"],
            merges=[
                (1, 0, 2, 0, "序号"),
                (1, 1, 1, 3, "女方基本情况"),
                (1, 4, 1, 5, "男方基本情况"),
                (1, 6, 2, 6, "现居住地址"),
                (1, 7, 2, 7, "孩次"),
            ],
        )
    )
    assert layout.header_height == 2
    assert layout.columns == {
        "serial": 0,
        "wife_name": 1,
        "wife_id": 2,
        "wife_phone": 3,
        "husband_name": 4,
        "husband_id": 5,
        "residence": 6,
        "child_order": 7,
    }
    assert [r.number for r in rows] == [4]


def test_two_row_headings_without_merging_are_joined():
    layout, _rows = roster(
        workbook(
            ["女方", None, "男方", None, "孩次"],
            ["姓名", "身份证号", "姓名", "身份证号", None],
            ["甲", WIFE, "乙", HUSBAND, "二"],
        )
    )
    assert layout.columns["wife_id"] == 1
    assert layout.columns["husband_id"] == 3


@pytest.mark.parametrize(
    ("wife", "husband"),
    [
        ("女方身份证号码", "男方身份证号码"),
        ("妻子身份证", "丈夫身份证"),
        ("女 方 身份证 号", "男\n方身份证号"),
        ("身份证号（女）", "身份证号（男）"),
        ("女方公民身份号码*", "男方公民身份号码*"),
        ("妻：身份证号", "夫：身份证号"),
        ("女方身份证号码（18位）", "男方身份证号码（18位）"),
        ("身份证号", "配偶身份证号"),
        ("女方证件号码", "男方证件号码"),
        ("女性身份证件号", "男性身份证件号"),
        ("女方有效身份证号码", "男方有效身份证号码"),
    ],
)
def test_headings_are_known_by_their_aliases(wife, husband):
    layout, _rows = roster(
        workbook(["姓名", wife, "配偶姓名", husband], ["甲", WIFE, "乙", HUSBAND])
    )
    assert layout.columns["wife_id"] == 1
    assert layout.columns["husband_id"] == 3


def test_totals_notes_repeated_headings_and_blank_rows_are_no_people():
    head = ["序号", "女方姓名", "女方身份证号", "男方姓名", "男方身份证号", "孩次", "所属镇街"]
    layout, rows = roster(
        workbook(
            head,
            [1, "甲", WIFE, "乙", HUSBAND, "1", "华岩镇"],
            ["小计", "1对"],
            [],
            head,
            [2, "丙", WIFE, "丁", "", "1", "华岩镇"],
            ["合计", "2对"],
            ["备注：本表一式两份。"],
            ["填报人：某某", None, None, "审核人：某某"],
        )
    )
    assert [r.number for r in rows] == [2, 6]
    assert layout.header_row == 0


def test_a_cell_merged_over_several_rows_counts_for_each_of_them():
    layout, rows = roster(
        workbook(
            ["所属镇街", "女方姓名", "女方身份证号", "男方姓名", "男方身份证号"],
            [None, "甲", WIFE, "乙", HUSBAND],
            [None, "丙", WIFE, "丁", HUSBAND],
            merges=[(1, 0, 2, 0, "华岩镇")],
        )
    )
    assert [r.cells[layout.columns["town"]] for r in rows] == ["华岩镇", "华岩镇"]


def test_a_note_merged_across_the_table_is_no_person():
    _layout, rows = roster(
        workbook(
            ["女方姓名", "女方身份证号", "男方姓名", "男方身份证号"],
            ["甲", WIFE, "乙", HUSBAND],
            [None, None, None, None],
            merges=[(2, 0, 2, 3, "说明：请于每月五日前上报，逾期不候。")],
        )
    )
    assert len(rows) == 1


def test_sheets_are_known_by_what_they_hold_not_by_their_names():
    data = workbook(
        ["姓名", "证件号码", "同意书签署日期", "体检日期", "身高（厘米）"],
        ["甲", WIFE, "2021-3-1", "2021-3-1", 160],
        name="花名册",
        more=[
            (
                "Sheet3",
                [["妻子身份证", "丈夫身份证", "胎次", "孕检日期"], [WIFE, HUSBAND, 1, "2020-1-1"]],
            ),
            (
                "女方",
                [
                    ["女方身份证号", "男方身份证号", "孩次", "是否计划怀孕", "是否符合政策"],
                    [WIFE, HUSBAND, 1, "是", "是"],
                ],
            ),
            ("说明", [["填表说明"], ["一律使用文本格式"]]),
        ],
    )
    specs = [sheet_spec(k) for k in ("roster", "history", "stations")]
    kinds = [
        layout.kind if (layout := spreadsheet.best_kind(s, specs)) else None
        for s in spreadsheet.read(data, "x.xlsx")
    ]
    assert kinds == ["stations", "history", "roster", None]


def test_a_heading_is_compared_without_its_ornaments():
    assert heading_key(" ＊女方　身份证号（必填）： ") == "女方身份证号"
    assert heading_unit("身高（cm）") == "cm"
    assert heading_unit("姓名（女）") == ""


@pytest.mark.parametrize(
    ("titles", "month"),
    [
        (["花名册", "九龙坡区2021年3月计划怀孕夫妇花名册", "填报日期：2021年3月1日"], (2021, 3)),
        (["花名册", "计划怀孕夫妇花名册", "填报日期：2021.04.06"], (2021, 4)),
        (["2021年10月", "填报日期：2021年9月28日"], (2021, 10)),
        (["二〇二一年十二月花名册"], (2021, 12)),
        (["花名册", "2021年度"], None),
    ],
)
def test_the_month_of_a_roster_is_read_from_its_title_then_its_date(titles, month):
    assert spreadsheet.stated_month(titles) == month


@pytest.mark.parametrize("data", [b"", b"hello", b"PK\x03\x04broken"])
def test_a_file_that_is_no_workbook_is_refused_with_a_remedy(data):
    with pytest.raises(FileProblem, match="请"):
        spreadsheet.read(data, "x.xlsx")


def test_a_csv_file_in_the_old_encoding_is_read():
    text = "女方姓名,女方身份证号,男方姓名,男方身份证号\r\n甲," + WIFE + ",乙," + HUSBAND + "\r\n"
    sheet = spreadsheet.read(text.encode("gb18030"), "名单.csv")[0]
    assert sheet.rows[1][1] == WIFE


# --- files that would harm ------------------------------------------------------------------------


@pytest.mark.requirement("H02")
def test_a_cell_far_out_is_refused_before_it_fills_the_memory():
    data = workbook(["女方姓名"], name="花名册", merges=[(199_999, 16_382, 199_999, 16_383, "x")])
    with pytest.raises(FileProblem, match="第 200000 行"):
        spreadsheet.read(data, "x.xlsx")


@pytest.mark.requirement("H02")
def test_an_archive_that_unpacks_to_too_much_is_refused(monkeypatch):
    monkeypatch.setattr(spreadsheet, "MAX_UNPACKED", 1_000_000)
    out = io.BytesIO(workbook(["女方姓名"]))
    with zipfile.ZipFile(out, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/image1.png", bytes(2_000_000))
    assert len(out.getvalue()) < 20_000
    with pytest.raises(FileProblem, match="展开后过大"):
        spreadsheet.read(out.getvalue(), "x.xlsx")


@pytest.mark.requirement("H02")
def test_an_archive_that_lies_about_its_size_is_refused():
    data = bytearray(workbook(["女方姓名"]))
    with zipfile.ZipFile(io.BytesIO(bytes(data))) as archive:
        start = archive.start_dir
    data[start + 24 : start + 28] = (10).to_bytes(4, "little")  # the stated size of the first part
    with pytest.raises(FileProblem, match="已损坏"):
        spreadsheet.read(bytes(data), "x.xlsx")


def test_nul_characters_are_dropped_no_database_keeps_them():
    data = "女方姓名,女方身份证号\n欧\0阳,5001\0\n".encode()
    [sheet] = spreadsheet.read(data, "x.csv")
    assert sheet.rows[1] == ["欧阳", "5001"]
