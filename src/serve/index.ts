// ---- what protocols share ----
export type {
  ChatEvent,
  ChatFormat,
  ChatLogprob,
  ChatPart,
  ChatRequest,
  ChatService,
  ChatTool,
  ChatTurn,
  ChatUsage,
  FinishReason,
  MediaResolution,
  ModelCard,
} from './chat.ts'
