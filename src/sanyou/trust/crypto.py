"""AES-256-GCM for field values. Token: "v1:<key id>:<base64 of nonce + ciphertext>"."""

import base64
import binascii
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sanyou.trust.keys import keyring

NONCE_BYTES = 12


class DecryptError(Exception):
    """The value is damaged, was moved from another field, or its key is wrong."""


def encrypt(text: str, purpose: str) -> str:
    """Encrypt under the active key. `purpose` (e.g. "registry.Person.phone") is authenticated with
    it, so that a token copied into another field does not decrypt there."""
    ring = keyring()
    nonce = os.urandom(NONCE_BYTES)
    sealed = AESGCM(ring.key(ring.active)).encrypt(nonce, text.encode(), purpose.encode())
    return f"v1:{ring.active}:{base64.b64encode(nonce + sealed).decode()}"


def decrypt(token: str, purpose: str) -> str:
    """The text of a token made by `encrypt` for the same purpose. DecryptError, KeyringError."""
    version, _, rest = token.partition(":")
    key_id, _, body = rest.partition(":")
    if version != "v1" or not body:
        raise DecryptError("not a v1 token")
    key = keyring().key(key_id)
    try:
        raw = base64.b64decode(body, validate=True)
        plain = AESGCM(key).decrypt(raw[:NONCE_BYTES], raw[NONCE_BYTES:], purpose.encode())
    except (InvalidTag, binascii.Error, ValueError) as error:
        raise DecryptError(f"value of {purpose} does not decrypt") from error
    return plain.decode()
