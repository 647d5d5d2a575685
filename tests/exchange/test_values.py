"""Single cells, as people write them."""

from datetime import date, datetime

import pytest

from sanyou.exchange import values
from sanyou.exchange.errors import BadValue


@pytest.mark.parametrize(
    "cell",
    [
        "2021-03-01",
        "2021/3/1",
        "2021.03.01",
        "20210301",
        "2021年3月1日",
        "2021年03月01号",
        20210301,
        20210301.0,
        date(2021, 3, 1),
        datetime(2021, 3, 1, 8, 30),
        44256,
        44256.0,
        "44256",
        "２０２１年３月１日",
        " 2021-3-1 ",
        "2021-03-01 00:00:00",
        "2021-03-01T08:00:00",
        "二〇二一年三月一日",
        "2021、3、1",
        "2021\u3000-\u30003-1",
        "2021年3月1日 星期一",
    ],
)
def test_a_day_is_read_in_every_usual_style(cell):
    assert values.day(cell) == date(2021, 3, 1)


@pytest.mark.parametrize("cell", [None, "", "  ", "\u3000", "-", "/", "——"])
def test_an_empty_cell_is_no_day(cell):
    assert values.day(cell) is None


@pytest.mark.parametrize(
    ("cell", "code"),
    [
        ("2021-3", "date_incomplete"),
        ("2021年3月", "date_incomplete"),
        ("2021年", "date_incomplete"),
        ("2021年3月底", "date_incomplete"),
        ("2021-02-30", "no_such_date"),
        ("20211301", "no_such_date"),
        ("3/1/2021", "date_ambiguous"),
        ("21.3.1", "date_ambiguous"),
        ("很久了", "bad_date"),
        ("#REF!", "formula_error"),
        (202103, "date_incomplete"),
    ],
)
def test_a_day_that_cannot_be_read_names_the_rule_and_the_remedy(cell, code):
    with pytest.raises(BadValue) as caught:
        values.day(cell)
    assert caught.value.code == code
    assert caught.value.rule
    assert "请" in caught.value.remedy


@pytest.mark.parametrize(
    "cell",
    [
        "50010719941124857X",
        " 50010719941124857x",
        "５００１０７１９９４１１２４８５７Ｘ",
        "50010719941124857X\u3000",
        "500107 19941124 857x",
        "'50010719941124857X",
        "500107-19941124-857X",
        "50010719941124857×",
        "\u200b50010719941124857Х",
    ],
)
def test_an_identity_number_is_cleaned(cell):
    assert values.identity(cell) == "50010719941124857X"


@pytest.mark.parametrize("cell", [5.00107199411248e17, "5.00107E+17", 500107199411248570])
def test_an_identity_number_stored_as_a_number_has_lost_its_last_digits(cell):
    with pytest.raises(BadValue, match="丢失") as caught:
        values.identity(cell)
    assert "文本" in caught.value.remedy


@pytest.mark.parametrize(
    "cell",
    [
        "13361283388",
        "+8613361283388",
        "133-6128-3388",
        "133 6128 3388",
        13361283388.0,
        "１３３６１２８３３８８",
        "86 13361283388",
        "0086-13361283388",
        "13361283388/13900000000",
    ],
)
def test_a_mobile_number_is_cleaned(cell):
    assert values.phone(cell) == "13361283388"


def test_a_landline_is_a_phone_and_a_short_mobile_is_not():
    assert values.phone("023-68571234") == "02368571234"
    with pytest.raises(BadValue):
        values.phone("1336128338")


@pytest.mark.parametrize(
    ("cell", "order"),
    [
        ("首孩", 1),
        ("一孩", 1),
        ("1", 1),
        (1.0, 1),
        (1, 1),
        ("一", 1),
        ("头胎", 1),
        ("第一孩", 1),
        ("１", 1),
        ("1孩", 1),
        ("二", 2),
        ("二孩", 2),
        (2.0, 2),
        ("第2孩", 2),
        ("两孩", 2),
        ("二胎", 2),
        ("三孩", 3),
        ("三", 3),
        ("3.0", 3),
    ],
)
def test_child_order_is_read(cell, order):
    assert values.child_order(cell) == order


@pytest.mark.parametrize("cell", ["多孩", "0", "0.5", "不详"])
def test_child_order_that_cannot_be_read_is_a_problem(cell):
    with pytest.raises(BadValue):
        values.child_order(cell)


@pytest.mark.parametrize(
    ("cell", "answer"),
    [
        ("是", True),
        ("有", True),
        ("√", True),
        ("Y", True),
        (1.0, True),
        (True, True),
        ("符合", True),
        ("是。", True),
        ("否", False),
        ("无", False),
        ("×", False),
        ("n", False),
        (0, False),
        ("不符合", False),
        ("没有", False),
        ("", None),
        ("待核实", None),
        ("不详", None),
        ("?", None),
        ("？", None),
    ],
)
def test_yes_and_no_are_read(cell, answer):
    assert values.yes_no(cell) is answer


@pytest.mark.parametrize(
    ("cell", "answer"),
    [
        ("是", True),
        ("半年内", True),
        ("2021年下半年", True),
        ("三个月内", True),
        ("近期", True),
        ("正在备孕", True),
        (date(2021, 9, 1), True),
        ("否", False),
        ("暂不", False),
        ("无计划", False),
        ("已怀孕", False),
        ("不打算", False),
        ("近期不打算", False),
        ("", None),
        ("不确定", None),
    ],
)
def test_planning_is_read_also_when_a_time_is_given(cell, answer):
    assert values.planning(cell) is answer


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        (160.0, ("160", "")),
        ("160cm", ("160", "cm")),
        ("６０．５", ("60.5", "")),
        ("60.5 公斤", ("60.5", "公斤")),
        ("1,234.5", ("1234.5", "")),
        ("未测", None),
        ("", None),
        ("60。5", ("60.5", "")),
    ],
)
def test_numbers_are_read_with_the_unit_written_beside_them(cell, found):
    assert values.number(cell) == found


def test_blood_pressure_is_read_as_two_values():
    assert values.blood_pressure("120/80mmHg") == ("120", "80")
    with pytest.raises(BadValue):
        values.blood_pressure(date(2021, 3, 1))


def test_masked_identifiers_keep_only_their_ends():
    assert values.masked("500107199411248570", "identity") == "500107********8570"
    assert "6128" not in values.masked("13361283388", "phone")
    assert values.masked("欧阳慧", "name") == "欧**"


def test_spaces_inside_a_chinese_name_are_put_aside():
    assert values.name(" 张 莹\u3000") == "张莹"
    assert values.name("阿依古丽 买买提") == "阿依古丽买买提"
    assert values.name("Anna Li") == "Anna Li"
