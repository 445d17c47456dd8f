"""What a model plugin gives: the inputs and clip it needs, its weights, its recipe, and its network."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeAlias

from abawbench.contracts.database import LabelledTrack, Track
from abawbench.contracts.errors import UsageError
from abawbench.contracts.task import Task

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor, nn

NOTHING = "nothing"
"""The source of the weights of a model that has none."""
FROM_NOTHING = "none"
"""The source of the weights of a network that starts from random parameters."""


@dataclass(frozen=True, kw_only=True)
class Clip:
    """The fixed-length window of frames that a model sees at once, and how its images are prepared."""

    length: int
    """Frames in a clip."""
    stride: int
    """Frames between the starts of neighbouring clips."""
    size: int
    """Images are resized to size x size pixels."""
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)


@dataclass(frozen=True, kw_only=True)
class Sound:
    """How a model hears: mono samples at one rate, cut into windows of one length that overlap.

    Window i covers ``seconds`` of the track from ``i * seconds`` on, with ``context`` more on either side, silent past
    the ends. Of the steps that a network gives for a window, those of the context are dropped; the others are spread
    evenly over its ``seconds``.
    """

    rate: int = 16_000
    """Samples per second; other sound is resampled."""
    seconds: float = 20.0
    context: float = 1.0
    normalise: bool = True
    """Whether the samples of each track are shifted and scaled to mean 0 and variance 1."""

    @property
    def samples(self) -> int:
        """Samples in a window, its context included."""
        return round((self.seconds + 2 * self.context) * self.rate)


@dataclass(frozen=True, kw_only=True)
class Weights:
    """Where a network's parameters come from; always named in the result."""

    source: str
    """What was asked for: ``imagenet``, ``synthetic``, ``affectnet=FILE``, ``none``."""
    path: str | None = None
    """The local file, where there is one."""
    sha256: str | None = None
    licence: str | None = None
    trained_on: tuple[str, ...] = ()
    """Databases and labels the weights have seen."""
    parts: tuple["Weights", ...] = ()
    """Those of each network, where a model is made of several; ``sha256`` is then over theirs."""


AUGMENTATIONS = ("flip", "brightness", "contrast", "saturation", "erase", "blur")
"""How ``Recipe.augmentation`` can change images, in the order in which it is done."""


@dataclass(kw_only=True)
class BaseSettings:
    """The numbers of a predictor; one with some derives from this class. ``--set name=value`` overrides each."""

    on_synthetic: ClassVar[Mapping[str, Any]] = {}
    """Settings that stand for the defaults on a synthetic database unless ``--weights`` are named: ``{"size": "tiny"}``
    for a network that a CPU trains from nothing in minutes. ``--set`` overrides them, and the record holds them."""


@dataclass(kw_only=True)
class Recipe(BaseSettings):
    """The numbers of training. A model derives its settings from this class."""

    recipes: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    """Settings that go together, by name: ``--set recipe=NAME`` stands for all of them. ``--set`` overrides each."""
    epochs: int = 10
    epoch_share: float = 1.0
    """Share of the batches that an epoch takes, drawn anew for each; at least one batch."""
    annotated_clips: bool = False
    """Whether clips to learn from hold annotated frames with an image only, one after the other, so that they may jump
    in time; otherwise they hold consecutive frames, of which those without a label do not count."""
    batch: int = 8
    """Clips per optimiser step."""
    lr: float = 1e-3
    weight_decay: float = 0.0
    schedule: str = "cosine-restarts"
    """``cosine-restarts`` (per step), ``cosine`` (to the last step) or ``constant``."""
    t0: int = 2000
    """Steps of the first cosine period."""
    eta_min: float = 1e-6
    holdout: float = 0.0
    """Share of the training subjects kept out of fitting to choose the epoch; the scored split is never used so."""
    patience: int = 3
    """Epochs without a better value on the held-out subjects before training stops; unused without a holdout."""
    clip_norm: float = 0.0
    """Largest gradient norm; 0 leaves gradients as they are."""
    augmentation: dict[str, float] = field(default_factory=dict)
    """How each image is changed in training, by itself and anew in each batch; for models that see frames alone, and
    nothing of them can be cached in training. Each number is from 0, which leaves the image as it is, to 1:

    - ``flip``: share of the images that are mirrored;
    - ``brightness``, ``contrast``, ``saturation``: largest change, as a share; the three in an order drawn anew;
    - ``erase``: share of the images of which a tenth, in one piece, turns black;
    - ``blur``: largest sigma, in pixels, of a Gaussian over 3 x 3 of them; the smallest is 0.1."""
    loss: dict[str, str] = field(default_factory=dict)
    """Task name or kind -> import path of a loss that replaces the task's own."""
    loss_options: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Task name or kind -> keyword arguments of the loss; ``class_weights="balanced"`` weighs outputs by how rare they
    are among the training labels."""
    features: Literal["float16", "int8", "float8"] = "float16"
    """As what the features of a frozen part are kept. Of 8 bits half as many bytes are kept and each number is rounded
    more: ``int8`` by at most a 250th of the largest of its image and channel, ``float8`` by a 16th of itself."""
    recipe: str = "default"
    """``default``, or one of ``recipes``."""


@dataclass(frozen=True)
class ImageBatch:
    """Clips to learn from, as images."""

    images: "Tensor"
    """uint8 [U, 3, size, size], the distinct ones."""
    index: "Tensor"
    """int64 [B, T]: which image each frame shows."""
    target: "Tensor"
    """Labels of the frames, [B, T], [B, T, K] or [B, T, C]; of the track, repeated, at track level."""
    mask: "Tensor"
    """bool [B, T], or [B, T, P] for a task of P parts: annotated and not padding."""


LossOn: TypeAlias = "Callable[[ImageBatch], Tensor]"
"""The loss of the network on clips."""


class Entrant(ABC):
    """What a network and a predictor have in common. Built once per job with its settings."""

    name: str = ""
    """What the declaration calls it; set when abawbench builds it."""
    inputs: frozenset[str] = frozenset()
    """Of ``frames``, ``audio``, ``text`` and ``features:NAME``."""
    Settings: ClassVar[type[BaseSettings]]
    settings: BaseSettings

    def __init__(self, settings: BaseSettings) -> None:
        self.settings = settings

    @abstractmethod
    def weights(self, spec: str | None, *, synthetic: bool) -> Weights:
        """Resolve ``--weights`` to a source, reading nothing heavy.

        ``spec`` None asks for the default, which may differ for a synthetic database. Raises UsageError for an
        unknown source and for one that cannot be reached, with the alternatives.
        """

    def postprocessing(self, task: Task) -> Mapping[str, Any]:
        """Return the published post-processing of a task: ``smoothing``, and ``thresholds`` with one per output.

        It takes effect where the protocol asks for it, ``smoothing=published`` and ``thresholds=published``.
        """
        return {}


class Model(Entrant):
    """A network with the inputs it needs, its clip, its weights and its recipe.

    ``network(task, weights)`` returns a module with two submodules:

    - ``embed``: images [U, 3, size, size], normalised -> a tensor or tuple of tensors [U, ...], frame by frame. When
      all its parameters are frozen the harness runs it once per image, in eval mode, and caches the result.
    - ``head``: ``head(features, index)`` with the features of U distinct images and ``index`` [B, T] saying which
      image each frame of each clip shows -> logits [B, K] (one output per clip) or [B, T, K] (one per frame).

    - ``head.penalty()``, where there is one, gives what is added to the loss of the clips just seen, or None.

    ``module(clips)`` with clips [B, T, 3, size, size] must give the same as embed and head together; cost is measured
    on it. ``abawbench.nn.ClipNetwork`` implements this.

    A model with other inputs than frames sees each of them as a sequence of *steps*: images, steps of the sound's
    network, one for the transcript, rows of shipped features. The harness finds the step that covers the time of each
    frame. ``embed`` is then an ``nn.ModuleDict`` input -> module, each frozen and cached for itself:

    - ``frames`` as above; ``audio`` takes windows [U, sound.samples] -> [U, S, D], S steps each; ``text`` takes
      ``tokens`` [U, L] -> [U, D]; ``features:NAME`` has no module.
    - ``head(features, index, present)``, three mappings by input: features [U, ...], ``index`` int64 [B, T], and
      ``present`` bool [B, T], false where a track lacks the input; its features are then zero.

    ``abawbench.nn.InputsNetwork`` implements this.
    """

    inputs: frozenset[str] = frozenset({"frames"})
    clip: Clip
    sound: Sound = Sound()
    """How the sound is given, where ``audio`` is an input."""
    feature_sizes: Mapping[str, int] = {}
    """D of each ``features:NAME`` input."""
    Settings: ClassVar[type[BaseSettings]] = Recipe
    settings: Recipe

    def weights(self, spec: str | None, *, synthetic: bool) -> Weights:
        """Return that training starts from random parameters. Raises UsageError for any other source."""
        if spec not in (None, FROM_NOTHING):
            raise UsageError(f"model '{self.name}' knows no weights '{spec}'; leave out --weights")
        return Weights(source=FROM_NOTHING)

    @abstractmethod
    def network(self, task: Task, weights: Weights) -> "nn.Module":
        """Build the network for a task and load its weights, strictly. The caller has seeded torch."""

    def extra_loss(self, seed: int) -> "Callable[[ImageBatch, LossOn], Tensor] | None":
        """Return what gives a loss to add to that of each batch, or None; for models that see frames alone.

        It may change the images and ask for the loss on them. Images then come as they are: nothing of the network can
        be cached in training.

        Random numbers come from torch's or numpy's own generators, whose states a checkpoint holds; a loss that has
        others has ``state_dict()`` and ``load_state_dict(state)`` as well, of numbers, texts and tensors.
        """
        return None

    def tokens(self, text: str) -> "NDArray[np.int64]":
        """Return the tokens of a transcript, always [L] of one length; for models with the input ``text``."""
        raise NotImplementedError(f"model '{self.name}' has the input text and no tokens()")


class Predictor(Entrant):
    """A model that is no torch module: fitted to whole tracks, it predicts whole tracks. Its cost is not measured."""

    Settings: ClassVar[type[BaseSettings]] = BaseSettings

    def weights(self, spec: str | None, *, synthetic: bool) -> Weights:
        """Return that it starts from no weights. Raises UsageError when some are named."""
        if spec not in (None, NOTHING):
            raise UsageError(f"model '{self.name}' has no weights; leave out --weights")
        return Weights(source=NOTHING)

    @abstractmethod
    def fit(self, task: Task, tracks: Sequence[LabelledTrack], seed: int) -> None:
        """Learn from tracks and their labels, every one of which has some; the arrays cannot be written to."""

    @abstractmethod
    def predict(self, task: Task, track: Track) -> "NDArray[np.floating[Any]]":
        """Return the scores of a track, [n_frames, K], or [1, K] for a track-level task; see ``Task``."""
