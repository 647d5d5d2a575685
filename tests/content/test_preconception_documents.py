"""Printed documents: they render, show what they must, and keep the wall between the spouses."""

from copy import deepcopy
from typing import Any

import pytest
from django.template import Context, Engine

from sanyou.protocol.library import Library
from sanyou.protocol.programme import Programme

PAYLOAD: dict[str, Any] = {
    "document": {
        "number": "GZ-500107-2021-000123",
        "title": "告知书",
        "issued_on": "2021-03-15",
        "issued_by": "王医生",
        "org": "区妇幼保健计划生育服务中心",
        "text_version": "2026.1",
    },
    "programme": {"label": "免费孕前优生健康检查"},
    "policy": {"label": "实施方案", "document_number": "府办发〔2020〕1号", "clause": "四"},
    "region": {"label": "华岩镇"},
    "episode": {"number": "500107-2021-00088", "child_order": 1, "opened_on": "2021-03-01"},
    "card": {
        "number": "FWK-88",
        "qr_svg": "<svg></svg>",
        "valid_from": "2021-03-01",
        "valid_to": "2021-08-31",
        "appointment": "2021-03-08",
        "place": "中心二楼",
    },
    "persons": {
        "wife": {
            "name": "郑小梅",
            "sex": "female",
            "birth_date": "1990-01-01",
            "age": 31,
            "id_masked": "500107********2246",
            "id_number": "",
            "phone": "18900000000",
            "hukou": "九龙坡区华岩镇",
            "residence": "九龙坡区华岩镇",
        },
        "husband": {
            "name": "曹大杰",
            "sex": "male",
            "birth_date": "1989-01-01",
            "age": 32,
            "id_masked": "500235********2958",
            "id_number": "",
            "phone": "17900000000",
            "hukou": "云阳县",
            "residence": "九龙坡区华岩镇",
        },
    },
    "forms": [],
    "assessment": {
        "cls": "C",
        "level": "high",
        "level_label": "高风险人群",
        "findings": [
            {
                "role": "wife",
                "role_label": "女方",
                "label": "风疹病毒无免疫力",
                "cls": "B",
                "cls_label": "可干预",
                "evidence_text": "风疹 IgG 阴性",
                "advice": "请接种风疹疫苗。",
                "recheck": "复查风疹 IgG",
                "referral": "",
                "source": "S4",
            },
            {
                "role": "husband",
                "role_label": "男方",
                "label": "梅毒筛查阳性",
                "cls": "C",
                "cls_label": "需监测",
                "evidence_text": "梅毒 阳性",
                "advice": "请到皮肤科确诊治疗。",
                "recheck": "",
                "referral": "皮肤科",
                "source": "S3",
            },
        ],
        "undetermined": [
            {
                "role": "wife",
                "role_label": "女方",
                "label": "甲状腺功能异常",
                "missing_labels": ["促甲状腺激素"],
            }
        ],
        "decided_by": "王医生",
        "decided_on": "2021-03-15",
        "override_reason": "",
    },
    "tasks": [
        {
            "role": "husband",
            "label": "复查梅毒滴度",
            "opens": "2021-06-01",
            "due": "2021-06-30",
            "who": "男方",
        }
    ],
    "consent": {"text": "", "signatures": []},
    "answers": {},
}


@pytest.fixture(scope="module")
def programme() -> Programme:
    return Library.load().programmes["preconception"]


def render(programme: Programme, kind: str, **changes: Any) -> str:
    template = (programme.folder / "documents" / programme.documents[kind].template).read_text(
        "utf-8"
    )
    payload = deepcopy(PAYLOAD) | changes
    return Engine().from_string(template).render(Context(payload))


def halves(html: str) -> tuple[str, str]:
    """The wife's and the husband's half of the notice."""
    first, second = html.split("男方联")
    return first, second


@pytest.mark.parametrize(
    "kind", ["consent", "card", "record", "notice", "counselling", "followup", "defect_card"]
)
def test_every_document_renders_as_a_fragment_with_its_number(
    programme: Programme, kind: str
) -> None:
    html = render(programme, kind)
    assert f'class="doc doc-{kind.replace("_", "-")}' in html
    assert (PAYLOAD["card"]["number"] if kind == "card" else PAYLOAD["document"]["number"]) in html
    assert "<style" not in html
    assert "style=" not in html
    assert "<script" not in html


@pytest.mark.requirement("B06")
def test_the_notice_puts_advice_before_the_conclusion(programme: Programme) -> None:
    wife, _ = halves(render(programme, "notice"))
    assert wife.index("请接种风疹疫苗") < wife.index("高风险人群")


@pytest.mark.requirement("B05")
def test_a_missing_result_is_printed_as_cannot_be_excluded(programme: Programme) -> None:
    wife, husband = halves(render(programme, "notice"))
    assert "不能排除：甲状腺功能异常。</b>需补查：促甲状腺激素。" in wife
    assert "不能排除" not in husband.replace("还不能排除的情况", "")


@pytest.mark.requirement("H01")
def test_neither_half_of_the_notice_tells_the_other_spouses_results(programme: Programme) -> None:
    wife, husband = halves(render(programme, "notice"))
    assert "梅毒" not in wife
    assert "梅毒筛查阳性" in husband
    assert "复查梅毒滴度" in husband
    assert "风疹" not in husband


@pytest.mark.requirement("H01")
def test_the_follow_up_sheet_carries_no_findings(programme: Programme) -> None:
    assert "梅毒筛查阳性" not in render(programme, "followup")


@pytest.mark.requirement("B02")
def test_the_consent_shows_who_signed_and_when(programme: Programme) -> None:
    signed = {
        "role": "wife",
        "role_label": "女方",
        "name": "郑小梅",
        "on": "2021-03-08",
        "image": "",
    }
    html = render(programme, "consent", consent={"signatures": [signed]})
    assert "2021-03-08" in html
    for told in ("自愿", "随时退出", "隐私", "随访", "自费"):
        assert told in html


@pytest.mark.requirement("B03")
def test_the_record_lists_signed_forms_in_the_order_of_the_visit(programme: Programme) -> None:
    field = {
        "id": "alt",
        "label": "谷丙转氨酶",
        "value": "55",
        "unit": "U/L",
        "range": "0–40",
        "flag": "high",
    }
    forms = [
        {
            "id": form_id,
            "label": label,
            "role": "wife",
            "signed_on": "2021-03-08",
            "signed_by": "李医生",
            "sections": [{"label": "检验", "fields": [field]}],
        }
        for form_id, label in (("laboratory", "实验室检查"), ("history", "病史询问"))
    ]
    html = render(programme, "record", forms=forms)
    assert html.index("病史询问（女方）") < html.index("实验室检查（女方）")
    assert '55 <span class="small">U/L</span> ↑' in html
    assert "（0–40）" in html


def test_a_name_with_markup_is_escaped(programme: Programme) -> None:
    persons = deepcopy(PAYLOAD["persons"])
    persons["wife"]["name"] = "<b>郑</b>"
    for kind in ("consent", "card", "record", "notice", "followup", "defect_card"):
        assert "<b>郑</b>" not in render(programme, kind, persons=persons)
