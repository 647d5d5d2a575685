"""Numbers without gaps, taken inside the transaction that uses them."""

from sanyou.care.models import Sequence

# A compartment counts for itself, from here on, so that it leaves no gap in the numbers outside.
FAR = 500_000


def take(name: str, compartment: str = "") -> int:
    """The next number of a sequence; the row stays locked until the transaction ends."""
    if compartment:
        return FAR + take(f"{compartment}:{name}")
    Sequence.objects.get_or_create(name=name)
    row = Sequence.objects.select_for_update().get(name=name)
    row.value += 1
    row.save(update_fields=["value"])
    return row.value
