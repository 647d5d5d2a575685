"""Lists of people and the sessions held for them."""

from django.urls import URLPattern, path

from sanyou.desk.views import sessions

urlpatterns: list[URLPattern] = [
    path("groups", sessions.group_list, name="groups"),
    path("groups/<uuid:key>", sessions.group, name="group"),
    path("sessions/<uuid:key>", sessions.session, name="session"),
]
