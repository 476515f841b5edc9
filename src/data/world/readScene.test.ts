import { describe, expect, it } from 'vitest'
import type { Picture } from '../../media/index.ts'
import { Rng } from '../../util/index.ts'
import { judgeScene } from './judgeScene.ts'
import { readScene } from './readScene.ts'
import { jitterScene, renderScene } from './render.ts'
import { cells, colors, randomScene, shapes, type Scene, type SceneObject } from './scene.ts'
import { wantedScene } from './wanted.ts'

/** A 3x3 box blur, edges counted as they are. */
function blurred({ width, height, data }: Picture): Picture {
  const out = data.map((_, at) => {
    const [pixel, c] = [Math.floor(at / 3), at % 3]
    const [x, y] = [pixel % width, Math.floor(pixel / width)]
    let [sum, count] = [0, 0]
    for (let j = Math.max(0, y - 1); j <= Math.min(height - 1, y + 1); j++) {
      for (let i = Math.max(0, x - 1); i <= Math.min(width - 1, x + 1); i++) {
        sum += data[(j * width + i) * 3 + c]
        count++
      }
    }
    return Math.round(sum / count)
  })
  return { width, height, data: out }
}

function noisy(picture: Picture, sigma: number, rng: Rng): Picture {
  const data = picture.data.map((value) => Math.max(0, Math.min(255, Math.round(value + sigma * rng.normal()))))
  return { ...picture, data }
}

const nameOf = ({ size, color, shape, cell }: Omit<SceneObject, 'dx' | 'dy'>) => `${size} ${color} ${shape} ${cell}`

/** The scene with one attribute of one object changed. */
function changed(scene: Scene, rng: Rng): Scene {
  const copy = scene.map((object) => ({ ...object }))
  const object = copy[rng.integer(copy.length)]
  const other = <T>(items: readonly T[], than: T): T => {
    const rest = items.filter((item) => item !== than)
    return rest[rng.integer(rest.length)]
  }
  const attribute = rng.integer(5)
  if (attribute === 0) object.color = other(colors, object.color)
  else if (attribute === 1) object.shape = other(shapes, object.shape)
  else if (attribute === 2) object.size = object.size === 'big' ? 'small' : 'big'
  else if (attribute === 3) {
    const free = cells.filter((cell) => scene.every((one) => one.cell !== cell))
    object.cell = free[rng.integer(free.length)]
  } else copy.splice(copy.indexOf(object), 1)
  return copy
}

describe('reading scenes from pixels', () => {
  it.each([
    ['sharp', (picture: Picture) => picture, 1],
    ['blurred', blurred, 1],
    ['noisy', (picture: Picture, rng: Rng) => noisy(picture, 8, rng), 1],
    ['blurred and noisy', (picture: Picture, rng: Rng) => noisy(blurred(picture), 8, rng), 0.99],
  ])('finds every object of %s pictures', (_, spoil, least) => {
    const rng = new Rng(11)
    let right = 0
    const count = 500
    for (let i = 0; i < count; i++) {
      const scene = jitterScene(randomScene(rng, 1 + (i % 3)), rng)
      const found = readScene(spoil(renderScene(scene), rng))
      if (found.map(nameOf).join() === scene.map(nameOf).join()) right++
    }
    expect(right / count).toBeGreaterThanOrEqual(least)
  })

  it('measures where an object lies to half a pixel or so', () => {
    const [found] = readScene(
      renderScene([{ size: 'big', color: 'red', shape: 'square', cell: 'center', dx: 1, dy: -1 }]),
    )
    expect(found.x).toBeCloseTo(17, 0)
    expect(found.y).toBeCloseTo(15, 0)
    expect(found.fit).toBeGreaterThan(0.95)
  })

  it('finds nothing in an empty picture and refuses one that is not square', () => {
    expect(readScene(renderScene([]))).toEqual([])
    expect(() => readScene({ width: 32, height: 16, data: new Uint8Array(32 * 16 * 3) })).toThrow(/must be square/)
  })
})

describe('judging drawings', () => {
  it('takes a right picture and refuses one with anything changed, through blur and noise', () => {
    const rng = new Rng(12)
    let [taken, refused] = [0, 0]
    const count = 300
    for (let i = 0; i < count; i++) {
      const scene = jitterScene(randomScene(rng, 1 + (i % 3)), rng)
      const wanted = wantedScene(scene)
      if (judgeScene(noisy(blurred(renderScene(scene)), 8, rng), wanted).right) taken++
      if (!judgeScene(noisy(blurred(renderScene(changed(scene, rng))), 8, rng), wanted).right) refused++
    }
    expect(taken / count).toBeGreaterThanOrEqual(0.99)
    expect(refused / count).toBeGreaterThanOrEqual(0.99)
  })

  it('checks relations, and says what is wrong', () => {
    const red: SceneObject = { size: 'big', color: 'red', shape: 'circle', cell: 'left', dx: 0, dy: 0 }
    const blue: SceneObject = { size: 'small', color: 'blue', shape: 'square', cell: 'right', dx: 0, dy: 0 }
    const picture = renderScene([red, blue])
    const objects = [
      { color: 'red', shape: 'circle' },
      { color: 'blue', shape: 'square' },
    ] as const
    const wanted = (relation: 'left of' | 'right of' | 'above') => {
      return { objects: [...objects], relations: [{ a: 0, relation, b: 1 }] }
    }
    expect(judgeScene(picture, wanted('left of')).right).toBe(true)
    expect(judgeScene(picture, wanted('right of')).right).toBe(false)
    expect(judgeScene(picture, wanted('above')).why).toMatch(/do not lie above/)
    expect(judgeScene(picture, { objects: [objects[0]] }).why).toMatch(/1 wanted, 2 found/)
    expect(judgeScene(picture, { objects: [objects[0], { ...objects[1], size: 'big' }] }).why).toMatch(
      /no big blue square; found a big red circle at the left, a small blue square at the right/,
    )
  })

  it('does not take noise or a blob for a shape', () => {
    const rng = new Rng(13)
    const picture = renderScene([])
    for (let y = 4; y < 28; y++) for (let x = 4; x < 12; x++) picture.data.set([224, 44, 44], (y * 32 + x) * 3)
    const wanted = { objects: [{ color: 'red', shape: 'square' } as const] }
    expect(judgeScene(picture, wanted).right).toBe(false)
    const static_ = { ...picture, data: picture.data.map(() => rng.integer(256)) }
    expect(judgeScene(static_, wanted).right).toBe(false)
  })
})
