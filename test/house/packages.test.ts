// The list of packages: documented one by one, and installable from anywhere.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { root } from '../../scripts/files.ts'

const read = (path: string) => readFileSync(join(root, path), 'utf8')
const manifest = JSON.parse(read('package.json'))
const lock = JSON.parse(read('package-lock.json'))
const direct = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies })

it('has a line in docs/decisions for every dependency', () => {
  const text = read('docs/decisions/001-dependencies.md')
  expect(direct.filter((name) => !text.includes(`\`${name}\``))).toEqual([])
})

it('keeps download addresses out of the lock file', () => {
  const withAddress = Object.entries(lock.packages as Record<string, { resolved?: string }>)
    .filter(([, entry]) => entry.resolved !== undefined)
    .map(([name]) => name)
  expect(withAddress).toEqual([])
})

it('locks the packages that package.json asks for, with checksums', () => {
  expect(lock.packages[''].dependencies).toEqual(manifest.dependencies)
  expect(lock.packages[''].devDependencies).toEqual(manifest.devDependencies)
  expect(direct.filter((name) => lock.packages[`node_modules/${name}`]?.integrity === undefined)).toEqual([])
})

it('approves the install script of the package that brings Node, and of no other', () => {
  expect(manifest.allowScripts).toEqual({ node: true })
})
