// The corpus that every checkout has: the text and code of the packages under node_modules.
//
// READMEs, docs, typings and sources, each with package, version, licence and path. Left out: what tools
// wrote for tools (minified, bundled, source maps, tables of data), files over 512 KiB (almost all
// generated), licence texts (the same page hundreds of times), binaries.
import { existsSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, join, relative, resolve, sep } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isRecord } from '../util/index.ts'
import type { Document, Provenance } from './document.ts'
import { dataError, reasonOf } from './errors.ts'
import { describesData, isBundleName, kindOf } from './fileTypes.ts'
import type { Ledger } from './ledger.ts'
import type { Source } from './source.ts'
import { codeProblem, decodeText, proseProblem } from './textFile.ts'
import { listFolder, walkFiles } from './walk.ts'

/** In the packages of this project, files beyond this size are generated with few exceptions. */
const largestFile = 512 * 1024

/**
 * The packages under node_modules as a source.
 *
 * @param root folder that holds node_modules; default: the current one, else the one this program is in
 * @throws PolluxError when there is none
 */
export function nodeModulesSource(root?: string): Source {
  const folder = realpathSync(join(nodeModulesRoot(root), 'node_modules'))
  return {
    name: 'node_modules',
    async *documents(ledger) {
      for (const found of findPackages(folder, ledger)) yield* readPackage(folder, found, ledger)
    },
  }
}

/**
 * The folder that holds node_modules, absolute: `root`, else the current one, else the one this program is in.
 *
 * @throws PolluxError when there is none
 */
export function nodeModulesRoot(root?: string): string {
  const own = fileURLToPath(new URL('../..', import.meta.url))
  const candidates = root === undefined ? [resolve('.'), own] : [resolve(root)]
  // Installed as a dependency, this program lies inside the node_modules of another project.
  if (root === undefined && basename(dirname(own)) === 'node_modules') candidates.push(resolve(own, '..', '..'))
  const found = candidates.find((candidate) => existsSync(join(candidate, 'node_modules')))
  if (found) return found
  throw dataError(
    `the default corpus must be found in node_modules, got none in ${candidates.join(' or ')}`,
    'npm ci, or --data DIR to train on your own text',
  )
}

interface PackageFolder {
  path: string
  name: string
  version: string
  licence: string
}

/** Packages by name, nested ones after the package that holds them; each real folder once. */
function* findPackages(folder: string, ledger: Ledger): Generator<PackageFolder> {
  const inside = folder + sep
  const seen = new Set<string>()
  yield* visit(folder)

  function* visit(here: string): Generator<PackageFolder> {
    for (const entry of listFolder(here, ledger)) {
      if (entry.name.startsWith('.')) continue
      // Some installers link packages: links are followed as long as they stay inside.
      const path = entry.isSymbolicLink() ? tryRealpath(join(here, entry.name)) : join(here, entry.name)
      if (!path?.startsWith(inside) || seen.has(path) || !isFolder(path)) {
        if (entry.isSymbolicLink()) ledger.skip('symbolic link')
        continue
      }
      seen.add(path)
      const isScope = entry.name.startsWith('@') && !existsSync(join(path, 'package.json'))
      if (!isScope) yield describePackage(path, relative(folder, path).split(sep).join('/'), ledger)
      const nested = isScope ? path : join(path, 'node_modules')
      if (isFolder(nested)) yield* visit(nested)
    }
  }
}

function tryRealpath(path: string): string | null {
  try {
    return realpathSync(path)
  } catch {
    return null
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
}

function describePackage(path: string, fallbackName: string, ledger: Ledger): PackageFolder {
  const file = join(path, 'package.json')
  let stated: unknown
  try {
    if (existsSync(file)) stated = JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    ledger.reject(file, reasonOf(error))
  }
  const fields = isRecord(stated) ? stated : {}
  return {
    path,
    name: typeof fields.name === 'string' ? fields.name : fallbackName,
    version: typeof fields.version === 'string' ? fields.version : 'unknown',
    licence: licenceOf(fields),
  }
}

/** The licence as package.json states it: an SPDX expression today, objects and lists in old packages. */
function licenceOf(fields: Record<string, unknown>): string {
  const stated = fields.license ?? fields.licenses
  const names = (Array.isArray(stated) ? stated : [stated])
    .map((one: unknown) => (isRecord(one) ? one.type : one))
    .filter((name): name is string => typeof name === 'string' && name !== '')
  return names.join(' OR ') || 'unknown'
}

function* readPackage(root: string, found: PackageFolder, ledger: Ledger): Generator<Document> {
  const { name, version, licence } = found
  const enters = (folder: string): boolean => folder !== 'node_modules' && !folder.startsWith('.')
  for (const file of walkFiles(found.path, { ledger, enters })) {
    const text = readOwnText(join(found.path, file), ledger)
    if (text === null) continue
    const path = relative(root, join(found.path, file)).split(sep).join('/')
    const provenance: Provenance = { source: 'node_modules', path, package: name, version, licence }
    // core.js, core.cjs and core.d.ts say the same: one side of the split for all of them.
    const group = `${name}/${basename(file).split('.', 1)[0]}`
    yield { parts: [{ text }], provenance, group }
  }
}

/** Text of a file if a person wrote it, else null and a note why. */
function readOwnText(path: string, ledger: Ledger): string | null {
  const kind = kindOf(path)
  const skip = (reason: Parameters<Ledger['skip']>[0]): null => {
    ledger.skip(reason)
    return null
  }
  if (kind !== 'prose' && kind !== 'code') return skip('other file type')
  if (describesData(path)) return skip('describes the data')
  if (isBundleName(path)) return skip('minified')
  try {
    if (statSync(path).size > largestFile) return skip('too large')
    const decoded = decodeText(readFileSync(path))
    if (decoded === null) return skip('binary')
    if (decoded.text.trim() === '') return skip('empty')
    const problem = kind === 'code' ? codeProblem(decoded.text) : proseProblem(decoded.text)
    if (problem) return skip(problem)
    ledger.repaired(decoded.replaced)
    return decoded.text
  } catch (error) {
    ledger.reject(path, reasonOf(error))
    return null
  }
}
