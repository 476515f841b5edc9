// The models that the server has, asked once and again when the server was away.
import { listModels } from '../api/gemini.ts'
import type { ModelInfo } from '../api/geminiTypes.ts'
import { access } from '../api/http.ts'
import { Store } from '../lib/store.ts'

export interface Models {
  list: ModelInfo[]
  /** Why there is no list. */
  error?: string
}

export const models = new Store<Models>({ list: [] })

let timer: ReturnType<typeof setTimeout> | undefined

/** Asks now, and every few seconds until there is an answer. */
export async function loadModels(): Promise<void> {
  clearTimeout(timer)
  try {
    const all = await listModels()
    models.set({ list: all.filter(canAnswer) })
  } catch (error) {
    models.update(({ list }) => ({ list, error: (error as Error).message }))
    timer = setTimeout(() => void loadModels(), 3000)
  }
}

access.watch(() => void loadModels())

function canAnswer({ supportedGenerationMethods: methods }: ModelInfo): boolean {
  return methods === undefined || methods.includes('generateContent')
}

/** The model of an id, or the first one. */
export function findModel(list: readonly ModelInfo[], id: string): ModelInfo | undefined {
  return list.find(({ name }) => name === `models/${id}`) ?? list[0]
}

export const modelId = (model: ModelInfo | undefined) => model?.name.replace(/^models\//, '') ?? ''
