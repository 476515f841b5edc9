// Golden learning: the first ten losses and gradient norms of a tiny seeded model, kept in losses.json.
//
// At the instruction set they were recorded on they must come out bit for bit, at any number of threads: a
// refactor that changes one is no refactor. At an unrecorded one they must lie within 1%.
// UPDATE_GOLDEN=1 records the values of this machine's set (POLLUX_ISA chooses another).
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { preset } from '../../src/model/index.ts'
import { kernels } from '../../src/native/index.ts'
import { randomSource } from '../../src/testing/index.ts'
import { trainModel } from '../../src/train/index.ts'

interface Curve {
  losses: number[]
  gradNorms: number[]
}
type Golden = Record<string, Record<'bf16' | 'f32', Curve>>

const path = fileURLToPath(new URL('./losses.json', import.meta.url))
const golden = (existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : {}) as Golden
const { config } = preset('micro')

async function firstTen(compute: 'bf16' | 'f32'): Promise<Curve> {
  const curve: Curve = { losses: [], gradNorms: [] }
  await trainModel({
    config,
    training: { horizon: { steps: 10 }, batch: 4, time: 32, compute },
    loader: randomSource(1, { batch: 4, time: 32, vocab: config.vocab_size, documents: 2 }),
    onStep: ({ loss, gradNorm }) => {
      curve.losses.push(loss)
      curve.gradNorms.push(gradNorm)
    },
  })
  return curve
}

test.each(['bf16', 'f32'] as const)('the first ten losses in %s are the recorded ones', async (compute) => {
  const curve = await firstTen(compute)
  if (process.env.UPDATE_GOLDEN === '1') {
    golden[kernels.isa] = { ...golden[kernels.isa], [compute]: curve }
    writeFileSync(path, `${JSON.stringify(golden, null, 2)}\n`)
  }
  const recorded = golden[kernels.isa]?.[compute]
  if (recorded) {
    expect(curve).toEqual(recorded)
  } else {
    const [other] = Object.values(golden)
    expect(other, 'no golden losses at all; record them with UPDATE_GOLDEN=1').toBeDefined()
    curve.losses.forEach((loss, i) => expect(Math.abs(loss / other[compute].losses[i] - 1)).toBeLessThan(1e-2))
  }
})
