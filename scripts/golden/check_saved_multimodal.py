"""Holds models that see and hear, as Pollux wrote them, against transformers: they must load there with the same logits.

    node scripts/golden/saveMultimodalAgain.ts OUT     loads the models of test/golden/multimodal and saves them again
    python scripts/golden/check_saved_multimodal.py OUT

Inputs are those of gemma_multimodal.py, with its masks. Prints the largest difference to the logits of Pollux
(pollux.safetensors in each folder) and to those before loading and saving. Fails above 2e-4, or where a tensor is missing,
unexpected or mis-shaped.
"""

import sys
from pathlib import Path

import torch
from gemma_multimodal import CASES, VARIANTS
from safetensors.torch import load_file


def main(saved):
    golden = Path(__file__).parents[2] / "test/golden/multimodal"
    failed = False
    for folder in sorted(saved.iterdir()):
        name = folder.name.removesuffix("-bf16")
        model, info = VARIANTS[name][0].from_pretrained(
            folder, attn_implementation="eager", dtype=torch.float32, output_loading_info=True
        )
        with torch.no_grad():
            logits = CASES[name](model.eval(), model.config)["logits"]
        difference = (logits - load_file(folder / "pollux.safetensors")["logits"]).abs().max().item()
        before = (logits - load_file(golden / name / "golden.safetensors")["logits"]).abs().max().item()
        odd = {key: value for key, value in info.items() if value}
        failed |= bool(odd) or not difference <= 2e-4
        print(f"{folder.name}: {type(model).__name__}, to Pollux {difference:.1e}, to the model before {before:.1e}", odd or "")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
