from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class DeskConfig(AppConfig):
    name = "sanyou.desk"
    label = "desk"
    verbose_name = _("工作台")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """A card, a record number or the number on a printed document finds its couple, too."""
        from sanyou.desk.finding import by_card, by_record
        from sanyou.registry.people import finders

        finders.setdefault("card", by_card)
        finders.setdefault("record", by_record)
