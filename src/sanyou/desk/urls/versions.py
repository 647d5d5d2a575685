"""Versions of rules and policies."""

from django.urls import URLPattern, path

from sanyou.desk.views import versions

urlpatterns: list[URLPattern] = [
    path("versions", versions.versions, name="versions"),
    path("versions/new", versions.propose, name="version-new"),
    path("versions/<uuid:key>", versions.version, name="version"),
    path("versions/<uuid:key>/replay", versions.version_replay, name="version-replay"),
    path("versions/<uuid:key>/sign", versions.version_sign, name="version-sign"),
    path("versions/<uuid:key>/start", versions.version_start, name="version-start"),
    path("versions/<uuid:key>/withdraw", versions.version_withdraw, name="version-withdraw"),
    path("versions/<uuid:key>/files/<int:number>", versions.version_file, name="version-file"),
]
