// Stretches of the texts that were read, token by token, with the experts that read each: what the page colours.
import { noDomain, type RoutingSample } from '../../evals/index.ts'
import type { Tokenizer } from '../../tokenizer/index.ts'

export interface RoutingText {
  domain: string
  /** Text of each token; a character of several tokens stands with the last of them. */
  pieces: string[]
  /** Of each layer, the experts of all tokens, K each, back to back. */
  choices: number[][]
}

/** Texts of each domain, and tokens of each text, at most. */
const [textsOfDomain, tokensOfText] = [3, 240]
/** Numbers that the page holds for this at most: large models show shorter texts. */
const mostChoices = 1_500_000

/** Names of media placeholders, as one character that takes the room of a word. */
const drawn: Record<string, string> = { '<|image|>': '▦', '<|video|>': '▶', '<|audio|>': '♪' }

/** The first units of each domain that say something. */
export function routingTexts(sample: RoutingSample, tokenizer: Tokenizer): RoutingText[] {
  const { units, domains, domainNames, ids, choices, topK } = sample
  const budget = Math.floor(mostChoices / (choices.length * topK * textsOfDomain * Math.max(1, domainNames.length)))
  const most = Math.max(16, Math.min(tokensOfText, budget))
  return domainNames.flatMap((name, domain) => {
    const own = ({ start, length }: { start: number; length: number }): number =>
      domains.subarray(start, start + length).reduce((sum, each) => sum + (each === domain ? 1 : 0), 0)
    // documents of their own where there are some, the longest first: a text of ten tokens shows little
    const seen = new Set<number>()
    const chosen = units
      .map((unit) => ({ ...unit, own: Math.min(own(unit), most) }))
      .filter((unit) => unit.own > 0)
      .sort((a, b) => b.own - a.own)
      .filter(({ document }) => !seen.has(document) && seen.add(document))
      .slice(0, textsOfDomain)
    return chosen.map(({ start, length }): RoutingText => {
      const first = firstOf(domains, domain, { start, length, most })
      const end = Math.min(start + length, first + most)
      return {
        domain: name,
        pieces: piecesOf(ids.subarray(first, end), tokenizer),
        choices: choices.map((layer) => [...layer.subarray(first * topK, end * topK)]),
      }
    })
  })
}

/** Where to begin so that the domain is seen: at the start, unless it begins later than what is shown. */
function firstOf(
  domains: Uint8Array,
  domain: number,
  { start, length, most }: { start: number; length: number; most: number },
): number {
  const at = domains.subarray(start, start + length).indexOf(domain)
  if (at < most / 2) return start
  const before = domains.subarray(start, start + at).lastIndexOf(noDomain)
  return start + (before >= 0 && at - before < most / 2 ? before : at)
}

function piecesOf(ids: Int32Array, tokenizer: Tokenizer): string[] {
  const decoder = tokenizer.streamDecoder()
  return Array.from(ids, (id, i) => {
    if (tokenizer.isSpecial(id)) {
      const name = tokenizer.tokenName(id)
      return decoder.end() + (drawn[name] ?? name.replace(/^<\|(\w+)_code_(\d+)\|>$/, '$1 $2'))
    }
    return decoder.push(id) + (i === ids.length - 1 ? decoder.end() : '')
  })
}
