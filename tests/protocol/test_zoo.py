"""A zoo of wrong content: one mistake each, with the message it must be told with."""

from __future__ import annotations

from pathlib import Path

import pytest

from sanyou.protocol.errors import ContentErrors
from sanyou.protocol.library import Library
from tests.protocol.conftest import HERE, TINY

ZOO = HERE / "zoo"
ANIMALS = sorted(path.name for path in ZOO.iterdir() if path.is_dir())


@pytest.mark.parametrize("animal", ANIMALS)
def test_each_mistake_is_told_once_with_file_and_line_in_chinese_and_english(animal: str) -> None:
    folder = ZOO / animal
    code, chinese, english = (folder / "expected.txt").read_text(encoding="utf-8").splitlines()
    with pytest.raises(ContentErrors) as caught:
        Library.load(TINY, folder)
    found = [(error.code, str(error), error.en) for error in caught.value.errors]
    assert found == [(code, chinese, english)]


def test_the_folder_under_the_zoo_is_sound_without_its_animals(tiny: Library) -> None:
    assert len(ANIMALS) >= 25
    assert tiny.check().ok


def test_all_mistakes_are_reported_at_once(tmp_path: Path) -> None:
    for animal in ("missing_unit", "unknown_value_set"):
        target = tmp_path / "dictionary" / f"{animal}.yaml"
        target.parent.mkdir(exist_ok=True)
        source = (ZOO / animal / "dictionary" / "wrong.yaml").read_text(encoding="utf-8")
        target.write_text(source.replace("id: pulse", f"id: {animal}"), encoding="utf-8")
    with pytest.raises(ContentErrors) as caught:
        Library.load(TINY, tmp_path)
    assert {error.code for error in caught.value.errors} == {"missing_unit", "unknown_reference"}


def test_a_missing_content_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ContentErrors, match="内容目录不存在"):
        Library.load(TINY, tmp_path / "nowhere")
