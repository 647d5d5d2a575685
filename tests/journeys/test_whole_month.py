"""The month of one couple as the staff live it: every duty in a browser of its own."""

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Locator, Page, expect

from sanyou.care.models import Encounter, Episode
from sanyou.finance.models import Statement
from sanyou.registry.duties import DUTIES
from tests.conftest import XIPENG, id_number
from tests.journeys.conftest import PHONE

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.requirement("H03")]

WIFE, HUSBAND = "欧阳慧敏", "司马建国"
WIFE_ID = id_number("500107", date(1992, 6, 15), 248)
HUSBAND_ID = id_number("500107", date(1990, 2, 3), 249)
TOWN = "重庆市九龙坡区华岩镇"
COUNTY = "500107"

# code, name, value, unit, limits: what this laboratory sends for the wife and the husband.
BOTH_RESULTS = [
    ("GLU", "空腹血糖", "5.10", "mmol/L", "3.9-6.1"),
    ("HBsAg", "乙肝表面抗原", "阴性", "", "阴性"),
    ("HBsAb", "乙肝表面抗体", "阳性", "", "阴性"),
    ("HBeAg", "乙肝e抗原", "阴性", "", "阴性"),
    ("HBeAb", "乙肝e抗体", "阴性", "", "阴性"),
    ("HBcAb", "乙肝核心抗体", "阴性", "", "阴性"),
    ("TP", "梅毒螺旋体抗体", "阴性", "", "阴性"),
    ("RhD", "RhD血型", "阳性", "", "阳性"),
    ("UPRO", "尿蛋白", "阴性", "", "阴性"),
]
WIFE_RESULTS = [
    *BOTH_RESULTS,
    ("HGB", "血红蛋白", "128", "g/L", "110-150"),
    ("PLT", "血小板计数", "210", "10*9/L", "100-300"),
    ("ALT", "谷丙转氨酶", "21.0", "U/L", "0-40"),
    ("CREA", "肌酐", "58.0", "umol/L", "41-73"),
    ("ABO", "ABO血型", "A", "", ""),
    ("TSH", "促甲状腺激素", "6.80", "mIU/L", "0.27-4.2"),
    ("RV-IgG", "风疹病毒IgG抗体", "阳性", "", "阳性"),
    ("CMV-IgM", "巨细胞病毒IgM抗体", "阴性", "", "阴性"),
    ("CMV-IgG", "巨细胞病毒IgG抗体", "阳性", "", "阴性"),
    ("TOX-IgM", "弓形体IgM抗体", "阴性", "", "阴性"),
    ("TOX-IgG", "弓形体IgG抗体", "阴性", "", "阴性"),
    ("NG", "淋球菌检测", "阴性", "", "阴性"),
    ("CT", "沙眼衣原体检测", "阴性", "", "阴性"),
    ("TV", "滴虫", "阴性", "", "阴性"),
    ("CA", "念珠菌", "阴性", "", "阴性"),
    ("BV", "细菌性阴道病", "阴性", "", "阴性"),
]
HUSBAND_RESULTS = [
    *BOTH_RESULTS,
    ("ALT", "谷丙转氨酶", "30.0", "U/L", "0-50"),
    ("CREA", "肌酐", "80.0", "umol/L", "57-97"),
    ("ABO", "ABO血型", "O", "", ""),
]


@pytest.fixture
def today(transactional_db: None) -> date:
    """Stages of these journeys happen today, so that the queues and periods offer them."""
    return timezone.localdate()


def message(number: int, name: str, identity: str, sex: str, results: list[Any], on: date) -> str:
    """One ORU^R01 of HL7 v2.5.1 as the laboratory's system writes it."""
    day = f"{on:%Y%m%d}"
    lines = [
        rf"MSH|^~\&|LIS|JLPFY|SANYOU|JLPFY|{day}1530||ORU^R01^ORU_R01|JOURNEY{number:04d}"
        "|P|2.5.1|||||CHN|UNICODE UTF-8",
        f"PID|1||{identity}^^^CHN^NI||{name}||{identity[6:14]}|{sex}",
        f"OBR|1||S{number:08d}|YQJC^孕前优生检查组合^L|||{day}0815|||||||||||||||{day}1500|||F",
    ]
    for index, (code, words, value, unit, limits) in enumerate(results, 1):
        kind = "NM" if unit else "ST"
        lines.append(
            f"OBX|{index}|{kind}|{code}^{words}^L||{value}|{unit}|{limits}||||F|||{day}1430"
        )
    return "\r".join(lines) + "\r"


def go(page: Page, name: str, *args: Any) -> None:
    page.goto("/".join(page.url.split("/")[:3]) + reverse(name, args=args))


def home(page: Page) -> None:
    go(page, "home")


def said(page: Page, words: str) -> None:
    expect(page.locator("#messages")).to_contain_text(words)


def take_task(page: Page, label: str, role: str = "") -> None:
    """From the duty's own queue, open the couple's task of that name."""
    home(page)
    row = page.locator("table.table tbody tr", has_text=label).filter(has_text=WIFE)
    if role:
        row = row.filter(has_text=role)
    expect(row).to_have_count(1)
    row.get_by_role("link", name="办理").click()


def put(field: Locator, value: Any) -> None:
    """Answer one question of a generated form the way its kind is answered."""
    kind = field.get_attribute("data-kind")
    if field.locator("input[type=radio], input[type=checkbox]").count():
        for one in value if isinstance(value, list) else [value]:
            code = str(one).lower() if isinstance(one, bool) else str(one)
            field.locator(f'input[value="{code}"]').check()
        none = field.get_by_text("无", exact=True)
        if value == [] and none.count():
            none.click()
    elif field.locator("select").count():
        field.locator("select").select_option(str(value))
    elif kind == "date":
        field.locator("input[type=text]").fill(str(value).replace("-", ""))
    else:
        field.locator("input[type=text], textarea").fill(str(value))


def fill_form(page: Page, answers: dict[str, Any]) -> None:
    """Everything given: what is denied in one go where a part offers it, the rest field by field."""
    page.wait_for_selector("#record")
    for rest in page.get_by_role("button", name="其余为“否”").all():
        rest.click()
    denied = set(
        page.eval_on_selector_all(
            "#record [data-element]:has(input[value=false]:checked)",
            "nodes => nodes.map((node) => node.dataset.element)",
        )
    )
    shown = set(
        page.eval_on_selector_all(
            "#record [data-element]:not([hidden])",
            "nodes => nodes.map((node) => node.dataset.element)",
        )
    )
    for name, value in answers.items():
        if value in (None, "") or name not in shown or (value is False and name in denied):
            continue
        put(page.locator(f'#record [data-element="{name}"]'), value)


def sign(page: Page, then: str = ".signed-line") -> None:
    page.click("#sign-button")
    expect(page.locator("#sign-dialog")).to_be_visible()
    page.click("#sign-confirm")
    expect(page.locator(then)).to_be_visible()


def draw(page: Page, canvas: Locator) -> None:
    """A scribble with the mouse in a signature box."""
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 60, box["y"] + 60)
    page.mouse.down()
    for step in range(1, 8):
        page.mouse.move(box["x"] + 60 + 30 * step, box["y"] + 60 + (20 if step % 2 else -10))
    page.mouse.up()


def fits(page: Page) -> None:
    """Nothing sticks out at the side."""
    sizes = page.evaluate("[document.documentElement.scrollWidth, window.innerWidth]")
    assert sizes[0] <= sizes[1], f"{page.url} is {sizes[0]} px wide on a screen of {sizes[1]} px"


def enter_couple(page: Page) -> None:
    """The registration page as a village worker types it, with one slip of the finger."""
    page.get_by_role("link", name="登记").first.click()
    page.wait_for_url("**/nominate")
    page.wait_for_load_state("load")  # as a person does: the page is there before she types
    wife, husband = page.locator("[data-person=wife]"), page.locator("[data-person=husband]")
    wrong = WIFE_ID[:-1] + ("1" if WIFE_ID[-1] != "1" else "2")
    number = wife.get_by_label("证件号码")
    number.press_sequentially(wrong[:10])
    expect(wife.locator("[data-ok]")).to_have_text("还差 8 位")
    number.press_sequentially(wrong[10:])
    expect(wife.locator("[data-error]")).to_contain_text("校验位不正确")
    number.fill(WIFE_ID)
    expect(wife.locator("[data-error]")).to_be_empty()
    expect(wife.locator("[data-ok]")).to_contain_text("女 · 1992-06-15")
    wife.get_by_label("姓名").fill(WIFE)
    wife.get_by_label("手机").fill("13800001234")
    wife.get_by_label("户籍地").fill(TOWN)
    wife.get_by_label("户籍地").press("Tab")
    expect(page.locator("#wife-hukou-found")).to_contain_text("华岩镇")
    wife.get_by_label("现居地").fill("华岩镇民安村")
    husband.get_by_label("证件号码").fill(HUSBAND_ID)
    expect(husband.locator("[data-ok]")).to_contain_text("男 · 1990-02-03")
    husband.get_by_label("姓名").fill(HUSBAND)
    husband.get_by_label("手机").fill("13900005678")
    for same in ("hukou_text", "residence_text"):
        husband.locator(f"[data-same={same}]").click()
    expect(husband.get_by_label("户籍地")).to_have_value(TOWN)
    again = page.get_by_role("heading", name="再生育情况")
    page.get_by_label("拟生育孩次").fill("2")
    page.get_by_label("拟生育孩次").press("Tab")
    expect(again).to_be_visible()
    page.get_by_label("拟生育孩次").fill("1")
    page.get_by_label("拟生育孩次").press("Tab")
    expect(again).to_be_hidden()
    for name in ("f-policy_compliant", "f-planning"):
        page.locator(f"input[name={name}][value=true]").check()


def test_a_couple_from_nomination_to_payment(
    today: date, signed_in: Any, live_server: Any, fill: Any, picture: Any, tmp_path: Path
) -> None:
    village = signed_in("village_worker")
    picture(village, "01-village-home")
    enter_couple(village)
    picture(village, "02-nominate")
    village.get_by_role("button", name="提交登记", exact=True).click()
    said(village, "已登记，已转镇街审核")
    picture(village, "03-nominated")
    episode = Episode.objects.get()

    township = signed_in("township_officer")
    take_task(township, "镇街审核")
    expect(township.locator("main")).to_contain_text("华岩镇民安村")
    picture(township, "04-review")
    township.get_by_role("button", name="审核通过").click()
    expect(township.locator("main")).to_contain_text("手上的任务都办完了")

    registration = signed_in("registration")
    take_task(registration, "中心确认")
    judged = registration.locator("section.card", has_text="资格判断")
    expect(judged).to_contain_text("符合")
    expect(judged).to_contain_text("本孩次第一次检查，由区财政承担")
    judged.get_by_text("查看原文：三").click()
    expect(judged.locator("blockquote").first).to_contain_text(
        "户籍地在九龙坡区（高新区直管区除外）"
    )
    picture(registration, "05-confirm")
    registration.get_by_role("button", name="确认资格").click()
    said(registration, "已确认，可以发放服务卡")

    take_task(village, "发放服务卡")
    village.get_by_role("button", name="发放服务卡").click()
    said(village, "已发放服务卡")
    expect(village.locator(".card-qr svg")).to_be_visible()
    picture(village, "06-card")
    card = village.locator("dl.pairs dd").first.inner_text()
    village.get_by_role("button", name="打印服务卡").click()
    expect(village.locator(".sheet")).to_contain_text(card)
    picture(village, "07-card-print")

    home(registration)
    registration.get_by_role("link", name="扫描服务卡").first.click()
    registration.locator("#card").press_sequentially(card)
    registration.keyboard.press("Enter")
    expect(registration.locator("h1")).to_contain_text(WIFE)
    registration.get_by_role("link", name="签署知情同意书").first.click()
    expect(registration.locator(".consent-text")).to_contain_text("自愿")
    side = registration.locator(".spouse.wife")
    draw(registration, side.locator("canvas"))
    picture(registration, "08-consent")
    side.get_by_role("button", name="同意，按屏幕签名保存").click()
    expect(registration.locator(".spouse.wife .signature-shown")).to_be_visible()
    registration.once("dialog", lambda d: d.accept())
    registration.locator(".spouse.husband").get_by_role(
        "button", name="已在纸质同意书上签名"
    ).click()
    expect(registration.locator(".spouse.husband")).to_contain_text("纸质签名")
    picture(registration, "09-consented")

    nurse = signed_in("history_nurse")
    picture(nurse, "10-nurse-home")
    take_task(nurse, "病史询问", "女方")
    for role, given in (
        ("wife", {"folic_acid_now": False}),
        ("husband", {"smoking": True, "cigarettes_per_day": 10, "smoking_years": 8}),
    ):
        if role == "husband":  # straight on to the spouse
            nurse.get_by_role("link", name="病史询问与健康教育 · 男方").click()
        fill_form(nurse, fill("history", role) | given)
        if role == "husband":
            expect(nurse.locator("[data-element=cigarettes_per_day]")).to_be_visible()
            put(nurse.locator("[data-element=cigarettes_per_day]"), 10)
        picture(nurse, f"11-history-{role}")
        sign(nurse)
        picture(nurse, f"11-signed-{role}")
    nurse.get_by_role("link", name="回到待办").click()
    expect(nurse.locator("main")).to_contain_text("手上的任务都办完了")

    physician = signed_in("physician")
    for role, label in (("wife", "女方"), ("husband", "男方")):
        take_task(physician, "体格检查", label)
        high = {"sbp": 146, "dbp": 94} if role == "husband" else {}
        fill_form(physician, fill("physical", role) | high)
        if high:
            expect(physician.locator("[data-element=sbp] [data-flag]")).to_contain_text("↑")
        picture(physician, f"12-physical-{role}")
        sign(physician)

    laboratory = signed_in("laboratory")
    for role, label in (("wife", "女方"), ("husband", "男方")):
        take_task(laboratory, "标本采集", label)
        fill_form(laboratory, fill("specimen", role) | {"specimen_on": today.isoformat()})
        sign(laboratory)
    picture(laboratory, "13-specimen-signed")

    ultrasound = signed_in("ultrasound")
    take_task(ultrasound, "妇科超声")
    fill_form(ultrasound, fill("ultrasound", "wife"))
    picture(ultrasound, "14-ultrasound")
    sign(ultrasound)

    import_results(laboratory, tmp_path, today, picture)
    assert Encounter.objects.get(form="laboratory", role="wife").status == "signed"
    home(laboratory)
    expect(laboratory.locator("main")).to_contain_text("手上的任务都办完了")

    doctor = signed_in("assessing_doctor")
    assess_and_counsel(doctor, fill, today, picture)

    followup = signed_in("followup_worker")
    follow_up(followup, today, picture)

    statistician = signed_in("statistician")
    report(statistician, episode, picture)

    settle(signed_in, episode, picture)


def import_results(page: Page, folder: Path, today: date, picture: Any) -> None:
    """The laboratory's file: upload, look at it, run it, read the result."""
    stranger = id_number("500107", date(1988, 8, 8), 120)
    path = folder / "lab.hl7"
    path.write_text(
        message(1, WIFE, WIFE_ID, "F", WIFE_RESULTS, today)
        + message(2, HUSBAND, HUSBAND_ID, "M", HUSBAND_RESULTS, today)
        + message(3, "查无此人", stranger, "F", WIFE_RESULTS, today),
        encoding="utf-8",
        newline="",
    )
    home(page)
    page.get_by_role("link", name="导入文件").first.click()
    page.locator("#file").set_input_files(path)
    picture(page, "15-import")
    page.get_by_role("button", name="上传并核对").click()
    expect(page.locator("main")).to_contain_text("现在什么都还没有写入")
    expect(page.locator("tr", has_text="欧***").locator("td").nth(4)).to_have_text("25")
    expect(page.locator("#messages")).to_be_empty()
    picture(page, "16-import-preview")
    assert not Encounter.objects.filter(form="laboratory", status="signed").exists()
    page.get_by_role("button", name="导入 3 条").click()
    expect(page.locator(".badge.ok").first).to_be_visible()
    expect(page.locator("main")).to_contain_text("受检者没有登记过")
    picture(page, "17-import-result")


def assess_and_counsel(page: Page, fill: Any, today: date, picture: Any) -> None:
    """Evidence, confirmation, counselling, and the notice on paper."""
    take_task(page, "风险评估")
    wife, husband = page.locator(".spouse.wife"), page.locator(".spouse.husband")
    tsh = wife.locator("article.finding", has_text="促甲状腺激素")
    expect(tsh.locator(".evidence")).to_contain_text("6.8")
    expect(tsh.locator(".evidence")).to_contain_text("0.27")
    expect(tsh.locator("footer")).to_contain_text("依据")
    expect(husband.locator("article.finding", has_text="吸烟")).to_have_count(1)
    expect(husband.locator("article.finding", has_text="血压").first).to_contain_text("146")
    picture(page, "18-assess")
    page.once("dialog", lambda d: d.accept())
    page.get_by_role("button", name="确认评估结论").click()
    expect(page.locator(".verdict")).to_contain_text("医生已确认系统建议")
    page.get_by_role("button", name="出具评估建议告知书").click()
    sheet = page.locator(".sheet")
    for words in (WIFE, HUSBAND, "促甲状腺激素", "6.8", "吸烟"):
        expect(sheet).to_contain_text(words)
    picture(page, "19-notice")
    page.emulate_media(media="print")
    expect(page.locator(".paper-bar")).to_be_hidden()
    assert page.pdf(format="A4").startswith(b"%PDF")
    page.emulate_media(media="screen")
    take_task(page, "咨询指导")
    fill_form(
        page,
        fill("counselling", "couple") | {"counselling_on": today.isoformat()},
    )
    picture(page, "20-counselling")
    sign(page)


def follow_up(page: Page, today: date, picture: Any) -> None:
    """An attempt that fails, one that succeeds, and the form."""
    home(page)
    picture(page, "21-followup-home")
    take_task(page, "早孕随访")
    expect(page.locator("main")).to_contain_text("13800001234")
    page.get_by_text("没联系上", exact=True).click()
    page.fill("#note", "无人接听，约傍晚再打")
    page.get_by_role("button", name="记录", exact=True).click()
    said(page, "已记录这次联系")
    expect(page.locator(".attempts")).to_contain_text("无人接听，约傍晚再打")
    picture(page, "22-followup-task")
    page.get_by_role("link", name="填写：早孕随访").click()
    fill_form(
        page,
        {
            "early_followup_on": today.isoformat(),
            "pregnancy_result": "not_pregnant",
            "early_followup_note": "尚未怀孕，继续服用叶酸",
        },
    )
    picture(page, "23-early-followup")
    sign(page, then=".message.success")
    expect(page.get_by_role("link", name="查看登记表")).to_be_visible()
    picture(page, "23-followup-done")


def report(page: Page, episode: Episode, picture: Any) -> None:
    """This month's report: the list behind a figure, then up it goes."""
    home(page)
    page.get_by_role("link", name="月报").first.click()
    month = f"{timezone.localdate():%Y-%m}"
    picture(page, "24-reports")
    row = page.locator("tbody tr").filter(has=page.get_by_text(month, exact=True))
    row.get_by_role("button", name="编制").click()
    figure = page.locator("tr", has_text="双方均完成检查的夫妇").get_by_role("link").last
    expect(figure).to_have_text("1")
    picture(page, "25-report")
    figure.click()
    expect(page.locator("main")).to_contain_text(episode.number)
    picture(page, "26-cases")
    page.get_by_role("link", name="回到报表").click()
    page.get_by_role("button", name="上报").click()
    expect(page.locator("h1")).to_contain_text("已上报")


def settle(signed_in: Any, episode: Episode, picture: Any) -> None:
    """Finance draws up the statement; somebody else approves it."""
    finance = signed_in("finance")
    picture(finance, "27-finance-home")
    finance.get_by_role("link", name="结算").first.click()
    finance.get_by_role("button", name="生成结算表").click()
    finance.locator("#prepare").get_by_role("button", name="生成", exact=True).click()
    main = finance.locator("main")
    for words in ("460.00", "肆佰陆拾元整", "华岩镇"):
        expect(main).to_contain_text(words)
    picture(finance, "28-statement")
    finance.get_by_role("link", name=episode.number).click()
    for words in ("460元/每对夫妇", "知情同意", "促甲状腺激素"):
        expect(main).to_contain_text(words)
    picture(finance, "29-claim")
    finance.go_back()
    finance.get_by_role("button", name="提交审核").click()
    said(finance, "已提交，请由另一人审核")
    statement = Statement.objects.get()

    manager = signed_in("manager")
    picture(manager, "30-manager-home")
    go(manager, "statements")
    manager.get_by_role("link", name="打开").first.click()
    manager.get_by_role("button", name="审核通过").click()
    said(manager, "已审核通过")
    picture(manager, "31-approved")
    statement.refresh_from_db()
    assert (statement.status, statement.total) == ("approved", 46000)


@pytest.mark.requirement("A07")
def test_without_consent_no_station_opens(
    today: date, signed_in: Any, live_server: Any, episode_at: Any
) -> None:
    episode = episode_at("carded", on=today)
    nurse = signed_in("history_nurse")
    expect(nurse.locator("main")).to_contain_text("手上的任务都办完了")
    go(nurse, "encounter-open", episode.key, "history", "wife")
    expect(nurse.locator("main")).to_contain_text("尚未签署知情同意书，不能检查")
    expect(nurse.locator("main")).to_contain_text("请先到登记处办理知情同意")
    expect(nurse.locator("#record")).to_have_count(0)
    assert not episode.encounters.filter(form="history").exists()


@pytest.mark.requirement("A04")
def test_a_second_check_for_the_same_child_is_at_own_cost(
    today: date, signed_in: Any, live_server: Any, episode_at: Any, actor: Any, picture: Any
) -> None:
    from sanyou.care import episodes

    episodes.close(episode_at("noticed", on=today), actor("registration"), "本次服务完成")
    episode_at("reviewed", on=today)
    page = signed_in("registration")
    take_task(page, "中心确认")
    judged = page.locator("section.card", has_text="资格判断")
    expect(judged).to_contain_text("自费")
    expect(judged).to_contain_text("本孩次已享受过一次免费检查")
    judged.get_by_text("查看原文：四").click()
    expect(judged.locator("blockquote").last).to_contain_text("自费接受孕前优生健康检查")
    picture(page, "32-own-cost")
    page.once("dialog", lambda d: d.accept())
    page.get_by_role("button", name="确认，按自费检查").click()
    said(page, "已确认")
    assert Episode.objects.latest("pk").decisions.latest("at").grant == "own_cost"


@pytest.mark.requirement("B04")
def test_a_missing_result_is_never_taken_for_normal(
    today: date, signed_in: Any, live_server: Any, episode_at: Any, picture: Any
) -> None:
    episode = episode_at("examined", on=today, facts={"wife": {"tsh": None}})
    doctor = signed_in("assessing_doctor")
    take_task(doctor, "风险评估")
    unknowns = doctor.locator(".spouse.wife details", has_text="尚不能排除")
    if unknowns.get_attribute("open") is None:
        unknowns.locator("summary").click()
    expect(unknowns.locator("li", has_text="促甲状腺激素").first).to_be_visible()
    expect(doctor.locator(".spouse.wife article", has_text="促甲状腺激素")).to_have_count(0)
    doctor.once("dialog", lambda d: d.accept())
    doctor.get_by_role("button", name="确认评估结论").click()
    doctor.get_by_role("button", name="出具评估建议告知书").click()
    sheet = doctor.locator(".sheet")
    expect(
        sheet.locator("li", has_text="不能排除").filter(has_text="促甲状腺激素").first
    ).to_be_visible()
    expect(sheet).to_contain_text("不能当作没有问题")
    picture(doctor, "33-cannot-exclude")

    finance = signed_in("finance")
    finance.get_by_role("link", name="结算").first.click()
    finance.get_by_role("button", name="生成结算表").click()
    finance.locator("#prepare").get_by_role("button", name="生成", exact=True).click()
    refused = finance.locator("section.card", has_text="本期不予结算")
    expect(refused).to_contain_text(episode.number)
    expect(refused).to_contain_text("女方甲状腺功能")
    expect(refused).to_contain_text("请补做或补录所缺项目")
    expect(finance.locator("main")).not_to_contain_text("460.00")
    picture(finance, "34-refused")


@pytest.mark.requirement("B05")
def test_the_doctors_own_judgement_and_reason_stand_in_the_notice(
    today: date, signed_in: Any, live_server: Any, episode_at: Any, picture: Any
) -> None:
    episode_at("examined", on=today, facts={"wife": {"alt": 60}})
    page = signed_in("assessing_doctor")
    take_task(page, "风险评估")
    page.click("#adjust")
    page.uncheck('input[name=keep][value="wife.alt_high"]')
    page.fill("#reason", "运动后采血，三天后复查 28 U/L")
    page.get_by_role("button", name="按我的判断确认").click()
    expect(page.locator(".verdict")).to_contain_text("医生调整后确认")
    expect(page.locator(".verdict")).to_contain_text("运动后采血")
    page.get_by_role("button", name="出具评估建议告知书").click()
    sheet = page.locator(".sheet")
    expect(sheet).to_contain_text("医生结合您二位的情况调整了系统的建议")
    # The reason may speak of one spouse only: it stays in the record.
    expect(sheet).not_to_contain_text("三天后复查")
    expect(sheet).not_to_contain_text("谷丙转氨酶偏高")
    picture(page, "35-override-notice")


@pytest.mark.requirement("H01")
def test_another_village_finds_nothing_of_the_couple(
    today: date, signed_in: Any, live_server: Any, episode_at: Any
) -> None:
    episode = episode_at("nominated", on=today)
    page = signed_in("village_worker", region=XIPENG)
    for name, key in (("couple", episode.couple.key), ("person", episode.couple.wife.key)):
        go(page, name, key)
        expect(page.locator("body")).to_contain_text("没有找到")
        expect(page.locator("body")).not_to_contain_text(WIFE)
    home(page)
    page.get_by_role("searchbox").press_sequentially(WIFE)
    expect(page.locator("#search-hits")).to_contain_text("没有找到")
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_contain_text("没有找到")
    expect(page.locator("main")).not_to_contain_text(episode.number)


@pytest.mark.requirement("A03")
def test_a_returned_registration_is_put_right_and_goes_up_again(
    today: date, signed_in: Any, live_server: Any, episode_at: Any, picture: Any
) -> None:
    episode = episode_at("nominated", on=today, facts={"couple": {"policy_compliant": None}})
    township = signed_in("township_officer")
    take_task(township, "镇街审核")
    township.get_by_role("button", name="退回登记人员").click()
    township.fill("#return-reason", "请核实是否符合生育政策后补填")
    township.locator("#return-dialog").get_by_role("button", name="退回", exact=True).click()
    said(township, "已退回")

    village = signed_in("village_worker")
    picture(village, "36-village-returned")
    row = village.locator("table.table tbody tr", has_text=WIFE)
    expect(row).to_contain_text("补正：目标人群登记")
    row.get_by_role("link").first.click()
    expect(village.locator("main")).to_contain_text("请核实是否符合生育政策后补填")
    picture(village, "37-returned")
    village.get_by_role("link", name="补正：目标人群登记").first.click()
    village.locator("[data-element=policy_compliant] input[value=true]").check()
    village.fill("#amend-reason", "已查验，符合政策")
    sign(village)
    expect(village.locator("main")).to_contain_text("已查验，符合政策")
    home(village)
    expect(village.locator("main")).to_contain_text("手上的任务都办完了")

    take_task(township, "镇街审核")
    expect(township.locator("section.card", has_text="资格判断")).to_contain_text("符合生育政策")
    township.get_by_role("button", name="审核通过").click()
    expect(township.locator("main")).to_contain_text("手上的任务都办完了")
    assert episode.tasks.filter(name="confirm", status="open").exists()


def test_a_village_worker_registers_on_her_telephone(
    today: date, signed_in: Any, live_server: Any, picture: Any
) -> None:
    page = signed_in("village_worker", viewport=PHONE, has_touch=True, is_mobile=True)
    fits(page)
    enter_couple(page)
    fits(page)
    picture(page, "38-phone-nominate")
    page.get_by_role("button", name="提交登记", exact=True).click()
    said(page, "已登记")
    fits(page)
    picture(page, "39-phone-episode")
    for name in ("search", "card-scan", "home"):
        go(page, name)
        fits(page)
    assert Episode.objects.get().couple.wife.name == WIFE


def test_every_duty_has_a_home_that_fits_telephone_and_desktop(
    today: date, signed_in: Any, live_server: Any, episode_at: Any, picture: Any
) -> None:
    for number, stage in enumerate(("nominated", "reviewed", "confirmed", "carded"), 1):
        episode_at(stage, number, on=today)
    for number, stage in enumerate(("consented", "examined", "noticed"), 5):
        episode_at(stage, number, on=today)
    for duty in sorted(DUTIES.keys() - {"system"}):
        page = signed_in(duty)
        expect(page.locator("h1")).to_have_text(str(DUTIES[duty].label))
        fits(page)
        page.set_viewport_size(PHONE)
        fits(page)
        picture(page, f"40-home-{duty}")


def test_a_history_is_taken_and_signed_without_a_mouse(
    today: date, signed_in: Any, live_server: Any, episode_at: Any
) -> None:
    """Number keys choose, letters are typed, Enter moves on; Enter signs at the end."""
    episode = episode_at("consented", on=today)
    page = signed_in("history_nurse")
    go(page, "encounter-open", episode.key, "history", "husband")
    page.wait_for_selector("#record")
    page.locator("#record input, #record select").first.focus()
    asked = """() => {
      const box = document.activeElement.closest('[data-element]');
      if (!box) return null;
      const keys = [...box.querySelectorAll('label.choice')].map(
        (n) => [n.querySelector('[data-label]').textContent, n.querySelector('kbd')?.textContent]);
      return [box.dataset.element, document.activeElement.tagName, Object.fromEntries(keys)];
    }"""
    seen: list[str] = []
    while (found := page.evaluate(asked)) is not None:
        name, tag, keys = found
        assert name not in seen, f"the keyboard goes round in circles at {name}"
        seen.append(name)
        if keys:
            page.keyboard.press(next((keys[w] for w in ("否", "无") if w in keys), "1"))
        elif tag == "SELECT":
            page.keyboard.press("ArrowDown")
        if page.evaluate(asked)[0] == name:
            page.keyboard.press("Tab" if tag == "TEXTAREA" else "Enter")
    assert {"smoking", "alcohol", "exposure"} <= set(seen)
    assert page.evaluate("document.activeElement.id") == "sign-button"
    page.keyboard.press("Enter")
    expect(page.locator("#sign-dialog")).to_be_visible()
    while page.evaluate("document.activeElement.id") != "sign-confirm":
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".signed-line")).to_be_visible()
    record = episode.encounters.get(form="history", role="husband")
    assert (record.status, record.data["smoking"], record.data["exposure"]) == ("signed", False, [])
