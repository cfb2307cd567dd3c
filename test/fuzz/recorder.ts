/**
 * The upstream behind a gateway that is fuzzed: it reads what reaches it to the letter, reports every
 * head, and answers every whole request alike.
 *
 * @module
 */

import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { readRequest, type StrictRequest } from './strict-reader.ts'

/** A field of its answers: what has it came from here. */
export const RECORDED = 'x-recorded'

const ANSWER = `HTTP/1.1 200 OK\r\n${RECORDED}: yes\r\nContent-Length: 2\r\n\r\n`

export interface Recorder {
  readonly url: string
  readonly port: number
  close(): Promise<void>
}

/**
 * @param onRequest Called once for every head.
 * @param onFault Called with bytes that are no request. The connection is closed then.
 */
export async function startRecorder(
  onRequest: (request: StrictRequest) => void,
  onFault: (bytes: string) => void,
): Promise<Recorder> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    let text = ''
    let isReported = false
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1')
      for (;;) {
        const request = readRequest(text, 0)
        if (request === 'incomplete') return
        if (request === 'malformed') {
          onFault(text)
          socket.destroy()
          return
        }
        if (!isReported) onRequest(request)
        isReported = request.end === undefined
        if (request.end === undefined) return
        socket.write(request.method === 'HEAD' ? ANSWER : `${ANSWER}ok`)
        text = text.slice(request.end)
      }
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    async close() {
      const closed = once(server, 'close')
      server.close()
      for (const socket of sockets) socket.destroy()
      await closed
    },
  }
}
