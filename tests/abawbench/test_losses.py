"""Losses against independent references, with extreme logits, and with rows that are not annotated."""

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torchmetrics.functional import concordance_corrcoef, pearson_corrcoef
from torchvision.ops import sigmoid_focal_loss

from abawbench import losses
from abawbench.contracts import Task, UsageError

TASKS = {
    kind: Task(
        name=kind,
        level="frame",
        kind=kind,
        outputs=("a", "b", "c"),
        metric="",
        database="",
        label="",
        edition=8,
        activation=activation,
        loss="",
    )
    for kind, activation in (("regression", "tanh"), ("multiclass", "softmax"), ("multilabel", "sigmoid"))
}
CASES = [
    (losses.concordance, "regression", {}),
    (losses.sample_concordance, "regression", {}),
    (losses.pearson, "regression", {}),
    (losses.mean_squared_error, "regression", {}),
    (losses.cross_entropy, "multiclass", {"class_weights": [1.0, 2.0, 3.0], "label_smoothing": 0.1}),
    (losses.focal_cross_entropy, "multiclass", {"gamma": 2.0, "label_smoothing": 0.1, "kl_weight": 0.2}),
    (losses.focal_cross_entropy, "multiclass", {"gamma": 0.5}),
    (losses.target_focal_cross_entropy, "multiclass", {"label_smoothing": 0.1, "kl_weight": 0.2}),
    (losses.target_focal_cross_entropy, "multiclass", {"alpha": 1.0, "gamma": 0.5}),
    (losses.binary_cross_entropy, "multilabel", {"class_weights": [1.0, 2.0, 3.0]}),
    (losses.focal_sigmoid, "multilabel", {"alpha": 0.75, "gamma": 2.0}),
    (losses.focal_sigmoid, "multilabel", {"gamma": 0.5}),
]
every_loss = pytest.mark.parametrize(("loss", "kind", "options"), CASES)


def batch(kind: str, rows: int = 40, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(rows, 3, generator=generator)
    target = {
        "regression": torch.rand(rows, 3, generator=generator) * 2 - 1,
        "multiclass": torch.randint(3, (rows,), generator=generator),
        "multilabel": torch.randint(2, (rows, 3), generator=generator),
    }[kind]
    return logits, target, torch.rand(rows, generator=generator) < 0.7


@every_loss
def test_rows_that_are_not_annotated_do_not_count(loss: Any, kind: str, options: dict[str, Any]) -> None:
    logits, target, mask = batch(kind)
    everything = torch.ones(int(mask.sum()), dtype=torch.bool)
    expected = loss(logits[mask], target[mask], everything, TASKS[kind], **options)
    wild = torch.where(mask[:, None], logits, torch.tensor(1e30))
    torch.testing.assert_close(loss(wild, target, mask, TASKS[kind], **options), expected)


@every_loss
def test_a_batch_without_annotated_rows_gives_zero_and_a_zero_gradient(
    loss: Any, kind: str, options: dict[str, Any]
) -> None:
    logits, target, mask = batch(kind)
    logits.requires_grad_()
    value = loss(logits, target, torch.zeros_like(mask), TASKS[kind], **options)
    value.backward()
    assert value.item() == 0
    assert logits.grad is not None
    assert not logits.grad.any()


@every_loss
@pytest.mark.parametrize("scale", [0.0, 100.0, 1e4])
def test_extreme_logits_keep_value_and_gradient_finite(
    loss: Any, kind: str, options: dict[str, Any], scale: float
) -> None:
    logits, target, mask = batch(kind)
    logits = (logits * scale).requires_grad_()
    value = loss(logits, target, mask, TASKS[kind], **options)
    value.backward()
    assert value.isfinite()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


@every_loss
def test_one_annotated_row_is_enough(loss: Any, kind: str, options: dict[str, Any]) -> None:
    logits, target, mask = batch(kind, rows=1)
    logits.requires_grad_()
    loss(logits, target, torch.ones_like(mask), TASKS[kind], **options).backward()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()


@every_loss
def test_half_precision_logits_are_computed_in_float32(loss: Any, kind: str, options: dict[str, Any]) -> None:
    logits, target, mask = batch(kind)
    low = logits.bfloat16()
    expected = loss(low.float(), target, mask, TASKS[kind], **options)
    torch.testing.assert_close(loss(low, target, mask, TASKS[kind], **options), expected)


@given(seed=st.integers(0, 1000), shift=st.floats(-3, 3), rows=st.integers(2, 50))
def test_correlation_losses_are_the_reference_metrics(seed: int, shift: float, rows: int) -> None:
    logits, target, _ = batch("regression", rows, seed)
    logits, mask = logits + shift, torch.ones(rows, dtype=torch.bool)
    for loss, reference in ((losses.concordance, _population_ccc), (losses.pearson, pearson_corrcoef)):
        expected = 1 - reference(torch.tanh(logits).double(), target.double()).mean()
        value = loss(logits, target, mask, TASKS["regression"])
        torch.testing.assert_close(value.double(), expected, rtol=1e-4, atol=1e-4)


def _population_ccc(x: Tensor, y: Tensor) -> Tensor:
    a, b = x.numpy(), y.numpy()
    covariance = np.array([np.cov(a[:, k], b[:, k], ddof=0)[0, 1] for k in range(a.shape[1])])
    return torch.from_numpy(2 * covariance / (a.var(0) + b.var(0) + (a.mean(0) - b.mean(0)) ** 2))


def test_concordance_agrees_with_torchmetrics_on_many_rows() -> None:
    logits, target, _ = batch("regression", 20_000)
    value = losses.concordance(logits, target, torch.ones(20_000, dtype=torch.bool), TASKS["regression"])
    expected = 1 - concordance_corrcoef(torch.tanh(logits), target).mean()  # sample moments: differs by about 1/N
    torch.testing.assert_close(value, expected, rtol=0, atol=1e-4)


def test_a_perfect_prediction_has_no_concordance_or_pearson_loss() -> None:
    logits, _, mask = batch("regression")
    target = torch.tanh(logits)
    assert losses.concordance(logits, target, mask, TASKS["regression"]).item() == pytest.approx(0, abs=1e-5)
    assert losses.pearson(logits, target, mask, TASKS["regression"]).item() == pytest.approx(0, abs=1e-5)


def test_mean_squared_error_is_taken_after_the_activation() -> None:
    logits, target, mask = batch("regression")
    expected = np.mean((np.tanh(logits[mask].numpy()) - target[mask].numpy()) ** 2)
    assert losses.mean_squared_error(logits, target, mask, TASKS["regression"]).item() == pytest.approx(expected)


@pytest.mark.parametrize("gamma", [0.0, 1.0, 2.0])
def test_focal_sigmoid_is_torchvisions(gamma: float) -> None:
    logits, target, mask = batch("multilabel")
    expected = sigmoid_focal_loss(logits[mask], target[mask].float(), alpha=0.75, gamma=gamma, reduction="mean")
    value = losses.focal_sigmoid(logits, target, mask, TASKS["multilabel"], alpha=0.75, gamma=gamma)
    torch.testing.assert_close(value, expected)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_focal_cross_entropy_without_focus_is_cross_entropy(smoothing: float) -> None:
    logits, target, mask = batch("multiclass")
    expected = torch.nn.functional.cross_entropy(logits[mask], target[mask], label_smoothing=smoothing)
    task = TASKS["multiclass"]
    plain = losses.focal_cross_entropy(logits, target, mask, task, gamma=0, label_smoothing=smoothing)
    torch.testing.assert_close(plain, expected)
    torch.testing.assert_close(losses.cross_entropy(logits, target, mask, task, label_smoothing=smoothing), expected)


def test_focal_cross_entropy_is_its_formula() -> None:
    logits, target, mask = batch("multiclass")
    x, y = logits[mask].double().numpy(), target[mask].numpy()
    p = np.exp(x) / np.exp(x).sum(1, keepdims=True)
    q = np.eye(3)[y] * 0.9 + 0.1 / 3
    focal = -(q * (1 - p) ** 2 * np.log(p)).sum(1).mean()
    divergence = (q * np.log(q / p)).sum(1).mean()
    value = losses.focal_cross_entropy(
        logits, target, mask, TASKS["multiclass"], gamma=2, label_smoothing=0.1, kl_weight=0.2
    )
    assert value.item() == pytest.approx(0.8 * focal + 0.2 * divergence, rel=1e-5)


def test_target_focal_cross_entropy_is_the_published_formula() -> None:
    # focal factor of the target's class and alpha 0.75 on the label-smoothed cross-entropy, times 0.8, plus 0.2 x KL
    logits, target, mask = batch("multiclass")
    x, y = logits[mask].double().numpy(), target[mask].numpy()
    p = np.exp(x) / np.exp(x).sum(1, keepdims=True)
    q = np.eye(3)[y] * 0.9 + 0.1 / 3
    focal = (0.75 * (1 - p[np.arange(len(y)), y]) ** 2 * -(q * np.log(p)).sum(1)).mean()
    divergence = (q * np.log(q / p)).sum() / len(y)
    value = losses.target_focal_cross_entropy(
        logits, target, mask, TASKS["multiclass"], alpha=0.75, gamma=2, label_smoothing=0.1, kl_weight=0.2
    )
    assert value.item() == pytest.approx(0.8 * focal + 0.2 * divergence, rel=1e-5)


def test_sample_concordance_has_unbiased_variances_and_a_population_covariance() -> None:
    logits, target, mask = batch("regression")
    x, y = np.tanh(logits[mask].double().numpy()), target[mask].double().numpy()
    covariance = ((x - x.mean(0)) * (y - y.mean(0))).mean(0)
    ccc = 2 * covariance / (x.var(0, ddof=1) + y.var(0, ddof=1) + (x.mean(0) - y.mean(0)) ** 2 + 1e-8)
    value = losses.sample_concordance(logits, target, mask, TASKS["regression"])
    assert value.item() == pytest.approx(1 - ccc.mean(), rel=1e-5)


def test_class_weights_are_torchs() -> None:
    logits, target, mask = batch("multiclass")
    weights = [1.0, 5.0, 0.5]
    expected = torch.nn.functional.cross_entropy(logits[mask], target[mask], weight=torch.tensor(weights))
    value = losses.cross_entropy(logits, target, mask, TASKS["multiclass"], class_weights=weights)
    torch.testing.assert_close(value, expected)
    logits, target, mask = batch("multilabel")
    p, y = torch.sigmoid(logits[mask]), target[mask]
    by_hand = -(torch.tensor(weights) * y * p.log() + (1 - y) * (1 - p).log()).mean()
    value = losses.binary_cross_entropy(logits, target, mask, TASKS["multilabel"], class_weights=weights)
    torch.testing.assert_close(value, by_hand)


def test_class_weights_of_the_wrong_number_are_refused() -> None:
    logits, target, mask = batch("multiclass")
    with pytest.raises(UsageError, match="3 outputs; class_weights has 2"):
        losses.cross_entropy(logits, target, mask, TASKS["multiclass"], class_weights=[1.0, 2.0])


def test_activations_are_the_four_a_task_may_name() -> None:
    x = torch.tensor([[0.0, 1.0, -2.0]])
    torch.testing.assert_close(losses.activate(x, "tanh"), x.tanh())
    torch.testing.assert_close(losses.activate(x, "sigmoid"), 1 / (1 + (-x).exp()))
    torch.testing.assert_close(losses.activate(x, "softmax").sum(-1), torch.ones(1))
    assert losses.activate(x, "identity") is x
    with pytest.raises(UsageError, match="relu"):
        losses.activate(x, "relu")
