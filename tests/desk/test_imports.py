"""Import pages: upload, columns, progress, results, download, undo; each duty its own files."""

import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse
from python_calamine import CalamineWorkbook

from sanyou.care.models import Episode
from sanyou.exchange.models import ImportFile
from sanyou.trust.models import AuditEvent
from tests.exchange.test_jobs import ROSTER, STATIONS, her, his, lab, line, visit, xlsx

pytestmark = [pytest.mark.django_db]


def upload(client, data, name="花名册.xlsx", **more):
    file = SimpleUploadedFile(name, data)
    return client.post(
        reverse("import-new"), {"file": file, "on": "2021-03-01", **more}, follow=True
    )


def work(client, file):
    """Poll as the page does."""
    for _ in range(50):
        answer = client.post(
            reverse("import-step", args=[file.key]), headers={"HX-Request": "true"}
        )
        if answer.headers.get("HX-Refresh"):
            return
        assert "progress" in answer.content.decode()
    raise AssertionError("never finished")


def import_roster(client, *rows, **more):
    upload(client, xlsx(ROSTER, rows or [line(1)]), **more)
    file = ImportFile.objects.latest("pk")
    columns = {f"column-{i}": f for f, i in file.mapping["columns"].items()}
    client.post(reverse("import-prepare", args=[file.key]), columns)
    work(client, file)
    file.refresh_from_db()
    return file


@pytest.mark.requirement("A06")
def test_a_roster_is_looked_at_then_imported(client_as, district):
    client = client_as("registration")
    page = upload(client, xlsx(ROSTER, [line(1), line(2, 男方身份证号="")])).content.decode()
    assert "女方身份证号" in page
    assert "缺少男方身份证号" in page
    assert her(1) not in page
    assert not Episode.objects.exists()
    file = import_roster(client, line(1), line(2, 男方身份证号=""), name="b.xlsx")
    assert file.status == "done"
    assert Episode.objects.count() == 1
    page = client.get(reverse("import", args=[file.key])).content.decode()
    assert "请补填男方18位身份证号" in page


def test_a_column_can_be_mapped_by_hand_and_required_ones_must_be(client_as, district):
    client = client_as("registration")
    heads = [h if h != "孩次" else "第几个" for h in ROSTER]
    upload(client, xlsx(heads, [line(1)]))
    file = ImportFile.objects.get()
    assert "child_order" not in file.mapping["columns"]
    columns = {f"column-{i}": f for f, i in file.mapping["columns"].items()}
    without = {k: v for k, v in columns.items() if v != "wife_id"}
    refused = client.post(reverse("import-prepare", args=[file.key]), without)
    assert refused.status_code == 409
    assert "女方身份证号码" in refused.content.decode()
    twice = columns | {"column-8": "wife_name"}
    assert (
        "选了两次"
        in client.post(reverse("import-prepare", args=[file.key]), twice).content.decode()
    )
    client.post(
        reverse("import-prepare", args=[file.key]),
        columns | {f"column-{heads.index('第几个')}": "child_order"},
    )
    work(client, file)
    assert Episode.objects.get().child_order == 1


def test_the_same_file_is_not_imported_twice(client_as, district):
    client = client_as("registration")
    file = import_roster(client)
    answer = upload(client, xlsx(ROSTER, [line(1)]))
    if ImportFile.objects.count() == 1:
        assert "以前导入过" in answer.content.decode()
    else:  # written a second later, so not the same bytes: the rows are merged
        other = import_roster(client, line(1), name="c.xlsx")
        assert set(other.items.values_list("outcome", flat=True)) == {"merged"}
    assert Episode.objects.count() == 1
    assert file.status == "done"


def test_refused_rows_come_as_a_spreadsheet(client_as, district):
    client = client_as("registration")
    file = import_roster(client, line(1), line(2, 女方身份证号=his(9)))
    answer = client.get(reverse("import-problems", args=[file.key]))
    rows = (
        CalamineWorkbook.from_filelike(io.BytesIO(answer.content)).get_sheet_by_index(0).to_python()
    )
    assert rows[0][:5] == ["文件", "工作表", "行号", "处理结果", "字段"]
    assert rows[1][2] == 3
    assert rows[1][5] == his(9)  # registration sees whole numbers
    assert AuditEvent.objects.filter(action="export", kind="file").exists()


def test_a_value_that_looks_like_a_formula_stays_text(client_as, district):
    client = client_as("registration")
    file = import_roster(client, line(1, 女方联系电话="=1+1"))
    answer = client.get(reverse("import-problems", args=[file.key]))
    rows = (
        CalamineWorkbook.from_filelike(io.BytesIO(answer.content)).get_sheet_by_index(0).to_python()
    )
    assert rows[1][5] == "=1+1"


def test_an_import_is_undone_or_says_what_is_in_the_way(client_as, district, actor):
    from sanyou.care import cards, episodes

    client = client_as("registration")
    file = import_roster(client)
    page = client.post(reverse("import-undo", args=[file.key]), follow=True).content.decode()
    assert "已撤销导入" in page
    assert Episode.objects.get().status == "cancelled"
    again = import_roster(client, line(1), name="d.xlsx")
    episode = Episode.objects.get(status="open")
    episodes.review(episode, actor("township_officer"))
    episodes.confirm(episode, actor("registration"), on=again.on)
    cards.issue(episode, actor("village_worker"), on=again.on)
    refused = client.post(reverse("import-undo", args=[again.key]))
    assert refused.status_code == 409
    assert "服务卡" in refused.content.decode()


def test_several_tables_in_one_file_are_listed(client_as, district):
    import xlsxwriter

    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        for name, heads, row in (("一", ROSTER, line(1)), ("二", STATIONS, visit(her(1)))):
            sheet = book.add_worksheet(name)
            sheet.write_row(0, 0, heads)
            sheet.write_row(1, 0, row)
    page = upload(client_as("registration"), out.getvalue()).content.decode()
    assert "认出 2 张表" in page
    assert ImportFile.objects.count() == 2


@pytest.mark.parametrize(
    ("data", "name", "words"),
    [
        (b"", "x.xlsx", "空文件"),
        (b"hello", "x.xlsx", "不是可以读取的表格"),
        (xlsx(["甲", "乙"], [[1, 2]]), "x.xlsx", "没有认出可导入的表"),
        (b"hello", "x.hl7", "没有 HL7 消息"),
    ],
)
def test_an_unusable_file_says_what_to_do(client_as, district, data, name, words):
    answer = upload(client_as("registration"), data, name)
    assert words in answer.content.decode()
    assert not ImportFile.objects.exists()


def test_a_bad_day_and_a_missing_file_are_explained(client_as, district):
    client = client_as("registration")
    assert "没有选择文件" in client.post(reverse("import-new"), {}).content.decode()
    answer = upload(client, xlsx(ROSTER, [line(1)]), on="三月")
    assert "审核日期无法识别" in answer.content.decode()
    answer = upload(client, xlsx(ROSTER, [line(1)]), on="2015-01-01")
    assert "没有施行中的政策" in answer.content.decode()


@pytest.mark.requirement("H01")
@pytest.mark.parametrize(
    ("duty", "status"),
    [("registration", 200), ("township_officer", 200), ("laboratory", 200), ("history_nurse", 403),
     ("finance", 403), ("village_worker", 403)],
)  # fmt: skip
def test_only_duties_that_import_open_the_page(client_as, district, duty, status):
    assert client_as(duty).get(reverse("imports")).status_code == status


@pytest.mark.requirement("H01")
def test_a_file_of_another_kind_or_region_is_not_shown(client_as, district):
    file = import_roster(client_as("registration"))
    address = reverse("import", args=[file.key])
    assert client_as("laboratory").get(address).status_code == 403
    assert client_as("registration", region="500106").get(address).status_code == 404
    assert client_as("township_officer").get(address).status_code == 404
    assert file.name not in client_as("laboratory").get(reverse("imports")).content.decode()


def test_the_laboratory_imports_its_results(client_as, district):
    client = client_as("laboratory")
    page = upload(client, lab(her(1)), "lab.hl7").content.decode()
    assert "检验结果" in page
    file = ImportFile.objects.get()
    client.post(reverse("import-prepare", args=[file.key]))
    work(client, file)
    page = client.get(reverse("import", args=[file.key])).content.decode()
    assert "受检者没有登记过" in page


@pytest.mark.parametrize(
    "name", ["import-new", "import-prepare", "import-step", "import-undo", "import-retry"]
)
def test_writing_pages_refuse_a_get(client_as, district, name):
    client = client_as("registration")
    file = import_roster(client)
    args = [] if name == "import-new" else [file.key]
    assert client.get(reverse(name, args=args)).status_code == 405
