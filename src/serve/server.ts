// The server: an App on node:http, websockets beside it, and an orderly end.
import { createServer, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { getRequestListener, type HttpBindings } from '@hono/node-server'
import { PolluxError } from '../util/index.ts'
import type { App } from './app.ts'

export interface ServerOptions {
  /** Default '127.0.0.1'. */
  host?: string
  /** Default 0: any that is free. */
  port?: number
  /** Takes websockets; default: none are. */
  upgrade?: (request: IncomingMessage, socket: Duplex, head: Buffer) => void
}

export interface RunningServer {
  readonly url: string
  readonly port: number
  /** Takes no more requests, waits for those in work at most so many seconds (default 30), and ends. */
  close(seconds?: number): Promise<void>
}

/** Starts to listen. @throws PolluxError for an address that cannot be had */
export async function startServer(
  app: App,
  { host = '127.0.0.1', port = 0, upgrade }: ServerOptions = {},
): Promise<RunningServer> {
  const listener = getRequestListener((request, env) => app.fetch(request, env as HttpBindings), {
    overrideGlobalObjects: false,
    errorHandler: () =>
      new Response('{"error":{"code":400,"message":"Bad request.","status":"INVALID_ARGUMENT"}}', {
        status: 400,
        headers: { 'content-type': 'application/json' },
      }),
  })
  const server = createServer(
    // long prompts stream for minutes; who dawdles over the headers does not
    { keepAliveTimeout: 75_000, headersTimeout: 60_000, requestTimeout: 1800_000, maxHeaderSize: 64 * 1024 },
    (request, response) => void listener(request, response),
  )
  server.on('clientError', answerBadRequest)
  server.on('upgrade', (request, socket, head) => {
    socket.on('error', () => socket.destroy())
    if (upgrade) upgrade(request, socket, head)
    else socket.end('HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n')
  })
  await listen(server, host, port)
  const address = server.address() as AddressInfo
  const shown = host.includes(':') ? `[${host}]` : host === '0.0.0.0' ? '127.0.0.1' : host
  return {
    url: `http://${shown}:${address.port}`,
    port: address.port,
    async close(seconds = 30) {
      await app.drain(seconds)
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeIdleConnections()
      // answers that were cut get a moment to say so
      const force = setTimeout(() => server.closeAllConnections(), 500)
      await closed
      clearTimeout(force)
    },
  }
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const hint =
        cause.code === 'EADDRINUSE' ? 'choose another with --port, or end the program that has it' : undefined
      reject(new PolluxError(`serve: address must be free, got ${host}:${port} (${cause.code})`, { cause, hint }))
    })
    server.listen(port, host, resolve)
  })
}

/** What is not HTTP at all. */
function answerBadRequest(error: NodeJS.ErrnoException, socket: Socket | Duplex): void {
  if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy()
  const status = error.code === 'HPE_HEADER_OVERFLOW' ? '431 Request Header Fields Too Large' : '400 Bad Request'
  socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`)
}
