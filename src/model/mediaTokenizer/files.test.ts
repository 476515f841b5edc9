import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { normalArray, random, tempFolder } from '../../testing/index.ts'
import { Rng } from '../../util/index.ts'
import { readSafetensors, type StoredTensor, writeSafetensors } from '../safetensors.ts'
import { FsqTokenizer, loadMediaTokenizers, saveMediaTokenizers } from './index.ts'

const temporary = tempFolder()
afterAll(() => temporary[Symbol.dispose]())
const root = temporary.path
const image = new FsqTokenizer({ kind: 'image', inputDim: 12, channels: 3, hidden: 16, depth: 2 }).initialise(
  new Rng(1),
)
const audio = new FsqTokenizer({ kind: 'audio', inputDim: 20, channels: 5, hidden: 8, depth: 1, levels: [8, 5, 5] })
audio.initialise(new Rng(2))
const patches = normalArray(random(3), 50 * 12)
image.measure(patches)
const good = join(root, 'good')
saveMediaTokenizers(good, { image, audio })

function changed(change: {
  config?: (config: Record<string, unknown>) => void
  tensors?: (t: Map<string, StoredTensor>) => void
}): string {
  const folder = join(root, 'changed')
  rmSync(folder, { recursive: true, force: true })
  cpSync(good, folder, { recursive: true })
  const config = join(folder, 'image', 'config.json')
  if (change.config) {
    const value = JSON.parse(readFileSync(config, 'utf8')) as Record<string, unknown>
    change.config(value)
    writeFileSync(config, JSON.stringify(value))
  }
  if (change.tensors) {
    const path = join(folder, 'image', 'model.safetensors')
    const { tensors } = readSafetensors(path)
    change.tensors(tensors)
    writeSafetensors(path, tensors)
  }
  return folder
}

test('both kinds come back as they were, to the bit', () => {
  const loaded = loadMediaTokenizers(good)
  expect(loaded.image!.config).toEqual(image.config)
  expect(loaded.audio!.config).toEqual(audio.config)
  const codes = image.encode(patches)
  expect(loaded.image!.encode(patches)).toEqual(codes)
  expect(loaded.image!.decode(codes)).toEqual(image.decode(codes))
})

test('one kind may be absent, not both', () => {
  const folder = join(root, 'one')
  saveMediaTokenizers(folder, { audio })
  expect(Object.keys(loadMediaTokenizers(folder))).toEqual(['audio'])
  expect(() => loadMediaTokenizers(join(root, 'nowhere'))).toThrow('must hold image/ or audio/, got neither')
})

test('a config that is foreign, damaged or too large is refused by name', () => {
  expect(() => loadMediaTokenizers(changed({ config: (c) => (c.model_type = 'gemma4') }))).toThrow('model_type')
  expect(() => loadMediaTokenizers(changed({ config: (c) => (c.hidden = -1) }))).toThrow('config.json: hidden must be')
  expect(() => loadMediaTokenizers(changed({ config: (c) => (c.hidden = 8192) }))).toThrow('must hold the')
  expect(() => loadMediaTokenizers(changed({ config: (c) => (c.kind = 'audio') }))).toThrow('kind must be "image"')
  const folder = changed({})
  writeFileSync(join(folder, 'image', 'config.json'), '{')
  expect(() => loadMediaTokenizers(folder)).toThrow('config.json cannot be read as JSON')
})

test('a tensor that is missing, extra, of another shape or not finite is named', () => {
  const bias = 'encoder.in_proj.bias'
  const tensor = (shape: number[], value = 0): StoredTensor => {
    return { dtype: 'F32', shape, data: new Float32Array(shape.reduce((a, b) => a * b)).fill(value) }
  }
  const loading = (change: (t: Map<string, StoredTensor>) => void) => () =>
    loadMediaTokenizers(changed({ tensors: change }))
  expect(loading((t) => t.delete(bias))).toThrow(`tensor ${bias} [16,1] is missing`)
  expect(loading((t) => t.set(bias, tensor([16])))).toThrow(`tensor ${bias} must have shape [16,1], got [16]`)
  expect(loading((t) => t.set(bias, tensor([16, 1], NaN)))).toThrow(`tensor ${bias} must hold finite numbers`)
  expect(loading((t) => t.set('more', tensor([1])))).toThrow('tensor more belongs to no part of it')
  expect(loading((t) => t.set('deviation', tensor([3], 0)))).toThrow('deviation must be above 0')
})
