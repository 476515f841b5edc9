// What the experts do: how full they are, while serving or over a training run, and who read each token of an answer.
import type { ComponentChildren } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { type About, getEngine, getLoad, getRuns, type LoadHistory } from '../api/studio.ts'
import { digits, integer } from '../lib/format.ts'
import { go, route } from '../lib/route.ts'
import { useStore } from '../lib/store.ts'
import { Empty, Segmented, Select } from '../ui/controls.tsx'
import { usePolling } from '../ui/usePolling.ts'
import { HeatMap } from './heatMap.tsx'
import { loadSince, maxViolation } from './loads.ts'
import { TokenExperts } from './tokenExperts.tsx'

export function ExpertsPage({ about }: { about: About | undefined }) {
  const [, conversation, message] = useStore(route)
  if (conversation !== undefined && message !== undefined) {
    return (
      <div class="page">
        <PageTabs tab="tokens" />
        <TokenExperts key={message} conversationId={conversation} messageId={message} />
      </div>
    )
  }
  return (
    <div class="page">
      <PageTabs tab={conversation === 'tokens' ? 'tokens' : 'load'} />
      {conversation === 'tokens' ? (
        <ChooseAnswer canTrace={about?.experts ?? false} />
      ) : (
        <Load hasEngine={about?.engine ?? false} />
      )}
    </div>
  )
}

function PageTabs({ tab }: { tab: 'load' | 'tokens' }) {
  return (
    <header class="page-head">
      <h1>Experts</h1>
      <Segmented
        label="Show"
        quiet
        value={tab}
        options={[
          ['load', 'Load'],
          ['tokens', 'Tokens'],
        ]}
        onChange={(next) => go(next === 'load' ? ['experts'] : ['experts', 'tokens'])}
      />
    </header>
  )
}

function ChooseAnswer({ canTrace }: { canTrace: boolean }) {
  return (
    <Empty title="Choose an answer">
      <p>
        {canTrace
          ? 'Open a conversation and press the button with four squares under an answer: its tokens are then coloured by the expert that read them.'
          : 'The model that is served has no experts, or this server cannot tell what they read.'}
      </p>
    </Empty>
  )
}

/** 'engine', or the name of a run. */
function Load({ hasEngine }: { hasEngine: boolean }) {
  const { value: runs } = usePolling(getRuns, 15_000)
  const [chosen, setChosen] = useState('')
  const names = runs?.filter((run) => run.bytes > 0).map((run) => run.name) ?? []
  const source = chosen !== '' ? chosen : hasEngine ? 'engine' : (names[0] ?? '')
  return (
    <LoadOf key={source} source={source}>
      <Select
        label="Of"
        quiet
        value={source}
        options={[
          ...(hasEngine ? [['engine', 'the engine, serving now'] as const] : []),
          ...names.map((name) => [`${name}`, `training: ${name}`] as const),
        ]}
        onChange={setChosen}
      />
    </LoadOf>
  )
}

/** @param children where one chooses whose load it is */
function LoadOf({ source, children }: { source: string; children: ComponentChildren }) {
  if (source === 'engine') return <EngineLoad>{children}</EngineLoad>
  return source === '' ? <Empty title="Nothing to show yet" /> : <RunLoad name={source}>{children}</RunLoad>
}

/** Seconds that 'lately' looks back. */
const lately = 30

function EngineLoad({ children }: { children: ComponentChildren }) {
  const { value, error } = usePolling(getEngine, 1000)
  const [span, setSpan] = useState<'start' | 'lately'>('start')
  const [past, setPast] = useState<{ at: number; load: number[][] }[]>([])
  useEffect(() => {
    if (value === undefined) return
    setPast((all) => [
      ...all.filter(({ at }) => at > value.at - 1000 * lately),
      { at: value.at, load: value.expertLoad },
    ])
  }, [value])
  if (value === undefined) return error === undefined ? null : <Empty title="No answer">{error}</Empty>
  if (value.expertLoad.length === 0) return <Nothing chooser={children} title="This model has no experts" />
  const load = span === 'start' ? value.expertLoad : loadSince(past[0]?.load, value.expertLoad)
  const rows = load.flat().reduce((sum, count) => sum + count, 0)
  return (
    <>
      <div class="row">
        {children}
        <Segmented
          label="Since"
          quiet
          value={span}
          options={[
            ['start', 'Since the start'],
            ['lately', `Last ${lately} s`],
          ]}
          onChange={setSpan}
        />
        <LoadFigures load={load} />
      </div>
      {rows === 0 ? (
        <Empty title="Nothing was read yet">
          <p>Ask something, and the experts begin to work.</p>
        </Empty>
      ) : (
        <HeatMap load={load} label="Rows that each expert of each layer read" />
      )}
    </>
  )
}

function Nothing({ chooser, title }: { chooser: ComponentChildren; title: string }) {
  return (
    <>
      <div class="row">{chooser}</div>
      <Empty title={title} />
    </>
  )
}

function LoadFigures({ load }: { load: number[][] }) {
  const violations = maxViolation(load)
  const idle = load.flat().filter((count) => count === 0).length
  return (
    <p class="faint">
      {load.length} layers of {load[0]?.length ?? 0} experts · fullest {digits(Math.max(0, ...violations))} above the
      mean · {integer(idle)} idle
    </p>
  )
}

function RunLoad({ name, children }: { name: string; children: ComponentChildren }) {
  const { value, error } = usePolling<LoadHistory>((signal) => getLoad(name, 120, signal), 10_000, name)
  const [frame, setFrame] = useState<number | undefined>()
  if (value === undefined) return error === undefined ? null : <Empty title="No answer">{error}</Empty>
  const last = value.steps.length - 1
  const at = Math.min(frame ?? last, last)
  const load = value.load[at]
  if (load === undefined || load.length === 0)
    return <Nothing chooser={children} title="This run has no experts, or no steps yet" />
  return (
    <>
      <div class="row">
        {children}
        <label class="inline wide-range">
          Step {integer(value.steps[at])}
          <input
            type="range"
            min={0}
            max={last}
            value={at}
            onInput={(event) =>
              setFrame(Number(event.currentTarget.value) === last ? undefined : Number(event.currentTarget.value))
            }
          />
        </label>
        <LoadFigures load={load} />
      </div>
      <HeatMap load={load} label={`Tokens that each expert read at step ${value.steps[at]}`} />
    </>
  )
}
