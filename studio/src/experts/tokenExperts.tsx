// An answer, each token on the colour of the expert that read it.
//
// The answer is read once more by the model, with the conversation before it; every layer's choices come back at once, so that
// walking through the layers asks nothing.
import { useEffect, useMemo, useState } from 'preact/hooks'
import { type ExpertTrace, traceExperts } from '../api/studio.ts'
import { conversations, loaded } from '../chat/conversations.ts'
import { mediaPart } from '../chat/media.ts'
import { buildRequest, withMedia } from '../chat/request.ts'
import { pathTo } from '../chat/tree.ts'
import { hashOf } from '../lib/route.ts'
import { useStore } from '../lib/store.ts'
import { Empty, Segmented } from '../ui/controls.tsx'
import { useShortcuts } from '../ui/shortcuts.ts'
import { expertColour } from './colours.ts'
import { expertCounts } from './loads.ts'
import { TokenText } from './tokenText.tsx'

interface TokenExpertsProps {
  conversationId: string
  messageId: string
}

export function TokenExperts({ conversationId, messageId }: TokenExpertsProps) {
  const ready = useStore(loaded)
  const conversation = useStore(conversations).find(({ id }) => id === conversationId)
  const message = conversation?.tree.messages[messageId]
  const [trace, setTrace] = useState<ExpertTrace>()
  const [error, setError] = useState('')
  useEffect(() => {
    if (conversation === undefined || message === undefined) return
    const controller = new AbortController()
    const { signal } = controller
    const request = buildRequest(pathTo(conversation.tree, messageId), conversation.settings)
    withMedia(request, (media) => mediaPart(media, signal))
      .then((whole) => traceExperts(message.model ?? '', whole, signal))
      .then(setTrace)
      .catch((failure: Error) => {
        if (!signal.aborted) setError(failure.message)
      })
    return () => controller.abort()
  }, [message === undefined])
  if (ready && message === undefined) return <Empty title="This answer is no longer kept" />
  if (error !== '') return <Empty title="The experts cannot be shown">{error}</Empty>
  if (trace === undefined) return <p class="hint">The model reads the conversation once more.</p>
  return <ColouredTokens trace={trace} back={hashOf('chat', conversationId)} />
}

function ColouredTokens({ trace, back }: { trace: ExpertTrace; back: string }) {
  const { answerStart, layers, experts, topK, chosen } = trace
  const [layer, setLayer] = useState(Math.floor(layers.length / 2))
  const [rank, setRank] = useState(0)
  const [scope, setScope] = useState<'answer' | 'all'>('answer')
  const [only, setOnly] = useState<number | undefined>()
  const from = scope === 'answer' ? answerStart : 0
  const choices = chosen[layer]
  const counts = useMemo(() => expertCounts(choices, topK, from, rank), [choices, topK, from, rank])
  const step = (by: number) => setLayer((now) => Math.max(0, Math.min(layers.length - 1, now + by)))
  useShortcuts([
    { keys: 'ArrowLeft', label: 'Layer below', act: () => step(-1) },
    { keys: 'ArrowRight', label: 'Layer above', act: () => step(1) },
  ])
  return (
    <>
      <div class="row token-controls">
        <label class="inline wide-range">
          Layer {layers[layer]}
          <input
            type="range"
            min={0}
            max={layers.length - 1}
            value={layer}
            onInput={(event) => setLayer(Number(event.currentTarget.value))}
          />
        </label>
        {topK > 1 && (
          <Segmented
            label="Choice"
            quiet
            value={String(rank)}
            options={Array.from({ length: Math.min(topK, 4) }, (_, i) => [String(i), ranks[i]] as const)}
            onChange={(next) => setRank(Number(next))}
          />
        )}
        <Segmented
          label="Tokens"
          quiet
          value={scope}
          options={[
            ['answer', 'Answer'],
            ['all', 'All'],
          ]}
          onChange={setScope}
        />
        <a class="button" href={back}>
          Back to the conversation
        </a>
      </div>
      <TokenText {...{ trace, from, layer, rank, only }} />
      <h2>
        Experts of layer {layers[layer]}
        <span class="faint">
          {counts.length} of {experts} used
        </span>
      </h2>
      <ExpertChips {...{ counts, only }} onPick={(expert) => setOnly((now) => (now === expert ? undefined : expert))} />
    </>
  )
}

const ranks = ['First', 'Second', 'Third', 'Fourth']

interface ChipsProps {
  counts: { expert: number; count: number }[]
  only: number | undefined
  onPick: (expert: number) => void
}

function ExpertChips({ counts, only, onPick }: ChipsProps) {
  return (
    <div class="expert-chips" role="group" aria-label="Show one expert only">
      {counts.map(({ expert, count }) => (
        <button
          key={expert}
          type="button"
          class="expert-chip"
          aria-pressed={only === expert}
          style={{ backgroundColor: expertColour(expert) }}
          onClick={() => onPick(expert)}
        >
          {expert} <span>{count}</span>
        </button>
      ))}
    </div>
  )
}
