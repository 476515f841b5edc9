// Files that clients upload, on disk: ID.json says what, ID.bin is it. Both protocols use them.
//
// A file belongs to the key that sent it and lives for two days. What is being uploaded is ID.part until it is whole, so a
// file that can be named is complete. Ids are [a-z0-9]+, since clients keep only that much of an address.
import { createHash, randomBytes } from 'node:crypto'
import {
  createReadStream,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { open, readFile, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { isRecord, PolluxError } from '../util/index.ts'
import { ServeError } from './serveError.ts'

export interface FileStoreOptions {
  folder: string
  /** Bytes of one file, and of all of a key. Default 2 GiB and 20 GiB. */
  fileBytes?: number
  totalBytes?: number
  /** Seconds that a file lives. Default 48 hours. */
  ttlSeconds?: number
  /** Milliseconds since 1970; for tests. */
  now?: () => number
}

/** What is given with a file. */
export interface NewFile {
  mimeType: string
  /** Name of the key it belongs to. */
  owner: string
  displayName?: string
  /** [a-z0-9-]{1,40}; default drawn. */
  id?: string
  /** What an OpenAI client says it is for. */
  purpose?: string
  ttlSeconds?: number
}

/** What may become known of a file only behind its bytes. */
export type FileDetails = Pick<NewFile, 'purpose' | 'ttlSeconds'>

export interface StoredFile {
  id: string
  mimeType: string
  owner: string
  displayName?: string
  purpose?: string
  bytes: number
  /** Base64. */
  sha256: string
  /** Milliseconds since 1970. */
  createdAt: number
  expiresAt: number
}

/** Uploads of a key under way at once, most: each holds a file open. */
const maxUploads = 64

export class FileStore {
  readonly limits: { fileBytes: number; totalBytes: number; ttlSeconds: number }
  readonly #folder: string
  readonly #now: () => number
  readonly #files = new Map<string, StoredFile>()
  readonly #uploads = new Map<string, Upload>()
  /** Names of files that are being opened. */
  readonly #opening = new Set<string>()

  /** Opens a folder, and forgets in it what has expired or was never finished. */
  constructor({
    folder,
    fileBytes = 2 ** 31,
    totalBytes = 20 * 2 ** 30,
    ttlSeconds = 48 * 3600,
    now = Date.now,
  }: FileStoreOptions) {
    this.limits = { fileBytes, totalBytes, ttlSeconds }
    this.#folder = folder
    this.#now = now
    mkdirSync(folder, { recursive: true })
    for (const name of readdirSync(folder)) {
      if (name.endsWith('.part')) rmSync(join(folder, name), { force: true })
      const id = /^([a-z0-9-]+)\.json$/.exec(name)?.[1]
      const file = id === undefined ? undefined : readEntry(join(folder, name), id)
      if (file && existsSync(this.#path(file.id))) this.#files.set(file.id, file)
    }
    this.sweep()
  }

  #path(id: string, ending = 'bin'): string {
    return join(this.#folder, `${id}.${ending}`)
  }

  /** Removes what has expired. */
  sweep(): void {
    const now = this.#now()
    for (const file of this.#files.values()) if (file.expiresAt <= now) this.#forget(file.id)
    for (const upload of this.#uploads.values()) if (upload.expiresAt <= now) void upload.abandon()
  }

  #forget(id: string): void {
    this.#files.delete(id)
    for (const ending of ['json', 'bin']) rmSync(this.#path(id, ending), { force: true })
  }

  /** Begins a file whose bytes come in pieces. @throws ServeError invalid id, conflict, quota */
  async begin(file: NewFile, announcedBytes = 0): Promise<Upload> {
    this.sweep()
    const id = file.id ?? randomId()
    if (!/^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/.test(id)) {
      throw new ServeError('invalid', `File name must be [a-z0-9-] of 1 to 40, got ${JSON.stringify(id)}`, {
        field: 'name',
      })
    }
    const isUploading = [...this.#uploads.values()].some((upload) => upload.fileId === id)
    if (this.#files.has(id) || isUploading || this.#opening.has(id)) {
      throw new ServeError('conflict', `File ${id} already exists.`)
    }
    const begun = [...this.#uploads.values()].filter(({ owner }) => owner === file.owner).length
    if (begun >= maxUploads) {
      throw new ServeError('exhausted', `At most ${maxUploads} uploads may be under way, got another.`, {
        retrySeconds: 5,
      })
    }
    this.#checkQuota(file.owner, announcedBytes)
    const path = this.#path(id, 'part')
    this.#opening.add(id)
    const handle = await open(path, 'w').finally(() => this.#opening.delete(id))
    const upload: Upload = new Upload(id, file.owner, handle, {
      expiresAt: this.#now() + 3600_000,
      check: (bytes) => this.#checkQuota(file.owner, bytes, upload),
      finish: (bytes, sha256, more) => this.#keep(id, { ...file, ...more }, bytes, sha256),
      abandon: () => rmSync(path, { force: true }),
      end: () => this.#uploads.delete(upload.id),
    })
    this.#uploads.set(upload.id, upload)
    return upload
  }

  /** Whether a file may have so many bytes, beside what its owner has and what is coming in other uploads. */
  #checkQuota(owner: string, bytes: number, own?: Upload): void {
    const { fileBytes, totalBytes } = this.limits
    if (bytes > fileBytes) throw new ServeError('tooLarge', `A file must be at most ${fileBytes} bytes, got ${bytes}.`)
    const others = [...this.#uploads.values()].filter((upload) => upload.owner === owner && upload !== own)
    const coming = others.reduce((sum, { offset }) => sum + offset, 0)
    const held = this.list(owner).reduce((sum, file) => sum + file.bytes, coming)
    if (held + bytes > totalBytes) {
      throw new ServeError('exhausted', `Files must be at most ${totalBytes} bytes together, got ${held + bytes}.`)
    }
  }

  #keep(
    id: string,
    { mimeType, owner, displayName, purpose, ttlSeconds }: NewFile,
    bytes: number,
    sha256: string,
  ): StoredFile {
    const createdAt = this.#now()
    const expiresAt = createdAt + (ttlSeconds ?? this.limits.ttlSeconds) * 1000
    const file: StoredFile = { id, mimeType, owner, displayName, purpose, bytes, sha256, createdAt, expiresAt }
    renameSync(this.#path(id, 'part'), this.#path(id))
    writeFileSync(this.#path(id, 'json'), JSON.stringify(file))
    this.#files.set(id, file)
    return file
  }

  /** A file that is whole already. @throws ServeError as `begin` */
  async add(file: NewFile, content: Uint8Array | AsyncIterable<Uint8Array>): Promise<StoredFile> {
    const upload = await this.begin(file, content instanceof Uint8Array ? content.length : 0)
    try {
      await upload.append(content instanceof Uint8Array ? [content] : content)
      return await upload.finish()
    } catch (error) {
      await upload.abandon()
      throw error
    }
  }

  /** An upload that has begun. @throws ServeError notFound */
  upload(id: string, owner: string): Upload {
    const upload = this.#uploads.get(id)
    if (!upload || upload.owner !== owner) throw new ServeError('notFound', `Upload ${id} does not exist or has ended.`)
    return upload
  }

  /** @throws ServeError notFound, as for another key's file */
  get(id: string, owner: string): StoredFile {
    const file = this.#files.get(id)
    if (file && file.expiresAt <= this.#now()) this.#forget(id)
    else if (file?.owner === owner) return file
    throw new ServeError('notFound', `File ${id.slice(0, 64)} does not exist or has expired.`)
  }

  /** Files of a key, newest first. */
  list(owner: string): StoredFile[] {
    const now = this.#now()
    return [...this.#files.values()]
      .filter((file) => file.owner === owner && file.expiresAt > now)
      .sort((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? -1 : 1))
  }

  /** The content. @throws ServeError notFound */
  async read(id: string, owner: string): Promise<Buffer> {
    return readFile(this.#path(this.get(id, owner).id))
  }

  /** The content piece by piece. @throws ServeError notFound */
  stream(id: string, owner: string): AsyncIterable<Buffer> {
    return createReadStream(this.#path(this.get(id, owner).id))
  }

  /** @throws ServeError notFound */
  remove(id: string, owner: string): void {
    this.#forget(this.get(id, owner).id)
  }

  /** Drops unfinished uploads. */
  async close(): Promise<void> {
    for (const upload of this.#uploads.values()) await upload.abandon()
  }
}

interface UploadHooks {
  expiresAt: number
  /** Throws when so many bytes are too many. */
  check: (bytes: number) => void
  finish: (bytes: number, sha256: string, more: FileDetails) => StoredFile
  abandon: () => void
  end: () => void
}

/** A file whose bytes are still coming. */
export class Upload {
  readonly id = randomId()
  readonly fileId: string
  readonly owner: string
  readonly #hash = createHash('sha256')
  readonly #handle: FileHandle
  readonly #hooks: UploadHooks
  #bytes = 0
  #isOpen = true
  #isBusy = false

  constructor(fileId: string, owner: string, handle: FileHandle, hooks: UploadHooks) {
    this.fileId = fileId
    this.owner = owner
    this.#handle = handle
    this.#hooks = hooks
  }

  /** Bytes so far. */
  get offset(): number {
    return this.#bytes
  }

  get expiresAt(): number {
    return this.#hooks.expiresAt
  }

  /** More bytes. A piece that breaks off leaves those before it; the client asks for `offset` and goes on. */
  async append(chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): Promise<void> {
    if (!this.#isOpen || this.#isBusy) throw new ServeError('conflict', 'The upload has ended or takes another piece.')
    this.#isBusy = true
    try {
      for await (const chunk of chunks) {
        if (!this.#isOpen) throw new ServeError('conflict', 'The upload has ended.')
        this.#hooks.check(this.#bytes + chunk.length)
        await this.#handle.write(chunk, 0, chunk.length, this.#bytes)
        this.#hash.update(chunk)
        this.#bytes += chunk.length
      }
    } finally {
      this.#isBusy = false
    }
  }

  /** The file, with what only now is known of it. */
  async finish(more: FileDetails = {}): Promise<StoredFile> {
    if (!this.#isOpen || this.#isBusy) throw new ServeError('conflict', 'The upload has ended or takes another piece.')
    await this.#close()
    return this.#hooks.finish(this.#bytes, this.#hash.digest('base64'), more)
  }

  /** Drops what has come; after the end it does nothing. */
  async abandon(): Promise<void> {
    if (!this.#isOpen) return
    await this.#close()
    this.#hooks.abandon()
  }

  async #close(): Promise<void> {
    this.#isOpen = false
    this.#hooks.end()
    await this.#handle.close()
  }
}

/** 20 characters of [a-z0-9], about 100 bits. */
export function randomId(): string {
  return [...randomBytes(20)].map((byte) => (byte % 36).toString(36)).join('')
}

/** The entry of a file; undefined for one that is damaged. */
function readEntry(path: string, id: string): StoredFile | undefined {
  try {
    const entry: unknown = JSON.parse(readFileSync(path, 'utf8'))
    if (!isRecord(entry) || entry.id !== id || typeof entry.owner !== 'string') return undefined
    const isWhole = [entry.bytes, entry.createdAt, entry.expiresAt].every((value) => Number.isFinite(value))
    return isWhole && typeof entry.mimeType === 'string' ? (entry as unknown as StoredFile) : undefined
  } catch (cause) {
    if (cause instanceof SyntaxError) return undefined
    throw new PolluxError(`files: ${path} must be readable, got: ${String(cause)}`, { cause })
  }
}
