// Numbers of JSON as terms: bounded in length, between limits, divisible.
//
// A limit becomes a comparison of decimal digits from the left: a number of fewer digits is smaller; at equal length the
// first digit that differs decides. Fractions and digits are few enough that a float64 tells the numbers apart, so that a
// reader of the JSON agrees about an open limit.
import { PolluxError } from '../../util/index.ts'
import { EMPTY, NONE, type Term, type Terms } from './term.ts'

export interface NumberLimits {
  integer: boolean
  minimum?: number
  exclusiveMinimum?: number
  maximum?: number
  exclusiveMaximum?: number
  /** A whole number up to 1e6. */
  multipleOf?: number
}

/** Digits of a whole number without limits. */
const WHOLE_DIGITS = 18
/** Digits after the point where rounding cannot cross a limit. */
const FRACTION_DIGITS = 20
/** Digits that a float64 keeps. */
const SURE_DIGITS = 15
const LARGEST_DIVISOR = 1_000_000

/** Numbers within limits as JSON writes them. @throws PolluxError if there are none, or for a multipleOf it cannot do */
export function numberTerm(terms: Terms, limits: NumberLimits): Term {
  const bounds = boundsOf(limits)
  const { multipleOf } = limits
  const isWhole = limits.integer || multipleOf !== undefined
  if (multipleOf !== undefined) checkMultiple(multipleOf)
  if (!bounds.low && !bounds.high && multipleOf === undefined) return isWhole ? anyInteger(terms) : anyNumber(terms)
  const digits = Math.max(intDigits(bounds.low), intDigits(bounds.high))
  const isOpen = bounds.low?.open === true || bounds.high?.open === true
  const sign = new Magnitudes(terms, {
    whole: multipleOf === undefined && !isOpen ? Math.max(WHOLE_DIGITS, digits) : SURE_DIGITS,
    fraction: isWhole ? 0 : isOpen ? Math.max(1, Math.min(10, SURE_DIGITS - digits)) : FRACTION_DIGITS,
  })
  const divisible = (term: Term): Term =>
    multipleOf === undefined ? term : terms.and([term, terms.multiple(multipleOf)])
  const positive = divisible(sign.between(bounds.low, bounds.high))
  const negative = divisible(sign.between(flip(bounds.high), flip(bounds.low)))
  // zero has no sign
  const withSign = negative === NONE ? NONE : terms.and([negative, notZero(terms)])
  const term = terms.alt([positive, terms.cat(terms.range(45), withSign)])
  if (term === NONE) throw new PolluxError('grammar: some number must lie between the limits, got none')
  return term
}

interface Bound {
  value: number
  open: boolean
}

function boundsOf(limits: NumberLimits): { low?: Bound; high?: Bound } {
  const { minimum, exclusiveMinimum, maximum, exclusiveMaximum } = limits
  const pick = (closed: number | undefined, open: number | undefined, sign: number): Bound | undefined => {
    if (open !== undefined && (closed === undefined || open * sign >= closed * sign)) return { value: open, open: true }
    return closed === undefined ? undefined : { value: closed, open: false }
  }
  return { low: pick(minimum, exclusiveMinimum, 1), high: pick(maximum, exclusiveMaximum, -1) }
}

const flip = (bound: Bound | undefined): Bound | undefined => bound && { value: -bound.value, open: bound.open }

function checkMultiple(multipleOf: number): void {
  if (Number.isInteger(multipleOf) && multipleOf >= 1 && multipleOf <= LARGEST_DIVISOR) return
  throw new PolluxError(`grammar: multipleOf must be a whole number from 1 to ${LARGEST_DIVISOR}, got ${multipleOf}`)
}

function digit(terms: Terms): Term {
  return terms.range(48, 57)
}

function notZero(terms: Terms): Term {
  const any = terms.bytes([
    [46, 46],
    [48, 57],
  ])
  return terms.seq([terms.rep(any), terms.range(49, 57), terms.rep(any)])
}

function anyInteger(terms: Terms): Term {
  const whole = terms.alt([
    terms.range(48),
    terms.cat(terms.range(49, 57), terms.rep(digit(terms), 0, WHOLE_DIGITS - 1)),
  ])
  return terms.cat(terms.optional(terms.range(45)), whole)
}

/** Any number whose value is finite: up to 22 digits before the point and exponents up to 279. */
function anyNumber(terms: Terms): Term {
  const d = digit(terms)
  const whole = terms.alt([terms.range(48), terms.cat(terms.range(49, 57), terms.rep(d, 0, 21))])
  const fraction = terms.cat(terms.range(46), terms.rep(d, 1, FRACTION_DIGITS))
  const few = terms.rep(d, 1, 2)
  const large = terms.alt([
    few,
    terms.seq([terms.range(49), d, d]),
    terms.seq([terms.range(50), terms.range(48, 55), d]),
  ])
  const small = terms.alt([few, terms.seq([terms.range(49, 51), d, d])])
  const exponent = terms.seq([
    terms.bytes([
      [69, 69],
      [101, 101],
    ]),
    terms.alt([terms.cat(terms.optional(terms.range(43)), large), terms.cat(terms.range(45), small)]),
  ])
  return terms.seq([terms.optional(terms.range(45)), whole, terms.optional(fraction), terms.optional(exponent)])
}

function intDigits(bound: Bound | undefined): number {
  return bound ? decimal(Math.abs(bound.value)).whole.length : 1
}

/** The digits of a number from 0 on before and after the point, without zeros that say nothing. */
function decimal(value: number): { whole: string; fraction: string } {
  const [mantissa, exponent = '0'] = String(value).split('e')
  const [before, after = ''] = mantissa.split('.')
  const shift = Number(exponent)
  const digits = before + after
  const point = before.length + shift
  const padded = point <= 0 ? '0'.repeat(1 - point) + digits : digits.padEnd(point, '0')
  const at = Math.max(point, 1)
  return {
    whole: padded.slice(0, at).replace(/^0+(?=\d)/, ''),
    fraction: padded.slice(at).replace(/0+$/, ''),
  }
}

/** Numbers without a sign, by digits. */
class Magnitudes {
  readonly #terms: Terms
  readonly #whole: number
  readonly #fraction: number

  constructor(terms: Terms, { whole, fraction }: { whole: number; fraction: number }) {
    this.#terms = terms
    this.#whole = whole
    this.#fraction = fraction
  }

  /** Magnitudes between two bounds, of which a negative lower one says nothing and a negative upper one everything. */
  between(low: Bound | undefined, high: Bound | undefined): Term {
    if (high && (high.value < 0 || (high.value === 0 && high.open))) return NONE
    const parts = [this.#any(this.#whole)]
    if (low && (low.value > 0 || (low.value === 0 && low.open))) parts.push(this.#compare(low, 'above'))
    if (high) parts.push(this.#compare(high, 'below'))
    return this.#terms.and(parts)
  }

  get #digit(): Term {
    return digit(this.#terms)
  }

  /** Any magnitude of up to so many digits before the point. */
  #any(digits: number, least = 1): Term {
    const terms = this.#terms
    const whole = terms.cat(terms.range(49, 57), terms.rep(this.#digit, Math.max(least - 1, 0), digits - 1))
    return terms.cat(least <= 1 ? terms.alt([terms.range(48), whole]) : whole, this.#tail)
  }

  /** A point and any digits, or nothing. */
  get #tail(): Term {
    if (this.#fraction === 0) return EMPTY
    const terms = this.#terms
    return terms.optional(terms.cat(terms.range(46), terms.rep(this.#digit, 1, this.#fraction)))
  }

  #compare({ value, open }: Bound, side: 'above' | 'below'): Term {
    const terms = this.#terms
    const { whole, fraction } = decimal(value)
    const options = [
      this.#wholeAs(whole, side),
      terms.cat(terms.literal(whole), this.#fractionAs(fraction, side, open)),
    ]
    const length = whole.length
    if (side === 'above') options.push(this.#any(Math.max(this.#whole, length + 1), length + 1))
    else if (length > 1) options.push(this.#any(length - 1))
    return terms.alt(options)
  }

  /** As many digits before the point, and a number of them on one side, with anything after the point. */
  #wholeAs(whole: string, side: 'above' | 'below'): Term {
    const terms = this.#terms
    const options: Term[] = []
    for (let i = 0; i < whole.length; i++) {
      const other = this.#digitAs(whole, i, side, i === 0 && whole.length > 1 ? 49 : 48)
      const rest = terms.rep(this.#digit, whole.length - i - 1, whole.length - i - 1)
      options.push(terms.seq([terms.literal(whole.slice(0, i)), other, rest, this.#tail]))
    }
    return terms.alt(options)
  }

  /** A digit on one side of the one at a place. */
  #digitAs(digits: string, at: number, side: 'above' | 'below', least = 48): Term {
    const code = digits.charCodeAt(at)
    if (side === 'above') return code === 57 ? NONE : this.#terms.range(code + 1, 57)
    return code <= least ? NONE : this.#terms.range(least, code - 1)
  }

  /** What may follow when all digits before the point are the bound's own. */
  #fractionAs(fraction: string, side: 'above' | 'below', open: boolean): Term {
    const terms = this.#terms
    const zeros = (least: number): Term => terms.rep(terms.range(48), least)
    const options: Term[] = []
    const dot = terms.range(46)
    for (let i = 0; i < fraction.length; i++) {
      const other = this.#digitAs(fraction, i, side)
      options.push(terms.seq([dot, terms.literal(fraction.slice(0, i)), other, terms.rep(this.#digit)]))
    }
    if (side === 'above') {
      // more digits than the bound, one of them no zero
      options.push(terms.seq([dot, terms.literal(fraction), zeros(0), terms.range(49, 57), terms.rep(this.#digit)]))
    } else {
      // fewer digits than the bound, which end below it
      for (let i = 1; i < fraction.length; i++) options.push(terms.seq([dot, terms.literal(fraction.slice(0, i))]))
      if (fraction.length > 0) options.push(EMPTY)
    }
    if (!open) {
      options.push(terms.seq([dot, terms.literal(fraction), zeros(fraction.length > 0 ? 0 : 1)]))
      if (fraction.length === 0) options.push(EMPTY)
    }
    return terms.alt(options)
  }
}
