"""Small encoders with random parameters in the layout of the hub, one of each kind, for tests and trials.

python tools/tiny_encoders.py FOLDER && python tools/local_hub.py FOLDER
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import timm
import torch
from safetensors.torch import save_file

SPEECH, TEXT = ("wavlm", "hubert", "wav2vec2"), ("bert", "roberta", "electra")
TIMM = ("test_resnet", "resnet18", "mobilenetv4_conv_small.e2400_r224_in1k")


def write(folder: Path, timm_names: Sequence[str] = TIMM) -> None:
    """Write FOLDER/OWNER/NAME for each: images (ViT, ConvNeXt, CLIP, VideoMAE), sound, text, and some of timm."""
    import transformers as t

    torch.manual_seed(0)
    small: dict[str, Any] = {
        "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64,
    }  # fmt: skip
    vision: dict[str, Any] = {**small, "image_size": 32, "patch_size": 16}
    speech: dict[str, Any] = {
        **small, "conv_dim": (16, 16, 32), "conv_stride": (10, 8, 4), "conv_kernel": (20, 16, 8), "vocab_size": 8,
        "num_feat_extract_layers": 3, "num_conv_pos_embeddings": 16, "num_conv_pos_embedding_groups": 2,
    }  # fmt: skip
    networks = {
        "tiny/dinov2": t.Dinov2Model(t.Dinov2Config(**vision)),
        "tiny/convnext": t.ConvNextModel(
            t.ConvNextConfig(hidden_sizes=[8, 16, 16, 32], depths=[1, 1, 1, 1], image_size=32)
        ),
        "tiny/clip": t.CLIPModel(t.CLIPConfig(vision_config=vision, text_config={**small, "vocab_size": 99})),
        "tiny/videomae": t.VideoMAEModel(t.VideoMAEConfig(**vision, num_frames=4)),
        "tiny/wavlm": t.WavLMModel(t.WavLMConfig(**speech)),
        "tiny/hubert": t.HubertModel(t.HubertConfig(**speech)),
        "tiny/wav2vec2": t.Wav2Vec2Model(t.Wav2Vec2Config(**speech)),
        "tiny/bert": t.BertModel(t.BertConfig(**small, vocab_size=30)),
        "tiny/roberta": t.RobertaModel(t.RobertaConfig(**small, vocab_size=30, max_position_embeddings=66)),
        "tiny/electra": t.ElectraModel(t.ElectraConfig(**small, embedding_size=32, vocab_size=30)),
    }
    for name, network in networks.items():
        network.save_pretrained(folder / name)
        if name.partition("/")[2] in TEXT:
            _write_tokenizer(folder / name)
    for name in SPEECH:
        said = {"sampling_rate": 16_000, "do_normalize": True}
        (folder / "tiny" / name / "preprocessor_config.json").write_text(json.dumps(said))
    write_timm(folder, timm_names)


def write_timm(folder: Path, names: Sequence[str]) -> None:
    """Write FOLDER/timm/NAME for each network of timm."""
    torch.manual_seed(0)
    for name in names:
        path = folder / str(timm.get_pretrained_cfg(name).hf_hub_id) / "model.safetensors"
        path.parent.mkdir(parents=True)
        save_file(timm.create_model(name, pretrained=False).state_dict(), path)


def _write_tokenizer(folder: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = ["[PAD]", "[UNK]", "i", "was", "not", "sure", "at", "first", "but", "then", "thought", "it", "might", "be"]
    tokenizer = Tokenizer(models.WordLevel({word: n for n, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]").save_pretrained(folder)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
