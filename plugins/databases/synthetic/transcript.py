"""What a person says: a few sentences, hesitant wording where the face hesitates."""

from collections.abc import Sequence

import numpy as np

from abawbench_plugins.databases.synthetic.performance import Performance

_PLAIN = (
    "I go for a walk every morning",
    "We had dinner with the whole family on Sunday",
    "My work starts at eight and I like it that way",
    "I cook at home most days of the week",
    "Last month I started to swim again",
    "I decided to drink less coffee and it works",
    "The plan is clear and I follow it",
    "I sleep better since I put the phone away",
)
_HESITANT = (
    "Well, uh, I don't know, maybe I should, but then again",
    "I want to, but, um, part of me does not",
    "It's, it's hard to say, I guess it depends",
    "I mean, I could try, but, uh, I'm not sure I will",
    "On the one hand yes, on the other hand, hmm, I really like it",
    "I was going to, and then, well, I didn't",
)


def say(act: Performance, frames: int, rng: np.random.Generator) -> str:
    """Return the transcript of the first `frames` frames: one sentence per act, commas and all."""
    sentences = [
        _pick(rng, _HESITANT if episode.kind == "Hesitant" else _PLAIN)
        for episode in act.episodes
        if episode.start < frames
    ]
    return ". ".join(sentences) + "."


def _pick(rng: np.random.Generator, sentences: Sequence[str]) -> str:
    return sentences[int(rng.integers(len(sentences)))]
