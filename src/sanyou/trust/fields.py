"""Model field kept encrypted at rest."""

from django.db import models


class EncryptedTextField(models.TextField):
    """Text stored as AES-256-GCM ciphertext with the id of its key."""
