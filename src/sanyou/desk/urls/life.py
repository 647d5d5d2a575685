"""A family's life course, the back-trace of a case, ledgers."""

from django.urls import URLPattern, path

from sanyou.desk.views import growth, life

urlpatterns: list[URLPattern] = [
    path("people/<uuid:key>/life", life.life, name="life"),
    path("episodes/<uuid:key>/trace", life.trace, name="trace"),
    path("episodes/<uuid:key>/charts/<slug:chart_id>", growth.chart, name="growth-chart"),
    path("ledgers/<slug:programme_id>", life.ledger, name="ledger-of"),
]
