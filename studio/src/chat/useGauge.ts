// Counts the tokens of a conversation and of what is being written, a moment after the last key.
import { useEffect, useState } from 'preact/hooks'
import { countTokens } from '../api/gemini.ts'
import type { ModelInfo } from '../api/geminiTypes.ts'
import type { Conversation } from './conversations.ts'
import type { Draft } from './composer.tsx'
import { mediaPart } from './media.ts'
import { modelId } from './models.ts'
import { buildRequest, withMedia } from './request.ts'
import { settingsProblem } from './settings.ts'
import { type Message, pathOf } from './tree.ts'

export interface Gauge {
  used: number
  limit: number
  exact: boolean
}

/** Files above this are not sent only to be counted. */
const mediaLimit = 4 << 20

export function useGauge(
  conversation: Conversation,
  draft: Draft,
  model: ModelInfo | undefined,
  isWriting: boolean,
): Gauge | undefined {
  const [counted, setCounted] = useState<{ key: string; tokens: number } | undefined>(undefined)
  const path = pathOf(conversation.tree)
  const { system, tools, declarations } = conversation.settings
  const files = draft.files.map(({ id }) => id)
  const key = JSON.stringify([path.at(-1)?.id, draft.text, files, system, tools && declarations, model?.name])
  useEffect(() => {
    if (model === undefined || isWriting || settingsProblem(conversation.settings) !== '') return
    const controller = new AbortController()
    const timer = setTimeout(() => {
      void count([...path, draftMessage(draft)], conversation, modelId(model), controller.signal)
        .then((tokens) => tokens !== undefined && setCounted({ key, tokens }))
        .catch(() => {})
    }, 400)
    return () => {
      clearTimeout(timer)
      controller.abort()
    }
  }, [key, isWriting])
  const limit = model?.inputTokenLimit
  if (limit === undefined) return undefined
  if (path.length === 0 && draft.text.trim() === '' && files.length === 0) return { used: 0, limit, exact: true }
  if (counted?.key === key) return { used: counted.tokens, limit, exact: true }
  return { used: counted?.tokens ?? lastTotal(path), limit, exact: false }
}

function draftMessage({ text, files }: Draft): Message {
  const parts = [...files.map((media) => ({ media })), ...(text.trim() === '' ? [] : [{ text }])]
  return { id: '', parent: null, role: 'user', parts, createdAt: 0 }
}

async function count(
  path: Message[],
  { settings }: Conversation,
  model: string,
  signal: AbortSignal,
): Promise<number | undefined> {
  const sizes = path.flatMap(({ parts }) => parts.map((part) => part.media?.bytes ?? 0))
  if (sizes.reduce((sum, size) => sum + size, 0) > mediaLimit) return undefined
  const request = buildRequest(path, settings)
  if (request.contents.length === 0) return 0
  return countTokens(model, await withMedia(request, (media) => mediaPart(media, signal)), signal)
}

/** What the latest answer was said to take. */
function lastTotal(path: Message[]): number {
  const figures = path.findLast((message) => message.figures?.promptTokens !== undefined)?.figures
  return (figures?.promptTokens ?? 0) + (figures?.answerTokens ?? 0)
}
