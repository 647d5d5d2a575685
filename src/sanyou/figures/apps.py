from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class FiguresConfig(AppConfig):
    name = "sanyou.figures"
    label = "figures"
    verbose_name = _("统计")
    default_auto_field = "django.db.models.BigAutoField"
