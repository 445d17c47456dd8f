"""Models that are no torch module are fitted, predict and are scored like any other."""

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import abawbench
from abawbench.contracts import BaseSettings, PluginError, Predictor, Track
from abawbench.harness.data.inputs import no_inputs
from abawbench.harness.learn.learner import TrackLearner
from abawbench.harness.request.protocol import Protocol
from abawbench.plugins import default_plugins


@pytest.mark.parametrize("model", ["constant", "prior", "random"])
def test_a_floor_runs_like_any_model_and_costs_nothing_that_could_be_measured(
    model: str, toys: Any, tmp_path: Path
) -> None:
    machine = abawbench.Machine(device="cpu")
    (record,) = abawbench.run(model, "colour", {"toy": ()}, machine=machine, out=tmp_path, plugins=toys)
    assert record.status == "ok"
    assert record.cost is None
    assert record.trained is None
    assert record.settings == {"precision": "no"}
    assert record.counts.coverage == 1
    assert record.score.value < 0.6


class Gives(Predictor):
    """Predicts what it was given."""

    name = "gives"

    def __init__(self, scores: Any) -> None:
        super().__init__(BaseSettings())
        self.scores = scores

    def fit(self, task: Any, tracks: Any, seed: int) -> None:
        """Learn nothing."""

    def predict(self, task: Any, track: Track) -> Any:
        return self.scores


class Table:
    """As much of a table of pandas as counts here."""

    def __init__(self, values: np.ndarray, columns: Sequence[Any]) -> None:
        self.values, self.columns = values, columns

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return self.values.astype(dtype or self.values.dtype)


def predicted(scores: Any) -> np.ndarray:
    """What becomes of scores of valence and arousal for a track of two frames."""
    track = SimpleNamespace(id="t", n_frames=2)
    task = default_plugins().get("task", "va").build()
    setting: Any = SimpleNamespace(task=task, protocol=Protocol().for_task(task))
    return TrackLearner(Gives(scores), setting).predict(no_inputs([]), [track])[0]  # type: ignore[list-item]


PLAIN = np.array([[0.25, -0.5], [0.5, 1.0]])


@pytest.mark.parametrize("form", ["float16", "float32", "list", "tensor", "table", "numbered", "integers", "view"])
def test_real_numbers_of_any_form_are_scores(form: str) -> None:
    forms = {
        "float16": PLAIN.astype(np.float16),
        "float32": PLAIN.astype(np.float32),
        "list": PLAIN.tolist(),
        "tensor": torch.tensor(PLAIN),
        "table": Table(PLAIN, ["valence", "arousal"]),
        "numbered": Table(PLAIN, range(2)),
        "integers": PLAIN.round().astype(np.int8),
        "view": np.asfortranarray(PLAIN)[::1],
    }
    assert predicted(forms[form]).tolist() == (PLAIN.round() if form == "integers" else PLAIN).tolist()


@pytest.mark.parametrize(
    ("scores", "message"),
    [
        (PLAIN + 1j, "type complex128"),
        (PLAIN.astype(str), "give an array of real numbers"),
        ((row for row in PLAIN), "type object"),
        (np.ma.masked_array(PLAIN, mask=PLAIN > 0.9), "some are masked"),
        (Table(PLAIN, ["arousal", "valence"]), "the order of the outputs is valence, arousal"),
        (PLAIN * 7, r"track 't', frame 0: valence 1\.75 is outside -1 to 1, and so are 2 of 2 rows; clip them"),
        (PLAIN[:1], "shape"),
        (PLAIN.T[:, :1], "shape"),
    ],
    ids=["complex", "text", "generator", "masked", "order", "range", "short", "turned"],
)
def test_what_numpy_would_make_numbers_of_is_refused(scores: Any, message: str) -> None:
    with pytest.raises(PluginError, match=message):
        predicted(scores)
