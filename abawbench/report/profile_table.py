"""A profile as text: what it costs, module by module, and each scenario with its verdict."""

import textwrap
from collections.abc import Sequence

from abawbench.records.cost import Cost, Latency, Live, Throughput, Timed
from abawbench.records.profile import PLAIN, Interleaved, ModuleCost, Profile
from abawbench.system.text import NONE, at_least, millions, number, plain

_WIDTH = 110


def profile_text(profile: Profile, depth: int = 2) -> str:
    """Return the profile; modules down to ``depth`` names, a stage's own share of MACs beside them."""
    cost = profile.cost
    of = (
        f"{profile.clip_length} frames of {profile.size} x {profile.size}"
        if "frames" in profile.inputs
        else "its inputs"
    )
    lines = [
        f"{plain(profile.model)} · {plain(profile.task)} · weights {plain(profile.weights.source)} · a clip is {of}, "
        f"one every {profile.clip_stride}",
        "",
        *_counts(cost),
        "",
        *_modules(profile.modules, depth, told=cost.macs_explained),
        "",
        *_scenarios(cost),
    ]
    if profile.interleaved:
        lines += ["", *_interleaved(profile.interleaved)]
    lines += [f"left out: {plain(name)}: {plain(why)}" for name, why in profile.left_out.items()]
    hardware = profile.hardware
    lines += ["", f"{hardware.cpu}, {hardware.cores} cores{f', {hardware.gpu}' if hardware.gpu else ''}"]
    return "\n".join(lines)


def _counts(cost: Cost) -> list[str]:
    total = cost.macs_per_clip.get("flop_counter") if cost.macs_explained else None
    flops = None if total is None else 2 * total
    per_frame = cost.macs_per_frame.get("flop_counter") if cost.macs_explained else None
    stages = ", ".join(f"{stage} {millions(macs)}" for stage, macs in cost.macs_by_stage.items())
    rate = f"{cost.frame_rate:g}" if cost.frame_rate else NONE
    told = cost.macs_explained
    parts = stages if told else NONE
    second, kept = (value if told else None for value in (cost.macs_per_second, cost.macs_per_second_kept))

    def macs(value: float | None) -> str:
        return at_least(millions(value), bool(cost.macs_missed))

    lines = [
        f"parameters   {millions(cost.parameters_total)}, trained {millions(cost.parameters_trained)}, "
        f"{_megabytes(cost.weights_bytes)} MB of weights",
        f"MACs         {macs(total)} a clip ({macs(flops)} FLOPs), {macs(per_frame)} a frame; {parts}",
        f"             {macs(second)} a second of video at {rate} frames/s; "
        f"{macs(kept)} where frames are embedded once",
        f"peak memory  {_megabytes(cost.peak_memory_bytes)} MB for one clip, by eager execution",
    ]
    if not cost.macs_explained:
        lines.append("             no total: the two counters differ by more than 0.1% and no operator explains it")
    if cost.macs_missed:
        lines.append(f"             short: {plain(', '.join(cost.macs_missed))} is not counted")
    for operator, more in cost.macs_difference_by_operator.items():
        lines.append(f"             fvcore differs by {millions(more)} in {plain(operator)}")
    return lines


def _modules(modules: Sequence[ModuleCost], depth: int, *, told: bool) -> list[str]:
    from tabulate import tabulate

    rows = [
        [
            "  " * one.name.count(".") + plain(one.name.rpartition(".")[2]),
            plain(one.kind),
            one.stage,
            f"{one.parameters:,}",
            f"{one.trained:,}",
            f"{one.macs:,}" if told else NONE,
        ]
        for one in modules
        if one.name.count(".") < depth
    ]
    headers = ["module", "class", "stage", "parameters", "trained", "MACs/clip"]
    text = tabulate(rows, headers=headers, disable_numparse=True, colalign=["left"] * 3 + ["right"] * 3)
    return text.splitlines()


def _scenarios(cost: Cost) -> list[str]:
    lines = []
    if cost.latency:
        lines += [_latency(cost.latency), *_verdict(cost.latency)]
    if cost.throughput:
        lines += [*_throughput(cost.throughput), *_verdict(cost.throughput)]
    if cost.live:
        lines += [*_live(cost.live), *_verdict(cost.live)]
    return lines


def _latency(one: Latency) -> str:
    times = "/".join(number(value) for value in (one.p50_ms, one.p90_ms, one.p99_ms))
    return f"single stream  p50/p90/p99 {times} ms a clip, {one.samples} samples, {_by(one)}"


def _throughput(one: Throughput) -> list[str]:
    energy = "" if one.joules_per_clip is None else f", {one.joules_per_clip:.3g} J a clip"
    lines = [
        f"offline        {number(one.frames_per_second)} frames/s, {number(one.clips_per_second)} clips/s at batch "
        f"{one.batch}{energy}, {_by(one)}"
    ]
    if one.loaded_frames_per_second is not None:
        by = f"{one.workers} worker{'s' if one.workers != 1 else ''}" if one.workers else "the same process"
        lines.append(f"               {number(one.loaded_frames_per_second)} frames/s with frames decoded by {by}")
    return lines


def _live(one: Live) -> list[str]:
    times = "/".join(number(value) for value in (one.p50_ms, one.p90_ms, one.p99_ms))
    stages = ", ".join(f"{stage} {number(spent)}" for stage, spent in one.stage_ms.items())
    return [
        f"live           p50/p90/p99 {times} ms from frame to prediction at {one.frame_rate or 0:g} frames/s, "
        f"{one.dropped} of {one.frames + one.dropped} dropped, {_by(one)}",
        f"               real-time factor {number(one.real_time_factor)}, {one.embedded} embedded; ms a frame: "
        f"{stages}",
    ]


def _by(one: Timed) -> str:
    threads = f"{one.threads} thread{'s' if one.threads != 1 else ''}"
    return f"{one.runtime}, {one.device}, {threads} on {_cores(one)}, noise {_percent(one.noise)}"


def _cores(one: Timed) -> str:
    return f"{len(one.affinity)} core{'s' if len(one.affinity) != 1 else ''}"


def _verdict(one: Timed) -> list[str]:
    lines = [f"               {one.state}"]
    for advice in one.advice:
        lines += textwrap.wrap(advice, _WIDTH, initial_indent=" " * 15 + "- ", subsequent_indent=" " * 17)
    return lines


def _interleaved(turns: Sequence[Interleaved]) -> list[str]:
    from tabulate import tabulate

    rows = []
    for one in sorted(turns, key=lambda one: -_middle(one.ratios)):
        low, high = (one.ratios[int(share * (len(one.ratios) - 1))] for share in (0.25, 0.75))
        ratio = f"{_middle(one.ratios):.2f} [{low:.2f}, {high:.2f}]"
        rows.append(
            [plain(one.runtime), one.precision, f"{one.frames_per_second:.0f}", ratio, f"{one.compile_seconds:.1f}"]
        )
    headers = ["runtime", "precision", "frames/s", f"times {PLAIN} [quartiles]", "compile s"]
    batch, threads, rounds = turns[0].batch, turns[0].threads, len(turns[0].plain_ms)
    heading = (
        f"interleaved with {PLAIN}, batch {batch}, {threads} threads, {rounds} rounds; parity is measured by a run"
    )
    return [heading, *tabulate(rows, headers=headers, disable_numparse=True).splitlines()]


def _middle(ratios: Sequence[float]) -> float:
    return ratios[len(ratios) // 2]


def _megabytes(size: int | None) -> str:
    return NONE if size is None else f"{size / 1e6:.1f}"


def _percent(share: float | None) -> str:
    return NONE if share is None else f"{share:.1%}"
