import { describe, expect, it } from 'vitest'
import { checkNative, checkSource, importsOf } from './layers.ts'

const messages = (file: string, text: string) => checkSource(file, text).map((violation) => violation.message)

describe('layers', () => {
  it('finds static, side-effect, re-exporting, multi-line and dynamic imports, and skips comments', () => {
    const text = [
      "import { a } from './a.ts'",
      "import './b.ts'",
      "export * from './c.ts'",
      'import {',
      '  d,',
      "} from './d.ts'",
      "const e = await import('./e.ts')",
      "// import './no.ts'",
      "/* import './no.ts' */",
    ].join('\n')
    expect(importsOf(text)).toEqual([
      { specifier: './a.ts', line: 1 },
      { specifier: './b.ts', line: 2 },
      { specifier: './c.ts', line: 3 },
      { specifier: './d.ts', line: 6 },
      { specifier: './e.ts', line: 7 },
    ])
  })

  it('lets a folder import a lower one through its index', () => {
    expect(messages('src/ops/norm.ts', "import { Tensor } from '../tensor/index.ts'")).toEqual([])
    expect(messages('src/nn/optim/adam.ts', "import { kernels } from '../../native/index.ts'")).toEqual([])
  })

  it('refuses an import from a higher line and from the same line', () => {
    expect(messages('src/tensor/tape.ts', "import { add } from '../ops/index.ts'")).toEqual([
      'src/tensor may not import src/ops: it is not on a lower line',
    ])
    expect(messages('src/train/a.ts', "import { b } from '../safety/index.ts'")).toHaveLength(1)
  })

  it('lets the studio know its wire types and nothing else of src', () => {
    const door = "import type { About } from '../../../src/serve/studio/wire.ts'"
    expect(messages('studio/src/api/studio.ts', `${door}\nimport { Store } from '../lib/store.ts'`)).toEqual([])
    expect(
      messages('studio/src/api/a.ts', "import type { Engine } from '../../../src/inference/index.ts'"),
    ).toHaveLength(1)
  })

  it('refuses to reach behind an index, from src and from outside', () => {
    expect(messages('src/ops/a.ts', "import { b } from '../tensor/tape.ts'")).toEqual([
      "import src/tensor through its index.ts, got '../tensor/tape.ts'",
    ])
    expect(messages('bench/a.bench.ts', "import { b } from '../src/tensor/tape.ts'")).toHaveLength(1)
  })

  it('keeps src/testing for tests and benches', () => {
    const text = "import { allclose } from '../testing/index.ts'"
    expect(messages('src/ops/norm.test.ts', text)).toEqual([])
    expect(messages('src/ops/norm.ts', text)).toHaveLength(1)
  })

  it('refuses a folder that no line names', () => {
    expect(messages('src/helpers/a.ts', '')).toEqual(['src/helpers is not in the layer table of scripts/layers.ts'])
  })

  it('keeps Node out of the kernels and lets the glue have it', () => {
    expect(checkNative('native/kernels/a.cc', '#include <node_api.h>')).toHaveLength(1)
    expect(checkNative('native/kernels/a.cc', '#include "binding/bind.h"')).toHaveLength(1)
    expect(checkNative('native/kernels/a.cc', '#include <stdint.h>\n#include "parallel/pool.h"')).toEqual([])
    expect(checkNative('native/binding/a.cc', '#include <node_api.h>\n#include "kernels/kernels.h"')).toEqual([])
  })
})
