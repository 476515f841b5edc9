// How our parameters map to the tensors of a Hugging Face file.
//
// Names are already those of transformers' Gemma 4 (text only, prefix `model.`), except that matrices fused
// here are separate there: qkv_proj is q_proj, k_proj and v_proj; the dense gate_up_proj is gate_proj and
// up_proj (the experts' gate_up_proj is fused there too). Each piece is a run of whole rows.
import type { Weight } from '../nn/index.ts'

/** A stored tensor and the run of a parameter's elements that it is. */
export interface StoredPiece {
  name: string
  shape: number[]
  offset: number
  size: number
}

const splits: [suffix: string, pieces: string[]][] = [
  ['.self_attn.qkv_proj.weight', ['q_proj', 'k_proj', 'v_proj']],
  ['.mlp.gate_up_proj.weight', ['gate_proj', 'up_proj']],
]

/** The tensors that store a weight. */
export function storedPieces({ parameter, parts }: Weight): StoredPiece[] {
  for (const [suffix, names] of splits) {
    if (!parameter.name.endsWith(suffix)) continue
    const fused = suffix.split('.').at(-2)!
    return parts.map(({ offset, rows, cols }, i) => ({
      name: parameter.name.replace(`.${fused}.`, `.${names[i]}.`),
      shape: [rows, cols],
      offset,
      size: rows * cols,
    }))
  }
  return [{ name: parameter.name, shape: [...parameter.shape], offset: 0, size: parameter.size }]
}
