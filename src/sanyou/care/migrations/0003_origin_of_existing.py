"""Episodes opened before districts could hand them on were opened where they are.

In a migration of its own: PostgreSQL alters no table whose rows changed in the same transaction.
"""

from typing import Any

from django.db import migrations
from django.db.models import F


def fill(apps: Any, schema_editor: Any) -> None:
    episodes = apps.get_model("care", "Episode").objects.using(schema_editor.connection.alias)
    episodes.filter(origin__isnull=True).update(origin=F("region"))


class Migration(migrations.Migration):
    dependencies = [("care", "0002_origin")]

    operations = [migrations.RunPython(fill, migrations.RunPython.noop)]
