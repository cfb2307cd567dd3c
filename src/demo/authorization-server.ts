/**
 * A real authorization server for the demo and the end-to-end tests: oidc-provider on loopback, over TLS,
 * as the FAPI 2.0 Security Profile asks of it (§5.3.2). It issues access tokens to clients that
 * authenticate by key or certificate (RFC 7523, RFC 8705 §2), bound to a certificate (RFC 8705 §3), to a
 * DPoP key (RFC 9449 §5) or, for the tests' sake, to nothing; as JWT (RFC 9068) or opaque, with
 * introspection (RFC 7662, RFC 9701) and revocation (RFC 7009).
 *
 * A JWT access token can neither be introspected nor revoked here: oidc-provider answers
 * `unsupported_token_type`. Opaque tokens can.
 *
 * @module
 */

import type { KeyObject } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import { createServer } from 'node:https'
import { exportJWK, generateKeyPair, type JWK } from 'jose'
import type { ProviderToken } from 'oidc-provider'

import { listen } from './loopback.ts'
import { configureProvider } from './provider-configuration.ts'
import { loadProvider } from './provider-loading.ts'
import { createRecordStores } from './record-store.ts'

export type SigningAlgorithm = 'PS256' | 'ES256'

/** An API that tokens are issued for, and what its tokens look like. */
export interface Resource {
  /** Scope values it knows; others are left out of the token. `accounts` and `payments` if not given. */
  readonly scopes?: readonly string[]
  /** `aud` of its tokens, if that is not its identifier: two resources may share an audience. */
  readonly audience?: string
  readonly format?: 'jwt' | 'opaque'
  readonly algorithm?: SigningAlgorithm
  /** Life of a token in seconds; 300 if not given. */
  readonly ttl?: number
  /** What its tokens are encrypted with, if they are: the public key of the resource. */
  readonly encrypt?: { readonly alg: string; readonly enc: string; readonly key: KeyObject }
}

/** Client metadata of RFC 7591 §2 and RFC 8705 §2.1, as on the wire. */
export interface ClientMetadata {
  readonly client_id: string
  readonly [member: string]: unknown
}

export interface AuthorizationServerOptions {
  /** PEM texts. `clientCa` is the authority whose certificates pass for `tls_client_auth`. */
  readonly tls: { readonly certificate: string; readonly key: string; readonly clientCa: string }
  /** By resource identifier (RFC 8707). The first is meant where a client names none. */
  readonly resources: Readonly<Record<string, Resource>>
  readonly clients?: readonly ClientMetadata[]
  /** Clients that may introspect every token and not only their own: gateways. */
  readonly introspectionClients?: readonly string[]
  /** Types of `authorization_details` to accept (RFC 9396); a request's details go into its token. */
  readonly authorizationDetailsTypes?: readonly string[]
  /** Claims to add to a token, JWT or opaque. The claims of RFC 9068 cannot be changed by it. */
  readonly claims?: (token: ProviderToken) => Readonly<Record<string, unknown>>
  /** 32 octets: with them DPoP proofs to this server need its nonce (RFC 9449 §8). */
  readonly dpopNonceSecret?: Buffer
  /** Private signing keys; made anew if not given. */
  readonly jwks?: { readonly keys: readonly JWK[] }
  /** 0, the default, is any free port. */
  readonly port?: number
  /** Host name in the issuer identifier, `localhost` if not given. */
  readonly issuerHost?: string
  /** Sees every request before it is answered. A promise holds the answer back until it is kept. */
  readonly onRequest?: (request: IncomingMessage) => void | Promise<void>
}

export interface AuthorizationServer {
  /** The issuer identifier, which is also where it is reached. */
  readonly issuer: string
  readonly port: number
  /** Registers a client, or replaces it. Rejects metadata that the server would not accept. */
  registerClient(metadata: ClientMetadata): Promise<void>
  /** Signs with other keys from now on and publishes only them. Clients and opaque tokens remain. */
  rotateKeys(jwks?: { readonly keys: readonly JWK[] }): Promise<void>
  /** What went wrong inside the server, oldest first: a client sees only `server_error`. */
  readonly faults: readonly unknown[]
  close(): Promise<void>
}

/** Makes one key for PS256 and one for ES256. */
export async function generateSigningKeys(): Promise<{ keys: JWK[] }> {
  const algorithms: SigningAlgorithm[] = ['PS256', 'ES256']
  const keys = algorithms.map(async (alg) => {
    const { privateKey } = await generateKeyPair(alg, { extractable: true })
    return { ...(await exportJWK(privateKey)), alg, use: 'sig' }
  })
  return { keys: await Promise.all(keys) }
}

/** Starts the server on 127.0.0.1. */
export async function startAuthorizationServer(
  options: AuthorizationServerOptions,
): Promise<AuthorizationServer> {
  const { Provider, errors } = await loadProvider()
  const { certificate, key, clientCa } = options.tls
  // Whose certificate it is decides the provider, per client: a self-signed one must pass the handshake.
  const server = createServer({
    cert: certificate,
    key,
    ca: clientCa,
    requestCert: true,
    rejectUnauthorized: false,
    minVersion: 'TLSv1.2',
  })
  const { port, close } = await listen(server, options.port ?? 0)
  const issuer = `https://${options.issuerHost ?? 'localhost'}:${port}`

  const stores = createRecordStores()
  const faults: unknown[] = []
  const createProvider = async (jwks = options.jwks) => {
    const keys = jwks ?? (await generateSigningKeys())
    const provider = new Provider(issuer, {
      ...configureProvider(options, errors.InvalidTarget),
      adapter: stores,
      jwks: keys,
    })
    provider.on('server_error', (_context, fault) => faults.push(fault))
    return provider
  }
  let provider = await createProvider()

  server.on('request', async (request, response) => {
    await options.onRequest?.(request)
    provider.callback()(request, response)
  })

  const registerClient = async (metadata: ClientMetadata) => {
    const clients = stores('Client')
    const former = await clients.find(metadata.client_id)
    await clients.upsert(metadata.client_id, metadata)
    try {
      // Parses the metadata, and throws where they are unfit.
      await provider.Client.find(metadata.client_id)
    } catch (unfit) {
      await clients.destroy(metadata.client_id)
      if (former !== undefined) await clients.upsert(metadata.client_id, former)
      throw unfit
    }
  }
  try {
    for (const metadata of options.clients ?? []) await registerClient(metadata)
  } catch (unfit) {
    await close()
    throw unfit
  }

  const rotateKeys = async (jwks?: { readonly keys: readonly JWK[] }) => {
    provider = await createProvider(jwks ?? (await generateSigningKeys()))
  }
  return { issuer, port, registerClient, rotateKeys, faults, close }
}
