// Which files hold text, and of which kind.
import { basename, extname } from 'node:path'

/** How a file is read: prose and code are one document each, the others one document a row. */
export type FileKind = 'prose' | 'code' | 'jsonl' | 'parquet'

const prose = 'txt text md markdown mdx rst tex org adoc asciidoc'
const code =
  'js mjs cjs jsx ts mts cts tsx py pyi c h cc cpp cxx hpp hh rs go java kt scala swift rb php pl lua r jl sh bash ' +
  'zsh fish ps1 sql css scss less html htm vue svelte astro cs fs hs ml mli ex exs erl clj lisp el scm zig nim d ' +
  'dart m mm lean v sv vhd asm s wat proto graphql cmake mk toml yaml yml ini gyp gypi gradle groovy'

const kinds = new Map<string, FileKind>([
  ...prose.split(' ').map((extension): [string, FileKind] => [extension, 'prose']),
  ...code.split(' ').map((extension): [string, FileKind] => [extension, 'code']),
  ['jsonl', 'jsonl'],
  ['ndjson', 'jsonl'],
  ['parquet', 'parquet'],
])

/** What `--data` takes, for messages. */
export const readableTypes = '.txt .md .jsonl .parquet and source code'

/** Kind of a file by its name, or null when no reader takes it. */
export function kindOf(path: string): FileKind | null {
  return kinds.get(extname(path).slice(1).toLowerCase()) ?? null
}

/** Name of an extension for counting: '.png', or '(none)'. */
export function extensionOf(path: string): string {
  return extname(path).toLowerCase() || '(none)'
}

/** Files that describe a data set or a package rather than belong to it. */
export function describesData(path: string): boolean {
  return /^(SOURCE\.md|(LICEN[CS]E|COPYING|NOTICE|THIRD[-_ ]?PARTY.*)([-_.].*)?)$/i.test(basename(path))
}

/** Names that say a file is the output of a bundler or a source map. */
export function isBundleName(path: string): boolean {
  return /([.-]min\.[a-z]+|\.map|\.bundle\.[a-z]+|\.umd\.[a-z]+)$/i.test(path)
}
