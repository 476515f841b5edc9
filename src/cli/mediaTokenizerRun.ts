// Runs `pollux media-tokenizer`: gathers material, trains each kind, measures, writes the folder and its report.
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { encodePng, encodeWav, type Picture, type Sound } from '../media/index.ts'
import {
  decodePicture,
  decodeSound,
  encodePicture,
  encodeSound,
  type FsqTokenizer,
  type MediaKind,
  replaceFolder,
  saveMediaTokenizer,
} from '../model/index.ts'
import { drawPatches, type MediaTokenizerSummary, type TokenizerStep, trainMediaTokenizer } from '../train/index.ts'
import { isRecord, PolluxError, Rng } from '../util/index.ts'
import { clock, count, decimals, percent, short } from './format.ts'
import { listenForInterrupt } from './interrupt.ts'
import { printJson } from './json.ts'
import type { MediaTokenizerFlags } from './mediaTokenizer.ts'
import { readMaterial } from './mediaTokenizerFiles.ts'
import type { Material, Materials } from './mediaTokenizerMaterial.ts'
import { worldMaterial } from './mediaTokenizerWorld.ts'
import { type Stage, startStage } from './progress.ts'
import { renderTokenizerReport, type TokenizerSection } from './report/index.ts'
import { writeAside } from './runFolder.ts'
import { openTerminal, printable, silentTerminal, type Terminal } from './terminal.ts'
import { UsageError } from './usage.ts'

const kinds: readonly MediaKind[] = ['image', 'audio']
/** Examples in the report. */
const shownPictures = 24
const shownSounds = 8
/** Steps between two objects of --json. */
const jsonEvery = 50

interface Session {
  flags: MediaTokenizerFlags
  terminal: Terminal
  signal: AbortSignal
}

/** Trains as the flags say. Returns the exit code: 0, or that of the signal that stopped it (what was trained is saved). */
export async function runMediaTokenizer(flags: MediaTokenizerFlags): Promise<number> {
  if (flags.world && flags.data) throw new UsageError('media-tokenizer: must have --data or --world, got both')
  for (const kind of kinds) checkTarget(join(flags.out, kind))
  const terminal = flags.json ? silentTerminal() : openTerminal(process.stdout)
  using interrupt = listenForInterrupt((name) => {
    if (!flags.json) terminal.line(`${name}: finishing the step and saving; once more quits at once`)
  })
  const session = { flags, terminal, signal: interrupt.signal }
  const materials = await gather(session)
  const sections: TokenizerSection[] = []
  if (materials.image && !interrupt.signal.aborted)
    sections.push(await trainKind(session, 'image', materials.image, pictureHandling))
  if (materials.audio && !interrupt.signal.aborted)
    sections.push(await trainKind(session, 'audio', materials.audio, soundHandling))
  if (sections.length > 0) finish(session, sections, materials)
  return interrupt.exitCode
}

/** A folder that this command did not write is not replaced. */
function checkTarget(folder: string): void {
  if (!existsSync(folder)) return
  let config: unknown
  try {
    config = JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8'))
  } catch {
    config = undefined
  }
  if (isRecord(config) && config.model_type === 'pollux_fsq_tokenizer') return
  throw new PolluxError(`media-tokenizer: ${folder} must be absent or a tokenizer to replace, got something else`, {
    hint: '--out DIR writes elsewhere',
  })
}

async function gather({ flags, terminal }: Session): Promise<Materials> {
  const { data, kind, patch, mels, seed } = flags
  const stage = startStage(terminal, data ? 'reading files' : 'making the world')
  const materials = data
    ? await readMaterial(data, {
        kind,
        patch,
        mels,
        seed,
        onFile: (i, of) => stage.update(`${count(i)} of ${count(of)}`),
      })
    : worldMaterial({ kind, patch, mels, seed })
  const found = kinds.map((name) => materials[name]?.description).filter((text) => text !== undefined)
  stage.done(printable(found.join('; ')))
  for (const { path, reason } of materials.rejects.slice(0, 3))
    terminal.line(terminal.paint('yellow', printable(`  left out: ${path}: ${reason}`)))
  if (materials.rejects.length > 3) terminal.line(`  and ${count(materials.rejects.length - 3)} more, see the report`)
  return materials
}

/** What differs between pictures and sounds. */
interface Handling<T> {
  /** To codes and back. */
  roundTrip: (tokenizer: FsqTokenizer, item: T) => T
  toFile: (item: T) => Promise<Uint8Array> | Uint8Array
  shown: number
}

const pictureHandling: Handling<Picture> = {
  roundTrip: (tokenizer, picture) => decodePicture(tokenizer, encodePicture(tokenizer, picture)),
  toFile: encodePng,
  shown: shownPictures,
}

const soundHandling: Handling<Sound> = {
  roundTrip: (tokenizer, sound) => decodeSound(tokenizer, encodeSound(tokenizer, sound)),
  toFile: encodeWav,
  shown: shownSounds,
}

async function trainKind<T>(
  { flags, terminal, signal }: Session,
  kind: MediaKind,
  material: Material<T>,
  { roundTrip, toFile, shown }: Handling<T>,
): Promise<TokenizerSection> {
  const { levels, tokens, hidden, minutes, seed } = flags
  const tokenizer = { ...material.shape, levels, tokensPerPatch: tokens, hidden }
  const losses: number[] = []
  const stage = startStage(terminal, `training ${kind}`)
  const summary = await trainMediaTokenizer({
    tokenizer,
    nextPatches: drawPatches(material.patches, tokenizer.inputDim, new Rng(seed + 1)),
    heldOut: material.heldOutPatches,
    horizon: { seconds: 60 * minutes },
    seed,
    signal,
    onStep(metrics) {
      losses.push(metrics.loss)
      showStep(stage, metrics)
      if (flags.json && metrics.step % jsonEvery === 0) printJson({ event: 'step', kind, ...metrics })
    },
  })
  stage.done(`${count(summary.steps)} steps, ${decimals(summary.psnr, 1)} dB on held-out patches`)
  const decoding = startStage(terminal, `decoding ${kind}`)
  const { readable, heldOut } = material
  const decoded = heldOut.slice(0, readable ? heldOut.length : shown).map((item) => roundTrip(summary.tokenizer, item))
  const share = readable?.share(decoded)
  decoding.done(share === undefined ? `${count(decoded.length)} examples` : `${percent(share)} ${readable!.what}`)
  const examples = await Promise.all(
    decoded
      .slice(0, shown)
      .map(async (item, i) => ({ original: await toFile(heldOut[i]), decoded: await toFile(item) })),
  )
  await replaceFolder(join(flags.out, kind), (aside) => saveMediaTokenizer(aside, summary.tokenizer))
  const { tokenizer: trained, ...quality } = summary
  return {
    ...quality,
    kind,
    material: material.description,
    codes: trained.codeCount,
    tokensPerPatch: tokens,
    ...(share !== undefined && { readable: { what: readable!.what, share } }),
    losses,
    config: configFacts(summary),
    examples,
  }
}

function showStep(stage: Stage, { step, loss, fractionDone, secondsElapsed }: TokenizerStep): void {
  const left = fractionDone > 0 ? (secondsElapsed * (1 - fractionDone)) / fractionDone : Number.NaN
  stage.update(`step ${count(step)}  error ${decimals(loss)}  ${clock(left)} left`)
}

function configFacts({ tokenizer: { config }, parameters }: MediaTokenizerSummary): TokenizerSection['config'] {
  return [
    ['values of a patch', count(config.inputDim)],
    ['levels', config.levels.join(', ')],
    ['tokens a patch', count(config.tokensPerPatch)],
    ['width, blocks', `${count(config.hidden)}, ${count(config.depth)}`],
    ['parameters', short(parameters)],
  ]
}

function finish({ flags, terminal }: Session, sections: TokenizerSection[], { rejects }: Materials): void {
  const report = join(flags.out, 'report.html')
  const source = flags.data ? `--data ${flags.data.map(quote).join(' --data ')}` : '--world'
  const commands = [`npx pollux train ${source} --media-tokenizer ${quote(flags.out)}`]
  mkdirSync(flags.out, { recursive: true })
  writeAside(report, renderTokenizerReport({ createdAt: new Date().toISOString(), sections, rejects, commands }))
  if (flags.json) {
    const results = sections.map(({ losses: _losses, examples: _examples, config: _config, ...rest }) => rest)
    printJson({ event: 'done', out: flags.out, report, results, rejects })
  }
  const fact = (name: string, value: string) => terminal.line(`  ${terminal.paint('dim', name.padEnd(12))} ${value}`)
  terminal.line()
  for (const section of sections) {
    const codes = `${section.tokensPerPatch} × ${count(section.codes)} codes, ${decimals(section.entropyPerPatch, 1)} bits in use`
    const read = section.readable ? `, ${percent(section.readable.share)} ${section.readable.what}` : ''
    fact(section.kind, `${terminal.paint('cyan', `${decimals(section.psnr, 1)} dB`)}  ${codes}${read}`)
  }
  fact('written to', flags.out)
  fact('report', report)
  fact('next', commands[0])
}

/** A path as a shell takes it. */
function quote(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`
}
