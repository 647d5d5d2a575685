from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CareConfig(AppConfig):
    name = "sanyou.care"
    label = "care"
    verbose_name = _("服务")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from sanyou.care import encounters, facts, pregnancies, starts
        from sanyou.care.content import compartments
        from sanyou.registry.access import tell_compartments

        tell_compartments(compartments)
        encounters.on_hold(starts.hold)
        for hook in (pregnancies.signed, starts.signed):
            encounters.on_sign(hook)
        for hook in (pregnancies.signed, starts.amended):
            encounters.on_amend(hook)
        facts.supply(starts.supplied)
