// What the README says of this checkout is true: its commands, its tree, its links.
import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { projectFiles, root } from '../../scripts/files.ts'

const readme = readFileSync(join(root, 'README.md'), 'utf8')
const blocks = [...readme.matchAll(/^```\n([\s\S]*?)^```$/gm)].map((match) => match[1])

/** Paths of the annotated tree: two spaces of indent a level. */
function treePaths(tree: string): string[] {
  const stack: string[] = []
  return tree
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => {
      const depth = (line.length - line.trimStart().length) / 2
      stack.length = depth
      stack.push(line.trim().split(/\s+/)[0])
      return stack.join('')
    })
}

describe('README', () => {
  it('has two set-up commands, one that runs the main job and one that passes the tests', () => {
    expect(blocks.slice(0, -1).map((block) => block.trim())).toEqual([
      'npm ci && npx pollux train',
      'npm ci && npm test',
    ])
  })

  it('names in its tree only what exists', () => {
    const missing = treePaths(blocks.at(-1)!).filter((path) => !existsSync(join(root, path)))
    expect(missing).toEqual([])
  })

  it('names every folder at the root, in src/ and in native/', () => {
    const folders = new Set<string>()
    for (const file of projectFiles()) {
      const parts = file.split('/')
      if (parts.length > 1) folders.add(`${parts[0]}/`)
      if (parts.length > 2 && (parts[0] === 'src' || parts[0] === 'native')) folders.add(`${parts[0]}/${parts[1]}/`)
    }
    const named = new Set(treePaths(blocks.at(-1)!))
    expect([...folders].filter((folder) => !folder.startsWith('.') && !named.has(folder))).toEqual([])
  })

  it('links only to files that exist', () => {
    const links = [...readme.matchAll(/\]\(([^)#:]+)\)/g)].map((match) => match[1])
    expect(links.length).toBeGreaterThan(2)
    expect(links.filter((link) => !existsSync(join(root, link)))).toEqual([])
  })
})

describe('the CI script', () => {
  it('can be executed and runs the test command of the README', () => {
    const script = readFileSync(join(root, '.ci/run'), 'utf8')
    expect(statSync(join(root, '.ci/run')).mode & 0o111).not.toBe(0)
    expect(
      script
        .match(/^npm .*$/gm)
        ?.filter((line) => !line.includes('--version'))
        .join(' && '),
    ).toBe(blocks[1].trim())
  })
})
