// The part of the Gemini wire format that the studio writes and reads.

export interface Part {
  text?: string
  thought?: boolean
  thoughtSignature?: string
  inlineData?: { mimeType: string; data: string }
  fileData?: { mimeType: string; fileUri: string }
  functionCall?: FunctionCall
  functionResponse?: { id?: string; name: string; response: Record<string, unknown> }
  /** Not on the wire: bytes of a file that are kept beside the conversation (chat/media.ts). */
  media?: MediaRef
}

/** A file of a conversation. */
export interface MediaRef {
  id: string
  mimeType: string
  name: string
  bytes: number
}

export interface FunctionCall {
  id?: string
  name: string
  args?: Record<string, unknown>
}

export interface Content {
  role: 'user' | 'model'
  parts: Part[]
}

export interface FunctionDeclaration {
  name: string
  description?: string
  parametersJsonSchema?: unknown
}

export interface GenerationConfig {
  temperature?: number
  topK?: number
  topP?: number
  maxOutputTokens?: number
  seed?: number
  stopSequences?: string[]
  responseMimeType?: string
  responseJsonSchema?: unknown
  responseModalities?: string[]
  mediaResolution?: string
  thinkingConfig?: { includeThoughts: boolean; thinkingBudget?: number }
}

export interface GenerateRequest {
  contents: Content[]
  systemInstruction?: { parts: Part[] }
  tools?: { functionDeclarations: FunctionDeclaration[] }[]
  toolConfig?: { functionCallingConfig: { mode: string } }
  generationConfig?: GenerationConfig
}

export interface Usage {
  promptTokenCount?: number
  cachedContentTokenCount?: number
  candidatesTokenCount?: number
  thoughtsTokenCount?: number
  totalTokenCount?: number
}

export interface GenerateResponse {
  candidates?: { content?: { parts?: Part[] }; finishReason?: string; finishMessage?: string }[]
  promptFeedback?: { blockReason?: string }
  usageMetadata?: Usage
  modelVersion?: string
  error?: { code?: number; message?: string; status?: string }
}

export interface ModelInfo {
  /** models/ID */
  name: string
  displayName?: string
  description?: string
  inputTokenLimit?: number
  outputTokenLimit?: number
  supportedGenerationMethods?: string[]
  thinking?: boolean
}
