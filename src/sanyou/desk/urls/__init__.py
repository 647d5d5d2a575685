"""All pages of the desk: each area keeps its own list."""

from sanyou.desk.urls import (
    benefits,
    imports,
    life,
    money,
    records,
    reports,
    sessions,
    shell,
    stock,
    versions,
    whatif,
)

urlpatterns = [
    *shell.urlpatterns,
    *records.urlpatterns,
    *life.urlpatterns,
    *sessions.urlpatterns,
    *imports.urlpatterns,
    *money.urlpatterns,
    *benefits.urlpatterns,
    *reports.urlpatterns,
    *stock.urlpatterns,
    *whatif.urlpatterns,
    *versions.urlpatterns,
]
