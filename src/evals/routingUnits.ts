// Units: what a model reads at once when its routing is looked at. A text is cut into stretches, as packing does in training; a
// document with media is one unit.
import type { EncodedDocument, MediaEncoder, MediaPart, TextTokenizer } from '../data/index.ts'
import { type DomainNames, tokenDomains } from './routingDomains.ts'
import { noDomain } from './routingSample.ts'

export interface RoutingUnit extends Partial<Pick<EncodedDocument, 'blockEnd' | 'pictures' | 'sounds'>> {
  ids: Int32Array
  /** [n] as RoutingSample.domains. */
  domains: Uint8Array
  document: number
}

/** UTF-16 units of text that are certain to hold a token more than is wanted. */
const charactersAToken = 32

/** A text opened by <bos>, in stretches of at most `time` tokens, `most` of them at most. */
export function textUnits(
  text: string,
  { tokenizer, domain, document }: { tokenizer: TextTokenizer & { bosId: number }; domain: number; document: number },
  { time, most }: { time: number; most: number },
): RoutingUnit[] {
  const encoded = tokenizer.encode(text.slice(0, charactersAToken * time * most))
  const ids = Int32Array.of(tokenizer.bosId, ...encoded.slice(0, time * most - 1))
  return Array.from({ length: Math.ceil(ids.length / time) }, (_, i) => {
    const part = ids.slice(i * time, (i + 1) * time)
    const domains = new Uint8Array(part.length).fill(domain)
    if (i === 0) domains[0] = noDomain
    return { ids: part, domains, document }
  })
}

/** A document with media, or null when it takes more than `time` tokens. */
export async function mediaUnit(
  parts: MediaPart[],
  { encoder, domain, document }: { encoder: MediaEncoder; domain: string; document: number },
  { time, domains }: { time: number; domains: DomainNames },
): Promise<RoutingUnit | null> {
  const { ids, blockEnd, pictures, sounds } = await encoder.encode(parts)
  if (ids.length > time) return null
  return { ids, blockEnd, pictures, sounds, domains: tokenDomains(ids, encoder, domain, domains), document }
}

/** Tokens of a unit that have a domain, by domain. */
function tokensByDomain({ domains }: RoutingUnit): Map<number, number> {
  const counts = new Map<number, number>()
  for (const domain of domains) if (domain !== noDomain) counts.set(domain, (counts.get(domain) ?? 0) + 1)
  return counts
}

/**
 * Units for about `tokens` tokens in all, as evenly over domains as what there is allows: the next unit is always one that
 * has some of the domain with the fewest tokens so far. Documents take turns, so that one long text does not speak for its
 * domain.
 */
export function chooseUnits(units: RoutingUnit[], tokens: number): RoutingUnit[] {
  const counts = new Map(units.map((unit) => [unit, tokensByDomain(unit)]))
  const waiting = new Map<number, RoutingUnit[]>()
  for (const unit of inTurns(units)) {
    for (const domain of counts.get(unit)!.keys()) {
      if (waiting.has(domain)) waiting.get(domain)!.push(unit)
      else waiting.set(domain, [unit])
    }
  }
  const next = new Map([...waiting.keys()].map((domain) => [domain, 0]))
  const had = new Map(next)
  const chosen = new Set<RoutingUnit>()
  for (let total = 0; total < tokens && next.size > 0;) {
    const domain = [...next.keys()].reduce((least, each) => (had.get(each)! < had.get(least)! ? each : least))
    const unit = waiting.get(domain)![next.get(domain)!]
    next.set(domain, next.get(domain)! + 1)
    if (!unit) next.delete(domain)
    if (!unit || chosen.has(unit)) continue
    chosen.add(unit)
    total += unit.ids.length
    for (const [each, count] of counts.get(unit)!) had.set(each, had.get(each)! + count)
  }
  return [...chosen]
}

/** First units of all documents, then second ones, and so on. */
function inTurns(units: RoutingUnit[]): RoutingUnit[] {
  const seen = new Map<number, number>()
  const turns = units.map((unit) => {
    const turn = seen.get(unit.document) ?? 0
    seen.set(unit.document, turn + 1)
    return { unit, turn }
  })
  return turns.sort((a, b) => a.turn - b.turn).map(({ unit }) => unit)
}
