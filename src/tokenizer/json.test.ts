import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Tokenizer as HuggingFace } from '@huggingface/tokenizers'
import { Tokenizer as Rust } from 'tokenizers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Rng } from '../util/index.ts'
import { randomText, SAMPLES } from './fuzz.ts'
import type { TokenizerJson } from './json.ts'
import { DEFAULT_PATTERN, PATTERNS } from './pattern.ts'
import { Tokenizer } from './tokenizer.ts'
import { trainTokenizer } from './train.ts'

const CUSTOM = String.raw`\p{Lu}?\p{Ll}+|\p{Nd}|[^\p{L}\p{Nd}]{1,9}`
const folder = mkdtempSync(join(tmpdir(), 'pollux-tokenizer-'))
afterAll(() => rmSync(folder, { recursive: true }))

function corpus(): string[] {
  const rng = new Rng(11)
  return [...SAMPLES, ...SAMPLES, ...Array.from({ length: 300 }, () => randomText(rng, 80))]
}

describe.each([DEFAULT_PATTERN, PATTERNS.gpt2, PATTERNS.gpt4Digits1, CUSTOM])(
  'tokenizer.json with pattern %s',
  (pattern) => {
    let tokenizer: Tokenizer
    let theirs: HuggingFace
    beforeAll(async () => {
      tokenizer = await trainTokenizer(corpus(), { vocabSize: 1500, pattern })
      const path = join(folder, 'tokenizer.json')
      tokenizer.save(path)
      theirs = new HuggingFace(JSON.parse(readFileSync(path, 'utf8')), {})
    })

    it('encodes in @huggingface/tokenizers as here, special tokens included', () => {
      const rng = new Rng(12)
      const texts = [...SAMPLES, ...Array.from({ length: 1500 }, (_, i) => randomText(rng, i % 70))]
      for (const text of [...texts, 'a'.repeat(3000), '<|turn>user\nhi<turn|>\n<eos>']) {
        expect(theirs.encode(text).ids).toEqual([...tokenizer.encode(text, { allowSpecial: true })])
      }
    })

    it('encodes in the Rust library as here', async () => {
      const rust = Rust.fromString(JSON.stringify(tokenizer))
      const rng = new Rng(14)
      const texts = Array.from({ length: 500 }, (_, i) => randomText(rng, i % 70).toWellFormed())
      for (const text of [...SAMPLES, ...texts, '<|turn>user\nhi<turn|>\n<eos>']) {
        const encoding = await rust.encode(text)
        expect(encoding.getIds()).toEqual([...tokenizer.encode(text, { allowSpecial: true })])
      }
    })

    it('decodes in @huggingface/tokenizers to the text', () => {
      const options = { skip_special_tokens: false, clean_up_tokenization_spaces: false }
      for (const text of SAMPLES.filter((sample) => sample !== '')) {
        expect(theirs.decode([...tokenizer.encode(text)], options)).toBe(text)
      }
    })

    it('loads as the tokenizer that was saved', () => {
      const loaded = Tokenizer.load(folder)
      expect(loaded.vocabSize).toBe(tokenizer.vocabSize)
      expect(loaded.pattern).toBe(tokenizer.pattern)
      expect(loaded.merges).toEqual(tokenizer.merges)
      expect([...loaded.specialTokens]).toEqual([...tokenizer.specialTokens])
      for (const text of corpus()) expect(loaded.encode(text)).toEqual(tokenizer.encode(text))
      expect(JSON.stringify(loaded)).toBe(JSON.stringify(tokenizer))
    })
  },
)

/** A tokenizer.json whose parts a test may break. */
type Loose = { [key in keyof TokenizerJson]: any } // eslint-disable-line @typescript-eslint/no-explicit-any

describe('reading a tokenizer.json', () => {
  let json: string
  let tokenizer: Tokenizer
  beforeAll(async () => {
    tokenizer = await trainTokenizer(SAMPLES, { vocabSize: 330, specialTokens: ['<pad>', '<eos>'] })
    json = JSON.stringify(tokenizer)
  })

  function broken(change: (loose: Loose) => void): () => Tokenizer {
    const loose = JSON.parse(json) as Loose
    change(loose)
    return () => Tokenizer.fromJSON(loose)
  }

  it('takes the older form: merges in one string, specials outside the vocabulary, ByteLevel alone', () => {
    const loose = JSON.parse(json) as Loose
    loose.model.merges = loose.model.merges.map((pair: string[]) => pair.join(' '))
    delete loose.model.vocab['<pad>']
    loose.pre_tokenizer = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true }
    const loaded = Tokenizer.fromJSON(loose)
    expect(loaded.pattern).toBe(PATTERNS.gpt2)
    expect(loaded.merges).toEqual(tokenizer.merges)
  })

  it("takes the split of Llama 3, whose \\s is Oniguruma's", () => {
    const loose = JSON.parse(json) as Loose
    const split = loose.pre_tokenizer.pretokenizers[0]
    split.pattern.Regex = String.raw`(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+`
    expect(Tokenizer.fromJSON(loose).pattern).toBe(PATTERNS.gpt4Digits3)
    split.pattern.Regex = String.raw`\S+|\s+`
    expect(Tokenizer.fromJSON(loose).pattern).toBe(String.raw`\P{White_Space}+|\p{White_Space}+`)
  })

  it('refuses what is foreign, naming it', () => {
    const foreign = (change: (loose: Loose) => void, message: string) => expect(broken(change)).toThrow(message)
    foreign((j) => (j.model.type = 'Unigram'), 'model.type must be "BPE", got "Unigram"')
    foreign((j) => (j.model.byte_fallback = true), 'model.byte_fallback must be false or none, got true')
    foreign((j) => (j.model.ignore_merges = true), 'model.ignore_merges')
    foreign((j) => (j.model.end_of_word_suffix = '</w>'), 'model.end_of_word_suffix')
    foreign((j) => (j.normalizer = { type: 'NFC' }), 'root.normalizer must be null or none, got {"type":"NFC"}')
    foreign((j) => (j.decoder = null), 'must have an object in decoder, got null')
    foreign((j) => (j.decoder = { type: 'WordPiece' }), 'decoder.type')
    foreign((j) => (j.post_processor = { type: 'TemplateProcessing' }), 'post_processor.type')
    foreign((j) => (j.pre_tokenizer = { type: 'Metaspace' }), 'pre_tokenizer.type')
    foreign((j) => j.pre_tokenizer.pretokenizers.pop(), 'must have 2 steps in pre_tokenizer')
    foreign((j) => (j.pre_tokenizer.pretokenizers[0].behavior = 'Removed'), 'Split.behavior')
    foreign((j) => (j.pre_tokenizer.pretokenizers[0].pattern = { String: ' ' }), 'must have a regular expression')
    foreign((j) => (j.pre_tokenizer.pretokenizers[0].pattern.Regex = '^a'), 'must mean the same')
    foreign((j) => (j.added_tokens[0].lstrip = true), 'lstrip must be false or none, got true')
    foreign((j) => (j.added_tokens[0].special = false), 'special must be true, got false')
  })

  it('refuses what is corrupt, naming it', () => {
    const corrupt = (change: (loose: Loose) => void, message: string) => expect(broken(change)).toThrow(message)
    corrupt((j) => delete j.model, 'must have an object in model, got undefined')
    corrupt((j) => (j.model.vocab = []), 'must have an object in model.vocab, got []')
    corrupt((j) => (j.model.vocab.a = 5000), 'ids from 0 to 329 for its 330 tokens, got 5000 for "a"')
    corrupt((j) => (j.model.vocab.a = -1), 'got -1 for "a"')
    corrupt((j) => (j.model.vocab.a = '3'), 'got "3" for "a"')
    corrupt((j) => (j.model.vocab.a = j.model.vocab.b), 'twice, to ')
    corrupt((j) => delete j.model.vocab.a, 'must have ids from 0 to 328')
    corrupt((j) => (j.model.merges = {}), 'must have a list in model.merges')
    corrupt(
      (j) => j.model.merges.pop(),
      'must have one merge for each of its 72 tokens beyond bytes and specials, got 71',
    )
    corrupt((j) => (j.model.merges[3] = ['a']), 'must have two tokens in merge 3, got ["a"]')
    corrupt((j) => (j.model.merges[3] = 'a b c'), 'must have two tokens in merge 3')
    corrupt((j) => (j.model.merges[3] = ['a', 7]), 'must have two tokens in merge 3')
    corrupt((j) => (j.model.merges[3] = ['q', 'zz']), 'needs "zz"')
    corrupt((j) => (j.model.merges[3] = j.model.merges[2]), 'makes a token twice: merge 3')
    corrupt((j) => (j.added_tokens[1].id = 7), 'gives "<eos>" two ids, 1 and 7')
    corrupt((j) => (j.added_tokens[1].content = '<pad>'), 'special tokens must differ')
    corrupt((j) => (j.added_tokens = [null]), 'must have an object in added_tokens[0], got null')
    corrupt((j) => {
      const id = j.model.vocab.a
      delete j.model.vocab.a
      j.model.vocab['\u4e00'] = id
    }, 'byte-level alphabet, got "一"')
    for (const value of [null, 1, 'x', [], {}])
      expect(() => Tokenizer.fromJSON(value)).toThrow('Tokenizer.load: the file')
  })

  it('names the file: missing, no JSON, nested too deep, cut short', () => {
    const path = join(folder, 'bad.json')
    expect(() => Tokenizer.load(path)).toThrow(`Tokenizer.load: no file ${path}`)
    const load = (content: string | Uint8Array) => () => {
      writeFileSync(path, content)
      return Tokenizer.load(path)
    }
    expect(load('')).toThrow(`in ${path}`)
    expect(load(json.slice(0, 1000))).toThrow('is no JSON in UTF-8')
    expect(load(Uint8Array.of(0x22, 0xff, 0x22))).toThrow('is no JSON in UTF-8')
    expect(load('['.repeat(1_000_000))).toThrow('is nested deeper than 64 levels')
    expect(load(json)().vocabSize).toBe(330)
  })

  it('survives any single change to the file, or refuses it with a message of its own', () => {
    const rng = new Rng(13)
    for (let i = 0; i < 300; i++) {
      const at = rng.integer(json.length)
      const changed = json.slice(0, at) + '"\\0{}[],:9a'[rng.integer(11)] + json.slice(at + 1)
      writeFileSync(join(folder, 'bad.json'), changed)
      try {
        expect(Tokenizer.load(join(folder, 'bad.json')).decode([300])).not.toBe('')
      } catch (error) {
        expect((error as Error).message).toMatch(/^Tokenizer/)
      }
    }
  })
})

describe('saving', () => {
  it('leaves no trace of a file it could not write', async () => {
    const tokenizer = await trainTokenizer(['text'], { vocabSize: 280 })
    const path = join(folder, 'nowhere', 'tokenizer.json')
    expect(() => tokenizer.save(path)).toThrow(`Tokenizer.save: could not write ${path}`)
    expect(readdirSync(folder).filter((name) => name.endsWith('.tmp'))).toEqual([])
  })

  it('keeps tokens with the names of object properties', async () => {
    const text = '__proto__ constructor toString '.repeat(20)
    const tokenizer = await trainTokenizer([text], { vocabSize: 400, pattern: '[^ ]+| ' })
    expect([...tokenizer.encode('__proto__')]).toHaveLength(1)
    const loaded = Tokenizer.fromJSON(JSON.parse(JSON.stringify(tokenizer)))
    expect(loaded.encode(text)).toEqual(tokenizer.encode(text))
  })
})
