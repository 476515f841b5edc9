// The tape by itself, on ops written here from plain loops: order, fan-out, micro-batches, checkpoints.
import { describe, expect, test } from 'vitest'
import {
  checkpoint,
  currentTape,
  fromArray,
  gradientOf,
  gradientTarget,
  isRecording,
  memoryPool,
  memoryScope,
  Parameter,
  record,
  Tape,
  type Tensor,
  withoutTape,
  zeros,
} from './index.ts'

/** y = x * w, element by element, saving a copy that backward needs. */
function times(x: Tensor, w: Parameter): Tensor {
  const y = fromArray(
    x.floats.map((value, i) => Math.fround(value * w.data[i])),
    x.shape,
  )
  if (!isRecording(x, w)) return y
  const saved = fromArray(x.floats, x.shape)
  record({
    op: 'times',
    outputs: [y],
    saved: [saved],
    backward: () => {
      const dy = gradientOf(y).floats
      const dw = w.gradient().floats
      dy.forEach((g, i) => (dw[i] += g * saved.floats[i]))
      if (!x.requiresGrad) return
      const { data, accumulate } = gradientTarget(x)
      dy.forEach((g, i) => (data[i] = g * w.data[i] + (accumulate ? data[i] : 0)))
    },
  })
  return y
}

function parameter(name: string, values: number[]): Parameter {
  const w = new Parameter(name, [values.length])
  w.data.set(values)
  return w
}

describe('tape', () => {
  test('gradients of a product of weights are the products of the others', () => {
    using _scope = memoryScope()
    const [a, b] = [parameter('a', [3]), parameter('b', [5])]
    const x = fromArray([2], [1], { requiresGrad: true })
    using tape = new Tape()
    tape.backward(times(times(times(x, a), b), a))
    expect(x.grad!.item()).toBe(45)
    expect(a.grad!.item()).toBe(2 * 5 * 3 * 2)
    expect(b.grad!.item()).toBe(18)
  })

  test('nothing is recorded without a tape, without a need, or when told not to', () => {
    using _scope = memoryScope()
    const [x, w] = [zeros([1]), parameter('w', [1])]
    expect(times(x, w).requiresGrad).toBe(false)
    using tape = new Tape()
    expect(currentTape()).toBe(tape)
    expect(withoutTape(() => times(x, w)).requiresGrad).toBe(false)
    w.requiresGrad = false
    expect(times(x, w).requiresGrad).toBe(false)
    expect(tape.length).toBe(0)
  })

  test('gradients of intermediate tensors and what ops saved are freed by backward', () => {
    using _scope = memoryScope()
    const w = parameter('w', [2])
    w.gradient()
    using tape = new Tape()
    const x = zeros([1])
    const y = times(x, w)
    const before = memoryPool.stats().usedBytes
    tape.backward(times(y, w))
    expect(y.grad).toBeNull()
    // the second product stays (64 bytes), the copies that both saved are gone
    expect(memoryPool.stats().usedBytes).toBe(before)
    expect(tape.length).toBe(0)
  })

  test('a loss that is no scalar, or that the tape has not seen, is refused', () => {
    using _scope = memoryScope()
    using tape = new Tape()
    expect(() => tape.backward(zeros([2]))).toThrow('backward: loss must have 1 element, got f32 [2]')
    expect(() => tape.backward(zeros([1]))).toThrow('backward: loss must be computed under this tape')
    const loss = times(zeros([1]), parameter('w', [1]))
    tape.backward(loss)
    expect(() => tape.backward(loss)).toThrow('has not recorded')
  })

  test('the tape around comes back when the inner one ends', () => {
    using outer = new Tape()
    {
      using inner = new Tape()
      expect(currentTape()).toBe(inner)
    }
    expect(currentTape()).toBe(outer)
  })
})

describe('checkpoint', () => {
  const values = Array.from({ length: 50 }, (_, i) => Math.sin(i + 1) * 3)

  /** Gradients of x, a and b where x is used before, inside and after the block. */
  function gradients(wrap: (fn: (x: Tensor) => Tensor, x: Tensor) => Tensor): Float32Array[] {
    using _scope = memoryScope()
    const [a, b] = [parameter('a', values), parameter('b', values.toReversed())]
    const x = fromArray(values, [50], { requiresGrad: true })
    const block = (input: Tensor): Tensor => times(sumOf(times(input, a), times(input, b)), a)
    using tape = new Tape()
    const early = times(x, b)
    const y = sumOf(sumOf(wrap(block, x), early), times(x, a))
    y.grad = fromArray(values, [50])
    tape.run()
    return [x, a, b].map(({ grad }) => grad!.toFloat32())
  }

  test('gives the gradients of the plain pass bit for bit', () => {
    const plain = gradients((fn, x) => fn(x))
    expect(gradients((fn, x) => checkpoint(fn, [x]))).toEqual(plain)
  })

  test('keeps only the result of the block', () => {
    using _scope = memoryScope()
    const w = parameter('w', values)
    const x = fromArray(values, [50], { requiresGrad: true })
    const stack = (input: Tensor): Tensor => times(times(times(input, w), w), w)
    using _tape = new Tape()
    const before = memoryPool.stats().usedBytes
    checkpoint(stack, [x])
    expect(memoryPool.stats().usedBytes - before).toBe(256)
  })

  test('of a function that returns its input, passes the gradient on', () => {
    using _scope = memoryScope()
    const x = fromArray([1], [1], { requiresGrad: true })
    using tape = new Tape()
    tape.backward(checkpoint((input) => input, [x]))
    expect(x.grad!.item()).toBe(1)
  })
})

/** a + b, passing the gradient to both. */
function sumOf(a: Tensor, b: Tensor): Tensor {
  const y = fromArray(
    a.floats.map((value, i) => value + b.floats[i]),
    a.shape,
  )
  if (!isRecording(a, b)) return y
  record({
    op: 'sumOf',
    outputs: [y],
    backward: () => {
      const dy = gradientOf(y).floats
      for (const input of [a, b]) {
        const { data, accumulate } = gradientTarget(input)
        dy.forEach((g, i) => (data[i] = g + (accumulate ? data[i] : 0)))
      }
    },
  })
  return y
}
