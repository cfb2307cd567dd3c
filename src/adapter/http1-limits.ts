/**
 * What a connection of HTTP/1 may cost, as options of Node's server.
 *
 * @module
 */

import type { ServerOptions } from 'node:http'
import type { Server } from 'node:https'
import type { LimitsConfig } from '../config/limits.ts'

export function http1Options(limits: LimitsConfig): ServerOptions {
  return {
    insecureHTTPParser: false,
    requireHostHeader: false,
    maxHeaderSize: limits.headerBytes,
    // The head is part of the request: Node wants that said in numbers too.
    headersTimeout: Math.min(limits.headers, limits.request) * 1000,
    requestTimeout: limits.request * 1000,
    connectionsCheckingInterval: 1000,
    keepAliveTimeout: limits.keepAlive * 1000,
    noDelay: true,
    // No stream is opened for content that does not come.
    optimizeEmptyRequests: true,
  }
}

/**
 * The limits that are no options.
 *
 * @param silence Seconds for which a connection may be silent while a request is under way.
 */
export function limitHttp1(server: Server, limits: LimitsConfig, silence: number): void {
  server.maxRequestsPerSocket = limits.requestsPerConnection
  // Lines are counted by checkMessage, which has an answer for too many.
  server.maxHeadersCount = 0
  server.setTimeout(silence * 1000)
}
