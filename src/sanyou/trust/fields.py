"""Model field kept encrypted at rest."""

from typing import Any

from django.core.exceptions import FieldError
from django.db import models
from django.db.models.lookups import IsNull

from sanyou.trust.crypto import decrypt, encrypt


class EncryptedTextField(models.TextField):  # type: ignore[type-arg]
    """Text stored as AES-256-GCM ciphertext with the id of its key.

    The empty string stays empty (it carries nothing). Searching is refused: every encryption of the
    same text differs, so a lookup would silently find nothing. Use a blind index.
    """

    @property
    def purpose(self) -> str:
        """Authenticated with the ciphertext: model label and field name."""
        return f"{self.model._meta.label}.{self.name}"

    def get_prep_value(self, value: Any) -> Any:
        value = super().get_prep_value(value)
        return encrypt(value, self.purpose) if value else value

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> str | None:
        return decrypt(value, self.purpose) if value else value

    def get_lookup(self, lookup_name: str) -> Any:
        if lookup_name == "isnull":
            return IsNull
        raise FieldError(f"{self.purpose} is encrypted; search by its blind index")
