"""ORU messages: cutting a file, reading results, and telling a whole message from a broken one."""

from datetime import date
from decimal import Decimal

import pytest

from sanyou.exchange import hl7lab
from sanyou.exchange.errors import FileProblem
from sanyou.exchange.hl7lab import ElementInfo
from sanyou.exchange.spec import lab_spec_for

QUALITATIVE = {
    "positive": "positive",
    "阳性": "positive",
    "+": "positive",
    "阴性": "negative",
    "-": "negative",
}
ELEMENTS = {
    "alt": ElementInfo("alt", "谷丙转氨酶", "decimal", "U/L", low=Decimal(0), high=Decimal(5000)),
    "glucose": ElementInfo("glucose", "空腹血糖", "decimal", "mmol/L"),
    "tsh": ElementInfo("tsh", "促甲状腺激素", "decimal", "mIU/L"),
    "platelet": ElementInfo("platelet", "血小板", "decimal", "10*9/L"),
    "hbsag": ElementInfo(
        "hbsag", "乙肝表面抗原", "code", codes=QUALITATIVE, value_set="qualitative"
    ),
    "gonococcus": ElementInfo(
        "gonococcus", "淋球菌", "code", codes=QUALITATIVE, value_set="qualitative", sex="female"
    ),
}
ALT = "OBX|1|NM|ALT^谷丙转氨酶^L||33.3|U/L|0-50||||F|||202103081430"
HBSAG = "OBX|2|ST|HBsAg^乙肝表面抗原^L||阴性||阴性||||F|||202103081430"


def message(*obx, control="A1", sex="M", pid="500107199011090398^^^CHN^NI", obr25="F"):
    return "\r".join(
        [
            rf"MSH|^~\&|LIS|JLPFY|SANYOU|JLPFY|202103081530||ORU^R01^ORU_R01|{control}|P|2.5.1",
            f"PID|1||{pid}||林鑫||19901109|{sex}",
            f"OBR|1||S1|YQJC^组合^L|||202103080815|||||||||||||||202103081500|||{obr25}",
            *obx,
        ]
    )


def read(text):
    spec = lab_spec_for("500107")
    assert spec is not None
    return hl7lab.read(text, 1, spec, ELEMENTS)


@pytest.mark.parametrize(
    "joined",
    [
        lambda a, b: a + "\r" + b + "\r",
        lambda a, b: (a + "\r" + b).replace("\r", "\n"),
        lambda a, b: (a + "\r\r" + b).replace("\r", "\r\n"),
        lambda a, b: "\x0b" + a + "\r\x1c\r\x0b" + b + "\r\x1c\r",
        lambda a, b: "\ufeff" + a + "\r" + b,
        lambda a, b: "FHS|^~\\&|LIS\rBHS|^~\\&|LIS\r" + a + "\r" + b + "\rBTS|2\rFTS|1\r",
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "gb18030"])
def test_a_file_is_cut_into_its_messages_however_they_are_joined(joined, encoding):
    one, two = message(ALT), message(HBSAG, control="A2")
    content = joined(one, two)
    if encoding == "gb18030":
        content = content.removeprefix("\ufeff")
    found = hl7lab.split(content.encode(encoding))
    assert found == [one, two]


def test_a_message_cut_off_in_front_of_the_next_still_ends_there():
    cut = message(ALT, "OBX|2|ST|HBsAg^乙肝表")
    found = hl7lab.split((cut + message(ALT, control="A2")).encode())
    assert len(found) == 2
    assert read(found[0]).broken
    assert not read(found[1]).broken


def test_a_file_without_messages_is_refused():
    with pytest.raises(FileProblem):
        hl7lab.split(b"not hl7")


def test_results_come_with_their_ranges_person_and_day():
    m = read(message(ALT, HBSAG))
    assert (m.id_number, m.name, m.sex, m.observed_on) == (
        "500107199011090398",
        "林鑫",
        "M",
        date(2021, 3, 8),
    )
    alt, hbsag = m.results
    assert (alt.element, alt.value, alt.low, alt.high) == ("alt", Decimal("33.3"), 0, 50)
    assert (hbsag.element, hbsag.value) == ("hbsag", "negative")


@pytest.mark.parametrize("length", range(60, 330, 3))
def test_a_message_cut_anywhere_is_broken_or_loses_no_result_it_shows(length):
    whole = message(ALT, HBSAG)
    m = read(whole[:length])
    if not m.broken:
        assert {r.element for r in m.results} in ({"alt"}, {"alt", "hbsag"})
        assert next(r for r in m.results if r.element == "alt").value == Decimal("33.3")
        assert m.size == len(m.results)


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("0-40", (0, 40)),
        ("0－40", (0, 40)),
        ("0～40", (0, 40)),
        ("0.27--4.2", (Decimal("0.27"), Decimal("4.2"))),
        ("<5", (None, 5)),
        ("≤5", (None, 5)),
        (">=10", (10, None)),
        (">10", (10, None)),
        ("", (None, None)),
        ("3.9 - 6.1", (Decimal("3.9"), Decimal("6.1"))),
        ("(0-40)", (0, 40)),
        ("0-40 U/L", (0, 40)),
        ("-40", (None, 40)),
        ("参考范围：0—40", (0, 40)),
    ],
)
def test_reference_ranges_are_read(text, limits):
    assert hl7lab.parse_range(text) == limits


def test_a_range_that_cannot_be_read_holds_that_result_alone():
    m = read(message("OBX|1|NM|GLU^空腹血糖^L||5.1|mmol/L|正常人群||||F", ALT))
    assert [p.code for p in m.problems] == ["bad_range"]
    assert [r.element for r in m.results] == ["alt"]


@pytest.mark.parametrize(
    ("obx", "code"),
    [
        ("OBX|1|NM|XYZ^不明项目^L||5|U/L|||||F", "unknown_test"),
        ("OBX|1|NM|ALT^谷丙转氨酶^L||溶血|U/L|0-40||||F", "bad_number"),
        ("OBX|1|NM|ALT^谷丙转氨酶^L||5|ukat/L|0-40||||F", "bad_unit"),
        ("OBX|1|NM|ALT^谷丙转氨酶^L||9999|U/L|0-40||||F", "implausible"),
        ("OBX|1|NM|ALT^谷丙转氨酶^L||5|U/L|0-40||||P", "status_P"),
        ("OBX|1|NM|ALT^谷丙转氨酶^L|||U/L|0-40||||F", "empty"),
        ("OBX|1|NM|ALT^谷丙转氨酶^L||5|U/L|40-0||||F", "bad_range"),
        ("OBX|1|ST|HBsAg^乙肝表面抗原^L||见附页||阴性||||F", "bad_result"),
        ("OBX|1|NM|TSH^促甲状腺激素^L||<3|mIU/L|0.27-4.2||||F", "only_bound"),
        ("OBX|1|ST|NG^淋球菌检测^L||阴性||阴性||||F", "wrong_sex"),
    ],
)
def test_one_bad_result_never_loses_the_others(obx, code):
    m = read(message(obx, "OBX|2|NM|GLU^空腹血糖^L||5.1|mmol/L|3.9-6.1||||F"))
    assert [p.code for p in m.problems] == [code]
    assert "请" in m.problems[0].remedy
    assert [r.element for r in m.results] == ["glucose"]


@pytest.mark.parametrize(
    ("obx", "value", "low", "high"),
    [
        ("OBX|1|NM|GLU^血糖^L||90|mg/dL|70-110||||F", "4.9950", "3.8850", "6.1050"),
        ("OBX|1|NM|TSH^x^L||1.5|uIU/mL|0.27-4.2||||F", "1.5", "0.27", "4.2"),
        ("OBX|1|NM|PLT^x^L||217|10^9/L|100-300||||F", "217", "100", "300"),
        ("OBX|1|NM|PLT^x^L||217|×10⁹/L|100-300||||F", "217", "100", "300"),
    ],
)
def test_units_are_taken_as_the_same_or_converted_with_their_range(obx, value, low, high):
    (r,) = read(message(obx)).results
    assert (r.value, r.low, r.high) == (Decimal(value), Decimal(low), Decimal(high))


def test_a_result_given_as_a_bound_counts_where_the_bound_decides():
    (low,) = read(message("OBX|1|NM|TSH^x^L||<0.01|mIU/L|0.27-4.2||||F")).results
    (high,) = read(message("OBX|1|SN|TSH^x^L||>^100|mIU/L|0.27-4.2||||F")).results
    assert low.value < low.low
    assert high.value > high.high


def test_the_same_test_with_two_values_is_held():
    m = read(message(ALT, "OBX|2|NM|ALT^谷丙转氨酶^L||80|U/L|0-50||||F"))
    assert [p.code for p in m.problems] == ["two_values"]
    assert m.results == ()


def test_a_correction_is_known_by_its_status():
    assert read(message(ALT, obr25="C")).correction
    assert not read(message(ALT)).correction


def test_the_identity_number_is_found_among_several_identifiers():
    m = read(message(ALT, pid="MZ0001^^^JLPFY^MR~50010719901109039X ^^^CHN^NI"))
    assert m.id_number == "50010719901109039X"


def test_of_messages_with_one_control_id_the_whole_one_goes_first():
    spec = lab_spec_for("500107")
    cut = hl7lab.read(message(ALT, "OBX|2|ST|HBs"), 1, spec, ELEMENTS)
    whole = hl7lab.read(message(ALT, HBSAG), 2, spec, ELEMENTS)
    assert hl7lab.order_of_processing([cut, whole]) == {1: 1, 2: 0}


@pytest.mark.parametrize(
    "text",
    [
        "MSH|^~\\&|",
        "MSH|^~\\&|LIS|JLPFY|SANYOU|JLPFY|2021||ACK^R01|A1|P|2.5.1\rMSA|AA|1",
        "MSH|^~\\&|LIS|JLPFY|SANYOU|JLPFY|2021||ORU^R01||P|2.5.1\rPID|1\rOBX|1",
    ],
)
def test_a_message_that_is_no_result_is_broken_and_says_why(text):
    assert read(text).broken
