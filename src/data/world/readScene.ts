// The geometry checker: what a picture shows, from its pixels alone, and whether that is what was asked for.
//
// Pixels that are mostly not ground join into components. A component's box gives the place, their hue the colour,
// and shape and size are those whose outline explains the pixels best (analysis by synthesis). Edges are soft and the
// pictures of a media tokenizer are blurred, so a pixel counts by how far it lies on the way from ground to colour.
import type { Picture } from '../../media/index.ts'
import type { Wanted } from './drawing.ts'
import { type ColorName, colorNames, ground, palette, shapeCover, type ShapeName, shapeNames } from './render.ts'
import { cellCenters, radiusOf, relations, type Scene, type SceneObject, type SizeName, sizeNames } from './scene.ts'

/** Smallest weight of a component that is an object, in pixels. */
const leastWeight = 7
interface Component {
  pixels: number[]
  color: ColorName
}

/** The objects of a picture, in reading order. */
export function readScene(picture: Picture): Scene {
  const cover = covers(picture)
  return components(picture, cover)
    .filter(({ pixels }) => pixels.reduce((sum, pixel) => sum + cover[pixel], 0) >= leastWeight)
    .map((component) => describe(component, picture, cover))
    .sort((a, b) => a.cell - b.cell)
}

/** Share of each pixel that is not ground, 0 to 1, by its strongest channel against a full colour's. */
function covers({ width, height, data }: Picture): Float32Array {
  const cover = new Float32Array(width * height)
  for (let i = 0; i < cover.length; i++) {
    let most = 0
    for (let c = 0; c < 3; c++) most = Math.max(most, (data[3 * i + c] - ground[c]) / 170)
    cover[i] = Math.min(1, Math.max(0, most))
  }
  return cover
}

/** Connected pixels that are mostly not ground, each with its colour. */
function components({ width, height, data }: Picture, cover: Float32Array): Component[] {
  const seen = new Uint8Array(width * height)
  const found: Component[] = []
  for (let start = 0; start < seen.length; start++) {
    if (seen[start] || cover[start] < 0.5) continue
    const pixels = [start]
    seen[start] = 1
    for (let i = 0; i < pixels.length; i++) {
      const [x, y] = [pixels[i] % width, Math.floor(pixels[i] / width)]
      for (const [nx, ny] of [
        [x - 1, y],
        [x + 1, y],
        [x, y - 1],
        [x, y + 1],
      ]) {
        const next = ny * width + nx
        if (nx < 0 || ny < 0 || nx >= width || ny >= height || seen[next] || cover[next] < 0.5) continue
        seen[next] = 1
        pixels.push(next)
      }
    }
    found.push({ pixels, color: colorOf(pixels, data, cover) })
  }
  return found
}

/** The palette's colour of the nearest hue; strength is left aside, since soft edges and blur take from it. */
function colorOf(pixels: number[], data: Uint8Array, cover: Float32Array): ColorName {
  const mean = [0, 1, 2].map((c) =>
    pixels.reduce((sum, pixel) => sum + cover[pixel] ** 2 * (data[3 * pixel + c] - ground[c]), 0),
  )
  const hue = normalised(mean)
  const distance = (name: ColorName): number => hues[name].reduce((sum, value, c) => sum + (value - hue[c]) ** 2, 0)
  return colorNames.reduce((best, name) => (distance(name) < distance(best) ? name : best))
}

/** Channels over the strongest one. */
function normalised(rgb: readonly number[]): number[] {
  const most = Math.max(1e-6, ...rgb)
  return rgb.map((value) => Math.max(0, value / most))
}

const hues = Object.fromEntries(
  colorNames.map((name) => [name, normalised(palette[name].map((value, c) => value - ground[c]))]),
) as Record<ColorName, number[]>

/** The shape and size whose soft outline, placed best, covers the picture around the component most alike. */
function describe({ pixels, color }: Component, { width, height }: Picture, cover: Float32Array): SceneObject {
  const [left, right] = extent(pixels.map((pixel) => pixel % width))
  const [top, bottom] = extent(pixels.map((pixel) => Math.floor(pixel / width)))
  const [middleX, middleY] = [(left + right) / 2, (top + bottom) / 2]
  // only what touches the component: a neighbour's pixels are none of its business
  const own = ownCover(
    { left: left - 1, right: right + 1, top: top - 1, bottom: bottom + 1 },
    { width, height, cover, pixels },
  )
  let best = { error: Infinity, size: sizeNames[0] as SizeName, shape: shapeNames[0] as ShapeName }
  for (const size of sizeNames) {
    for (const shape of shapeNames) {
      for (const [dx, dy] of offsets) {
        const at = { shape, radius: radiusOf[size], x: middleX + dx, y: middleY + dy }
        const error = distance(own, shapeCover(at, width, height), best.error)
        if (error < best.error) best = { error, size, shape }
      }
    }
  }
  const { size, shape } = best
  return { size, color, shape, cell: 3 * nearest(middleY) + nearest(middleX) }
}

/** Places tried around the middle of a component's box, pixels: a triangle's box is not centred on it. */
const offsets = [-1, -0.5, 0, 0.5, 1].flatMap((dx) => [-1, -0.5, 0, 0.5, 1].map((dy) => [dx, dy] as const))

function ownCover(
  box: { left: number; right: number; top: number; bottom: number },
  { width, height, cover, pixels }: { width: number; height: number; cover: Float32Array; pixels: number[] },
): Float32Array {
  const own = new Float32Array(width * height)
  const members = new Set(pixels)
  for (let y = Math.max(0, box.top); y <= Math.min(height - 1, box.bottom); y++) {
    for (let x = Math.max(0, box.left); x <= Math.min(width - 1, box.right); x++) {
      const pixel = y * width + x
      if (members.has(pixel) || cover[pixel] < 0.5) own[pixel] = cover[pixel]
    }
  }
  return own
}

/** Sum of squared differences, given up above `limit`. */
function distance(a: Float32Array, b: Float32Array, limit: number): number {
  let sum = 0
  for (let i = 0; i < a.length && sum < limit; i++) sum += (a[i] - b[i]) ** 2
  return sum
}

function extent(values: number[]): [number, number] {
  return [Math.min(...values), Math.max(...values)]
}

function nearest(place: number): number {
  let best = 0
  for (const [i, center] of cellCenters.entries()) {
    if (Math.abs(center - place) < Math.abs(cellCenters[best] - place)) best = i
  }
  return best
}

/** Whether a picture shows exactly what is wanted; `why` names the first thing that differs. */
export function judgeScene(picture: Picture, { objects, relation }: Wanted): { right: boolean; why: string } {
  const scene = readScene(picture)
  if (scene.length !== objects.length) return { right: false, why: `${scene.length} objects, not ${objects.length}` }
  const matched: SceneObject[] = []
  for (const wanted of objects) {
    const fields = Object.entries(wanted) as [keyof SceneObject, unknown][]
    const match = scene.find(
      (object) => !matched.includes(object) && fields.every(([field, value]) => object[field] === value),
    )
    if (!match) return { right: false, why: `no ${Object.values(wanted).join(' ')}` }
    matched.push(match)
  }
  if (relation && !relations[relation](matched[0], matched[1])) return { right: false, why: `not ${relation}` }
  return { right: true, why: '' }
}
