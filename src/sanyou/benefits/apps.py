from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class BenefitsConfig(AppConfig):
    name = "sanyou.benefits"
    label = "benefits"
    verbose_name = _("补助")
    default_auto_field = "django.db.models.BigAutoField"
