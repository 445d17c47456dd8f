"""Any encoder of timm or of the hub by its name: fetched, built, counted, and refused with what to do."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import huggingface_hub
import local_hub
import pytest
import tiny_encoders
import torch
from local_hub import Hub

from abawbench.contracts import Model, Task, UsageError
from abawbench.harness.measure.counting import count_macs, count_parameters
from abawbench.harness.measure.examples import example_of
from abawbench.nn import is_frozen
from abawbench.plugins import Plugins

pytest.importorskip("transformers")
PLUGINS = Plugins(third_party=False)
TASK: Task = PLUGINS.get("task", "expr").build()
VISION, SPEECH, TEXT = ("dinov2", "convnext", "clip", "videomae"), tiny_encoders.SPEECH, tiny_encoders.TEXT


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hub")
    tiny_encoders.write(folder, timm_names=("test_resnet",))
    return folder


@pytest.fixture
def hub(written: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ABAWBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("ABAWBENCH_NETWORK", "1")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    huggingface_hub.close_session()
    with local_hub.serve(local_hub.load(written)) as served:
        monkeypatch.setenv("HF_ENDPOINT", served.address)
        yield served
    huggingface_hub.close_session()


def build(name: str, **settings: Any) -> Model:
    plugin = PLUGINS.get("model", name)
    model: Model = plugin.build(plugin.builder().Settings(**settings))
    return model


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "inputs"),
    [
        *((f"hf:tiny/{name}", {"frames"}) for name in VISION),
        *((f"hf:tiny/{name}", {"audio"}) for name in SPEECH),
        *((f"hf:tiny/{name}", {"text"}) for name in TEXT),
        ("timm:test_resnet", {"frames"}),
        ("hf:tiny/dinov2+hf:tiny/wavlm", {"frames", "audio"}),
        ("timm:test_resnet+hf:tiny/clip+hf:tiny/bert", {"frames", "text"}),
    ],
)
def test_an_encoder_is_fetched_once_built_and_counted(hub: Hub, name: str, inputs: set[str], monkeypatch: Any) -> None:
    model = build(name, length=4, stride=4, hidden=16)
    weights = model.weights(None, synthetic=False)
    assert (model.inputs, weights.source, len(str(weights.sha256))) == (inputs, "pretrained", 64)
    network = model.network(TASK, weights).eval()
    example = example_of(model, torch.device("cpu"))
    assert network(*example).shape == (1, 4, 8)
    assert count_macs(network, *example).total["flop_counter"] > 0
    assert count_parameters(network).total > 0
    monkeypatch.setenv("ABAWBENCH_NETWORK", "0")
    asked = len(hub.asked)
    again = build(name, length=4, stride=4, hidden=16)
    second = again.network(TASK, again.weights("pretrained", synthetic=True)).eval()
    for one, other in zip(network.get_submodule("embed").parameters(), second.get_submodule("embed").parameters(),
                          strict=True):  # fmt: skip
        assert torch.equal(one, other)
    assert len(hub.asked) == asked


@pytest.mark.slow
def test_features_are_those_that_transformers_gives(hub: Hub, written: Path) -> None:
    import transformers

    model = build("hf:tiny/dinov2")
    network: Any = model.network(TASK, model.weights(None, synthetic=False)).eval()
    images = torch.randn(3, 3, 32, 32)
    there = transformers.AutoModel.from_pretrained(str(written / "tiny" / "dinov2")).eval()(images).last_hidden_state
    torch.testing.assert_close(network.embed(images), there.mean(dim=1))


@pytest.mark.parametrize("head", ["linear", "mlp", "temporal"])
def test_encoders_are_frozen_unless_tuned(hub: Hub, head: str) -> None:
    for tune in (False, True):
        model = build("timm:test_resnet", head=head, tune=tune, image=64)
        network = model.network(TASK, model.weights("none", synthetic=True))
        assert is_frozen(network.get_submodule("embed")) is not tune
        assert model.clip.size == 64
    assert not hub.asked, "timm knows its networks without a file"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("timm:resnet1", "did you mean timm:resnet18"),
        ("timm:resnet18.nonsense", "timm has no"),
        ("hf:nothing", "write hf:OWNER/NAME"),
        ("timm:resnet18+other", "'other' of model"),
        ("hf:", "unknown model"),
    ],
)
def test_a_name_that_is_none_is_refused_before_anything_is_fetched(hub: Hub, name: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        build(name)
    assert not hub.asked


def test_what_does_not_fit_is_refused(hub: Hub) -> None:
    with pytest.raises(UsageError, match="several encoders of audio"):
        build("hf:tiny/wavlm+hf:tiny/hubert").weights(None, synthetic=False)
    with pytest.raises(UsageError, match="has no weights 'imagenet'"):
        build("hf:tiny/wavlm").weights("imagenet", synthetic=False)
    with pytest.raises(UsageError, match="has no no/such"):
        build("hf:no/such").weights(None, synthetic=False)


def test_files_that_lack_parameters_are_refused(hub: Hub) -> None:
    files = next(iter(hub.repositories["tiny/dinov2"].commits.values()))
    hub.repositories["tiny/dinov2"].commit({**files, "config.json": files["config.json"].replace(
        b'"num_hidden_layers": 2', b'"num_hidden_layers": 3')})  # fmt: skip
    model = build("hf:tiny/dinov2")
    with pytest.raises(UsageError, match="its files lack"):
        model.network(TASK, model.weights(None, synthetic=False))


def test_a_pickle_in_a_repository_is_never_executed(hub: Hub, tmp_path: Path) -> None:
    class Malicious:
        def __reduce__(self) -> tuple[Any, ...]:
            return (tmp_path / "made").mkdir, ()

    torch.save({"a": Malicious()}, tmp_path / "evil.bin")
    files = next(iter(hub.repositories["tiny/dinov2"].commits.values()))
    evil = {"config.json": files["config.json"], "pytorch_model.bin": (tmp_path / "evil.bin").read_bytes()}
    hub.repository("bad/one").commit(evil)
    model = build("hf:bad/one")
    with pytest.raises(UsageError, match="cannot be loaded"):
        model.network(TASK, model.weights(None, synthetic=False))
    assert not (tmp_path / "made").exists()


def test_names_that_are_claimed_are_no_models_of_their_own() -> None:
    assert "encoders" not in PLUGINS.names("model")
    with pytest.raises(UsageError, match="unknown model 'encoders'"):
        PLUGINS.get("model", "encoders")
    assert PLUGINS.get("model", "timm:resnet18").name == "timm:resnet18"
