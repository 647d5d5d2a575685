"""The log says what failed and where, never with whose data."""

import logging
import sys

import pytest
from django.conf import settings

from sanyou.logs import Discreet

pytestmark = pytest.mark.requirement("H02")

NUMBER = "500107199206150028"


def fail_twice() -> None:
    try:
        raise ValueError(f"Failing row contains ({NUMBER})")
    except ValueError as error:
        raise RuntimeError(f"id {NUMBER}") from error


def test_a_traceback_names_the_places_without_the_messages() -> None:
    record = logging.LogRecord("sanyou", logging.ERROR, __file__, 1, "row %s failed", (7,), None)
    try:
        fail_twice()
    except RuntimeError:
        record.exc_info = sys.exc_info()
    written = Discreet("%(message)s").format(record)
    assert NUMBER not in written
    assert "row 7 failed" in written
    assert "builtins.RuntimeError" in written
    assert "builtins.ValueError" in written
    assert "fail_twice" in written


def test_every_handler_of_the_product_writes_so() -> None:
    for name, handler in settings.LOGGING["handlers"].items():
        formatter = settings.LOGGING["formatters"][handler["formatter"]]
        assert formatter["()"] == "sanyou.logs.Discreet", name
