// Runs `pollux ask`: decodes the files, counts the tokens they take, and prints the model's answer.
import { readFileSync, writeFileSync } from 'node:fs'
import type { MediaPart } from '../data/index.ts'
import { askPictures, askText } from '../evals/index.ts'
import { decodeMedia, encodePng } from '../media/index.ts'
import { PolluxError } from '../util/index.ts'
import type { AskFlags } from './ask.ts'
import { checkpointOf } from './evalRun.ts'
import { count } from './format.ts'
import { printJson } from './json.ts'
import { type MediaModel, openMediaModel } from './mediaModel.ts'
import { findRun } from './runFolder.ts'
import { openTerminal, printable, silentTerminal } from './terminal.ts'

/** What a file takes of the context. */
interface MediaTokens {
  file: string
  kind: 'picture' | 'sound' | 'clip'
  /** Soft tokens of pictures and frames, and of sound. */
  imageTokens: number
  audioTokens: number
  frames?: number
  seconds?: number
}

/** Answers on stdout. */
export async function runAsk(files: string[], flags: AskFlags): Promise<void> {
  const asker = openMediaModel(checkpointOf(findRun(flags.out, flags.run), flags.out))
  const terminal = flags.json ? silentTerminal() : openTerminal(process.stdout)
  const media: MediaPart[] = []
  const taken: MediaTokens[] = []
  for (const file of files) {
    const part = await readMedia(file, flags)
    media.push(part)
    const tokens = await tokensOf(file, part, asker)
    taken.push(tokens)
    terminal.line(`  ${printable(describe(tokens))}`)
  }
  const prompt: MediaPart[] = [...media, { text: `${flags.question.trim()}\n`, target: false }]
  const answer =
    flags.draw === undefined ? await answerText(asker, prompt, flags) : await draw(asker, prompt, flags.draw)
  if (flags.json) printJson({ event: 'done', media: taken, question: flags.question, answer })
  else terminal.line(terminal.paint('bold', printable(answer)))
}

async function readMedia(file: string, { fps, maxFrames }: AskFlags): Promise<MediaPart> {
  let bytes: Uint8Array
  try {
    bytes = readFileSync(file)
  } catch (cause) {
    throw new PolluxError(
      `ask: ${file} must be a file that can be read, got ${(cause as NodeJS.ErrnoException).code}`,
      { cause },
    )
  }
  try {
    return await decodeMedia(bytes, { clip: { fps, maxFrames } })
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause)
    throw new PolluxError(`ask: ${file} must be a picture, sound or video, got: ${reason}`, { cause })
  }
}

/** Counted in the tokens themselves, not by formula. */
async function tokensOf(file: string, part: MediaPart, { encoder }: MediaModel): Promise<MediaTokens> {
  const { pictures, sounds } = await encoder.encode([part], { prompt: true })
  const sum = (spans: { count: number }[]): number => spans.reduce((total, span) => total + span.count, 0)
  const common = { file, imageTokens: sum(pictures), audioTokens: sum(sounds) }
  if ('clip' in part) return { ...common, kind: 'clip', frames: part.clip.frames.length, seconds: part.clip.duration }
  if ('sound' in part) return { ...common, kind: 'sound', seconds: part.sound.samples.length / part.sound.rate }
  return { ...common, kind: 'picture' }
}

function describe({ file, kind, imageTokens, audioTokens, frames, seconds }: MediaTokens): string {
  const time = seconds === undefined ? '' : ` of ${seconds.toFixed(2)} s`
  const pictures = frames === undefined ? '' : `, ${frames} frames`
  const parts = [
    ...(imageTokens > 0 ? [`${count(imageTokens)} tokens of pictures`] : []),
    ...(audioTokens > 0 ? [`${count(audioTokens)} of sound`] : []),
  ]
  return `${file}: ${kind}${time}${pictures}; ${parts.join(', ')}`
}

async function answerText(asker: MediaModel, prompt: MediaPart[], { tokens }: AskFlags): Promise<string> {
  const [answer] = await askText(asker, [prompt], { maxTokens: tokens })
  return answer.trim()
}

async function draw(asker: MediaModel, prompt: MediaPart[], file: string): Promise<string> {
  const [picture] = await askPictures(asker, [prompt])
  writeFileSync(file, await encodePng(picture))
  return `wrote ${file}, ${picture.width}x${picture.height}`
}
