from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class FinanceConfig(AppConfig):
    name = "sanyou.finance"
    label = "finance"
    verbose_name = _("经费")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from django.db.models.signals import post_migrate

        from sanyou.care import facts
        from sanyou.finance import guard
        from sanyou.finance.claims import claimed, settle_merge
        from sanyou.registry import merging

        facts.supply(claimed)
        post_migrate.connect(guard.put_up, sender=self, dispatch_uid="finance.guard")
        if settle_merge not in merging.settlers:
            merging.settlers.append(settle_merge)
