"""Ensembles of stored runs: combined out of fold, written as a run."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import abawbench
from abawbench.compare.verify import _contradiction
from abawbench.contracts import Labels, Metric, Task, UsageError
from abawbench.harness.combine.methods import METHODS, Examples, fit_combination, read_combination
from abawbench.insight import ensemble
from abawbench.plugins import Plugins
from abawbench.records import store

SETTINGS = {"epochs": 1, "batch": 8}


@pytest.fixture
def members(run: Callable[..., list[abawbench.Record]], tmp_path: Path) -> Path:
    """Three seeds of the toy."""
    run(seed=[0, 1, 2])
    return tmp_path / "runs"


@pytest.mark.slow
def test_an_ensemble_is_a_run_whose_value_comes_out_again(members: Path, toys: Plugins, tmp_path: Path) -> None:
    for method in METHODS:
        out = tmp_path / method
        record = ensemble(members, out, data={"toy": ()}, method=method, folds=3, plugins=toys)
        told = record.ensemble
        assert told is not None
        assert len(told.members) == 3
        assert told.folds == (0 if method in ("mean", "rank") else 3)
        assert abawbench.score(out, data={"toy": ()}, plugins=toys).score.value == record.score.value
        assert store.read(out).ensemble == told
        assert _contradiction(record, toys) is None
        if not told.folds:
            assert told.in_sample == record.score.value


@pytest.mark.slow
def test_runs_that_do_not_belong_together_are_refused(members: Path, toys: Plugins, tmp_path: Path) -> None:
    first = next(members.rglob("result.json")).parent
    with pytest.raises(UsageError, match="name each once"):
        ensemble([first, first], tmp_path / "twice", data={"toy": ()}, plugins=toys)
    with pytest.raises(UsageError, match="two runs or more"):
        ensemble(first, tmp_path / "one", data={"toy": ()}, plugins=toys)
    ensemble(members, tmp_path / "both", data={"toy": ()}, plugins=toys)
    with pytest.raises(UsageError, match="an ensemble itself"):
        ensemble([tmp_path / "both", first], tmp_path / "nested", data={"toy": ()}, plugins=toys)
    with pytest.raises(UsageError, match="already there"):
        ensemble(members, tmp_path / "both", data={"toy": ()}, plugins=toys)


def _examples(task: str, members: int = 3) -> tuple[Examples, Task, Metric]:
    plugins = Plugins()
    built = plugins.get("task", task).build()
    metric = plugins.get("metric", built.metric).build(built)
    random = np.random.default_rng(0)
    scores, labels = [], []
    for _ in range(12):
        n, k = 30, len(built.outputs)
        if built.kind == "regression":
            truth = np.clip(random.normal(0, 0.4, (n, k)), -1, 1)
            known, noise = truth, 0.2
        elif built.kind == "multiclass":
            truth = random.integers(0, k, n)
            known, noise = np.eye(k)[truth], 0.4
        else:
            truth = random.integers(0, 2, (n, k))
            known, noise = truth.astype(float), 0.4
        # the last member knows nothing
        given = [known + noise * (m + 1) * random.normal(size=known.shape) for m in range(members - 1)]
        given.append(random.normal(size=known.shape))
        found = np.stack(given)
        if built.kind == "multiclass":
            found = np.exp(found) / np.exp(found).sum(axis=2, keepdims=True)
        elif built.kind == "multilabel":
            found = np.clip(found, 0, 1)
        scores.append(found)
        labels.append(Labels(truth, np.arange(n) % 5 != 4))
    return Examples(scores, labels, [f"s{i // 2}" for i in range(12)]), built, metric


@pytest.mark.parametrize("task", ["va", "expr", "au"])
@pytest.mark.parametrize("method", METHODS)
def test_what_is_read_back_combines_as_before(method: str, task: str) -> None:
    examples, built, metric = _examples(task)
    if (method, built.kind) == ("logistic", "regression"):
        with pytest.raises(UsageError, match="use ridge"):
            fit_combination("logistic", built, metric, examples)
        return
    fitted = fit_combination(method, built, metric, examples)
    one = fitted.apply(examples.scores[0])
    np.testing.assert_array_equal(read_combination(fitted.parameters(), built).apply(examples.scores[0]), one)
    assert one.shape == (30, len(built.outputs))
    if built.kind == "multiclass":
        np.testing.assert_allclose(one.sum(axis=1), 1)
    if built.kind == "multilabel":
        assert ((one >= 0) & (one <= 1)).all()


@pytest.mark.parametrize("method", ["weights", "greedy"])
def test_a_member_that_knows_nothing_loses_its_weight(method: str) -> None:
    examples, built, metric = _examples("va")
    weights = fit_combination(method, built, metric, examples).parameters()["weights"]
    assert abs(sum(weights) - 1) < 1e-12
    assert min(weights) >= 0
    assert weights[2] < 0.15 < weights[0]
