// Conversations and their files, in IndexedDB of this browser. Where it is forbidden (some private windows) they last as long as
// the page.
const name = 'pollux-studio'
const version = 1

export type Shelf = 'conversations' | 'media'

let opened: Promise<IDBDatabase | undefined> | undefined

function open(): Promise<IDBDatabase | undefined> {
  opened ??= new Promise((resolve) => {
    let request: IDBOpenDBRequest
    try {
      request = indexedDB.open(name, version)
    } catch {
      return resolve(undefined)
    }
    request.onupgradeneeded = () => {
      for (const shelf of ['conversations', 'media'] satisfies Shelf[]) {
        request.result.createObjectStore(shelf, { keyPath: 'id' })
      }
    }
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => resolve(undefined)
    request.onblocked = () => resolve(undefined)
  })
  return opened
}

/** Whether anything outlives the page. */
export async function isKept(): Promise<boolean> {
  return (await open()) !== undefined
}

async function ask<T>(
  shelf: Shelf,
  mode: IDBTransactionMode,
  work: (store: IDBObjectStore) => IDBRequest<T>,
): Promise<T | undefined> {
  const database = await open()
  if (database === undefined) return undefined
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(shelf, mode)
    const request = work(transaction.objectStore(shelf))
    transaction.oncomplete = () => resolve(request.result)
    transaction.onabort = () => reject(transaction.error ?? new Error('storage: the browser refused to keep it'))
  })
}

export async function readAll<T>(shelf: Shelf): Promise<T[]> {
  return ((await ask(shelf, 'readonly', (store) => store.getAll())) as T[] | undefined) ?? []
}

export async function readOne<T>(shelf: Shelf, id: string): Promise<T | undefined> {
  return (await ask(shelf, 'readonly', (store) => store.get(id) as IDBRequest<unknown>)) as T | undefined
}

/** @throws when the disk is full */
export async function write(shelf: Shelf, item: { id: string }): Promise<void> {
  await ask(shelf, 'readwrite', (store) => store.put(item))
}

export async function remove(shelf: Shelf, id: string): Promise<void> {
  await ask(shelf, 'readwrite', (store) => store.delete(id))
}
