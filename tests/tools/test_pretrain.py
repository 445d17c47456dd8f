"""The script behind the bundled weights, and the weights it made."""

import csv
import json
from pathlib import Path

import numpy as np
import pretrain_data
import pretrain_mnv4
import pytest
import timm
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import load_file

import abawbench_plugins.models.mnv4_tam
from abawbench_plugins.databases.synthetic.face import AU_NAMES, RENDERING_VERSION
from abawbench_plugins.databases.synthetic.person import PRETRAINING_PEOPLE

pytestmark = pytest.mark.slow

WEIGHTS = Path(abawbench_plugins.models.mnv4_tam.__file__).parent / "weights"
BUNDLED = WEIGHTS / "synthetic.safetensors"


def rng(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def metadata() -> dict[str, str]:
    with safe_open(BUNDLED, "pt") as file:
        return dict(file.metadata())


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Folders of three tiny trainings: one seed twice, then another."""
    threads = torch.get_num_threads()
    folders = [tmp_path_factory.mktemp(name) for name in ("first", "again", "other")]
    for folder, seed in zip(folders, (3, 3, 4), strict=True):
        pretrain_mnv4.run(pretrain_mnv4.Plan(out=folder, steps=2, seed=seed, batch=4, validation_images=8))
    torch.set_num_threads(threads)
    torch.set_flush_denormal(False)
    return folders


class TestData:
    def test_training_and_held_out_people_never_meet_each_other_or_a_benchmark(self) -> None:
        training, held_out = pretrain_data.TRAINING_PEOPLE, pretrain_data.VALIDATION_PEOPLE
        assert training.stop <= held_out.start
        assert min(training.start, held_out.start) >= PRETRAINING_PEOPLE.start >= 100_000
        assert len(training) + len(held_out) == len(PRETRAINING_PEOPLE)

    def test_same_seed_draws_the_same_faces(self) -> None:
        people = pretrain_data.TRAINING_PEOPLE
        first, again, other = (pretrain_data.batch(people, [7, seed], 3) for seed in (1, 1, 2))
        assert all((a == b).all() for a, b in zip(first, again, strict=True))
        assert (first.images != other.images).any()

    @given(seed=st.integers(0, 2**32))
    @settings(max_examples=60, deadline=None)
    def test_every_intensity_is_clearly_present_or_clearly_absent(self, seed: int) -> None:
        intensity, expression = pretrain_data.sample_actions(rng(seed))
        assert ((intensity >= 0.2) | (intensity <= 0.1)).all()
        assert intensity.max() <= 1
        if pretrain_data.EXPRESSIONS[expression] == "neutral":
            assert intensity.max() < pretrain_data.PRESENT

    def test_prototypes_show_their_own_units(self) -> None:
        generator = rng(0)
        for _ in range(300):
            intensity, expression = pretrain_data.sample_actions(generator)
            always, _ = pretrain_data.PROTOTYPES.get(pretrain_data.EXPRESSIONS[expression], ((), ()))
            assert all(intensity[AU_NAMES.index(unit)] > pretrain_data.PRESENT for unit in always)

    def test_every_unit_is_often_there_and_often_not(self) -> None:
        generator = rng(0)
        share = np.mean(
            [pretrain_data.sample_actions(generator)[0] > pretrain_data.PRESENT for _ in range(2000)], axis=0
        )
        assert share.min() > 0.1
        assert share.max() < 0.6


class TestTraining:
    def test_repeats_for_a_seed_and_differs_for_another(self, runs: list[Path]) -> None:
        first, again, other = (load_file(folder / "synthetic.safetensors") for folder in runs)
        assert all(torch.equal(first[name], again[name]) for name in first)
        assert any(not torch.equal(first[name], other[name]) for name in first)

    def test_learns_something_in_every_part_of_the_backbone(self, runs: list[Path]) -> None:
        torch.manual_seed(3)
        untrained = {name: value.half() for name, value in pretrain_mnv4.Pretraining().backbone.state_dict().items()}
        trained = load_file(runs[0] / "synthetic.safetensors")
        weights = [name for name, value in trained.items() if value.ndim == 4]
        assert all(not torch.equal(trained[name], untrained[name]) for name in weights)

    def test_leaves_a_log_and_no_partial_file(self, runs: list[Path]) -> None:
        assert sorted(path.name for path in runs[0].iterdir()) == ["synthetic.csv", "synthetic.safetensors"]
        with (runs[0] / "synthetic.csv").open(newline="") as file:
            (row,) = csv.DictReader(file)
        assert int(row["step"]) == 2
        assert float(row["loss"]) > 0
        assert 0 <= float(row["f1_960_224"]) <= 1

    def test_pictures_grow_up_to_the_size_of_the_model(self) -> None:
        sizes = [pretrain_mnv4.stage_size(progress) for progress in np.linspace(0, 1, 50)]
        assert sizes == sorted(sizes)
        assert sizes[0] == pretrain_data.DRAWN_SIZE
        assert sizes[-1] == 224

    def test_f1_is_one_for_the_truth_and_zero_for_its_opposite(self) -> None:
        truth = rng(0).random((50, 12)) < 0.4
        assert pretrain_mnv4.mean_f1(truth, truth) == 1
        assert pretrain_mnv4.mean_f1(~truth, truth) == 0


class TestBundledWeights:
    def test_file_is_small(self) -> None:
        assert BUNDLED.stat().st_size < 3_000_000

    def test_fits_the_backbone_strictly_and_answers_in_finite_numbers(self) -> None:
        backbone = timm.create_model("mobilenetv4_conv_small", features_only=True, pretrained=False)
        backbone.load_state_dict(load_file(BUNDLED), strict=True)
        with torch.inference_mode():
            maps = backbone.eval()(torch.zeros(1, 3, 224, 224))
        assert [tuple(features.shape[1:]) for features in maps[-3:]] == [(64, 28, 28), (96, 14, 14), (960, 7, 7)]
        assert all(features.isfinite().all() for features in maps)

    def test_says_where_it_comes_from(self) -> None:
        facts = metadata()
        assert facts["licence"] == "Apache-2.0"
        assert facts["source"].endswith(".mnv4_tam.pretrain"), "the name that the script had when it wrote them"
        assert "invented" in facts["data"]
        assert json.loads(facts["rendering_version"]) == RENDERING_VERSION

    def test_its_people_are_in_no_benchmark(self) -> None:
        start, stop = json.loads(metadata()["people"])
        assert range(start, stop) == pretrain_data.TRAINING_PEOPLE
        assert start >= 100_000

    def test_beats_both_floors_on_people_it_never_saw(self) -> None:
        facts = {name: json.loads(value) for name, value in metadata().items() if name.startswith("f1_")}
        assert facts["f1_960_at_224"] > facts["f1_all_present_at_224"] + 0.1
        assert facts["f1_960_at_224"] > facts["f1_shuffled_at_224"] + 0.1

    def test_log_ends_with_the_weights_that_are_bundled(self) -> None:
        with (WEIGHTS / "synthetic.csv").open(newline="") as file:
            last = list(csv.DictReader(file))[-1]
        facts = metadata()
        assert int(last["step"]) == json.loads(facts["step"])
        assert float(last["f1_960_224"]) == json.loads(facts["f1_960_at_224"])
