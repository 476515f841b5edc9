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

// ---- the server ----
export { defaultLimits, openServer, type OpenedServer, type OpenServerOptions } from './open.ts'
export { type Log, openLog } from './log.ts'
export { ServeError, type ErrorKind } from './serveError.ts'
export type { Protocol, RequestScope, ServeApp, ServeContext, ServeDeps, ServeLimits } from './types.ts'

// ---- the studio ----
export { ensureStudio, studioDist, type StudioState } from './studio/build.ts'
export { type StudioOptions, studioRoutes } from './studio/routes.ts'
export type { ExpertTrace } from './studio/wire.ts'

// ---- models behind it ----
export { createChatService, type ChatServiceOptions } from './chat/service.ts'
export type { ServedModel } from './chat/models.ts'
export { grammarVocabulary } from './chat/tokens.ts'
export { MediaReader } from './chat/mediaReader.ts'
export { type Drawer, drawerOf } from './chat/drawing.ts'
export type { TemplateName } from './chat/template.ts'
export { allowAll, type Policy, type Verdict } from './policy.ts'
