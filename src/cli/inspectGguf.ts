// What a GGUF file holds: its keys, and its tensors by type.
import { type GgufPlain, type GgufReader, type GgufTensorInfo, openGguf } from '../model/index.ts'
import { bytes, count, short } from './format.ts'
import type { InspectFlags } from './inspect.ts'
import { printJson } from './json.ts'
import { printable, type Terminal } from './terminal.ts'

/** Entries of a list that are shown. */
const fewEntries = 6

/** Prints keys and tensors. @throws GgufError when the file is not one */
export function inspectGguf(path: string, { json }: InspectFlags, terminal: Terminal): void {
  using file = openGguf(path)
  if (json) printJson(asObject(file))
  else print(file, terminal)
}

function asObject({ path, version, keys, tensors }: GgufReader): Record<string, unknown> {
  const plain = [...keys].map(([key, value]) => [key, typeof value === 'bigint' ? String(value) : few(value, 1000)])
  return {
    kind: 'gguf',
    ...{ path, version },
    keys: Object.fromEntries(plain),
    tensors: [...tensors.values()].map(({ name, type, shape, bytes: size }) => ({ name, type, shape, bytes: size })),
  }
}

/** Of a long list its first entries and how many there are. */
function few(value: GgufPlain, most: number): unknown {
  if (!Array.isArray(value)) return value
  const entries = value.map((entry) => (typeof entry === 'bigint' ? String(entry) : entry))
  return entries.length <= most ? entries : { first: entries.slice(0, most), length: entries.length }
}

function print({ path, version, keys, tensors }: GgufReader, terminal: Terminal): void {
  const infos = [...tensors.values()]
  const held = infos.reduce((sum, info) => sum + numbersOf(info), 0)
  terminal.line(
    `${terminal.paint('bold', printable(path))}  GGUF ${version}, ${short(held)} numbers in ${infos.length} tensors`,
  )
  terminal.line(`\n${terminal.paint('bold', 'keys')}`)
  for (const [key, value] of keys) terminal.line(`  ${printable(key)}  ${printable(shownValue(value))}`)
  terminal.line(`\n${terminal.paint('bold', 'tensors')}`)
  const width = Math.max(0, ...infos.map(({ name }) => name.length))
  for (const { name, type, shape, bytes: size } of infos) {
    terminal.line(`  ${printable(name).padEnd(width)}  ${type.padEnd(5)} [${shape.join(', ')}]  ${bytes(size)}`)
  }
  terminal.line()
  for (const type of new Set(infos.map((info) => info.type))) {
    const of = infos.filter((info) => info.type === type)
    const size = of.reduce((sum, info) => sum + info.bytes, 0)
    terminal.line(`  ${type.padEnd(5)} ${count(of.length)} tensors, ${bytes(size)}`)
  }
}

function numbersOf({ shape }: GgufTensorInfo): number {
  return shape.reduce((product, size) => product * size, 1)
}

function shownValue(value: GgufPlain): string {
  if (Array.isArray(value)) {
    const first = value
      .slice(0, fewEntries)
      .map((entry) => (typeof entry === 'string' ? JSON.stringify(entry) : String(entry)))
    return `[${first.join(', ')}${value.length > fewEntries ? `, ... ${count(value.length)} in all` : ''}]`
  }
  const text = String(value).replaceAll('\n', '\\n')
  return text.length > 100 ? `${text.slice(0, 100)}...` : text
}
