// How much of the model's context the conversation takes, what is being written included.
import { integer, percent } from '../lib/format.ts'

/** @param exact counted by the server just now; else as of the last answer */
export function ContextGauge({ used, limit, exact }: { used: number; limit: number; exact: boolean }) {
  const share = Math.min(1, used / limit)
  const level = share > 0.95 ? 'full' : share > 0.8 ? 'high' : ''
  const text = `${exact ? '' : 'about '}${integer(used)} of ${integer(limit)} tokens`
  return (
    <span
      class={`gauge ${level}`}
      role="meter"
      aria-label="Context used"
      aria-valuemin={0}
      aria-valuemax={limit}
      aria-valuenow={used}
      aria-valuetext={text}
      title={`${text} of context (${percent(used / limit)})`}
    >
      <svg viewBox="0 0 20 20" width="18" height="18" aria-hidden="true">
        <circle cx="10" cy="10" r="7.5" pathLength="100" />
        <circle class="gauge-used" cx="10" cy="10" r="7.5" pathLength="100" stroke-dasharray={`${100 * share} 100`} />
      </svg>
      <span class="gauge-text">{text}</span>
    </span>
  )
}
