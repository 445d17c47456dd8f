"""What a run would do and about how long that would take, from a sample of the very work; no result is written."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from time import perf_counter

from torch import nn

from abawbench.contracts import AbawbenchError, LabelledTrack, Track
from abawbench.harness.data.frames import Caching, count_cached, decide_caching
from abawbench.harness.data.images import cut_windows
from abawbench.harness.data.loader import closing_workers, count_workers
from abawbench.harness.jobs.failures import failure_of
from abawbench.harness.jobs.fitting import build_learner
from abawbench.harness.jobs.prepare import Prepared, prepare
from abawbench.harness.jobs.worker import Session, about_of, read_known
from abawbench.harness.learn.learner import NetworkLearner
from abawbench.harness.learn.optimisation import Optimisation
from abawbench.harness.request.devices import accelerator_on
from abawbench.harness.request.jobs import Job, Work
from abawbench.harness.request.journal import Journal
from abawbench.progress import Progress
from abawbench.system.repeatable import make_repeatable

SAMPLE_S = 10.0
"""Seconds for which training is tried."""
SAMPLED = 512
"""Frames of whole tracks, the shortest first, on which it is tried; more where a batch has more."""


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """One job as it would be run."""

    model: str
    task: str
    seed: int
    database: str = ""
    tracks: int = 0
    """Fitted and scored ones; each once."""
    frames: int = 0
    images: int = 0
    cached: int = 0
    """Images whose features are in the cache already."""
    features: str = ""
    """What becomes of the features of the frozen part: kept, or why not; empty where there is none."""
    features_bytes: int = 0
    """That the cache would grow by."""
    done: bool = False
    """Whether the result is there already."""
    seconds: float | None = None
    """For embedding, training and predicting; None where it cannot be told, as for a predictor."""
    trouble: str = ""
    """Why it cannot be run."""


@dataclass(frozen=True)
class _Speed:
    """Seconds an image to embed, a clip to learn from, and a clip to predict."""

    embed: float
    learn: float
    predict: float


def forecast(jobs: Sequence[Job], work: Work, progress: Progress, seconds: float = SAMPLE_S) -> Iterator[Forecast]:
    """Yield what each job would be. Jobs that differ by their seed alone are tried once."""
    session = Session.open(work, jobs[0], progress)
    speeds: dict[str, _Speed | None] = {}
    for job in jobs:
        journal = Journal()
        try:
            ready = prepare(job, session.work.plugins, session.databases.under(job.protocol.assumptions), journal)
            yield _forecast(ready, session, seconds, speeds)
        except Exception as error:
            if not isinstance(error, AbawbenchError):
                raise
            yield Forecast(model=job.model, task=job.task, seed=job.seed, trouble=failure_of(error, journal).reason)


def _forecast(ready: Prepared, session: Session, seconds: float, speeds: dict[str, _Speed | None]) -> Forecast:
    job = ready.job
    folder = about_of(ready).folder(job, session.work.out)
    images = int(sum(track.frame_mask().sum() for track in ready.tracks))
    found = Forecast(
        model=job.model,
        task=job.task,
        seed=job.seed,
        database=ready.database.name,
        tracks=len(ready.tracks),
        frames=sum(track.n_frames for track in ready.tracks),
        images=images,
        done=not session.work.force and read_known(ready, folder) is not None,
    )
    if found.done:
        return found
    with make_repeatable(job.seed):
        learner = build_learner(ready, accelerator_on(job.device, job.precision))
        if not isinstance(learner, NetworkLearner):
            return found
        learner.setting = replace(learner.setting, workers=count_workers(job.workers, images))
        embed = learner.network.get_submodule("embed")
        if not isinstance(embed, nn.ModuleDict):
            found = _with_cache(found, embed, learner, ready.tracks)
        key = repr(replace(job, seed=0))
        if key not in speeds:
            session.progress.note(f"trying {job.model} on {job.task} for {seconds:g} s")
            speeds[key] = _try(learner, ready, seconds)
    speed = speeds[key]
    return found if speed is None else replace(found, seconds=_seconds(ready, learner, found, speed))


def _with_cache(found: Forecast, embed: nn.Module, learner: NetworkLearner, tracks: Sequence[Track]) -> Forecast:
    clip, form = learner.model.clip, learner.model.settings.features
    caching: Caching = decide_caching(embed, clip, learner.setting.device, found.images, form)
    if not caching.kept:
        return replace(found, features=caching.reason)
    cached = count_cached(embed, clip, tracks, form)
    grows = caching.size * (found.images - cached) // max(found.images, 1)
    return replace(found, features="kept", cached=cached, features_bytes=grows)


def _seconds(ready: Prepared, learner: NetworkLearner, found: Forecast, speed: _Speed) -> float:
    recipe, clip = learner.model.settings, learner.model.clip

    def clips(tracks: Iterable[LabelledTrack]) -> int:
        return sum(len(cut_windows(one.track.n_frames, clip.length, clip.stride)[0]) for one in tracks)

    learned = sum(clips(split.fit) for split in ready.splits) * recipe.epochs * recipe.epoch_share
    trained = any(parameter.requires_grad for parameter in learner.network.parameters())
    predicted = sum(clips(split.score) for split in ready.splits)
    embedded = found.images - found.cached if found.features in ("kept", "") else 0
    return embedded * speed.embed + trained * learned * speed.learn + predicted * speed.predict


def _try(learner: NetworkLearner, ready: Prepared, seconds: float) -> _Speed | None:
    """Return how quick the learner is on a few tracks; None where none of them can be learned from."""
    recipe, clip = learner.model.settings, learner.model.clip
    few = _few(ready.splits[0].fit, max(SAMPLED, 3 * recipe.batch * clip.length))
    if not few:
        return None
    tracks = [one.track for one in few]
    began = perf_counter()
    inputs = learner.embed(tracks, Progress())
    fresh = inputs.log.images - inputs.log.cached
    embed = (perf_counter() - began) / fresh if fresh else 0.0
    learn = 0.0
    if any(parameter.requires_grad for parameter in learner.network.parameters()):
        optimisation = Optimisation(learner, inputs, few, ready.job.seed)
        with closing_workers(optimisation.loader):
            learn = _time_steps(optimisation, seconds)
    began = perf_counter()
    learner.predict(inputs, tracks)
    return _Speed(embed, learn, (perf_counter() - began) / len(inputs.clips(tracks, learner.model)))


def _time_steps(optimisation: Optimisation, seconds: float) -> float:
    """Return seconds a clip; the first step does not count."""
    clips, began = 0, 0.0
    optimisation.network.train()
    for epoch in count(1):
        for _, own in optimisation.run_epoch(epoch, 0):
            if not began:
                began = perf_counter()
                continue
            clips += own
            if perf_counter() - began > seconds:
                return (perf_counter() - began) / clips
    raise AssertionError("epochs do not end")


def _few(tracks: Sequence[LabelledTrack], frames: int) -> list[LabelledTrack]:
    """Return annotated tracks, the shortest first, until they have so many frames."""
    found, total = list[LabelledTrack](), 0
    for one in sorted(tracks, key=lambda one: (one.track.n_frames, one.track.id)):
        if total >= frames:
            break
        if one.known.annotated.any():
            found.append(one)
            total += one.track.n_frames
    return found
