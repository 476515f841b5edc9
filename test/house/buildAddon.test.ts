// The build of the addon says plainly what is missing on a bare machine.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { root } from '../../scripts/files.ts'

it('names compiler, make and python3, and how to get them, when the PATH holds none', () => {
  const empty = mkdtempSync(join(tmpdir(), 'pollux-empty-path-'))
  try {
    const { status, stderr } = spawnSync(process.execPath, [join(root, 'scripts/buildAddon.js')], {
      env: { PATH: empty },
      encoding: 'utf8',
    })
    expect(status).toBe(1)
    expect(stderr).toContain('missing: a C++20 compiler (g++ 12 or later, or clang++ 15 or later); make; python3')
    expect(stderr).toContain('apt-get install g++ make python3')
    expect(stderr).toContain('npm ci')
  } finally {
    rmSync(empty, { recursive: true })
  }
})
