/**
 * What forwarding needs of an upstream. Implemented in src/adapter, with the connection pools.
 *
 * @module
 */

import type { Socket } from 'node:net'
import type { Readable } from 'node:stream'

export interface UpstreamRequest {
  readonly method: string
  /** Path and query, as the upstream shall see them. */
  readonly path: string
  /** Names and values in turn. */
  readonly headers: string[]
  readonly body: Readable | Buffer | null
  /** The protocol to change to (RFC 9110 §7.8); null: none. */
  readonly upgrade: 'websocket' | null
}

/** The grip on an exchange under way. */
export interface UpstreamController {
  readonly rawHeaders?: unknown
  abort(reason: Error): void
  pause(): void
  resume(): void
}

/** One object of methods an exchange, called in this order. */
export interface UpstreamHandler {
  onRequestStart(controller: UpstreamController, context: unknown): void
  /** Called with a 101 and its connection, which nobody else holds from then on. */
  onRequestUpgrade(
    controller: UpstreamController,
    status: number,
    headers: unknown,
    socket: Socket,
  ): void
  /** Called at the first byte of an answer. */
  onResponseStarted(): void
  /** Called for interim responses too. */
  onResponseStart(controller: UpstreamController, status: number): void
  onResponseData(controller: UpstreamController, chunk: Buffer): void
  onResponseEnd(controller: UpstreamController): void
  onResponseError(controller: UpstreamController | null, error: Error): void
}

export interface Upstream {
  /** Its key in the configuration, or its origin. */
  readonly id: string
  /** Put before the path. */
  readonly basePath: string
  /** Seconds that an exchange with it may take in all; undefined: not limited. */
  readonly wholeTimeout: number | undefined
  /** Whether so many requests wait for a connection that one more would only wait too. */
  isBusy(): boolean
  dispatch(request: UpstreamRequest, handler: UpstreamHandler): void
}
