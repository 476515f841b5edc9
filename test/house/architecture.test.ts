// The names that ARCHITECTURE.md tells a reader to search for can be found.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { projectFiles, root } from '../../scripts/files.ts'

it('names in its phases only what stands in the sources', () => {
  const text = readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8')
  const phases = text.slice(text.indexOf('## Phases'), text.indexOf('## Glossary'))
  const names = [...phases.matchAll(/`([^`]+)`/g)].map((match) => match[1].replace(/\(.*\)$/, ''))
  expect(names.length).toBeGreaterThan(15)
  const sources = projectFiles().filter(
    (file) => /^(src|native)\/.*\.(ts|cc|h)$/.test(file) && !file.endsWith('.test.ts'),
  )
  const all = sources.map((file) => `${file}\n${readFileSync(join(root, file), 'utf8')}`).join('\n')
  const words = (name: string) => name.split(/[./]/).filter((part) => part !== '')
  expect(names.filter((name) => !words(name).every((word) => all.includes(word)))).toEqual([])
})
