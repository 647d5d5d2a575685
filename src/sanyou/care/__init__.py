"""What happens to somebody in a programme: episodes and all that hangs on them.

The engine knows no programme. It reads steps, forms, rules and schedules from content, keeps what
people did as signed rows, and works out from those rows what is to be done next.
"""
