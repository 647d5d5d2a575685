"""What the environment says, for commands that run with or without Django."""

import os
from pathlib import Path


def content_roots() -> tuple[Path, ...]:
    """Folders of SANYOU_CONTENT (separated by os.pathsep), loaded after the packaged content."""
    given = os.environ.get("SANYOU_CONTENT", "")
    return tuple(Path(name).resolve() for name in given.split(os.pathsep) if name.strip())
