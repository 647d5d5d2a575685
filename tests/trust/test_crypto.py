"""Encryption of fields, their keys, and the blind index."""

import base64
import json
import stat
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import FieldError
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from sanyou.registry.models import Doubt
from sanyou.trust import keys
from sanyou.trust.crypto import DecryptError, decrypt, encrypt
from sanyou.trust.index import blind_index

pytestmark = pytest.mark.requirement("H02")


def stored(doubt: Doubt) -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT held FROM registry_doubt WHERE id = %s", [doubt.pk])
        return str(cursor.fetchone()[0])


@given(st.text())
def test_any_text_comes_back(text: str) -> None:
    assert decrypt(encrypt(text, "a.B.c"), "a.B.c") == text


def test_the_same_text_is_never_stored_twice_alike() -> None:
    assert encrypt("500107", "p") != encrypt("500107", "p")


def test_a_value_moved_to_another_field_does_not_decrypt() -> None:
    with pytest.raises(DecryptError):
        decrypt(encrypt("500107", "registry.Person.phone"), "registry.Person.id_number")


@given(st.integers(min_value=0, max_value=200))
def test_a_changed_byte_is_noticed(position: int) -> None:
    head, _, body = encrypt("13800000001", "p").rpartition(":")
    raw = bytearray(base64.b64decode(body))
    raw[position % len(raw)] ^= 1
    with pytest.raises(DecryptError):
        decrypt(f"{head}:{base64.b64encode(raw).decode()}", "p")


@pytest.mark.parametrize("token", ["", "plain", "v2:a:b", "v1:nokey"])
def test_what_is_not_a_token_is_refused(token: str) -> None:
    with pytest.raises(DecryptError):
        decrypt(token, "p")


def test_an_unknown_key_is_named_in_the_refusal() -> None:
    with pytest.raises(keys.KeyringError, match="gone"):
        decrypt("v1:gone:AAAA", "p")


def test_the_generated_key_file_is_for_its_owner_only(settings: Any, tmp_path: Path) -> None:
    settings.HOME = tmp_path
    keys.keyring()
    assert stat.S_IMODE((tmp_path / "keys.json").stat().st_mode) == 0o600


def test_keys_come_from_the_environment_and_the_first_is_active(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one, two, index = (base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2, 3))
    monkeypatch.setenv("SANYOU_INDEX_KEY", index)
    monkeypatch.setenv("SANYOU_KEYS", f"a:{one}")
    old = encrypt("x", "p")
    monkeypatch.setenv("SANYOU_KEYS", f"b:{two},a:{one}")
    assert encrypt("x", "p").startswith("v1:b:")
    assert decrypt(old, "p") == "x"


@pytest.mark.parametrize("value", ["a:short", "a:", "nonsense"])
def test_a_bad_key_in_the_environment_is_refused(
    value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SANYOU_KEYS", value)
    monkeypatch.setenv("SANYOU_INDEX_KEY", base64.b64encode(bytes(32)).decode())
    with pytest.raises(keys.KeyringError):
        keys.keyring()


def test_keys_in_the_environment_need_their_index_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANYOU_KEYS", "a:" + base64.b64encode(bytes(32)).decode())
    monkeypatch.delenv("SANYOU_INDEX_KEY", raising=False)
    with pytest.raises(keys.KeyringError, match="SANYOU_INDEX_KEY"):
        keys.keyring()


@pytest.mark.django_db
def test_the_database_holds_ciphertext_and_the_model_plain_text() -> None:
    doubt = Doubt.objects.create(kind="same_person", held="500107198609252246")
    assert "500107198609252246" not in stored(doubt)
    assert Doubt.objects.get().held == "500107198609252246"


@pytest.mark.django_db
def test_nothing_is_stored_as_nothing() -> None:
    assert stored(Doubt.objects.create(kind="same_person", held="")) == ""


@pytest.mark.django_db
def test_searching_an_encrypted_field_is_refused() -> None:
    with pytest.raises(FieldError, match="blind index"):
        Doubt.objects.filter(held="500107").exists()


@pytest.mark.django_db
def test_rotation_moves_every_value_to_a_new_key(settings: Any, tmp_path: Path) -> None:
    settings.HOME = tmp_path
    doubts = [Doubt.objects.create(kind="same_person", held=f"number {n}") for n in range(7)]
    before = keys.keyring().active
    done = keys.rotate(batch=3)
    assert (done.values, done.resumed, done.active != before) == (7, False, True)
    assert all(stored(d).startswith(f"v1:{done.active}:") for d in doubts)
    assert Doubt.objects.get(pk=doubts[4].pk).held == "number 4"


@pytest.mark.django_db
def test_an_interrupted_rotation_is_finished_without_another_key(
    settings: Any, tmp_path: Path
) -> None:
    settings.HOME = tmp_path
    for n in range(7):
        Doubt.objects.create(kind="same_person", held=f"number {n}")

    class PowerCut(Exception):
        pass

    def cut(_done: int) -> None:
        raise PowerCut

    with pytest.raises(PowerCut):
        keys.rotate(batch=3, progress=cut)
    half = keys.keyring().active
    done = keys.rotate(batch=3)
    assert (done.active, done.values, done.resumed) == (half, 4, True)
    assert sorted(d.held for d in Doubt.objects.all()) == [f"number {n}" for n in range(7)]


@pytest.mark.django_db
def test_rotation_keeps_old_keys_and_the_index_key(settings: Any, tmp_path: Path) -> None:
    settings.HOME = tmp_path
    frozen, index = encrypt("in a printed document", "p"), blind_index("id", "1")
    keys.rotate()
    assert decrypt(frozen, "p") == "in a printed document"
    assert blind_index("id", "1") == index
    assert len(json.loads((tmp_path / "keys.json").read_text())["keys"]) == 2


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("５０010719861120266x", "50010719861120266X"),
        (" 500107-19861120-266X ", "50010719861120266X"),
        ("138 0000 0001", "13800000001"),
    ],
)
def test_the_index_finds_what_was_written_otherwise(written: str, meant: str) -> None:
    assert blind_index("id", written) == blind_index("id", meant)


def test_indexes_of_different_purposes_never_meet() -> None:
    assert blind_index("id_tail", "5678") != blind_index("phone_tail", "5678")


def test_nothing_has_no_index() -> None:
    assert blind_index("phone", "  ") == ""
