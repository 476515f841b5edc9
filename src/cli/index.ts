// ---- the command line ----
export { buildProgram } from './program.ts'
