/**
 * A client with a certificate, for load that wrk cannot make. It writes requests that were made before and
 * looks at nothing but the status and the length of answers.
 *
 * @module
 */

import { once } from 'node:events'
import { connect, type TLSSocket } from 'node:tls'
import { percentile } from '../statistics.ts'
import { type Answered, CONNECTIONS, Exhausted } from './load.ts'

export interface TlsTarget {
  readonly port: number
  readonly certificate?: string | undefined
  readonly key?: string | undefined
}

export interface ClosedLoop {
  readonly seconds: number
  /** The next request; undefined where they are used up. */
  next(): Buffer | undefined
  readonly connections?: number
  /** Requests of one connection before it is closed and another one opened. */
  readonly perConnection?: number
}

/**
 * Each connection asks again as soon as it is answered, at least once. The time is counted from when all of
 * them are open.
 *
 * @throws If one answer was not a 200.
 */
export async function runClosedLoop(target: TlsTarget, loop: ClosedLoop): Promise<Answered> {
  const {
    seconds,
    connections: count = CONNECTIONS,
    perConnection = Number.POSITIVE_INFINITY,
  } = loop
  const open = () => TlsConnection.open(target)
  const first = await Promise.all(Array.from({ length: count }, open))
  const latencies: number[] = []
  const start = performance.now()
  const isOver = () => performance.now() >= start + seconds * 1000
  const lane = async (opened: TlsConnection) => {
    for (let connection = opened; ; connection = await open()) {
      for (let i = 0; i < perConnection; i++) {
        const request = loop.next()
        if (request === undefined) throw new Exhausted()
        const sent = performance.now()
        await connection.ask(request)
        latencies.push(performance.now() - sent)
        if (isOver()) break
      }
      connection.close()
      if (isOver()) return
    }
  }
  await Promise.all(first.map(lane))
  return answeredBy(latencies, (performance.now() - start) / 1000)
}

export function answeredBy(latencies: readonly number[], seconds: number): Answered {
  const sorted = Float64Array.from(latencies).sort()
  return {
    requests: sorted.length,
    seconds,
    p50: percentile(sorted, 50),
    p99: percentile(sorted, 99),
  }
}

/** One connection, with one request at a time. */
export class TlsConnection {
  readonly #socket: TLSSocket
  #answered: () => void = () => {}
  #failed: (error: Error) => void = () => {}
  #head = ''
  /** Bytes of content that are still to come; undefined amid a header section. */
  #left: number | undefined

  private constructor(socket: TLSSocket) {
    this.#socket = socket
    socket.setNoDelay()
    socket.on('data', (chunk) => this.#read(chunk))
    socket.on('error', (error) => this.#failed(error))
    socket.on('close', () => this.#failed(new Error('the connection was closed')))
  }

  /** A full handshake, never a resumed one. */
  static async open({ port, certificate, key }: TlsTarget): Promise<TlsConnection> {
    const socket = connect({
      port,
      host: '127.0.0.1',
      servername: 'localhost',
      // Loopback, and a certificate made a moment ago.
      rejectUnauthorized: false,
      cert: certificate,
      key,
    })
    await once(socket, 'secureConnect')
    return new TlsConnection(socket)
  }

  /** Resolves when the answer is whole. */
  ask(request: Buffer): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#answered = resolve
      this.#failed = reject
      this.#socket.write(request)
    })
  }

  close(): void {
    this.#failed = () => {}
    this.#socket.destroy()
  }

  #read(chunk: Buffer): void {
    if (this.#left === undefined) {
      this.#head += chunk.toString('latin1')
      const end = this.#head.indexOf('\r\n\r\n')
      if (end < 0) return
      const head = this.#head.slice(0, end)
      const [, length] = /\r\ncontent-length: *(\d+)/i.exec(head) ?? []
      if (!head.startsWith('HTTP/1.1 200') || length === undefined) {
        this.#failed(new Error(`answered: ${head}`))
        return
      }
      this.#left = Number(length) - (this.#head.length - end - 4)
      this.#head = ''
    } else {
      this.#left -= chunk.length
    }
    if (this.#left > 0) return
    this.#left = undefined
    this.#answered()
  }
}
