"""How a district appears: its mark in the header."""

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.cache import patch_cache_control
from django.views.decorators.http import require_GET

from sanyou.care import content
from sanyou.desk.actor import signed_in_page


@signed_in_page
@require_GET
def mark(request: HttpRequest, district: str) -> HttpResponse:
    """The district's mark as a picture: shown by <img>, where nothing in it can run."""
    found = content.library().districts.get(district)
    if found is None or not found.logo_svg:
        raise Http404
    response = HttpResponse(found.logo_svg, content_type="image/svg+xml")
    patch_cache_control(response, private=True, max_age=3600)
    return response
