"""Makes test/golden/gemma: tiny random text models of each Gemma variant, with the logits that transformers gives.

    python scripts/golden/gemma_text.py [OUT]        default OUT: test/golden/gemma

A folder a variant: config.json and model.safetensors as `save_pretrained` writes them, and golden.safetensors with
  ids [2, T] i32, logits [2, T, V]                  plain text, T longer than the sliding window
  block_end [2, T] i32, logits_blocks [2, T, V]     the same ids where some rows form image blocks (Gemma 4, "vision"):
                                                    such rows see each other both ways in sliding layers only
  soft_rows [N] i32 (of the 2*T rows), soft [N, D], logits_soft [2, T, V]
                                                    the same ids with soft tokens in some rows (models with per-layer
                                                    inputs, whose table is read at the pad id there)
Every weight is random, factors of norms and constants too, so that none hides behind a 1. Needs torch and transformers
(made with transformers 5.24.0); the program and its tests never do.
"""

import json
import shutil
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import (
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    Gemma4ForCausalLM,
    Gemma4TextConfig,
    Gemma4UnifiedForCausalLM,
    Gemma4UnifiedTextConfig,
)
from transformers.models.gemma4.modeling_gemma4 import create_masks_for_vision_model

SLIDING, FULL = "sliding_attention", "full_attention"
COMMON = dict(
    vocab_size=128,
    hidden_size=32,
    num_attention_heads=4,
    num_key_value_heads=2,
    head_dim=8,
    intermediate_size=48,
    max_position_embeddings=64,
    sliding_window=8,
    pad_token_id=0,
    bos_token_id=2,
    eos_token_id=[1, 106],
    dtype="float32",
)
FIVE_TO_ONE = [SLIDING] * 5 + [FULL]


def gemma4(**rest):
    return Gemma4TextConfig(**{**COMMON, "hidden_size_per_layer_input": 0, "final_logit_softcapping": 30.0, **rest})


# full layers have wide heads, few of them, and no values of their own
OWN_GLOBAL = dict(global_head_dim=16, num_global_key_value_heads=1, attention_k_eq_v=True)
PER_LAYER = dict(
    hidden_size_per_layer_input=8,
    vocab_size_per_layer_input=128,
    global_head_dim=16,
    max_position_embeddings=128,
)
VARIANTS = {
    "dense-31b": (
        Gemma4ForCausalLM,
        gemma4(num_hidden_layers=6, layer_types=FIVE_TO_ONE, use_bidirectional_attention="vision", **OWN_GLOBAL),
    ),
    "moe-26b": (
        Gemma4ForCausalLM,
        gemma4(
            num_hidden_layers=3,
            layer_types=[SLIDING, FULL, FULL],
            use_bidirectional_attention="vision",
            enable_moe_block=True,
            num_experts=8,
            top_k_experts=3,
            moe_intermediate_size=12,
            **OWN_GLOBAL,
        ),
    ),
    "e2b": (
        Gemma4ForCausalLM,
        gemma4(
            num_hidden_layers=7,
            num_key_value_heads=1,
            layer_types=[SLIDING, SLIDING, FULL, SLIDING, SLIDING, SLIDING, FULL],
            num_kv_shared_layers=4,
            use_double_wide_mlp=True,
            **{**PER_LAYER, "intermediate_size": 24},
        ),
    ),
    "e4b": (
        Gemma4ForCausalLM,
        gemma4(
            num_hidden_layers=6,
            layer_types=[SLIDING, SLIDING, FULL, SLIDING, SLIDING, FULL],
            num_kv_shared_layers=3,
            **{**PER_LAYER, "intermediate_size": 40},
        ),
    ),
    "unified-12b": (
        Gemma4UnifiedForCausalLM,
        Gemma4UnifiedTextConfig(
            **{**COMMON, **OWN_GLOBAL, "head_dim": 16, "global_head_dim": 32},
            num_hidden_layers=4,
            layer_types=[SLIDING, SLIDING, SLIDING, FULL],
            final_logit_softcapping=30.0,
        ),
    ),
    "gemma3": (
        Gemma3ForCausalLM,
        Gemma3TextConfig(
            **COMMON,
            num_hidden_layers=7,
            query_pre_attn_scalar=12,
            layer_types=FIVE_TO_ONE + [SLIDING],
            rope_scaling={"rope_type": "linear", "factor": 8.0},
        ),
    ),
}
TIME = 28


def randomise(model, one_plus):
    generator = torch.Generator().manual_seed(7)

    def normal(like):
        return torch.randn(like.shape, generator=generator)

    with torch.no_grad():
        for name, value in [*model.named_parameters(), *model.named_buffers()]:
            if "inv_freq" in name or "embed_scale" in name:
                continue
            if name.endswith("layer_scalar"):
                value.copy_(0.8 + 0.3 * torch.rand(value.shape, generator=generator))
            elif value.dim() == 1:
                value.copy_((0 if one_plus else 1) + 0.3 * normal(value))
            else:
                value.copy_(normal(value) * 1.2 * value.shape[-1] ** -0.5)


def masks(block_end, window):
    """Additive masks as the notes state them: blocks both ways, in sliding layers only, within window."""
    time = block_end.shape[1]
    query, key = torch.arange(time)[:, None], torch.arange(time)[None, :]
    causal = key <= query
    same = (key <= block_end[:, :, None]) & (block_end[:, None, :] == block_end[:, :, None]) & (
        block_end[:, :, None] >= 0
    )
    near = (query - key).abs() < window
    sliding = (causal | same) & near
    full = causal.expand_as(sliding)

    def additive(seen):
        return torch.zeros(seen.shape).masked_fill(~seen, torch.finfo(torch.float32).min)[:, None]

    return {SLIDING: additive(sliding), FULL: additive(full)}


def check_masks(config):
    """Our masks are those of transformers where both define one: blocks no longer than the window. (In longer ones it lets
    a row see any later row of its block; the JAX implementation, and so we, keep |distance| < window.)"""
    block_end = torch.full((1, TIME), -1)
    block_end[0, 4:10], block_end[0, 12:20] = 9, 19
    blocks = torch.where(block_end >= 0, block_end, torch.tensor(-1))
    embeddings = torch.zeros(1, TIME, config.hidden_size)
    theirs = create_masks_for_vision_model(config, embeddings, None, None, None, blocks)
    ours = masks(block_end, config.sliding_window)
    for kind, mask in theirs.items():
        # no mask stands for plain causal
        if mask is None:
            mask = masks(torch.full((1, TIME), -1), TIME)[FULL]
        assert torch.equal(mask == 0, ours[kind] == 0), f"{kind}: masks differ"


def with_soft_tokens(model, ids):
    rows = torch.tensor([3, 4, 5, 6, TIME + 10, TIME + 11])
    soft = torch.randn(len(rows), model.config.hidden_size, generator=torch.Generator().manual_seed(5)) * 3
    text = model.model
    with torch.no_grad():
        embeddings = text.embed_tokens(ids)
        embeddings.view(-1, embeddings.shape[-1])[rows] = soft
        padded = ids.clone()
        padded.view(-1)[rows] = model.config.pad_token_id
        per_layer = text.get_per_layer_inputs(padded)
        hidden = text(inputs_embeds=embeddings, per_layer_inputs=per_layer).last_hidden_state
        logits = torch.tanh(model.lm_head(hidden) / model.config.final_logit_softcapping)
    return {"soft_rows": rows.int(), "soft": soft, "logits_soft": logits * model.config.final_logit_softcapping}


def main(out):
    for name, (model_class, config) in VARIANTS.items():
        torch.manual_seed(1)
        config._attn_implementation = "eager"
        model = model_class(config).eval()
        randomise(model, one_plus=name == "gemma3")
        folder = out / name
        shutil.rmtree(folder, ignore_errors=True)
        model.save_pretrained(folder)
        (folder / "generation_config.json").unlink(missing_ok=True)
        ids = torch.randint(3, config.vocab_size, (2, TIME), generator=torch.Generator().manual_seed(3))
        with torch.no_grad():
            golden = {"ids": ids.int(), "logits": model(ids).logits}
            if getattr(config, "use_bidirectional_attention", None) == "vision":
                check_masks(config)
                # blocks of 6 and 12 rows (longer than the window), and one that begins the sequence
                block_end = torch.full((2, TIME), -1)
                block_end[0, 4:10], block_end[0, 12:24] = 9, 23
                block_end[1, 0:5], block_end[1, 5:9] = 4, 8
                hidden = model.model(ids, attention_mask=masks(block_end, config.sliding_window)).last_hidden_state
                logits = torch.tanh(model.lm_head(hidden) / config.final_logit_softcapping)
                golden |= {"block_end": block_end.int(), "logits_blocks": logits * config.final_logit_softcapping}
        if name == "e4b":
            golden |= with_soft_tokens(model, ids)
        save_file({key: value.contiguous() for key, value in golden.items()}, folder / "golden.safetensors")
        size = sum(file.stat().st_size for file in folder.iterdir())
        largest = golden["logits"].abs().max().item()
        spread = golden["logits"].std().item()
        print(f"{name}: {size / 1000:.0f} kB, logits to {largest:.2f}, std {spread:.2f}", json.dumps(config.layer_types))


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parents[2] / "test/golden/gemma")
