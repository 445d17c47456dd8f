"""A network exported elsewhere gives here what onnxruntime gives, is counted, and is refused where it does not fit."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from torch import Tensor, nn

from abawbench.contracts import Model, Task, UsageError
from abawbench.harness.measure.counting import count_macs, count_parameters
from abawbench.harness.measure.examples import example_of
from abawbench.plugins import Plugins

onnxruntime = pytest.importorskip("onnxruntime")
PLUGINS = Plugins(third_party=False)
TASK: Task = PLUGINS.get("task", "expr").build()
NAMES = ["Neutral", "Anger", "Disgust", "Fear", "Happiness", "Sadness", "Surprise"]
SAID = f'[input]\nsize = 64\n{{}}[output]\nnames = {NAMES}\nlacks = ["Other"]\n'.replace("'", '"')


class Last(nn.Module):
    """Takes images with their colours last and gives probabilities."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, images: Tensor) -> Tensor:
        found: Tensor = self.network(images.permute(0, 3, 1, 2)).softmax(dim=-1)
        return found


def network(name: str = "test_resnet", **more: Any) -> nn.Module:
    torch.manual_seed(0)
    made: nn.Module = timm.create_model(name, num_classes=7, **more).eval()
    return made


def export(made: nn.Module, path: Path, *shape: int) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            made, (torch.randn(shape),), path, input_names=["x"], output_names=["y"],
            dynamic_axes={"x": {0: "n"}, "y": {0: "n"}}, dynamo=False,
        )  # fmt: skip


def dynamic(path: Path) -> str:
    export(network(), path, 2, 3, 64, 64)
    return SAID.format("")


def transformer(path: Path) -> str:
    export(network("test_vit", img_size=64), path, 2, 3, 64, 64)
    return SAID.format("")


def colours_last(path: Path) -> str:
    export(Last(network()), path, 2, 64, 64, 3)
    return SAID.format('layout = "NHWC"\ncolours = "BGR"\n') + 'gives = "scores"\n'


def eight_bits(path: Path) -> str:
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static

    class Noise(CalibrationDataReader):  # type: ignore[misc]
        def __init__(self) -> None:
            self.left = [{"x": torch.randn(2, 3, 64, 64).numpy()} for _ in range(2)]

        def get_next(self) -> Any:
            return self.left.pop() if self.left else None

    export(network(), path.with_name("whole.onnx"), 2, 3, 64, 64)
    quantize_static(path.with_name("whole.onnx"), path, Noise(), quant_format=QuantFormat.QDQ, per_channel=True)
    return SAID.format("")


def build(path: Path) -> Model:
    plugin = PLUGINS.get("model", f"onnx:{path}")
    model: Model = plugin.build(plugin.builder().Settings(length=2))
    return model


@pytest.mark.slow
@pytest.mark.parametrize("write", [dynamic, transformer, colours_last, eight_bits])
def test_a_file_gives_what_onnxruntime_gives_and_is_counted(write: Callable[[Path], str], tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.with_suffix(".toml").write_text(write(path))
    model = build(path)
    made = model.network(TASK, model.weights(None, synthetic=True)).eval()
    (clips,) = example_of(model, torch.device("cpu"))
    images = clips[0]
    given = images.flip(1).permute(0, 2, 3, 1) if write is colours_last else images
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    there = session.run(None, {"x": given.contiguous().numpy()})[0]
    here = made(clips)[0].detach().numpy()
    if write is colours_last:
        here = np.exp(here)
    close = 0.05 if write is eight_bits else 1e-4
    np.testing.assert_allclose(here[:, :7], there, atol=close * float(np.abs(there).max()))
    assert (made(clips)[0, :, 7] == -30).all(), "what the network lacks is never chosen"
    macs = count_macs(made, clips).total
    assert macs["flop_counter"] == macs["fvcore"] > 0
    more = {"img_size": 64} if write is transformer else {}
    whole = sum(p.numel() for p in network("test_vit" if more else "test_resnet", **more).parameters())
    assert count_parameters(made).total == pytest.approx(whole, rel=0.02)
    assert not any(p.requires_grad for p in made.parameters())


def test_outputs_that_are_not_the_tasks_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    said = dynamic(path)
    for wrong, message in (
        (said.replace('"Neutral"', '"Calm"'), "gives no Neutral"),
        (said.replace('lacks = ["Other"]', ""), "gives no Other"),
        (said.replace("size = 64", "size = 64\npixels = 3"), r"model\.toml|input.pixels"),
        (said.replace("size = 64", ""), "input.size"),
        ("[[", "not valid TOML"),
    ):
        path.with_suffix(".toml").write_text(wrong)
        with pytest.raises(UsageError, match=message):
            build(path).network(TASK, build(path).weights(None, synthetic=True))
    path.with_suffix(".toml").unlink()
    with pytest.raises(UsageError, match="needs a description beside it"):
        build(path)


def test_files_that_cannot_be_run_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no file at"):
        build(tmp_path / "gone.onnx")
    path = tmp_path / "net.onnx"
    path.with_suffix(".toml").write_text(SAID.format(""))
    path.write_bytes(b"<html>")
    with pytest.raises(UsageError, match="not a valid ONNX file"):
        build(path).weights(None, synthetic=True)

    class Rounded(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return torch.round(images).mean(dim=(2, 3))

    export(Rounded(), path, 2, 3, 64, 64)
    with pytest.raises(UsageError, match="uses the operator Round"):
        build(path).network(TASK, build(path).weights(None, synthetic=True))
