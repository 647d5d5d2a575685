"""Names as on papers, and a key without dots and spaces to find them by."""

import re
import unicodedata
from typing import Any

from django.db import migrations, models

NOISE = re.compile(r"[\s\x00\-‐-―－·.]+")


def fill(apps: Any, _schema: Any) -> None:
    person = apps.get_model("registry", "Person")
    for row in person.objects.filter(name_key="").only("pk", "name").iterator():
        key = NOISE.sub("", unicodedata.normalize("NFKC", row.name)).upper()
        person.objects.filter(pk=row.pk).update(name_key=key)


class Migration(migrations.Migration):
    dependencies = [("registry", "0001_initial")]

    operations = [
        migrations.AddField(
            model_name="person",
            name="name_key",
            field=models.CharField(db_index=True, default="", max_length=60),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
    ]
