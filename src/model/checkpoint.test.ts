import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync, cpSync, mkdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Rng } from '../util/index.ts'
import { CheckpointError, loadModel, saveModel, storedTensors } from './checkpoint.ts'
import { Decoder } from './decoder.ts'
import { preset } from './presets.ts'
import { replaceFolder } from './replaceFolder.ts'
import { readSafetensors, type StoredTensor, writeSafetensors } from './safetensors.ts'

const { config } = preset('micro')
const root = mkdtempSync(join(tmpdir(), 'pollux-checkpoint-'))
const good = join(root, 'good')
const model = new Decoder(config).initialise(new Rng(3))
model.blocks[1].layerScalar = 0.5
beforeAll(() => {
  mkdirSync(good)
  saveModel(good, model, { dtype: 'f32' })
})
afterAll(() => rmSync(root, { recursive: true }))

/** A copy of the good checkpoint with other tensors. */
function withTensors(change: (tensors: Map<string, StoredTensor>) => void): string {
  const folder = join(root, 'changed')
  cpSync(good, folder, { recursive: true })
  const { tensors } = readSafetensors(join(good, 'model.safetensors'))
  change(tensors)
  writeSafetensors(join(folder, 'model.safetensors'), tensors)
  return folder
}

test('an f32 checkpoint gives back every weight bit for bit', () => {
  const loaded = loadModel(good)
  expect(loaded.config).toEqual(config)
  expect(loaded.blocks.map((block) => block.layerScalar)).toEqual([1, 0.5])
  model.weights.forEach(({ parameter }, i) => {
    expect(loaded.weights[i].parameter.name).toBe(parameter.name)
    expect(loaded.weights[i].parameter.data).toEqual(parameter.data)
  })
})

test('a bf16 checkpoint, loaded and saved again, is the same file', () => {
  const [first, second] = ['first', 'second'].map((name) => join(root, name))
  mkdirSync(first)
  mkdirSync(second)
  saveModel(first, model)
  saveModel(second, loadModel(first))
  const bytes = (folder: string) => readFileSync(join(folder, 'model.safetensors'))
  expect(bytes(second).equals(bytes(first))).toBe(true)
})

test('tensors carry the names and shapes of transformers', () => {
  const tensors = storedTensors(model, 'bf16')
  const shapes = Object.fromEntries([...tensors].map(([name, { shape }]) => [name, shape.join('x')]))
  expect(shapes).toMatchObject({
    'model.embed_tokens.weight': '320x32',
    'model.norm.weight': '32',
    'model.layers.0.input_layernorm.weight': '32',
    'model.layers.0.self_attn.q_proj.weight': '32x32',
    'model.layers.0.self_attn.k_proj.weight': '16x32',
    'model.layers.0.self_attn.v_proj.weight': '16x32',
    'model.layers.0.self_attn.o_proj.weight': '32x32',
    'model.layers.0.self_attn.q_norm.weight': '16',
    'model.layers.0.post_attention_layernorm.weight': '32',
    'model.layers.0.pre_feedforward_layernorm.weight': '32',
    'model.layers.0.post_feedforward_layernorm_1.weight': '32',
    'model.layers.0.pre_feedforward_layernorm_2.weight': '32',
    'model.layers.0.post_feedforward_layernorm_2.weight': '32',
    'model.layers.0.post_feedforward_layernorm.weight': '32',
    'model.layers.0.mlp.gate_proj.weight': '32x32',
    'model.layers.0.mlp.up_proj.weight': '32x32',
    'model.layers.0.mlp.down_proj.weight': '32x32',
    'model.layers.0.router.proj.weight': '4x32',
    'model.layers.0.router.scale': '32',
    'model.layers.0.router.per_expert_scale': '4',
    'model.layers.0.experts.gate_up_proj': '4x32x32',
    'model.layers.0.experts.down_proj': '4x32x16',
    'model.layers.1.layer_scalar': '1',
  })
  expect(tensors.size).toBe(2 + 2 * 22)
})

test('fused matrices are split by rows, q before k before v', () => {
  const fused = model.blocks[0].attention.qkv.parameter.data
  const tensors = storedTensors(model, 'f32')
  const joined = ['q', 'k', 'v'].flatMap((p) => [...tensors.get(`model.layers.0.self_attn.${p}_proj.weight`)!.data])
  expect(joined).toEqual([...fused])
})

test('a missing tensor, a wrong shape and a stray tensor are named', () => {
  const missing = withTensors((tensors) => void tensors.delete('model.layers.1.mlp.up_proj.weight'))
  expect(() => loadModel(missing)).toThrow(/tensor model\.layers\.1\.mlp\.up_proj\.weight \[32,32\] is missing/)
  const misshapen = withTensors((tensors) => {
    tensors.get('model.norm.weight')!.shape = [2, 16]
  })
  expect(() => loadModel(misshapen)).toThrow('model.norm.weight must have shape [32], got [2,16]')
  const stray = withTensors((tensors) => {
    tensors.set('lm_head.weight', { dtype: 'F32', shape: [1], data: new Float32Array(1) })
  })
  expect(() => loadModel(stray)).toThrow('1 tensor belongs to no part of this model, the first is lm_head.weight')
  const foreign = withTensors((tensors) => {
    tensors.clear()
    tensors.set('transformer.wte.weight', { dtype: 'F32', shape: [1], data: new Float32Array(1) })
  })
  expect(() => loadModel(foreign)).toThrow(
    expect.objectContaining({ hint: expect.stringContaining('the file has transformer.wte.weight') }),
  )
})

test('a folder that is none, or whose config is broken, says so', () => {
  expect(() => loadModel(join(root, 'nowhere'))).toThrow(CheckpointError)
  expect(() => loadModel(join(root, 'nowhere'))).toThrow(/config\.json cannot be read/)
  const broken = join(root, 'broken')
  cpSync(good, broken, { recursive: true })
  writeFileSync(join(broken, 'config.json'), '{')
  expect(() => loadModel(broken)).toThrow(/config\.json is not JSON/)
})

test('a config of far more weights than are stored is refused before a model of that size is built', () => {
  const swollen = join(root, 'swollen')
  cpSync(good, swollen, { recursive: true })
  const sizes = { hidden_size: 2 ** 20, vocab_size: 2 ** 22, num_hidden_layers: 1024, layer_types: undefined }
  writeFileSync(join(swollen, 'config.json'), JSON.stringify({ ...config, ...sizes }))
  expect(() => loadModel(swollen)).toThrow(CheckpointError)
  expect(() => loadModel(swollen)).toThrow(/its files must hold the \d+ weights of config\.json, got \d+$/)
})

test('a failed write leaves the old folder as it was and nothing beside it', async () => {
  const folder = join(root, 'kept')
  await replaceFolder(folder, (aside) => writeFileSync(join(aside, 'a'), 'old'))
  const full = replaceFolder(folder, (aside) => {
    writeFileSync(join(aside, 'a'), 'new')
    // every write to this device fails as on a full disk
    writeFileSync('/dev/full', 'x')
  })
  await expect(full).rejects.toThrow(/cannot be written/)
  await expect(full).rejects.toHaveProperty('cause.code', 'ENOSPC')
  expect(readFileSync(join(folder, 'a'), 'utf8')).toBe('old')
  expect(existsSync(`${folder}.new`)).toBe(false)
})

test('a crash between the two renames is settled at the next look', () => {
  const folder = join(root, 'crashed')
  cpSync(good, folder, { recursive: true })
  renameSync(folder, `${folder}.old`)
  expect(loadModel(folder).config).toEqual(config)
})
