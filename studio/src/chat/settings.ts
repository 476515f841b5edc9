// How a conversation asks: everything of the panel at its side.
import { checkSchema, checkTools } from './checks.ts'
import type { FunctionDeclaration, GenerateRequest, GenerationConfig } from '../api/geminiTypes.ts'

export interface Settings {
  /** Id of the model; '': the first one of the server. */
  model: string
  system: string
  /** null: what the model does by itself. */
  temperature: number | null
  topK: number | null
  topP: number | null
  maxTokens: number | null
  seed: number | null
  stop: string[]
  thinking: 'default' | 'off' | 'free' | 'budget'
  thinkingBudget: number
  resolution: '' | 'LOW' | 'MEDIUM' | 'HIGH' | 'ULTRA_HIGH'
  /** Let it draw. */
  pictures: boolean
  format: 'text' | 'json' | 'choice'
  /** JSON Schema as it was typed, and one choice a line; kept while another format is on. */
  schema: string
  choices: string
  tools: boolean
  toolMode: 'AUTO' | 'ANY' | 'NONE'
  /** Function declarations as they were typed, a JSON list. */
  declarations: string
}

export const defaultSettings: Settings = {
  model: '',
  system: '',
  temperature: null,
  topK: null,
  topP: null,
  maxTokens: null,
  seed: null,
  stop: [],
  thinking: 'default',
  thinkingBudget: 1024,
  resolution: '',
  pictures: false,
  format: 'text',
  schema: `{
  "type": "object",
  "properties": {
    "title": { "type": "string" },
    "score": { "type": "integer", "minimum": 0, "maximum": 10 }
  },
  "required": ["title", "score"]
}`,
  choices: 'yes\nno',
  tools: false,
  toolMode: 'AUTO',
  declarations: `[
  {
    "name": "get_weather",
    "description": "The weather at a place now",
    "parametersJsonSchema": {
      "type": "object",
      "properties": { "place": { "type": "string" } },
      "required": ["place"]
    }
  }
]`,
}

/** Choices as a list: trimmed, no empty ones, each once. */
export function choiceList(text: string): string[] {
  return [...new Set(text.split('\n').map((line) => line.trim()))].filter((line) => line !== '')
}

/** Why nothing can be sent with these settings; '' when it can. */
export function settingsProblem(settings: Settings): string {
  if (settings.format === 'json') {
    const [problem] = checkSchema(settings.schema).problems
    if (problem !== undefined) return `The schema of the answer: ${problem}`
  }
  if (settings.format === 'choice' && choiceList(settings.choices).length === 0) return 'There is no choice to choose.'
  if (settings.tools) {
    const [problem] = checkTools(settings.declarations).problems
    if (problem !== undefined) return `The functions: ${problem}`
  }
  return ''
}

/** Everything of a request but its contents. */
export function requestSettings(settings: Settings): Omit<GenerateRequest, 'contents'> {
  const declarations = settings.tools ? (checkTools(settings.declarations).value as FunctionDeclaration[]) : []
  const config = generationConfig(settings)
  return {
    ...(settings.system.trim() === '' ? {} : { systemInstruction: { parts: [{ text: settings.system }] } }),
    ...(declarations.length === 0
      ? {}
      : {
          tools: [{ functionDeclarations: declarations }],
          toolConfig: { functionCallingConfig: { mode: settings.toolMode } },
        }),
    ...(Object.keys(config).length === 0 ? {} : { generationConfig: config }),
  }
}

function generationConfig(settings: Settings): GenerationConfig {
  const { temperature, topK, topP, maxTokens, seed, stop, resolution, pictures } = settings
  const budgets = { default: undefined, off: 0, free: -1, budget: settings.thinkingBudget }
  const thinkingBudget = budgets[settings.thinking]
  const config: GenerationConfig = {
    temperature: temperature ?? undefined,
    topK: topK ?? undefined,
    topP: topP ?? undefined,
    maxOutputTokens: maxTokens ?? undefined,
    seed: seed ?? undefined,
    stopSequences: stop.length > 0 ? stop : undefined,
    mediaResolution: resolution === '' ? undefined : `MEDIA_RESOLUTION_${resolution}`,
    responseModalities: pictures ? ['TEXT', 'IMAGE'] : undefined,
    thinkingConfig:
      thinkingBudget === undefined ? undefined : { includeThoughts: thinkingBudget !== 0, thinkingBudget },
    ...answerFormat(settings),
  }
  return Object.fromEntries(Object.entries(config).filter(([, value]) => value !== undefined))
}

function answerFormat({ format, schema, choices }: Settings): GenerationConfig {
  if (format === 'json') {
    return { responseMimeType: 'application/json', responseJsonSchema: checkSchema(schema).value }
  }
  if (format === 'choice') {
    const responseJsonSchema = { type: 'string', enum: choiceList(choices) }
    return { responseMimeType: 'text/x.enum', responseJsonSchema }
  }
  return {}
}
