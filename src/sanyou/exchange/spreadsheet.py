"""Reading spreadsheets as people make them: where the table starts, which column is what, where it ends.

Nothing here knows what the rows mean. A sheet is recognised by its headings, not by its name.
"""

import csv
import io
import re
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from python_calamine import CalamineWorkbook

from sanyou.exchange.errors import FileProblem
from sanyou.exchange.spec import FieldSpec, SheetSpec, heading_key, heading_unit
from sanyou.exchange.values import Cell, is_blank, plain, squeezed

HEADING_SEARCH = 40  # a table starts within the first rows
MAX_ROWS = 200_000
MAX_CELLS = 20_000_000
CHUNK = 1 << 20
_CELL = re.compile(rb' r="([A-Z]{1,3})([0-9]{1,7})"')
MAX_UNPACKED = (
    600 * 1024 * 1024
)  # bytes; a workbook that unpacks to more is an attack, not a roster

Merge = tuple[
    tuple[int, int], tuple[int, int]
]  # (first row, first column), (last row, last column)


@dataclass(frozen=True)
class Sheet:
    name: str
    rows: list[list[Cell]]
    merges: tuple[Merge, ...] = ()


@dataclass(frozen=True)
class Layout:
    """What was recognised in a sheet. Rows and columns count from 0."""

    kind: str
    header_row: int
    header_height: int
    headings: tuple[str, ...]  # as written, one per column; two-row headings joined
    columns: dict[str, int]  # field id -> column
    title: tuple[str, ...]  # texts above the table
    score: float

    @property
    def unused(self) -> list[int]:
        """Columns with a heading that no field took."""
        taken = set(self.columns.values())
        return [i for i, text in enumerate(self.headings) if text and i not in taken]

    def unit(self, field: str) -> str:
        return heading_unit(self.headings[self.columns[field]])


@dataclass(frozen=True)
class Row:
    number: int  # as the spreadsheet program shows it, from 1
    cells: list[Cell]


def read(source: Path | bytes, name: str = "") -> list[Sheet]:
    """All sheets of a workbook (xlsx, xls, xlsb, ods) or of a csv file. Raises FileProblem."""
    data = source.read_bytes() if isinstance(source, Path) else source
    name = name or (source.name if isinstance(source, Path) else "")
    if name.lower().endswith((".csv", ".txt")):
        return [Sheet(Path(name).stem, _csv(data))]
    if data[:4] == b"PK\x03\x04":
        _refuse_bombs(data)
    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(data))
    except Exception as cause:  # calamine raises many kinds, also for passwords
        if "assword" in str(cause):
            raise FileProblem(f"“{name}”有密码，无法读取。请去掉密码后重新上传。") from None
        raise FileProblem(
            f"“{name}”不是可以读取的表格文件。请用表格软件另存为 .xlsx 后重新上传。"
        ) from None
    sheets = []
    for sheet_name in workbook.sheet_names:
        try:
            found = workbook.get_sheet_by_name(sheet_name)
        except Exception:  # noqa: S112 - a chart or macro sheet holds no table
            continue
        if found.total_height > MAX_ROWS:
            raise FileProblem(
                f"工作表“{sheet_name}”超过 {MAX_ROWS} 行。请删去表格下方的空行或分成几个文件。"
            )
        rows: list[list[Cell]] = [list(r) for r in found.to_python(skip_empty_area=False)]
        sheets.append(Sheet(sheet_name, rows, tuple(found.merged_cell_ranges or ())))
    return sheets


def _refuse_bombs(data: bytes) -> None:
    """Unpack once, counting: the sizes that an archive states may be false.

    A stray cell far out would be read as a table of billions of cells, so the farthest cell of each
    sheet is looked for too.
    """
    size = 0
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for item in archive.infolist():
                is_sheet = item.filename.startswith("xl/worksheets/sheet")
                row = column = 0
                tail = b""
                with archive.open(item) as part:
                    while chunk := part.read(CHUNK):
                        size += len(chunk)
                        if size > MAX_UNPACKED:
                            raise FileProblem(
                                "文件展开后过大，无法读取。请删去多余的内容或分成几个文件。"
                            )
                        for found in _CELL.finditer(tail + chunk) if is_sheet else ():
                            column = max(column, _column(found[1]))
                            row = max(row, int(found[2]))
                        tail = chunk[-20:]  # an address may be cut in two
                if row * column > MAX_CELLS:
                    raise FileProblem(
                        f"工作表用到了第 {row} 行、第 {column} 列，太大无法读取。"
                        "请删去表格右侧和下方的空行空列，另存后重新上传。"
                    )
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError):
        raise FileProblem("文件已损坏或有密码，无法打开。请去掉密码，重新保存后上传。") from None


def _column(letters: bytes) -> int:
    """A -> 1, AA -> 27."""
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number


def decode(data: bytes) -> str:
    """Text in UTF-8 (with or without BOM) or the older Chinese encodings. Raises FileProblem."""
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return data.decode(encoding).replace("\0", "")  # no database keeps a NUL in a text
        except UnicodeDecodeError:
            continue
    raise FileProblem("文件的文字编码无法识别。请另存为 UTF-8 编码后重新上传。")


def _csv(data: bytes) -> list[list[Cell]]:
    content = decode(data)
    first = content.split("\n", 1)[0]
    delimiter = max(",\t;", key=first.count)
    return [list(row) for row in csv.reader(io.StringIO(content, newline=""), delimiter=delimiter)]


# --- which column is what -------------------------------------------------------------------------


def _who_left(spec: SheetSpec, key: str, who: str) -> str | None:
    """The heading without the spouse's word, or None when it does not carry it."""
    for word in sorted(spec.who.get(who, ()), key=len, reverse=True):
        if key.startswith(word) and len(key) > len(word):
            return key[len(word) :].removeprefix("的")
        if key.endswith(word) and len(key) > len(word):
            return key[: -len(word)]
    return None


def _group_is(spec: SheetSpec, group: str, who: str) -> bool:
    words = spec.who.get(who, ())
    others = [w for other, ws in spec.who.items() if other != who for w in ws]
    named = any(group == w or (len(w) > 1 and w in group) for w in words)
    other = any(group == w or (len(w) > 1 and w in group) for w in others)
    return named and not other


def _likeness(keys: frozenset[str], text: str) -> float:
    """1 for an alias, less for a heading that contains one, 0 otherwise."""
    if not text:
        return 0
    if text in keys:
        return 1
    inside = [len(k) for k in keys if len(k) >= 3 and k in text]
    return 0.7 * max(inside) / len(text) if inside else 0


def likeness(spec: SheetSpec, field: FieldSpec, heading: str, group: str = "") -> float:
    """How well a heading (under a group heading) names a field, from 0 to 1."""
    if field.exact:
        return 0.8 if heading_key(heading) in field.keys else 0
    best = 0.0
    group = heading_key(group)
    for keep in (False, True):
        key = heading_key(heading, keep_brackets=keep)
        if field.who:
            left = _who_left(spec, key, field.who)
            if left is not None:
                best = max(best, _likeness(field.keys, left))
            if group and _group_is(spec, group, field.who):
                best = max(best, _likeness(field.keys, key))
            if field.bare and not any(
                _group_is(spec, group, w) for w in spec.who if w != field.who
            ):
                others = [w for w in spec.who if w != field.who]
                if not any(_who_left(spec, key, w) for w in others):
                    best = max(best, 0.9 * _likeness(field.keys, key))
            best = max(best, 1.0 if key == heading_key(field.label) else 0.0)
        else:
            best = max(best, _likeness(field.keys, key))
            if group:
                best = max(best, 0.95 * _likeness(field.keys, group + key))
            if spec.any_who:
                for who in spec.who:
                    left = _who_left(spec, key, who)
                    if left:
                        best = max(best, 0.95 * _likeness(field.keys, left))
    return best


def match_columns(
    spec: SheetSpec, headings: Sequence[str], groups: Sequence[str] | None = None
) -> tuple[dict[str, int], float]:
    """field -> column, best likeness first; each column and field once. And the sum of likeness."""
    groups = groups or [""] * len(headings)
    offers = []
    for column, heading in enumerate(headings):
        if not heading:
            continue
        if (exact := spec.exact_fields.get(heading_key(heading))) is not None:
            offers.append((likeness(spec, exact, heading), -column, exact.id))
        for field in spec.loose_fields:
            score = likeness(spec, field, heading, groups[column])
            if score >= 0.4:
                offers.append((score, -column, field.id))
    offers.sort(reverse=True)
    columns: dict[str, int] = {}
    total = 0.0
    for score, minus_column, field_id in offers:
        if field_id not in columns and -minus_column not in columns.values():
            columns[field_id] = -minus_column
            total += score
    return columns, total


def _texts(row: Sequence[Cell]) -> list[str]:
    return [plain(cell) if isinstance(cell, str) else "" for cell in row]


def _spread(sheet: Sheet, index: int) -> list[str]:
    """The texts of a row with merged cells repeated over all the columns and rows they cover."""
    texts = _texts(sheet.rows[index])
    for (top, left), (bottom, right) in sheet.merges:
        if top <= index <= bottom and left < len(sheet.rows[top]):
            value = plain(sheet.rows[top][left])
            for column in range(left, min(right + 1, len(texts))):
                texts[column] = value
    return texts


def _wide(sheet: Sheet, index: int) -> bool:
    """Whether one merged cell covers most of the row: a title, not headings."""
    width = len(sheet.rows[index])
    return any(
        top <= index <= bottom and right - left + 1 > max(0.7 * width, 3)
        for (top, left), (bottom, right) in sheet.merges
    )


def _carried(groups: list[str], below: list[str]) -> list[str]:
    """Group headings carried to the right over the blank cells that follow them (unmerged groups)."""
    out = list(groups)
    for i in range(1, len(out)):
        if not out[i] and below[i]:
            out[i] = out[i - 1]
    return out


def recognise(sheet: Sheet, spec: SheetSpec) -> Layout | None:
    """The table of this kind in the sheet, or None when its required columns are not there."""
    required = {f.id for f in spec.fields if f.required}
    best: Layout | None = None
    limit = min(HEADING_SEARCH, len(sheet.rows))
    likely = [_looks_like_headings(spec, _texts(sheet.rows[i])) for i in range(limit)]
    for index in range(limit):
        if not (likely[index] or (index + 1 < limit and likely[index + 1])):
            continue
        single = _spread(sheet, index)
        tries: list[tuple[int, list[str], list[str]]] = [(1, single, [""] * len(single))]
        if index + 1 < limit and any(single) and not _wide(sheet, index):
            below = _spread(sheet, index + 1)
            for groups in (single, _carried(single, below)):
                names = [b if b and b != g else g for g, b in zip(groups, below, strict=False)]
                over = [g if b and b != g else "" for g, b in zip(groups, below, strict=False)]
                tries.append((2, names, over))
        for height, names, over in tries:
            columns, score = match_columns(spec, names, over)
            if not required <= columns.keys() or len(columns) < 2:
                continue
            score -= 0.01 * (height - 1)  # of two equal readings the simpler one
            if best is None or score > best.score + 1e-9:
                headings = [f"{o}·{n}" if o and n else n for o, n in zip(over, names, strict=True)]
                best = Layout(
                    spec.id, index, height, tuple(headings), columns, _title(sheet, index), score
                )
    return best


def _looks_like_headings(spec: SheetSpec, texts: Sequence[str]) -> bool:
    """Whether at least two cells contain a known heading; a row of people does not."""
    keys = {heading_key(t, keep_brackets=True) for t in texts if t and len(t) <= 60}
    return sum(1 for key in keys if spec.mentions(key)) >= 2


def _title(sheet: Sheet, before: int) -> tuple[str, ...]:
    texts = [text for row in sheet.rows[:before] for cell in row if (text := plain(cell))]
    return (sheet.name, *texts)


# --- which rows are data --------------------------------------------------------------------------


def _is_repeated_heading(row: Sequence[Cell], layout: Layout) -> bool:
    own = {c: heading_key(layout.headings[c].split("·")[-1]) for c in layout.columns.values()}
    same = sum(
        1 for c, key in own.items() if c < len(row) and key and heading_key(plain(row[c])) == key
    )
    return same >= 2 and same * 2 >= sum(1 for c in own if c < len(row) and not is_blank(row[c]))


def _starts_with(text: str, words: tuple[str, ...], *, alone: bool) -> bool:
    key = re.sub(r"[\s(（\[【]+", "", text)
    for word in words:
        if key == word or (not alone and key.startswith(word)):
            return True
        if alone and re.fullmatch(re.escape(word) + r"[\d:：,，。对人名户份行共计-]*", key):
            return True
    return False


def _is_remark(row: Sequence[Cell], layout: Layout, spec: SheetSpec) -> bool:
    """A total, a note or a signature line: nobody is named in it."""
    identities = [
        layout.columns[f.id] for f in spec.fields if f.type == "identity" and f.id in layout.columns
    ]
    if any(c < len(row) and len(re.sub(r"\D", "", squeezed(row[c]))) >= 12 for c in identities):
        return False
    filled = [text for cell in row if (text := plain(cell))]
    first = filled[0]
    if any(_starts_with(text, spec.totals, alone=True) for text in filled[:3]):
        return True
    if _starts_with(first, spec.totals, alone=False) and len(filled) <= 4:
        return True
    mapped = [c for c in layout.columns.values() if c < len(row) and not is_blank(row[c])]
    if _starts_with(first, spec.notes, alone=False) and len(mapped) <= max(
        3, len(layout.columns) // 3
    ):
        return True
    # A stray text below the table; a row of a person always fills more of it.
    return len(mapped) <= 1 or (len(mapped) == 2 and len(layout.columns) >= 8)


def data_rows(sheet: Sheet, layout: Layout, spec: SheetSpec) -> Iterator[Row]:
    """The rows of people: without blanks, repeated headings, totals, notes and signatures.

    A cell merged over several rows counts for each of them.
    """
    start = layout.header_row + layout.header_height
    down: dict[tuple[int, int], Cell] = {}
    for (top, left), (bottom, _right) in sheet.merges:
        if top >= start and bottom > top and left < len(sheet.rows[top]):
            for row in range(top + 1, bottom + 1):
                down[row, left] = sheet.rows[top][left]
    for index in range(start, len(sheet.rows)):
        cells = list(sheet.rows[index])
        own = [c for c in cells if not is_blank(c)]
        if not own:
            continue
        for column in range(len(cells)):
            if is_blank(cells[column]) and (index, column) in down:
                cells[column] = down[index, column]
        if _is_repeated_heading(cells, layout) or _is_remark(cells, layout, spec):
            continue
        yield Row(index + 1, cells)


def best_kind(sheet: Sheet, specs: Sequence[SheetSpec]) -> Layout | None:
    """The kind of table a sheet holds: the reading that explains most of its columns."""
    found = [layout for spec in specs if (layout := recognise(sheet, spec))]
    return max(found, key=lambda layout: layout.score, default=None)


# --- what the title says --------------------------------------------------------------------------

_STATED = re.compile(r"(填报|填表|统计|上报|报送|制表|截止|收集|登记)(日期|时间|月份|年月)?[:：]?")
_MONTH = re.compile(r"(20\d{2})\s*[年./-]\s*(1[0-2]|0?[1-9])(?!\d)")


def stated_month(titles: Sequence[str]) -> tuple[int, int] | None:
    """(year, month) a roster says it is for: its title first, then its 填报日期."""
    from sanyou.exchange.values import _number_zh

    texts = [_number_zh(plain(t)) for t in titles]
    dated = [t for t in texts if _STATED.search(t) and re.search(r"\d", t)]
    for text in [*[t for t in texts if t not in dated], *dated]:
        if match := _MONTH.search(text):
            return int(match[1]), int(match[2])
    return None
