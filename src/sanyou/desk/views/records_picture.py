"""Pictures on a form (ultrasound, photograph): kept encrypted on disk, the field holds the key."""

import base64
import binascii
from pathlib import Path
from uuid import UUID, uuid4

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from sanyou.care.content import library
from sanyou.care.errors import CareError
from sanyou.desk.actor import actor_of, duty_page
from sanyou.desk.views.records import answer, body, find, refuse
from sanyou.desk.views.records_encounter import _form_of, _rows
from sanyou.desk.views.records_form import seen, words
from sanyou.registry.access import NotFoundForYou, may_fill
from sanyou.trust import audit
from sanyou.trust.crypto import decrypt, encrypt

PURPOSE = "picture"
JPEG = "data:image/jpeg;base64,"
MOST_CHARACTERS = 900_000


def _path(key: str) -> Path:
    return Path(settings.HOME) / "pictures" / f"{UUID(key)}"


@duty_page("see_person")
def picture(request: HttpRequest, key: UUID) -> HttpResponse:
    """POST {data}: keep a JPEG, answer its key. GET ?field=: the picture of that field."""
    actor, row = find(request, _rows(), key)
    _programme, form = _form_of(row)
    if request.method == "POST":
        if not may_fill(actor, form):
            raise refuse(_("填写“%s”") % words(form.label))
        return answer({"key": _keep(str(body(request).get("data") or ""))})
    name = request.GET.get("field", "")
    if name not in seen(library(), actor, form, row.role):
        raise NotFoundForYou
    try:
        stored = _path(str(row.data.get(name))).read_text()
    except (ValueError, OSError) as error:
        raise NotFoundForYou from error
    audit.record(actor_of(request), "read", "picture", row.key)
    return HttpResponse(base64.b64decode(decrypt(stored, PURPOSE)), content_type="image/jpeg")


def _keep(data: str) -> str:
    """Store a JPEG data URL; CareError when it is none or too big."""
    if len(data) > MOST_CHARACTERS:
        raise CareError(_("图片太大，请换一张小一些的图片。"), "picture_too_big")
    try:
        raw = base64.b64decode(data.removeprefix(JPEG), validate=True)
    except (ValueError, binascii.Error):
        raw = b""
    if not data.startswith(JPEG) or not raw.startswith(b"\xff\xd8\xff"):
        raise CareError(_("这个文件不是图片，请选择照片或截图。"), "not_a_picture")
    key = str(uuid4())
    path = _path(key)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.write_text(encrypt(base64.b64encode(raw).decode(), PURPOSE))
    return key
