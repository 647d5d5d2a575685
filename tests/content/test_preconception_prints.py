"""The programme's documents as the product issues them, from a record that went the whole way."""

from datetime import date
from typing import Any

import pytest

KINDS = ["consent", "card", "record", "notice", "counselling", "followup"]
ON = date(2021, 3, 20)
FACTS: dict[str, dict[str, Any]] = {
    "wife": {"rubella_igg": "negative", "tsh": None, "alt": 55},
    "husband": {"syphilis": "positive", "smoking": True},
}


@pytest.mark.django_db
@pytest.mark.requirement("B06")
def test_every_document_is_issued_from_a_real_record(episode_at: Any, actor: Any) -> None:
    from sanyou.care import documents

    episode = episode_at("noticed", facts=FACTS)
    doctor = actor("assessing_doctor")
    pages = {kind: documents.render(documents.issue(episode, kind, doctor, ON)) for kind in KINDS}

    wife, husband = pages["notice"].split("男方联")
    assert "风疹" in wife
    assert "需补查：女方促甲状腺激素" in wife
    assert "梅毒" not in wife
    assert "梅毒" in husband
    assert "谷丙转氨酶 55" in wife
    assert "实验室检查（女方）" in pages["record"]
    assert "<svg" in pages["card"]
    for page in pages.values():
        for leak in ("{'", "None", "{{", "Decimal", "True", "False"):
            assert leak not in page
