/**
 * A TLS listener: handshake, connection facts, and requests handed to the gateway.
 *
 * @module
 */

import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { Socket } from 'node:net'
import type { Duplex, Readable } from 'node:stream'
import type { TLSSocket } from 'node:tls'
import type { Connection } from '../check/request.ts'
import type { ListenerConfig } from '../config/configuration.ts'
import type { LimitsConfig } from '../config/limits.ts'
import { type Failure, fail } from '../failure/failure.ts'
import type { ClientRequest, ClientResponse } from '../gateway/client.ts'
import type { Gateway } from '../gateway/handler.ts'
import type { ClientTunnel } from '../gateway/tunnel.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { readConnection, serverNameOf } from './connection.ts'
import { limitConnections } from './connection-count.ts'
import { Front } from './front.ts'
import { countHandshake, countHandshakeError } from './handshake.ts'
import { http1Options, limitHttp1 } from './http1-limits.ts'
import { Http1Refusals } from './http1-refusals.ts'
import { Http2Connection, type Http2Parts } from './http2-connection.ts'
import { listen, urlOf } from './listening.ts'
import { refusedTunnel } from './malformed.ts'
import { OpenResponses } from './open-responses.ts'
import { PendingHandshakes } from './pending-handshakes.ts'
import { ServerNames } from './server-name.ts'
import type { TicketKeys } from './ticket-keys.ts'
import { certificateDemand, contextOptions, Hosts, isSameTrust } from './tls-context.ts'
import { isWebSocketHandshake, Upgrades } from './upgrade.ts'

export interface ListenerParts {
  readonly gateway: Gateway
  readonly metrics: Metrics
  readonly limits: LimitsConfig
  /** Seconds for which a connection may be silent while a request is under way. */
  readonly silence: number
  readonly ticketKeys: TicketKeys
  /** Called for what was refused before it was a request. */
  refused(listener: string, failure: Failure, interactionId: string): void
}

/** One address of a configuration, with its TLS server. */
export class Listener {
  readonly #parts: ListenerParts
  readonly #server: Server
  readonly #names = new ServerNames((name) => this.#hosts.find(name))
  #connections = new WeakMap<object, Connection>()
  readonly #responses = new OpenResponses()
  readonly #pending = new PendingHandshakes()
  readonly #refusals = new Http1Refusals(
    this.#responses,
    (...refusal) => this.#parts.refused(this.#config.id, ...refusal),
    () => this.#config.hsts,
  )
  readonly #upgrades: Upgrades
  readonly #http2 = new Set<Http2Connection>()
  #config: ListenerConfig
  #hosts: Hosts
  #front: Front
  #draining = false

  constructor(config: ListenerConfig, parts: ListenerParts) {
    this.#config = config
    this.#parts = parts
    this.#hosts = new Hosts(config)
    this.#upgrades = new Upgrades(parts.metrics, parts.limits.idle)
    this.#front = new Front(config)
    this.#server = this.#createServer()
  }

  get address(): string {
    return urlOf(this.#server, 'https')
  }

  listen(): Promise<void> {
    return listen(this.#server, this.#config.host, this.#config.port)
  }

  /**
   * Prepares new certificates, names and policies.
   *
   * @returns Puts them in force, from the next handshake and request on.
   * @throws If a certificate or key cannot be used. Nothing has changed then.
   */
  prepare(config: ListenerConfig): () => void {
    const hosts = new Hosts(config)
    const front = new Front(config)
    return () => this.#reload(config, hosts, front)
  }

  #reload(config: ListenerConfig, hosts: Hosts, front: Front): void {
    // RFC 9325 §7.5: what was believed of a client by the former rule is not believed by the new one.
    if (!isSameTrust(config, this.#config)) {
      this.#connections = new WeakMap()
      this.#pending.end()
      for (const connection of this.#http2) connection.finish()
      this.#server.closeIdleConnections()
      this.#upgrades.closeTunnels()
    }
    this.#config = config
    this.#hosts = hosts
    this.#front = front
    this.#server.setSecureContext(contextOptions(config, config.certificates[0]!))
    // Node reads it for each connection, and has no other way to say it.
    Object.assign(this.#server, certificateDemand(config))
  }

  /** Takes no new connection; answers what is under way and says that it was the last. */
  drain(): Promise<void> {
    this.#draining = true
    for (const connection of this.#http2) connection.finish()
    this.#responses.drain()
    return new Promise((resolve) => {
      this.#server.close(() => resolve())
      this.#server.closeIdleConnections()
    })
  }

  /** Ends every connection. */
  destroy(): void {
    for (const connection of this.#http2) connection.destroy()
    this.#server.closeAllConnections()
    this.#upgrades.destroy()
  }

  #createServer(): Server {
    const { limits, silence } = this.#parts
    const server = createServer({
      ...contextOptions(this.#config, this.#config.certificates[0]!),
      // RFC 9325 §3.8: nothing else is spoken here.
      ALPNProtocols: [...this.#config.alpn],
      // RFC 9325 §3.7: a name that is not served is refused in the handshake.
      SNICallback: this.#names.choose,
      ...certificateDemand(this.#config),
      handshakeTimeout: limits.handshake * 1000,
      ...http1Options(limits),
      shouldUpgradeCallback: (incoming) =>
        this.#responses.hasAnswered(incoming.socket) && isWebSocketHandshake(incoming),
    })
    this.#parts.ticketKeys.watch(server, this.#config.id)
    this.#names.watch(server)
    this.#pending.watch(server)
    server.maxConnections = limits.connections
    limitConnections(server, limits.connectionsPerAddress, (one) => this.#front.trusts(one))
    limitHttp1(server, limits, silence)

    // What Node does with a connection, for those that shall be HTTP/1.
    const parse = server.listeners('secureConnection')
    server.removeAllListeners('secureConnection')
    server.on('secureConnection', (socket) => {
      const connection = this.#greet(socket)
      if (connection === undefined) socket.destroy()
      else if (socket.alpnProtocol === 'h2') this.#serveStreams(socket, connection)
      // Who names no protocol speaks HTTP/1.
      else if (!this.#config.alpn.includes('http/1.1')) socket.destroy()
      else for (const listener of parse) listener.call(server, socket)
    })
    server.on('tlsClientError', (error, socket) => {
      countHandshakeError(this.#parts.metrics, this.#config.id, error, socket)
    })
    server.on('request', (incoming, response) => this.#serve(incoming, response, false))
    server.on('checkContinue', (incoming, response) => this.#serve(incoming, response, true))
    server.on('checkExpectation', (incoming, response) => this.#serve(incoming, response, false))
    server.on('upgrade', (incoming, socket, head) =>
      this.#upgrade(incoming, socket as Socket, head),
    )
    // RFC 9110 §9.3.6: no tunnels.
    server.on('connect', (_, socket: Duplex) => {
      this.#responses.watch(socket)
      this.#refusals.behind(socket, refusedTunnel())
    })
    server.on('clientError', (error, socket) => this.#refusals.malformed(error, socket))
    return server
  }

  /** @returns Undefined if it is not to be served. */
  #greet(socket: TLSSocket): Connection | undefined {
    this.#pending.done(socket)
    const host = this.#hosts.find(serverNameOf(socket))
    if (host === undefined) return undefined
    const policy = host.certificate.clientCertificate
    const connection = readConnection(socket, this.#config.id, policy, this.#front)
    countHandshake(this.#parts.metrics, socket, connection)
    // `required`: no connection without a chain that holds. The handshake cannot say so host by host.
    const { certificate } = connection
    if (
      policy.mode === 'required' &&
      policy.from === 'tls' &&
      (certificate === undefined || certificate.chainError !== undefined)
    ) {
      return undefined
    }
    this.#connections.set(socket, connection)
    socket.once('close', () => this.#responses.forget(socket))
    return connection
  }

  #serveStreams(socket: TLSSocket, connection: Connection): void {
    const { limits, refused } = this.#parts
    const parts: Http2Parts = {
      limits,
      serve: (...exchange) => this.#pass(connection, ...exchange),
      hsts: this.#config.hsts,
      refused: (failure, interactionId) => refused(connection.listener, failure, interactionId),
      closed: (served) => this.#http2.delete(served),
    }
    this.#http2.add(new Http2Connection(socket, parts))
  }

  #upgrade(incoming: IncomingMessage, socket: Socket, head: Buffer): void {
    this.#upgrades.take(socket)
    const former = this.#responses.lastOf(socket)
    const serve = () => {
      if (socket.destroyed) return
      const response = this.#upgrades.respond(incoming, socket)
      this.#serve(incoming, response, false, this.#upgrades.tunnel(socket, head))
    }
    if (former === undefined || former.closed) serve()
    else former.once('close', serve)
  }

  #serve(
    incoming: IncomingMessage,
    response: ServerResponse,
    expectsContinue: boolean,
    tunnel?: ClientTunnel,
  ): void {
    const connection = this.#connections.get(incoming.socket)
    if (connection === undefined) {
      this.#refusals.behind(incoming.socket, connectionBeforeReload())
      return
    }
    // RFC 9112 §9.6: behind an answer that says it is the last, no request is served.
    if (this.#refusals.has(incoming.socket)) return
    if (this.#responses.lastOf(incoming.socket)?.shouldKeepAlive === false) return
    // RFC 9110 §7.8: nothing is upgraded. Node's parser loses bytes behind such a request: it is the last.
    if (this.#draining || 'upgrade' in incoming.headers) response.shouldKeepAlive = false
    this.#responses.inTurn(incoming.socket, response, () => {
      // RFC 9325 §7.5: what was believed when it came may not be when its turn comes.
      if (this.#connections.get(incoming.socket) !== connection) {
        this.#refusals.now(incoming.socket, connectionBeforeReload())
      } else this.#pass(connection, incoming, incoming, response, expectsContinue, tunnel)
    })
  }

  #pass(
    connection: Connection,
    request: ClientRequest,
    body: Readable,
    response: ClientResponse,
    expectsContinue: boolean,
    tunnel?: ClientTunnel,
  ): void {
    const { metrics, gateway } = this.#parts
    metrics.inFlight.inc({ listener: connection.listener })
    const { publicUrls } = this.#config
    gateway.serve(request, body, response, connection, publicUrls, expectsContinue, tunnel)
  }
}

function connectionBeforeReload(): Failure {
  return fail('misdirected_request', 'connection_before_reload')
}
