// What one run was asked to do, where it stands, and the reports it left.
import { useMemo } from 'preact/hooks'
import { getRun, type MetricsRow, pageAddress } from '../api/studio.ts'
import { digits, integer, percent, seconds, short } from '../lib/format.ts'
import { Tile } from '../ui/controls.tsx'
import { Icon } from '../ui/icons.tsx'
import { usePolling } from '../ui/usePolling.ts'

export function RunFacts({ name, rows }: { name: string; rows: readonly MetricsRow[] }) {
  const { value: run } = usePolling((signal) => getRun(name, signal), 8000, name)
  const last = rows.at(-1)
  const validation = useMemo(() => rows.findLast((row) => row.validation !== null)?.validation, [rows])
  const left = remaining(last)
  return (
    <section aria-label={`About ${name}`}>
      <dl class="tiles">
        <Tile name="Step" value={last === undefined ? '–' : integer(last.step)} note={run?.live ? left : undefined} />
        <Tile name="Bits per byte" value={digits(last?.loss)} note="of the latest step" />
        <Tile name="Validation" value={digits(run?.outcome?.valBitsPerByte ?? validation)} note="bits per byte" />
        <Tile name="Tokens" value={last === undefined ? '–' : short(last.tokens)} />
        <Tile
          name="Speed"
          value={last === undefined ? '–' : short(last.tokensPerSecond ?? Number.NaN)}
          note="tokens per second"
        />
        <Tile name="MFU" value={percent(last?.mfu ?? Number.NaN)} note="of the machine’s peak" />
      </dl>
      {run !== undefined && (
        <>
          {run.pages.length > 0 && (
            <p class="row">
              {run.pages.map((file) => (
                <a key={file} class="button" href={pageAddress(name, file)} target="_blank" rel="noopener">
                  <Icon name="page" size={16} />
                  {file.replace('.html', '')}
                </a>
              ))}
            </p>
          )}
          <div class="facts">
            <Facts title="Asked for" values={run.request} />
            {run.config !== undefined && <Facts title="Model" values={modelFacts(run.config)} />}
          </div>
        </>
      )}
    </section>
  )
}

function remaining(last: MetricsRow | undefined): string | undefined {
  if (last === undefined || last.done === null || last.done <= 0) return undefined
  return `${percent(last.done)}, ${seconds((last.seconds / last.done) * (1 - last.done))} left`
}

function Facts({ title, values }: { title: string; values: Record<string, unknown> }) {
  const entries = flat(values).filter(([, value]) => value !== '' && value !== '[]')
  return (
    <details class="section">
      <summary>
        <Icon name="right" size={14} />
        {title}
      </summary>
      <dl class="fact-list">
        {entries.map(([key, value]) => (
          <div key={key}>
            <dt>{key}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </details>
  )
}

/** The decoder's config may stand beside those of towers. */
function modelFacts(config: Record<string, unknown>): Record<string, unknown> {
  const text = config.text_config
  return typeof text === 'object' && text !== null ? (text as Record<string, unknown>) : config
}

function flat(value: Record<string, unknown>, prefix = ''): [key: string, text: string][] {
  return Object.entries(value).flatMap(([key, item]) => {
    const name = prefix === '' ? key : `${prefix}.${key}`
    if (typeof item === 'object' && item !== null && !Array.isArray(item))
      return flat(item as Record<string, unknown>, name)
    if (item === null || item === undefined) return []
    const text = typeof item === 'string' ? item : JSON.stringify(item)
    return [[name, text.length > 200 ? `${text.slice(0, 199)}…` : text]]
  })
}
