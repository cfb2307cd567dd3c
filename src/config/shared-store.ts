/**
 * The store that instances share, as a configuration has it.
 *
 * @module
 */

import type { OutboundTls } from './configuration.ts'

export interface StoreAddress {
  /** Without the brackets of an IPv6 address. */
  readonly host: string
  readonly port: number
}

export interface StoreUser {
  /** Undefined: the default user. */
  readonly username: string | undefined
  /** Undefined: nothing is proven. */
  readonly password: string | undefined
}

/** Where the servers are that are written to. */
export type StoreTopology =
  | { readonly kind: 'single'; readonly address: StoreAddress }
  | {
      readonly kind: 'sentinel'
      /** Name by which the sentinels know the server. */
      readonly master: string
      readonly sentinels: readonly StoreAddress[]
      readonly user: StoreUser
    }
  /** Some nodes, which name the others. */
  | { readonly kind: 'cluster'; readonly seeds: readonly StoreAddress[] }

export interface RedisConfig {
  readonly topology: StoreTopology
  readonly user: StoreUser
  readonly database: number
  /** Undefined: plain TCP. */
  readonly tls: OutboundTls | undefined
  readonly keyPrefix: string
  /** Seconds for one answer. */
  readonly timeout: number
  /** Commands to one server that wait for an answer. */
  readonly maxInFlight: number
  readonly waitForReplicas: number
  /** The one in use first. */
  readonly encryptionKeys: readonly string[]
}
