// Training runs: a list to choose from, their curves as they grow, several in one plot.
import { useEffect, useMemo, useState } from 'preact/hooks'
import { getRuns, type RunSummary } from '../api/studio.ts'
import { ago, digits, seconds, short } from '../lib/format.ts'
import { go, route } from '../lib/route.ts'
import { keptStore, useStore } from '../lib/store.ts'
import { Empty, Segmented } from '../ui/controls.tsx'
import { usePolling } from '../ui/usePolling.ts'
import type { Axis } from './curves.ts'
import { RunCharts } from './runCharts.tsx'
import { RunFacts } from './runFacts.tsx'
import { useRunRows } from './runFeed.ts'

/** Most runs of one plot. */
const most = 8

const view = keptStore<{ axis: Axis; smoothing: number; log: boolean }>('pollux.curves', {
  axis: 'step',
  smoothing: 0.02,
  log: false,
})

export function RunsPage({ folder }: { folder: string }) {
  const [, listed = ''] = useStore(route)
  const { value: runs, error } = usePolling(getRuns, 4000)
  const { axis, smoothing, log } = useStore(view)
  const chosen = useMemo(
    () => listed.split(',').filter((name) => runs?.some((run) => run.name === name)),
    [listed, runs],
  )
  const slots = useSlots(chosen)
  const isLive = runs?.some((run) => run.live && chosen.includes(run.name)) ?? false
  const rows = useRunRows(chosen, isLive ? 1500 : 8000)
  useEffect(() => {
    // with nothing chosen the newest run is shown
    if (listed === '' && runs !== undefined && runs.length > 0) go(['runs', runs[0].name], true)
  }, [listed, runs])
  if (runs === undefined)
    return <div class="page">{error !== undefined && <Empty title="No answer">{error}</Empty>}</div>
  if (runs.length === 0) {
    return (
      <div class="page">
        <Empty title="No runs yet">
          <p>
            There is none under <code>{folder}</code>. <code>npx pollux train --minutes 2</code> makes one.
          </p>
        </Empty>
      </div>
    )
  }
  const toggle = (name: string) => {
    const next = chosen.includes(name) ? chosen.filter((other) => other !== name) : [...chosen, name].slice(-most)
    go(['runs', next.join(',')], true)
  }
  const shown = chosen.map((name) => ({ name, slot: slots.get(name) ?? 0, rows: rows.get(name) ?? [] }))
  return (
    <div class="page runs-page">
      <header class="page-head">
        <h1>Runs</h1>
        <div class="row">
          <Segmented
            label="Across"
            quiet
            value={axis}
            options={[
              ['step', 'Steps'],
              ['tokens', 'Tokens'],
              ['minutes', 'Minutes'],
            ]}
            onChange={(next) => view.update((now) => ({ ...now, axis: next }))}
          />
          <label class="inline">
            Smoothing
            <input
              type="range"
              min={0}
              max={0.1}
              step={0.005}
              value={smoothing}
              onInput={(event) => view.update((now) => ({ ...now, smoothing: Number(event.currentTarget.value) }))}
            />
          </label>
          <label class="inline">
            <input
              type="checkbox"
              checked={log}
              onChange={(event) => view.update((now) => ({ ...now, log: event.currentTarget.checked }))}
            />
            Log scale
          </label>
        </div>
      </header>
      {shown.length === 0 ? (
        <Empty title="Choose a run below" />
      ) : (
        <RunCharts runs={shown} {...{ axis, smoothing, log }} />
      )}
      {shown.length === 1 && <RunFacts name={shown[0].name} rows={shown[0].rows} />}
      <RunTable {...{ runs, chosen, slots, toggle }} />
    </div>
  )
}

/** A colour for each chosen run that it keeps while it is chosen. */
function useSlots(chosen: readonly string[]): ReadonlyMap<string, number> {
  const [slots] = useState(new Map<string, number>())
  for (const name of [...slots.keys()]) if (!chosen.includes(name)) slots.delete(name)
  for (const name of chosen) {
    if (slots.has(name)) continue
    const taken = new Set(slots.values())
    let free = 0
    while (taken.has(free)) free++
    slots.set(name, free)
  }
  return slots
}

interface RunTableProps {
  runs: RunSummary[]
  chosen: readonly string[]
  slots: ReadonlyMap<string, number>
  toggle: (name: string) => void
}

function RunTable({ runs, chosen, slots, toggle }: RunTableProps) {
  const [wanted, setWanted] = useState('')
  const shown = runs.filter(({ name, data, preset }) =>
    `${name} ${data} ${preset}`.toLowerCase().includes(wanted.trim().toLowerCase()),
  )
  return (
    <section aria-labelledby="all-runs">
      <div class="row between">
        <h2 id="all-runs">
          All runs <span class="faint">{runs.length}</span>
        </h2>
        {runs.length > 8 && (
          <input
            type="search"
            aria-label="Find a run"
            placeholder="Find"
            value={wanted}
            onInput={(event) => setWanted(event.currentTarget.value)}
          />
        )}
      </div>
      <div class="scroll">
        <table class="run-table">
          <thead>
            <tr>
              <th scope="col">Run</th>
              <th scope="col">Begun</th>
              <th scope="col">Reads</th>
              <th scope="col">Preset</th>
              <th scope="col" class="number">
                Bits/byte
              </th>
              <th scope="col" class="number">
                Tokens
              </th>
              <th scope="col" class="number">
                Time
              </th>
            </tr>
          </thead>
          <tbody>
            {shown.map((run) => (
              <RunRow
                key={run.name}
                run={run}
                slot={slots.get(run.name)}
                isChosen={chosen.includes(run.name)}
                toggle={toggle}
              />
            ))}
          </tbody>
        </table>
      </div>
    </section>
  )
}

interface RunRowProps {
  run: RunSummary
  slot: number | undefined
  isChosen: boolean
  toggle: (name: string) => void
}

function RunRow({ run, slot, isChosen, toggle }: RunRowProps) {
  const { outcome } = run
  return (
    <tr class={isChosen ? 'chosen' : ''}>
      <th scope="row">
        <label>
          <input
            type="checkbox"
            checked={isChosen}
            onChange={() => toggle(run.name)}
            class={isChosen ? `series-${(slot ?? 0) + 1}` : ''}
          />
          {run.name}
          {run.live && <span class="badge live">live</span>}
          {outcome === undefined && !run.live && <span class="badge">unfinished</span>}
        </label>
      </th>
      <td>{ago(Date.parse(run.createdAt))}</td>
      <td class="clip" title={run.data}>
        {run.data}
      </td>
      <td>{run.preset}</td>
      <td class="number">{digits(outcome?.valBitsPerByte ?? outcome?.lossBitsPerByte)}</td>
      <td class="number">{outcome === undefined ? '–' : short(outcome.tokens)}</td>
      <td class="number">{outcome === undefined ? '–' : seconds(outcome.seconds)}</td>
    </tr>
  )
}
