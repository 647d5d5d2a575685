from django.db import migrations, models


class Migration(migrations.Migration):
    """What is granted once is claimed once, in the database."""

    dependencies = [("finance", "0003_postings_of_the_past")]

    operations = [
        migrations.AddConstraint(
            model_name='claim',
            constraint=models.UniqueConstraint(condition=models.Q(('status', 'refused'), _negated=True), fields=('programme', 'unit'), name='claim_once_per_unit'),
        ),
        migrations.AddConstraint(
            model_name='claim',
            constraint=models.CheckConstraint(condition=models.Q(('status', 'refused'), models.Q(('unit', ''), _negated=True), _connector='OR'), name='claim_has_its_unit'),
        ),
        migrations.AddConstraint(
            model_name='statement',
            constraint=models.UniqueConstraint(fields=('organisation', 'policy', 'programme', 'period_from', 'period_to'), name='statement_once_per_period'),
        ),
    ]
