/**
 * An upstream of bytes: it shows what reached it as it came, and answers with whatever bytes a test
 * writes, well-formed or not, or with none.
 *
 * @module
 */

import { EventEmitter, on, once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { type Message, parseMessage } from './raw-socket.ts'

export interface ReceivedRequest {
  readonly socket: Socket
  /** Counts connections from 0. */
  readonly connection: number
  /** Its head, and of its content what has come by now. */
  readonly message: Message
  /** `METHOD target`. */
  readonly line: string
}

export type Answering = (request: ReceivedRequest) => void

export interface FaultyUpstream {
  readonly url: string
  readonly port: number
  /** What reached it, oldest first: one entry for every head. */
  readonly requests: readonly ReceivedRequest[]
  /** Every byte that came, by connection. */
  readonly received: readonly Buffer[]
  readonly connections: readonly Socket[]
  /** What is done about a request as soon as its head is there. */
  answer: Answering
  /** The next request that comes from now on: any, or the next of this line. */
  nextRequest(line?: string): Promise<ReceivedRequest>
  close(): Promise<void>
}

/** The smallest honest answer. */
export const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'

export async function startFaultyUpstream(): Promise<FaultyUpstream> {
  const requests: ReceivedRequest[] = []
  const received: Buffer[] = []
  const connections: Socket[] = []
  const arrivals = new EventEmitter()
  const server = createServer((socket) => {
    const connection = connections.push(socket) - 1
    received.push(Buffer.alloc(0))
    let from = 0
    let hasHead = false
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      const bytes = Buffer.concat([received[connection] ?? Buffer.alloc(0), chunk])
      received[connection] = bytes
      for (;;) {
        const message = parseMessage(bytes.subarray(from), 'request')
        if (message === undefined) return
        if (!hasHead) {
          hasHead = true
          const start = from
          const request: ReceivedRequest = {
            socket,
            connection,
            line: message.startLine.replace(/ HTTP\/1\.1$/, ''),
            get message() {
              const bytes = received[connection]?.subarray(start) ?? chunk
              return parseMessage(bytes, 'request') ?? message
            },
          }
          requests.push(request)
          upstream.answer(request)
          arrivals.emit('request', request)
        }
        if (!message.complete) return
        from += message.end
        hasHead = false
      }
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const upstream: FaultyUpstream = {
    url: `http://127.0.0.1:${port}`,
    port,
    requests,
    received,
    connections,
    answer: ({ socket }) => void socket.write(OK),
    async nextRequest(line) {
      for await (const [request] of on(arrivals, 'request')) {
        if (line === undefined || request.line === line) return request
      }
      throw new Error('unreachable: the events do not end')
    },
    async close() {
      const closed = once(server, 'close')
      server.close()
      for (const socket of connections) socket.destroy()
      await closed
    },
  }
  return upstream
}

/** A response with its content framed by a length. */
export function response(status: number, fields: readonly string[], body = ''): string {
  const length = `Content-Length: ${Buffer.byteLength(body)}`
  return [`HTTP/1.1 ${status} Status`, ...fields, length, '', body].join('\r\n')
}
