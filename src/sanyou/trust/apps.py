from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TrustConfig(AppConfig):
    name = "sanyou.trust"
    label = "trust"
    verbose_name = _("保护")
    default_auto_field = "django.db.models.BigAutoField"
