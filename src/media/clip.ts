// Video files (mp4, webm) as frames at chosen times and sound at 16 kHz, through ffmpeg.
//
// Three runs: one that only walks the file (its length, its streams, whether it is whole), one for the frames, one for the sound. Frame k is the
// picture that is seen k / fps seconds after the start. Any error that ffmpeg reports is an error here: it would go on with
// grey squares or a shorter film.
import { readFile, stat } from 'node:fs/promises'
import { PolluxError } from '../util/index.ts'
import { soundRate } from './budget.ts'
import { inspectMp4, inspectWebm } from './containers.ts'
import { findFfmpeg, input, openInstalled, openWasm, output, type Ffmpeg } from './ffmpeg.ts'
import { describeUnknown, sniff } from './sniff.ts'
import type { Clip, Picture, Sound } from './types.ts'

/** Settings of `readClip`. Times are in seconds. */
export interface ClipOptions {
  /** Frames a second; default 1. */
  fps?: number
  /** Most frames; when there would be more, fps is lowered so that these are spread over the whole. Default 600. */
  maxFrames?: number
  /** Where to begin and end reading; default: all of it. Times in the result count from `start`. */
  start?: number
  end?: number
  /** Size of the frames: exact, or a number that the longer side is at most; default: as they are. */
  size?: number | { width: number; height: number }
  /** Longest part that is read; default 600. */
  maxSeconds?: number
  /** Seconds that one run of ffmpeg may take; default 120, and 600 in WebAssembly. */
  timeLimit?: number
  /** 'installed' and 'wasm' insist on one ffmpeg; default: the installed one where there is one. */
  engine?: 'installed' | 'wasm'
}

const maxOutput = 2 ** 30
/** Frames that appear so many seconds late count as in time: containers round times, and sound may begin a little early. */
const tolerance = 0.01
/** ffmpeg refuses larger frames before it takes memory for them. */
const maxPixels = 100_000_000

/**
 * A video file as a clip. Frames are turned as the file says, with square pixels; sound is mono at 16 kHz and begins with the
 * frames; a file without sound has none. Throws PolluxError for files of another kind, damaged, cut short, without
 * pictures, or beyond a limit.
 */
export async function readClip(source: Uint8Array | string, options: ClipOptions = {}): Promise<Clip> {
  const { frames, sound, duration } = await readMovie(source, options)
  if (frames.length === 0) throw new PolluxError('readClip: must have pictures, got sound alone')
  return { frames, ...(sound !== undefined && { sound }), duration }
}

/** `readClip` that lets files pass that hold sound alone: they have no frames. */
export async function readMovie(source: Uint8Array | string, options: ClipOptions = {}): Promise<Clip> {
  checkOptions(options)
  const bytes = typeof source === 'string' ? await readWhole(source) : source
  const demuxer = checkContainer(bytes)
  const program = options.engine === 'wasm' ? undefined : findFfmpeg()
  if (program === undefined && options.engine === 'installed')
    throw new PolluxError('readClip: ffmpeg must be installed, got none on PATH', { hint: 'install ffmpeg' })
  const path = typeof source === 'string' ? source : undefined
  const ffmpeg = program === undefined ? await openWasm(bytes) : await openInstalled(program, { path, bytes })
  const film = new Film(ffmpeg, demuxer, options.timeLimit ?? (program === undefined ? 600 : 120))
  try {
    const { duration, hasVideo, hasSound } = await film.probe()
    if (!hasVideo && !hasSound) throw new PolluxError('readClip: must have pictures or sound, got neither')
    const span = spanOf(duration, options)
    const frames = hasVideo ? await film.frames(span, options) : []
    const sound = hasSound ? await film.sound(span) : undefined
    if (frames.length === 0 && sound === undefined)
      throw new PolluxError('readClip: must give pictures or sound, got neither')
    return { frames, ...(sound !== undefined && { sound }), duration: span.seconds }
  } finally {
    await ffmpeg.close()
  }
}

function checkOptions(options: ClipOptions): void {
  const { fps = 1, maxFrames = 600, start = 0, end, size } = options
  const refuse = (what: string, got: unknown): never => {
    throw new PolluxError(`readClip: ${what}, got ${String(got)}`)
  }
  if (!(fps > 0 && fps <= 240)) refuse('fps must be above 0 and at most 240', fps)
  if (!Number.isSafeInteger(maxFrames) || maxFrames < 1) refuse('maxFrames must be a whole number above 0', maxFrames)
  if (!(start >= 0 && Number.isFinite(start))) refuse('start must be a finite number from 0', start)
  if (end !== undefined && !(end > start)) refuse(`end must be after ${start} s`, end)
  const sides = size === undefined ? [] : typeof size === 'number' ? [size] : [size.width, size.height]
  for (const side of sides)
    if (!Number.isSafeInteger(side) || side < 1 || side > 16_384)
      refuse('size must be whole numbers from 1 to 16384', side)
}

async function readWhole(path: string): Promise<Uint8Array> {
  try {
    const { size } = await stat(path)
    if (size > 2 ** 31 - 1) throw new PolluxError(`readClip: a file must have less than 2 GiB, got ${size} bytes`)
    return await readFile(path)
  } catch (cause) {
    if (cause instanceof PolluxError) throw cause
    throw new PolluxError(`readClip: the file must be readable, got ${String(cause)}`, { cause })
  }
}

/** Holds the outer boxes against the file's size; gives the demuxer's name. */
function checkContainer(bytes: Uint8Array): string {
  const type = sniff(bytes)
  if (type?.format === 'webm') inspectWebm(bytes)
  else if (type?.format === 'mp4' || type?.format === 'm4a') inspectMp4(bytes)
  else {
    const got = type === undefined ? describeUnknown(bytes) : `a ${type.format} file`
    throw new PolluxError(`readClip: must be an mp4 or webm file, got ${got}`)
  }
  return type.format === 'webm' ? 'matroska' : 'mov'
}

interface Span {
  start: number
  seconds: number
}

function spanOf(duration: number, { start = 0, end, maxSeconds = 600 }: ClipOptions): Span {
  const seconds = Math.min(end ?? duration, duration) - start
  if (!(seconds > 0)) throw new PolluxError(`readClip: start must lie within ${duration} s, got ${start}`)
  if (seconds > maxSeconds)
    throw new PolluxError(`readClip: must be at most ${maxSeconds} s long, got ${seconds.toFixed(1)} s`, {
      hint: 'read a part: start and end',
    })
  return { start, seconds }
}

/** What can be asked of a file that ffmpeg has open. */
class Film {
  readonly #ffmpeg: Ffmpeg
  readonly #demuxer: string
  readonly #seconds: number

  constructor(ffmpeg: Ffmpeg, demuxer: string, seconds: number) {
    this.#ffmpeg = ffmpeg
    this.#demuxer = demuxer
    this.#seconds = seconds
  }

  async #run(before: string[], after: string[], bytes: number): Promise<{ log: string; output: Uint8Array }> {
    const head = ['-hide_banner', '-loglevel', 'level+info', '-protocol_whitelist', 'file,pipe']
    const open = ['-max_pixels', String(maxPixels), '-f', this.#demuxer, ...before, '-i', input]
    const result = await this.#ffmpeg.run([...head, ...open, ...after], { seconds: this.#seconds, bytes })
    const complaint = /\[(?:error|fatal|panic)\] *(.*)/.exec(result.log)?.[1]
    if (complaint !== undefined || result.code !== 0) {
      const reason = complaint?.trim().replace(/[^ -~]/g, '?') || `exit status ${result.code}`
      throw new PolluxError(`readClip: must decode without errors, got: ${reason.slice(0, 200)}`)
    }
    return result
  }

  /** Walks through the file without decoding. */
  async probe(): Promise<{ duration: number; hasVideo: boolean; hasSound: boolean }> {
    const { log } = await this.#run([], ['-map', '0:v?', '-map', '0:a?', '-c', 'copy', '-f', 'null', '-'], maxOutput)
    const about = log.slice(0, log.indexOf('Output #0'))
    const stated = secondsOf(/Duration: (\d+):(\d\d):(\d\d(?:\.\d+)?)/.exec(about))
    // a live recording does not state its length: where the walk ended
    const duration = stated ?? secondsOf([...log.matchAll(/time=(\d+):(\d\d):(\d\d(?:\.\d+)?)/g)].at(-1))
    if (duration === undefined || duration <= 0)
      throw new PolluxError('readClip: must last longer than 0 s, got no length')
    // a cover picture is a stream of video too
    const video = [...about.matchAll(/Stream #0:\d+.*: Video: .*/g)].filter(
      ([line]) => !line.includes('(attached pic)'),
    )
    return { duration, hasVideo: video.length > 0, hasSound: /Stream #0:\d+.*: Audio: /.test(about) }
  }

  async frames({ start, seconds }: Span, options: ClipOptions): Promise<Clip['frames']> {
    const { maxFrames = 600, size } = options
    const fps = Math.min(options.fps ?? 1, maxFrames / seconds)
    const late = Math.min(tolerance, 0.4 / fps)
    const count = Math.min(maxFrames, Math.max(1, Math.ceil((seconds - late) * fps)))
    const filters = [
      `setpts=PTS-${late.toFixed(6)}/TB`,
      // slot k gets the last frame that began at or before it
      `fps=fps=${fps.toFixed(9)}:start_time=0:round=up`,
      "scale=w='max(1,round(iw*sar))':h=ih:flags=bicubic+accurate_rnd+full_chroma_int",
      'setsar=1',
      ...(size === undefined ? [] : [scaleTo(size)]),
    ]
    const { output: bytes } = await this.#run(
      // from the key frame before on: the frame seen at the start began earlier
      start > 0 ? ['-noaccurate_seek', '-ss', String(start)] : [],
      ['-map', '0:V:0', '-an', '-sn', '-dn', '-vf', filters.join(','), '-frames:v', String(count)].concat([
        '-c:v',
        'ppm',
        '-pix_fmt',
        'rgb24',
        '-f',
        'image2pipe',
        output,
      ]),
      maxOutput,
    )
    const pictures = splitPpm(bytes)
    if (pictures.length === 0) throw new PolluxError('readClip: must give at least one frame, got none')
    return pictures.map((picture, k) => ({ time: k / fps, picture }))
  }

  /** Mono sound of 16 kHz that begins where the frames do; undefined: none there. */
  async sound({ start, seconds }: Span): Promise<Sound | undefined> {
    const most = Math.round(seconds * soundRate)
    const { output: bytes } = await this.#run(
      ['-ss', String(start), '-t', String(seconds)],
      ['-map', '0:a:0', '-vn', '-sn', '-dn', '-af', 'aresample=async=1:first_pts=0', '-ac', '1'].concat([
        '-ar',
        String(soundRate),
        '-c:a',
        'pcm_f32le',
        '-f',
        'f32le',
        output,
      ]),
      (most + soundRate) * 4,
    )
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    const samples = new Float32Array(Math.min(most, Math.floor(bytes.length / 4)))
    for (let i = 0; i < samples.length; i++) {
      const sample = view.getFloat32(4 * i, true)
      if (Number.isNaN(sample)) throw new PolluxError('readClip: samples must be numbers, got NaN: the file is damaged')
      samples[i] = Math.max(-1, Math.min(1, sample))
    }
    return samples.length === 0 ? undefined : { rate: soundRate, samples }
  }
}

function secondsOf(match: RegExpMatchArray | null | undefined): number | undefined {
  if (match === null || match === undefined) return undefined
  return Number(match[1]) * 3600 + Number(match[2]) * 60 + Number(match[3])
}

function scaleTo(size: number | { width: number; height: number }): string {
  const flags = 'flags=bicubic+accurate_rnd+full_chroma_int'
  if (typeof size !== 'number') return `scale=w=${size.width}:h=${size.height}:${flags}`
  const side = (own: string, other: string) => `max(1,round(${own}*min(1,${size}/max(${own},${other}))))`
  return `scale=w='${side('iw', 'ih')}':h='${side('ih', 'iw')}':${flags}`
}

/** Pictures from concatenated PPM files (P6, 8 bits). */
function splitPpm(bytes: Uint8Array): Picture[] {
  const pictures: Picture[] = []
  for (let at = 0; at < bytes.length;) {
    const head = /^P6\n(\d+) (\d+)\n255\n/.exec(String.fromCharCode(...bytes.subarray(at, at + 32)))
    if (head === null) throw new PolluxError('readClip: a frame must begin with its size, got other bytes')
    const [width, height] = [Number(head[1]), Number(head[2])]
    const from = at + head[0].length
    at = from + width * height * 3
    if (at > bytes.length) throw new PolluxError('readClip: the last frame must be whole, got a part')
    // a copy of its own, so that keeping one frame does not keep all
    pictures.push({ width, height, data: new Uint8Array(bytes.subarray(from, at)) })
  }
  return pictures
}
