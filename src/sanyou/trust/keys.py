"""Keyring: AES-256 keys for fields, and one index key that never rotates.

Keys come from the environment, or from HOME/keys.json (mode 0600) which is generated when absent.

SANYOU_KEYS       "id:base64key,id:base64key"; the first is active, the others only decrypt
SANYOU_INDEX_KEY  base64 key of blind indexes and of the audit seal; required with SANYOU_KEYS

Old keys are kept: frozen documents and backups still need them.
"""

import base64
import binascii
import contextlib
import json
import os
import secrets
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.apps import apps
from django.conf import settings
from django.db import connection, models

KEY_BYTES = 32


class KeyringError(Exception):
    """The keys are missing or unreadable; the message (Chinese) says what to do."""


@dataclass(frozen=True, slots=True)
class Keyring:
    """`keys` by id; `active` encrypts; `index` is for HMAC only."""

    active: str
    keys: dict[str, bytes]
    index: bytes

    def key(self, key_id: str) -> bytes:
        """The key of that id. KeyringError when it is not in the ring."""
        try:
            return self.keys[key_id]
        except KeyError:
            raise KeyringError(
                f"缺少密钥 {key_id}，请把它放回 SANYOU_KEYS 或 keys.json。"
            ) from None


@dataclass(frozen=True, slots=True)
class Rotation:
    """What a rotation did: active key, values re-encrypted, whether it resumed an old run."""

    active: str
    values: int
    resumed: bool


def key_file() -> Path:
    """Where generated keys live."""
    return Path(settings.HOME) / "keys.json"


_cache: tuple[object, Keyring] | None = None


def keyring() -> Keyring:
    """The current keyring; read again as soon as the environment or the file changes."""
    global _cache  # noqa: PLW0603 - one keyring per process
    env = os.environ.get("SANYOU_KEYS", "")
    stamp: object = (env, os.environ.get("SANYOU_INDEX_KEY", "")) if env else _file_stamp()
    if _cache is None or _cache[0] != stamp:
        _cache = (stamp, _from_environment(env) if env else _from_file())
    return _cache[1]


def _file_stamp() -> object:
    path = key_file()
    if not path.exists():
        _write(path, _fresh_file(), overwrite=False)
    stat = path.stat()
    return (str(path), stat.st_mtime_ns, stat.st_ino)


def _decode(text: str, where: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != KEY_BYTES:
        raise KeyringError(f"{where} 不是 32 字节密钥的 base64 编码，请检查。")
    return raw


def _from_environment(env: str) -> Keyring:
    keys: dict[str, bytes] = {}
    for part in filter(None, (p.strip() for p in env.split(","))):
        key_id, _, text = part.partition(":")
        keys[key_id] = _decode(text, f"SANYOU_KEYS 中的 {key_id}")
    index = os.environ.get("SANYOU_INDEX_KEY", "")
    if not keys or not index:
        raise KeyringError("使用 SANYOU_KEYS 时必须同时设置 SANYOU_INDEX_KEY。")
    return Keyring(next(iter(keys)), keys, _decode(index, "SANYOU_INDEX_KEY"))


def _from_file() -> Keyring:
    path = key_file()
    try:
        data = json.loads(path.read_text("utf-8"))
        keys = {k["id"]: _decode(k["key"], str(path)) for k in data["keys"]}
        return Keyring(data["active"], keys, _decode(data["index"], str(path)))
    except (KeyError, TypeError, ValueError) as error:
        raise KeyringError(f"{path} 无法读取，请从备份恢复密钥文件。") from error


def _new_key() -> dict[str, str]:
    return {
        "id": secrets.token_hex(4),
        "key": base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode(),
    }


def _fresh_file() -> dict[str, object]:
    key = _new_key()
    index = base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()
    return {"active": key["id"], "keys": [key], "index": index}


def _write(path: Path, data: dict[str, object], *, overwrite: bool) -> None:
    """Write whole or not at all; without `overwrite` the first of two processes wins."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fd, name = tempfile.mkstemp(dir=path.parent, prefix=".keys-")  # created 0600
    try:
        with os.fdopen(fd, "w", encoding="utf-8") as f:
            json.dump(data, f, indent=1)
            f.flush()
            os.fsync(f.fileno())
        if overwrite:
            Path(name).replace(path)
        else:
            with contextlib.suppress(FileExistsError):
                os.link(name, path)
    finally:
        Path(name).unlink(missing_ok=True)


def encrypted_fields() -> Iterator["tuple[type[models.Model], models.Field[Any, Any]]"]:
    """Every concrete encrypted field of every installed model."""
    from sanyou.trust.fields import EncryptedTextField

    for model in apps.get_models():
        for field in model._meta.concrete_fields:
            if isinstance(field, EncryptedTextField):
                yield model, field


def rotate(batch: int = 500, progress: Callable[[int], None] | None = None) -> Rotation:
    """Make a new key active and re-encrypt every value under it.

    Resumable: when values under an older key are found first, they are finished and no further key
    is made. With keys from the environment the operator puts the new key first; this re-encrypts.
    """
    resumed = _stale_exists()
    if not resumed and not os.environ.get("SANYOU_KEYS"):
        _add_key()
    active = keyring().active
    done = 0
    for model, field in encrypted_fields():
        for count in _reencrypt(model, field, active, batch):
            done += count
            if progress:
                progress(done)
    return Rotation(active, done, resumed)


def _add_key() -> None:
    keyring()
    path = key_file()
    data = json.loads(path.read_text("utf-8"))
    key = _new_key()
    data["keys"].insert(0, key)
    data["active"] = key["id"]
    _write(path, data, overwrite=True)


def _names(model: type[models.Model], field: "models.Field[Any, Any]") -> tuple[str, str, str]:
    """Quoted table, key and column: names from the models, never from a user."""
    quote = connection.ops.quote_name
    pk = model._meta.pk
    return quote(model._meta.db_table), quote(str(pk.column)), quote(str(field.column))


def _stale_exists() -> bool:
    head = f"v1:{keyring().active}:%"
    with connection.cursor() as cursor:
        for model, field in encrypted_fields():
            table, _pk, column = _names(model, field)
            cursor.execute(
                f"SELECT 1 FROM {table} WHERE {column} <> '' AND {column} NOT LIKE %s LIMIT 1",  # noqa: S608
                [head],
            )
            if cursor.fetchone():
                return True
    return False


def _reencrypt(
    model: type[models.Model], field: "models.Field[Any, Any]", active: str, batch: int
) -> Iterator[int]:
    """Values moved to the active key, batch by batch; one changed meanwhile is left."""
    from sanyou.trust.crypto import decrypt, encrypt

    table, pk, column = _names(model, field)
    purpose: str = field.purpose  # type: ignore[attr-defined]
    select = (
        f"SELECT {pk}, {column} FROM {table} "  # noqa: S608
        f"WHERE {pk} > %s AND {column} <> '' AND {column} NOT LIKE %s ORDER BY {pk} LIMIT %s"
    )
    update = f"UPDATE {table} SET {column} = %s WHERE {pk} = %s AND {column} = %s"  # noqa: S608
    last = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(select, [last, f"v1:{active}:%", batch])
            rows = cursor.fetchall()
            if not rows:
                return
            cursor.executemany(
                update, [(encrypt(decrypt(old, purpose), purpose), key, old) for key, old in rows]
            )
        last = rows[-1][0]
        yield len(rows)
