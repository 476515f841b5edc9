import { copyFileSync, existsSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { tempFolder } from '../../testing/index.ts'
import { PATTERNS, trainTokenizer } from '../../tokenizer/index.ts'
import { Rng } from '../../util/index.ts'
import { loadModel } from '../checkpoint.ts'
import { parseConfig } from '../config.ts'
import { Decoder } from '../decoder.ts'
import { preset } from '../presets.ts'
import { decodeNumbers, encodeNumbers } from './blocks.ts'
import { exportGguf } from './exportGguf.ts'
import type { GgufValue } from './format.ts'
import { openGguf } from './reader.ts'
import { type GgufTensor, writeGguf } from './writer.ts'

const rng = new Rng(5)
const normal = (size: number, scale = 1) => Float32Array.from({ length: size }, () => scale * rng.normal())
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const expectedQ8 = '492897cc003469aee2164b7fc4f92d61a6db0f4378bdf1255a9fd3073c70b5ea1e52'
const expectedQ4 = '40b87f4b08c5916d2ae7b3804c18d5926e3a'
const golden = (name: string) => fileURLToPath(new URL(`../../../test/golden/gemma/${name}`, import.meta.url))

describe('blocks', () => {
  const x = Float32Array.from({ length: 32 }, (_, i) => ((i * 7) % 32) / 4 - 3.5)

  test('are the bytes of the gguf package of Python for the same numbers', () => {
    // gguf.quants.quantize(x, type) of gguf 0.19
    expect(hex(encodeNumbers('q8_0', x))).toBe(expectedQ8)
    expect(hex(encodeNumbers('q4_0', x))).toBe(expectedQ4)
  })

  test.each([
    ['f32', 0],
    ['f16', 2 ** -11],
    ['bf16', 2 ** -8],
    ['q8_0', 0.5 / 127 + 2 ** -10],
    ['q4_0', 1 / 8 + 2 ** -10],
  ] as const)('give numbers back from %s within %f of the largest', (type, bound) => {
    const values = normal(32 * 50, 0.3)
    const back = decodeNumbers(type, encodeNumbers(type, values))
    for (let block = 0; block < values.length; block += 32) {
      const most = Math.max(...values.subarray(block, block + 32).map(Math.abs))
      for (let i = block; i < block + 32; i++) expect(Math.abs(back[i] - values[i])).toBeLessThanOrEqual(bound * most)
    }
  })

  test('keep zeros, and powers of two up to the largest', () => {
    expect(decodeNumbers('q8_0', encodeNumbers('q8_0', new Float32Array(32)))).toEqual(new Float32Array(32))
    const exact = Float32Array.from({ length: 32 }, (_, i) => (i % 16) - 8)
    expect(decodeNumbers('q4_0', encodeNumbers('q4_0', exact))).toEqual(exact)
  })
})

const keys = new Map<string, GgufValue>([
  ['general.architecture', { type: 'string', value: 'gemma4' }],
  ['a.number', { type: 'u32', value: 4_000_000_000 }],
  ['a.negative', { type: 'i32', value: -5 }],
  ['a.float', { type: 'f32', value: 0.5 }],
  ['a.flag', { type: 'bool', value: true }],
  ['a.texts', { type: 'array', of: 'string', value: ['', 'Ġthe', '<eos>', '你好'] }],
  ['a.numbers', { type: 'array', of: 'i32', value: [1, -2, 3] }],
  ['a.flags', { type: 'array', of: 'bool', value: [true, false] }],
])
const matrix = normal(3 * 64)
const tensors: GgufTensor[] = [
  { name: 'odd', shape: [5], type: 'f32', values: () => Float32Array.of(1, 2, 3, 4, 5) },
  { name: 'matrix', shape: [3, 64], type: 'q8_0', values: () => matrix },
  { name: 'stack', shape: [3, 2, 32], type: 'bf16', values: () => matrix },
]

describe('a file', () => {
  test('gives back what was written, and every tensor begins at a multiple of 32', () => {
    using folder = tempFolder()
    const path = folder.file('a.gguf')
    writeGguf(path, { keys, tensors })
    using file = openGguf(path)
    expect(Object.fromEntries(file.keys)).toEqual(
      Object.fromEntries(
        [...keys].map(([key, { value }]) => [key, typeof value === 'object' ? Array.from(value as []) : value]),
      ),
    )
    expect([...file.tensors.values()].map(({ name, shape, type }) => ({ name, shape, type }))).toEqual(
      tensors.map(({ name, shape, type }) => ({ name, shape, type })),
    )
    for (const { offset } of file.tensors.values()) expect(offset % 32).toBe(0)
    expect([...file.read('odd')]).toEqual([1, 2, 3, 4, 5])
    expect(file.readBytes('matrix')).toEqual(encodeNumbers('q8_0', matrix))
    expect(existsSync(`${path}.tmp`)).toBe(false)
  })

  test('cut off at any place is refused, or read without what is missing', () => {
    using folder = tempFolder()
    const [path, cut] = [folder.file('a.gguf'), folder.file('cut.gguf')]
    writeGguf(path, { keys, tensors })
    const { length } = readFileSync(path)
    for (let size = 0; size < length - 64; size += 7) {
      copyFileSync(path, cut)
      truncateSync(cut, size)
      expect(() => openGguf(cut)).toThrow(/^gguf: .*cut\.gguf: /)
    }
  })

  test('with any byte of its header changed is refused or read, and takes no memory it has no right to', () => {
    using folder = tempFolder()
    const [path, changed] = [folder.file('a.gguf'), folder.file('changed.gguf')]
    writeGguf(path, { keys, tensors })
    const good = readFileSync(path)
    for (let at = 0; at < 700; at++) {
      for (const value of [0, 0x7f, 0xff]) {
        const bytes = Buffer.from(good)
        bytes[at] = value
        writeFileSync(changed, bytes)
        try {
          using file = openGguf(changed)
          for (const name of file.tensors.keys()) expect(file.read(name).length).toBeLessThan(1000)
        } catch (error) {
          expect(String(error)).toContain('gguf: ')
        }
      }
    }
  })

  test.each([
    ['another magic', 0, [1], 'must begin with "GGUF"'],
    ['another version', 4, [9], 'must be of version 2 or 3'],
    ['more tensors than it can hold', 8, [255, 255, 255, 255, 255], 'tensors must be at most'],
    ['more keys than it can hold', 16, [255, 255, 255, 255, 255], 'keys must be at most'],
    ['a longer name than the file', 24, [255, 255, 255, 255], 'bytes of a text must be at most'],
  ])('with %s is refused', (_, at, bytes, message) => {
    using folder = tempFolder()
    const path = folder.file('a.gguf')
    writeGguf(path, { keys, tensors })
    const content = readFileSync(path)
    content.set(bytes, at)
    writeFileSync(path, content)
    expect(() => openGguf(path)).toThrow(message)
  })

  test('is not begun where a tensor cannot be stored as asked, and an old one stays', () => {
    using folder = tempFolder({ 'a.gguf': 'old' })
    const path = folder.file('a.gguf')
    const one = (tensor: Partial<GgufTensor>) => () =>
      writeGguf(path, {
        keys,
        tensors: [{ name: 'x', shape: [2, 33], type: 'q8_0', values: () => normal(66), ...tensor }],
      })
    expect(one({})).toThrow('x must have rows of whole blocks to be q8_0, got shape [2,33]')
    expect(one({ type: 'f16', values: () => new Float32Array(66).fill(7e4) })).toThrow(
      'numbers that f16 can store, got 70000',
    )
    expect(one({ type: 'f32', values: () => new Float32Array(66).fill(NaN) })).toThrow('got NaN')
    expect(one({ type: 'f32', values: () => normal(65) })).toThrow('must have 66 numbers, got 65')
    expect(readFileSync(path, 'utf8')).toBe('old')
    expect(existsSync(`${path}.tmp`)).toBe(false)
  })
})

describe('an exported model', () => {
  test.each(['dense-31b', 'e2b', 'e4b', 'gemma3', 'moe-26b', 'unified-12b'])(
    'of kind %s has all its weights',
    (name) => {
      using folder = tempFolder()
      const model = loadModel(golden(name))
      exportGguf(model, folder.file('a.gguf'), { type: 'f32' })
      using file = openGguf(folder.file('a.gguf'))
      const stored = [...file.tensors.values()].reduce((sum, { shape }) => sum + shape.reduce((a, b) => a * b, 1), 0)
      const held = model.weights.reduce((sum, { parameter }) => sum + parameter.size, 0)
      const constants = name === 'gemma3' ? 0 : model.config.num_hidden_layers + model.config.global_head_dim / 2
      expect(stored).toBe(held + constants)
      expect(file.read('token_embd.weight')).toEqual(model.embedding.parameter.data)
      const arch = name === 'gemma3' ? 'gemma3' : 'gemma4'
      expect(file.keys.get('general.architecture')).toBe(arch)
      expect(file.keys.get(`${arch}.block_count`)).toBe(model.config.num_hidden_layers)
    },
  )

  test('keeps the fused matrices apart, experts with gate before up', () => {
    using folder = tempFolder()
    const model = loadModel(golden('moe-26b'))
    exportGguf(model, folder.file('a.gguf'), { type: 'f32' })
    using file = openGguf(folder.file('a.gguf'))
    const { attention, sparse } = model.blocks[0]
    const qkv = ['q', 'k', 'v'].flatMap((part) => [...file.read(`blk.0.attn_${part}.weight`)])
    expect(Float32Array.from(qkv)).toEqual(attention.qkv.parameter.data)
    expect(file.read('blk.0.ffn_gate_up_exps.weight')).toEqual(sparse!.experts.gateUp.parameter.data)
    expect(file.tensors.get('blk.0.ffn_down_exps.weight')?.shape).toEqual([8, 32, 12])
    // a layer whose values are its keys has none of its own
    expect(file.tensors.has('blk.2.attn_v.weight')).toBe(false)
  })

  test('stores matrices as asked where their rows allow, and vectors and routers in f32', () => {
    using folder = tempFolder()
    const { config } = preset('micro')
    const model = new Decoder(config).initialise(new Rng(1))
    exportGguf(model, folder.file('a.gguf'), { type: 'q4_0' })
    using file = openGguf(folder.file('a.gguf'))
    const typeOf = (name: string) => file.tensors.get(name)?.type
    expect(typeOf('blk.0.attn_q.weight')).toBe('q4_0')
    expect(typeOf('token_embd.weight')).toBe('q8_0')
    // 16 numbers a row are no block
    expect(typeOf('blk.0.ffn_down_exps.weight')).toBe('f16')
    expect(typeOf('blk.0.ffn_gate_inp.weight')).toBe('f32')
    expect(typeOf('blk.1.attn_norm.weight')).toBe('f32')
  })

  test('has pairs that do not turn divided so far that they stand still', () => {
    using folder = tempFolder()
    exportGguf(loadModel(golden('moe-26b')), folder.file('a.gguf'))
    using file = openGguf(folder.file('a.gguf'))
    expect([...file.read('rope_freqs.weight')]).toEqual([1, 1, ...Array<number>(6).fill(Math.fround(1e30))])
  })

  test('without a dense MLP gets one of zeros', () => {
    using folder = tempFolder()
    const model = new Decoder({ ...preset('micro').config, intermediate_size: 0 }).initialise(new Rng(1))
    exportGguf(model, folder.file('a.gguf'))
    using file = openGguf(folder.file('a.gguf'))
    expect(file.keys.get('gemma4.feed_forward_length')).toBe(32)
    expect(file.read('blk.1.ffn_down.weight')).toEqual(new Float32Array(32 * 32))
    expect(file.read('blk.1.pre_ffw_norm_2.weight')).toEqual(model.blocks[1].preFeedforwardNorm.weight.parameter.data)
  })

  test.each([
    [{ routing: { score: 'sigmoid' } }, 'routing.score: must be softmax, got sigmoid'],
    [{ routing: { norm_first: true } }, 'routing.norm_first: must be false, got true'],
    [
      {
        layer_types: Array(4).fill('sliding_attention').concat('full_attention', 'full_attention'),
        num_hidden_layers: 6,
        num_kv_shared_layers: 1,
      },
      undefined,
    ],
  ])('that llama.cpp would compute otherwise is refused: %o', (change, message) => {
    using folder = tempFolder()
    const { config } = preset('micro')
    const build = () =>
      exportGguf(new Decoder(parseConfig({ ...config, ...change })), folder.file('a.gguf'), { type: 'f32' })
    if (message === undefined) expect(build).not.toThrow()
    else expect(build).toThrow(message)
  })

  test('with a bias of its routers is refused', () => {
    using folder = tempFolder()
    const model = new Decoder(parseConfig({ ...preset('micro').config, routing: { balance: 'bias' } }))
    exportGguf(model, folder.file('a.gguf'))
    model.routers[0].buffers[0].data[1] = 0.25
    expect(() => exportGguf(model, folder.file('a.gguf'))).toThrow('must be zeros, got 0.25')
  })
})

describe('a vocabulary', () => {
  const text = 'the cat sat on the mat and the other cat sat on that mat 1995 1996 '.repeat(40)
  const tokenizer = (pattern: string) => trainTokenizer([text], { vocabSize: 300, pattern })
  const { config } = preset('micro')

  test('has names, kinds and merges that spell each token', async () => {
    using folder = tempFolder()
    const own = await tokenizer(PATTERNS.gpt4Digits3)
    const model = new Decoder({ ...config, bos_token_id: own.bosId, eos_token_id: own.eosId })
    exportGguf(model, folder.file('a.gguf'), { tokenizer: own, chatTemplate: '{{ messages }}' })
    using file = openGguf(folder.file('a.gguf'))
    const names = file.keys.get('tokenizer.ggml.tokens') as string[]
    const kinds = file.keys.get('tokenizer.ggml.token_type') as number[]
    const merges = file.keys.get('tokenizer.ggml.merges') as string[]
    expect(names.length).toBe(config.vocab_size)
    expect(new Set(names).size).toBe(names.length)
    expect(kinds.filter((kind) => kind === 3).length).toBe(own.specialTokens.size)
    expect(kinds.filter((kind) => kind === 5).length).toBe(config.vocab_size - own.vocabSize)
    merges.forEach((merge, i) => expect(names[own.merges[3 * i + 2]]).toBe(merge.replace(' ', '')))
    expect(file.keys.get('tokenizer.ggml.bos_token_id')).toBe(own.bosId)
    expect(file.keys.get('tokenizer.ggml.eot_token_id')).toBe(own.specialTokens.get('<turn|>'))
    expect(file.keys.get('tokenizer.chat_template')).toBe('{{ messages }}')
    expect(file.keys.get('tokenizer.ggml.pre')).toBe('dbrx')
  })

  test('that is larger than the model, or split by an unknown pattern, is refused', async () => {
    using folder = tempFolder()
    const small = new Decoder({ ...config, vocab_size: 290 })
    const path = join(folder.path, 'a.gguf')
    const [known, unknown] = [await tokenizer(PATTERNS.gpt2), await tokenizer('[a-z]+')]
    expect(() => exportGguf(small, path, { tokenizer: known })).toThrow('at most the model')
    expect(() => exportGguf(new Decoder(config), path, { tokenizer: unknown })).toThrow(
      'a pattern that llama.cpp knows',
    )
  })
})
