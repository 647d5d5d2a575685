"""The English interface: every Chinese text of the program has one, in the file Django reads."""

import ast
import gettext
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from django.utils.translation import gettext as _
from django.utils.translation import override
from django.utils.translation.template import templatize

from sanyou.care.content import library
from sanyou.desk.templatetags.labels import named

SRC = Path(__file__).parents[2] / "src" / "sanyou"
CATALOGUE = SRC / "locale" / "en" / "LC_MESSAGES" / "django.po"
MARKS = {"gettext", "gettext_lazy", "gettext_noop", "ngettext", "ngettext_lazy"}

_LITERAL = r"""(?:u?'(?:[^'\\]|\\.)*'|u?"(?:[^"\\]|\\.)*")"""
_TEMPLATE_MARK = re.compile(rf"\b(n?gettext|_)\(\s*({_LITERAL})(?:\s*,\s*({_LITERAL}))?")
_PLACEHOLDER = re.compile(r"%\((\w+)\)([sd])|(%[sd])|(\{\w+\})|(%%)")
_PO_LINE = re.compile(r'(msgid_plural|msgid|msgstr(?:\[\d])?) (".*")$')


def python_texts(path: Path) -> Iterator[str]:
    """Texts marked for translation in a Python module."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {
        alias.asname or alias.name: alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "django.utils.translation"
        for alias in node.names
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        mark = names.get(node.func.id, "")
        if mark in MARKS:
            for argument in node.args[: 2 if mark.startswith("n") else 1]:
                assert isinstance(argument, ast.Constant), (
                    f"{path.name}:{node.lineno}: only a literal text can be translated"
                )
                yield str(argument.value)


def template_texts(path: Path) -> Iterator[str]:
    """Texts of {% translate %}, {% blocktranslate %} and _("…") in a template."""
    marked = templatize(path.read_text(encoding="utf-8"), origin=path.name)
    for match in _TEMPLATE_MARK.finditer(marked):
        for literal in match.groups()[1:]:
            if literal:
                yield ast.literal_eval(literal)


def used() -> dict[str, str]:
    """Text -> a file that uses it."""
    found: dict[str, str] = {}
    for path in sorted(SRC.rglob("*.py")):
        if "migrations" not in path.parts:
            found |= dict.fromkeys(python_texts(path), str(path.relative_to(SRC)))
    for path in sorted(SRC.rglob("templates/**/*.html")):
        found |= dict.fromkeys(template_texts(path), str(path.relative_to(SRC)))
    found.pop("", None)
    return found


def catalogue() -> list[dict[str, str]]:
    """Entries of django.po: msgid, msgid_plural?, msgstr or msgstr[0], msgstr[1]."""
    entries: list[dict[str, str]] = []
    for block in CATALOGUE.read_text(encoding="utf-8").strip().split("\n\n"):
        entry: dict[str, str] = {}
        key = ""
        for line in block.splitlines():
            if found := _PO_LINE.match(line):
                key = found[1]
                entry[key] = ast.literal_eval(found[2])
            elif line.startswith('"'):
                entry[key] += ast.literal_eval(line)
            else:
                assert line.startswith("#"), line
        entries.append(entry)
    return entries


def english() -> dict[str, list[str]]:
    """Chinese text (singular and plural) -> its English texts."""
    found: dict[str, list[str]] = {}
    for entry in catalogue():
        texts = [text for key, text in entry.items() if key.startswith("msgstr")]
        for key in ("msgid", "msgid_plural"):
            if entry.get(key):
                found[entry[key]] = texts
    return found


def placeholders(text: str) -> list[str]:
    """Named ones in any order, nameless ones in order of use."""
    found = _PLACEHOLDER.findall(text)
    named = sorted(f"%({name}){kind}" for name, kind, *_rest in found if name)
    bare = [plain for _name, _kind, plain, *_rest in found if plain]
    braces = sorted(brace for *_rest, brace, _percent in found if brace)
    return [*named, *bare, *braces]


def test_every_text_of_the_program_has_an_english_one() -> None:
    texts = english()
    missing = {text: where for text, where in used().items() if not all(texts.get(text, [""]))}
    assert not missing


def test_the_catalogue_holds_no_text_twice() -> None:
    ids = sorted(entry["msgid"] for entry in catalogue())
    assert [one for one, two in pairwise(ids) if one == two] == []


def test_placeholders_agree_in_both_languages() -> None:
    wrong = {
        text: translated
        for text, texts in english().items()
        for translated in texts
        if placeholders(translated) != placeholders(text)
    }
    assert not wrong


def test_the_compiled_catalogue_is_the_written_one() -> None:
    with CATALOGUE.with_suffix(".mo").open("rb") as file:
        compiled = gettext.GNUTranslations(file)
    for entry in catalogue():
        text = entry["msgid"]
        if not text:
            continue
        if "msgid_plural" in entry:
            shown = [compiled.ngettext(text, entry["msgid_plural"], n) for n in (1, 2)]
            assert shown == [entry["msgstr[0]"], entry["msgstr[1]"]]
        else:
            assert compiled.gettext(text) == entry["msgstr"]


@pytest.mark.parametrize(
    ("chinese", "shown"),
    [("公示", "Public notice"), ("年度决算", "Final accounts"), ("政策试算", "Try a policy")],
)
def test_a_page_in_english_shows_the_english_text(chinese: str, shown: str) -> None:
    with override("en"):
        assert _(chinese) == shown
    with override("zh-hans"):
        assert _(chinese) == chinese


def test_the_chinese_label_kept_with_a_task_is_shown_in_english() -> None:
    step = next(s for s in library().programmes["preconception"].steps if s.id == "history")
    with override("en"):
        assert named(step.label.zh) == step.label.en
        assert named(f"{step.label.zh}（补录）") == f"{step.label.en} (entered later)"
        assert named(f"补正：{step.label.zh}") == f"To correct: {step.label.en}"
        assert named("没有这一步") == "没有这一步"
    with override("zh-hans"):
        assert named(step.label.zh) == step.label.zh
