"""All addresses of the product: pages, and the JSON API under /api/."""

from django.urls import include, path

urlpatterns = [
    path("", include("sanyou.desk.urls")),
]
