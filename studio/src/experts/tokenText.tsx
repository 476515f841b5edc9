// The tokens of a text on the colours of their experts; the one that is pointed at, or walked to by keys, tells who read it.
import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import type { ExpertTrace } from '../api/studio.ts'
import { expertColour, tokenName } from './colours.ts'

interface TokenTextProps {
  trace: ExpertTrace
  /** First token shown. */
  from: number
  /** Place in `trace.layers`. */
  layer: number
  rank: number
  /** The only expert to be coloured. */
  only: number | undefined
}

export function TokenText({ trace, from, layer, rank, only }: TokenTextProps) {
  const [place, setPlace] = useState<number | undefined>()
  const { tokens, topK, chosen } = trace
  const walk = (event: KeyboardEvent) => {
    if (event.key === 'Escape') setPlace(undefined)
    const by = { ArrowLeft: -1, ArrowRight: 1, Home: -Infinity, End: Infinity }[event.key]
    if (by === undefined) return
    // else the keys would change the layer
    event.preventDefault()
    const next = place === undefined ? from : place + by
    setPlace(Math.max(from, Math.min(tokens.length - 1, next)))
  }
  return (
    <div class="token-box">
      <p
        class="token-text"
        tabIndex={0}
        role="group"
        aria-label="Tokens. Arrow keys walk through them."
        onKeyDown={walk}
        onBlur={() => setPlace(undefined)}
        onMouseLeave={() => setPlace(undefined)}
      >
        {tokens.slice(from).map((text, i) => {
          const expert = chosen[layer][(from + i) * topK + rank]
          const dim = only !== undefined && only !== expert
          return (
            <span
              key={from + i}
              class={`token${dim ? ' dim' : ''}${place === from + i ? ' here' : ''}`}
              style={{ backgroundColor: dim ? '' : expertColour(expert) }}
              data-expert={expert}
              onMouseEnter={() => setPlace(from + i)}
            >
              {text === '' ? '▫' : text.replaceAll('\n', '⏎\n')}
            </span>
          )
        })}
      </p>
      {place !== undefined && place < tokens.length && <TokenCard {...{ trace, layer, place }} />}
    </div>
  )
}

/** Who read a token, and with what weight, under it. */
function TokenCard({ trace, layer, place }: { trace: ExpertTrace; layer: number; place: number }) {
  const { tokens, layers, topK, chosen, weights } = trace
  const card = useRef<HTMLDivElement>(null)
  useLayoutEffect(() => {
    const { current } = card
    const box = current?.parentElement
    const token = box?.querySelector<HTMLElement>('.token.here')
    if (!current || !box || !token) return
    // of a token that is broken over two lines, the first piece
    const [{ left, bottom }] = token.getClientRects()
    const { left: boxLeft, top, width } = box.getBoundingClientRect()
    current.style.left = `${Math.max(0, Math.min(left - boxLeft, width - current.offsetWidth))}px`
    current.style.top = `${bottom - top + 6}px`
  })
  const slots = Array.from({ length: topK }, (_, k) => place * topK + k).filter((slot) => weights[layer][slot] > 0)
  return (
    <div class="token-card" role="status" ref={card}>
      <p>
        <code>{tokenName(tokens[place])}</code>{' '}
        <span class="faint">
          token {place}, layer {layers[layer]}
        </span>
      </p>
      <ul>
        {slots.map((slot) => (
          <li key={slot}>
            <i style={{ backgroundColor: expertColour(chosen[layer][slot]) }} />
            expert {chosen[layer][slot]}
            <span class="weight">{weights[layer][slot].toFixed(3)}</span>
          </li>
        ))}
      </ul>
    </div>
  )
}
