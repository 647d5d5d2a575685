from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class FinanceConfig(AppConfig):
    name = "sanyou.finance"
    label = "finance"
    verbose_name = _("经费")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from sanyou.care import facts
        from sanyou.finance.claims import claimed, settle_merge
        from sanyou.registry import merging

        facts.supply(claimed)
        if settle_merge not in merging.settlers:
            merging.settlers.append(settle_merge)
