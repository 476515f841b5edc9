// A picture that the model draws: a code for each place, each from the range of its place, decoded and packed as PNG.
import type { MediaCodes, MediaEncoder } from '../../data/index.ts'
import type { GrammarSpec } from '../../inference/index.ts'
import { encodePng, unpatchify } from '../../media/index.ts'
import type { MediaTokenizers } from '../../model/index.ts'

/** What it takes to draw. */
export interface Drawer {
  readonly open: number
  /** Behind it. */
  readonly close: number
  /** Tokens of a picture, without the one that opens it. */
  readonly tokens: number
  readonly grammar: GrammarSpec
  /** The picture of these codes' ids, as PNG. */
  png(ids: readonly number[]): Promise<Uint8Array>
}

/** undefined for a model without a media tokenizer for pictures. */
export function drawerOf(encoder: MediaEncoder, codes: MediaTokenizers): Drawer | undefined {
  const { imageCodes, shape } = encoder.options
  const tokenizer = codes.image
  if (!imageCodes || !tokenizer) return undefined
  const { first, tokens, size } = imageCodes
  const columns = Math.floor(Math.sqrt(shape.imageTokens))
  const count = columns * columns * tokens
  return {
    open: encoder.ids.imageOpen,
    close: encoder.ids.imageClose,
    tokens: count,
    grammar: { kind: 'ranges', ranges: Array.from({ length: count }, (_, place) => rangeAt(place, imageCodes)) },
    async png(ids) {
      const values = Int32Array.from(ids, (id, i) => id - first - (i % tokens) * size)
      return encodePng(unpatchify(tokenizer.decode(values), columns, columns, shape.patchSize))
    },
  }
}

function rangeAt(place: number, { first, tokens, size }: MediaCodes): readonly [number, number] {
  const from = first + (place % tokens) * size
  return [from, from + size]
}
