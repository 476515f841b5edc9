import { mkdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import { memoryScope } from '../tensor/index.ts'
import { MediaByteTokenizer, normalArray, random, tempFolder } from '../testing/index.ts'
import { Rng } from '../util/index.ts'
import { MultimodalModel } from './multimodal.ts'
import { loadAnyModel, saveAnyModel } from './multimodalCheckpoint.ts'
import { multimodalPreset } from './multimodalPreset.ts'
import { parseMultimodalConfig } from './multimodalConfig.ts'
import { preset } from './presets.ts'

const tokenizer = new MediaByteTokenizer()
const config = multimodalPreset(preset('micro'), tokenizer, { context: 32, patch: 4 })
const model = new MultimodalModel(config).initialise(new Rng(1))
const image = config.image_token_id
const audio = config.audio_token_id

/** Text, a picture of four patches at rows 2-5, two rows of sound at 8-9. */
function input(seed = 1) {
  const rng = random(seed)
  const ids = Int32Array.from([2, 30, image, image, image, image, 31, 32, audio, audio, 33, 34])
  return {
    ...{ ids, batch: 1, time: ids.length },
    blockEnd: Int32Array.from([0, 1, 5, 5, 5, 5, 6, 7, 8, 9, 10, 11]),
    pictures: {
      rows: Int32Array.of(2, 3, 4, 5),
      features: normalArray(rng, 4 * 48),
      positions: Int32Array.of(0, 0, 1, 0, 0, 1, 1, 1),
    },
    sounds: { rows: Int32Array.of(8, 9), features: normalArray(rng, 2 * 256) },
  }
}

function hidden(given: Parameters<MultimodalModel['forward']>[0]): Float32Array {
  using _scope = memoryScope()
  return model.forward(given, { compute: 'f32' }).hidden.toFloat32()
}

test('placeholders and features that disagree are refused, with where', () => {
  const good = input()
  const fewer = {
    ...good,
    pictures: { ...good.pictures, rows: Int32Array.of(2, 3, 4), features: new Float32Array(144) },
  }
  expect(() => hidden(fewer)).toThrow('placeholders and features of pictures must be at the same rows')
  const { sounds: _sounds, ...silent } = good
  expect(() => hidden(silent)).toThrow('of sounds must be at the same rows, got a placeholder at row 8')
  const more = { ...good, ids: good.ids.map((id) => (id === audio ? 40 : id)) }
  expect(() => hidden(more)).toThrow('sounds must have as many features as placeholders (0), got 2')
})

test('a patch is seen by the patches before it in its block, and a row of sound by none before it', () => {
  const base = input()
  const dim = config.text_config.hidden_size
  const row = (values: Float32Array, i: number) => [...values.subarray(i * dim, (i + 1) * dim)]
  const before = hidden(base)
  const patched = { ...base, pictures: { ...base.pictures, features: base.pictures.features.slice() } }
  patched.pictures.features.fill(0, 3 * 48)
  const after = hidden(patched)
  expect(row(after, 2)).not.toEqual(row(before, 2))
  expect(row(after, 1)).toEqual(row(before, 1))
  const muted = { ...base, sounds: { ...base.sounds, features: base.sounds.features.slice() } }
  muted.sounds.features.fill(0, 256)
  const quiet = hidden(muted)
  expect(row(quiet, 8)).toEqual(row(before, 8))
  expect(row(quiet, 9)).not.toEqual(row(before, 9))
})

test('an f32 checkpoint gives back every weight, embedders included, and the config', () => {
  using folder = tempFolder({})
  mkdirSync(folder.file('model'))
  saveAnyModel(folder.file('model'), model, { dtype: 'f32' })
  const loaded = loadAnyModel(folder.file('model')) as MultimodalModel
  expect(loaded.config).toEqual(config)
  model.weights.forEach(({ parameter }, i) => {
    expect(loaded.weights[i].parameter.name).toBe(parameter.name)
    expect(loaded.weights[i].parameter.data).toEqual(parameter.data)
  })
})

test('a config names the field that is wrong', () => {
  const change = (fields: object) => () => parseMultimodalConfig({ ...config, ...fields })
  expect(change({ model_type: 'llama' })).toThrow('model_type must be one of')
  expect(change({ image_token_id: 10 ** 6 })).toThrow('image_token_id must be a token id below vocab_size')
  expect(change({ audio_config: { features: 'mfcc' } })).toThrow(
    'audio_config.features must be "waveform" or "log_mel"',
  )
  expect(change({ vision_config: { patch_size: 0 } })).toThrow('vision_config.patch_size must be a whole number')
})
