import { describe, expect, test } from 'vitest'
import type { Picture } from '../../media/index.ts'
import { Rng } from '../../util/index.ts'
import { judgeScene, readScene, worldDocument, worldItem, worldQuestions, worldTasks } from './index.ts'
import { caption, column, randomScene, renderScene, row, type Scene, signatureOf } from './scene.ts'

const options = (split: 'train' | 'test', index: number) => ({ seed: 3, split, index })

describe('the split', () => {
  test.each(['scene', 'tones', 'digits', 'clip', 'draw', 'edit', 'play', 'say', 'arithmetic'] as const)(
    'no content of %s is on both sides',
    (task) => {
      const signatures = (split: 'train' | 'test', count: number) =>
        new Set(Array.from({ length: count }, (_, i) => worldItem(task, options(split, i)).signature))
      const held = signatures('test', 60)
      held.delete(null)
      for (const signature of signatures('train', 400)) expect(held).not.toContain(signature)
      expect(held.size).toBeGreaterThan(0)
    },
  )

  test('item i is the same whenever it is asked for', () => {
    for (const task of worldTasks) {
      expect(worldItem(task, options('train', 5))).toEqual(worldItem(task, options('train', 5)))
    }
    expect(worldDocument({ ...options('train', 9) })).toEqual(worldDocument({ ...options('train', 9) }))
  })

  test('a mixture gives tasks by their shares', () => {
    const mixture = { scene: 3, draw: 1 }
    const tasks = Array.from({ length: 400 }, (_, index) => worldDocument({ ...options('train', index), mixture }).task)
    expect(new Set(tasks)).toEqual(new Set(['scene', 'draw']))
    expect(tasks.filter((task) => task === 'scene').length / 400).toBeCloseTo(0.75, 1)
  })
})

/** Blur and noise as a lossy code leaves them. */
function disturbed({ width, height, data }: Picture, rng: Rng): Picture {
  const out = Uint8Array.from(data, (value, i) => {
    const x = Math.floor(i / 3) % width
    const at = (dx: number): number => data[i + 3 * dx] ?? value
    const smooth = x > 0 && x < width - 1 ? 0.6 * value + 0.2 * at(-1) + 0.2 * at(1) : value
    return Math.min(255, Math.max(0, smooth + 8 * rng.normal()))
  })
  return { width, height, data: out }
}

describe('the geometry checker', () => {
  test('finds every object of random scenes, moved, blurred and noisy', () => {
    let right = 0
    for (let i = 0; i < 400; i++) {
      const rng = new Rng(i)
      const scene = randomScene(rng, 1 + (i % 3))
      const picture = i % 2 === 0 ? renderScene(scene, rng) : disturbed(renderScene(scene, rng), rng)
      if (signatureOf(readScene(picture)) === signatureOf(scene)) right++
    }
    expect(right).toBeGreaterThanOrEqual(396)
  })

  test('a picture with one thing changed is judged wrong, and says what', () => {
    for (let i = 0; i < 60; i++) {
      const scene = randomScene(new Rng(i), 2)
      const changed: Scene = scene.map((object, k) =>
        k > 0
          ? object
          : {
              ...object,
              ...[
                { color: object.color === 'red' ? ('blue' as const) : ('red' as const) },
                { shape: object.shape === 'cross' ? ('square' as const) : ('cross' as const) },
                { size: object.size === 'big' ? ('small' as const) : ('big' as const) },
              ][i % 3],
            },
      )
      expect(judgeScene(renderScene(scene), { objects: scene }).right).toBe(true)
      const { right, why } = judgeScene(renderScene(changed), { objects: scene })
      if (signatureOf(changed) !== signatureOf(scene))
        expect({ right, named: why !== '' }).toEqual({ right: false, named: true })
    }
  })

  test('the pictures of draw and edit are right by their own truth', () => {
    for (const task of ['draw', 'edit'] as const) {
      for (let index = 0; index < 60; index++) {
        const [question] = worldQuestions(task, options('test', index))
        const { picture } = question.answer as { picture: Picture }
        expect(judgeScene(picture, question.truth as never)).toEqual({ right: true, why: '' })
      }
    }
  })
})

test('answers about scenes agree with what the checker reads from the pixels', () => {
  for (let index = 0; index < 150; index++) {
    const questions = worldQuestions('scene', options('train', index))
    const { picture } = questions[0].prompt[0] as { picture: Picture }
    const scene = readScene(picture)
    for (const { kind, prompt, answer } of questions) {
      const question = (prompt.at(-1) as { text: string }).text
      const expected = (answer as { text: string }).text.trim()
      const derived = rederive(kind, question, scene)
      if (derived !== undefined) expect([question, derived]).toEqual([question, expected])
    }
  }
})

/** An answer worked out anew from the objects that were read. */
function rederive(kind: string, question: string, scene: Scene): string | undefined {
  const one = (word: string) => scene.find(({ shape, color }) => shape === word || color === word)
  const words = question.replace(/\?\n/, '').split(' ')
  if (kind === 'caption') return caption(scene)
  if (kind === 'count') return String(scene.length)
  if (kind === 'color') return one(words.at(-1)!)?.color
  if (kind === 'size') return one(words.at(-1)!)?.size
  if (kind === 'color count') return String(scene.filter(({ color }) => words.includes(color)).length)
  if (kind === 'presence') {
    return scene.some(({ color, shape }) => words.includes(color) && words.includes(shape)) ? 'yes' : 'no'
  }
  if (kind !== 'relation') return undefined
  const [a, b] = [one(words[2])!, one(words.at(-1)!)!]
  const holds = {
    left: column(a) < column(b),
    right: column(a) > column(b),
    above: row(a) < row(b),
    below: row(a) > row(b),
  }
  return holds[words[3] as keyof typeof holds] ? 'yes' : 'no'
}
