"""A family's life course, the back-trace of a case, ledgers."""

from django.urls import URLPattern, path

from sanyou.desk.views import life

urlpatterns: list[URLPattern] = [
    path("people/<uuid:key>/life", life.life, name="life"),
    path("episodes/<uuid:key>/trace", life.trace, name="trace"),
    path("ledgers/<slug:programme_id>", life.ledger, name="ledger-of"),
]
