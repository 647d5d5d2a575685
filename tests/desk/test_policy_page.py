"""Policies clause by clause, programmes, rules."""

import html
import re

import pytest
from django.urls import reverse

from sanyou.desk.views.policies import page_url

pytestmark = pytest.mark.django_db


def test_every_clause_stands_on_the_page_with_what_implements_it(client_as, library) -> None:
    for policy in library.policies.values():
        text = client_as("manager").get(reverse("policy", args=[policy.id])).content.decode()

        for clause in policy.clauses:
            assert clause.ref in text
            assert clause.text.splitlines()[0] in html.unescape(text)
        assert text.count('id="clause-') == len(policy.clauses)


def test_every_page_a_clause_names_exists(library) -> None:
    named = {
        by.partition(":")[2]
        for policy in library.policies.values()
        for clause in policy.clauses
        for by in clause.by
        if by.startswith("page:")
    }

    assert named
    assert {name for name in named if not page_url(name)} == set()


def test_every_link_inside_a_page_has_its_target(client_as, library) -> None:
    client = client_as("manager")
    for policy in library.policies.values():
        text = client.get(reverse("policy", args=[policy.id])).content.decode()

        targets = set(re.findall(r'id="([^"]+)"', text))
        wanted = set(re.findall(r'href="#([^"]+)"', text)) - {"main"}
        assert wanted - targets == set(), policy.id


def test_terms_of_every_programme_stand_on_the_page(client_as, library) -> None:
    for policy in library.policies.values():
        text = client_as("finance").get(reverse("policy", args=[policy.id])).content.decode()

        for part in policy.every_part():
            for criterion in part.eligibility:
                assert str(criterion.refuse) in html.unescape(text), (policy.id, criterion.id)
            for price in part.price:
                assert price.amount in text


@pytest.mark.requirement("A05")
def test_a_repealed_policy_is_kept_and_says_what_replaced_it(client_as) -> None:
    text = client_as("manager").get(reverse("policy", args=["jiulongpo-2017"])).content.decode()

    assert "非现行" in text
    assert "九龙坡府办发〔2020〕136号" in text


def test_the_list_leads_to_every_policy(client_as, library) -> None:
    text = client_as("village_worker").get(reverse("policies")).content.decode()

    for policy in library.policies.values():
        assert reverse("policy", args=[policy.id]) in text


def test_every_rule_stands_on_the_page_with_its_source(client_as, library) -> None:
    text = client_as("assessing_doctor").get(reverse("rules")).content.decode()

    for rule in library.programmes["preconception"].rules:
        assert f'id="{rule.id}"' in text
    assert "待核对出处" in text


def test_rules_are_filtered(client_as) -> None:
    client = client_as("assessing_doctor")
    every = client.get(reverse("rules")).content.decode().count("<tr id=")
    some = client.get(reverse("rules"), {"category": "laboratory"}).content.decode()

    assert 0 < some.count("<tr id=") < every


def test_the_programme_lists_its_steps_and_forms(client_as, library) -> None:
    programme = library.programmes["preconception"]

    text = client_as("manager").get(reverse("programme", args=[programme.id])).content.decode()

    for step in programme.steps:
        assert f'id="step-{step.id}"' in text
    for form in programme.forms:
        assert f'id="form-{form}"' in text


@pytest.mark.parametrize("name", ["policy", "programme"])
def test_what_does_not_exist_is_not_found(client_as, name: str) -> None:
    assert client_as("manager").get(reverse(name, args=["none"])).status_code == 404


def test_a_clause_leads_only_to_pages_the_reader_may_open(client_as, library) -> None:
    url = reverse("policy", args=["jiulongpo-2020"])

    assert reverse("reports") in client_as("manager").get(url).content.decode()
    village = client_as("village_worker")
    page = village.get(url).content.decode()

    for address in set(re.findall(r'href="(/[^"#]*)', page)):
        if not address.startswith("/static"):
            assert village.get(address).status_code == 200, address


def test_her_own_documents_stand_before_those_of_others(client_as) -> None:
    page = client_as("registration").get("/policies").content.decode()

    own, others = page.index("本地的文件"), page.index("其他地区的文件")
    assert own < page.index("/policies/jiulongpo-2020") < others < page.index("/policies/qijiang")
