"""What the database file holds: no identity number and no telephone in the clear, wherever they went.

Names, birth dates and addresses are allowed; they are needed for search and for the rules.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.db import connection

from sanyou.care import assessments, documents
from sanyou.care.models import Document, Episode
from sanyou.exchange.models import ImportRow
from sanyou.registry import matching
from sanyou.registry.models import Doubt, Person
from sanyou.registry.people import find_by_id
from tests.exchange.test_jobs import (
    DAY,
    ROSTER,
    STATIONS,
    bring,
    her,
    his,
    invite,
    lab,
    line,
    system,
    visit,
    xlsx,
)

__all__ = ["bring", "system"]  # fixtures

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.requirement("H02")]

PHONES = ["13800000001", "13912345678", "13787654321"]
STRANGER = his(90)


def a_month(bring: Any, system: Any, actor: Any) -> None:
    """A roster with every kind of trouble, stations, laboratory, assessment, notice."""
    rows = [
        line(1, 女方联系电话=PHONES[1]),
        line(2),
        line(3, 男方身份证号=his(1), 女方姓名="丙丽"),  # his second wife: held as a doubt
        line(4, 男方身份证号=her(4)),  # refused
        line(5, 男方身份证号=his(5)[:-1] + ("0" if his(5)[-1] != "0" else "1")),  # check digit
        line(6, 现居住地址=PHONES[2]),  # a number in the wrong column
    ]
    bring("roster.xlsx", xlsx(ROSTER, rows))
    invite(system)
    bring("stations.xlsx", xlsx(STATIONS, [visit(her(1)), visit(his(1), 妇科超声="")]))
    bring("lab.hl7", lab(her(1)) + b"\r" + lab(STRANGER, control="A2"))
    episode = Episode.objects.get(couple__wife=find_by_id(her(1)))
    proposed = assessments.propose(episode, DAY.replace(day=9))
    doctor = actor("assessing_doctor")
    assessments.confirm(proposed, doctor)
    documents.issue(episode, "notice", doctor, DAY.replace(day=9))
    documents.issue(episode, "record", doctor, DAY.replace(day=9))


def cells() -> Any:
    """(table, column, value as text) of everything that is stored."""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            quoted = connection.ops.quote_name(table)
            cursor.execute(f"SELECT * FROM {quoted}")
            names = [column[0] for column in cursor.description]
            for row in cursor.fetchall():
                for name, value in zip(names, row, strict=True):
                    text = value if isinstance(value, str) else json.dumps(value, default=str)
                    yield table, name, text


def test_no_identifier_stands_in_the_clear(bring: Any, system: Any, actor: Any) -> None:
    a_month(bring, system, actor)
    held = [h for d in Doubt.objects.all() if (h := matching.held_of(d))]
    assert held, "the second wife is held"
    assert ImportRow.objects.exclude(problems=[]).exists()
    assert Document.objects.count() == 2
    numbers = {number for n in range(1, 7) for number in (her(n), his(n))} | {STRANGER}
    people = Person.objects.all()
    assert {p.id_number for p in people} <= numbers
    secrets = numbers | set(PHONES) | {p.phone for p in people if p.phone}
    secrets -= {PHONES[2]}  # see below: an address as it was typed
    found = {(t, c) for t, c, text in cells() for secret in secrets if secret in text}
    assert found == set()
    typed = {(t, c) for t, c, text in cells() if PHONES[2] in text}
    assert typed <= {("registry_person", "residence_text")}
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        raw = Path(connection.settings_dict["NAME"]).read_bytes()
        assert "甲芳".encode() in raw, "this is the file that was written"
        assert [s for s in secrets if s.encode() in raw] == []


def test_every_field_that_holds_identifiers_is_encrypted() -> None:
    from sanyou.trust.keys import encrypted_fields

    kept = {f"{model._meta.label}.{field.name}" for model, field in encrypted_fields()}
    assert kept >= {
        "registry.Person.id_number",
        "registry.Person.phone",
        "registry.Doubt.held",
        "exchange.ImportFile.content",
        "exchange.ImportRow.cells",
    }
    names = {"id_number", "phone", "held", "cells"}
    for model in apps.get_app_config("registry").get_models():
        for field in model._meta.concrete_fields:
            if field.name in names:
                assert f"{model._meta.label}.{field.name}" in kept
