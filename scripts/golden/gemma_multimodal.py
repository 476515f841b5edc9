"""Makes test/golden/multimodal: tiny random Gemma 4 models that see and hear, with the logits that transformers gives.

    python scripts/golden/gemma_multimodal.py [OUT]      default OUT: test/golden/multimodal

| folder     | like            | front ends
| unified    | 12B             | raw patches and raw samples, no towers; image blocks both ways in sliding layers
| tower-26b  | 26B-A4B, 31B    | vision tower with standardisation and heads of 72; blocks both ways; experts
| tower-e2b  | E2B             | vision tower and audio tower with clipped linears; per-layer inputs, shared keys; all causal

A folder has config.json and model.safetensors as `save_pretrained` writes them, and golden.safetensors:
  ids [B, T] i32, block_end [B, T] i32, logits [B, T, V]
  patches [N, P], positions [N, 2] i32               pictures back to back, without padding
  soft_images [S, D]                                 what is put at their placeholders
  tower_images [S, W]                                what the vision tower gives
  sounds [T, F], sound_frames [K] i32, soft_sounds   raw frames, or frames of spectra and how many each sound has
  tower_sounds, tower_sounds_narrow                  what the audio tower gives; the second with the window of transformers

Every weight and constant is random (norms, clip bounds, std_scale, per_dim_scale ...). Where transformers 5.24 and the
original differ, the golden values are those of the original (gemma in JAX, also MLX):
- image blocks see both ways in sliding layers only, within the window on both sides. In transformers a plain forward of
  the unified model lets them do so in full layers too and without regard to the window; its `generate`, and Gemma 4 with
  towers, keep to sliding layers and to the window on the left. It matters on the right for blocks longer than the window,
  of which there is one in each model here. Masks are passed in.
- a frame of the audio tower sees attention_context_left keys, its own included: transformers sees one less, so its mask
  function is widened here by one.
"""

import json
import shutil
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import (
    Gemma4Config,
    Gemma4ForConditionalGeneration,
    Gemma4UnifiedConfig,
    Gemma4UnifiedForConditionalGeneration,
)
from transformers.models.gemma4 import modeling_gemma4

from gemma_text import COMMON, FULL, OWN_GLOBAL, SLIDING, masks

IDS = dict(
    boi_token_id=10,
    eoi_token_id=11,
    image_token_id=12,
    video_token_id=13,
    boa_token_id=14,
    eoa_token_index=15,
    audio_token_id=16,
)
COMMON = {**COMMON, "sliding_window": 6, "final_logit_softcapping": 30.0}
NARROW = modeling_gemma4.sliding_window_mask_function


def wide(window):
    left, right = window
    return NARROW((left + 1, right))


VISION = dict(
    hidden_size=48,
    intermediate_size=40,
    num_hidden_layers=2,
    num_attention_heads=2,
    num_key_value_heads=2,
    patch_size=4,
    pooling_kernel_size=3,
    position_embedding_size=16,
    max_position_embeddings=64,
)
VARIANTS = {
    "unified": (
        Gemma4UnifiedForConditionalGeneration,
        Gemma4UnifiedConfig(
            text_config={
                **COMMON,
                **OWN_GLOBAL,
                "num_hidden_layers": 4,
                "layer_types": [SLIDING, SLIDING, SLIDING, FULL],
            },
            vision_config=dict(
                patch_size=2, pooling_kernel_size=2, mm_embed_dim=40, output_proj_dims=40, mm_posemb_size=8
            ),
            audio_config=dict(audio_embed_dim=640),
            **IDS,
        ),
    ),
    "tower-26b": (
        Gemma4ForConditionalGeneration,
        Gemma4Config(
            text_config={
                **COMMON,
                **OWN_GLOBAL,
                "hidden_size_per_layer_input": 0,
                "use_bidirectional_attention": "vision",
                "num_hidden_layers": 3,
                "layer_types": [SLIDING, SLIDING, FULL],
                "enable_moe_block": True,
                "num_experts": 4,
                "top_k_experts": 2,
                "moe_intermediate_size": 12,
            },
            vision_config={**VISION, "head_dim": 72, "standardize": True},
            audio_config=None,
            **IDS,
        ),
    ),
    "tower-e2b": (
        Gemma4ForConditionalGeneration,
        Gemma4Config(
            text_config={
                **COMMON,
                "num_key_value_heads": 1,
                "global_head_dim": 16,
                "hidden_size_per_layer_input": 8,
                "vocab_size_per_layer_input": 128,
                "num_hidden_layers": 6,
                "layer_types": [SLIDING, SLIDING, FULL, SLIDING, SLIDING, FULL],
                "num_kv_shared_layers": 3,
                "use_double_wide_mlp": True,
            },
            vision_config={**VISION, "head_dim": 24, "use_clipped_linears": True},
            audio_config=dict(
                hidden_size=32,
                num_hidden_layers=2,
                num_attention_heads=2,
                subsampling_conv_channels=[16, 8],
                attention_chunk_size=4,
                attention_context_left=5,
                attention_logit_cap=5.0,
                gradient_clipping=2.5,
                rms_norm_eps=1e-5,
                output_proj_dims=24,
            ),
            **IDS,
        ),
    ),
}
TIME = 34


def randomise(model):
    generator = torch.Generator().manual_seed(11)

    def normal(like):
        return torch.randn(like.shape, generator=generator)

    with torch.no_grad():
        for name, value in model.state_dict().items():
            if name.endswith("layer_scalar"):
                value.copy_(0.8 + 0.3 * torch.rand(value.shape, generator=generator))
            elif name.endswith(("_min", "_max")):
                bound = 1.2 + torch.rand(value.shape, generator=generator)
                value.copy_(-bound if name.endswith("_min") else bound)
            elif name.endswith(("bias", "per_dim_scale")):
                value.copy_(0.5 * normal(value))
            elif value.dim() == 1:
                value.copy_(1 + 0.3 * normal(value))
            elif "position_embedding" in name or "pos_embedding" in name:
                value.copy_(0.5 * normal(value))
            else:
                value.copy_(normal(value) * 1.2 * value[0].numel() ** -0.5)
    model.tie_weights()


def pictures(sizes, patch_dim, generator):
    """Padded patches and positions as the processor gives them, and the same without padding."""
    most = max(columns * rows for columns, rows in sizes)
    patches, positions = torch.zeros(len(sizes), most, patch_dim), torch.full((len(sizes), most, 2), -1)
    for i, (columns, rows) in enumerate(sizes):
        count = columns * rows
        patches[i, :count] = torch.rand(count, patch_dim, generator=generator)
        positions[i, :count, 0] = torch.arange(count) % columns
        positions[i, :count, 1] = torch.arange(count) // columns
    real = positions[..., 0] >= 0
    return patches, positions, patches[real], positions[real]


def sequences(layout, generator):
    """Token ids of sequences given as lists of ("image" | "video" | "audio", soft tokens), with text between them."""
    ids = torch.randint(20, COMMON["vocab_size"], (len(layout), TIME), generator=generator)
    block_end = torch.full((len(layout), TIME), -1)
    for row, spans in enumerate(layout):
        at = 2
        for kind, count in spans:
            opening, closing = (14, 15) if kind == "audio" else (10, 11)
            ids[row, at], ids[row, at + count + 1] = opening, closing
            ids[row, at + 1 : at + count + 1] = {"image": 12, "video": 13, "audio": 16}[kind]
            if kind != "audio":
                block_end[row, at + 1 : at + count + 1] = at + count
            at += count + 3
    return ids, block_end


def unified(model, config):
    generator = torch.Generator().manual_seed(3)
    sizes = [(4, 2), (2, 3), (3, 2)]
    patches, positions, real_patches, real_positions = pictures(sizes, 48, generator)
    frames = torch.randn(2, 5, 640, generator=generator) * 0.3
    mask = torch.tensor([[True] * 5, [True] * 3 + [False] * 2])
    ids, block_end = sequences([[("image", 8), ("image", 6), ("audio", 5)], [("audio", 3), ("image", 6)]], generator)
    both = masks(block_end, config.text_config.sliding_window)
    out = model(
        ids,
        pixel_values=patches,
        image_position_ids=positions,
        input_features=frames,
        input_features_mask=mask,
        attention_mask=both,
    )
    return {
        "ids": ids.int(),
        "block_end": block_end.int(),
        "logits": out.logits,
        "patches": real_patches,
        "positions": real_positions.int(),
        "soft_images": torch.cat(model.model.get_image_features(patches, positions).pooler_output),
        "sounds": frames[mask],
        "soft_sounds": model.model.get_audio_features(frames, mask).pooler_output[mask],
    }


def tower_26b(model, config):
    generator = torch.Generator().manual_seed(4)
    sizes = [(6, 12), (9, 6), (3, 9)]
    patches, positions, real_patches, real_positions = pictures(sizes, 48, generator)
    ids, block_end = sequences([[("image", 8), ("image", 6)], [("image", 3)]], generator)
    both = masks(block_end, config.text_config.sliding_window)
    out = model(ids, pixel_values=patches, image_position_ids=positions, attention_mask=both)
    features = model.model.get_image_features(patches, positions)
    return {
        "ids": ids.int(),
        "block_end": block_end.int(),
        "logits": out.logits,
        "patches": real_patches,
        "positions": real_positions.int(),
        "tower_images": features.last_hidden_state,
        "soft_images": torch.cat(features.pooler_output),
    }


def tower_e2b(model, config):
    generator = torch.Generator().manual_seed(5)
    patches, positions, real_patches, real_positions = pictures([(6, 6), (3, 9)], 48, generator)
    video, video_positions, real_video, real_video_positions = pictures([(3, 3), (3, 3)], 48, generator)
    counts = [37, 22]
    spectra = torch.randn(2, 37, 16, generator=generator)
    mask = torch.arange(37)[None] < torch.tensor(counts)[:, None]
    ids, block_end = sequences(
        [[("image", 4), ("audio", 10), ("image", 3)], [("video", 1), ("video", 1), ("audio", 6)]], generator
    )
    assert config.text_config.use_bidirectional_attention is None
    inputs = dict(
        pixel_values=patches,
        image_position_ids=positions,
        pixel_values_videos=video,
        video_position_ids=video_positions,
        num_frames_per_video=torch.tensor([2]),
        input_features=spectra * mask[..., None],
        input_features_mask=mask,
    )
    modeling_gemma4.sliding_window_mask_function = NARROW
    narrow = model.model.get_audio_features(inputs["input_features"], mask)
    modeling_gemma4.sliding_window_mask_function = wide
    sounds = model.model.get_audio_features(inputs["input_features"], mask)
    images = model.model.get_image_features(patches, positions)
    videos = model.model.get_video_features(video, video_positions, num_frames_per_video=torch.tensor([2]))
    out = model(ids, **inputs)
    valid = sounds.attention_mask
    print("  audio tower: window of the original against that of transformers,", end=" ")
    print(f"{(sounds.last_hidden_state - narrow.last_hidden_state)[valid].abs().max():.2f} apart")
    return {
        "ids": ids.int(),
        "block_end": block_end.int(),
        "logits": out.logits,
        "patches": torch.cat([real_patches, real_video]),
        "positions": torch.cat([real_positions, real_video_positions]).int(),
        "tower_images": torch.cat([images.last_hidden_state, videos.last_hidden_state]),
        "soft_images": torch.cat([*images.pooler_output, *videos.pooler_output]),
        "sounds": spectra[mask],
        "sound_frames": torch.tensor(counts, dtype=torch.int32),
        "tower_sounds": sounds.last_hidden_state[valid],
        "tower_sounds_narrow": narrow.last_hidden_state[valid],
        "soft_sounds": sounds.pooler_output[valid],
    }


CASES = {"unified": unified, "tower-26b": tower_26b, "tower-e2b": tower_e2b}


def main(out):
    for name, (model_class, config) in VARIANTS.items():
        torch.manual_seed(1)
        config._attn_implementation = "eager"
        model = model_class(config).eval()
        randomise(model)
        folder = out / name
        shutil.rmtree(folder, ignore_errors=True)
        model.save_pretrained(folder)
        (folder / "generation_config.json").unlink(missing_ok=True)
        with torch.no_grad():
            golden = CASES[name](model, config)
        save_file({key: value.contiguous() for key, value in golden.items()}, folder / "golden.safetensors")
        size = sum(file.stat().st_size for file in folder.iterdir())
        logits = golden["logits"]
        print(f"{name}: {size / 1000:.0f} kB, logits to {logits.abs().max():.2f}, std {logits.std():.2f}")
        kinds = {key: round(value.float().std().item(), 2) for key, value in golden.items() if value.is_floating_point()}
        print("  spread:", json.dumps(kinds))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[2] / "test/golden/multimodal")
