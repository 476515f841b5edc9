// What the engine is doing, second by second: queue, batch, pages of keys and values, the prefix tree.
import { useEffect } from 'preact/hooks'
import { type EngineView, getEngine } from '../api/studio.ts'
import { bytes, integer, percent, short } from '../lib/format.ts'
import { Store, useStore } from '../lib/store.ts'
import { Empty, Tile } from '../ui/controls.tsx'
import { Plot } from '../ui/plot.tsx'
import { usePolling } from '../ui/usePolling.ts'
import { type Sample, sampleOf } from './history.ts'

/** Seconds of history that are drawn. */
const span = 300

/** Kept while the page lives, so that coming back finds the minutes before. */
const views = new Store<readonly EngineView[]>([])

export function EnginePage() {
  const { value, error } = usePolling(getEngine, 1000)
  const history = useStore(views)
  useEffect(() => {
    if (value !== undefined) views.update((all) => [...all.filter(({ at }) => at > value.at - 1000 * span), value])
  }, [value])
  return (
    <div class="page">
      <header class="page-head">
        <h1>Engine</h1>
        {error !== undefined && value !== undefined && <span class="badge">no answer</span>}
      </header>
      {value === undefined ? (
        error !== undefined && <Empty title="No engine">{error}</Empty>
      ) : (
        <Figures {...{ value, history }} />
      )}
    </div>
  )
}

function Figures({ value, history }: { value: EngineView; history: readonly EngineView[] }) {
  const samples = history.map((view, i) => sampleOf(history[i - 1], view))
  const now = samples.at(-1)
  const { prefix, pages, tokens } = value
  const free = Math.max(0, pages.total - pages.used - pages.kept)
  return (
    <>
      <dl class="tiles">
        <Tile name="Running" value={integer(value.running)} note={`${integer(value.batch)} in the latest step`} />
        <Tile name="Waiting" value={integer(value.waiting)} />
        <Tile name="Writing" value={integer(now?.output ?? 0)} note="tokens per second" />
        <Tile name="Reading" value={integer(now?.prompt ?? 0)} note="tokens per second" />
        <Tile
          name="Found in cache"
          value={percent(prefix.queryTokens > 0 ? prefix.hitTokens / prefix.queryTokens : 0)}
          note={`of ${short(prefix.queryTokens)} prompt tokens`}
        />
        <Tile
          name="Guessed right"
          value={percent(tokens.drafted > 0 ? tokens.accepted / tokens.drafted : Number.NaN)}
          note={`${short(tokens.accepted)} of ${short(tokens.drafted)} drafted`}
        />
      </dl>
      <section aria-labelledby="pages">
        <h2 id="pages">Keys and values</h2>
        <div
          class="stack"
          role="img"
          aria-label={`In use ${bytes(pages.used)}, kept ${bytes(pages.kept)}, free ${bytes(free)}`}
        >
          {/* shares of the whole as flex weights */}
          <i class="stack-used" style={{ flexGrow: pages.used }} />
          <i class="stack-kept" style={{ flexGrow: pages.kept }} />
          <i class="stack-free" style={{ flexGrow: free }} />
        </div>
        <p class="legend">
          <span class="key used">in use {bytes(pages.used)}</span>
          <span class="key kept">kept for later {bytes(pages.kept)}</span>
          <span class="key free">free {bytes(free)}</span>
        </p>
      </section>
      <History samples={samples} />
      <section aria-labelledby="prefixes">
        <h2 id="prefixes">Prefix tree</h2>
        <dl class="fact-list">
          <Fact name="Prompts looked up" value={integer(prefix.queries)} />
          <Fact name="Tokens found" value={`${integer(prefix.hitTokens)} of ${integer(prefix.queryTokens)}`} />
          <Fact name="Nodes" value={integer(prefix.nodes)} />
          <Fact name="Pinned" value={integer(prefix.pinned)} />
          <Fact name="Tokens read, written" value={`${integer(tokens.prompt)}, ${integer(tokens.output)}`} />
          <Fact name="Longest context" value={`${integer(value.contextTokens)} tokens`} />
        </dl>
      </section>
    </>
  )
}

function Fact({ name, value }: { name: string; value: string }) {
  return (
    <div>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  )
}

function History({ samples }: { samples: Sample[] }) {
  const end = samples.at(-1)?.at ?? 0
  const x = samples.map(({ at }) => Math.round((at - end) / 1000))
  const column = (of: (sample: Sample) => number | null) => samples.map(of)
  const last = samples.at(-1)
  const common = {
    xLabel: 'Seconds',
    xFormat: (value: number) => `${value} s`,
    height: 160,
    zero: true,
    sync: 'engine',
  }
  return (
    <div class="charts-small">
      <Plot
        {...common}
        title="Requests"
        curves={[
          { label: 'running', colour: '--series-1' },
          { label: 'waiting', colour: '--series-2' },
          { label: 'batch', colour: '--series-3' },
        ]}
        data={[x, column((s) => s.running), column((s) => s.waiting), column((s) => s.batch)]}
        summary={`${last?.running ?? 0} running, ${last?.waiting ?? 0} waiting`}
      />
      <Plot
        {...common}
        title="Tokens per second"
        curves={[
          { label: 'written', colour: '--series-1' },
          { label: 'read', colour: '--series-2' },
        ]}
        data={[x, column((s) => s.output), column((s) => s.prompt)]}
        summary={`${integer(last?.output ?? 0)} written, ${integer(last?.prompt ?? 0)} read`}
      />
      <Plot
        {...common}
        title="Pages"
        yFormat={bytes}
        powersOfTwo
        curves={[
          { label: 'in use', colour: '--series-1' },
          { label: 'with kept', colour: '--series-2' },
        ]}
        data={[x, column((s) => s.used), column((s) => s.held)]}
        summary={`${bytes(last?.used ?? 0)} in use`}
      />
    </div>
  )
}
