"""Refusals that a person can mend. `message_zh` says what is wrong and what to do."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _


class CareError(Exception):
    """The act was not done; nothing was changed."""

    def __init__(self, message_zh: str, code: str = "not_now") -> None:
        super().__init__(message_zh)
        self.message_zh = message_zh
        self.code = code


class NotAllowedNow(CareError):
    """The state of the record does not allow the act."""


class ConsentMissing(CareError):
    """No examination without informed consent."""

    def __init__(self, who: str) -> None:
        super().__init__(
            _("%s尚未签署知情同意书，不能检查。请先到登记处办理知情同意。") % who, "no_consent"
        )


class Conflict(CareError):
    """Somebody else changed the record meanwhile."""


class FormInvalid(CareError):
    """The form cannot be signed; `errors` by element."""

    def __init__(self, errors: Mapping[str, Any]) -> None:
        super().__init__(
            _("有 %d 项需要改正后才能签名，请看各项旁的提示。") % len(errors), "form_invalid"
        )
        self.errors = dict(errors)
