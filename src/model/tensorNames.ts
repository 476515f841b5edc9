// How our parameters map to the tensors of a Hugging Face file.
//
// Names are already those of transformers' Gemma (text only, prefix `model.`), except that matrices fused here are
// separate there: qkv_proj is q_proj, k_proj and v_proj (qk_proj the first two); the dense gate_up_proj is gate_proj
// and up_proj (the experts' gate_up_proj is fused there too). Each piece is a run of whole rows. Files of models with
// media towers have the text model under another prefix.
import type { Weight } from '../nn/index.ts'

/** A stored tensor and the run of a parameter's elements that it is. */
export interface StoredPiece {
  name: string
  shape: number[]
  offset: number
  size: number
  /** What the file holds is the value less this. */
  less: number
  /** To the order of files, and back. */
  reorder?: (values: Float32Array) => Float32Array
}

/** The prefix of our own names, and those that files may have in its place. */
export const ownPrefix = 'model.'
const otherPrefixes = ['model.language_model.', 'language_model.model.', 'language_model.']

/** The prefix of the text model among these tensor names; `model.` if none is found. */
export function textPrefix(names: Iterable<string>): string {
  const all = new Set(names)
  return otherPrefixes.find((prefix) => all.has(`${prefix}embed_tokens.weight`)) ?? ownPrefix
}

/** A name of ours under another prefix. */
export function withPrefix(name: string, prefix: string): string {
  return name.startsWith(ownPrefix) ? prefix + name.slice(ownPrefix.length) : name
}

const splits: [suffix: string, pieces: string[]][] = [
  ['.self_attn.qkv_proj.weight', ['q_proj', 'k_proj', 'v_proj']],
  ['.self_attn.qk_proj.weight', ['q_proj', 'k_proj']],
  ['.mlp.gate_up_proj.weight', ['gate_proj', 'up_proj']],
]

/** The tensors that store a weight. */
export function storedPieces({ parameter, parts, storedLess = 0, ...stored }: Weight): StoredPiece[] {
  for (const [suffix, names] of splits) {
    if (!parameter.name.endsWith(suffix)) continue
    const fused = suffix.split('.').at(-2)!
    return parts.map(({ offset, rows, cols }, i) => ({
      name: parameter.name.replace(`.${fused}.`, `.${names[i]}.`),
      shape: [rows, cols],
      offset,
      size: rows * cols,
      less: storedLess,
    }))
  }
  const { storedName: name = parameter.name, storedShape: shape = parameter.shape, reorder } = stored
  return [{ name, shape: [...shape], offset: 0, size: parameter.size, less: storedLess, reorder }]
}
