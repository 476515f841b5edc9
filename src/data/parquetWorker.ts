// Decodes a .parquet file in a thread of its own, one row group per request.
//
// The decoder trusts what pages state: a run length can claim two billion values, and a broken column of a
// nested table rejects a promise that nobody waits for. In a thread with a memory limit, either ends this
// thread and not the run. Sizes in the file's own index are checked here before any memory is taken.
import { fstatSync, openSync, readSync } from 'node:fs'
import { parentPort, workerData } from 'node:worker_threads'
import { parquetMetadataAsync, parquetReadObjects, parquetSchema } from 'hyparquet'
import type { AsyncBuffer, FileMetaData, RowGroup, SchemaTree } from 'hyparquet'
import { compressors } from 'hyparquet-compressors'
import { reasonOf } from './errors.ts'
import { documentFields } from './rows.ts'

/** What the thread is started with. */
export interface ParquetRequest {
  path: string
  field?: string
}

/** What it answers to each request: the next row group, decoded or not, or that there is none. */
export type ParquetReply =
  { rowStart: number; rows: Record<string, unknown>[] } | { group: number; broken: string } | { failed: string } | 'end'

/** Writers put 10^4 to 10^6 rows and up to 512 MiB into a row group; more in one is taken for damage. */
const groupRows = 2 ** 23
const groupBytes = 2 ** 29

async function* decode({ path, field }: ParquetRequest): AsyncGenerator<ParquetReply> {
  const file = fileBuffer(openSync(path, 'r'))
  const metadata = await parquetMetadataAsync(file)
  const column = chooseColumn(parquetSchema(metadata), field)
  let rowStart = 0
  for (const [i, group] of metadata.row_groups.entries()) {
    const place = { rowStart, rowEnd: rowStart + Number(group.num_rows) }
    try {
      checkGroup(group, column)
      yield { rowStart, rows: await readGroup(file, metadata, { column, ...place }) }
    } catch (error) {
      yield { group: i, broken: reasonOf(error) }
    }
    rowStart = place.rowEnd
  }
}

/** A file as hyparquet reads it: ranges, each checked against the size. */
function fileBuffer(descriptor: number): AsyncBuffer {
  const byteLength = fstatSync(descriptor).size
  return {
    byteLength,
    slice(start, end = byteLength) {
      if (!(start >= 0 && start <= end && end <= byteLength)) {
        throw new Error(`bytes ${start} to ${end} must lie in the file, got a file of ${byteLength} bytes`)
      }
      const bytes = new Uint8Array(end - start)
      for (let done = 0; done < bytes.length;) {
        const got = readSync(descriptor, bytes, done, bytes.length - done, start + done)
        if (got === 0) throw new Error(`the file must hold ${byteLength} bytes, got ${start + done}`)
        done += got
      }
      return bytes.buffer
    },
  }
}

/** The column that holds the documents; throws with the names and types of those there are. */
function chooseColumn(schema: SchemaTree, field?: string): string {
  const names: readonly string[] = field === undefined ? documentFields : [field]
  const isText = ({ element }: SchemaTree): boolean =>
    element.name === 'parts' ? Boolean(element.num_children) : element.type === 'BYTE_ARRAY'
  for (const name of names) {
    if (schema.children.some((child) => child.element.name === name && isText(child))) return name
  }
  const columns = schema.children.map(({ element }) => `${element.name}: ${typeOf(element)}`)
  const wanted = field === undefined ? 'a text column (text, content or parts)' : `a text column ${field}`
  throw new Error(`parquet without ${wanted}, got ${columns.join(', ') || 'no columns'}`)
}

function typeOf(element: SchemaTree['element']): string {
  return element.converted_type ?? element.logical_type?.type ?? element.type ?? 'group'
}

function checkGroup(group: RowGroup, column: string): void {
  const rows = Number(group.num_rows)
  if (!(rows >= 0 && rows <= groupRows)) throw new Error(`must hold at most ${groupRows} rows, got ${rows}`)
  for (const { meta_data } of group.columns) {
    if (meta_data?.path_in_schema[0] !== column) continue
    const bytes = Number(meta_data.total_uncompressed_size)
    if (!(bytes <= groupBytes)) throw new Error(`${column} must take at most ${groupBytes} bytes, got ${bytes}`)
  }
}

async function readGroup(
  file: AsyncBuffer,
  metadata: FileMetaData,
  { column, ...range }: { column: string; rowStart: number; rowEnd: number },
): Promise<Record<string, unknown>[]> {
  const rows = await parquetReadObjects({ file, metadata, columns: [column], compressors, ...range })
  if (!Array.isArray(rows)) throw new Error('must decode to rows')
  return rows as Record<string, unknown>[]
}

// The error that is waited for reports the row group; its siblings add nothing.
process.on('unhandledRejection', () => {})

const groups = decode(workerData as ParquetRequest)
parentPort?.on('message', () => {
  groups.next().then(
    ({ done, value }) => parentPort?.postMessage(done ? 'end' : value),
    (error: unknown) => parentPort?.postMessage({ failed: reasonOf(error) }),
  )
})
