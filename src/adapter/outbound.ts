/**
 * Outbound calls for metadata, keys and introspection: TLS always verified, time and size bounded, no
 * redirect followed (FAPI 2.0 SP §5.2.1, RFC 9325 §7.1).
 *
 * @module
 */

import { Agent, request } from 'undici'
import type { OutboundTls } from '../config/configuration.ts'

export interface OutboundLimits {
  /** Connections to one origin: more calls at once would wait for one another. */
  readonly connections: number
  /** Largest answer that is read, in bytes. */
  readonly maxAnswer: number
}

/** Unless others are said. */
const LIMITS: OutboundLimits = { connections: 32, maxAnswer: 1_048_576 }

export interface Answer {
  readonly status: number
  /** Lower-case, without parameters; empty where there is none. */
  readonly mediaType: string
  readonly body: Buffer
}

/** What an outbound call that brought no answer is filed under. */
export type OutboundFault = 'timeout' | 'error'

/** An outbound call that brought no answer. */
export class OutboundError extends Error {
  readonly fault: OutboundFault

  constructor(fault: OutboundFault, message: string) {
    super(message)
    this.fault = fault
  }
}

export interface Call {
  readonly method: 'GET' | 'POST'
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | Buffer
}

export class OutboundClient {
  readonly #agent: Agent
  readonly #timeoutMs: number
  readonly #maxAnswer: number

  /** @param timeout Seconds for one call, from connecting to the last byte. */
  constructor(tls: OutboundTls, timeout: number, limits: Partial<OutboundLimits> = {}) {
    const { connections, maxAnswer } = { ...LIMITS, ...limits }
    this.#maxAnswer = maxAnswer
    this.#timeoutMs = timeout * 1000
    this.#agent = new Agent({
      connections,
      allowH2: false,
      maxHeaderSize: 16_384,
      connect: { ...connectOptions(tls), timeout: this.#timeoutMs },
    })
  }

  /** Ends when a call that is made now would, or a part of its time before: for several calls as one. */
  deadline(part = 1): AbortSignal {
    return AbortSignal.timeout(Math.ceil(this.#timeoutMs * part))
  }

  /**
   * @param signal When it is too late for an answer; by itself, the time of one call.
   * @throws OutboundError if there was no answer in time, of the size that is read. A call whose
   *   connection was closed under it is made once more: these calls change nothing.
   */
  async call(url: string, call: Call, signal = this.deadline()): Promise<Answer> {
    try {
      return await this.#once(url, call, signal)
    } catch (error) {
      if (!wasClosedUnder(error) || signal.aborted) throw faultOf(url, error, signal)
    }
    try {
      return await this.#once(url, call, signal)
    } catch (error) {
      throw faultOf(url, error, signal)
    }
  }

  async #once(url: string, call: Call, signal: AbortSignal): Promise<Answer> {
    const { statusCode, headers, body } = await request(url, {
      ...call,
      body: call.body ?? null,
      dispatcher: this.#agent,
      signal,
    })
    const chunks: Buffer[] = []
    let size = 0
    for await (const chunk of body as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size > this.#maxAnswer) throw new Error('the answer is too large')
      chunks.push(chunk)
    }
    const type = headers['content-type']
    return {
      status: statusCode,
      mediaType: typeof type === 'string' ? type.split(';')[0]!.trim().toLowerCase() : '',
      body: Buffer.concat(chunks),
    }
  }

  close(): Promise<void> {
    return this.#agent.destroy()
  }
}

/**
 * What work brings that others may wait for too, and that goes on where nobody waits any more.
 *
 * @throws OutboundError if the deadline comes first.
 */
export function inTime<T>(work: Promise<T>, deadline: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = () => reject(new OutboundError('timeout', 'there was no answer in time'))
    if (deadline.aborted) late()
    else deadline.addEventListener('abort', late, { once: true })
    work.then(resolve, reject).finally(() => deadline.removeEventListener('abort', late))
  })
}

/** TLS options of a connection that this gateway makes, to an issuer or an upstream. */
export function connectOptions({ ca, cert, key, serverName }: OutboundTls) {
  return {
    rejectUnauthorized: true,
    minVersion: 'TLSv1.2' as const,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(serverName === undefined ? {} : { servername: serverName }),
  }
}

function wasClosedUnder(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return code === 'UND_ERR_SOCKET' || code === 'ECONNRESET'
}

/** @returns A fault that names what was called, without the query, in which a secret may stand. */
function faultOf(url: string, error: unknown, signal: AbortSignal): OutboundError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const fault = signal.aborted || code.includes('TIMEOUT') ? 'timeout' : 'error'
  const cause = error instanceof Error ? error.message : String(error)
  const { origin, pathname } = new URL(url)
  return new OutboundError(fault, `${origin}${pathname}: ${cause}`)
}
