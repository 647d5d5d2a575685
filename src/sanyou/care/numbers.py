"""Numbers without gaps, taken inside the transaction that uses them."""

from sanyou.care.models import Sequence


def take(name: str) -> int:
    """The next number of a sequence; the row stays locked until the transaction ends."""
    Sequence.objects.get_or_create(name=name)
    row = Sequence.objects.select_for_update().get(name=name)
    row.value += 1
    row.save(update_fields=["value"])
    return row.value
