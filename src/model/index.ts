// ---- shape ----
export * from './config.ts'
export * from './presets.ts'
