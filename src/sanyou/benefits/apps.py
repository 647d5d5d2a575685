"""Subsidies: public notice, approval, appeal; government benefit programmes and their money."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class BenefitsConfig(AppConfig):
    name = "sanyou.benefits"
    label = "benefits"
    verbose_name = _("补助")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from sanyou.benefits.applications import course, notice_of_decision
        from sanyou.care import documents, facts

        facts.supply(course)
        documents.supply(notice_of_decision)
