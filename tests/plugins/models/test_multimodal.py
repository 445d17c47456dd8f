"""The EMI baselines and their fusions: sizes as published, weights read by name, missing inputs done without."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from abawbench.contracts import Task, UsageError, Weights
from abawbench.harness.measure.counting import count_macs, count_parameters
from abawbench.harness.measure.examples import example_of
from abawbench.harness.request.settings import apply
from abawbench.losses import scores_of
from abawbench.nn import ClipNetwork, InputsNetwork, frozen_prefixes
from abawbench.plugins import default_plugins
from abawbench_plugins.models.multimodal import encoders, heads, models

pytestmark = pytest.mark.slow

pytest.importorskip("transformers")
NONE = Weights(source="none")
NAMES = ("vit-features", "wav2vec2", "av-fusion", "avt-fusion")


def task(name: str) -> Task:
    return default_plugins().get("task", name).build()


def build(name: str, **settings: Any) -> Any:
    plugin = default_plugins().get("model", name)
    return plugin.build(apply(plugin.builder().Settings, settings, name))


def tiny(name: str, **settings: Any) -> Any:
    return build(name, **{"size": "tiny", "length": 4, "stride": 4, "hidden": 16, **settings})


def batch(model: Any, present: bool = True) -> tuple[dict[str, Tensor], ...]:
    """Random features, an index and presence for two clips, as the harness gives them."""
    features = {name: torch.randn(9, size) for name, size in model.dims.items()}
    index = {name: torch.randint(0, 9, (2, 4)) for name in model.dims}
    return features, index, {name: torch.full((2, 4), present) for name in model.dims}


@pytest.mark.parametrize(
    ("encoder", "shape", "parameters", "macs"),
    [
        (encoders.VISION, (1, 3, 224, 224), 21_665_664, 4.5985e9),
        (encoders.HEARING, (1, 16_000), 94_371_712, 6.9114e9),
    ],
    ids=["vit-s", "wav2vec2"],
)
def test_encoders_have_the_published_sizes(encoder: Any, shape: tuple[int, ...], parameters: int, macs: float) -> None:
    network = encoder.build("full").eval()
    assert count_parameters(network).total == parameters
    assert count_macs(network, torch.zeros(shape)).total["flop_counter"] == pytest.approx(macs, rel=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_the_tiny_size_trains_every_parameter_from_nothing(name: str) -> None:
    model = tiny(name)
    assert model.weights(None, synthetic=True) == NONE
    network = model.network(task("ah"), NONE)
    assert count_parameters(network).trained == count_parameters(network).total < 400_000
    assert frozen_prefixes(network) == ()
    assert isinstance(network, ClipNetwork if name == "vit-features" else InputsNetwork)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("of", ["va", "emi", "ah"])
def test_a_clip_gives_one_output_per_frame(name: str, of: str) -> None:
    model = tiny(name)
    network = model.network(task(of), NONE).eval()
    given = {
        "audio": torch.randn(2, 16_000),
        "frames": torch.randn(2, 4, 3, 48, 48),
        "text": torch.randint(0, 9, (2, encoders.TOKENS)),
    }
    with torch.no_grad():
        out = network(*(given[name] for name in sorted(model.inputs)))
    assert out.shape == (2, 4, len(task(of).outputs))


@pytest.mark.parametrize("fusion", ["late", "attention"])
def test_both_counters_agree_on_a_fused_network(fusion: str) -> None:
    model = tiny("avt-fusion", fusion=fusion)
    found = count_macs(model.network(task("ah"), NONE), *example_of(model, torch.device("cpu")))
    assert not found.failed
    assert found.total["flop_counter"] == found.total["fvcore"] > 1_000_000


@pytest.mark.parametrize("fusion", ["late", "attention"])
@pytest.mark.parametrize("name", ["av-fusion", "avt-fusion"])
def test_a_frame_without_any_input_has_a_finite_output(name: str, fusion: str) -> None:
    model = tiny(name, fusion=fusion)
    for mode in (True, False):
        head = model.head(task("emi")).train(mode)
        assert torch.isfinite(head(*batch(model, present=False))).all()


@pytest.mark.parametrize("fusion", ["late", "attention"])
def test_what_is_missing_has_no_say(fusion: str) -> None:
    model = tiny("av-fusion", fusion=fusion)
    head = model.head(task("emi")).eval()
    features, index, present = batch(model)
    present["audio"][0] = False
    with torch.no_grad():
        before = head(features, index, present)
        after = head({**features, "audio": torch.randn(9, 48)}, index, present)
    torch.testing.assert_close(before[0], after[0])
    assert not torch.allclose(before[1], after[1])


@pytest.mark.parametrize("of", ["va", "emi", "ah", "expr", "au", "mtl"])
def test_late_fusion_is_the_mean_of_the_predictions_of_its_halves(of: str) -> None:
    model = tiny("av-fusion", fusion="late")
    head = model.head(task(of)).eval()
    features, index, present = batch(model)
    with torch.no_grad():
        both = scores_of(head(features, index, present), task(of))
        halves = [scores_of(head(features, index, {**present, n: ~present[n]}), task(of)) for n in present]
    torch.testing.assert_close(both, torch.stack(halves).mean(dim=0), atol=1e-5, rtol=1e-4)


def test_in_training_each_clip_teaches_one_half_alone() -> None:
    torch.manual_seed(0)
    head = tiny("av-fusion", fusion="late").head(task("emi")).train()
    model = tiny("av-fusion")
    features, index, present = batch(model)
    with torch.no_grad():
        out = head(features, index, present)
        own = [head.bodies[name](features[name][index[name]]) for name in head.names]
    taught = [min(range(2), key=lambda n: float((out[b] - own[n][b]).abs().max())) for b in range(2)]
    for clip, half in enumerate(taught):
        torch.testing.assert_close(out[clip], own[half][clip])


@pytest.mark.parametrize("of", ["va", "emi", "ah", "mtl"])
def test_logits_of_is_the_inverse_of_scores_of(of: str) -> None:
    logits = torch.randn(5, len(task(of).outputs))
    scores = scores_of(logits, task(of))
    torch.testing.assert_close(scores_of(heads.logits_of(scores, task(of)), task(of)), scores, atol=1e-5, rtol=1e-4)


def old_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A Wav2Vec 2.0 checkpoint as it is published."""
    found = {}
    for name, value in state.items():
        own = name.replace("parametrizations.weight.original0", "weight_g")
        found["wav2vec2." + own.replace("parametrizations.weight.original1", "weight_v").removeprefix("model.")] = value
    return {**found, "quantizer.codevectors": torch.zeros(1), "project_q.weight": torch.zeros(1)}


def test_the_published_wav2vec2_checkpoint_is_read_by_its_old_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoders.Hearing, "__init__", _small_hearing)
    given = encoders.HEARING.build("full")
    path = tmp_path / "pytorch_model.bin"
    torch.save(old_names(given.state_dict()), path)
    found = encoders.HEARING.network("full", Weights(source="wav2vec2-base", path=str(path)))
    for name, value in given.state_dict().items():
        assert torch.equal(found.state_dict()[name], value)


def _small_hearing(self: Any, size: str, made: Any = encoders.Hearing.__init__) -> None:
    made(self, "tiny")


def test_the_published_bert_checkpoint_is_read_by_its_old_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = encoders.Reading.__init__
    monkeypatch.setattr(encoders.Reading, "__init__", lambda self, size: made(self, "tiny"))
    given = encoders.READING.build("full")
    state = {}
    for name, value in given.state_dict().items():
        old = name.replace("model.", "bert.", 1).replace("LayerNorm.weight", "LayerNorm.gamma")
        state[old.replace("LayerNorm.bias", "LayerNorm.beta")] = value.clone()
    state |= {"cls.predictions.bias": torch.zeros(1), "bert.pooler.dense.bias": torch.zeros(1)}
    path = tmp_path / "model.safetensors"
    save_file(state, path)
    found = encoders.READING.network("full", Weights(source="bert-base", path=str(path)))
    for name, value in given.state_dict().items():
        assert torch.equal(found.state_dict()[name], value)


def test_the_mean_over_a_transcript_does_not_count_its_padding() -> None:
    network = encoders.Reading("tiny").eval()
    tokens = torch.tensor([[5, 6, 7, 0, 0, 0]])
    with torch.no_grad():
        torch.testing.assert_close(network(tokens), network(tokens[:, :3]))
        assert torch.isfinite(network(torch.zeros(1, 4, dtype=torch.long))).all()


def test_words_without_a_vocabulary_have_numbers_of_their_own() -> None:
    model = tiny("avt-fusion")
    one, other = model.tokens("Well, uh, maybe"), model.tokens("I cook at home")
    assert one.shape == other.shape == (encoders.TOKENS,)
    assert not np.array_equal(one, other)
    assert (model.tokens("word " * 1000) > 0).all()


def test_a_vocabulary_makes_the_tokens_of_bert(tmp_path: Path) -> None:
    path = tmp_path / "vocab.txt"
    path.write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "maybe", "i", "should"]), encoding="utf-8")
    model = build("avt-fusion")
    model._vocabulary = str(path)
    assert model.tokens("Maybe I should")[:6].tolist() == [2, 5, 6, 7, 3, 0]
    assert model.tokens("maybe " * 900).shape == (encoders.TOKENS,)


def test_weights_with_a_source_freeze_the_encoders_and_none_trains_them(tmp_path: Path) -> None:
    path = tmp_path / "dino.pth"
    torch.save(encoders.VISION.build("full").state_dict(), path)
    model = build("vit-features")
    weights = model.weights(f"dino={path}", synthetic=False)
    assert (weights.licence, weights.trained_on) == ("Apache-2.0", ("ImageNet-1k without labels",))
    assert frozen_prefixes(model.network(task("va"), weights)) == ("embed.",)
    assert frozen_prefixes(model.network(task("va"), NONE)) == ()
    assert frozen_prefixes(build("vit-features", freeze="published").network(task("va"), NONE)) == ("embed.",)
    with pytest.raises(UsageError, match="are of the full network"):
        tiny("vit-features").network(task("va"), weights)


def test_the_weights_of_several_encoders_are_named_one_by_one(tmp_path: Path) -> None:
    files = {name: tmp_path / f"{name}.pt" for name in ("dino", "wav2vec2-base")}
    for file in files.values():
        torch.save({"a": torch.ones(1)}, file)
    spec = ",".join(f"{name}={file}" for name, file in files.items())
    weights = build("av-fusion").weights(spec, synthetic=False)
    assert [part.path for part in weights.parts] == [str(file) for file in files.values()]
    assert weights.trained_on == ("ImageNet-1k without labels", "LibriSpeech without labels")
    assert len(str(weights.sha256)) == 64
    with pytest.raises(UsageError, match="av-fusion has no weights 'bert-base'; give --weights dino, wav2vec2-base or"):
        build("av-fusion").weights("bert-base", synthetic=False)


def test_none_beside_weights_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "dino.pt"
    torch.save({"a": torch.ones(1)}, file)
    with pytest.raises(UsageError, match="give none alone"):
        build("av-fusion").weights(f"none,dino={file}", synthetic=False)


@pytest.mark.parametrize("dropout", [-1, 1.0, 1.5])
@pytest.mark.parametrize("name", ["av-fusion", "avt-fusion"])
def test_an_impossible_dropout_is_refused(name: str, dropout: float) -> None:
    with pytest.raises(UsageError, match="dropout="):
        build(name, dropout=dropout)


def test_the_vocabulary_lies_beside_the_weights(tmp_path: Path) -> None:
    weights = tmp_path / "model.safetensors"
    with pytest.raises(UsageError, match=r"put BERT's vocab\.txt there"):
        models.vocabulary_of(weights)
    (tmp_path / "vocab.txt").write_text("[PAD]", encoding="utf-8")
    assert models.vocabulary_of(weights) == tmp_path / "vocab.txt"


def test_features_from_files_need_no_network() -> None:
    model = build("av-fusion", source="files", length=4, stride=4)
    assert model.inputs == {"features:vit", "features:wav2vec2"}
    assert model.feature_sizes == {"features:vit": 384, "features:wav2vec2": 768}
    network = model.network(task("emi"), model.weights(None, synthetic=False))
    assert not list(network.embed.parameters())
    rows = [torch.randn(1, 7, size) for _, size in sorted(model.feature_sizes.items())]
    assert network.eval()(*rows).shape == (1, 4, 6)
    with pytest.raises(UsageError, match="need no weights"):
        model.weights("dino", synthetic=False)
    assert models.SHIPPED.source == "files"
