"""All addresses of the product: pages, and the JSON API under /api/."""

from django.urls import include, path

from sanyou.api.router import api

urlpatterns = [
    path("api/", api.urls),
    path("", include("sanyou.desk.urls")),
]
