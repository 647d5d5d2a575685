"""All pages of the desk: each area keeps its own list."""

from sanyou.desk.urls import imports, money, records, reports, shell

urlpatterns = [
    *shell.urlpatterns,
    *records.urlpatterns,
    *imports.urlpatterns,
    *money.urlpatterns,
    *reports.urlpatterns,
]
