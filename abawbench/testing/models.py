"""What a model keeps: shapes, the order of frames, repetition under a seed, weights that are named, countable cost."""

import pickle
from collections.abc import Iterator
from dataclasses import is_dataclass
from typing import Any
from unittest import SkipTest

import numpy as np

from abawbench.contracts import BaseSettings, Clip, Entrant, LabelledTrack, Model, Predictor, Task, UsageError, Weights
from abawbench.testing.checks import Breach, Subject, expect
from abawbench.testing.probes import PROBES, probe_tracks, seed_inside

BATCH = 2
CLOSE = 1e-4
"""How far float32 logits of the same clips may lie apart, as a share of the largest."""
ORDER = 0.5
"""An output must hang on its own frame at least this much, as a share of what it hangs on any other in its place.

A recurrent network that was not trained yet hangs on the frame before a little more than on its own.
"""


def entrant_of(subject: Subject) -> Entrant:
    """Return the model or predictor with its settings for a synthetic database. Raises Breach when it is neither."""
    settings: Any = getattr(subject.plugin.builder(), "Settings", None)
    expect(
        isinstance(settings, type) and issubclass(settings, BaseSettings) and is_dataclass(settings),
        "a builder whose attribute Settings is a dataclass derived from abawbench.contracts.Recipe or BaseSettings",
        settings,
    )
    made = subject.build(settings(**settings.on_synthetic))
    expect(isinstance(made, Entrant), "a builder that returns an abawbench.contracts Model or Predictor", type(made))
    return made  # type: ignore[no-any-return]


def model_of(subject: Subject) -> Model:
    """Return the model. Raises SkipTest for a predictor, which sees whole tracks."""
    made = entrant_of(subject)
    if not isinstance(made, Model):
        raise SkipTest("it has no network: it sees whole tracks")
    return made


def weights_of(model: Entrant) -> Weights:
    """Return the weights that a synthetic database gets, or random ones where those cannot be reached."""
    try:
        return model.weights(None, synthetic=True)
    except UsageError:
        return model.weights("none", synthetic=True)


def tasks_of(subject: Subject) -> Iterator[Task]:
    """Yield the tasks to try: made-up ones, then those that are installed."""
    yield from PROBES
    for plugin in subject.plugins.all("task"):
        yield plugin.build()


def sees_frames_alone(model: Model) -> None:
    """Return nothing. Raises SkipTest for a model with other inputs."""
    if set(model.inputs) != {"frames"}:
        raise SkipTest(f"its inputs are {', '.join(sorted(model.inputs))}")


def network_of(subject: Subject, seed: int = 0) -> tuple[Model, Task, Any]:
    """Return the model, the first task that it takes, and its network for it in evaluation mode."""
    model = model_of(subject)
    weights = weights_of(model)
    refused = None
    for task in tasks_of(subject):
        try:
            with seed_inside(seed):
                return model, task, model.network(task, weights).eval()
        except UsageError as error:
            refused = error
    raise Breach("a network for at least one task", f"only refusals: {refused}")


def clips_like(clip: Clip, batch: int = BATCH, seed: int = 0) -> Any:
    """Return random clips [batch, length, 3, size, size], normalised."""
    import torch

    generator = torch.Generator().manual_seed(seed)
    return torch.randn(batch, clip.length, 3, clip.size, clip.size, generator=generator)


def noise_for(model: Model, batch: int = BATCH) -> tuple[Any, ...]:
    """Return noise for every input of a model, as its network is called with."""
    import torch

    from abawbench.harness.measure.examples import example_of

    return example_of(model, torch.device("cpu"), batch)


def call(network: Any, *given: Any) -> Any:
    """Return the logits of clips, without gradients."""
    import torch

    with torch.inference_mode():
        return network(*given)


def logits_by_parts(network: Any, clips: Any) -> Any:
    """Return the logits of clips as the harness computes them: images through ``embed``, then ``head``."""
    import torch

    index = torch.arange(clips.shape[0] * clips.shape[1]).view(clips.shape[:2])
    with torch.inference_mode():
        return network.head(network.embed(clips.flatten(0, 1)), index)


def differ(left: Any, right: Any) -> bool:
    """Return whether logits differ by more than rounding."""
    return bool((left - right).abs().max() > CLOSE * max(float(right.abs().max()), 1e-3))


def check_build(subject: Subject) -> None:
    """The builder gives a model or predictor of the declared inputs, a model with a clip."""
    model = entrant_of(subject)
    plugin = subject.plugin
    declared = frozenset(getattr(plugin.declaration, "inputs", ()))
    expect(declared == model.inputs, f"the inputs of the declaration, {sorted(declared)}", sorted(model.inputs))
    if isinstance(model, Model):
        clip = model.clip
        expect(0 < clip.stride <= clip.length and clip.size > 0, "a clip with 0 < stride <= length and a size", clip)
    there = pickle.loads(pickle.dumps(model))
    expect(there.settings == model.settings, "the same settings after pickling", there.settings)


def check_weights(subject: Subject) -> None:
    """Weights are named, in the declaration and when asked for; a source that is not known is refused."""
    model = entrant_of(subject)
    declared = str(getattr(subject.plugin.declaration, "weights", ""))
    expect(declared.strip(), "a weights source in the declaration", "none")
    found = weights_of(model)
    expect(isinstance(found, Weights) and found.source, "Weights that name their source", found)
    try:
        strange = model.weights("no-such-weights", synthetic=True)
    except UsageError:
        return
    raise Breach("UsageError for the weights 'no-such-weights'", strange.source)


def check_logits(subject: Subject) -> None:
    """Logits are finite floats [B, K] or [B, T, K] for every task that the model takes."""
    import torch

    model = model_of(subject)
    given, batch, length = noise_for(model), BATCH, model.clip.length
    taken = 0
    for task in tasks_of(subject):
        if task not in PROBES and taken:
            break
        try:
            with seed_inside(0):
                network = model.network(task, weights_of(model)).eval()
        except UsageError:
            continue
        taken += 1
        outputs = len(task.outputs)
        ways = {"network(clips)": call(network, *given)}
        if set(model.inputs) == {"frames"}:
            ways["head(embed)"] = logits_by_parts(network, given[0])
        for how, logits in ways.items():
            expect(isinstance(logits, torch.Tensor) and logits.is_floating_point(), f"floats from {how}", type(logits))
            shape = list(logits.shape)
            allowed = ([batch, outputs], [batch, length, outputs])
            expect(shape in allowed, f"logits {allowed[0]} or {allowed[1]} from {how} for {outputs} outputs", shape)
            expect(torch.isfinite(logits).all(), f"finite logits from {how}", f"{logits.flatten()[:3].tolist()}")
    expect(taken, "a network for at least one task", "only refusals")


def check_parts(subject: Subject) -> None:
    """The whole network gives what ``embed`` and ``head`` give together."""
    model, _, network = network_of(subject)
    sees_frames_alone(model)
    clips = clips_like(model.clip)
    whole, parts = call(network, clips), logits_by_parts(network, clips)
    expect(not differ(parts, whole), "the same logits from network(clips) and head(embed(images), index)", "others")


def check_index(subject: Subject) -> None:
    """``index`` alone says which image a frame shows, so that images are shared and gaps are filled."""
    import torch

    model, _, network = network_of(subject)
    sees_frames_alone(model)
    images = clips_like(model.clip, 1)[0]
    length = len(images)
    # frames that have no image show another's
    shown = torch.arange(length).clamp(max=max(length - 2, 0))
    order = torch.arange(length).flip(0)
    with torch.inference_mode():
        plain = network.head(network.embed(images), shown[None])
        turned = network.head(network.embed(images[order]), order[shown][None])
    expect(
        not differ(turned, plain),
        "the same logits when the images stand in another order and index says so",
        f"a difference of {float((turned - plain).abs().max()):.2g}",
    )


def check_independence(subject: Subject) -> None:
    """In evaluation a clip's logits do not depend on the clips beside it."""
    model, _, network = network_of(subject)
    given = noise_for(model, 3)
    together, alone = call(network, *given), call(network, *(x[1:2] for x in given))
    expect(not differ(together[1:2], alone), "the same logits of a clip alone and in a batch", "others")


def check_frame_order(subject: Subject) -> None:
    """Output t belongs to frame t: it hangs on its own frame more than on the one that stands in its place."""
    import torch

    model, _, network = network_of(subject)
    sees_frames_alone(model)
    clips = clips_like(model.clip, 1)
    logits = call(network, clips)
    length = clips.shape[1]
    if logits.ndim == 2 or length == 1:
        raise SkipTest("it gives one output per clip")
    hangs = torch.zeros(length, length)
    for frame in range(length):
        other = clips.clone()
        other[0, frame] = clips_like(model.clip, 1, seed=1)[0, frame]
        hangs[frame] = (call(network, other) - logits)[0].abs().sum(dim=-1)
    own = float(hangs.diagonal().sum())
    places = {"back to front": hangs.flip(1)}
    places |= {f"moved by {shift}": hangs.roll(-shift, dims=1) for shift in range(1, length)}
    for how, moved in places.items():
        rival = float(moved.diagonal().sum())
        expect(
            own >= ORDER * rival,
            "output t to follow frame t",
            f"outputs that follow the frames {how}: {rival:.2g} against {own:.2g}",
        )


def check_repeatability(subject: Subject) -> None:
    """The same seed gives the same network, and a network in evaluation the same logits."""
    model, _, first = network_of(subject)
    second = network_of(subject)[2]
    given = noise_for(model)
    once = call(first, *given)
    expect(bool((call(first, *given) == once).all()), "the same logits twice in evaluation", "others the second time")
    expect(
        bool((call(second, *given) == once).all()), "the same logits from a network built with the same seed", "others"
    )


def check_training(subject: Subject) -> None:
    """Two steps of training change the trained part and nothing frozen, and leave finite logits."""
    import torch

    from abawbench.harness.learn.recipe import flat_loss, loss_of

    model, task, network = network_of(subject)
    given = noise_for(model)
    trained = {name: p for name, p in network.named_parameters() if p.requires_grad}
    if not trained:
        raise SkipTest("it trains nothing")
    before = {name: value.detach().clone() for name, value in network.state_dict().items()}
    optimiser = torch.optim.SGD(trained.values(), lr=1e-3)
    criterion = loss_of(task, model.settings)
    target, mask = _target(task, BATCH, model.clip.length)
    network.train()
    with seed_inside(1):
        for _ in range(2):
            loss = flat_loss(criterion, network(*given), target, mask, task)
            expect(torch.isfinite(loss), "a finite loss", float(loss.detach()))
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    after = network.state_dict()
    expect(any(not torch.equal(after[n], before[n]) for n in trained), "training that changes a parameter", "none")
    frozen = {name for name, p in network.named_parameters() if not p.requires_grad}
    changed = sorted(name for name in frozen if not torch.equal(after[name], before[name]))
    expect(not changed, "frozen parameters that stay", f"others in {changed[:1]}")
    logits = call(network.eval(), *given)
    expect(torch.isfinite(logits).all(), "finite logits after training", logits.flatten()[:3].tolist())


def _target(task: Task, batch: int, length: int) -> tuple[Any, Any]:
    import torch

    from abawbench.testing.probes import labels_like

    drawn = torch.from_numpy(labels_like(task, batch * length, 0))
    target = drawn.long() if task.kind == "multiclass" else drawn.float()
    parts = (len(task.parts),) if task.parts else ()
    return target.view(batch, length, *target.shape[1:]), torch.ones(batch, length, *parts, dtype=torch.bool)


def check_counts(subject: Subject) -> None:
    """Its parameters and multiply-accumulates can be counted."""
    from abawbench.harness.measure.counting import count_macs, count_parameters

    model, _, network = network_of(subject)
    expect(count_parameters(network).total > 0, "parameters", "none")
    macs = count_macs(network, *noise_for(model, 1))
    expect(any(macs.total.values()), "multiply-accumulates that a counter sees", f"none; {dict(macs.failed)}")


def check_predictor(subject: Subject) -> None:
    """Fitted to tracks, it gives finite scores [n_frames, K] (or [1, K]) of others, the same with the same seed."""
    if not isinstance(entrant_of(subject), Predictor):
        raise SkipTest("it has a network")
    for task in PROBES:
        *known, asked = probe_tracks(task, 4)
        given = [LabelledTrack(one.track, one.known.read_only()) for one in known]
        rows = 1 if task.level == "track" else asked.track.n_frames
        found = []
        for _ in range(2):
            fitted = entrant_of(subject)
            assert isinstance(fitted, Predictor)
            fitted.fit(task, given, seed=0)
            scores = np.asarray(fitted.predict(task, asked.track))
            wanted = [rows, len(task.outputs)]
            expect(list(scores.shape) == wanted, f"scores {wanted} for a {task.kind} task", list(scores.shape))
            expect(np.isfinite(scores).all(), f"finite scores for a {task.kind} task", scores[0])
            low = -1 if task.kind == "regression" else 0
            inside = (scores >= low - CLOSE).all() and (scores <= 1 + CLOSE).all()
            expect(inside, f"scores from {low} to 1 for a {task.kind} task", f"{scores.min():g} to {scores.max():g}")
            found.append(scores)
        expect(np.array_equal(found[0], found[1]), "the same scores with the same seed", "others")


CHECKS = (
    ("builds", "a model of the declared name and inputs, which can be sent to another process", check_build),
    ("weights", "its weights are named, and unknown ones refused", check_weights),
    ("shapes", "it gives logits of the contract's shape for every task that it takes", check_logits),
    ("parts", "the whole network is embed and head together", check_parts),
    ("index", "index says which image a frame shows", check_index),
    ("batch", "a clip's logits do not depend on its neighbours", check_independence),
    ("frame-order", "it keeps the order of frames", check_frame_order),
    ("repeatable", "the same seed gives the same answers", check_repeatability),
    ("training", "training changes what is trained, and leaves finite answers", check_training),
    ("tracks", "fitted to tracks, it predicts others", check_predictor),
    ("cost", "its cost can be counted", check_counts),
)
