// What routers chose for every token of some texts: the raw material of all figures about experts.
//
// A sample is plain arrays, one entry a token, in the order of the units (stretches of one document) it was read in. Figures
// (routingFigures.ts) are functions of it, so each can be held against a loop over the tokens.
// Letters: N tokens, L layers with experts, E experts, K experts a token.

/** Domain of tokens that belong to none: marks of documents and media. */
export const noDomain = 255

/** A stretch of one document that a model read at once. */
export interface SampledUnit {
  /** First token in the sample, and tokens. */
  start: number
  length: number
  /** Number of the document, from 0. */
  document: number
}

export interface RoutingSample {
  experts: number
  topK: number
  /** [N] */
  ids: Int32Array
  /** [N] place in `domainNames`, or `noDomain`. */
  domains: Uint8Array
  domainNames: string[]
  units: SampledUnit[]
  /** Of each layer [N * K]: the experts of a token, the likeliest first. */
  choices: Uint16Array[]
}

/** A sample without tokens, that `SampleWriter` fills. */
export interface SampleShape {
  experts: number
  topK: number
  layers: number
  tokens: number
  domainNames: string[]
}

/** Fills a sample of known size, unit by unit. */
export class SampleWriter {
  readonly sample: RoutingSample
  #length = 0

  constructor({ experts, topK, layers, tokens, domainNames }: SampleShape) {
    this.sample = {
      ...{ experts, topK, domainNames, units: [] },
      ids: new Int32Array(tokens),
      domains: new Uint8Array(tokens),
      choices: Array.from({ length: layers }, () => new Uint16Array(tokens * topK)),
    }
  }

  /**
   * Adds a unit.
   *
   * @param choices of each layer, experts [rows, K] of a batch in which the unit's tokens begin at `row`
   */
  add(
    unit: { ids: Int32Array; domains: Uint8Array; document: number },
    choices: readonly ArrayLike<number>[],
    row: number,
  ): void {
    const { sample } = this
    const { length } = unit.ids
    sample.units.push({ start: this.#length, length, document: unit.document })
    sample.ids.set(unit.ids, this.#length)
    sample.domains.set(unit.domains, this.#length)
    const K = sample.topK
    choices.forEach((indices, layer) => {
      const into = sample.choices[layer]
      for (let i = 0; i < length * K; i++) into[this.#length * K + i] = indices[row * K + i]
    })
    this.#length += length
  }
}
