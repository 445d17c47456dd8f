"""Where the face detector's parameters come from; apart from its networks, so that a list of weights loads no torch."""

from abawbench.contracts.source import Source

NAME = "faces"
"""What ``abawbench weights`` calls the detector."""
MTCNN = Source(
    name="mtcnn",
    what="MTCNN of the package facenet-pytorch",
    licence="MIT",
    trained_on=("WIDER FACE", "CelebA"),
    package="facenet-pytorch==2.6.0",
    files=("facenet_pytorch/data/pnet.pt", "facenet_pytorch/data/rnet.pt", "facenet_pytorch/data/onet.pt"),
)
