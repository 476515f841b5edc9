// Writing the tensors of a checkpoint folder: one file, or shards of at most a given size with their index.
//
// Arrays are made when their turn comes (bf16 copies of f32 weights, say), so that no more than one is in memory at a time.
// Files that belong to a checkpoint but not to the model (tokenizer, chat template) are taken over from where it came from.
import { copyFileSync, existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { kernels } from '../native/index.ts'
import { indexFile, singleFile } from './checkpointReader.ts'
import type { StoredAs } from './configFile.ts'
import { storedBytes, type WritableTensor, writeSafetensors } from './safetensors.ts'

/** Largest file that is written by default: transformers writes shards of 5 GB. */
export const defaultShardBytes = 5e9

/** Files of a checkpoint folder that a model does not write itself. */
const companions = [
  'tokenizer.json',
  'tokenizer_config.json',
  'tokenizer.model',
  'special_tokens_map.json',
  'chat_template.jinja',
  'preprocessor_config.json',
  'processor_config.json',
]

/** Writes tensors into a folder, in the order given. A tensor larger than `maxShardBytes` has a shard of its own. */
export function writeTensors(
  folder: string,
  tensors: ReadonlyMap<string, WritableTensor>,
  maxShardBytes = defaultShardBytes,
): void {
  const metadata = { format: 'pt' }
  const shards: Map<string, WritableTensor>[] = [new Map()]
  let [total, held] = [0, 0]
  for (const [name, tensor] of tensors) {
    const bytes = tensor.shape.reduce((product, size) => product * size, storedBytes[tensor.dtype])
    if (held > 0 && held + bytes > maxShardBytes) {
      shards.push(new Map())
      held = 0
    }
    shards.at(-1)!.set(name, tensor)
    held += bytes
    total += bytes
  }
  if (shards.length === 1) {
    writeSafetensors(join(folder, singleFile), shards[0], metadata)
    return
  }
  const five = (n: number): string => String(n).padStart(5, '0')
  const weightMap: Record<string, string> = {}
  shards.forEach((shard, i) => {
    const name = `model-${five(i + 1)}-of-${five(shards.length)}.safetensors`
    for (const tensor of shard.keys()) weightMap[tensor] = name
    writeSafetensors(join(folder, name), shard, metadata)
  })
  writeJson(join(folder, indexFile), { metadata: { total_size: total }, weight_map: weightMap })
}

/** f32 values as they are stored; `less` is left off each. The array is made when it is written. */
export function storedValues(values: Float32Array, shape: number[], dtype: StoredAs, less = 0): WritableTensor {
  const own = (): Float32Array => (less === 0 ? values : values.map((value) => value - less))
  if (dtype === 'f32') return { dtype: 'F32', shape, data: own }
  const bits = (): Uint16Array => {
    const data = new Uint16Array(values.length)
    kernels.convert(own(), data, values.length)
    return data
  }
  return { dtype: 'BF16', shape, data: bits }
}

/** Copies tokenizer and chat template from another checkpoint folder, those that it has. */
export function copyCompanions(from: string, to: string): void {
  for (const name of companions) {
    if (existsSync(join(from, name))) copyFileSync(join(from, name), join(to, name))
  }
}

export function writeJson(path: string, value: unknown): void {
  writeFileSync(path, `${JSON.stringify(value, null, 2)}\n`)
}
