"""Where networks get their parameters: a file, the package, the local cache of the Hugging Face hub, or nowhere.

A model names its sources and asks ``find`` for the one that ``--weights`` wants, ``read_state`` for its tensors and
``check_state`` whether they are its network's. Files are safetensors, or checkpoints that hold plain tensors: loading
one never runs code. A hub that cannot be reached is answered with the command that fetches the file elsewhere.
"""

import argparse
import functools
import hashlib
import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from abawbench.contracts import UsageError, Weights

PATIENCE = 3.0
"""Seconds to wait for the hub's first answer."""
NONE = Weights(source="none")
"""Random parameters: works everywhere, is marked in every table and never ranked."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """Weights that a model knows by name.

    Without ``bundled`` and ``repository`` they come from a file only, ``--weights NAME=FILE``; a file may stand for any
    other source in the same way.
    """

    name: str
    what: str
    """What the file is, for messages: ``the authors' model_best.pth.tar``."""
    licence: str | None = None
    trained_on: tuple[str, ...] = ()
    bundled: Path | None = None
    """A file that comes with abawbench."""
    repository: str | None = None
    """On the Hugging Face hub."""
    file: str = "model.safetensors"
    revision: str | None = None
    """The commit of the repository; None where it is not known, so that only a copy that is here is taken."""
    sha256: str | None = None
    """Of the file, where it is known: any other is refused."""

    @property
    def spec(self) -> str:
        """How ``--weights`` names it."""
        return self.name if self.bundled or self.repository else f"{self.name}=FILE"


def find(spec: str, sources: Sequence[Source], model: str) -> Weights:
    """Return what ``--weights SPEC`` names: NAME or NAME=FILE of a source, or ``none``; with the digest of its file.

    Raises UsageError for a name that the model does not know, for a file that is missing or not the one it should be,
    and for a hub that cannot be reached.
    """
    if spec == NONE.source:
        return NONE
    name, equals, file = spec.partition("=")
    source = next((one for one in sources if one.name == name), None)
    others = describe_sources(sources)
    if source is None:
        raise UsageError(f"{model} has no weights {spec!r}; give --weights {others}")
    if equals or not (source.bundled or source.repository):
        path = Path(file).expanduser()
        if not path.is_file():
            raise UsageError(f"--weights {name}=FILE needs {source.what}; {file!r} is not a file")
        return weights_of(spec, path, source)
    if source.bundled:
        if not source.bundled.is_file():
            raise UsageError(
                f"the bundled weights {source.bundled} are missing from this installation; reinstall abawbench, or "
                f"give --weights {others}"
            )
        return weights_of(spec, source.bundled, source)
    return weights_of(spec, fetch(source, others), source, expected=source.sha256)


def describe_sources(sources: Sequence[Source]) -> str:
    """Return the specifications of the sources and ``none``, for messages."""
    return f"{', '.join(source.spec for source in sources)} or none"


def weights_of(spec: str, path: Path, source: Source, expected: str | None = None) -> Weights:
    """Return the weights in a file with their digest. Raises UsageError when it is not the expected one."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if expected not in (None, digest):
        raise UsageError(
            f"{path} is not {source.what}: its SHA-256 is {digest[:12]}, not {str(expected)[:12]}; fetch it anew, or "
            f"give --weights {source.name}=FILE to use another"
        )
    return Weights(source=spec, path=str(path), sha256=digest, licence=source.licence, trained_on=source.trained_on)


def fetch(source: Source, others: str = "none") -> Path:
    """Return the local path of a hub file, fetching it if it is not in the local cache.

    Raises UsageError when it is in neither place, with the command that fetches it on another machine.
    """
    assert source.repository is not None
    path = hub_file(source.repository, source.file, source.revision)
    if path is None:
        why = (
            "the Hugging Face hub cannot be reached (abawbench asks it with --network only)"
            if source.revision
            else "abawbench fetches nothing whose revision is not pinned"
        )
        raise UsageError(
            f"{source.what} {source.repository} are not here and {why}; "
            f"give --weights {others}, or run `{fetch_command(source, source.file)}` on a machine with a connection "
            "and copy its ~/.cache/huggingface/hub here"
        )
    return path


def fetch_command(source: Source, file: str) -> str:
    """Return the command that fetches a file of a source from the hub."""
    command = ["hf", "download", str(source.repository), file]
    return shlex.join([*command, "--revision", source.revision] if source.revision else command)


@functools.cache
def hub_file(repository: str, file: str, revision: str | None = None) -> Path | None:
    """Return the local path of a file on the hub, None when it cannot be had. Asked once, and for seconds at most.

    Without a revision the hub is not asked: what it gave could be another file each time.
    """
    import huggingface_hub

    pinned: dict[str, Any] = {} if revision is None else {"revision": revision}
    try:
        return Path(huggingface_hub.hf_hub_download(repository, file, **pinned, local_files_only=True))
    except OSError:
        pass
    if revision is None or not _answers(huggingface_hub.hf_hub_url(repository, file, **pinned)):
        return None
    try:
        return Path(huggingface_hub.hf_hub_download(repository, file, **pinned))
    except OSError:
        return None


def _answers(url: str) -> bool:
    """Return whether the hub has the file, asked once: a download would ask a hub that is away again and again."""
    import huggingface_hub

    if huggingface_hub.constants.HF_HUB_OFFLINE:
        return False
    try:
        huggingface_hub.get_hf_file_metadata(url, timeout=PATIENCE)
    except Exception:  # a job without --network is refused; each version of the hub's library raises errors of its own
        return False
    return True


def read_state(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Return the named tensors of a file: safetensors, or a checkpoint that ``torch.load`` reads without running code.

    A checkpoint may be bare or hold them as ``state_dict`` or ``model_state_dict``, averaged ones (``state_dict_ema``)
    coming first; a leading ``module.`` of every name goes. Raises UsageError for anything else.
    """
    path = Path(path)
    if path.suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return dict(load_file(path))
        except (OSError, SafetensorError) as error:
            raise UsageError(f"{path} is not a safetensors file ({error}); fetch it anew") from error
    return _read_checkpoint(path)


def _read_checkpoint(path: Path) -> dict[str, Any]:
    try:
        # timm keeps its command line, a plain Namespace, beside the parameters
        with torch.serialization.safe_globals([argparse.Namespace]):
            content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # what is no checkpoint, such as a page saved in its place, may raise anything
        raise UsageError(f"{path} is not a PyTorch checkpoint of plain tensors; give the authors' file") from error
    for key in ("state_dict_ema", "state_dict", "model_state_dict"):
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
            break
    if not isinstance(content, dict):
        raise UsageError(f"{path} holds {type(content).__name__}, not named parameters; give the authors' file")
    return {str(name).removeprefix("module."): value for name, value in content.items()}


def check_state(
    state: Mapping[str, Any], expected: Mapping[str, Tensor], path: str | os.PathLike[str], what: str, remedy: str
) -> dict[str, Tensor]:
    """Return the state when every name and shape is as expected; ``what`` and ``remedy`` go into the message.

    BatchNorm's counters may be missing: they change nothing. Raises UsageError otherwise.
    """
    found = {name: torch.tensor(0) for name in expected if name.endswith("num_batches_tracked")} | dict(state)
    wrong = sorted(expected.keys() ^ found.keys()) or [
        name
        for name, value in expected.items()
        if not isinstance(found[name], Tensor) or found[name].shape != value.shape
    ]
    if wrong:
        raise UsageError(
            f"{path} does not hold {what}: {len(wrong)} entries differ in name or shape, {wrong[0]!r} first; {remedy}"
        )
    return found
