"""The side navigation leads where the documents of the district have something to do."""

from typing import Any

import pytest
from django.urls import reverse

pytestmark = pytest.mark.django_db


@pytest.mark.requirement("A02")
@pytest.mark.parametrize(
    ("region", "benefits", "programmes"),
    [
        ("500107", False, False),  # 九龙坡区
        ("220174", False, False),  # 汽开区
        ("500110", True, False),  # 綦江区
        ("320724", True, False),  # 灌南县
        ("120105", False, True),  # 天津市河北区
        ("500000", True, False),  # 重庆市 reads 綦江区
    ],
)
def test_subsidies_are_offered_where_a_document_grants_one(
    client_as: Any, region: str, benefits: bool, programmes: bool
) -> None:
    page = client_as("manager", region).get(reverse("home")).content.decode()
    assert (f'href="{reverse("benefits")}"' in page) is benefits
    assert (f'href="{reverse("benefit-programmes")}"' in page) is programmes


def test_several_are_ticked_only_where_there_is_something_to_tick(
    client_as: Any, episode_at: Any
) -> None:
    clerk = client_as("registration")
    episode_at("confirmed", 1)
    assert "data-check-all" not in clerk.get(reverse("home")).content.decode()
    episode_at("reviewed", 2)
    assert "data-check-all" in clerk.get(reverse("home")).content.decode()
