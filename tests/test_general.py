"""The domain is data: nothing in the program knows a programme, a document or a district."""

import re
from pathlib import Path

import pytest
import yaml

import sanyou

SOURCE = Path(sanyou.__file__).parent
CONTENT = SOURCE / "content"


def _known(pattern: str, *keys: str) -> set[str]:
    found = [yaml.safe_load(path.read_text("utf-8")) for path in CONTENT.glob(pattern)]
    return {str(one[key]) for one in found for key in keys}


def _names() -> dict[str, set[str]]:
    """What stands in content and nowhere else, by kind."""
    return {
        "programme": _known("programmes/*/programme.yaml", "id"),
        "document": _known("policies/*.yaml", "id", "document_number"),
        "district": _known("districts/*.yaml", "id", "label"),
    }


@pytest.mark.parametrize("kind", ["programme", "document", "district"])
@pytest.mark.parametrize("ending", ["py", "html", "js"])
def test_the_program_names_no(kind: str, ending: str) -> None:
    names = _names()[kind]
    assert names
    whole = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    pattern = re.compile(rf"(?<![A-Za-z_-])(?:{whole})(?![A-Za-z_])")
    found = [
        f"{path.relative_to(SOURCE)}:{number}: {line.strip()[:100]}"
        for path in sorted(SOURCE.rglob(f"*.{ending}"))
        if CONTENT not in path.parents and path.name != "style.html"  # samples of the design
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if pattern.search(line)
    ]
    assert not found, "\n".join(found)


def test_a_name_in_the_program_would_be_found(tmp_path: Path) -> None:
    names = _names()
    assert {"preconception", "premarital"} <= names["programme"]
    assert len(names["district"]) >= 10
    assert all(names.values())
