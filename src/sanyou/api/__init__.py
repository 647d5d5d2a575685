"""The JSON API under /api/: the same services as the pages, for other systems and scripts."""
