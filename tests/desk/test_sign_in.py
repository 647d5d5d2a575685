"""Signing in: password, lock-out, second factor, duty, and a session that ends."""

from datetime import date

import pytest
from django.test import Client
from django.urls import reverse
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice

from sanyou.registry.models import DutyAssignment, Region
from sanyou.trust.models import AuditEvent
from tests.conftest import COUNTY, PASSWORD

pytestmark = pytest.mark.django_db


def enter(client: Client, username: str, password: str = PASSWORD, **extra: str):
    data = {"username": username, "password": password} | extra
    return client.post(reverse("sign-in"), data)


def code(device: TOTPDevice) -> str:
    return f"{totp(device.bin_key, device.step, device.t0, device.digits, device.drift):06d}"


def test_it_signs_in_and_goes_home(staff) -> None:
    client = Client()
    response = enter(client, staff("history_nurse").username)

    assert response.status_code == 302
    assert response.url == "/"
    assert client.get("/").status_code == 200
    assert AuditEvent.objects.filter(action="sign-in").count() == 1


def test_it_goes_on_to_the_page_that_was_asked_for(staff) -> None:
    response = enter(Client(), staff("physician").username, next="/policies")

    assert response.url == "/policies"


def test_it_never_leads_to_another_site(staff) -> None:
    response = enter(Client(), staff("physician").username, next="https://evil.example/")

    assert response.url == "/"


def test_a_wrong_password_is_said_in_chinese_and_the_name_is_kept(staff) -> None:
    response = enter(Client(), staff("physician").username, "wrong-password-1")

    text = response.content.decode()
    assert response.status_code == 401
    assert "用户名或密码不正确" in text
    assert staff("physician").username in text
    assert "wrong-password-1" not in text


@pytest.mark.requirement("H02")
def test_five_wrong_passwords_lock_the_account_and_say_for_how_long(staff) -> None:
    client, name = Client(), staff("physician").username
    for _attempt in range(4):
        enter(client, name, "wrong-password-1")
    assert "已锁定 30 分钟" in enter(client, name, "wrong-password-1").content.decode()

    text = enter(client, name).content.decode()

    assert "已锁定 30 分钟" in text
    assert client.get("/").status_code == 302


def test_an_account_that_was_stopped_cannot_sign_in(staff) -> None:
    person = staff("physician")
    person.is_active = False
    person.save()

    assert enter(Client(), person.username).status_code == 401


def test_demo_accounts_are_shown_only_in_a_demo(staff, monkeypatch) -> None:
    assert "演示账号" not in Client().get(reverse("sign-in")).content.decode()


@pytest.mark.requirement("H02")
def test_the_second_factor_is_set_up_and_then_asked_for(staff) -> None:
    person = staff("administrator")
    client = Client()
    enter(client, person.username)
    page = client.get(reverse("account-second-factor")).content.decode()
    device = TOTPDevice.objects.get(user=person)
    assert "data:image/svg+xml" in page

    wrong = client.post(reverse("account-second-factor"), {"token": "000000"})
    assert wrong.status_code == 422
    TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
    client.post(reverse("account-second-factor"), {"token": code(device)})
    device.refresh_from_db()
    assert device.confirmed

    fresh = Client()
    enter(fresh, person.username)
    asked = fresh.get("/")
    assert asked.status_code == 302
    assert asked.url.startswith(reverse("second-factor"))
    TOTPDevice.objects.update(last_t=-1)
    assert fresh.post(reverse("second-factor"), {"token": "123"}).status_code == 401
    TOTPDevice.objects.update(throttling_failure_count=0, throttling_failure_timestamp=None)
    done = fresh.post(reverse("second-factor"), {"token": code(device), "next": "/policies"})
    assert done.url == "/policies"
    assert fresh.get("/").status_code == 200


@pytest.mark.requirement("H02")
def test_an_administrator_must_set_up_a_second_factor_where_it_is_required(
    client_as, settings
) -> None:
    settings.SANYOU_REQUIRE_OTP = True

    response = client_as("administrator").get("/staff")

    assert response.status_code == 302
    assert response.url.startswith(reverse("account-second-factor"))
    assert client_as("physician").get("/").status_code == 200


def two_duties(staff):
    person = staff("history_nurse")
    for duty in ("registration",):
        DutyAssignment.objects.create(
            staff=person, duty=duty, region=Region.objects.get(pk=COUNTY),
            valid_from=date(2020, 1, 1),
        )  # fmt: skip
    return person


def test_somebody_with_several_duties_chooses_one(staff) -> None:
    person = two_duties(staff)
    client = Client()
    enter(client, person.username)
    asked = client.get("/")
    assert asked.status_code == 302
    assert asked.url.startswith(reverse("choose-duty"))
    text = client.get(reverse("choose-duty")).content.decode()
    assert "病史询问护士" in text
    assert "登记确认" in text

    wanted = person.duties.get(duty="registration")
    client.post(reverse("choose-duty"), {"duty": wanted.pk})

    assert "登记确认" in client.get("/").content.decode()


def test_a_duty_of_somebody_else_is_not_taken(staff) -> None:
    other = staff("administrator").duties.get()
    client = Client()
    enter(client, two_duties(staff).username)

    response = client.post(reverse("choose-duty"), {"duty": other.pk})

    assert response.status_code == 200
    assert "您没有这个岗位" in response.content.decode()


def test_a_duty_that_has_ended_no_longer_works(staff) -> None:
    person = staff("physician")
    person.duties.update(valid_until=date(2020, 12, 31))
    client = Client()
    enter(client, person.username)

    assert "您还没有岗位" in client.get("/", follow=True).content.decode()


def test_the_session_dialog_signs_in_again_and_keeps_the_duty(staff) -> None:
    person = two_duties(staff)
    wanted = person.duties.get(duty="registration")
    client = Client()
    data = {"username": person.username, "password": PASSWORD, "duty": wanted.pk}

    response = client.post(reverse("sign-in-again"), data)

    assert response.status_code == 200
    assert response.json()["csrf"]
    assert client.get(reverse("alive")).status_code == 204
    assert "登记确认" in client.get("/").content.decode()


def test_the_session_dialog_refuses_a_wrong_password(staff) -> None:
    data = {"username": staff("physician").username, "password": "wrong-password-1"}

    response = Client().post(reverse("sign-in-again"), data)

    assert response.status_code == 403
    assert "密码不正确" in response.json()["error"]


def test_the_session_dialog_asks_for_the_second_factor_too(staff) -> None:
    person = staff("physician")
    device = TOTPDevice.objects.create(user=person, name="app", confirmed=True)
    data = {"username": person.username, "password": PASSWORD}
    assert Client().post(reverse("sign-in-again"), data).status_code == 403
    client = Client()

    response = client.post(reverse("sign-in-again"), data | {"token": code(device)})

    assert response.status_code == 200
    assert client.get("/").status_code == 200


def test_alive_tells_a_script_whether_the_session_lasts(client_as) -> None:
    assert Client().get(reverse("alive")).status_code == 401
    assert client_as("physician").get(reverse("alive")).status_code == 204


def test_signing_out_needs_a_post_and_ends_the_session(client_as) -> None:
    client = client_as("physician")
    assert client.get(reverse("sign-out")).status_code == 405
    client.post(reverse("sign-out"))

    assert client.get("/").status_code == 302


def test_an_initial_password_must_be_changed_first(staff) -> None:
    person = staff("physician")
    person.must_change_password = True
    person.save()
    client = Client()
    enter(client, person.username)
    assert client.get("/").url.startswith(reverse("account"))

    new = {
        "old_password": PASSWORD,
        "new_password1": "jin-tian-hao-8",
        "new_password2": "jin-tian-hao-8",
    }
    client.post(reverse("account"), new)

    person.refresh_from_db()
    assert not person.must_change_password
    assert client.get("/").status_code == 200


def test_a_form_from_an_old_page_is_refused_in_chinese(staff) -> None:
    client = Client(enforce_csrf_checks=True)

    response = enter(client, staff("physician").username)

    assert response.status_code == 403
    assert "没有提交" in response.content.decode()


def test_an_unknown_address_is_answered_in_chinese() -> None:
    response = Client().get("/no-such-page")

    assert response.status_code == 404
    assert "没有找到" in response.content.decode()


def test_english_is_there_for_those_who_ask(staff) -> None:
    client = Client()
    client.post(reverse("set_language"), {"language": "en", "next": "/sign-in"})

    assert "Sign in" in client.get(reverse("sign-in")).content.decode()


def test_a_password_like_the_username_is_refused(staff) -> None:
    person = staff("physician", username="zhangweiming")
    client = Client()
    enter(client, person.username)
    wanted = "zhangweiming1"
    new = {"old_password": PASSWORD, "new_password1": wanted, "new_password2": wanted}

    assert client.post(reverse("account"), new).status_code == 422

    person.refresh_from_db()
    assert person.check_password(PASSWORD)
