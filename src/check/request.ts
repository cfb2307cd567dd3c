/**
 * A protected resource request on its way through the checks.
 *
 * @module
 */

import type { Failure } from '../failure/failure.ts'
import type { ClientCertificate } from '../sender-constraint/certificate.ts'
import type { VerifiedProof } from '../sender-constraint/dpop/proof.ts'
import type { AccessToken } from '../token/access-token.ts'
import type { Scheme } from '../token/credentials.ts'
import type { Issuer } from '../token/issuer.ts'

/** A proxy in front that the configuration trusts to say for which client it asks. */
export interface FrontProxy {
  /**
   * The certificate of the client: undefined where there is none, a failure where what the proxy says
   * cannot be read in one way only.
   *
   * @param now Seconds since the epoch.
   */
  certificateOf(rawFields: readonly string[], now: number): ClientCertificate | Failure | undefined
  addressOf(rawFields: readonly string[]): string
}

/** Facts of a TLS connection, established once when it was made. */
export interface Connection {
  /** Key of the listener in the configuration. */
  readonly listener: string
  readonly remoteAddress: string
  /** The name asked for in the handshake (SNI), lower-case; undefined where none is known. */
  readonly serverName: string | undefined
  /** `TLSv1.2` or `TLSv1.3`. */
  readonly protocol: string
  /** IANA name of the cipher suite. */
  readonly cipherSuite: string
  /** Undefined if the client sent none, or if certificates come from a proxy in front. */
  readonly certificate: ClientCertificate | undefined
  /** Whether nothing is served without a certificate. */
  readonly certificateRequired: boolean
  /** Undefined if the other side is the client itself, or a proxy that nobody trusts. */
  readonly front: FrontProxy | undefined
}

/**
 * What arrived, and what has been established about it so far. One is made per request and nothing else
 * is. Every field is assigned in the constructor, so all instances share one hidden class.
 */
export class ResourceRequest {
  readonly connection: Connection
  readonly method: string
  /** The one canonical path: what is matched is what is forwarded. */
  readonly path: string
  /** With its leading `?`, byte for byte as sent; or empty. */
  readonly query: string
  /** Public target URI without query, in the form that a proof's `htu` is compared with. */
  readonly targetUri: string
  /** Names and values in turn, as they came: duplicates are still there to be counted. */
  readonly rawFields: readonly string[]
  /** Seconds since the epoch. The clock is read once per request, before this is made. */
  readonly receivedAt: number
  readonly interactionId: string
  /** The client's: of this connection, or as a proxy in front vouches for it. Undefined if it has none. */
  readonly certificate: ClientCertificate | undefined

  scheme: Scheme | undefined
  /** The access token as sent. Never logged, never cached. */
  credentials: string | undefined
  /** SHA-256 of the access token, base64url: the cache key, and what `ath` is compared with. */
  credentialsDigest: string | undefined
  proof: VerifiedProof | undefined
  issuer: Issuer | undefined
  /** Whether a check has asked all there is to ask of the certificate, revocation included. */
  certificateStands: boolean
  /** A nonce the client should use next (RFC 9449 §8.2). */
  nextNonce: string | undefined
  #token: AccessToken | undefined

  constructor(
    connection: Connection,
    method: string,
    path: string,
    query: string,
    targetUri: string,
    rawFields: readonly string[],
    receivedAt: number,
    interactionId: string,
    certificate: ClientCertificate | undefined,
  ) {
    this.connection = connection
    this.method = method
    this.path = path
    this.query = query
    this.targetUri = targetUri
    this.rawFields = rawFields
    this.receivedAt = receivedAt
    this.interactionId = interactionId
    this.certificate = certificate
    this.scheme = undefined
    this.credentials = undefined
    this.credentialsDigest = undefined
    this.proof = undefined
    this.issuer = undefined
    this.certificateStands = false
    this.nextNonce = undefined
    this.#token = undefined
  }

  /** Established by the `access_token` check. Read earlier, it throws: the order table is wrong. */
  get token(): AccessToken {
    return this.#token ?? tooEarly('token')
  }

  set token(token: AccessToken) {
    this.#token = token
  }

  /** Whether a token has been established: the accounting asks, after the checks. */
  get hasToken(): boolean {
    return this.#token !== undefined
  }
}

function tooEarly(what: string): never {
  throw new Error(`${what} was read before the check that establishes it`)
}
