// Variations of media that keep what they mean: more to learn from where examples are few.
//
// Pictures are turned, scaled, moved and sometimes mirrored by one affine map (bilinear, edges repeated); sounds are played
// faster or slower, moved, made louder or softer, and get noise. All randomness comes from the given source.
import type { Picture, Sound } from '../media/index.ts'
import type { Rng } from '../util/index.ts'

export interface PictureAugmentation {
  /** Largest turn, radians. Default 0.15. */
  turn?: number
  /** Largest change of scale, as a share. Default 0.12. */
  scale?: number
  /** Largest shear, as a share. Default 0.1. */
  shear?: number
  /** Largest move, pixels. Default 2. */
  shift?: number
  /** Mirror half of them. Default false. */
  mirror?: boolean
  /** Largest side of a square that is blanked, pixels; 0: none. Default 0. */
  erase?: number
  /** Largest change of brightness and contrast, as a share. Default 0. */
  light?: number
}

/** A picture of the same size and meaning. */
export function augmentPicture(picture: Picture, rng: Rng, options: PictureAugmentation = {}): Picture {
  const { turn = 0.15, scale = 0.12, shear = 0.1, shift = 2, mirror = false, erase = 0, light = 0 } = options
  const within = (most: number): number => (2 * rng.uniform() - 1) * most
  const angle = within(turn)
  const [sx, sy] = [(1 + within(scale)) * (mirror && rng.uniform() < 0.5 ? -1 : 1), 1 + within(scale)]
  const lean = within(shear)
  const [dx, dy] = [within(shift), within(shift)]
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)]
  // where a pixel of the result comes from
  const map = { a: cos * sx, b: -sin + lean, c: sin, d: cos * sy, dx, dy }
  const moved = affine(picture, map)
  if (light > 0) relight(moved, 1 + within(light), 255 * within(light))
  if (erase > 0) blank(moved, rng, erase)
  return moved
}

function affine(
  { width, height, data }: Picture,
  { a, b, c, d, dx, dy }: Record<'a' | 'b' | 'c' | 'd' | 'dx' | 'dy', number>,
): Picture {
  const out = new Uint8Array(data.length)
  const [cx, cy] = [(width - 1) / 2, (height - 1) / 2]
  const clamp = (x: number, most: number): number => Math.min(most, Math.max(0, x))
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const fx = clamp(cx + a * (x - cx) + b * (y - cy) + dx, width - 1)
      const fy = clamp(cy + c * (x - cx) + d * (y - cy) + dy, height - 1)
      const [x0, y0] = [Math.floor(fx), Math.floor(fy)]
      const [x1, y1] = [Math.min(x0 + 1, width - 1), Math.min(y0 + 1, height - 1)]
      const [u, v] = [fx - x0, fy - y0]
      for (let channel = 0; channel < 3; channel++) {
        const at = (px: number, py: number): number => data[(py * width + px) * 3 + channel]
        const top = at(x0, y0) * (1 - u) + at(x1, y0) * u
        const bottom = at(x0, y1) * (1 - u) + at(x1, y1) * u
        out[(y * width + x) * 3 + channel] = Math.round(top * (1 - v) + bottom * v)
      }
    }
  }
  return { width, height, data: out }
}

function relight({ data }: Picture, contrast: number, brightness: number): void {
  for (let i = 0; i < data.length; i++) data[i] = Math.min(255, Math.max(0, data[i] * contrast + brightness))
}

function blank({ width, height, data }: Picture, rng: Rng, most: number): void {
  const side = rng.integer(most + 1)
  const [left, top] = [rng.integer(Math.max(1, width - side + 1)), rng.integer(Math.max(1, height - side + 1))]
  for (let y = top; y < Math.min(height, top + side); y++) {
    data.fill(0, (y * width + left) * 3, (y * width + Math.min(width, left + side)) * 3)
  }
}

export interface SoundAugmentation {
  /** Largest change of speed (and pitch), as a share. Default 0.15. */
  speed?: number
  /** Most silence put before, seconds. Default 0.08. */
  delay?: number
  /** Loudness factor lies within [1 / gain, gain]. Default 3. */
  gain?: number
  /** Most noise, as a share of the sound's own level. Default 0.05. */
  noise?: number
}

/** A sound with the same content; its length changes with speed and delay. */
export function augmentSound({ rate, samples }: Sound, rng: Rng, options: SoundAugmentation = {}): Sound {
  const { speed = 0.15, delay = 0.08, gain = 3, noise = 0.05 } = options
  const step = 1 + (2 * rng.uniform() - 1) * speed
  const before = Math.floor(rng.uniform() * delay * rate)
  const loudness = gain ** (2 * rng.uniform() - 1)
  const level = Math.sqrt(samples.reduce((sum, x) => sum + x * x, 0) / Math.max(1, samples.length))
  const hiss = rng.uniform() * noise * level
  const length = before + Math.floor((samples.length - 1) / step)
  const out = new Float32Array(Math.max(1, length))
  for (let i = 0; i < out.length; i++) {
    const at = (i - before) * step
    const whole = Math.floor(at)
    const clean = at < 0 ? 0 : samples[whole] + (at - whole) * ((samples[whole + 1] ?? 0) - samples[whole])
    // a sum of four uniforms is close enough to a bell, and cheap
    const random = hiss === 0 ? 0 : (rng.uniform() + rng.uniform() + rng.uniform() + rng.uniform() - 2) * 1.7 * hiss
    out[i] = Math.min(1, Math.max(-1, loudness * clean + random))
  }
  return { rate, samples: out }
}
