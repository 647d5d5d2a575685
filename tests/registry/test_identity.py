"""Identity numbers by GB 11643, names and phones as people write them."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sanyou.registry.people import (
    check_id,
    initials,
    mask_id,
    mask_phone,
    normalise_id,
    normalise_phone,
)
from tests.conftest import id_number

pytestmark = pytest.mark.requirement("A01")

numbers = st.builds(
    id_number,
    st.sampled_from(["500107", "110101", "520102", "810000"]),
    st.dates(date(1940, 1, 1), date(2020, 12, 31)),
    st.integers(0, 999),
)


@given(numbers)
def test_every_rightly_made_number_is_accepted_with_its_birth_date_and_sex(number: str) -> None:
    check = check_id(number)
    assert check.ok
    assert f"{check.birth_date:%Y%m%d}" == number[6:14]
    assert check.sex == ("male" if int(number[16]) % 2 else "female")


@given(numbers, st.integers(0, 17), st.sampled_from("0123456789"))
def test_one_wrong_digit_is_always_noticed(number: str, place: int, digit: str) -> None:
    wrong = number[:place] + digit + number[place + 1 :]
    assert check_id(wrong).ok == (wrong == number)


@given(numbers, st.integers(0, 15))
def test_two_neighbouring_digits_exchanged_are_noticed(number: str, place: int) -> None:
    a, b = number[place], number[place + 1]
    wrong = number[:place] + b + a + number[place + 2 :]
    assert check_id(wrong).ok == (a == b)


FULL_WIDTH = str.maketrans("0123456789X", "０１２３４５６７８９Ｘ")


@given(numbers)
def test_it_may_be_written_full_width_lower_case_and_spaced(number: str) -> None:
    for written in (
        number.translate(FULL_WIDTH),
        f" {number.lower()}\u3000",
        f"'{number}",
        f"{number[:6]} {number[6:14]}-{number[14:]}",
    ):
        assert normalise_id(written) == number
        assert check_id(written).ok


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ("", "empty"),
        (None, "empty"),
        ("500107860925224", "bad_length"),  # the old 15 digits
        ("5001071986092522461", "bad_length"),
        ("50010719860925224A", "bad_characters"),
        ("500107198609252247", "bad_check_digit"),
        (id_number("990107", date(1990, 1, 1), 2), "bad_region"),
    ],
)
def test_a_wrong_number_says_what_is_wrong_and_what_to_do(raw: Any, code: str) -> None:
    check = check_id(raw)
    assert (check.ok, check.code) == (False, code)
    assert "请" in check.message_zh


@pytest.mark.parametrize("day", ["19900230", "19901301", "18990101"])
def test_an_impossible_birth_date_is_refused_although_the_check_digit_fits(day: str) -> None:
    weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]
    body = f"500107{day}002"
    digit = "10X98765432"[sum(int(c) * w for c, w in zip(body, weights, strict=True)) % 11]
    assert check_id(body + digit).code == "bad_date"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("+8613361283388", "13361283388"),
        ("008613361283388", "13361283388"),
        ("187 4035 4870", "18740354870"),
        ("172-0902-2441", "17209022441"),
        ("１３３６１２８３３８８", "13361283388"),
        ("023-68961234", "02368961234"),
        ("", ""),
    ],
)
def test_phones_are_kept_as_digits(written: str, meant: str) -> None:
    assert normalise_phone(written) == meant


@pytest.mark.parametrize(
    ("name", "letters"),
    [
        ("欧阳慧敏", "oyhm"),
        ("单丽", "sl"),
        ("曾静", "zj"),
        ("解敏", "xm"),
        ("古丽·买买提", "glmmt"),
    ],
)
def test_initials_read_surnames_as_surnames(name: str, letters: str) -> None:
    assert initials(name) == letters


@given(numbers)
def test_a_masked_number_hides_the_birth_date(number: str) -> None:
    masked = mask_id(number)
    assert len(masked) == 18
    assert masked[6:14] == "********"


def test_a_masked_phone_hides_its_middle() -> None:
    assert mask_phone("13800005678") == "138****5678"
