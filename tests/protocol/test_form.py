"""Forms and single values: what is accepted, and what a refusal says."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sanyou.protocol.entry import parse_value
from sanyou.protocol.facts import Observation, build_facts
from sanyou.protocol.form import FormResult, validate
from sanyou.protocol.library import Library
from tests.protocol.conftest import TINY

LIBRARY = Library.load(TINY)
ELEMENTS = LIBRARY.dictionary.elements
WIFE = {"height": "160", "weight": "55", "smoking": "否"}


def filled(role: str = "wife", *, draft: bool = False, **data: Any) -> FormResult:
    form = LIBRARY.programmes["tiny"].forms["history"]
    sex = "female" if role == "wife" else "male"
    return validate(LIBRARY, form, role, data, sex, draft=draft)


@pytest.mark.parametrize(
    ("element", "raw", "value"),
    [
        ("alt", "１２．５", Decimal("12.5")),
        ("alt", " 12.5 U/L ", Decimal("12.5")),
        ("alt", "1,200", Decimal("1200")),
        ("pregnancies", "２", 2),
        ("pregnancies", "2.0", 2),
        ("smoking", "是", True),
        ("smoking", "无", False),
        ("rubella_igg", "阳性", "positive"),
        ("rubella_igg", "＋", "positive"),
        ("rubella_igg", "Negative", "negative"),
        ("exposure", "农药、射线", ("pesticide", "radiation")),
        ("exposure", ["pesticide"], ("pesticide",)),
        ("exposure", [], ()),
        ("hukou_region", "５００１０７", "500107"),
        ("exposure_detail", " 铅 ", "铅"),
        ("alt", "", None),
        ("alt", "　", None),
        ("birth_date", "2021-03-01", date(2021, 3, 1)),
        ("birth_date", "2021/3/1", date(2021, 3, 1)),
        ("birth_date", "2021.3.1", date(2021, 3, 1)),
        ("birth_date", "20210301", date(2021, 3, 1)),
        ("birth_date", "2021年3月1日", date(2021, 3, 1)),
        ("birth_date", "２０２１年３月１日", date(2021, 3, 1)),
        ("birth_date", "2021-03-01 00:00:00", date(2021, 3, 1)),
        ("birth_date", date(2021, 3, 1), date(2021, 3, 1)),
    ],
)
def test_values_are_read_as_people_write_them(element: str, raw: Any, value: Any) -> None:
    parsed = parse_value(ELEMENTS[element], raw)
    assert parsed.error is None
    assert parsed.value == value


@pytest.mark.parametrize(
    ("element", "raw", "code", "chinese"),
    [
        (
            "alt",
            "高",
            "not_a_number",
            "谷丙转氨酶“高”不是数字，请填写数字（允许范围 0–5000 U/L）。",
        ),
        (
            "alt",
            True,
            "not_a_number",
            "谷丙转氨酶“True”不是数字，请填写数字（允许范围 0–5000 U/L）。",
        ),
        (
            "pregnancies",
            "1.5",
            "not_an_integer",
            "怀孕次数“1.5”不是整数，请填写整数（允许范围 0–20）。",
        ),
        (
            "height",
            "16",
            "implausible",
            "身高“16”超出可能的范围 80–230 cm，请核对原始记录、单位和小数点后重填。",
        ),
        (
            "rubella_igg",
            "中性",
            "unknown_code",
            "风疹病毒 IgG“中性”不在可选项内，请选择：阳性、阴性、可疑。",
        ),
        (
            "exposure",
            "农药、铅",
            "unknown_code",
            "接触“铅”不在可选项内，请选择：农药、射线、其他。",
        ),
        (
            "birth_date",
            "2021-02-30",
            "bad_date",
            "出生日期“2021-02-30”不是有效日期，请按“年-月-日”填写，如 2021-03-01。",
        ),
        ("smoking", "也许", "not_boolean", "吸烟“也许”看不懂，请填“是”或“否”。"),
        (
            "hukou_region",
            "九龙坡",
            "bad_region",
            "户籍地“九龙坡”不是行政区划代码，请从列表中选择，或填写 2、4、6、9、12 位代码。",
        ),
        (
            "alt",
            {"value": "1", "unit": "ukat/L"},
            "other_unit",
            "谷丙转氨酶的单位是“ukat/L”，本系统用“U/L”，请换算后填写。",
        ),
    ],
)
@pytest.mark.requirement("B04")
def test_a_refusal_names_field_value_limits_and_remedy(
    element: str, raw: Any, code: str, chinese: str
) -> None:
    parsed = parse_value(ELEMENTS[element], raw)
    assert parsed.value is None
    assert parsed.error is not None
    assert (parsed.error.code, str(parsed.error)) == (code, chinese)
    assert parsed.error.en


@given(st.sampled_from(sorted(ELEMENTS)), st.text(max_size=30))
def test_no_text_whatever_breaks_the_reading_of_a_value(name: str, raw: str) -> None:
    parsed = parse_value(ELEMENTS[name], raw)
    assert parsed.value is None or parsed.error is None


@given(st.decimals(0, 5000, places=2))
def test_a_number_that_was_read_is_stored_and_read_back_the_same(number: Decimal) -> None:
    result = filled(**WIFE, alt=str(number)).as_json()["values"]
    facts = build_facts(LIBRARY, "tiny", {"wife": result}, date(2021, 3, 1))
    assert facts["wife.alt"] == float(number)


def test_a_complete_form_has_values_and_no_errors() -> None:
    result = filled(**WIFE)
    assert result.ok
    assert result.values["height"] == Decimal(160)
    assert result.values["smoking"] is False
    assert result.values["alt"] is None


def test_required_fields_are_asked_for_when_signing_and_not_in_a_draft() -> None:
    result = filled()
    assert {name: error.code for name, error in result.errors.items()} == {
        "height": "required",
        "weight": "required",
        "smoking": "required",
    }
    assert str(result.errors["height"]).startswith("身高必须填写")
    assert filled(draft=True).ok


def test_a_draft_still_refuses_what_cannot_be_right() -> None:
    assert filled(draft=True, height="16").errors["height"].code == "implausible"


def test_a_field_is_shown_and_required_only_under_its_condition() -> None:
    assert "exposure_detail" not in filled(**WIFE, exposure=["pesticide"]).visible
    asked = filled(**WIFE, exposure=["other"])
    assert asked.errors["exposure_detail"].code == "required"


def test_what_is_hidden_is_not_kept() -> None:
    result = filled(**WIFE, exposure=["pesticide"], exposure_detail="铅")
    assert "exposure_detail" not in result.values
    assert result.ok


def test_a_section_is_shown_only_under_its_condition() -> None:
    smoker = WIFE | {"smoking": "是"}
    assert "rubella_igg" not in filled(**smoker).visible
    assert "rubella_igg" in filled(**WIFE).visible


def test_each_role_sees_its_own_fields() -> None:
    assert "pregnancies" in filled("wife", **WIFE).visible
    assert "pregnancies" not in filled("husband", **WIFE).visible


@pytest.mark.requirement("B04")
def test_values_outside_the_range_are_marked_by_sex() -> None:
    assert filled("wife", **WIFE, alt="45").flags == {"alt": "high"}
    assert filled("husband", **WIFE, alt="45").flags == {}
    assert filled("wife", **WIFE, alt="6").flags == {"alt": "low"}


def test_answers_that_are_not_normal_are_marked() -> None:
    marked = filled(**(WIFE | {"smoking": "是"}), exposure=["pesticide"]).flags
    assert marked == {"smoking": "abnormal", "exposure": "abnormal"}
    assert filled(**WIFE, rubella_igg="阴性").flags == {"rubella_igg": "abnormal"}
    assert filled(**WIFE, rubella_igg="阳性", exposure=[]).flags == {}


def test_the_laboratory_s_range_travels_with_the_value() -> None:
    result = filled(**WIFE, alt={"value": "38", "low": "", "high": "35", "unit": "U/L"})
    assert result.values["alt"] == Observation(Decimal(38), None, Decimal(35), "U/L")
    assert result.flags == {"alt": "high"}
    kept = result.as_json()["values"]["alt"]
    assert kept == {"value": 38, "low": None, "high": 35, "unit": "U/L"}


def test_an_unknown_field_is_refused() -> None:
    assert filled(**WIFE, nonsense="1").errors["nonsense"].code == "unknown_field"
