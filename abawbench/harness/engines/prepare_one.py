"""What one model and task of a plan need, made in a process of its own: whatever a plugin does costs this item only."""

from collections.abc import Sequence
from dataclasses import replace

import torch

from abawbench.contracts import Model, Track
from abawbench.harness.data.frames import decide_caching_of
from abawbench.harness.engines.prepare import Shard, Shared
from abawbench.harness.jobs.failures import failure_of
from abawbench.harness.jobs.fitting import build_learner
from abawbench.harness.jobs.prepare import Prepared, prepare
from abawbench.harness.jobs.reporting import Watcher
from abawbench.harness.jobs.worker import Session
from abawbench.harness.learn.learner import NetworkLearner
from abawbench.harness.request.devices import accelerator_on
from abawbench.harness.request.jobs import Job
from abawbench.harness.request.journal import Journal
from abawbench.system.repeatable import make_repeatable
from abawbench.weights.telling import report_fetching


def prepare_one(job: Job, wanted: Shared, session: Session, watcher: Watcher, shard: Shard | None) -> Shared:
    """Return what came of it; ``shard`` says of which tracks the features are computed, None for none at all."""
    journal = Journal(watcher.phase)
    try:
        with report_fetching(session.progress):
            ready = prepare(job, session.work.plugins, session.databases, journal)
        found = replace(wanted, database=ready.database.name, tracks=len(ready.tracks))
        if not isinstance(ready.model, Model):
            return found
        found = replace(found, weights=ready.weights.source)
        if shard is None:
            return found
        with journal.time_phase("embed", ready.took_part["model"]):
            return _embed(ready, session, shard, found)
    except Exception as error:
        return replace(wanted, reason=failure_of(error, journal).reason)


def _embed(ready: Prepared, session: Session, shard: Shard, found: Shared) -> Shared:
    """Compute the features of a shard, unless those of all tracks would not be kept: a job decides by all of them."""
    job = ready.job
    with make_repeatable(job.seed):
        torch.manual_seed(job.seed)
        learner = build_learner(ready, accelerator_on(job.device, job.precision))
        assert isinstance(learner, NetworkLearner)
        caching = decide_caching_of(learner.network, learner.model, learner.setting.device, ready.tracks)
        if caching is not None and not caching.kept:
            return replace(found, not_kept=caching.reason or "no part that sees images is frozen")
        tracks = take_shard(ready.tracks, shard)
        if tracks:
            learner.embed(tracks, session.progress)
    return replace(found, embedded=len(tracks))


def take_shard(tracks: Sequence[Track], shard: Shard) -> list[Track]:
    """Return the tracks of a shard: every track is in just one, and shards have about as many frames as each other."""
    dealt = sorted(tracks, key=lambda track: (-track.n_frames, track.id))
    rounds = [dealt[at : at + shard.of] for at in range(0, len(dealt), shard.of)]
    # to and fro, so that the longest track of every round is not always the first shard's
    turned = [one if number % 2 == 0 else one[::-1] for number, one in enumerate(rounds)]
    return [one[shard.number] for one in turned if shard.number < len(one)]
