/**
 * One connection to one server: commands go out in order, and replies come back in the same.
 *
 * It never connects again by itself and sends nothing twice: whoever waits when it ends does not know
 * whether the command was carried out, and is told just that.
 *
 * @module
 */

import { connect as connectPlain, isIP, type Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { OutboundTls } from '../../config/configuration.ts'
import type { StoreAddress, StoreUser } from '../../config/shared-store.ts'
import { connectOptions } from '../outbound.ts'
import { startDeadline } from './deadline.ts'
import { faultOf, StoreFault } from './fault.ts'
import { ErrorReply, encodeCommand, ProtocolError, type Reply, ReplyReader } from './reply.ts'

/** Milliseconds after which a silent peer is asked whether it is there. */
const KEEP_ALIVE_MS = 10_000

/** Places of those that were answered are given up so many at a time. */
const KEPT_ANSWERED = 1024

/** @param reply Undefined: the connection ended before. */
export type Answered = (reply: Reply | undefined) => void

export interface ConnectionOptions {
  readonly address: StoreAddress
  readonly user: StoreUser
  readonly database: number
  readonly tls: OutboundTls | undefined
  /** Until it is connected and the user is known. */
  readonly timeoutMs: number
}

export class RedisConnection {
  /** Resolves when it has ended, with the reason. */
  readonly lost: Promise<StoreFault>
  readonly #socket: Socket
  readonly #reader = new ReplyReader()
  readonly #end: (fault: StoreFault) => void
  #waiting: Answered[] = []
  /** How many of them have been answered. */
  #answered = 0
  #unsent = ''
  #fault: StoreFault | undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    const { promise, resolve } = Promise.withResolvers<StoreFault>()
    this.lost = promise
    this.#end = resolve
    socket.setNoDelay(true)
    socket.setKeepAlive(true, KEEP_ALIVE_MS)
    socket.on('data', (chunk) => this.#read(chunk))
    socket.on('error', (error) => this.destroy(new StoreFault('connection', codeOf(error))))
    socket.on('close', () =>
      this.destroy(new StoreFault('connection', 'the connection was closed')),
    )
  }

  /**
   * Connects and says who we are.
   *
   * @throws StoreFault
   */
  static async open({
    address,
    user: { username, password },
    database,
    tls,
    timeoutMs,
  }: ConnectionOptions): Promise<RedisConnection> {
    const late = AbortSignal.timeout(timeoutMs)
    const socket = await openSocket(address, tls, late)
    const connection = new RedisConnection(socket)
    const onLate = () => connection.destroy(new StoreFault('timeout', 'no answer in time'))
    late.addEventListener('abort', onLate)
    try {
      if (password !== undefined) {
        const words = username === undefined ? [password] : [username, password]
        await connection.#demand(['AUTH', ...words])
      }
      if (database > 0) await connection.#demand(['SELECT', String(database)])
      return connection
    } catch (error) {
      connection.destroy(new StoreFault('connection', 'not to be used'))
      throw error
    } finally {
      late.removeEventListener('abort', onLate)
    }
  }

  /** Why it ended; undefined while it has not. */
  get fault(): StoreFault | undefined {
    return this.#fault
  }

  /** Puts a command behind those before. It goes out with the next `flush`. */
  send(words: readonly string[], answered: Answered): void {
    if (this.#fault !== undefined) {
      answered(undefined)
      return
    }
    this.#waiting.push(answered)
    this.#unsent += encodeCommand(words)
  }

  flush(): void {
    if (this.#unsent === '' || this.#fault !== undefined) return
    this.#socket.write(this.#unsent)
    this.#unsent = ''
  }

  /**
   * Asks for one reply.
   *
   * @throws StoreFault if it is an error, or does not come in time: the connection is of no use then.
   */
  async call(words: readonly string[], timeoutMs: number): Promise<Reply> {
    const answered = startDeadline(timeoutMs, () => {
      this.destroy(new StoreFault('timeout', `${words[0]} was not answered in time`))
    })
    try {
      return await this.#demand(words)
    } finally {
      answered()
    }
  }

  async #demand(words: readonly string[]): Promise<Reply> {
    const reply = await new Promise<Reply | undefined>((resolve) => {
      this.send(words, resolve)
      this.flush()
    })
    if (reply === undefined) throw await this.lost
    if (reply instanceof ErrorReply) throw faultOf(reply, words[0] ?? '')
    return reply
  }

  /** Ends it. Whoever waits is told that there is no reply. */
  destroy(fault: StoreFault): void {
    if (this.#fault !== undefined) return
    this.#fault = fault
    this.#socket.destroy()
    const waiting = this.#waiting.slice(this.#answered)
    this.#waiting = []
    this.#answered = 0
    this.#unsent = ''
    this.#end(fault)
    for (const answered of waiting) answered(undefined)
  }

  #read(chunk: Buffer): void {
    if (this.#fault !== undefined) return
    try {
      for (const reply of this.#reader.read(chunk)) {
        if (this.#fault !== undefined) return
        this.#next()(reply)
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      this.destroy(new StoreFault('protocol', error.message))
    }
  }

  /** Who waits longest. */
  #next(): Answered {
    const answered = this.#waiting[this.#answered]
    if (answered === undefined) throw new ProtocolError('a reply came that nobody asked for')
    this.#answered += 1
    if (this.#answered === this.#waiting.length || this.#answered >= KEPT_ANSWERED) {
      this.#waiting = this.#waiting.slice(this.#answered)
      this.#answered = 0
    }
    return answered
  }
}

function openSocket(
  { host, port }: StoreAddress,
  tls: OutboundTls | undefined,
  late: AbortSignal,
): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket =
      tls === undefined
        ? connectPlain({ host, port })
        : connectTls({
            host,
            port,
            // RFC 6066 §3: an address is no server name.
            ...(isIP(host) === 0 ? { servername: host } : {}),
            ...connectOptions(tls),
          })
    const give = (fault: StoreFault) => {
      // A fault that comes later still concerns nobody, and must not end the process.
      socket.on('error', () => {})
      socket.destroy()
      reject(fault)
    }
    const onLate = () => give(new StoreFault('timeout', 'no connection in time'))
    const onError = (error: Error) => give(new StoreFault('connection', codeOf(error)))
    late.addEventListener('abort', onLate)
    socket.once('error', onError)
    socket.once(tls === undefined ? 'connect' : 'secureConnect', () => {
      late.removeEventListener('abort', onLate)
      socket.removeListener('error', onError)
      resolve(socket)
    })
  })
}

/** `ECONNREFUSED`, `CERT_HAS_EXPIRED`: what Node says has no secrets, and may have addresses. */
function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : 'the connection failed'
}
