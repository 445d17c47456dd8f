"""The model ``face-voice``."""

from abawbench.contracts import Declaration, ModelDeclaration
from abawbench.hookspecs import hookimpl


@hookimpl
def abawbench_plugins() -> list[Declaration]:
    """Return the declaration of ``face-voice``."""
    return [
        ModelDeclaration(
            name="face-voice",
            summary="Small convolutions over faces and sound, side by side.",
            build="abawbench_face_voice.model:FaceVoiceModel",
            inputs=("frames", "audio"),
            licence="Apache-2.0",
            weights="none: trained from random parameters",
        )
    ]
