/**
 * A TLS listener: handshake, connection facts, and requests handed to the gateway.
 *
 * @module
 */

import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer, type Server } from 'node:https'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { SecureContext, TLSSocket } from 'node:tls'
import type { Connection } from '../check/request.ts'
import type { LimitsConfig, ListenerConfig } from '../config/configuration.ts'
import { type Failure, fail } from '../failure/failure.ts'
import type { Gateway } from '../gateway/handler.ts'
import type { ClientTunnel } from '../gateway/tunnel.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { readConnection } from './connection.ts'
import { limitConnections } from './connection-count.ts'
import { handshakeFault } from './handshake-fault.ts'
import { listen, urlOf } from './listening.ts'
import { failureOfParser, refuseRaw } from './malformed.ts'
import { asksForCertificates, contextOptions, Hosts, isSameTrust } from './tls-context.ts'
import { isWebSocketHandshake, Upgrades } from './upgrade.ts'

export interface ListenerParts {
  readonly gateway: Gateway
  readonly metrics: Metrics
  readonly limits: LimitsConfig
  /** Seconds for which a connection may be silent while a request is under way. */
  readonly silence: number
  /** Called for what was refused before it was a request. */
  refused(listener: string, failure: Failure): void
}

/** One address of a configuration, with its TLS server. */
export class Listener {
  readonly #parts: ListenerParts
  readonly #server: Server
  #connections = new WeakMap<object, Connection>()
  /** The last response of each connection, by its socket. */
  readonly #responses = new Map<Duplex, ServerResponse>()
  /** Sockets whose last answer was written by hand. */
  readonly #refused = new WeakSet<object>()
  readonly #upgrades: Upgrades
  #config: ListenerConfig
  #hosts: Hosts
  #draining = false

  constructor(config: ListenerConfig, parts: ListenerParts) {
    this.#config = config
    this.#parts = parts
    this.#hosts = new Hosts(config)
    this.#upgrades = new Upgrades(parts.metrics, parts.limits.idle)
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
    return () => this.#reload(config, hosts)
  }

  #reload(config: ListenerConfig, hosts: Hosts): void {
    // RFC 9325 §7.5: what was believed of a client by the former rule is not believed by the new one.
    if (!isSameTrust(config, this.#config)) {
      this.#connections = new WeakMap()
      this.#server.closeIdleConnections()
      this.#upgrades.closeTunnels()
    }
    this.#config = config
    this.#hosts = hosts
    const [first] = config.certificates
    if (first !== undefined) this.#server.setSecureContext(contextOptions(config, first))
  }

  /** Takes no new connection; answers what is under way and says that it was the last. */
  drain(): Promise<void> {
    this.#draining = true
    for (const [socket, response] of this.#responses) {
      if (!response.headersSent) response.shouldKeepAlive = false
      // It has said that another request may follow; that is not served any more.
      else if (!response.writableFinished) response.once('close', () => socket.end())
    }
    return new Promise((resolve) => {
      this.#server.close(() => resolve())
      this.#server.closeIdleConnections()
    })
  }

  /** Ends every connection. */
  destroy(): void {
    this.#server.closeAllConnections()
    this.#upgrades.destroy()
  }

  #createServer(): Server {
    const { limits, silence } = this.#parts
    const server = createServer({
      ...contextOptions(this.#config, this.#config.certificates[0]!),
      // RFC 9325 §3.8: nothing else is spoken here.
      ALPNProtocols: ['http/1.1'],
      SNICallback: (name, done) => this.#chooseContext(name, done),
      // The chain is judged per request, where the client can be told why; see check/sender-constraint.
      requestCert: asksForCertificates(this.#config),
      rejectUnauthorized: false,
      handshakeTimeout: limits.handshake * 1000,
      insecureHTTPParser: false,
      requireHostHeader: false,
      maxHeaderSize: limits.headerBytes,
      // The head is part of the request: Node wants that said in numbers too.
      headersTimeout: Math.min(limits.headers, limits.request) * 1000,
      requestTimeout: limits.request * 1000,
      connectionsCheckingInterval: 1000,
      keepAliveTimeout: limits.keepAlive * 1000,
      noDelay: true,
      shouldUpgradeCallback: (incoming) =>
        this.#isAlone(incoming.socket) && isWebSocketHandshake(incoming),
    })
    server.maxConnections = limits.connections
    limitConnections(server, limits.connectionsPerAddress)
    server.maxRequestsPerSocket = limits.requestsPerConnection
    // Lines are counted by checkMessage, which has an answer for too many.
    server.maxHeadersCount = 0
    server.setTimeout(silence * 1000)

    server.on('secureConnection', (socket) => this.#greet(socket))
    server.on('tlsClientError', (error) => {
      const labels = { listener: this.#config.id, reason: handshakeFault(error) }
      this.#parts.metrics.tlsHandshakeErrors.inc(labels)
    })
    server.on('request', (incoming, response) => this.#serve(incoming, response, false))
    server.on('checkContinue', (incoming, response) => this.#serve(incoming, response, true))
    server.on('checkExpectation', (incoming, response) => this.#serve(incoming, response, false))
    server.on('upgrade', (incoming, socket, head) =>
      this.#upgrade(incoming, socket as Socket, head),
    )
    // RFC 9110 §9.3.6: no tunnels.
    server.on('connect', (_, socket: Duplex) => {
      // The parser has let go of the socket, and of its errors.
      socket.on('error', () => {})
      this.#refuseBehind(socket, fail('method_not_allowed', 'method_connect'))
    })
    server.on('clientError', (error, socket) => this.#refuseMalformed(error, socket))
    return server
  }

  #chooseContext(name: string, done: (error: Error | null, context?: SecureContext) => void): void {
    const host = this.#hosts.find(name.toLowerCase())
    // RFC 9325 §3.7: a name that is not served is refused in the handshake.
    if (host === undefined) done(new Error('no such host'))
    else done(null, host.context)
  }

  #greet(socket: TLSSocket): void {
    const { servername } = socket as { servername?: string | false }
    const name = typeof servername === 'string' ? servername.toLowerCase() : undefined
    const host = this.#hosts.find(name)
    if (host === undefined) {
      socket.destroy()
      return
    }
    const policy = host.certificate.clientCertificate
    const connection = readConnection(socket, this.#config.id, policy)
    this.#parts.metrics.tlsHandshakes.inc({
      listener: this.#config.id,
      version: connection.protocol,
      client_certificate: certificateLabel(connection),
      resumed: String(socket.isSessionReused()),
    })
    // `required`: no connection without a chain that holds. The handshake cannot say so host by host.
    const { certificate } = connection
    if (
      policy.mode === 'required' &&
      (certificate === undefined || certificate.chainError !== undefined)
    ) {
      socket.destroy()
      return
    }
    this.#connections.set(socket, connection)
    socket.once('close', () => this.#responses.delete(socket))
  }

  /** Whether every request before has its whole answer. */
  #isAlone(socket: Duplex): boolean {
    return this.#responses.get(socket)?.writableFinished !== false
  }

  #upgrade(incoming: IncomingMessage, socket: Socket, head: Buffer): void {
    this.#upgrades.take(socket)
    const former = this.#responses.get(socket)
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
      this.#refuseBehind(incoming.socket, fail('misdirected_request', 'connection_before_reload'))
      return
    }
    // RFC 9112 §9.6: behind an answer that says it is the last, no request is served.
    if (this.#refused.has(incoming.socket)) return
    if (this.#responses.get(incoming.socket)?.shouldKeepAlive === false) return
    // RFC 9110 §7.8: nothing is upgraded. Node's parser loses bytes behind such a request: it is the last.
    if (this.#draining || 'upgrade' in incoming.headers) response.shouldKeepAlive = false
    this.#responses.set(incoming.socket, response)
    this.#parts.metrics.inFlight.inc({ listener: connection.listener })
    this.#parts.gateway.serve(
      incoming,
      response,
      connection,
      this.#config.publicUrls,
      expectsContinue,
      tunnel,
    )
  }

  #refuseMalformed(error: Error, socket: Duplex): void {
    // What is sent behind it is dropped: closing now would take the answer from the client.
    if (this.#refused.has(socket)) return
    if (('code' in error && error.code === 'ECONNRESET') || !socket.writable) {
      socket.destroy()
      return
    }
    const failure = failureOfParser(error)
    const response = this.#responses.get(socket)
    // A response under way is finished first; what came behind it is then refused.
    if (response === undefined || response.writableFinished || response.req.complete) {
      this.#refuseBehind(socket, failure)
    } else {
      // It was the content of this very request that is malformed. To destroy the request would destroy
      // the socket before it is answered; the upstream gets no more of it, and is let go when the socket
      // closes. A response that has no socket yet stands behind another: nothing can be said in order.
      response.req.unpipe()
      response.req.pause()
      if (response.headersSent || response.socket === null) socket.destroy()
      else this.#refuse(socket, failure)
    }
  }

  /** Refuses what comes on a connection, once the response under way on it is done. */
  #refuseBehind(socket: Duplex, failure: Failure): void {
    // Once: whatever else comes on it is behind this.
    if (this.#refused.has(socket)) return
    this.#refused.add(socket)
    const response = this.#responses.get(socket)
    if (response === undefined || response.destroyed || response.writableFinished) {
      this.#refuse(socket, failure)
    } else {
      response.once('close', () => this.#refuse(socket, failure))
    }
  }

  #refuse(socket: Duplex, failure: Failure): void {
    this.#parts.refused(this.#config.id, failure)
    this.#refused.add(socket)
    if (socket.writable) refuseRaw(socket, failure, this.#config.hsts)
    else socket.destroy()
  }
}

function certificateLabel({ certificate }: Connection): string {
  if (certificate === undefined) return 'none'
  return certificate.chainError === undefined ? 'trusted' : 'untrusted'
}
