"""Importing in the desk's way: resumable, repeatable, held rows tried again, and taken back."""

import io
from datetime import date

import pytest
import xlsxwriter

from sanyou.care import cards, episodes
from sanyou.care.models import Consent, Encounter, Episode, FreeCheck
from sanyou.exchange import jobs, undo
from sanyou.exchange.models import ImportFile, ImportRow
from sanyou.registry import matching
from sanyou.registry.access import Actor, Forbidden
from sanyou.registry.models import Couple, Doubt, Person
from tests.conftest import id_number

pytestmark = [pytest.mark.django_db]
DAY = date(2021, 3, 1)
ROSTER = [
    "女方姓名", "女方身份证号", "女方联系电话", "女方户籍地址", "男方姓名", "男方身份证号", "现居住地址",
    "居住起始时间", "孩次", "是否符合生育政策", "是否计划怀孕", "所属镇街",
]  # fmt: skip
STATIONS = [
    "姓名", "身份证号", "知情同意书签署日期", "检查日期", "身高(cm)", "体重(kg)", "血压", "吸烟", "饮酒",
    "接触有害因素", "妇科超声",
]  # fmt: skip


def her(n):
    return id_number("500107", date(1993, 5, 1), 2 * n)


def his(n):
    return id_number("500107", date(1991, 7, 2), 2 * n + 1)


def line(n, **changes):
    row = dict(
        zip(
            ROSTER,
            ["甲芳", her(n), "13800000001", "重庆市九龙坡区华岩镇", "乙强", his(n),
             "九龙坡区华岩镇", "2018-05-01", "1", "是", "是", "华岩镇"],
            strict=True,
        )
    )  # fmt: skip
    return list((row | changes).values())


def visit(number, **changes):
    row = dict(
        zip(
            STATIONS,
            ["甲芳", number, "2021-03-05", "2021-03-05", 160, 55.5, "120/80", "否", "否", "无",
             "子宫附件未见异常"],
            strict=True,
        )
    )  # fmt: skip
    return list((row | changes).values())


def xlsx(heads, rows):
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False}) as book:
        sheet = book.add_worksheet()
        for r, row in enumerate([heads, *rows]):
            sheet.write_row(r, 0, row)
    return out.getvalue()


def lab(number, *obx, control="A1", obr="F", sex="F", born="19930501"):
    return "\r".join(
        [
            rf"MSH|^~\&|LIS|JLPFY|SANYOU|JLPFY|202103081530||ORU^R01^ORU_R01|{control}|P|2.5.1",
            f"PID|1||{number}^^^CHN^NI||甲芳||{born}|{sex}",
            f"OBR|1||S1|DX^单项^L|||202103080815|||||||||||||||202103081500|||{obr}",
            *(obx or ["OBX|1|NM|ALT^谷丙转氨酶^L||33.3|U/L|0-40||||F"]),
        ]
    ).encode()


@pytest.fixture
def system(district):
    return Actor.system("test", district.county)


@pytest.fixture
def bring(district, system):
    """`bring(name, data)` -> the file, received, prepared and worked through."""

    def run(name, data, actor=None, budget=60.0):
        files = jobs.receive(
            name, data, programme="preconception", policy="jiulongpo-2020", on=DAY,
            actor=actor or system, organisation=district.centre,
        )  # fmt: skip
        for file in files:
            jobs.prepare(file, actor or system)
            jobs.step(file, actor or system, budget)
            file.refresh_from_db()
        return files[0]

    return run


def invite(system):
    for episode in Episode.objects.filter(decisions=None):
        episodes.confirm(episode, system, on=DAY)
        cards.issue(episode, system, on=DAY)


def outcomes(file):
    return list(file.items.order_by("number").values_list("outcome", "code"))


def test_the_same_file_twice_is_one_file(bring):
    data = xlsx(ROSTER, [line(1), line(2)])
    first, second = bring("a.xlsx", data), bring("b.xlsx", data)
    assert first.pk == second.pk
    assert Episode.objects.count() == 2


def test_the_same_rows_in_another_file_are_merged_and_contacts_renewed(bring):
    bring("a.xlsx", xlsx(ROSTER, [line(1)]))
    file = bring("b.xlsx", xlsx(ROSTER, [line(1, 女方联系电话="139-0000-0002"), line(2)]))
    assert outcomes(file) == [("merged", "duplicate"), ("accepted", "")]
    assert Episode.objects.count() == 2
    assert Person.objects.get(id_index=Person.objects.order_by("pk").first().id_index).phone == (
        "13900000002"
    )


def test_a_step_stops_in_time_and_the_next_goes_on(district, system):
    (file,) = jobs.receive(
        "a.xlsx", xlsx(ROSTER, [line(n) for n in range(1, 6)]), programme="preconception",
        policy="jiulongpo-2020", on=DAY, actor=system, organisation=district.centre,
    )  # fmt: skip
    jobs.prepare(file, system)
    seen = [jobs.step(file, system, budget_seconds=1e-9).done for _ in range(6)]
    assert seen[0] <= 1
    assert seen == sorted(seen)
    assert jobs.step(file, system, 60).finished
    assert Episode.objects.count() == 5
    file.refresh_from_db()
    assert file.status == "done"


def test_one_row_that_crashes_never_loses_the_others(bring, monkeypatch):
    real = episodes.nominate

    def fragile(actor, programme, couple, *args, **kwargs):
        if couple.wife.id_number == her(2):
            raise RuntimeError("boom")
        return real(actor, programme, couple, *args, **kwargs)

    monkeypatch.setattr(episodes, "nominate", fragile)
    file = bring("a.xlsx", xlsx(ROSTER, [line(1), line(2), line(3)]))
    assert outcomes(file) == [("accepted", ""), ("held", "internal"), ("accepted", "")]
    assert Person.objects.count() == 4  # nothing of the second row stayed behind


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"男方身份证号": ""}, "no_husband_id"),
        ({"女方身份证号": ""}, "no_wife_id"),
        ({"女方身份证号": "500107199305010021"[:17] + "0"}, "bad_check_digit"),
        ({"女方身份证号": his(8)}, "wrong_sex"),
        ({"男方身份证号": her(8)}, "wrong_sex"),
        ({"女方身份证号": 500107199305010020.0}, "id_precision_lost"),
        ({"女方身份证号": "5001071993"}, "bad_id_length"),
        ({"女方姓名": ""}, "no_name"),
    ],
)
def test_a_row_that_registers_nobody_says_why(bring, changes, code):
    file = bring("a.xlsx", xlsx(ROSTER, [line(1, **changes)]))
    row = file.items.get()
    assert (row.outcome, row.code) == ("rejected", code)
    assert row.problems[0]["remedy"]
    assert not Couple.objects.exists()


def test_an_unreadable_value_is_held_and_the_rest_goes_in(bring):
    file = bring(
        "a.xlsx",
        xlsx(ROSTER, [line(1, 女方联系电话="12345", 居住起始时间="2021-3", 孩次="多孩")]),
    )
    row = file.items.get()
    assert row.outcome == "accepted"
    assert {p["code"] for p in row.problems} == {
        "bad_phone", "date_incomplete", "bad_child_order",
    }  # fmt: skip
    assert Episode.objects.get().child_order is None


def test_a_second_husband_is_held_until_a_person_decides(bring, system):
    file = bring("a.xlsx", xlsx(ROSTER, [line(1), line(1, 男方身份证号=his(2), 男方姓名="丙伟")]))
    assert outcomes(file) == [("accepted", ""), ("held", "second_spouse")]
    assert Couple.objects.count() == 1
    doubt = Doubt.objects.get(kind="second_spouse")
    matching.decide(doubt, Doubt.Status.ACCEPTED, system, "结婚证已核实")
    assert jobs.retry(file, system) == 1
    jobs.step(file, system, 60)
    assert outcomes(file) == [("accepted", ""), ("accepted", "")]
    assert Couple.objects.count() == 2


def test_a_second_husband_that_was_rejected_stays_out(bring, system):
    file = bring("a.xlsx", xlsx(ROSTER, [line(1), line(1, 男方身份证号=his(2))]))
    matching.decide(Doubt.objects.get(kind="second_spouse"), Doubt.Status.REJECTED, system, "填错")
    jobs.retry(file, system)
    jobs.step(file, system, 60)
    assert outcomes(file)[1] == ("rejected", "second_spouse")
    assert Couple.objects.count() == 1


@pytest.mark.requirement("A04")
def test_used_free_checks_count_for_the_couple_and_child_order(bring, system):
    heads = ["女方身份证号", "男方身份证号", "孩次", "检查日期"]
    bring(
        "h.xlsx", xlsx(heads, [[her(1), his(1), 1, "2020-12-01"], [her(2), his(2), 2, "2020-1-1"]])
    )
    bring("h2.xlsx", xlsx(heads, [[her(1), his(1), "一孩", "20201201"]]))
    assert FreeCheck.objects.count() == 2
    bring("a.xlsx", xlsx(ROSTER, [line(1), line(2)]))
    grants = [episodes.confirm(e, system, on=DAY).grant for e in Episode.objects.order_by("pk")]
    assert grants == ["own_cost", "free"]


@pytest.mark.requirement("B02")
def test_without_a_consent_date_nothing_of_the_row_is_used(bring, system):
    bring("a.xlsx", xlsx(ROSTER, [line(1)]))
    invite(system)
    file = bring("s.xlsx", xlsx(STATIONS, [visit(her(1), 知情同意书签署日期="")]))
    assert outcomes(file) == [("rejected", "no_consent")]
    assert Encounter.objects.exclude(form="nomination").count() == 0
    assert Episode.objects.get().status == "refused"
    results = bring("l.hl7", lab(her(1)))
    assert outcomes(results) == [("held", "no_consent")]


def test_station_findings_become_signed_records(bring, system):
    bring("a.xlsx", xlsx(ROSTER, [line(1)]))
    invite(system)
    bring(
        "s.xlsx",
        xlsx(
            STATIONS,
            [
                visit(
                    her(1),
                    接触有害因素="农药、不明粉尘",
                    妇科超声="子宫肌瘤，最大径28mm",
                    吸烟="有",
                )
            ],
        ),
    )
    data = {}
    for encounter in Encounter.objects.exclude(form="nomination"):
        assert encounter.status == "signed"
        assert encounter.occurred_on == date(2021, 3, 5)
        data |= encounter.data
    assert data["smoking"] is True
    assert data["alcohol"] is False
    assert set(data["exposure"]) == {"pesticide", "other"}
    assert data["exposure_detail"] == "农药、不明粉尘"
    assert data["ultrasound_result"] == "abnormal"
    assert (data["sbp"], data["dbp"]) == (120, 80) or (data["sbp"], data["dbp"]) == ("120", "80")
    assert set(Consent.objects.values_list("kind", flat=True)) == {"grant"}


def test_an_impossible_measure_is_held_alone(bring, system):
    bring("a.xlsx", xlsx(ROSTER, [line(1)]))
    invite(system)
    file = bring("s.xlsx", xlsx(STATIONS, [visit(her(1), **{"身高(cm)": 16, "体重(kg)": "一百"})]))
    row = file.items.get()
    assert row.outcome == "accepted"
    assert {p["column"] for p in row.problems} == {"身高(cm)", "体重(kg)"}
    physical = Encounter.objects.get(form="physical")
    assert "sbp" in physical.data
    assert "height" not in physical.data


def test_a_station_row_of_nobody_is_held_and_can_be_tried_again(bring, system):
    file = bring("s.xlsx", xlsx(STATIONS, [visit(her(1))]))
    assert outcomes(file) == [("held", "unknown_person")]
    bring("a.xlsx", xlsx(ROSTER, [line(1)]))
    invite(system)
    jobs.retry(file, system)
    jobs.step(file, system, 60)
    assert outcomes(file) == [("accepted", "")]


class TestLaboratory:
    @pytest.fixture(autouse=True)
    def consented(self, bring, system):
        bring("a.xlsx", xlsx(ROSTER, [line(1)]))
        invite(system)
        bring("s.xlsx", xlsx(STATIONS, [visit(her(1))]))

    def result(self):
        found = Encounter.objects.filter(form="laboratory", status="signed")
        return {k: v for e in found.order_by("pk") for k, v in e.data.items()}

    def test_a_result_keeps_the_laboratorys_own_range(self, bring):
        bring("l.hl7", lab(her(1)))
        alt = self.result()["alt"]
        assert {k: float(v) for k, v in alt.items() if k != "unit"} == {
            "value": 33.3, "low": 0, "high": 40,
        }  # fmt: skip

    def test_the_same_control_id_again_is_a_duplicate_or_broken(self, bring):
        bring("l.hl7", lab(her(1)))
        other = "OBX|1|NM|ALT^谷丙转氨酶^L||99|U/L|0-40||||F"
        again = bring("m.hl7", lab(her(1)) + b"\r" + lab(her(1), other))
        assert outcomes(again) == [("merged", "duplicate"), ("rejected", "broken")]
        assert float(self.result()["alt"]["value"]) == 33.3

    def test_a_corrected_report_amends_and_keeps_both(self, bring):
        bring("l.hl7", lab(her(1)))
        corrected = "OBX|1|NM|ALT^谷丙转氨酶^L||43.3|U/L|0-40||||C"
        file = bring("m.hl7", lab(her(1), corrected, obr="C"))
        assert outcomes(file) == [("accepted", "")]
        assert float(self.result()["alt"]["value"]) == 43.3
        assert Encounter.objects.filter(form="laboratory", status="amended").count() == 1

    def test_somebody_elses_blood_is_held(self, bring):
        file = bring("l.hl7", lab(her(1), born="19880101"))
        assert outcomes(file) == [("held", "other_person")]

    def test_an_unknown_test_does_not_lose_the_known_one(self, bring):
        file = bring(
            "l.hl7",
            lab(her(1), "OBX|1|NM|ZZZ^不明^L||1|g/L|||||F", "OBX|2|NM|ALT^x^L||30|U/L|0-40||||F"),
        )
        row = file.items.get()
        assert row.outcome == "accepted"
        assert [p["code"] for p in row.problems] == ["unknown_test"]
        assert "alt" in self.result()

    def test_undoing_the_stations_is_blocked_by_what_was_built_on_them(self, bring, system):
        bring("l.hl7", lab(her(1)))
        stations = ImportFile.objects.get(kind="stations")
        with pytest.raises(undo.UndoBlocked) as caught:
            undo.undo(stations, system)
        assert "凭此知情同意" in caught.value.message_zh
        undo.undo(ImportFile.objects.get(kind="lab"), system)
        undo.undo(stations, system)
        assert not Encounter.objects.exclude(form="nomination").filter(status="signed").exists()
        assert Encounter.objects.filter(status="void").count() >= 3  # kept, not deleted


def test_an_undone_roster_can_be_imported_again(bring, system):
    data = xlsx(ROSTER, [line(1), line(1, 男方身份证号=his(2))])
    first = bring("a.xlsx", data)
    undo.undo(first, system)
    assert Episode.objects.get().status == "cancelled"
    assert set(first.items.values_list("outcome", flat=True)) == {"undone"}
    second = bring("a.xlsx", data)
    assert second.pk != first.pk
    assert outcomes(second) == [("accepted", ""), ("held", "second_spouse")]


def test_a_confirmed_couple_keeps_a_roster_from_being_undone(bring, system):
    file = bring("a.xlsx", xlsx(ROSTER, [line(1)]))
    invite(system)
    with pytest.raises(undo.UndoBlocked, match=r"服务卡|资格"):
        undo.undo(file, system)
    assert Episode.objects.get().status == "open"


@pytest.mark.requirement("H01")
def test_each_duty_imports_only_what_it_does_by_hand(bring, actor):
    data = xlsx(ROSTER, [line(1)])
    with pytest.raises(Forbidden):
        bring("a.xlsx", data, actor("laboratory"))
    with pytest.raises(Forbidden):
        bring("a.xlsx", data, actor("history_nurse"))
    with pytest.raises(Forbidden):
        bring("l.hl7", lab(her(1)), actor("registration"))
    assert not ImportFile.objects.exists()


def test_a_township_imports_only_its_own_couples(bring, actor):
    file = bring(
        "a.xlsx",
        xlsx(ROSTER, [line(1), line(2, 所属镇街="西彭镇", 现居住地址="九龙坡区西彭镇")]),
        actor("township_officer"),
    )
    assert outcomes(file) == [("accepted", ""), ("held", "other_region")]


def test_identifiers_are_encrypted_and_never_plain_in_problems(bring):
    file = bring("a.xlsx", xlsx(ROSTER, [line(1), line(1, 男方身份证号=his(2))]))
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT cells, problems FROM exchange_importrow")
        stored = str(cursor.fetchall())
    assert her(1) not in stored
    assert his(2) not in stored
    assert file.items.first().cells.count(her(1)) == 1


def test_content_is_kept_until_prepared_only(district, system):
    (file,) = jobs.receive(
        "a.xlsx", xlsx(ROSTER, [line(1)]), programme="preconception", policy="jiulongpo-2020",
        on=DAY, actor=system, organisation=district.centre,
    )  # fmt: skip
    assert file.content
    assert not ImportRow.objects.exists()
    assert jobs.sample(file)[0][0] == 2
    file = jobs.prepare(file, system)
    assert file.content == ""
