"""Forms, consents, cards, assessments, documents and follow-up."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
