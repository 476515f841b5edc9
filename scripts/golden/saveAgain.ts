// Loads every model of test/golden/gemma and saves it again under OUT, in f32 (in shards) and in bf16, and beside them the
// preset `micro`; each folder with pollux.safetensors, the ids and the logits that Pollux computes from the saved files.
// check_saved.py then holds the folders against transformers. Usage: node scripts/golden/saveAgain.ts OUT
import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  Decoder,
  loadModel,
  preset,
  readSafetensors,
  saveModel,
  type StoredTensor,
  writeSafetensors,
} from '../../src/model/index.ts'
import { memoryScope } from '../../src/tensor/index.ts'
import { Rng } from '../../src/util/index.ts'

function save(folder: string, model: Decoder, ids: StoredTensor, dtype: 'f32' | 'bf16'): void {
  mkdirSync(folder, { recursive: true })
  saveModel(folder, model, { dtype, maxShardBytes: 80_000 })
  const saved = loadModel(folder)
  const [batch, time] = ids.shape
  using _scope = memoryScope()
  const { hidden } = saved.forward({ ids: ids.data as Int32Array, batch, time }, { compute: 'f32' })
  const shape = [batch, time, saved.config.vocab_size]
  writeSafetensors(
    join(folder, 'pollux.safetensors'),
    new Map<string, StoredTensor>([
      ['ids', ids],
      ['logits', { dtype: 'F32', shape, data: saved.logits(hidden) }],
    ]),
  )
}

const golden = fileURLToPath(new URL('../../test/golden/gemma', import.meta.url))
const [out] = process.argv.slice(2)
if (out === undefined) throw new Error('saveAgain: needs a folder to write to, got none')
let ids: StoredTensor | undefined
for (const variant of readdirSync(golden)) {
  ids = readSafetensors(join(golden, variant, 'golden.safetensors')).tensors.get('ids')!
  const model = loadModel(join(golden, variant))
  save(join(out, variant), model, ids, 'f32')
  save(join(out, `${variant}-bf16`), model, ids, 'bf16')
}
save(join(out, 'preset-micro'), new Decoder(preset('micro').config).initialise(new Rng(1)), ids!, 'f32')
