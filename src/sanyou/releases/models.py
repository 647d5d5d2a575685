"""Versions of rules and policies: proposed, replayed, signed by two, in force from a day."""
