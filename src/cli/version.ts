// The version of this package, read from its package.json once.
import { readFileSync } from 'node:fs'

const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8')

/** Like "0.1.0". */
export const version = (JSON.parse(text) as { version: string }).version
