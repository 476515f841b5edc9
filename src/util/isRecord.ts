// The first question to a value that came from a file: is it an object with fields?

/** True for objects that are no lists: what `{...}` in JSON becomes. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
