"""Files that come in."""

from django.urls import URLPattern, path

from sanyou.desk.views import imports

urlpatterns: list[URLPattern] = [
    path("imports", imports.imports, name="imports"),
    path("imports/new", imports.import_new, name="import-new"),
    path("imports/<uuid:key>", imports.import_file, name="import"),
    path("imports/<uuid:key>/prepare", imports.import_prepare, name="import-prepare"),
    path("imports/<uuid:key>/step", imports.import_step, name="import-step"),
    path("imports/<uuid:key>/retry", imports.import_retry, name="import-retry"),
    path("imports/<uuid:key>/undo", imports.import_undo, name="import-undo"),
    path("imports/<uuid:key>/problems.xlsx", imports.import_problems, name="import-problems"),
]
