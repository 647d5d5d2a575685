"""Trying a policy."""

from django.urls import URLPattern, path

from sanyou.desk.views import whatif

urlpatterns: list[URLPattern] = [
    path("try-policy", whatif.try_policy, name="try-policy"),
    path("try-policy/<uuid:key>", whatif.draft_page, name="try-policy-draft"),
    path("try-policy/<uuid:key>/edit", whatif.edit, name="try-policy-edit"),
    path("try-policy/<uuid:key>/file", whatif.file, name="try-policy-file"),
    path("try-policy/<uuid:key>/sheet", whatif.sheet, name="try-policy-sheet"),
    path("try-policy/<uuid:key>/delete", whatif.delete, name="try-policy-delete"),
]
