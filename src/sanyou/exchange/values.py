"""Reading single cells as people write them: ids, phones, dates, child order, yes and no, numbers.

Pure functions. Blank cells are None; a cell that cannot be read raises BadValue with rule and remedy.
"""

import re
import unicodedata
from datetime import date, datetime, time, timedelta

from sanyou.exchange.errors import BadValue
from sanyou.registry.people import mask_id

Cell = str | int | float | bool | date | datetime | time | timedelta | None

_SPACES = re.compile(r"[\s\x00-\x08\u200b-\u200f\u2028-\u202f\u2060\ufeff\u00ad]+")
_LONG_NUMBER = re.compile(r"\d{11,17}[\dXx]?")  # a telephone or identity number
_BLANK = {
    "",
    "-",
    "--",
    "—",
    "——",
    "/",
    "\\",
    "、",
    "无数据",
    "空",
    "null",
    "none",
    "nan",
    "n/a",
    "未填",
}
_EXCEL_ERRORS = {"#N/A", "#REF!", "#VALUE!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!"}
_EXCEL_EPOCH = date(1899, 12, 30)  # day 0 of the 1900 date system, its leap-year error included
_DIGITS_ZH = {c: str(i) for i, c in enumerate("〇一二三四五六七八九")} | {
    "零": "0",
    "○": "0",
    "两": "2",
}

_YES = {
    "是",
    "有",
    "对",
    "已",
    "符合",
    "符合政策",
    "属于",
    "同意",
    "确认",
    "是的",
    "y",
    "yes",
    "true",
    "t",
    "1",
    "√",
    "✓",
    "✔",
    "☑",
    "v",
    "政策内",
    "准备",
    "计划",
    "在",
    "可",
}
_NO = {
    "否",
    "无",
    "不",
    "不是",
    "没有",
    "没",
    "未",
    "不符合",
    "不符合政策",
    "不属于",
    "n",
    "no",
    "false",
    "f",
    "0",
    "×",
    "x",
    "✗",
    "✕",
    "☒",
    "政策外",
    "从不",
    "非",
}
_UNKNOWN = {
    "不详",
    "未知",
    "不清楚",
    "待核实",
    "待查",
    "待定",
    "不确定",
    "待审核",
    "核实中",
    "?",
    "未核实",
    "待确认",
    "未定",
    "说不清",
    "暂未确定",
    "未填报",
}
_PLANNING_NO = re.compile(
    r"^(暂不|暂无|暂时不|暂未|不|未|没|无|非)|不打算|不计划|不准备|无计划|不考虑|已怀孕|已孕|已妊娠|怀孕中|孕期|放弃|取消"
)
_PLANNING_YES = re.compile(
    r"年|月|季|半|内|近期|今|明|后|随时|尽快|计划|准备|备孕|打算|正在|打算|马上|即将|上旬|下旬|\d"
)


def plain(value: Cell) -> str:
    """The cell as one line of normal-width text without spaces at its ends.

    Whole floats lose their ".0" because spreadsheets keep every number as a float.
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "是" if value else "否"
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time(0) else value.isoformat(" ")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    return _SPACES.sub(" ", unicodedata.normalize("NFKC", str(value))).strip()


def squeezed(value: Cell) -> str:
    """`plain` without any space."""
    return plain(value).replace(" ", "")


def is_blank(value: Cell) -> bool:
    return squeezed(value).lower() in _BLANK


def _error_cell(text: str) -> None:
    if text.upper() in _EXCEL_ERRORS:
        raise BadValue("formula_error", "单元格是公式错误", "请在表格中改正公式，或直接填写内容")


def text(value: Cell) -> str | None:
    if is_blank(value):
        return None
    found = plain(value)
    _error_cell(found)
    return found


def name(value: Cell) -> str | None:
    """A personal name: spaces between Chinese characters are typing habits, not part of the name."""
    found = text(value)
    if found is None:
        return None
    return re.sub(r"(?<=[\u3400-\u9fff]) +(?=[\u3400-\u9fff])", "", found)


def identity(value: Cell) -> str | None:
    """An identity number, cleaned but not judged: normal width, no spaces or dashes, capital X.

    A number cell has lost its last digits: a spreadsheet keeps only fifteen of them.
    """
    lost = BadValue(
        "id_precision_lost",
        "身份证号被存为数字，后几位已丢失",
        "请把该列设为“文本”格式后重新录入完整的18位号码",
    )
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) >= 1e15:
        raise lost
    if is_blank(value):
        return None
    found = squeezed(value).upper()
    _error_cell(found)
    if re.fullmatch(r"\d(\.\d+)?E\+?\d+", found):
        raise lost
    found = re.sub(r"[-‐-―'’‘`\"“”.,。，:：]", "", found)
    # look-alikes of the last character: multiplication sign, Cyrillic Ha, Greek Chi, asterisk
    found = re.sub(r"[×ХΧ✕*]$", "X", found)
    return found or None


def phone(value: Cell) -> str | None:
    """A mainland mobile (11 digits) or landline number; +86, dashes and spaces put aside."""
    if is_blank(value):
        return None
    found = squeezed(value)
    _error_cell(found)
    first = re.split(r"[/、;,]|或", found)[0]
    digits = re.sub(r"\D", "", first)
    digits = re.sub(r"^(?:0086|86)(?=1\d{10}$|0\d{9,11}$)", "", digits)
    if re.fullmatch(r"1[3-9]\d{9}|0[1-9]\d{1,2}[2-8]\d{6,7}|[2-8]\d{6,7}", digits):
        return digits
    raise BadValue("bad_phone", "电话号码不是11位手机号或固定电话", "请核对电话号码后补录")


def _number_zh(text: str) -> str:
    """二〇二一 -> 2021, 十二 -> 12, 二十三 -> 23."""

    def convert(match: re.Match[str]) -> str:
        word = match[0]
        if "十" not in word:
            return "".join(_DIGITS_ZH[c] for c in word)
        tens, _, units = word.partition("十")
        return str(
            10 * int("".join(_DIGITS_ZH[c] for c in tens) or 1)
            + int("".join(_DIGITS_ZH[c] for c in units) or 0)
        )

    return re.sub(r"[〇零○一二三四五六七八九十]+", convert, text)


def _real_date(year: int, month: int, day: int) -> date:
    try:
        found = date(year, month, day)
    except ValueError:
        raise BadValue("no_such_date", "没有这一天", "请核对日期，写成 2021-03-01 的形式") from None
    if not 1900 <= found.year <= 2200:
        raise BadValue("no_such_date", "年份不合理", "请核对日期，写成 2021-03-01 的形式")
    return found


def day(value: Cell) -> date | None:
    """A calendar day in any of the usual Chinese styles, an Excel date, or an Excel serial number."""
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    if is_blank(value):
        return None
    found = squeezed(value)
    _error_cell(found)
    found = re.sub(
        r"(?:[T ]?\d{1,2}:\d{2}(?::\d{2})?(?:\.\d+)?(?:Z|[+-]\d{2}:?\d{2})?)$", "", plain(value)
    )
    found = re.sub(r"(星期|周|礼拜)[一二三四五六日天]", "", found).replace(" ", "")
    if re.search(r"[〇零○一二三四五六七八九十]", found):
        found = _number_zh(found)
    if match := re.fullmatch(r"(\d{4})(\d{2})(\d{2})", found):
        return _real_date(*map(int, match.groups()))
    if match := re.fullmatch(r"(\d{5})(?:\.\d+)?", found):
        return _EXCEL_EPOCH + timedelta(days=int(match[1]))
    if match := re.fullmatch(
        r"(\d{4})[-‐-―/.,、。\\~_年](\d{1,2})[-‐-―/.,、。\\~_月](\d{1,2})[日号]?\.?", found
    ):
        return _real_date(*map(int, match.groups()))
    if re.fullmatch(r"(\d{4})[-‐-―/.,、年]?(\d{1,2})?月?(底|初|中旬|上旬|下旬)?|\d{4}年", found):
        raise BadValue(
            "date_incomplete", "日期不完整，缺少日（或月）", "请补全年月日，如 2021-03-01"
        )
    if re.fullmatch(r"\d{1,2}[-/.年]\d{1,2}[-/.月]\d{1,4}日?", found):
        raise BadValue(
            "date_ambiguous", "日期写法有歧义，看不出年月日", "请写成四位年份，如 2021-03-01"
        )
    raise BadValue("bad_date", "不是可识别的日期", "请写成 2021-03-01 的形式")


def child_order(value: Cell) -> int | None:
    """首孩/头胎/一孩/第1孩/1/1.0 -> 1 …"""
    if is_blank(value):
        return None
    found = squeezed(value)
    _error_cell(found)
    found = re.sub(r"[首头初]", "一", found)
    found = re.sub(
        r"^(拟|计划|准备|申请)?(生育|生|育)?第?|(个)?(孩次|孩子|孩|胎次|胎|次|子女|娃|个)$",
        "",
        found,
    )
    found = re.sub(r"(个)$", "", found)
    found = _number_zh(found.replace("两", "二").replace("双", "二").replace("再", "二"))
    if re.fullmatch(r"\d{1,2}(\.0+)?", found) and 1 <= int(float(found)) <= 9:
        return int(float(found))
    raise BadValue("bad_child_order", "孩次看不懂", "请填 1、2、3 或 一孩、二孩、三孩")


def yes_no(value: Cell) -> bool | None:
    """None when blank or openly unknown (待核实 …)."""
    if is_blank(value):
        return None
    found = squeezed(value).lower().strip("。.!,;()[]")
    _error_cell(found)
    if found in _UNKNOWN:
        return None
    if found in _YES:
        return True
    if found in _NO:
        return False
    if re.match(r"^(不|否|无|未|没)", found):
        return False
    if re.match(r"^(是|有|符合|已)", found):
        return True
    raise BadValue("bad_yes_no", "看不出是“是”还是“否”", "请填 是 或 否")


def planning(value: Cell) -> bool | None:
    """Whether a pregnancy is planned. People also answer with a time: 半年内, 2021年下半年."""
    if is_blank(value):
        return None
    if isinstance(value, date):  # a planned date
        return True
    found = squeezed(value).lower().strip("。.!,;()[]")
    _error_cell(found)
    if found in _UNKNOWN:
        return None
    if found in _YES:
        return True
    if found in _NO or _PLANNING_NO.search(found):
        return False
    if re.match(r"^是", found) or _PLANNING_YES.search(found):
        return True
    raise BadValue("bad_planning", "看不出是否计划怀孕", "请填 是、否 或计划的时间，如 半年内")


def number(value: Cell) -> tuple[str, str] | None:
    """A measured number as text and the unit written with it (empty when none)."""
    if is_blank(value):
        return None
    if isinstance(value, bool | date | time | timedelta):
        raise BadValue("bad_number", "不是数字", "请填数字")
    found = squeezed(value)
    _error_cell(found)
    if found in {"未查", "未测", "未做", "拒测", "拒查", "缺", "未检"}:
        return None
    found = found.replace("。", ".")
    found = re.sub(r"(?<=\d),(?=\d{3}(\D|$))", "", found)
    if match := re.fullmatch(
        r"([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)\.?([^\d.].*)?", found, re.I
    ):
        return match[1], match[2] or ""
    raise BadValue("bad_number", "不是数字", "请填数字，不要夹带其他文字")


def blood_pressure(value: Cell) -> tuple[str, str] | None:
    """120/80 (mmHg) -> systolic, diastolic."""
    if is_blank(value) or isinstance(value, date):
        if isinstance(value, date):
            raise BadValue(
                "bad_blood_pressure", "血压被表格当成了日期", "请把该列设为“文本”，填成 120/80"
            )
        return None
    found = re.sub(r"(?i)mmhg$", "", squeezed(value))
    if match := re.fullmatch(r"(\d{2,3})[/／\\-](\d{2,3})", found):
        return match[1], match[2]
    raise BadValue("bad_blood_pressure", "血压看不懂", "请填成 收缩压/舒张压，如 120/80")


def masked(value: Cell, kind: str) -> str:
    """The value as it may stand in a list of problems: identifiers keep head and tail only, also
    where they were typed into the wrong column."""
    found = plain(value)
    if kind == "identity":
        return mask_id(found)
    if kind == "phone":
        return found[:3] + "****" + found[-4:] if len(found) > 7 else "****"
    if kind == "name":
        return found[:1] + "*" * max(len(found) - 1, 1)
    return _LONG_NUMBER.sub(lambda match: mask_id(match[0]), found)[:80]
