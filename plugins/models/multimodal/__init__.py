"""Faces, voices and words: the official EMI baselines by parts and fused, with sound for every task that has any."""

from abawbench.contracts.declarations import ModelDeclaration
from abawbench.hookspecs import hookimpl

_MODEL = "abawbench_plugins.models.multimodal.models"
_EXTRA = "abawbench[transformers]"
_MODELS = (
    ("vit-features", "DINO ViT-S/16 of each face and a GRU: the visual EMI baseline", "VitFeatures", ("frames",)),
    ("wav2vec2", "Wav2Vec 2.0 of the sound and a linear layer: the audio EMI baseline", "Wav2Vec2", ("audio",)),
    ("av-fusion", "ViT-S/16 and Wav2Vec 2.0, averaged late or fused by attention", "AVFusion", ("frames", "audio")),
    ("avt-fusion", "ViT-S/16, Wav2Vec 2.0 and BERT of the transcript", "AVTFusion", ("frames", "audio", "text")),
)


@hookimpl
def abawbench_models() -> list[ModelDeclaration]:
    """Return the four models; those with sound or text need transformers."""
    return [
        ModelDeclaration(
            name=name,
            summary=summary,
            build=f"{_MODEL}:{builder}",
            inputs=inputs,
            licence="Apache-2.0 (this implementation and the published weights)",
            weights="published encoders from the Hugging Face hub or a file; none for the synthetic database",
            extra=None if inputs == ("frames",) else _EXTRA,
            needs=() if inputs == ("frames",) else ("transformers",),
        )
        for name, summary, builder, inputs in _MODELS
    ]
