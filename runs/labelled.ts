// Public sets of labelled sounds and pictures as rows of parts: TRAIN.jsonl and TEST.jsonl, for `pollux train --data` and `eval`.
//
//   node runs/labelled.ts fsdd FOLDER OUT            spoken digits: DIGIT_SPEAKER_INDEX.wav
//   node runs/labelled.ts fashion-mnist FOLDER OUT   images-idx3-ubyte.gz, labels-idx1-ubyte.gz
//   node runs/labelled.ts omniglot FOLDER OUT        images_background_small1.zip
//
// A random tenth (pictures: a fifth, since there are few) is held out, by a fixed seed. Then:
//
//   npx pollux train --data OUT/train.jsonl --augment --minutes 8 --run NAME
//   npx pollux eval --run NAME --data OUT/test.jsonl --neighbours OUT/train.jsonl
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { gunzipSync, inflateRawSync } from 'node:zlib'
import { encodePng } from '../src/media/index.ts'
import { Rng } from '../src/util/index.ts'

interface Labelled {
  /** File of the picture or sound. */
  file: string
  label: string
}

const sets: Record<
  string,
  { question: string; held: number; read: (folder: string, out: string) => Promise<Labelled[]> }
> = {
  fsdd: { question: 'which digit?\n', held: 0.1, read: readFsdd },
  'fashion-mnist': { question: 'what is it?\n', held: 0.2, read: readFashion },
  omniglot: { question: 'which character?\n', held: 0.2, read: readOmniglot },
}

async function readFsdd(folder: string): Promise<Labelled[]> {
  const names = readdirSync(folder).filter((name) => /^\d_.*\.wav$/.test(name))
  return names.sort().map((name) => ({ file: resolve(folder, name), label: name[0] }))
}

const clothes = ['shirt', 'trousers', 'pullover', 'dress', 'coat', 'sandal', 'blouse', 'sneaker', 'bag', 'boot']

async function readFashion(folder: string, out: string): Promise<Labelled[]> {
  const images = gunzipSync(readFileSync(join(folder, 'images-idx3-ubyte.gz')))
  const labels = gunzipSync(readFileSync(join(folder, 'labels-idx1-ubyte.gz')))
  const [count, height, width] = [4, 8, 12].map((at) => images.readUInt32BE(at))
  const rows: Labelled[] = []
  for (let i = 0; i < count; i++) {
    const grey = images.subarray(16 + i * width * height, 16 + (i + 1) * width * height)
    const data = Uint8Array.from({ length: 3 * grey.length }, (_, at) => grey[Math.floor(at / 3)])
    const file = join(out, `${i}.png`)
    writeFileSync(file, await encodePng({ width, height, data }))
    rows.push({ file, label: clothes[labels[8 + i]] })
  }
  return rows
}

async function readOmniglot(folder: string, out: string): Promise<Labelled[]> {
  const rows: Labelled[] = []
  for (const { name, bytes } of unzip(readFileSync(join(folder, 'images_background_small1.zip')))) {
    const [, alphabet, character] = name.split('/')
    if (!name.endsWith('.png')) continue
    const file = join(out, basename(name))
    writeFileSync(file, bytes)
    rows.push({ file, label: `${alphabet.toLowerCase()} ${Number(character.replace('character', ''))}` })
  }
  return rows
}

/** Entries of a zip file whose sizes stand in its directory (APPNOTE 4.3.12). */
function* unzip(zip: Buffer): Generator<{ name: string; bytes: Uint8Array }> {
  const end = zip.lastIndexOf(Buffer.from('PK\x05\x06', 'latin1'))
  let at = zip.readUInt32LE(end + 16)
  for (let i = zip.readUInt16LE(end + 10); i > 0; i--) {
    const [method, packed] = [zip.readUInt16LE(at + 10), zip.readUInt32LE(at + 20)]
    const [nameLength, extra, comment] = [28, 30, 32].map((place) => zip.readUInt16LE(at + place))
    const header = zip.readUInt32LE(at + 42)
    const name = zip.toString('utf8', at + 46, at + 46 + nameLength)
    const start = header + 30 + zip.readUInt16LE(header + 26) + zip.readUInt16LE(header + 28)
    const bytes = zip.subarray(start, start + packed)
    yield { name, bytes: method === 0 ? bytes : inflateRawSync(bytes) }
    at += 46 + nameLength + extra + comment
  }
}

const [name, folder, out] = process.argv.slice(2)
const set = sets[name ?? '']
if (!set || !folder || !out) {
  console.error(`usage: node runs/labelled.ts ${Object.keys(sets).join('|')} FOLDER OUT`)
  process.exit(2)
}
mkdirSync(out, { recursive: true })
const rows = new Rng(0).shuffle(await set.read(folder, resolve(out)))
const held = Math.round(rows.length * set.held)
for (const [side, part] of [
  ['test', rows.slice(0, held)],
  ['train', rows.slice(held)],
] as const) {
  const lines = part.map(({ file, label }) =>
    JSON.stringify({
      parts: [{ fileData: { fileUri: file } }, { text: set.question, target: false }, { text: `${label}\n` }],
    }),
  )
  writeFileSync(join(out, `${side}.jsonl`), `${lines.join('\n')}\n`)
  console.log(`${part.length} rows in ${join(out, `${side}.jsonl`)}`)
}
