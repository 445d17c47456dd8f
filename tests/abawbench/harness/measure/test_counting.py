"""Counts of multiply-accumulates against hand counts and known networks; two counters that explain each other."""

import math
from typing import Any, ClassVar

import pytest
import timm
import torch
from torch import Tensor, nn

from abawbench.harness.measure.counting import Macs, count_macs, macs_per_frame
from abawbench.nn import ClipNetwork, SplitHead, gather
from abawbench.records.cost import Cost


class Attention(nn.Module):
    """Self-attention over [B, L, 16] with four heads."""

    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.MultiheadAttention(16, 4, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.mix(x, x, x, need_weights=False)[0]
        return out


class Stubborn(nn.Module):
    """A network that looks at numbers, which shapes alone cannot give."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.linear(x) if x.sum().item() == 0 else x


class Packed(nn.Module):
    """An LSTM over sequences of three and two steps."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(4, 3, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        packed = nn.utils.rnn.pack_padded_sequence(x, torch.tensor([3, 2]), batch_first=True)
        out: Tensor = self.lstm(packed)[0].data
        return out


class Einsum(nn.Module):
    """The input with itself."""

    def __init__(self, equation: str) -> None:
        super().__init__()
        self.equation = equation

    def forward(self, x: Tensor) -> Tensor:
        return torch.einsum(self.equation, x, x)


class Vector(nn.Module):
    """Products with a vector."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 3)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.linear(x[0])
        return out @ out


class Distance(nn.Module):
    """Distances, whose product neither counter sees."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cdist(x, x)


class Two(nn.Module):
    """A network of two inputs, one of them in a mapping."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4)

    def forward(self, x: Tensor, more: dict[str, Tensor]) -> Tensor:
        return torch.cat([self.linear(x), self.linear(more["audio"])])


class Recurrent(SplitHead):
    """A linear layer per frame, an LSTM over the frames of a clip, and a product by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.each_layer = nn.Linear(4, 4)
        self.lstm = nn.LSTM(4, 2, batch_first=True)
        self.weight = nn.Parameter(torch.ones(2, 3))

    def each(self, features: Tensor) -> Tensor:
        out: Tensor = self.each_layer(features)
        return out

    def together(self, features: Tensor, index: Tensor) -> Tensor:
        states: Tensor = self.lstm(gather(features, index))[0]
        return states[:, -1] @ self.weight


LSTM_MACS = 2 * 5 * 4 * 16 * (8 + 16)
ATTENTION_MACS = 2 * (5 * 16 * 48 + 5 * 16 * 16) + 2 * 4 * (5 * 5 * 4) * 2
PROJECTED = nn.LSTM(8, 16, 2, batch_first=True, bidirectional=True, proj_size=4)
HAND_COUNTED = [
    pytest.param(nn.Linear(8, 3), (5, 8), 5 * 8 * 3, id="linear"),
    pytest.param(nn.Conv2d(4, 6, 3, padding=1), (2, 4, 7, 7), 2 * 7 * 7 * 6 * 4 * 9, id="convolution"),
    pytest.param(nn.Conv2d(4, 4, 3, groups=4), (1, 4, 7, 7), 5 * 5 * 4 * 9, id="depthwise"),
    pytest.param(Attention(), (2, 5, 16), ATTENTION_MACS, id="attention"),
    pytest.param(nn.LSTM(8, 16, batch_first=True), (2, 5, 8), LSTM_MACS, id="lstm"),
    pytest.param(nn.LSTM(8, 16, bias=False, batch_first=True), (2, 5, 8), LSTM_MACS, id="lstm-without-bias"),
    pytest.param(nn.GRU(8, 16, batch_first=True), (2, 5, 8), LSTM_MACS * 3 // 4, id="gru"),
    pytest.param(
        nn.LSTM(8, 16, 2, batch_first=True, bidirectional=True, proj_size=4),
        (2, 5, 8),
        2 * 5 * 2 * (4 * 16 * (8 + 4) + 4 * 16 * (8 + 4) + 2 * 16 * 4),
        id="projected lstm",
    ),
    pytest.param(Packed(), (2, 3, 4), 5 * 4 * 3 * (4 + 3), id="packed lstm"),
    pytest.param(nn.RNN(8, 16, batch_first=True), (2, 5, 8), LSTM_MACS // 4, id="rnn"),
    pytest.param(nn.ConvTranspose2d(4, 6, 3, 2, groups=2), (1, 4, 5, 5), 25 * 4 * 3 * 9, id="transposed"),
    pytest.param(Einsum("bij,bkj->bik"), (2, 5, 8), 2 * 5 * 5 * 8, id="einsum"),
    pytest.param(Einsum("bij,cij->bc"), (2, 5, 8), 2 * 2 * 5 * 8, id="einsum over two"),
    pytest.param(Vector(), (1, 4), 4 * 3 + 3, id="vectors"),
    pytest.param(nn.ReLU(), (2, 3), 0, id="nothing"),
    pytest.param(Stubborn(), (1, 4), 16, id="by numbers"),
]


@pytest.mark.parametrize(("network", "shape", "expected"), HAND_COUNTED)
def test_torchs_counter_gives_the_hand_count(network: nn.Module, shape: tuple[int, ...], expected: int) -> None:
    macs = count_macs(network, torch.zeros(shape))
    assert macs.total["flop_counter"] == expected
    assert "flop_counter" not in macs.missed_products


@pytest.mark.parametrize(("network", "shape", "expected"), HAND_COUNTED)
def test_the_counters_differences_are_named_in_full(network: nn.Module, shape: tuple[int, ...], expected: int) -> None:
    macs = count_macs(network, torch.zeros(shape))
    assert sum(macs.difference.values()) == macs.total["fvcore"] - macs.total["flop_counter"]


def test_what_a_counter_cannot_count_is_named() -> None:
    macs = count_macs(Distance(), torch.zeros(2, 5, 8))
    assert macs.missed_products == {"flop_counter": ["aten::_cdist_forward"], "fvcore": ["aten::cdist"]}


@pytest.mark.parametrize(
    ("difference", "explained"),
    [
        ({"matmul": -1}, True),
        ({"matmul": -2}, False),
        ({"matmul in aten::cdist": -500}, True),
        ({"batch_norm": 9}, True),
    ],
)
def test_a_difference_above_a_thousandth_needs_an_operator(difference: dict[str, int], explained: bool) -> None:
    total = {"flop_counter": 1000, "fvcore": 1000 + sum(difference.values())}
    cost = Cost(parameters_total=1, parameters_trained=1, macs_per_clip=total, macs_difference_by_operator=difference)
    assert cost.macs_explained == explained


def test_products_of_one_counter_are_named_by_what_the_other_saw() -> None:
    operators = {"flop_counter": {"matmul": 50}, "fvcore": {"matmul": 10}}
    unnamed = Macs({"flop_counter": 50, "fvcore": 10}, operators, {})
    assert unnamed.difference == {"matmul": -40}
    named = Macs(unnamed.total, operators, {"fvcore": {"aten::rnn_strange": 1}})
    assert named.difference == {"matmul in aten::rnn_strange": -40}


@pytest.mark.parametrize(
    "network",
    [
        nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4)),
        nn.Sequential(nn.Conv2d(3, 4, 1), nn.GroupNorm(2, 4), nn.InstanceNorm2d(4, affine=True)),
        nn.Sequential(nn.Conv2d(3, 4, 1), nn.LayerNorm((4, 2, 2)), nn.Upsample(scale_factor=2, mode="bilinear")),
        nn.Sequential(nn.Conv2d(3, 4, 1), nn.AdaptiveAvgPool2d(1)),
    ],
    ids=["batch", "group and instance", "layer and resampling", "pooling"],
)
def test_normalisation_and_pooling_are_no_products(network: nn.Module) -> None:
    macs = count_macs(network, torch.zeros(1, 3, 2, 2))
    assert set(macs.total.values()) == {3 * 4 * 2 * 2}
    assert macs.difference == {}


def test_macs_are_given_by_module_and_by_stage() -> None:
    network = ClipNetwork(nn.Sequential(nn.Conv2d(3, 4, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()), Recurrent())
    macs = count_macs(network, torch.zeros(1, 5, 3, 2, 2))
    expected = {"embed.0": 5 * 3 * 4 * 4, "head.each_layer": 5 * 4 * 4, "head.lstm": 5 * 4 * 2 * 6, "head": 2 * 3}
    assert macs.by_module == expected
    assert macs.within("head") == sum(expected.values()) - expected["embed.0"]
    assert macs.within("") == macs.total["flop_counter"]
    assert macs.by_stage(network) == {"backbone": expected["embed.0"], "temporal head": macs.within("head")}
    network.stages = {"embed": "backbone", "head.each_layer": "backbone"}
    assert macs.by_stage(network)["other"] == expected["head.lstm"] + expected["head"]
    assert macs_per_frame(network, torch.zeros(1, 3, 2, 2)) == 3 * 4 * 4 + 4 * 4


def test_a_network_over_clips_is_the_same_in_its_parts() -> None:
    network = ClipNetwork(nn.Sequential(nn.Conv2d(3, 4, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()), Recurrent())
    clips = torch.rand(2, 5, 3, 2, 2)
    parts = network.over_clip(network.per_frame(clips.flatten(0, 1)), torch.arange(10).view(2, 5))
    assert torch.equal(parts, network(clips))


def test_several_inputs_and_mappings_are_counted() -> None:
    macs = count_macs(Two(), torch.zeros(2, 4), {"audio": torch.zeros(3, 4)})
    assert macs.total == {"flop_counter": 5 * 4 * 4, "fvcore": 5 * 4 * 4}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "parameters", "giga"),
    [
        ("mobilenetv4_conv_small", 1_261_664, 0.1835),
        ("tf_efficientnet_b0", 4_007_548, 0.3845),
        ("vit_small_patch16_224.dino", 21_665_664, 4.5985),
        ("resnet50", 23_508_032, 4.0871),
    ],
)
def test_known_networks_have_their_known_counts(name: str, parameters: int, giga: float) -> None:
    kind = {"features_only": True} if "mobilenet" in name else {"num_classes": 0}
    with torch.device("meta"):
        network = timm.create_model(name, pretrained=False, **kind)
    assert sum(p.numel() for p in network.parameters()) == parameters
    network = network.to_empty(device="cpu")
    macs = count_macs(network, torch.zeros(1, 3, 224, 224))
    assert round(macs.total["flop_counter"] / 1e9, 4) == giga
    assert macs.total["fvcore"] == macs.total["flop_counter"]


@pytest.mark.slow
def test_attention_is_a_twelfth_of_a_small_vision_transformer() -> None:
    with torch.device("meta"):
        network = timm.create_model("vit_small_patch16_224.dino", pretrained=False, num_classes=0)
    products = 12 * 2 * 197 * 197 * 384
    total = count_macs(network, torch.zeros(1, 3, 224, 224, device="meta")).total["flop_counter"]
    assert round((total - products) / 1e9, 2) == 4.24


def test_a_network_that_cannot_run_says_so() -> None:
    macs = count_macs(nn.Linear(3, 1), torch.zeros(1, 4))
    assert macs.total == {}
    assert macs.difference == {}
    assert "shapes cannot be multiplied" in macs.failed["flop_counter"]


def test_counting_leaves_modes_and_statistics_alone() -> None:
    network = nn.Sequential(nn.BatchNorm1d(3), nn.BatchNorm1d(3))
    network[1].eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    fast = torch.backends.mha.get_fastpath_enabled()
    count_macs(network, torch.ones(2, 3))
    assert [part.training for part in network] == [True, False]
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert torch.backends.mha.get_fastpath_enabled() == fast
    assert torch.backends.mkldnn.enabled


class Deformable(nn.Module):
    """A convolution that torchvision computes by an operator of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.offset = nn.Conv2d(4, 18, 3, padding=1)
        self.weight = nn.Parameter(torch.ones(8, 4, 3, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        from torchvision.ops import deform_conv2d

        return deform_conv2d(x, self.offset(x), self.weight, padding=1)


class Declared(Deformable):
    """The same, with a formula for the operator."""

    operator_macs: ClassVar[Any] = {
        "torchvision::deform_conv2d": lambda shapes, out: math.prod(out) * math.prod(shapes[1][1:])
    }


OFFSETS, PRODUCTS = 36 * 18 * 4 * 9, 36 * 8 * 4 * 9
"""MACs of the two convolutions on 6 x 6 pixels, by hand."""


def test_an_operator_that_no_counter_knows_is_named_as_missed() -> None:
    macs = count_macs(Deformable(), torch.zeros(1, 4, 6, 6))
    assert macs.total["flop_counter"] == OFFSETS
    assert macs.missed == ["torchvision::deform_conv2d"]


def test_a_declared_formula_makes_both_counts_whole() -> None:
    macs = count_macs(nn.Sequential(Declared()), torch.zeros(1, 4, 6, 6))
    assert macs.total == {"flop_counter": OFFSETS + PRODUCTS, "fvcore": OFFSETS + PRODUCTS}
    assert macs.missed == []
    assert macs.within("0") == OFFSETS + PRODUCTS


def test_an_operator_of_another_package_may_hide_products() -> None:
    @torch.library.custom_op("abawbench_test::twice", mutates_args=())
    def twice(x: torch.Tensor) -> torch.Tensor:
        return 2 * x

    class Network(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return twice(x)

    assert count_macs(Network(), torch.zeros(2)).missed == ["abawbench_test::twice"]
