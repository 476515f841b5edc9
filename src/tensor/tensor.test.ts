// Tensors, the pool under them, and memory scopes.
import { expect, test } from 'vitest'
import { random } from '../testing/index.ts'
import { empty, fromArray, full, memoryPool, memoryScope, ones, Parameter, zeros } from './index.ts'
import { sizeClass } from './pool.ts'

test('values come back as they went in, rounded to the dtype', () => {
  using _scope = memoryScope()
  expect([...fromArray([1, 2.5, -3], [3]).toFloat32()]).toEqual([1, 2.5, -3])
  expect([...fromArray([1, 1.003, -3], [3], { dtype: 'bf16' }).toFloat32()]).toEqual([1, 1, -3])
  expect([...fromArray(Int32Array.of(7, -1), [2], { dtype: 'i32' }).ints]).toEqual([7, -1])
  expect([...ones([2, 2], { dtype: 'bf16' }).toFloat32()]).toEqual([1, 1, 1, 1])
  expect(full([], -4, { dtype: 'i32' }).item()).toBe(-4)
  expect(zeros([0, 5])).toMatchObject({ size: 0, shape: [0, 5], dtype: 'f32' })
})

test('wrong numbers of values, shapes and dtypes are refused with what was needed', () => {
  using _scope = memoryScope()
  expect(() => fromArray([1, 2], [3])).toThrow('fromArray: shape [3] needs 3 values, got 2')
  expect(() => zeros([2, -1])).toThrow('tensor: shape must hold whole numbers of at least 0, got [2, -1]')
  expect(() => zeros([2]).item()).toThrow('item: tensor must have 1 element, got f32 [2]')
  expect(() => zeros([2]).ints).toThrow('tensor: dtype must be i32, got f32 [2]')
})

test('a block is 64-byte aligned, large enough, and at most an eighth too large', () => {
  for (const bytes of [0, 1, 63, 64, 65, 511, 513, 1000, 4097, 1_000_001, 3 * 2 ** 20, 2 ** 31 + 5]) {
    const size = sizeClass(bytes)
    expect(size % 64).toBe(0)
    expect(size).toBeGreaterThanOrEqual(bytes)
    if (bytes > 512) expect(size).toBeLessThanOrEqual(bytes * 1.125 + 64)
  }
})

test('a tensor is freed with its scope, and its use afterwards is an error that says so', () => {
  let leaked = empty([0])
  {
    using _scope = memoryScope()
    leaked = zeros([2, 3])
  }
  expect(() => leaked.data).toThrow('tensor: must be used before its scope ends, got a released f32 [2, 3]')
  expect(() => leaked.toFloat32()).toThrow('released')
})

test('a kept tensor lives until the scope around it ends', () => {
  let kept = empty([0])
  {
    using _outer = memoryScope()
    {
      using inner = memoryScope()
      kept = inner.keep(fromArray([5], [1]))
    }
    expect(kept.item()).toBe(5)
  }
  expect(() => kept.item()).toThrow('released')
  {
    using scope = memoryScope()
    kept = scope.keep(fromArray([6], [1]))
  }
  expect(kept.item()).toBe(6)
  kept.release()
})

test('parameters and their gradients belong to no scope', () => {
  const make = (): Parameter => {
    using _scope = memoryScope()
    const made = new Parameter('w', [3])
    made.gradient().data.fill(2)
    return made
  }
  const parameter = make()
  expect([...parameter.data]).toEqual([0, 0, 0])
  expect([...parameter.grad!.data]).toEqual([2, 2, 2])
  parameter.release()
})

test('the resident size does not grow over 100 rounds of the same work', () => {
  const rng = random(1)
  const sizes = Array.from({ length: 20 }, () => rng.integer(200_000))
  const round = (): void => {
    using _outer = memoryScope()
    for (const size of sizes) {
      using inner = memoryScope()
      inner.keep(empty([size]))
      empty([size], { dtype: 'bf16' })
    }
  }
  round()
  const { residentBytes, usedBytes } = memoryPool.stats()
  for (let i = 0; i < 100; i++) round()
  expect(memoryPool.stats()).toEqual({ residentBytes, usedBytes })
})

test('memory that a tensor does not use goes back to the system on trim', () => {
  {
    using _scope = memoryScope()
    empty([100_000])
  }
  const before = memoryPool.stats()
  memoryPool.trim()
  const after = memoryPool.stats()
  expect(after.residentBytes).toBeLessThan(before.residentBytes)
  expect(after.residentBytes).toBe(after.usedBytes)
})

test('an alias shares memory and has a gradient of its own', () => {
  using _scope = memoryScope()
  const x = fromArray([1, 2, 3, 4], [4], { requiresGrad: true })
  const y = x.alias({ shape: [2, 2] })
  y.data[3] = 9
  expect(x.data[3]).toBe(9)
  expect(y).toMatchObject({ shape: [2, 2], requiresGrad: false, grad: null })
  expect(() => x.alias({ shape: [3] })).toThrow('alias: shape must have 4 elements, got f32 [3]')
})
