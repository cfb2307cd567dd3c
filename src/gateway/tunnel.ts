/**
 * A WebSocket's two connections made one (RFC 6455, RFC 9110 §7.8).
 *
 * The request that asks for it has passed every check of its route, like any other. Nobody looks at what
 * travels in it, but for where its frames end; and no check is asked again: a tunnel does not outlive its
 * token, but a token that is revoked, or a certificate, ends none that is open.
 *
 * @module
 */

import type { Socket } from 'node:net'
import { opensWebSocket } from '../http/websocket.ts'
import { FrameBorders, GOING_AWAY } from '../http/websocket-frames.ts'
import type { Exchange } from './exchange.ts'
import { responseFields } from './response-fields.ts'
import type { Route } from './route.ts'

/** A client's connection that its HTTP parser has let go. */
export interface ClientTunnel {
  readonly socket: Socket
  /** What came behind the request's head: nobody reads it unless the tunnel opens. */
  readonly head: Buffer
  /** Seconds for which nothing may travel. */
  readonly idle: number
  /** Called when the tunnel opens. @param end Ends it. */
  opened(route: string, end: (by: TunnelEnd) => void): void
}

/** What ended a tunnel. `gateway`: it stopped, or does not believe any more what it did of the client. */
export type TunnelEnd = 'client' | 'upstream' | 'idle' | 'token_expired' | 'gateway'

/** The tunnels of a gateway that are open. */
export class Tunnels {
  readonly #open = new Set<() => void>()
  #isLeaving = false

  /**
   * @param leave Has its client told that the gateway goes away.
   * @returns Says that it is open no more.
   */
  add(leave: () => void): () => void {
    this.#open.add(leave)
    if (this.#isLeaving) leave()
    return () => this.#open.delete(leave)
  }

  /** Says so to every client, from now on. Whoever does not go is not waited for here. */
  leave(): void {
    this.#isLeaving = true
    for (const leave of this.#open) leave()
  }
}

/** Longest time that a timer of Node can be set to, in milliseconds. */
const LONGEST_TIMER = 2 ** 31 - 1

/**
 * Hands the upstream's answer on and joins the connections, if it is the answer to what was asked.
 *
 * @param rawFields The fields of the 101, as they came.
 * @param tunnels Where it is counted while it is open.
 * @returns Whether it is. If not nothing was written, and the connection is the caller's to end.
 */
export function openTunnel(
  exchange: Exchange,
  route: Route,
  rawFields: readonly string[],
  upstream: Socket,
  tunnels: Tunnels,
): boolean {
  const { response, handshake, clientTunnel } = exchange
  if (handshake === undefined || clientTunnel === undefined) return false
  if (!opensWebSocket(handshake, rawFields)) return false

  const { socket: client, head, idle } = clientTunnel
  // RFC 9110 §7.8: the fields of the connection are written anew, for this one.
  const headers = responseFields(exchange, route, 101, rawFields)
  response.writeHead(101, [...headers, 'Connection', 'Upgrade', 'Upgrade', 'websocket'])
  response.flushHeaders()

  const end = (by: TunnelEnd) => {
    exchange.tunnelEnd ??= by
    client.destroy()
    upstream.destroy()
  }
  clientTunnel.opened(route.id, end)
  // Whatever travels passes the client's connection, in one direction or the other.
  client.setTimeout(idle * 1000, () => end('idle'))
  const expiry = setTimeout(() => end('token_expired'), lifetime(exchange))
  client.once('close', () => clearTimeout(expiry))

  if (head.length > 0) client.unshift(head)
  join(client, upstream, (size) => {
    exchange.bytesIn += size
    if (size === 0) exchange.tunnelEnd ??= 'client'
  })
  const frames = new FrameBorders()
  const goodbye = () => {
    exchange.tunnelEnd ??= 'gateway'
    client.write(GOING_AWAY)
  }
  const leave = sayGoodbye(upstream, client, frames, goodbye)
  join(upstream, client, (size) => {
    exchange.bytesOut += size
    if (size === 0) exchange.tunnelEnd ??= 'upstream'
  })
  client.once('close', tunnels.add(leave))
  return true
}

/** Milliseconds until the token ends; on a public route there is none. */
function lifetime({ request, startedAt, upstreamAnsweredAt }: Exchange): number {
  if (request?.hasToken !== true) return LONGEST_TIMER
  const atFirst = (request.token.expiresAt - request.receivedAt) * 1000
  const left = atFirst - ((upstreamAnsweredAt ?? startedAt) - startedAt)
  return Math.min(Math.max(left, 0), LONGEST_TIMER)
}

/**
 * Prepares to tell a client that the server goes away (RFC 6455 §7.1.1, §7.4.1): behind the frame that is
 * under way, and in the place of all that would follow. The client answers, which its upstream hears, and so
 * both end as they would by themselves.
 *
 * @param frames Follows what comes from the upstream.
 * @returns Does it, once.
 */
function sayGoodbye(
  upstream: Socket,
  client: Socket,
  frames: FrameBorders,
  goodbye: () => void,
): () => void {
  let state: 'open' | 'leaving' | 'left' = 'open'
  upstream.on('data', (chunk: Buffer) => {
    if (state === 'open') frames.pass(chunk)
    if (state !== 'leaving') return
    const border = frames.passFrame(chunk)
    const rest = border === undefined ? chunk : chunk.subarray(0, border)
    if (!client.write(rest)) {
      upstream.pause()
      client.once('drain', () => upstream.resume())
    }
    if (border !== undefined) finish()
  })
  const finish = () => {
    state = 'left'
    if (!frames.hasClosed) goodbye()
  }
  return () => {
    // Where the sides say goodbye already, nothing has to be added.
    if (state !== 'open' || frames.hasClosed || client.destroyed) return
    state = 'leaving'
    upstream.unpipe(client)
    if (frames.isBetween) finish()
    upstream.resume()
  }
}

/**
 * Hands on what comes from one side at the pace of the other, and its end. A side that breaks breaks the
 * other.
 *
 * @param moved Told the bytes of each chunk; none at the end.
 */
function join(from: Socket, to: Socket, moved: (size: number) => void): void {
  from.on('error', () => {})
  from.on('data', (chunk: Buffer) => moved(chunk.length))
  from.once('end', () => moved(0))
  // The first to know: whoever counts the exchange listens to the same event.
  from.prependOnceListener('close', () => {
    moved(0)
    // What came before an orderly end is still delivered.
    if (from.readableEnded) to.destroySoon()
    else to.destroy()
  })
  from.pipe(to)
}
