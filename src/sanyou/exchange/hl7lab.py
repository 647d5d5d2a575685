"""HL7 v2.5.1 ORU^R01 results: cutting a file into messages, and reading each with the local codes.

Pure: what becomes of a message is decided in `exchange.laboratory`. OBX = one result, OBX-7 its
reference range, OBX-11 its status (HL7 table 0085).
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import hl7

from sanyou.exchange.errors import FileProblem, Problem
from sanyou.exchange.spec import LabSpec, test_key
from sanyou.exchange.spreadsheet import decode

FINAL = {"F", "C", "U"}  # final, corrected, final without retransmission
_HELD_STATUS = {
    "P": "初步结果，尚未审核",
    "R": "结果已录入，尚未审核",
    "I": "标本已收到，结果未出",
    "S": "部分结果，尚未完成",
    "X": "检验未能完成，没有结果",
    "D": "结果已被检验科删除",
    "W": "结果属于另一名受检者，已被检验科更正",
    "N": "未要求做此项",
    "O": "仅有申请，没有结果",
}
_START = re.compile(r"MSH\|\^~\\&|MSH(?=[|!#$%])")
_SEGMENT = re.compile(r"^[A-Z][A-Z0-9]{2}(\||$)")
_WRAPPERS = ("FHS", "BHS", "BTS", "FTS")
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"


@dataclass(frozen=True)
class Result:
    """One OBX as read. `value`: Decimal in the element's unit, or a code of its value set."""

    element: str
    value: Decimal | str
    low: Decimal | None = None
    high: Decimal | None = None
    status: str = "F"
    test: str = ""


@dataclass(frozen=True)
class Message:
    """One ORU message. `broken` says why it cannot be trusted; results are then empty."""

    ordinal: int
    control_id: str
    fingerprint: str
    text: str
    broken: str = ""
    id_number: str = ""
    name: str = ""
    birth_date: date | None = None
    sex: str = ""  # F | M | ""
    observed_on: date | None = None
    correction: bool = False
    panels: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()  # local codes in the order they came
    results: tuple[Result, ...] = ()
    problems: tuple[Problem, ...] = ()
    size: int = 0  # complete OBX segments


@dataclass(frozen=True)
class ElementInfo:
    """What reading needs to know of a data element; taken from the dictionary."""

    id: str
    label: str
    type: str
    unit: str = ""
    codes: dict[str, str] = field(default_factory=dict)  # word -> code
    value_set: str = ""
    sex: str = ""
    low: Decimal | None = None  # plausible limits
    high: Decimal | None = None


def control_id(message: str) -> str:
    """MSH-10 of one message; "" where the header is too short."""
    header = message.partition("\r")[0].split("|")
    return header[9].strip() if len(header) > 9 else ""


def split(data: bytes | str) -> list[str]:
    """The messages of a file, each with its segments separated by CR.

    CR, LF and CRLF, MLLP frames, a BOM and batch wrappers are understood; a message that was cut
    off right before the next one still ends there.
    """
    content = decode(data) if isinstance(data, bytes) else data
    content = content.lstrip("\ufeff")
    content = re.sub(r"[\x0b\x1c]", "\r", content).replace("\r\n", "\r").replace("\n", "\r")
    starts = [m.start() for m in _START.finditer(content)]
    if not starts:
        raise FileProblem("文件里没有 HL7 消息（应以 MSH| 开头）。请从检验系统重新导出。")
    messages = []
    for begin, end in zip(starts, [*starts[1:], len(content)], strict=True):
        lines: list[str] = []
        for line in content[begin:end].split("\r"):
            if line[:3] in _WRAPPERS or not line.strip():
                continue
            if lines and not _SEGMENT.match(line):
                lines[-1] += line  # a value that was broken over two lines
            else:
                lines.append(line.rstrip(" \t"))
        messages.append("\r".join(lines))
    return messages


def fingerprint(text: str) -> str:
    return hashlib.sha256(text.strip().encode()).hexdigest()


def _component(segment: hl7.Segment, position: int, component: int = 1) -> str:
    """Field text of a segment, first repetition, unescaped; empty when absent."""
    try:
        repetition = segment(position)
    except IndexError:
        return ""
    first = repetition(1) if isinstance(repetition, hl7.Field) and len(repetition) else repetition
    if isinstance(first, hl7.Repetition):
        try:
            inner = first(component)
        except IndexError:
            return ""
        return str(inner).strip()
    return str(first).strip() if component == 1 else ""


def _first(segment: hl7.Segment, position: int) -> str:
    """The whole first repetition of a field, components and all."""
    try:
        return str(segment(position)).split("~")[0].strip()
    except IndexError:
        return ""


def _timestamp(text: str) -> date | None:
    try:
        return datetime.strptime(text[:8], "%Y%m%d").date()  # noqa: DTZ007 - a day, not a moment
    except ValueError:
        return None


def _identity(pid: hl7.Segment) -> str:
    """The resident id number of PID-3: the repetition marked NI, else one that looks like it."""
    try:
        repetitions = str(pid(3)).split("~")
    except IndexError:
        return ""
    parts = [r.split("^") for r in repetitions]
    for p in parts:
        if len(p) > 4 and p[4].strip().upper() in {"NI", "NN", "NNCHN", "IDCARD"}:
            return _clean_id(p[0])
    for p in parts:
        if re.fullmatch(r"\d{17}[\dX]", _clean_id(p[0])):
            return _clean_id(p[0])
    return ""


def _clean_id(text: str) -> str:
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text)).upper()


def read(text: str, ordinal: int, spec: LabSpec, elements: dict[str, ElementInfo]) -> Message:
    """Read one message. A bad OBX becomes a problem and never loses the others."""
    control = ""
    base: dict[str, Any] = {"ordinal": ordinal, "text": text, "fingerprint": fingerprint(text)}
    try:
        parsed = hl7.parse(text)
        msh = parsed.segment("MSH")
        control = _component(msh, 10)
        kind = (_component(msh, 9, 1), _component(msh, 9, 2))
    except (hl7.HL7Exception, KeyError, IndexError, ValueError):
        return Message(control_id=control, broken="消息无法解析", **base)
    if not control:
        return Message(control_id="", broken="缺少消息控制号（MSH-10）", **base)
    if kind[0] != "ORU" or kind[1] not in {"R01", ""}:
        broken = f"不是检验结果消息（{kind[0]}^{kind[1]}）"
        return Message(control_id=control, broken=broken, **base)
    segments = {name: [s for s in parsed if str(s[0]) == name] for name in ("PID", "OBR", "OBX")}
    person = _person(segments["PID"])
    broken = _cut_off(parsed, segments)
    tests = tuple(_component(obx, 3) for obx in segments["OBX"])
    whole = sum(1 for obx in segments["OBX"] if len(obx) > 11)
    if broken:
        return Message(control_id=control, broken=broken, tests=tests, size=whole, **person, **base)
    results, problems = _results(segments["OBX"], spec, elements, person["sex"])
    obr = segments["OBR"]
    statuses = {_component(o, 25) for o in obr} | {_component(o, 11) for o in segments["OBX"]}
    return Message(
        control_id=control,
        observed_on=_observed(segments["OBX"], obr, msh),
        correction="C" in statuses,
        panels=tuple(_component(o, 4) for o in obr),
        tests=tests,
        results=tuple(results),
        problems=tuple(problems),
        size=whole,
        **person,
        **base,
    )


def _person(pids: list[hl7.Segment]) -> dict[str, Any]:
    if not pids:
        return {"id_number": "", "name": "", "birth_date": None, "sex": ""}
    pid = pids[0]
    name = re.sub(r"\s+", "", _first(pid, 5).replace("^", "").replace("&", ""))
    return {
        "id_number": _identity(pid),
        "name": name,
        "birth_date": _timestamp(_component(pid, 7)),
        "sex": _component(pid, 8).upper()[:1] if _component(pid, 8).upper()[:1] in "FM" else "",
    }


def _cut_off(parsed: hl7.Message, segments: dict[str, list[hl7.Segment]]) -> str:
    """Why a message is not whole, or empty. Its last segment tells: a cut leaves it short."""
    if not segments["PID"]:
        return "消息不完整：没有受检者（PID）"
    if not segments["OBX"]:
        return "消息不完整：没有检验结果（OBX）"
    last = parsed[-1]
    if str(last[0]) == "OBX":
        lengths = [len(o) for o in segments["OBX"][:-1]]
        value_or_status_missing = len(last) <= 11 or not _component(last, 11)
        if value_or_status_missing and (not lengths or len(last) < min(lengths) or len(last) <= 6):
            return "消息不完整：最后一项结果被截断"
    elif str(last[0]) in {"PID", "OBR", "MSH"}:
        return "消息不完整：在结果之前被截断"
    return ""


def _observed(obxs: list[hl7.Segment], obrs: list[hl7.Segment], msh: hl7.Segment) -> date | None:
    """The day the specimen was taken (OBR-7), else observed (OBX-14), reported (OBR-22), sent."""
    texts = [
        *(_component(o, 7) for o in obrs),
        *(_component(o, 14) for o in obxs),
        *(_component(o, 22) for o in obrs),
        _component(msh, 7),
    ]
    return next((d for t in texts if (d := _timestamp(t))), None)


def _results(
    obxs: Iterable[hl7.Segment], spec: LabSpec, elements: dict[str, ElementInfo], sex: str
) -> tuple[list[Result], list[Problem]]:
    found: dict[str, Result] = {}
    problems = []
    for obx in obxs:
        answer = _result(obx, spec, elements, sex)
        if isinstance(answer, Problem):
            problems.append(answer)
        elif answer is not None:
            earlier = found.get(answer.element)
            if earlier and earlier.value != answer.value and answer.status != "C":
                problems.append(
                    _problem(
                        obx, "two_values", "同一项目有两个不同结果", "请检验科核实后发送更正报告"
                    )
                )
                found.pop(answer.element)
            else:
                found[answer.element] = answer
    return list(found.values()), problems


def _problem(obx: hl7.Segment, code: str, rule: str, remedy: str) -> Problem:
    local, label = _component(obx, 3), _component(obx, 3, 2)
    return Problem(code, local or "OBX", _first(obx, 5)[:80], rule, remedy, label or local)


def _result(
    obx: hl7.Segment, spec: LabSpec, elements: dict[str, ElementInfo], sex: str
) -> Result | Problem | None:
    local, label = _component(obx, 3), _component(obx, 3, 2)
    code = spec.by_name.get(test_key(local)) or spec.by_name.get(test_key(label))
    if code is None:
        return _problem(
            obx,
            "unknown_test",
            "检验项目代码不在对照表中",
            "请管理员在检验代码对照文件中补充该代码，然后重新导入",
        )
    test = spec.tests[code]
    element = elements.get(test.element)
    if element is None:
        return _problem(obx, "unknown_test", "项目没有对应的数据元", "请管理员核对检验代码对照文件")
    if element.sex and sex and element.sex[0].upper() != sex:
        return _problem(
            obx, "wrong_sex", f"“{element.label}”不适用于此性别", "请检验科核对受检者身份"
        )
    status = _component(obx, 11).upper()
    if status in _HELD_STATUS:
        return _problem(
            obx, f"status_{status}", _HELD_STATUS[status], "请待检验科审核发布后重新发送"
        )
    if status and status not in FINAL:
        return _problem(obx, "status_unknown", f"结果状态“{status}”不认识", "请检验科核对结果状态")
    if not status:
        return _problem(obx, "status_missing", "没有结果状态（OBX-11）", "请检验科补全后重新发送")
    raw = unicodedata.normalize("NFKC", _first(obx, 5)).strip()
    if raw in {"", '""'}:
        return _problem(obx, "empty", "结果为空", "请检验科补发结果")
    if element.type in {"integer", "decimal"}:
        return _numeric(obx, raw, status, code, element, spec)
    return _coded(obx, raw, status, code, element, spec)


def _numeric(
    obx: hl7.Segment, raw: str, status: str, code: str, element: ElementInfo, spec: LabSpec
) -> Result | Problem:
    text = raw.replace("^", "") if _component(obx, 2) == "SN" else raw
    text = text.replace(" ", "").replace(",", "").rstrip("↑↓HL*")
    match = re.fullmatch(rf"([<>≤≥]=?)?({_NUMBER})", text)
    if not match:
        return _problem(obx, "bad_number", "结果不是数字", "请检验科核对结果后重新发送")
    # 10^9/L is written with the component separator; a coded unit has its name behind one.
    units = (_first(obx, 6), _component(obx, 6))
    factor = next((f for u in units if (f := unit_factor(spec, element, u)) is not None), None)
    if factor is None:
        return _problem(
            obx,
            "bad_unit",
            f"单位“{units[0]}”不能换算为“{element.unit}”",
            "请检验科改用规定单位，或请管理员补充单位换算",
        )
    value = Decimal(match[2]) * factor
    limits = parse_range(_first(obx, 7))
    if limits is None:
        return _problem(obx, "bad_range", "参考范围看不懂", "请检验科核对参考范围（如 0-40、<5）")
    low, high = (None if x is None else x * factor for x in limits)
    if low is not None and high is not None and low > high:
        return _problem(obx, "bad_range", "参考范围的下限大于上限", "请检验科核对参考范围")
    if match[1]:
        below = match[1][0] in "<≤"
        certain = (below and low is not None and value <= low) or (
            not below and high is not None and value >= high
        )
        if below and low is None and high is not None and value <= high:
            certain = True  # "<0.5" where only an upper limit exists: normal for certain
        if not below and high is None and low is not None and value >= low:
            certain = True
        if not certain:
            return _problem(
                obx, "only_bound", "只给出界限，无法与参考范围比较", "请检验科给出具体数值"
            )
        # The bound stands for the value; one step beyond it when the bound equals the limit.
        step = Decimal(1).scaleb(value.as_tuple().exponent)  # type: ignore[arg-type]
        if below and value == low and match[1] == "<":
            value -= step
        if not below and value == high and match[1] == ">":
            value += step
    if (element.low is not None and value < element.low) or (
        element.high is not None and value > element.high
    ):
        return _problem(
            obx,
            "implausible",
            f"数值超出合理范围（{element.low}～{element.high} {element.unit}）",
            "请检验科核对数值和单位",
        )
    return Result(element.id, value, low, high, status, code)


def _coded(
    obx: hl7.Segment, raw: str, status: str, code: str, element: ElementInfo, spec: LabSpec
) -> Result | Problem:
    first = raw.split("^", maxsplit=1)[0].strip()
    second = raw.split("^")[1].strip() if "^" in raw else ""
    words = {word_key(w): c for w, c in spec.words.get(element.value_set, {}).items()}
    words |= {word_key(w): c for w, c in element.codes.items()}
    words |= {word_key(w): c for w, c in spec.tests[code].values.items()}
    for text in (first, second):
        if text and word_key(text) in words:
            return Result(element.id, words[word_key(text)], status=status, test=code)
    return _problem(
        obx, "bad_result", "结果写法不在对照表中", "请检验科核对，或请管理员在对照文件中补充此写法"
    )


def word_key(text: str) -> str:
    return re.sub(r"\s+", " ", unicodedata.normalize("NFKC", str(text))).strip().upper()


def unit_key(text: str) -> str:
    return unicodedata.normalize("NFKC", text).replace("µ", "μ").replace(" ", "")


def unit_factor(spec: LabSpec, element: ElementInfo, unit: str) -> Decimal | None:
    """What a value in `unit` is multiplied by to be in the element's unit; None when unknown.

    No unit at all means the element's own.
    """
    given, own = unit_key(unit), unit_key(element.unit)
    if not given or given == own or given.lower() == own.lower():
        return Decimal(1)
    for group in spec.same_units:
        keys = {unit_key(u) for u in group} | {unit_key(u).lower() for u in group}
        if own in keys and (given in keys or given.lower() in keys):
            return Decimal(1)
    for conversion in spec.conversions:
        if element.id in conversion.elements and unit_key(conversion.unit).lower() == given.lower():
            return conversion.factor
    return None


def parse_range(text: str) -> tuple[Decimal | None, Decimal | None] | None:
    """OBX-7 of a number: 0-40, 0～40, 0.27--4.2, <5, ≤5, >=10, 空 -> (low, high); None = unreadable.

    A bound given with < or > is taken as the limit itself.
    """
    found = unicodedata.normalize("NFKC", text).strip()
    found = re.sub(r"\s+", "", found).strip("()[]")
    found = re.sub(r"(?i)^(参考(值|范围)|正常(值|范围)|ref)[:：]?", "", found)
    if not found or found in {"-", "--"}:
        return None, None
    found = (
        re.sub(r"[A-Za-zμ%/^*]+(?:/[A-Za-z]+)?$", "", found) if re.search(r"\d", found) else found
    )
    try:
        if match := re.fullmatch(
            rf"({_NUMBER})(?:-{{1,2}}|~|–|—|―|－|至|到|∼|〜)({_NUMBER})", found
        ):
            return Decimal(match[1]), Decimal(match[2])
        if match := re.fullmatch(rf"(?:<=?|≤|≦|小于|低于|不超过|-)({_NUMBER})", found):
            return None, Decimal(match[1])
        if match := re.fullmatch(rf"(?:>=?|≥|≧|大于|高于|不低于)({_NUMBER})", found):
            return Decimal(match[1]), None
    except InvalidOperation:
        return None
    return None


def missing_from_panel(message: Message, spec: LabSpec, sex: str) -> list[str]:
    """Local codes the ordered panels hold for this sex and the message does not."""
    have = {spec.by_name.get(test_key(t)) for t in message.tests}
    wanted: list[str] = []
    for panel in message.panels:
        if panel in spec.panels:
            wanted += [t for t in spec.panels[panel].tests.get(sex, ()) if t not in have]
    return wanted


def panel_size(message: Message, spec: LabSpec, sex: str) -> int:
    return sum(len(spec.panels[p].tests.get(sex, ())) for p in message.panels if p in spec.panels)


def order_of_processing(messages: list[Message]) -> dict[int, int]:
    """ordinal -> rank. Of messages that share a control id the most complete one goes first, so a
    cut-off copy never takes the place of the whole."""
    best: dict[str, Message] = {}
    for m in messages:
        old = best.get(m.control_id)
        if old is None or (not m.broken, m.size) > (not old.broken, old.size):
            best[m.control_id] = m
    return {m.ordinal: 0 if best[m.control_id].ordinal == m.ordinal else 1 for m in messages}
