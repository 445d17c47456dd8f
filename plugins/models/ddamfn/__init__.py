"""DDAMFN, the network of AIWELL-UOC's entry (arXiv 2503.12260), with an LSTM; and the same beside CLIP."""

from abawbench.contracts.declarations import ModelDeclaration
from abawbench.hookspecs import hookimpl

_MODEL = "abawbench_plugins.models.ddamfn.model"


@hookimpl
def abawbench_models() -> list[ModelDeclaration]:
    """Return the declarations of ``ddamfn`` and ``ddamfn-clip``."""
    return [
        ModelDeclaration(
            name="ddamfn",
            summary="MixedFeatureNet with dual-direction attention and an LSTM",
            build=f"{_MODEL}:DDAMFN",
            licence="Apache-2.0 (this implementation); the public weights name no licence",
            weights="the authors' AffectNet file, given by path",
            trained_on=("MS-Celeb-1M", "AffectNet"),
        ),
        ModelDeclaration(
            name="ddamfn-clip",
            summary="ddamfn with the image features of CLIP beside its own",
            build=f"{_MODEL}:DDAMFNWithCLIP",
            extra="abawbench[transformers]",
            licence="Apache-2.0 (this implementation), MIT (CLIP); DDAMFN's weights name no licence",
            weights="the authors' AffectNet file, given by path, and CLIP ViT-B/32 from a hub",
            trained_on=("MS-Celeb-1M", "AffectNet", "WebImageText"),
        ),
    ]
