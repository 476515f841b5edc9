// Loads every model of test/golden/multimodal and saves it again under OUT, in f32 (in shards) and in bf16; each folder with
// pollux.safetensors, the logits and soft tokens that Pollux computes from the saved files. check_saved_multimodal.py
// then holds the folders against transformers. Usage: node scripts/golden/saveMultimodalAgain.ts OUT
import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  loadMultimodal,
  type MultimodalInput,
  readSafetensors,
  saveMultimodal,
  type StoredTensor,
  writeSafetensors,
} from '../../src/model/index.ts'
import { memoryScope } from '../../src/tensor/index.ts'

const golden = fileURLToPath(new URL('../../test/golden/multimodal', import.meta.url))
const [out] = process.argv.slice(2)
if (out === undefined) throw new Error('saveMultimodalAgain: needs a folder to write to, got none')

function save(variant: string, folder: string, dtype: 'f32' | 'bf16'): void {
  mkdirSync(folder, { recursive: true })
  saveMultimodal(folder, loadMultimodal(join(golden, variant)), { dtype, maxShardBytes: 150_000 })
  const model = loadMultimodal(folder)
  const { tensors } = readSafetensors(join(golden, variant, 'golden.safetensors'))
  const ints = (name: string): Int32Array => tensors.get(name)?.data as Int32Array
  const floats = (name: string): Float32Array => tensors.get(name)?.data as Float32Array
  const [ids, [batch, time]] = [ints('ids'), tensors.get('ids')!.shape]
  const { image_token_id, video_token_id, audio_token_id } = model.config
  const rows = (...wanted: number[]): Int32Array =>
    Int32Array.from(ids.keys().filter((row) => wanted.includes(ids[row])))
  const input: MultimodalInput = {
    ...{ ids, batch, time, blockEnd: ints('block_end') },
    pictures: { rows: rows(image_token_id, video_token_id), features: floats('patches'), positions: ints('positions') },
    sounds: tensors.has('sounds')
      ? { rows: rows(audio_token_id), features: floats('sounds'), frames: ints('sound_frames') }
      : undefined,
  }
  using _scope = memoryScope()
  const data = model.logits(model.forward(input, { compute: 'f32' }).hidden)
  const logits: StoredTensor = { dtype: 'F32', shape: [batch, time, model.textConfig.vocab_size], data }
  writeSafetensors(join(folder, 'pollux.safetensors'), new Map([['logits', logits]]))
}

for (const variant of readdirSync(golden)) {
  save(variant, join(out, variant), 'f32')
  save(variant, join(out, `${variant}-bf16`), 'bf16')
}
