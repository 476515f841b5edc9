// Reads .parquet: one document a row, a row group at a time, only the column that holds the documents.
//
// The decoding happens in a thread (parquetWorker.ts), so that a broken file costs that file and not the
// run: a row group that cannot be decoded is noted and the next one is read; a file that takes the memory
// or the time of the thread is noted and left.
import { once } from 'node:events'
import { Worker } from 'node:worker_threads'
import type { Document, Provenance } from './document.ts'
import { reasonOf } from './errors.ts'
import type { Ledger } from './ledger.ts'
import type { ParquetReply, ParquetRequest } from './parquetWorker.ts'
import { partsOfRow } from './rows.ts'

/** Heap of the thread: several times the text of a usual row group. MiB. */
const threadMemory = 1024
/** A row group decodes at 50 MB/s or more; this is for those that never end. */
const groupSeconds = 120

/** @param field read this string column instead of text, content or parts */
export async function* readParquet(
  path: string,
  provenance: Provenance,
  { ledger, field }: { ledger: Ledger; field?: string },
): AsyncGenerator<Document> {
  const request: ParquetRequest = { path, field }
  const worker = new Worker(new URL('./parquetWorker.ts', import.meta.url), {
    workerData: request,
    resourceLimits: { maxOldGenerationSizeMb: threadMemory },
    execArgv: [],
    stderr: true,
  })
  try {
    for (;;) {
      const reply = await nextGroup(worker)
      if (reply === 'end') return
      if ('failed' in reply) return ledger.reject(path, reply.failed)
      if ('broken' in reply) ledger.reject(path, `row group ${reply.group}: ${reply.broken}`)
      else yield* documentsOf(reply)
    }
  } finally {
    await worker.terminate()
  }

  function* documentsOf({ rowStart, rows }: { rowStart: number; rows: Record<string, unknown>[] }) {
    for (const [i, value] of rows.entries()) {
      const row = rowStart + i + 1
      const parts = partsOfRow(value, ledger, field)
      if (typeof parts === 'string') ledger.reject(path, parts, row)
      else yield { parts, provenance: { ...provenance, row } }
    }
  }
}

/** Asks the thread for the next row group; a thread that breaks down or takes too long has failed. */
async function nextGroup(worker: Worker): Promise<ParquetReply> {
  const limit = new AbortController()
  const timer = setTimeout(() => limit.abort(), groupSeconds * 1000)
  try {
    // An 'error' event of the thread rejects this too.
    const reply = once(worker, 'message', { signal: limit.signal }) as Promise<[ParquetReply]>
    worker.postMessage('next')
    return (await reply)[0]
  } catch (error) {
    if (limit.signal.aborted) return { failed: `must decode within ${groupSeconds} s a row group` }
    return { failed: reasonOf(error) }
  } finally {
    clearTimeout(timer)
  }
}
