// tokenizer.json on disk: written aside and renamed, read with bounds on size and depth.
import { existsSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PolluxError } from '../util/index.ts'
import { utf8Decoder } from './bytes.ts'
import { fault, fromJson, type TokenizerJson } from './json.ts'
import type { TokenizerParts } from './tokenizer.ts'

const MAX_FILE_BYTES = 1 << 29 // a vocabulary of four million tokens takes half of it
const MAX_DEPTH = 64

/** Writes the file aside and renames it, so a full disk leaves the old one. */
export function writeTokenizerFile(path: string, json: TokenizerJson): void {
  const target = existsSync(path) && statSync(path).isDirectory() ? join(path, 'tokenizer.json') : path
  const aside = `${target}.${process.pid}.tmp`
  try {
    writeFileSync(aside, `${JSON.stringify(json)}\n`)
    renameSync(aside, target)
  } catch (error) {
    rmSync(aside, { force: true })
    throw new PolluxError(`Tokenizer.save: could not write ${target}: ${(error as Error).message}`, { cause: error })
  }
}

/** Reads and checks the file at `path`, or tokenizer.json in the folder `path`. */
export function readTokenizerFile(path: string): TokenizerParts {
  const stat = statSync(path, { throwIfNoEntry: false })
  const file = stat?.isDirectory() ? join(path, 'tokenizer.json') : path
  const found = statSync(file, { throwIfNoEntry: false })
  if (found === undefined) throw new PolluxError(`Tokenizer.load: no file ${file}`)
  if (found.size > MAX_FILE_BYTES) {
    throw new PolluxError(
      `Tokenizer.load: a file must have at most ${MAX_FILE_BYTES} bytes, got ${found.size} in ${file}`,
    )
  }
  try {
    return fromJson(parse(readFileSync(file)))
  } catch (error) {
    const hint = error instanceof PolluxError ? error.hint : undefined
    throw new PolluxError(`${(error as Error).message}, in ${file}`, { cause: error, hint })
  }
}

function parse(bytes: Uint8Array): unknown {
  checkDepth(bytes)
  try {
    return JSON.parse(utf8Decoder(true).decode(bytes))
  } catch (error) {
    throw fault(`is no JSON in UTF-8: ${(error as Error).message}`)
  }
}

function checkDepth(bytes: Uint8Array): void {
  let depth = 0
  let inString = false
  for (let i = 0; i < bytes.length; i++) {
    const byte = bytes[i]
    if (inString) {
      if (byte === 0x5c) i++
      else if (byte === 0x22) inString = false
    } else if (byte === 0x22) inString = true
    else if (byte === 0x7b || byte === 0x5b) {
      if (++depth > MAX_DEPTH) throw fault(`is nested deeper than ${MAX_DEPTH} levels`)
    } else if (byte === 0x7d || byte === 0x5d) depth--
  }
}
