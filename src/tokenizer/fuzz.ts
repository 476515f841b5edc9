// Random text and bytes for this folder's tests: many scripts, and everything that splits or breaks tokenizers.
import type { Rng } from '../util/index.ts'

/** Text in many scripts, with the traps of split patterns. */
export const SAMPLES: readonly string[] = [
  '',
  ' ',
  '\n',
  'a',
  "Hello, world! I'm here; you're there, we'VE gone, it'S he'll o'clock 'tis ''s 's' 'LL'",
  '  two  spaces   three\ttab\t\ttabs \t mixed\n\n\nlines\r\n\r\n  indented\r\rend  ',
  '0 12 345 6789 01234567 ١٢٣٤ १२३ ⅷ½² 1a2b3c x1 1,000.50',
  'Füße ÀÉÎÕÜ ñandú ſpecial ﬁ İstanbul ıssız',
  'Привет, мир! Ελληνικά: τί ἐστιν; Հայերեն ქართული',
  'שלום עולם \u200f؟ مرحبا بالعالم ١٢٣ پارسی\u200cها',
  'नमस्ते दुनिया বাংলা தமிழ் ไทยไม่มีช่องว่าง ລາວ မြန်မာ ខ្មែរ',
  '你好，世界！今天天气很好。日本語のテキスト、カタカナ。한국어 텍스트 𠮷𠀀',
  '👋🏽 👨‍👩‍👧‍👦 🇺🇳 e\u0301 a\u0308\u0323 \u{1F9D1}\u200d\u{1F680} ✨⭐️',
  'nul\0 bell\x07 esc\x1b del\x7f nel\u0085x bom\ufeffy nbsp\u00a0z em\u2003w ls\u2028v ps\u2029u zwsp\u200bt \u3000全角',
  'function f(x) { return x["__proto__"] ?? constructor; } // 0xFF &&= ||= `${a}`\n\tif (a<b) {\n\t\t}\n',
  '<eos><|turn>user\n<pad> < eos> <|"|>',
  '---------- ========== .......... !!!!!!!!!!\n##########\n\n',
]

const POOLS: readonly string[][] = [
  [...'abcdefgstmdrvlESTMDRVL'],
  [..."''''’ʼ"],
  [...'0123456789٣५½Ⅷ²'],
  [...'     \t\n\r\v\f\u0085\u00a0\u2003\u2028\u3000\ufeff\u200b'],
  ['\r\n', '\n\n', '  ', "'s", "'LL", "'re", '\n '],
  [...'.,!?;:()[]{}<>|"`~@#$%^&*-_=+/\\€→—…'],
  [...'äßéñžøИжΩλשםمرनिิ你好かカ한𠮷\u0301\u0308\u200d'],
  ['👋', '🏽', '👨‍👩‍👧', '🇺', '\u{10ffff}', '\0', '\x7f', '\ue000', '\ufffd'],
  ['\ud800', '\udfff', '\udc80', '\ud83d'],
]

/** Random text of `length` pieces; may hold lone surrogates. */
export function randomText(rng: Rng, length: number): string {
  let text = ''
  let pool = POOLS[0]
  for (let i = 0; i < length; i++) {
    if (rng.uniform() < 0.6) pool = POOLS[rng.integer(POOLS.length)]
    text += pool[rng.integer(pool.length)]
  }
  return text
}

/** Random bytes: uniform ones, between pieces of text and broken characters. */
export function randomBytes(rng: Rng, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let i = 0; i < length;) {
    const piece = rng.uniform() < 0.4 ? Uint8Array.of(rng.integer(256)) : Buffer.from(randomText(rng, 1))
    const some = piece.subarray(0, rng.uniform() < 0.2 ? rng.integer(piece.length) + 1 : piece.length)
    bytes.set(some.subarray(0, length - i), i)
    i += some.length
  }
  return bytes
}
