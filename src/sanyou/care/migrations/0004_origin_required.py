"""Every episode has an origin."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("care", "0003_origin_of_existing")]

    operations = [
        migrations.AlterField(
            model_name="episode",
            name="origin",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="registry.region",
            ),
        ),
    ]
