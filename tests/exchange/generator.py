"""Invented months of a county centre, each with its answer key.

The key is worked out from the story behind each row while the row is made; the files are never read
to make it. Every person is invented; id numbers are computed from made-up birth dates.

    uv run python tests/exchange/generator.py FOLDER --seed 11
"""

import argparse
import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from random import Random

import xlsxwriter

TOWNS = [
    "华岩镇", "西彭镇", "陶家镇", "铜罐驿镇", "杨家坪街道", "黄桷坪街道", "谢家湾街道", "石坪桥街道", "石桥铺街道",
    "中梁山街道", "渝州路街道", "二郎街道", "九龙街道",
]  # fmt: skip
CARVED_OUT = ["含谷镇", "金凤镇", "白市驿镇", "走马镇", "石板镇", "巴福镇"]
ELSEWHERE = {
    "500106": "重庆市沙坪坝区", "500235": "重庆市云阳县", "510104": "四川省成都市锦江区",
    "520102": "贵州省贵阳市南明区", "420102": "湖北省武汉市江岸区",
}  # fmt: skip
LOCAL = "500107"
SURNAMES = (
    "赵钱孙李周吴郑王冯陈许何吕施张曹严华金魏陶姜戚谢邹喻柏水窦章云苏潘葛范彭郎鲁韦马苗方俞任袁柳"
)
FEMALE, MALE = (
    "芳娜静敏丽艳娟霞婷雪琳倩慧玲梅红燕莹洁萍",
    "伟强磊军勇杰涛超明刚平辉鹏华飞鑫波斌宇洋",
)


def check_digit(body: str) -> str:
    weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]
    return "10X98765432"[sum(int(c) * w for c, w in zip(body, weights, strict=True)) % 11]


@dataclass
class Style:
    """How one month's files look."""

    wife: str = "女方"
    husband: str = "男方"
    id_word: str = "身份证号码"
    titles: bool = True
    two_row_headings: bool = False
    merged_towns: bool = False
    extra_columns: bool = False
    subtotals: bool = False
    repeated_headings: bool = False
    sheet_names: tuple[str, str, str, str] = ("花名册", "历史免费检查", "女方", "男方")
    shuffled_sheets: bool = False
    planning_words: tuple[str, ...] = ("是", "半年内", "{year}年下半年")
    newline: str = "\r"
    mllp: bool = False
    combined_pressure: bool = False
    dates: tuple[str, ...] = ("iso", "slash", "dot", "compact", "chinese", "excel")


STYLES = [
    Style(),
    Style(wife="妻子", husband="丈夫", id_word="身份证", two_row_headings=True, newline="\r\n"),
    Style(
        id_word="公民身份号码", merged_towns=True, subtotals=True, shuffled_sheets=True,
        sheet_names=("Sheet1", "Sheet2", "甲", "乙"), newline="\n",
        planning_words=("是", "三个月内", "近期", "已在备孕"),
    ),
    Style(
        wife="女", husband="男", id_word="证件号码", titles=False, extra_columns=True,
        repeated_headings=True, mllp=True, combined_pressure=True,
        dates=("serial", "wide", "chinese_numerals", "iso", "excel"),
        planning_words=("√", "有", "明年上半年"),
    ),
]  # fmt: skip


@dataclass
class Person:
    name: str
    id: str
    hukou: str
    phone: str
    female: bool
    smoking: bool = False
    alcohol: bool = False
    exposure: str = "无"
    ultrasound: str = "子宫附件未见异常"
    results: list[tuple[str, str, str, str, str]] = field(default_factory=list)
    findings: set[str] = field(default_factory=set)
    missing: set[str] = field(default_factory=set)


@dataclass
class Pair:
    wife: Person
    husband: Person
    order: int
    town: str
    since: date
    married: date
    compliant: bool | None
    planning: bool
    answer: str = ""  # eligible | not_eligible | entitlement_used | undetermined
    attends: bool = False
    consents: bool = True
    exam_on: date = date(2021, 1, 1)


class Month:
    """One month, made by one random generator, so a seed always gives the same files."""

    def __init__(self, seed: int, couples: int, style: Style, year: int, month: int) -> None:
        self.r = Random(seed)
        self.style, self.year, self.month = style, year, month
        self.day = date(year, month, 1)
        self.seed = seed
        self.ids: set[str] = set()
        self.pairs = [self.pair() for _ in range(couples)]
        self.history: list[tuple[Person, Person, int, date]] = []
        self.findings: Counter[str] = Counter()
        self.missing: Counter[str] = Counter()
        self.decide()

    # --- people ---------------------------------------------------------------------------------

    def identity(self, region: str, *, female: bool, good: bool = True) -> str:
        while True:
            born = date(1982, 1, 1) + timedelta(days=self.r.randrange(6000))
            sequence = self.r.randrange(0, 990, 2) + (0 if female else 1)
            body = f"{region}{born:%Y%m%d}{sequence:03d}"
            last = check_digit(body)
            if not good:
                last = self.r.choice([c for c in "0123456789X" if c != last])
            if body not in self.ids:
                self.ids.add(body)
                return body + last

    def person(self, region: str, hukou: str, *, female: bool) -> Person:
        given = "".join(
            self.r.choice(FEMALE if female else MALE) for _ in range(self.r.choice([1, 2]))
        )
        phone = self.r.choice(["13", "15", "17", "18"]) + f"{self.r.randrange(10**9):09d}"
        return Person(
            self.r.choice(SURNAMES) + given,
            self.identity(region, female=female),
            hukou,
            phone,
            female,
        )

    def hukou(self, kind: str, town: str) -> tuple[str, str]:
        if kind == "local":
            return LOCAL, f"重庆市九龙坡区{town}"
        if kind == "carved":
            return LOCAL, f"重庆市九龙坡区{self.r.choice(CARVED_OUT)}"
        code = self.r.choice(sorted(ELSEWHERE))
        return code, ELSEWHERE[code]

    def pair(self) -> Pair:
        r = self.r
        kind = r.choices(
            ["local", "wife_local", "husband_local", "migrant", "new_migrant", "carved",
             "carved_and_elsewhere", "carved_and_local", "carved_resident"],
            [60, 6, 6, 14, 6, 3, 2, 1, 2],
        )[0]  # fmt: skip
        town = r.choice(TOWNS)
        wife_kind, husband_kind = {
            "local": ("local", "local"), "wife_local": ("local", "away"),
            "husband_local": ("away", "local"), "migrant": ("away", "away"),
            "new_migrant": ("away", "away"), "carved": ("carved", "carved"),
            "carved_and_elsewhere": ("carved", "away"), "carved_and_local": ("carved", "local"),
            "carved_resident": ("away", "away"),
        }[kind]  # fmt: skip
        if kind == "carved_resident":
            town = r.choice(CARVED_OUT)
        # Six full months on the day: the last day that counts, and the first that does not.
        edge = date(self.year - (self.month <= 6), (self.month - 7) % 12 + 1, 1)
        if kind == "new_migrant":
            since = edge + timedelta(days=r.choice([1, 2, 40, 100]))
        elif kind == "migrant" and r.random() < 0.2:
            since = edge
        else:
            since = edge - timedelta(days=r.randrange(1, 1500))
        region, place = self.hukou(wife_kind, town)
        wife = self.person(region, place, female=True)
        region, place = self.hukou(husband_kind, town)
        husband = self.person(region, place, female=False)
        local_here = {"local", "wife_local", "husband_local", "migrant", "carved_and_local"}
        compliant = r.choices([True, False, None], [95, 3, 2])[0]
        planning = r.random() < 0.985
        pair = Pair(
            wife, husband, r.choices([1, 2, 3], [55, 30, 15])[0], town, since,
            date(2015, 1, 1) + timedelta(days=r.randrange(1800)), compliant, planning,
        )  # fmt: skip
        if kind not in local_here or compliant is False or not planning:
            pair.answer = "not_eligible"
        elif compliant is None:
            pair.answer = "undetermined"
        else:
            pair.answer = "eligible"
        return pair

    # --- what happened --------------------------------------------------------------------------

    def decide(self) -> None:
        r = self.r
        eligible = [p for p in self.pairs if p.answer == "eligible"]
        used = r.sample(eligible, max(1, len(eligible) // 25))
        for p in used:
            p.answer = "entitlement_used"
            when = self.day - timedelta(days=r.randrange(20, 600))
            self.history.append((p.wife, p.husband, p.order, when))
        eligible = [p for p in eligible if p.answer == "eligible"]
        for p in r.sample(eligible, max(1, len(eligible) // 30)):  # used for another child
            other = r.choice([n for n in (1, 2, 3) if n != p.order])
            when = self.day - timedelta(days=r.randrange(700, 2000))
            self.history.append((p.wife, p.husband, other, when))
        r.shuffle(self.history)
        for p in eligible:
            p.attends = r.random() < 0.87
            p.exam_on = self.day + timedelta(days=r.randrange(0, 28))
            if p.attends:
                p.consents = r.random() > 0.025
                for person in (p.wife, p.husband):
                    self.examine(person)
                if p.consents:
                    for role, person in (("wife", p.wife), ("husband", p.husband)):
                        self.findings.update(f"{role}.{f}" for f in person.findings)
                        self.missing.update(f"{role}.{m}" for m in person.missing)

    def examine(self, person: Person) -> None:
        r = self.r
        person.smoking = r.random() < (0.02 if person.female else 0.3)
        person.alcohol = r.random() < (0.03 if person.female else 0.2)
        person.findings = {
            name for name, yes in (("smoking", person.smoking), ("alcohol", person.alcohol)) if yes
        }
        if r.random() < 0.04:
            person.exposure = r.choice(["农药", "高温", "噪音", "有机溶剂", "苯", "放射线"])
            person.findings.add("toxic_exposure")
        if person.female and r.random() < 0.05:
            person.ultrasound = r.choice(["子宫肌瘤，最大径28mm", "左侧卵巢囊肿，余未见异常"])
        results: list[tuple[str, str, str, str, str]] = []

        def number(code, name, unit, low, high, finding, share_low, share_high, decimals=1):
            span = high - low
            draw = r.random()
            step = 10**-decimals
            if draw < share_high:
                value = high + step + r.random() * span
                person.findings.add(finding + "_high")
            elif draw < share_high + share_low and low > 0:
                value = max(low * 0.7, low - step - r.random() * low * 0.2)
                value = min(value, low - step)
                person.findings.add(finding + "_low")
            else:  # the bounds themselves are normal
                value = r.choice(
                    [low if low else low + step, high, low + step + r.random() * (span - 2 * step)]
                )
            results.append((code, name, f"{value:.{decimals}f}", unit, f"{low:g}-{high:g}"))

        def coded(code, name, positive, share, expected, finding=""):
            bad = r.random() < share
            value = positive if bad else ("阴性" if positive == "阳性" else "阳性")
            if bad and finding:
                person.findings.add(finding)
            results.append((code, name, value, "", expected))

        if person.female:
            number("HGB", "血红蛋白", "g/L", 110, 150, "hemoglobin", 0.05, 0.0, 0)
            number("PLT", "血小板计数", "10*9/L", 100, 300, "platelet", 0.02, 0.0, 0)
        number("ALT", "谷丙转氨酶", "U/L", 0, 40 if person.female else 50, "alt", 0.0, 0.08)
        low, high = (41, 73) if person.female else (57, 97)
        number("CREA", "肌酐", "umol/L", low, high, "creatinine", 0.0, 0.05)
        number("GLU", "空腹血糖", "mmol/L", 3.9, 6.1, "glucose", 0.04, 0.03, 2)
        coded("HBsAg", "乙肝表面抗原", "阳性", 0.07, "阴性", "hbsag_positive")
        for code, name, share in (
            ("HBsAb", "乙肝表面抗体", 0.4), ("HBeAg", "乙肝e抗原", 0.02), ("HBeAb", "乙肝e抗体", 0.05),
            ("HBcAb", "乙肝核心抗体", 0.1),
        ):  # fmt: skip
            coded(code, name, "阳性", share, "阴性")
        coded("TP", "梅毒螺旋体抗体", "阳性", 0.02, "阴性", "syphilis_positive")
        results.append(("ABO", "ABO血型", r.choice(["A", "B", "O", "AB"]), "", ""))
        coded("RhD", "RhD血型", "阴性", 0.015, "阳性", "rh_negative" if person.female else "")
        coded("UPRO", "尿蛋白", "阳性", 0.0, "阴性")
        if person.female:
            if r.random() < 0.04:
                person.missing.add("tsh")
            else:
                number("TSH", "促甲状腺激素", "mIU/L", 0.27, 4.2, "tsh", 0.04, 0.04, 2)
            coded("RV-IgG", "风疹病毒IgG抗体", "阴性", 0.25, "阳性", "rubella_not_immune")
            coded("CMV-IgM", "巨细胞病毒IgM抗体", "阳性", 0.0, "阴性")
            coded("CMV-IgG", "巨细胞病毒IgG抗体", "阳性", 0.6, "阴性")
            coded("TOX-IgM", "弓形体IgM抗体", "阳性", 0.02, "阴性", "toxoplasma_igm_positive")
            coded("TOX-IgG", "弓形体IgG抗体", "阳性", 0.03, "阴性")
            coded("NG", "淋球菌检测", "阳性", 0.01, "阴性", "gonococcus_positive")
            coded("CT", "沙眼衣原体检测", "阳性", 0.03, "阴性", "chlamydia_positive")
            coded("TV", "滴虫", "阳性", 0.01, "阴性", "trichomonas_positive")
            coded("CA", "念珠菌", "阳性", 0.03, "阴性", "candida_positive")
            coded("BV", "细菌性阴道病", "阳性", 0.02, "阴性", "bacterial_vaginosis_positive")
        person.results = results

    # --- how it was written down ----------------------------------------------------------------

    def messy_id(self, number: str) -> object:
        r = self.r
        return r.choice(
            [
                number, number, number, " " + number, number + "\u3000", number.lower(),
                number.translate({ord(c): ord(c) + 0xFEE0 for c in "0123456789X"}),
                number[:6] + " " + number[6:14] + " " + number[14:],
            ]
        )  # fmt: skip

    def messy_phone(self, phone: str) -> object:
        return self.r.choice(
            [phone, "+86" + phone, f"{phone[:3]}-{phone[3:7]}-{phone[7:]}",
             f"{phone[:3]} {phone[3:7]} {phone[7:]}", int(phone)]
        )  # fmt: skip

    def messy_date(self, day: date) -> object:
        style = self.r.choice(self.style.dates)
        digits = "〇一二三四五六七八九"

        def numeral(n: int) -> str:
            tens, units = divmod(n, 10)
            head = "" if tens == 0 else ("十" if tens == 1 else digits[tens] + "十")
            return head + (digits[units] if units or not tens else "")

        return {
            "iso": day.isoformat(),
            "slash": f"{day.year}/{day.month}/{day.day}",
            "dot": f"{day:%Y.%m.%d}",
            "compact": f"{day:%Y%m%d}",
            "chinese": f"{day.year}年{day.month}月{day.day}日",
            "excel": day,
            "serial": (day - date(1899, 12, 30)).days,
            "wide": day.isoformat().translate({ord(c): ord(c) + 0xFEE0 for c in "0123456789-"}),
            "chinese_numerals": "".join(digits[int(c)] for c in str(day.year))
            + f"年{numeral(day.month)}月{numeral(day.day)}日",
        }[style]

    def roster_row(self, p: Pair) -> dict[str, object]:
        r = self.r
        order = {
            1: ["首孩", "一孩", "1", 1, "一", "第一孩"],
            2: ["二孩", "2", 2, "二"],
            3: ["三孩", "3", 3, "三"],
        }[p.order]
        words = [w.format(year=self.year) for w in self.style.planning_words]
        return {
            "wife_name": p.wife.name,
            "wife_id": self.messy_id(p.wife.id),
            "wife_phone": self.messy_phone(p.wife.phone),
            "wife_hukou": p.wife.hukou,
            "husband_name": p.husband.name,
            "husband_id": self.messy_id(p.husband.id),
            "husband_phone": self.messy_phone(p.husband.phone),
            "husband_hukou": p.husband.hukou,
            "residence": f"九龙坡区{p.town}",
            "residence_since": self.messy_date(p.since),
            "marriage_date": self.messy_date(p.married),
            "child_order": r.choice(order),
            "compliant": {True: "是", False: "否", None: ""}[p.compliant],
            "planning": r.choice(words) if p.planning else r.choice(["否", "暂不", "否"]),
            "town": p.town,
            "note": r.choice(["", "新婚", "再婚", "流动人口"]),
        }

    def rows(self) -> tuple[list[dict[str, object]], dict[str, object]]:
        """All rows of the roster in their order, and what the key says of them."""
        r = self.r
        rows = [self.roster_row(p) for p in self.pairs]
        count = max(1, len(self.pairs) // 40)
        duplicated = r.sample(self.pairs, count)
        rows += [self.roster_row(p) for p in duplicated]
        held = 0
        for p in r.sample([p for p in self.pairs if p not in duplicated], max(1, count // 2)):
            region, place = self.hukou("local", p.town)
            other = self.person(region, place, female=held % 3 == 2)
            row = self.roster_row(p)
            prefix = "wife" if held % 3 == 2 else "husband"
            # The other spouse has the hukou of the real one, so both rows are judged alike.
            row[prefix + "_name"], row[prefix + "_id"] = other.name, self.messy_id(other.id)
            rows.append(row)
            held += 1
        rejected: Counter[str] = Counter()
        for code in ["no_husband_id"] * count + ["bad_check_digit"] * count + ["wrong_sex"] * count:
            p = self.pair()
            row = self.roster_row(p)
            if code == "no_husband_id":
                row["husband_id"] = r.choice(["", " ", "\u3000"])
            elif code == "bad_check_digit":
                spouse = r.choice(["wife", "husband"])
                bad = self.identity(LOCAL, female=spouse == "wife", good=False)
                row[spouse + "_id"] = self.messy_id(bad)
            else:
                spouse = r.choice(["wife", "husband"])
                wrong = self.identity(LOCAL, female=spouse != "wife")
                row[spouse + "_id"] = self.messy_id(wrong)
            rejected[code] += 1
            rows.append(row)
        r.shuffle(rows)
        key = {
            "rows": len(rows),
            "couples_registered": len(self.pairs),
            "duplicates_merged": len(duplicated),
            "held_for_review": held,
            "rows_rejected": dict(rejected),
        }
        return rows, key

    def write(self, folder: Path) -> dict[str, object]:
        """Write the three files into the folder and return the key."""
        folder.mkdir(parents=True, exist_ok=True)
        rows, roster_key = self.rows()
        self.write_roster(folder / "roster.xlsx", rows)
        self.write_stations(folder / "stations.xlsx")
        laboratory = self.write_lab(folder / "lab.hl7")
        attended = [p for p in self.pairs if p.attends]
        examined = [p for p in attended if p.consents]
        answers = Counter(p.answer for p in self.pairs)
        complete = sum(1 for p in examined if not p.wife.missing and not p.husband.missing)
        names = ("eligible", "not_eligible", "entitlement_used", "undetermined")
        key = {
            "seed": self.seed,
            "roster": roster_key,
            "eligibility": {name: answers[name] for name in names},
            "attendance": {
                "invited": answers["eligible"],
                "absent": answers["eligible"] - len(attended),
                "refused_no_consent": len(attended) - len(examined),
                "examined": len(examined),
            },
            "laboratory": laboratory,
            "findings": dict(sorted(self.findings.items())),
            "cannot_be_excluded": dict(sorted(self.missing.items())),
            "settlement": {
                "price_per_couple": "460.00",
                "couples_complete": complete,
                "amount": f"{complete * 460}.00",
            },
        }
        (folder / "expected.json").write_text(json.dumps(key, ensure_ascii=False, indent=1))
        return key

    def put(self, sheet, row: int, column: int, value: object, day_format) -> None:
        if isinstance(value, date):
            sheet.write_datetime(row, column, value, day_format)
        elif value not in ("", None):
            sheet.write(row, column, value)

    def headings(self) -> list[tuple[str, str, str]]:
        """(field, group, heading) from left to right."""
        s = self.style
        person = [("name", "姓名"), ("id", s.id_word), ("phone", "联系电话"), ("hukou", "户籍地址")]
        columns = [(f"wife_{f}", s.wife, h) for f, h in person]
        columns += [(f"husband_{f}", s.husband, h) for f, h in person]
        columns += [
            ("residence", "", "现居住地址"), ("residence_since", "", "现居住地居住起始时间"),
            ("marriage_date", "", "结婚登记日期"), ("child_order", "", "拟生育孩次"),
            ("compliant", "", "是否符合生育政策"), ("planning", "", "是否计划怀孕"), ("note", "", "备注"),
        ]  # fmt: skip
        if s.extra_columns:
            columns.insert(4, ("", "", "文化程度"))
            columns.append(("", "", "是否参加培训"))
        town = ("town", "", "所属镇街")
        return [town, *columns] if s.merged_towns else [*columns[:-1], town, columns[-1]]

    def write_roster(self, path: Path, rows: list[dict[str, object]]) -> None:
        s = self.style
        with xlsxwriter.Workbook(path) as book:
            day_format = book.add_format({"num_format": "yyyy-mm-dd"})
            names = list(s.sheet_names[:2])
            if s.shuffled_sheets:
                sheets = {names[1]: book.add_worksheet(names[1])}
                sheets["说明"] = book.add_worksheet("说明")
                sheets["说明"].write(0, 0, "填表说明：请按身份证填写。")
                sheets[names[0]] = book.add_worksheet(names[0])
            else:
                sheets = {n: book.add_worksheet(n) for n in names}
            self.roster_sheet(sheets[names[0]], rows, day_format)
            history = sheets[names[1]]
            heads = [
                f"{s.wife}姓名",
                f"{s.wife}{s.id_word}",
                f"{s.husband}{s.id_word}",
                "孩次",
                "检查日期",
            ]
            history.write_row(0, 0, heads)
            for i, (wife, husband, order, when) in enumerate(self.history, 1):
                cells = [wife.name, wife.id, husband.id, order, self.messy_date(when)]
                for c, value in enumerate(cells):
                    self.put(history, i, c, value, day_format)

    def roster_sheet(self, sheet, rows: list[dict[str, object]], day_format) -> None:
        s = self.style
        columns = self.headings()
        line = 0
        if s.titles:
            title = f"九龙坡区{self.year}年{self.month}月计划怀孕夫妇花名册"
            sheet.merge_range(0, 0, 0, len(columns), title)
            sheet.write(1, 0, "填报单位：各镇街卫生健康办")
            sheet.write(1, len(columns) - 3, f"填报日期：{self.year}年{self.month}月1日")
            line = 2
        if s.two_row_headings:
            sheet.merge_range(line, 0, line + 1, 0, "序号")
            c = 1
            while c <= len(columns):
                _f, group, heading = columns[c - 1]
                if group:
                    width = sum(1 for x in columns if x[1] == group)
                    sheet.merge_range(line, c, line, c + width - 1, group + "基本情况")
                    for k in range(width):
                        sheet.write(line + 1, c + k, columns[c - 1 + k][2])
                    c += width
                else:
                    sheet.merge_range(line, c, line + 1, c, heading)
                    c += 1
            line += 2
        else:
            heads = ["序号", *[g + h for _f, g, h in columns]]
            sheet.write_row(line, 0, heads)
            line += 1
        if s.merged_towns:
            rows.sort(key=lambda row: str(row["town"]))
        start = line
        for i, row in enumerate(rows):
            if s.repeated_headings and i and i % 50 == 0:
                sheet.write_row(line, 0, ["序号", *[g + h for _f, g, h in columns]])
                line += 1
            sheet.write(line, 0, i + 1)
            for c, (name, _group, _heading) in enumerate(columns, 1):
                value = row.get(name, "大专" if c < 8 else "是")
                if s.merged_towns and name == "town":
                    continue
                self.put(sheet, line, c, value, day_format)
            last = i + 1 == len(rows) or rows[i + 1]["town"] != row["town"]
            if s.merged_towns and last:
                if line > start:
                    sheet.merge_range(start, 1, line, 1, row["town"])
                else:
                    sheet.write(line, 1, row["town"])
                if s.subtotals:
                    line += 1
                    sheet.write_row(line, 0, ["小计", f"{line - start}对"])
                start = line + 1
            line += 1
        line += 1
        sheet.write_row(line, 0, ["合计", f"{len(rows)}对"])
        sheet.write(line + 1, 0, "备注：本表由各镇街汇总后报区妇幼保健计划生育服务中心。")

    def write_stations(self, path: Path) -> None:
        s = self.style
        attended = [p for p in self.pairs if p.attends]
        self.r.shuffle(attended)
        with xlsxwriter.Workbook(path) as book:
            day_format = book.add_format({"num_format": "yyyy-mm-dd"})
            for female, name in zip((True, False), s.sheet_names[2:], strict=True):
                sheet = book.add_worksheet(name)
                pressure = (
                    ["血压(mmHg)"] if s.combined_pressure else ["收缩压(mmHg)", "舒张压(mmHg)"]
                )
                heads = ["姓名", s.id_word, "知情同意书签署日期", "检查日期", "身高(cm)", "体重(kg)",
                         *pressure, "吸烟", "饮酒", "接触有害因素"]  # fmt: skip
                sheet.write_row(0, 0, [*heads, "妇科超声"] if female else heads)
                for i, p in enumerate(attended, 1):
                    person = p.wife if female else p.husband
                    high, low = self.r.randrange(95, 138), self.r.randrange(60, 89)
                    cells = [
                        person.name,
                        self.messy_id(person.id),
                        self.messy_date(p.exam_on) if p.consents else "",
                        self.messy_date(p.exam_on),
                        self.r.randrange(150, 185),
                        self.r.choice([60.5, "61.2", 58, "６２"]),
                        *([f"{high}/{low}"] if s.combined_pressure else [high, low]),
                        self.r.choice(["是", "有"])
                        if person.smoking
                        else self.r.choice(["否", "无"]),
                        "是" if person.alcohol else "否",
                        person.exposure,
                        *([person.ultrasound] if female else []),
                    ]
                    for c, value in enumerate(cells):
                        self.put(sheet, i, c, value, day_format)

    def message(self, number: int, person: Person, day: date) -> str:
        stamp = f"{day:%Y%m%d}"
        born = person.id[6:14]
        lines = [
            rf"MSH|^~\&|LIS|JLPFY|SANYOU|JLPFY|{stamp}1530||ORU^R01^ORU_R01|T{self.seed}-{number:06d}"
            "|P|2.5.1|||||CHN|UNICODE UTF-8",
            f"PID|1||{person.id}^^^CHN^NI||{person.name}||{born}|{'F' if person.female else 'M'}",
            f"OBR|1||S{number:08d}|YQJC^孕前优生检查组合^L|||{stamp}0815|||||||||||||||{stamp}1500|||F",
        ]
        for i, (code, name, value, unit, limits) in enumerate(person.results, 1):
            kind = "NM" if unit else "ST"
            lines.append(
                f"OBX|{i}|{kind}|{code}^{name}^L||{value}|{unit}|{limits}||||F|||{stamp}1430"
            )
        return "\r".join(lines) + "\r"

    def write_lab(self, path: Path) -> dict[str, int]:
        r = self.r
        examined = [p for p in self.pairs if p.attends and p.consents]
        messages = []
        for p in examined:
            for person in (p.wife, p.husband):
                messages.append(self.message(len(messages) + 1, person, p.exam_on))
        accepted = len(messages)
        few = min(3, len(messages))
        duplicates = r.sample(messages, r.randint(min(1, few), few))
        broken = []
        for text in r.sample(messages, r.randint(min(1, few), few)):
            first = text.index("OBX|2")
            broken.append(text[: r.randrange(first + 3, len(text) - 40)])
        stranger = self.person(LOCAL, "", female=True)
        self.examine(stranger)
        unknown = [self.message(len(messages) + 1, stranger, self.day)]
        messages += unknown
        # Second copies come anywhere; a cut-off copy may even come before the whole message.
        for copy in [*duplicates, *broken]:
            messages.insert(r.randrange(len(messages) + 1), copy)
        content = "".join(messages)
        if self.style.mllp:
            content = "".join(f"\x0b{m}\x1c\r" for m in messages)
        data = content.replace("\r", self.style.newline) if not self.style.mllp else content
        path.write_bytes(data.encode("utf-8"))
        return {
            "messages": len(messages),
            "accepted": accepted,
            "duplicate": len(duplicates),
            "unknown_person": len(unknown),
            "broken": len(broken),
        }


def make(
    folder: Path, seed: int, couples: int = 60, style: Style | None = None, year: int = 2021,
    month: int = 3,
) -> dict[str, object]:  # fmt: skip
    """Write one month's files into the folder; returns the answer key."""
    chosen = style or STYLES[seed % len(STYLES)]
    return Month(seed, couples, chosen, year, month).write(folder)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=11)
    parser.add_argument("--couples", type=int, default=60)
    given = parser.parse_args()
    make(given.folder, given.seed, given.couples)
