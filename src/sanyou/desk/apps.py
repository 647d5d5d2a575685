from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class DeskConfig(AppConfig):
    name = "sanyou.desk"
    label = "desk"
    verbose_name = _("工作台")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """A scanned or typed card finds its couple in the search box, too."""
        from sanyou.desk.finding import by_card
        from sanyou.registry.people import finders

        finders.setdefault("card", by_card)
