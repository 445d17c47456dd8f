"""``model.toml``: what an ONNX file takes and gives, which the file itself does not say."""

import tomllib
from dataclasses import field
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked

from abawbench.contracts import UsageError

EXAMPLE = 'model.toml: [input] size = 224, mean = [...], std = [...]; [output] names = ["Neutral", ...]'


@checked(frozen=True, kw_only=True, config={"extra": "forbid"})
class Input:
    """How the images are given."""

    size: int
    """Images are resized to size x size pixels."""
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    """Of pixels from 0 to 1; for a network that takes 0 to 255, mean 0 and std 1/255."""
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    layout: Literal["NCHW", "NHWC"] = "NCHW"
    colours: Literal["RGB", "BGR"] = "RGB"


@checked(frozen=True, kw_only=True, config={"extra": "forbid"})
class Output:
    """What comes out, one row per image."""

    names: tuple[str, ...]
    """What each number is: names of the task's outputs, and ``-`` for what the task has no use for."""
    name: str | None = None
    """Of the output in the file; the first one by default."""
    gives: Literal["logits", "scores"] = "logits"
    """Logits, or what the task's activation makes of them: probabilities, or values from -1 to 1."""
    lacks: tuple[str, ...] = ()
    """Outputs of the task that the network does not have: a class that it never chooses, a unit that never acts."""


@checked(frozen=True, kw_only=True, config={"extra": "forbid"})
class Description:
    """The whole file."""

    input: Input
    output: Output
    postprocessing: dict[str, Any] = field(default_factory=dict)
    """``smoothing``, and ``thresholds`` with one per output, where the protocol asks for the published ones."""
    licence: str | None = None
    trained_on: tuple[str, ...] = ()


def read_description(path: Path) -> Description:
    """Return what ``NAME.toml`` or ``model.toml`` beside an ONNX file says. Raises UsageError naming file and key."""
    beside = [path.with_suffix(".toml"), path.with_name("model.toml")]
    file = next((one for one in beside if one.is_file()), None)
    if file is None:
        raise UsageError(f"{path} needs a description beside it, {beside[0].name} or {EXAMPLE}")
    try:
        return TypeAdapter(Description).validate_python(tomllib.loads(file.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{file}: not valid TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{file}: {where}: {first['msg']}; write as in {EXAMPLE}") from error
