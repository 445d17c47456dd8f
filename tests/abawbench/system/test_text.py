"""Text from strangers, wherever it is shown: one line, nothing that commands a terminal, a page or a table."""

from html import unescape
from html.parser import HTMLParser
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from abawbench.cli.progress import TerminalProgress
from abawbench.system.text import markdown, plain

NASTY = st.text(alphabet=st.one_of(st.characters(), st.sampled_from("|`*_[]<>&#~\\\x1b\x07\r\n\t\u202e\u2028")))
ATTACKS = [
    "<script>alert(1)</script>",
    "\x1b]0;title\x07\x1b[2J",
    "[link](javascript:alert(1))",
    "a|b\n|---|",
    "\u202egnp.exe",
    "[red]not red[/red]",
    "![x](http://tracker)",
]


@given(NASTY)
def test_plain_text_is_one_line_of_printable_characters(text: str) -> None:
    line = plain(text)
    assert line.isprintable()
    assert plain(line) == line


@given(NASTY, st.integers(1, 40))
def test_plain_text_keeps_to_its_width(text: str, width: int) -> None:
    assert len(plain(text, width)) <= width


class _Shown(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)


@pytest.mark.parametrize("attack", ATTACKS)
def test_markdown_shows_an_attack_and_does_not_obey_it(attack: str) -> None:
    renderer = pytest.importorskip("markdown")
    table = f"| a | b |\n|---|---|\n| {markdown(attack)} | end |"
    html = renderer.markdown(table, extensions=["tables"])
    shown = _Shown()
    shown.feed(html)
    assert shown.tags <= {"table", "thead", "tbody", "tr", "th", "td"}
    assert html.count("<td") == 2
    assert "javascript" not in html or "href" not in html


@given(NASTY)
def test_markdown_leaves_no_active_character_bare(text: str) -> None:
    found = markdown(text)
    bare = found.replace("\\\\", "")
    for character in "`*_[]<>|~#&":
        assert bare.count(character) == bare.count(f"\\{character}")


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_note_reaches_the_terminal_as_text(attack: str) -> None:
    out = StringIO()
    progress = TerminalProgress()
    progress._console = Console(file=out, force_terminal=False, width=500)
    progress.note(attack)
    progress.close()
    assert out.getvalue().rstrip("\n") == plain(attack)
    assert unescape(out.getvalue()) == out.getvalue()


@pytest.mark.parametrize("attack", ATTACKS)
def test_the_name_of_a_bar_is_text_too(attack: str) -> None:
    out = StringIO()
    progress = TerminalProgress()
    progress._console = Console(file=out, force_terminal=True, width=500, color_system=None)
    with progress.bar(attack, 1, attack) as advance:
        advance(1)
    assert plain(attack) in out.getvalue()
    assert attack not in out.getvalue() or attack == plain(attack)
