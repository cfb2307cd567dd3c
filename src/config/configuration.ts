/**
 * A configuration that holds: every reference resolved, every file and secret read, every setting
 * narrowed from its profile. What the rest of the program is built from; plain data, frozen.
 *
 * @module
 */

import type { ClientCertFields } from '../http/client-cert.ts'
import type { CorsPolicy } from '../http/cors.ts'
import type { ForwardedForField } from '../http/forwarded-for.ts'
import type { AlgorithmName } from '../jose/algorithm.ts'
import type { EncryptionConfig } from './encryption.ts'
import type { LimitsConfig } from './limits.ts'
import type { RevocationConfig } from './revocation-source.ts'
import type { RedisConfig } from './shared-store.ts'

/** Where something stands in a configuration file; lines and columns count from 1. */
export interface Position {
  readonly file: string
  readonly line: number
  readonly column: number
  /** Length of what is meant, in characters, for the caret line. */
  readonly length: number
}

/** A setting of a check on one route: its value, and who fixed it by which clause. */
export interface Setting {
  /** `check.setting`. */
  readonly name: string
  readonly is: unknown
  /** The clause of the specification, where a profile fixed it. */
  readonly by: string | undefined
  /** The profile's name, `defaults`, `routes.<id>`, or `built-in`. */
  readonly from: string
}

/** One policy a check: parsed values of the check's own schema. */
export type Policies = Readonly<Record<string, Readonly<Record<string, unknown>>>>

/** How an origin of this gateway is called from outside. */
export interface PublicUrl {
  /** `https://host[:port]` without the default port, then the base path without a trailing slash. */
  readonly prefix: string
  /** Lower-case host, without port. */
  readonly host: string
  readonly port: number
}

/**
 * `off`: not asked for. `request`: asked for, any chain is taken (self-signed certificates that are only
 * pinned by a token). `optional`: asked for, and believed only with a chain to the CAs. `required`: no
 * handshake without such a chain.
 */
export type ClientCertificateMode = 'off' | 'request' | 'optional' | 'required'

/** The handshake, or the fields of a trusted proxy in front. */
export type ClientCertificateSource = 'tls' | ClientCertFields

export interface ClientCertificatePolicy {
  readonly mode: ClientCertificateMode
  readonly from: ClientCertificateSource
  /** PEM bundle of the CAs; undefined in the modes that check no chain. */
  readonly ca: string | undefined
  /** Undefined: whether certificates were revoked is not asked. */
  readonly revocation?: RevocationConfig | undefined
}

export interface ServerCertificate {
  /** How metrics and errors call it: the path of its file. */
  readonly name: string
  /** PEM chain and PEM key. */
  readonly cert: string
  readonly key: string
  /** Lower-case host names it is shown for; `*.example` covers one label. Empty: all the rest. */
  readonly hosts: readonly string[]
  /** The policy of these hosts; the listener's own unless the configuration says otherwise. */
  readonly clientCertificate: ClientCertificatePolicy
}

export interface ListenerConfig {
  readonly id: string
  readonly host: string
  readonly port: number
  readonly publicUrls: readonly PublicUrl[]
  readonly certificates: readonly ServerCertificate[]
  readonly clientCertificate: ClientCertificatePolicy
  /** Ranges of addresses, `address/prefix`: who connects from there may say for whom it asks. */
  readonly trustedProxies: readonly string[]
  /** Where a trusted proxy says the client's address; undefined: its own is taken. */
  readonly clientAddress: ForwardedForField | undefined
  /** `1.2` or `1.3`. */
  readonly minVersion: string
  /** IANA names. */
  readonly cipherSuites: readonly string[]
  /** Whether clients may resume sessions. */
  readonly sessionTickets: boolean
  /** Seconds for which browsers shall keep to https; undefined: they are not told. */
  readonly hsts: number | undefined
  /** ALPN identifiers, the preferred first: `h2`, `http/1.1`. */
  readonly alpn: readonly string[]
}

/** How an outbound TLS connection is made. Always verified. */
export interface OutboundTls {
  /** PEM bundle; undefined: the CAs that Node ships. */
  readonly ca: string | undefined
  readonly cert: string | undefined
  readonly key: string | undefined
  /** Name to ask for and to verify, where it is not the URL's host. */
  readonly serverName: string | undefined
}

/** How the gateway authenticates at an introspection endpoint (RFC 6749 §2.3, RFC 7523, RFC 8705 §2). */
export type ClientAuthentication =
  | {
      readonly method: 'client_secret_basic' | 'client_secret_post'
      readonly clientId: string
      readonly clientSecret: string
    }
  | {
      readonly method: 'private_key_jwt'
      readonly clientId: string
      /** PEM (PKCS #8) or JWK text. */
      readonly key: string
      readonly keyId: string | undefined
      readonly algorithm: AlgorithmName
    }
  | { readonly method: 'tls_client_auth'; readonly clientId: string }

/** Most that a cache keeps, whichever is reached first. */
export interface CacheBounds {
  readonly entries: number
  readonly bytes: number
}

export interface IntrospectionConfig {
  /** Undefined: found by discovery. */
  readonly endpoint: string | undefined
  /** `jwt`: signed by the issuer (RFC 9701); plain JSON is then no answer. */
  readonly response: 'json' | 'jwt'
  readonly authentication: ClientAuthentication
  readonly tls: OutboundTls
  /** Seconds; `0` asks every time. */
  readonly ttl: number
  readonly negativeTtl: number
  readonly cache: CacheBounds
  /** Seconds from asking to a verdict. */
  /** Whether instances share answers about active tokens. */
  readonly shared: boolean
  readonly timeout: number
  /** Calls at a time. */
  readonly connections: number
  /** When an endpoint that does not answer is left alone. */
  readonly breaker: {
    readonly failures: number
    /** Seconds. */
    readonly window: number
    readonly halfOpenAfter: number
  }
}

export interface IssuerConfig {
  readonly id: string
  readonly issuer: string
  readonly audiences: readonly string[]
  readonly tokens: 'jwt' | 'introspection'
  readonly algorithms: readonly AlgorithmName[]
  /** Seconds. */
  readonly clockSkew: number
  readonly typeRequired: boolean
  readonly maxLifetime: number | undefined
  /** Seconds for which a revoked token may still pass; undefined: nothing is promised. */
  readonly revocationMaxDelay: number | undefined
  /** Undefined: found by discovery, where keys are needed at all. */
  readonly jwksUri: string | undefined
  readonly jwks: {
    /** All in seconds. */
    readonly refresh: number
    readonly cooldown: number
    readonly staleIfError: number
    readonly timeout: number
  }
  readonly introspection: IntrospectionConfig | undefined
  /** Undefined: its tokens are not encrypted. */
  readonly encryption: EncryptionConfig | undefined
  readonly tls: OutboundTls
  /** Of verified tokens. */
  readonly cache: CacheBounds
}

export interface UpstreamConfig {
  readonly id: string
  /** `http:` or `https:` origin. */
  readonly origin: string
  /** Put before the path; without a trailing slash. */
  readonly basePath: string
  readonly tls: OutboundTls
  readonly connections: number
  /** All in seconds. */
  readonly keepAlive: number
  readonly connectTimeout: number
  readonly responseTimeout: number
  readonly idleTimeout: number
  /** For a whole exchange; undefined: not limited. */
  readonly wholeTimeout: number | undefined
}

/** Names of the fields by which the upstream learns what was verified; undefined: not told. */
export interface ForwardConfig {
  readonly clientId: string | undefined
  readonly subject: string | undefined
  readonly scope: string | undefined
  readonly issuer: string | undefined
  /** `mtls`, `dpop`, `mtls+dpop` or `none`. */
  readonly binding: string | undefined
  readonly thumbprint: string | undefined
  /** RFC 9440: the client's certificate, and what is between it and its CA. */
  readonly clientCert: string | undefined
  readonly clientCertChain: string | undefined
  /** Names of fields that a client may not send to this upstream either. */
  readonly removed: readonly string[]
  readonly authorization: 'strip' | 'pass'
}

export interface RouteConfig {
  readonly id: string
  readonly position: Position
  /** Lower-case; undefined: every host that the listeners serve. */
  readonly hosts: readonly string[] | undefined
  /** Canonical path patterns: literal segments, `*` for one segment, `**` last for any number. */
  readonly paths: readonly string[]
  /** Undefined: every one that is common. */
  readonly methods: readonly string[] | undefined
  readonly isPublic: boolean
  /** Whether a WebSocket may be opened. */
  readonly websocket: boolean
  readonly issuers: readonly string[]
  /** For every check, by name. Settings that were left open have the profile's default. */
  readonly policies: Policies
  /** Where each of these came from, in the order of the checks. */
  readonly settings: readonly Setting[]
  readonly upstream: string
  readonly forward: ForwardConfig
  /** Largest request body, in bytes. */
  readonly maxBody: number
  /** Undefined: scripts of other origins cannot call. */
  readonly cors: CorsPolicy | undefined
  /** For the `realm` of challenges. */
  readonly realm: string
}

export interface Configuration {
  /** Path of the file that was read first, as it was given. */
  readonly file: string
  /** Eight hex digits that name this configuration in logs and metrics; secrets do not enter it. */
  readonly hash: string
  readonly profile: string
  /** Processes that serve; 1: the one that read this. */
  readonly workers: number
  readonly listeners: readonly ListenerConfig[]
  readonly issuers: readonly IssuerConfig[]
  readonly upstreams: readonly UpstreamConfig[]
  readonly routes: readonly RouteConfig[]
  /** Whether the resource describes itself (RFC 9728). */
  readonly resourceMetadata: boolean
  readonly dpop: {
    /** Seconds after which a new nonce is given out; the previous one stays good as long. */
    readonly nonceRotation: number
    /** Shared by all instances, the one in use first; empty: made at start. */
    readonly nonceSecrets: readonly string[]
    readonly replayStore: 'memory' | 'redis'
    /** Of the store in memory. */
    readonly replayEntries: number
    /** Keys of clients that are kept imported. */
    readonly proofKeys: number
  }
  readonly stores: { readonly redis: RedisConfig | undefined }
  readonly limits: LimitsConfig
  readonly logging: {
    readonly level: 'debug' | 'info' | 'warn' | 'error' | 'silent'
    readonly access: boolean
  }
  readonly admin:
    | { readonly host: string; readonly port: number; readonly token: string | undefined }
    | undefined
  /** Seconds. */
  readonly shutdown: { readonly readyOffFor: number; readonly drain: number }
}
