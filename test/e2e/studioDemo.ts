// What the scripted model of the studio's tests says, and the figures of an engine beside it.
import { crc32, deflateSync } from 'node:zlib'
import type { Engine, EngineStats } from '../../src/inference/index.ts'
import type { ChatRequest, ExpertTrace } from '../../src/serve/index.ts'
import type { ScriptedAnswer } from './scriptedChat.ts'

const essay = `A sparse mixture of experts keeps many small networks and asks only a few of them about each token.

1. The **router** scores every expert for the token.
2. The best *k* of them read it, and their answers are summed with the router's weights.
3. A bias per expert is nudged so that none is asked too often.

\`\`\`ts
const chosen = topK(scores.map((score, e) => score + bias[e]), 4)
\`\`\`

| | dense | sparse |
|---|---|---|
| parameters | 12 M | 48 M |
| at work per token | 12 M | 13 M |

So the model can know more without thinking longer about each word.`

let stories = 0

/** Answers by what was asked. */
export const demoAnswers: readonly ScriptedAnswer[] = [
  {
    when: /expert/i,
    say: [
      { type: 'thought', text: 'They ask how a mixture of experts works. I keep it short, with an example.' },
      { type: 'text', text: essay },
    ],
  },
  { when: /count/i, say: [{ type: 'text', text: Array.from({ length: 400 }, (_, i) => String(i + 1)).join(' ') }] },
  {
    when: /story/i,
    say: () => [{ type: 'text', text: `Story ${++stories}: once upon a time there was a lantern.` }],
  },
  {
    when: /draw/i,
    say: [
      { type: 'text', text: 'Here it is: ' },
      { type: 'media', mimeType: 'image/png', bytes: disc() },
    ],
  },
  { when: /score/i, say: [{ type: 'text', text: '{"title": "The lantern", "score": 8}' }] },
  { when: /weather/i, say: [{ type: 'call', id: 'c1', name: 'get_weather', args: { place: 'Oslo' } }] },
  { when: /RESULT/, say: [{ type: 'text', text: 'It is cold in Oslo today.' }] },
  { when: /picture|what is this/i, say: [{ type: 'text', text: 'A red disc on a pale ground.' }] },
  {
    when: /html/i,
    say: [
      {
        type: 'text',
        text: 'Look: <img src="http://elsewhere.test/x.png" onerror="window.broken=1"><script>window.broken=1</script> ![pic](http://elsewhere.test/y.png)',
      },
    ],
  },
  { when: /(?:)/, say: [{ type: 'text', text: 'Yes.' }] },
]

/** A small red disc as PNG. */
export function disc(size = 32): Uint8Array {
  const rows = Buffer.alloc(size * (1 + 3 * size))
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const inside = Math.hypot(x - size / 2 + 0.5, y - size / 2 + 0.5) < size * 0.36
      rows.set(inside ? [210, 60, 50] : [243, 238, 226], y * (1 + 3 * size) + 1 + 3 * x)
    }
  }
  const head = Buffer.alloc(13)
  head.writeUInt32BE(size, 0)
  head.writeUInt32BE(size, 4)
  head.set([8, 2, 0, 0, 0], 8)
  const signature = Buffer.from([137, 80, 78, 71, 13, 10, 26, 10])
  return Buffer.concat([
    signature,
    chunk('IHDR', head),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const frame = Buffer.alloc(8)
  frame.writeUInt32BE(data.length, 0)
  frame.writeUInt32BE(crc32(body), 4)
  return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)])
}

const [layers, experts, topK] = [6, 16, 2]

/** Figures of a server at work: some requests run, counters grow with every look. */
export function demoEngine(): Pick<Engine, 'stats' | 'contextTokens' | 'experts'> {
  let looks = 0
  return {
    contextTokens: 8192,
    experts: { layers: Array.from({ length: layers }, (_, layer) => layer), count: experts, topK },
    stats: async (): Promise<EngineStats> => {
      const t = ++looks
      const share = (layer: number, expert: number) =>
        1 + 0.7 * Math.sin(1.7 * expert + 2.3 * layer) * Math.cos(0.6 * expert)
      return {
        running: 3 + (t % 4),
        waiting: t % 3,
        preemptions: 0,
        batch: 3 + (t % 4),
        pages: { used: (34 + (t % 9)) << 20, kept: 58 << 20, lost: 0, total: 128 << 20 },
        prefix: { queries: 40 + t, hitTokens: 61_000 + 400 * t, queryTokens: 80_000 + 500 * t, nodes: 212, pinned: 2 },
        tokens: {
          prompt: 80_000 + 500 * t,
          output: 9000 + 170 * t,
          forced: 0,
          drafted: 4200 + 30 * t,
          accepted: 2900 + 21 * t,
        },
        expertLoad: Array.from({ length: layers }, (_, l) =>
          Array.from({ length: experts }, (_, e) => Math.round(share(l, e) * (9000 + 170 * t))),
        ),
      }
    },
  }
}

/** Some expert for each word of a conversation. */
export function demoTrace({ turns }: ChatRequest): ExpertTrace {
  const pieces = turns.map(
    ({ parts }) =>
      parts
        .map((part) => (part.kind === 'text' ? part.text : ''))
        .join('')
        .match(/\s*[A-Za-z]{1,4}|\s*[^A-Za-z]/g) ?? [],
  )
  const tokens = pieces.flat()
  const hash = (text: string, layer: number) =>
    [...text].reduce((sum, char) => (sum * 31 + char.charCodeAt(0) * (layer + 3)) % 9973, 7)
  return {
    tokens,
    answerStart: pieces.slice(0, -1).flat().length,
    ...{ experts, topK },
    layers: Array.from({ length: layers }, (_, layer) => layer),
    chosen: Array.from({ length: layers }, (_, layer) =>
      tokens.flatMap((token) => {
        const first = hash(token.trim().toLowerCase(), layer) % experts
        return [first, (first + 1 + (hash(token, layer + 1) % (experts - 1))) % experts]
      }),
    ),
    weights: Array.from({ length: layers }, (_, layer) =>
      tokens.flatMap((token) => {
        const first = 0.5 + (hash(token, layer) % 40) / 100
        return [first, 1 - first]
      }),
    ),
  }
}
