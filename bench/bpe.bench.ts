// The tokenizer: training against npm `tokenizers` (Rust), encoding against `gpt-tokenizer` (JavaScript, the fastest on one thread).
//
// All see the same 10 MB. Training: 30,000 merges with the same split pattern; the peer always stops at 30,000 tokens,
// bytes included, so it has a little less to do. Encoding, first: gpt-tokenizer's own cl100k vocabulary on both
// sides, equal ids demanded before anything is timed. Second: each with its own vocabulary. Ours runs on one thread by nature.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PATTERNS, Tokenizer, trainTokenizer } from '../src/tokenizer/index.ts'
import { benchTexts } from './bpeText.ts'
import type { BenchOptions, Report } from './report.ts'
import { interleave, localSampler, median } from './timing.ts'

export const name = 'bpe'
export const description = 'byte-level BPE: training against tokenizers, encoding against gpt-tokenizer'

const megabytes = 10
const numMerges = 30_000

export async function run(report: Report, options: BenchOptions): Promise<void> {
  const texts = benchTexts(megabytes * 1_000_000)
  report.note(`${texts.length} documents, ${texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0)} bytes`)
  const wanted = (label: string) => options.filter === undefined || label.includes(options.filter)
  const ours = await train(texts)
  if (wanted('train')) await benchTraining(report, texts)
  if (wanted('encode')) {
    await benchSameVocabulary(report, texts)
    await benchOwnVocabulary(report, texts, ours)
  }
}

function train(texts: string[]): Promise<Tokenizer> {
  const specialTokens = ['<pad>', '<eos>', '<bos>']
  return trainTokenizer(texts, {
    vocabSize: specialTokens.length + 256 + numMerges,
    specialTokens,
    pattern: PATTERNS.gpt4Digits3,
  })
}

/** Every merge makes its token's bytes of its parts', and the text comes back. */
function checkTrained(tokenizer: Tokenizer, texts: string[]): void {
  const { merges } = tokenizer
  if (merges.length !== numMerges * 3)
    throw new Error(`bench bpe: expected ${numMerges} merges, got ${merges.length / 3}`)
  for (let i = 0; i < merges.length; i += 3) {
    const [left, right, result] = [...merges.subarray(i, i + 3)].map((id) => Buffer.from(tokenizer.tokenBytes(id)))
    if (!result.equals(Buffer.concat([left, right]))) throw new Error(`bench bpe: merge ${i / 3} is wrong`)
  }
  for (const text of texts) {
    if (tokenizer.decode(tokenizer.encode(text)) !== text) throw new Error('bench bpe: the text did not come back')
  }
}

async function benchTraining(report: Report, texts: string[]): Promise<void> {
  const { Tokenizer: Peer } = await import('tokenizers')
  const folder = mkdtempSync(join(tmpdir(), 'pollux-bench-'))
  try {
    const file = join(folder, 'text.txt')
    writeFileSync(file, texts.join('\n'))
    checkTrained(await train(texts), texts)
    const json = JSON.stringify({
      ...(await train(texts.slice(0, 1))).toJSON(),
      added_tokens: [],
      model: { type: 'BPE', vocab: {}, merges: [] },
    })
    const seconds: number[][] = [[], []]
    let peerTokens = 0
    for (let round = 0; round < 3; round++) {
      let start = performance.now()
      await train(texts)
      seconds[0].push((performance.now() - start) / 1000)
      const peer = Peer.fromString(json)
      start = performance.now()
      peer.train([file])
      seconds[1].push((performance.now() - start) / 1000)
      peerTokens = peer.getVocabSize()
    }
    const [ours, theirs] = seconds.map(median)
    report.note(`tokenizers trained ${peerTokens} tokens, its bytes included`)
    const peer = 'tokenizers (Rust)'
    const label = `train ${numMerges} merges, ${megabytes} MB`
    report.row({ case: label, value: ours, unit: 's', peer, peerValue: theirs, ratio: theirs / ours })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** gpt-tokenizer's ranks as our tokenizer: a token's merge is the pair that its bytes end up as without it. */
function fromRanks(ranks: readonly (string | readonly number[])[], pattern: string): Tokenizer {
  const tokens = ranks.map((token) => (typeof token === 'string' ? Buffer.from(token) : Uint8Array.from(token)))
  const rankOf = new Map(tokens.map((bytes, rank) => [Buffer.from(bytes).toString('latin1'), rank]))
  const merges: number[] = []
  for (const [token, rank] of rankOf) {
    if (token.length === 1) continue
    let parts = [...token]
    for (;;) {
      let best = rank
      let at = -1
      for (let i = 0; i + 1 < parts.length; i++) {
        const pair = rankOf.get(parts[i] + parts[i + 1])
        if (pair !== undefined && pair < best) {
          best = pair
          at = i
        }
      }
      if (at < 0) break
      parts = [...parts.slice(0, at), parts[at] + parts[at + 1], ...parts.slice(at + 2)]
    }
    if (parts.length !== 2) throw new Error(`bench bpe: token ${rank} is ${parts.length} parts without its merge`)
    merges.push(rankOf.get(parts[0]) as number, rankOf.get(parts[1]) as number, rank)
  }
  return new Tokenizer({ tokens, merges: Int32Array.from(merges), specialTokens: new Map(), pattern })
}

async function benchSameVocabulary(report: Report, texts: string[]): Promise<void> {
  const { default: ranks } = await import('gpt-tokenizer/bpeRanks/cl100k_base')
  const ours = fromRanks(ranks, PATTERNS.cl100k)
  const peer = await peerEncoder()
  let count = 0
  for (const text of texts) {
    const [a, b] = [ours.encode(text), peer(text)]
    count += a.length
    if (a.length !== b.length || a.some((id, i) => id !== b[i])) throw new Error('bench bpe: ids differ from the peer')
  }
  await reportEncoding(report, 'encode, cl100k on both sides', texts, [ours, count], [peer, count])
}

async function benchOwnVocabulary(report: Report, texts: string[], ours: Tokenizer): Promise<void> {
  checkTrained(ours, texts)
  const peer = await peerEncoder()
  const counts = [
    texts.reduce((sum, text) => sum + ours.encode(text).length, 0),
    texts.reduce((sum, text) => sum + peer(text).length, 0),
  ]
  await reportEncoding(report, 'encode, own 30k against cl100k', texts, [ours, counts[0]], [peer, counts[1]])
}

type PeerEncode = (text: string) => number[]

async function peerEncoder(): Promise<PeerEncode> {
  const { encode } = await import('gpt-tokenizer/encoding/cl100k_base')
  const none = { disallowedSpecial: new Set<string>() }
  return (text) => encode(text, none)
}

async function reportEncoding(
  report: Report,
  label: string,
  texts: string[],
  [ours, ourTokens]: [Tokenizer, number],
  [encode, peerTokens]: [PeerEncode, number],
): Promise<void> {
  const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0)
  const [a, b] = await interleave(
    [
      localSampler(() => texts.forEach((text) => ours.encode(text))),
      localSampler(() => texts.forEach((text) => encode(text))),
    ],
    { rounds: 5 },
  )
  const peer = 'gpt-tokenizer'
  const rate = { value: bytes / a / 1e6, unit: 'MB/s', peer, peerValue: bytes / b / 1e6, ratio: b / a }
  report.row({ case: label, ...rate })
  const tokens = { value: ourTokens / a / 1e6, unit: 'Mtokens/s', peer, peerValue: peerTokens / b / 1e6 }
  report.row({ case: label, ...tokens, ratio: tokens.value / tokens.peerValue })
}
