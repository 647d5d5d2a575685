"""Staff, duties, audit log, keys: the administrator's pages."""

from datetime import date

import pytest
from django.urls import reverse

from sanyou.registry.models import DutyAssignment, Staff
from sanyou.trust.models import AuditEvent
from tests.conftest import COUNTY, HUAYAN, PASSWORD

pytestmark = [pytest.mark.django_db, pytest.mark.requirement("H01")]


def new(**changes: str) -> dict[str, str]:
    return {
        "username": "liguiying", "display_name": "李桂英", "is_active": "on",
        "duty": "village_worker", "region": f"{HUAYAN} 重庆市九龙坡区华岩镇",
        "valid_from": "2021-01-01", "act": "save",
    } | changes  # fmt: skip


def test_a_new_member_gets_a_password_once_and_must_change_it(client_as, district) -> None:
    response = client_as("administrator").post(reverse("staff-new"), new())

    person = Staff.objects.get(username="liguiying")
    assert person.must_change_password
    assert person.duties.get().region_id == HUAYAN
    password = response.context["password"]
    assert person.check_password(password)


@pytest.mark.parametrize(
    "wrong",
    [{"region": "110101 北京市东城区"}, {"region": "nowhere"}, {"duty": "system"},
     {"display_name": ""}, {"valid_until": "2020-01-01"}],
)  # fmt: skip
def test_a_mistake_creates_nobody(client_as, district, wrong: dict[str, str]) -> None:
    response = client_as("administrator").post(reverse("staff-new"), new(**wrong))

    assert response.status_code == 422
    assert not Staff.objects.filter(username="liguiying").exists()


def test_a_name_in_use_is_refused(client_as, staff) -> None:
    response = client_as("administrator").post(
        reverse("staff-new"), new(username=staff("physician").username)
    )

    assert "已有人使用" in response.content.decode()


def test_a_duty_is_added_and_ended(client_as, staff) -> None:
    person = staff("physician")
    client = client_as("administrator")
    url = reverse("staff-edit", args=[person.pk])
    client.post(url, {"act": "add-duty", "duty": "history_nurse", "region": COUNTY,
                      "valid_from": "2021-01-01"})  # fmt: skip
    added = DutyAssignment.objects.get(staff=person, duty="history_nurse")

    client.post(url, {"act": "end-duty", "assignment": added.pk})

    added.refresh_from_db()
    assert added.valid_until is not None
    assert AuditEvent.objects.filter(action__in=["add-duty", "end-duty"]).count() == 2


def test_a_password_is_reset_and_the_old_one_no_longer_works(client_as, staff) -> None:
    person = staff("physician")

    response = client_as("administrator").post(
        reverse("staff-edit", args=[person.pk]), {"act": "password"}
    )

    person.refresh_from_db()
    assert not person.check_password(PASSWORD)
    assert person.check_password(response.context["password"])


def test_an_administrator_does_not_lock_herself_out(client_as, staff) -> None:
    me = staff("administrator")
    client = client_as("administrator")
    url = reverse("staff-edit", args=[me.pk])

    client.post(url, {"act": "save", "display_name": "我", "is_active": ""})
    client.post(url, {"act": "end-duty", "assignment": me.duties.get().pk})

    me.refresh_from_db()
    assert me.is_active
    assert me.duties.get().valid_until is None


def test_staff_of_another_district_are_not_found(client_as, staff) -> None:
    far = staff("physician", "110101", "far")
    Staff.objects.filter(pk=far.pk).update(organisation=None)

    response = client_as("administrator").get(reverse("staff-edit", args=[far.pk]))

    assert response.status_code == 404


@pytest.mark.requirement("H02")
def test_the_chain_is_proved_on_the_page(client_as, staff) -> None:
    client = client_as("administrator")
    client.get(reverse("policy", args=["jiulongpo-2020"]))

    assert "审计链完整" in client.post(reverse("audit")).content.decode()


@pytest.mark.requirement("H02")
def test_a_changed_row_is_found(client_as) -> None:
    client = client_as("administrator")
    client.get(reverse("policy", args=["jiulongpo-2020"]))
    AuditEvent.objects.filter(seq=1).update(action="nothing")

    assert "第 1 条断开" in client.post(reverse("audit")).content.decode()


def test_the_log_is_filtered(client_as) -> None:
    client = client_as("manager")
    client.get(reverse("policy", args=["jiulongpo-2020"]))

    one = client.get(reverse("audit"), {"act": "read"}).content.decode()
    none = client.get(reverse("audit"), {"act": "read", "to": "2000-01-01"}).content.decode()

    assert "查阅" in one
    assert "没有符合筛选的记录" in none


def test_the_log_survives_a_date_that_is_none(client_as) -> None:
    response = client_as("manager").get(reverse("audit"), {"from": "2021-99-99"})

    assert response.status_code == 200


def test_the_keys_are_named_and_never_shown(client_as) -> None:
    from sanyou.trust.keys import keyring

    text = client_as("administrator").get(reverse("keys")).content.decode()

    assert keyring().active in text
    assert keyring().keys[keyring().active].hex() not in text


@pytest.mark.parametrize("name", ["staff", "staff-new", "keys"])
def test_others_do_not_manage_staff(client_as, name: str) -> None:
    assert client_as("manager").get(reverse(name)).status_code == 403


def test_the_start_of_a_duty_is_kept_as_a_date(client_as, district) -> None:
    client_as("administrator").post(reverse("staff-new"), new())

    assert Staff.objects.get(username="liguiying").duties.get().valid_from == date(2021, 1, 1)


def test_every_act_and_kind_in_the_audit_log_is_told_in_words() -> None:
    """What the code writes with constant words; the log shows no identifiers of the program."""
    import ast
    from pathlib import Path

    import sanyou
    from sanyou.desk.views.staff import ACTS, KINDS

    told: set[tuple[str, str]] = set()
    for path in Path(sanyou.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "audit.record":
                words = [a.value for a in node.args[1:3] if isinstance(a, ast.Constant)]
                if len(words) == 2:
                    told.add((words[0], words[1]))
    assert len(told) > 20
    assert {act for act, _kind in told} - set(ACTS) == set()
    assert {kind for _act, kind in told} - set(KINDS) == set()
