/**
 * One request and its response, as far as the accounting wants to know: what is noted here goes into the
 * access log and the metrics when the response has ended.
 *
 * @module
 */

import type { Readable } from 'node:stream'
import type { Connection, ResourceRequest } from '../check/request.ts'
import type { Failure } from '../failure/failure.ts'
import type { Content } from '../http/message.ts'
import type { WebSocketHandshake } from '../http/websocket.ts'
import type { Answer } from './answer.ts'
import type { ClientRequest, ClientResponse } from './client.ts'
import type { Route } from './route.ts'
import type { ClientTunnel, TunnelEnd } from './tunnel.ts'

/** Every field is assigned in the constructor, so all instances share one hidden class. */
export class Exchange {
  readonly incoming: ClientRequest
  /** The content of the request, as it comes. */
  readonly body: Readable
  readonly response: ClientResponse
  readonly connection: Connection
  readonly interactionId: string
  /** Of the client, as far as a trusted proxy in front says it; otherwise of the connection. */
  readonly clientAddress: string
  /** Whether the client waits for a 100 before it sends content (RFC 9110 §10.1.1). */
  expectsContinue: boolean
  /** Milliseconds of a clock that never jumps. */
  readonly startedAt: number
  content: Content
  /** The authority that was asked for, when it is found to be ours: lower-case, with the port if one came. */
  authority: string
  /** Where the metadata of the resource is, if it is published (RFC 9728). */
  metadataUrl: string | undefined
  route: Route | undefined
  request: ResourceRequest | undefined
  failure: Failure | undefined
  /** Methods the path knows, for a 405. */
  allow: readonly string[] | undefined
  /** The client's half of a tunnel, where its connection can become one. */
  clientTunnel: ClientTunnel | undefined
  /** The WebSocket that is asked for, on a route that has them. */
  handshake: WebSocketHandshake | undefined
  /** Who forwards it, to be told when the response is closed, in whatever way. */
  forwarding: { closed(): void } | undefined
  /** What ended the tunnel, if there was one. */
  tunnelEnd: TunnelEnd | undefined
  /** `Strict-Transport-Security`, where it is said. */
  hsts: string | undefined
  /** How the gateway calls itself (RFC 9110 §7.6.3). */
  pseudonym: string
  /** How many more recipients may forward it, where it says (RFC 9110 §7.6.2). */
  hops: number | undefined
  /** What the gateway answers in the upstream's place when the checks have passed. */
  ownAnswer: Answer | undefined
  /** Milliseconds that were spent waiting for an issuer or a store. */
  issuerWait: number
  decidedAt: number | undefined
  dispatchedAt: number | undefined
  upstreamAnsweredAt: number | undefined
  upstreamEndedAt: number | undefined
  /** Whether the upstream's response broke off. */
  truncated: boolean
  bytesIn: number
  bytesOut: number

  constructor(
    incoming: ClientRequest,
    body: Readable,
    response: ClientResponse,
    connection: Connection,
    interactionId: string,
    expectsContinue: boolean,
    startedAt: number,
  ) {
    this.incoming = incoming
    this.body = body
    this.response = response
    this.connection = connection
    this.interactionId = interactionId
    this.clientAddress =
      connection.front === undefined
        ? connection.remoteAddress
        : connection.front.addressOf(incoming.rawHeaders)
    this.expectsContinue = expectsContinue
    this.startedAt = startedAt
    this.content = { length: undefined, present: false }
    this.authority = ''
    this.metadataUrl = undefined
    this.route = undefined
    this.request = undefined
    this.failure = undefined
    this.allow = undefined
    this.clientTunnel = undefined
    this.handshake = undefined
    this.forwarding = undefined
    this.tunnelEnd = undefined
    this.hsts = undefined
    this.pseudonym = 'fapi-gateway'
    this.hops = undefined
    this.ownAnswer = undefined
    this.issuerWait = 0
    this.decidedAt = undefined
    this.dispatchedAt = undefined
    this.upstreamAnsweredAt = undefined
    this.upstreamEndedAt = undefined
    this.truncated = false
    this.bytesIn = 0
    this.bytesOut = 0
  }

  /**
   * Whether content is still to come that stands before whatever comes next on the connection. A request
   * without any has none to wait for, and a stream of HTTP/2 stands in nobody's way (RFC 9113 §5).
   */
  get isReceiving(): boolean {
    const { content, incoming } = this
    return content.present && !incoming.complete && !this.isStream
  }

  /** Whether the request is a stream of HTTP/2, one of several on its connection. */
  get isStream(): boolean {
    return this.incoming.endsWithHead !== undefined
  }
}
