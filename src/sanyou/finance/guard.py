"""Triggers that make postings append-only in the database itself, whoever writes to it.

Put up after every migration: SQLite loses a table's triggers when a migration rebuilds it.
"""

from typing import Any

from django.db import connections

TABLE = "finance_posting"
MESSAGE = "postings are append-only"
ACTS = ("UPDATE", "DELETE")


def put_up(using: str = "default", **_signal: Any) -> None:
    """Put the triggers up; nothing happens where they stand or the table is not there."""
    connection = connections[using]
    if TABLE not in connection.introspection.table_names():
        return
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            for act in ACTS:
                cursor.execute(
                    f"CREATE TRIGGER IF NOT EXISTS {_name(act)} BEFORE {act} ON {TABLE} "
                    f"BEGIN SELECT RAISE(ABORT, '{MESSAGE}'); END"
                )
        elif connection.vendor == "postgresql":
            cursor.execute(
                f"CREATE OR REPLACE FUNCTION {TABLE}_refuse() RETURNS trigger LANGUAGE plpgsql AS "
                f"$$ BEGIN RAISE EXCEPTION '{MESSAGE}' USING ERRCODE = 'check_violation'; END $$"
            )
            for act in ACTS:
                cursor.execute(f"DROP TRIGGER IF EXISTS {_name(act)} ON {TABLE}")
                cursor.execute(
                    f"CREATE TRIGGER {_name(act)} BEFORE {act} ON {TABLE} "
                    f"FOR EACH ROW EXECUTE FUNCTION {TABLE}_refuse()"
                )


def take_down(using: str = "default") -> None:
    """Take SQLite's triggers down before the whole database is emptied (`flush`)."""
    connection = connections[using]
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            for act in ACTS:
                cursor.execute(f"DROP TRIGGER IF EXISTS {_name(act)}")


def _name(act: str) -> str:
    return f"{TABLE}_no_{act.lower()}"
