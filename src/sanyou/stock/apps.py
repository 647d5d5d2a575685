"""Supplies handed out to people: batches, stores at three levels, movements."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class StockConfig(AppConfig):
    name = "sanyou.stock"
    label = "stock"
    verbose_name = _("库存")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from sanyou.care import encounters, facts
        from sanyou.stock import signing

        encounters.on_sign(signing.signed)
        encounters.on_amend(signing.amended)
        encounters.on_void(signing.voided)
        facts.supply(signing.supplied)
