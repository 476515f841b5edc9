// Parity with transformers of models that see and hear: tiny ones with random weights (scripts/golden/gemma_multimodal.py),
// loaded from the files that transformers wrote, give its soft tokens and logits in f32. Two sequences with pictures of
// different shapes, a clip's frames and sounds among text.
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, test } from 'vitest'
import {
  AudioTowerEmbedder,
  loadMultimodal,
  type MultimodalInput,
  type MultimodalModel,
  readSafetensors,
  saveMultimodal,
  VisionTowerEmbedder,
  writeSafetensors,
} from '../../src/model/index.ts'
import { fromArray, memoryScope, Tape } from '../../src/tensor/index.ts'

const folder = fileURLToPath(new URL('./multimodal', import.meta.url))
const root = mkdtempSync(join(tmpdir(), 'pollux-multimodal-'))
afterAll(() => rmSync(root, { recursive: true }))

/** f32 rounding of logits up to 6; values of the vision tower reach 40. */
const allowed = 8e-5
const allowedInTower = 3e-4

interface Golden {
  input: MultimodalInput
  floats: (name: string) => Float32Array
}

/** The golden inputs and values of a model. */
function golden(variant: string, model: MultimodalModel): Golden {
  const { tensors } = readSafetensors(join(folder, variant, 'golden.safetensors'))
  const floats = (name: string): Float32Array => tensors.get(name)!.data as Float32Array
  const ints = (name: string): Int32Array => tensors.get(name)?.data as Int32Array
  const [batch, time] = tensors.get('ids')!.shape
  const ids = ints('ids')
  const { image_token_id, video_token_id, audio_token_id } = model.config
  const rowsOf = (...wanted: number[]): Int32Array => Int32Array.from(ids.keys().filter((row) => wanted.includes(ids[row])))
  const input: MultimodalInput = { ids, batch, time, blockEnd: ints('block_end') }
  input.pictures = {
    rows: rowsOf(image_token_id, video_token_id),
    features: floats('patches'),
    positions: ints('positions'),
  }
  if (tensors.has('sounds')) {
    input.sounds = { rows: rowsOf(audio_token_id), features: floats('sounds'), frames: ints('sound_frames') }
  }
  return { input, floats }
}

function logits(model: MultimodalModel, input: MultimodalInput): Float32Array {
  using _scope = memoryScope()
  return model.logits(model.forward(input, { compute: 'f32' }).hidden)
}

function largestDifference(a: Float32Array, b: Float32Array): number {
  expect(a.length).toBe(b.length)
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0)
}

const variants = readdirSync(folder)

test('there is a golden model of every kind', () => {
  expect(variants).toEqual(['tower-26b', 'tower-e2b', 'unified'])
})

describe.each(variants)('the %s model', (variant) => {
  const model = loadMultimodal(join(folder, variant))
  const { input, floats } = golden(variant, model)

  test('gives the soft tokens of transformers', () => {
    using _scope = memoryScope()
    const seen = model.embedPictures(input.pictures!).floats
    expect(largestDifference(seen, floats('soft_images'))).toBeLessThan(allowed)
    if (!input.sounds) return
    const heard = model.embedSounds(input.sounds).floats
    expect(largestDifference(heard, floats('soft_sounds'))).toBeLessThan(allowed)
  })

  test('gives the logits of transformers', () => {
    expect(largestDifference(logits(model, input), floats('logits'))).toBeLessThan(allowed)
  })

  test('saves what it has read, name for name and value for value', () => {
    const saved = join(root, variant)
    mkdirSync(saved)
    saveMultimodal(saved, model, { dtype: 'f32' })
    const [before, after] = [join(folder, variant), saved].map(
      (each) => readSafetensors(join(each, 'model.safetensors')).tensors,
    )
    expect([...after.keys()].sort()).toEqual([...before.keys()].sort())
    for (const [name, { shape, data }] of before) expect({ name, ...after.get(name) }).toMatchObject({ shape, data })
    expect(logits(loadMultimodal(saved), input)).toEqual(logits(model, input))
    const { vision_config } = JSON.parse(readFileSync(join(saved, 'config.json'), 'utf8')) as Record<string, object>
    expect(vision_config).toMatchObject({ patch_size: model.config.vision_config!.patch_size })
  })
})

test('a file with the names that transformers has in memory is read too', () => {
  const [source, renamed] = [join(folder, 'unified'), join(root, 'renamed')]
  mkdirSync(renamed)
  copyFileSync(join(source, 'config.json'), join(renamed, 'config.json'))
  const { tensors } = readSafetensors(join(source, 'model.safetensors'))
  const inMemory = (name: string): string =>
    name
      .replace('embed_vision.embedding_projection', 'embed_vision.multimodal_embedder.embedding_projection')
      .replace('vision_embedder', 'embed_vision')
  const names = [...tensors].map(([name, tensor]) => [inMemory(name), tensor] as const)
  writeSafetensors(join(renamed, 'model.safetensors'), new Map(names))
  const model = loadMultimodal(renamed)
  const { input, floats } = golden('unified', model)
  expect(largestDifference(logits(model, input), floats('logits'))).toBeLessThan(allowed)
})

describe('the towers', () => {
  const model = loadMultimodal(join(folder, 'tower-e2b'))
  const { input, floats } = golden('tower-e2b', model)

  test.each(['tower-26b', 'tower-e2b'])('the vision tower of %s gives the values of transformers', (variant) => {
    using _scope = memoryScope()
    const { vision, ...rest } = loadMultimodal(join(folder, variant))
    if (!(vision instanceof VisionTowerEmbedder)) throw new Error('there must be a tower')
    const { input, floats } = golden(variant, { ...rest, vision } as MultimodalModel)
    const { features, positions } = input.pictures!
    const patches = fromArray(features, [positions.length / 2, 48])
    expect(largestDifference(vision.tower.forward(patches, positions).floats, floats('tower_images'))).toBeLessThan(
      allowedInTower,
    )
  })

  test('the audio tower gives the values of the original, and of transformers with its narrower window', () => {
    using _scope = memoryScope()
    const { audio } = model
    if (!(audio instanceof AudioTowerEmbedder)) throw new Error('there must be a tower')
    const { features, frames } = input.sounds!
    const wide = audio.tower.forward(features, frames!)
    expect(largestDifference(wide.floats, floats('tower_sounds'))).toBeLessThan(allowed)
    const { window } = audio.tower.shape
    const narrow = audio.tower.forward(features, frames!, { keys: window - 1 })
    expect(largestDifference(narrow.floats, floats('tower_sounds_narrow'))).toBeLessThan(allowed)
    expect(largestDifference(wide.floats, narrow.floats)).toBeGreaterThan(0.1)
  })

  test('only what stands after them learns', () => {
    using _scope = memoryScope()
    using tape = new Tape()
    const targets = Int32Array.from(input.ids, (id, row) => (row % 2 === 0 ? id : -1))
    tape.backward(model.loss(input, targets, { compute: 'f32' }).loss)
    const learnt = (name: string): boolean =>
      model.weights.some(({ parameter }) => parameter.name === name && parameter.grad!.floats.some((x) => x !== 0))
    expect(learnt('model.embed_vision.embedding_projection.weight')).toBe(true)
    expect(learnt('model.embed_audio.embedding_projection.weight')).toBe(true)
    expect(model.frozen.length).toBeGreaterThan(50)
    expect(model.frozen.every(({ parameter }) => parameter.grad === null)).toBe(true)
  })

  test('a picture that is not whole and a sound too many are refused by name', () => {
    using _scope = memoryScope()
    const { pictures, sounds } = input
    const cut = { ...pictures!, positions: pictures!.positions.subarray(0, -2), features: pictures!.features.subarray(48) }
    expect(() => model.embedPictures(cut)).toThrow('visionTower: patches must be row by row, in sides of multiples of 3')
    expect(() => model.embedSounds({ ...sounds!, rows: sounds!.rows.subarray(1) })).toThrow(
      'model: sounds must have as many features as placeholders (15), got 16',
    )
    expect(() => model.embedSounds({ ...sounds!, frames: undefined })).toThrow('sounds must have `frames`')
    expect(() => logits(model, { ...input, sounds: undefined })).toThrow('placeholders and features of sounds')
  })
})
