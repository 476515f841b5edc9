// Multipart bodies (RFC 2046) read as they come: a part's bytes go on while the next still arrive, so that an upload takes no
// more memory than a piece of it.
import { ServeError } from './serveError.ts'

export interface MultipartPart {
  /** Field name, and the name of the file it was, from content-disposition; undefined where it says none. */
  name: string | undefined
  fileName: string | undefined
  /** Content type as it stands. */
  type: string | undefined
  /** To be read once, before the next part is asked for; what is left of it then is passed over. */
  body: AsyncIterable<Buffer>
}

/** Bytes of a part's head, and parts of a body, at most. */
const headBytes = 16 * 1024
const maxParts = 128

/** The boundary of a content type. @throws ServeError invalid */
export function boundaryOf(contentType: string): string {
  const [, quoted, plain] = /;\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i.exec(contentType) ?? []
  const boundary = quoted ?? plain
  if (boundary !== undefined) return boundary
  throw new ServeError('invalid', 'A multipart body needs a boundary.', { field: 'content-type' })
}

/** Parts of a body, one after another. @throws ServeError invalid for a body that is none or is cut */
export async function* multipartParts(chunks: AsyncIterable<Buffer>, boundary: string): AsyncGenerator<MultipartPart> {
  const reader = new Reader(chunks)
  const mark = Buffer.from(`\r\n--${boundary}`)
  try {
    await reader.skip(mark)
    for (let count = 0; (await reader.peek(2)) !== '--'; count++) {
      if (count === maxParts) throw new ServeError('invalid', `A multipart body has at most ${maxParts} parts.`)
      // the line of the boundary ends with the first line break of the head
      const head = await textOf(reader.until(Buffer.from('\r\n\r\n')), headBytes)
      let isRead = false
      const body = async function* (): AsyncGenerator<Buffer> {
        yield* reader.until(mark)
        isRead = true
      }
      yield { ...readHead(head), body: body() }
      if (!isRead) await reader.skip(mark)
    }
  } finally {
    await reader.close()
  }
}

/** Bytes as text. @throws ServeError invalid beyond `limit` */
export async function textOf(chunks: AsyncIterable<Buffer>, limit: number): Promise<string> {
  const parts: Buffer[] = []
  let bytes = 0
  for await (const chunk of chunks) {
    bytes += chunk.length
    if (bytes > limit) throw new ServeError('invalid', `A field of a multipart body has at most ${limit} bytes.`)
    parts.push(chunk)
  }
  return Buffer.concat(parts).toString()
}

function readHead(head: string): Omit<MultipartPart, 'body'> {
  const header = (name: string): string | undefined =>
    new RegExp(`^${name}:[ \\t]*(.*?)[ \\t]*$`, 'im').exec(head)?.[1] || undefined
  const disposition = header('content-disposition') ?? ''
  const parameter = (name: string): string | undefined => {
    const [, quoted, plain] =
      new RegExp(`;\\s*${name}=(?:"((?:[^"\\\\]|\\\\.)*)"|([^\\s;]+))`, 'i').exec(disposition) ?? []
    // browsers escape as addresses do, others with a backslash
    return (quoted?.replace(/\\(["\\])/g, '$1') ?? plain)?.replace(/%(22|0D|0A)/gi, (code) => decodeURIComponent(code))
  }
  return { name: parameter('name'), fileName: parameter('filename'), type: header('content-type') }
}

/** A body under way: what has come and was not passed on. */
class Reader {
  readonly #source: AsyncIterator<Buffer>
  // as if a line had ended before the first boundary
  #held: Buffer = Buffer.from('\r\n')

  constructor(chunks: AsyncIterable<Buffer>) {
    this.#source = chunks[Symbol.asyncIterator]()
  }

  /** Nothing more is wanted. */
  async close(): Promise<void> {
    await this.#source.return?.()
  }

  /** Passes over all before `mark`, and it. */
  async skip(mark: Buffer): Promise<void> {
    const passed = this.until(mark)
    while (!(await passed.next()).done);
  }

  async #more(): Promise<void> {
    const { done, value } = await this.#source.next()
    if (done) throw new ServeError('invalid', 'The multipart body ended before its last boundary.')
    this.#held = Buffer.concat([this.#held, value])
  }

  /** The next bytes, which stay. */
  async peek(count: number): Promise<string> {
    while (this.#held.length < count) await this.#more()
    return this.#held.toString('latin1', 0, count)
  }

  /** Bytes before `mark`, which is passed over. */
  async *until(mark: Buffer): AsyncGenerator<Buffer> {
    for (;;) {
      const at = this.#held.indexOf(mark)
      // a mark may have begun at the end of what has come
      const known = at >= 0 ? at : Math.max(0, this.#held.length - mark.length + 1)
      const piece = this.#held.subarray(0, known)
      this.#held = this.#held.subarray(at >= 0 ? at + mark.length : known)
      if (piece.length > 0) yield piece
      if (at >= 0) return
      await this.#more()
    }
  }
}
