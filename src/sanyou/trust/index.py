"""Keyed blind index: find a record by an identifier that is stored only encrypted."""

import hashlib
import hmac
import re
import unicodedata

from sanyou.trust.keys import keyring

PURPOSES = frozenset({"id", "id_tail", "phone", "phone_tail"})
_NOISE = re.compile(r"[\s\x00\-‐-―－·.]+")


def normalise(value: str) -> str:
    """Half-width, upper case, without spaces and dashes."""
    return _NOISE.sub("", unicodedata.normalize("NFKC", value)).upper()


def blind_index(purpose: str, value: str) -> str:
    """Hex HMAC-SHA256 of the normalised value under the index key, or "" for nothing.

    The purpose separates the indexes: the tail of a phone never equals the tail of an id.
    """
    if purpose not in PURPOSES:
        raise ValueError(f"unknown purpose {purpose}")
    text = normalise(value)
    if not text:
        return ""
    return hmac.new(keyring().index, f"{purpose}\0{text}".encode(), hashlib.sha256).hexdigest()
