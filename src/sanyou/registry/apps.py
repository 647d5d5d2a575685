from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class RegistryConfig(AppConfig):
    name = "sanyou.registry"
    label = "registry"
    verbose_name = _("人口与机构")
    default_auto_field = "django.db.models.BigAutoField"
