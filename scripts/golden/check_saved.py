"""Holds checkpoints that Pollux wrote against transformers: each must load there and give the same logits.

    node scripts/golden/saveAgain.ts OUT              loads the models of test/golden/gemma and saves them again
    python scripts/golden/check_saved.py OUT

Every folder of OUT has pollux.safetensors (ids, and the logits of Pollux in f32). Prints the largest difference to them,
and where there is a golden model of that name the difference to the logits before loading and saving. Fails above 2e-4,
or where a tensor is missing, unexpected or mis-shaped.
"""

import sys
from pathlib import Path

import torch
from safetensors.torch import load_file
from transformers import AutoConfig, AutoModelForCausalLM


def main(saved):
    golden = Path(__file__).parents[2] / "test/golden/gemma"
    failed = False
    for folder in sorted(saved.iterdir()):
        config = AutoConfig.from_pretrained(folder)
        model, info = AutoModelForCausalLM.from_pretrained(
            folder, attn_implementation="eager", dtype=torch.float32, output_loading_info=True
        )
        theirs = load_file(folder / "pollux.safetensors")
        with torch.no_grad():
            logits = model.eval()(theirs["ids"].long()).logits
        difference = (logits - theirs["logits"]).abs().max().item()
        odd = {key: value for key, value in info.items() if value}
        failed |= bool(odd) or not difference <= 2e-4
        line = f"{folder.name}: {type(model).__name__}, {config.dtype}, to Pollux {difference:.1e}"
        before = golden / folder.name / "golden.safetensors"
        if before.exists():
            line += f", to the model before {(logits - load_file(before)['logits']).abs().max().item():.1e}"
        print(line, odd or "")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
