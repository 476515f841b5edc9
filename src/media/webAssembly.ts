// The engine's WebAssembly, typed: Node's own types leave it out, and those of browsers would bring all of a browser along.

/** Compiled code; may be sent to threads. */
export type WasmModule = object & { readonly module?: never }

interface Api {
  compile(bytes: Uint8Array): Promise<WasmModule>
  Instance: new (code: WasmModule, imports: object) => object
}

export const webAssembly = (globalThis as unknown as { WebAssembly: Api }).WebAssembly
