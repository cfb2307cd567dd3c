/**
 * What clients may use up, as a configuration has it.
 *
 * @module
 */

export interface LimitsConfig {
  /** Bytes of the header section, and lines in it. */
  readonly headerBytes: number
  readonly headerLines: number
  /** Bytes of the request target, of a token, and of a proof. */
  readonly target: number
  readonly token: number
  readonly connections: number
  readonly connectionsPerAddress: number
  /** All in seconds. */
  readonly handshake: number
  readonly headers: number
  readonly request: number
  readonly idle: number
  readonly keepAlive: number
  readonly requestsPerConnection: number
}
