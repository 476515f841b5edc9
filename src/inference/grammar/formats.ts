// The `format`s of strings that can be written, as regular expressions that never give what a validator refuses.
import { regexTerm } from './regex.ts'
import type { Term, Terms } from './term.ts'

const DAY = [
  '\\d{4}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12]\\d|3[01])|(?:0[469]|11)-(?:0[1-9]|[12]\\d|30)|02-(?:0[1-9]|1\\d|2[0-8]))',
  '(?:\\d\\d(?:0[48]|[2468][048]|[13579][26])|(?:0[048]|[2468][048]|[13579][26])00)-02-29',
]
const DATE = `(?:${DAY.join('|')})`
const TIME = '(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(?:\\.\\d{1,9})?(?:Z|[+-](?:[01]\\d|2[0-3]):[0-5]\\d)'
// every byte leads to one state: a label is told from its end by the byte after it
const LABEL = '[a-zA-Z0-9]{1,30}(?:-[a-zA-Z0-9]{1,30})?'
const HOST = `${LABEL}(?:\\.${LABEL}){0,5}`
const ATOM = "[a-zA-Z0-9!#$%&'*+/=?^_`{|}~-]{1,30}"
const OCTET = '(?:25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)'
const PATH = "(?:[a-zA-Z0-9._~!$&'()*+,;=:@-]|%[0-9a-fA-F]{2})"

const PATTERNS: Readonly<Record<string, string>> = {
  date: DATE,
  time: TIME,
  'date-time': `${DATE}T${TIME}`,
  duration:
    'P(?:\\d{1,6}W|(?:\\d{1,6}Y(?:\\d{1,6}M(?:\\d{1,6}D)?)?|\\d{1,6}M(?:\\d{1,6}D)?|\\d{1,6}D)(?:T(?:\\d{1,6}H(?:\\d{1,6}M(?:\\d{1,6}S)?)?|\\d{1,6}M(?:\\d{1,6}S)?|\\d{1,6}S))?|T(?:\\d{1,6}H(?:\\d{1,6}M(?:\\d{1,6}S)?)?|\\d{1,6}M(?:\\d{1,6}S)?|\\d{1,6}S))',
  uuid: '[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}',
  email: `${ATOM}(?:\\.${ATOM}){0,2}@${HOST}\\.[a-zA-Z]{2,12}`,
  hostname: HOST,
  ipv4: `${OCTET}(?:\\.${OCTET}){3}`,
  ipv6: '[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){7}',
  uri: `[a-zA-Z][a-zA-Z0-9+.-]{0,15}://${HOST}(?::\\d{1,4})?(?:/${PATH}{0,200}){0,20}(?:\\?(?:${PATH}|[/?]){0,400})?(?:#(?:${PATH}|[/?]){0,200})?`,
}

/** Names of the formats that can be written. */
export const FORMATS: readonly string[] = Object.keys(PATTERNS)

/** Inside of a JSON string of a format; undefined for one that is not known. */
export function formatTerm(terms: Terms, format: string): Term | undefined {
  if (!Object.hasOwn(PATTERNS, format)) return undefined
  return regexTerm(terms, PATTERNS[format], { writing: 'json', match: 'whole' })
}
