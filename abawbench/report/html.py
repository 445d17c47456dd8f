"""The page: results, their details and every comparison in one HTML file that asks nothing of any network."""

import base64
import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from abawbench.compare.sides import Run
from abawbench.plugins import Plugins
from abawbench.records.published import Published
from abawbench.report.page_data import page_data
from abawbench.system.files import replace_file

TEMPLATES = Path(__file__).with_name("templates")


def page(runs: Sequence[Run], published: Sequence[Published], plugins: Plugins, title: str = "abawbench") -> str:
    """Return the page as HTML. The same results give the same text.

    Its policy lets only its own script and style run, by their digests, and lets nothing be fetched. Text from records
    and plugins reaches it as data alone, which the script never reads as HTML.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    script, style = (_without_indentation((TEMPLATES / name).read_text("utf-8")) for name in ("page.js", "page.css"))
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True
    )
    return environment.get_template("page.html.j2").render(
        title=title,
        script=script,
        style=style,
        script_digest=_digest(script),
        style_digest=_digest(style),
        data=_embeddable(json.dumps(page_data(runs, published, plugins), allow_nan=False, separators=(",", ":"))),
    )


def write_page(path: Path, text: str) -> None:
    """Write the page whole or not at all."""
    with replace_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def _embeddable(text: str) -> str:
    """Return JSON that can end no script element and opens no comment in it."""
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _without_indentation(text: str) -> str:
    """Return a script or style without what only its readers need: indentation and lines of comment."""
    lines = (line.strip() for line in text.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("//")) + "\n"


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
