// From the messages that are shown to the contents of a request, and from the pieces of an answer to the parts of a message.
import type { Content, FunctionCall, GenerateRequest, Part } from '../api/geminiTypes.ts'
import { requestSettings, type Settings } from './settings.ts'
import type { Message } from './tree.ts'

/** A request as it goes out, but for files: those are still `media` parts (see `withMedia`). */
export function buildRequest(path: readonly Message[], settings: Settings): GenerateRequest {
  return { contents: contentsOf(path), ...requestSettings(settings) }
}

/**
 * Turns of a conversation. Thoughts stay here; their signatures go back with the parts that bear them. Messages without
 * anything to say (an answer that failed) are left out, and neighbours of one role become one turn, as the API wants it.
 */
export function contentsOf(path: readonly Message[]): Content[] {
  const contents: Content[] = []
  for (const { role, parts } of path) {
    const told = parts.filter(isTold).map(wirePart)
    if (told.length === 0) continue
    const last = contents.at(-1)
    if (last?.role === role) last.parts.push(...told)
    else contents.push({ role, parts: told })
  }
  return contents
}

function isTold(part: Part): boolean {
  if (part.thought) return false
  return part.text === undefined || part.text !== '' || part.thoughtSignature !== undefined
}

function wirePart(part: Part): Part {
  const { thought: _, ...rest } = part
  return rest
}

/** Puts the bytes of files into a request: every `media` part becomes what `load` makes of it. */
export async function withMedia(
  request: GenerateRequest,
  load: (media: NonNullable<Part['media']>) => Promise<Part>,
): Promise<GenerateRequest> {
  const contents = await Promise.all(
    request.contents.map(async ({ role, parts }) => ({
      role,
      parts: await Promise.all(parts.map((part) => (part.media === undefined ? part : load(part.media)))),
    })),
  )
  return { ...request, contents }
}

/** Adds the parts of one chunk behind those that came before; text goes on where it left off. */
export function appendParts(parts: readonly Part[], more: readonly Part[]): Part[] {
  const all = [...parts]
  for (const part of more) {
    const last = all.at(-1)
    const goesOn =
      last?.text !== undefined && part.text !== undefined && Boolean(last.thought) === Boolean(part.thought)
    if (goesOn) all[all.length - 1] = { ...last, ...part, text: last.text! + part.text! }
    else if (part.text !== '' || part.thoughtSignature !== undefined) all.push(part)
  }
  return all
}

/** Text of an answer without its thoughts. */
export function answerText(parts: readonly Part[]): string {
  return parts.map((part) => (part.thought ? '' : (part.text ?? ''))).join('')
}

/** Calls of an answer, in order. */
export function callsOf(parts: readonly Part[]): FunctionCall[] {
  return parts.flatMap((part) => part.functionCall ?? [])
}

/** Whether a message only answers calls. */
export function isToolAnswer({ role, parts }: Message): boolean {
  return role === 'user' && parts.length > 0 && parts.every((part) => part.functionResponse !== undefined)
}
