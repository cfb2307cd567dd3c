/**
 * A real client for the demo and the end-to-end tests: oauth4webapi over undici. It obtains tokens by the
 * client credentials grant and calls protected resources with them, with a certificate (RFC 8705), with
 * DPoP (RFC 9449), or with neither. `rawCall` and `makeProof` are for what an honest client does not.
 *
 * @module
 */

import type { webcrypto } from 'node:crypto'
import {
  type AuthorizationServer,
  type ClientAuth,
  type Client as ClientMetadata,
  clientCredentialsGrantRequest,
  customFetch,
  DPoP,
  discoveryRequest,
  generateKeyPair,
  type IntrospectionResponse,
  introspectionRequest,
  isDPoPNonceError,
  processClientCredentialsResponse,
  processDiscoveryResponse,
  processIntrospectionResponse,
  processRevocationResponse,
  protectedResourceRequest,
  revocationRequest,
  type WWWAuthenticateChallenge,
  WWWAuthenticateChallengeError,
} from 'oauth4webapi'

import { type ConnectionOptions, createConnection, type RawCall } from './connection.ts'
import { type ProofOptions, signProof } from './proof.ts'

export interface ClientOptions extends ConnectionOptions {
  readonly issuer: string
  readonly clientId: string
  /** How it authenticates to the authorization server: oauth4webapi's `PrivateKeyJwt(key)` and its like. */
  readonly authentication: ClientAuth
  /** Asks for DPoP-bound tokens and presents them with proofs. */
  readonly dpop?: boolean
  /** The DPoP key; made anew, for ES256, if not given. */
  readonly dpopKeys?: webcrypto.CryptoKeyPair
}

export interface TokenRequest {
  readonly scope?: string
  /** Resource indicator (RFC 8707). */
  readonly resource?: string
  /** Further parameters, for example `authorization_details`. */
  readonly parameters?: Readonly<Record<string, string>>
}

export interface Token {
  readonly accessToken: string
  readonly tokenType: string
  readonly expiresIn: number | undefined
  readonly scope: string | undefined
}

export interface Call {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  readonly accessToken: string
}

export interface Reply {
  readonly status: number
  readonly headers: Headers
  readonly body: string
  /** The challenges of `WWW-Authenticate`, parsed; none if the field is absent. */
  readonly challenges: readonly WWWAuthenticateChallenge[]
}

export interface Client {
  readonly clientId: string
  readonly dpopKeys: webcrypto.CryptoKeyPair
  /** The authorization server's metadata (RFC 8414), read once. */
  metadata(): Promise<AuthorizationServer>
  /** Obtains a token (RFC 6749 §4.4). Throws oauth4webapi's errors. */
  token(request?: TokenRequest): Promise<Token>
  /** Calls a protected resource; asked for a DPoP nonce, it calls once more with it (RFC 9449 §9). */
  call(url: string, call: Call): Promise<Reply>
  /** Sends the fields given, and no credentials of its own but the certificate. */
  rawCall(url: string, call?: RawCall): Promise<Reply>
  /** A DPoP proof signed with this client's key, with the last nonce of the origin if none is given. */
  makeProof(options: ProofOptions): Promise<string>
  /** The last `DPoP-Nonce` that the origin of this URL gave (RFC 9449 §8.2). */
  lastNonce(url: string): string | undefined
  introspect(token: string): Promise<IntrospectionResponse>
  revoke(token: string): Promise<void>
  /** Ends the connections: the next call makes a new handshake. */
  disconnect(): Promise<void>
  close(): Promise<void>
}

/** Makes a client. Nothing is sent before it is used. */
export async function createClient(options: ClientOptions): Promise<Client> {
  const { issuer, clientId, authentication } = options
  const client: ClientMetadata = { client_id: clientId }
  const dpopKeys = options.dpopKeys ?? (await generateKeyPair('ES256'))
  const dpop = options.dpop ? DPoP(client, dpopKeys) : undefined
  const nonces = new Map<string, string>()
  const connection = createConnection(options)

  const keepNonce = (url: string, response: Response): Response => {
    const nonce = response.headers.get('dpop-nonce')
    if (nonce !== null) nonces.set(new URL(url).origin, nonce)
    return response
  }
  const send = async (url: string, init: object) =>
    keepNonce(url, await connection.fetch(url, init))
  const transport = { [customFetch]: send }

  let discovered: Promise<AuthorizationServer> | undefined
  const metadata = () => {
    discovered ??= discover(new URL(issuer), send)
    return discovered
  }

  const lastNonce = (url: string) => nonces.get(new URL(url).origin)
  const nonceFor = (url: string) => {
    const nonce = lastNonce(url)
    return nonce === undefined ? undefined : { nonce }
  }

  return {
    clientId,
    dpopKeys,
    metadata,
    makeProof: (proof) => signProof(dpopKeys, { ...nonceFor(proof.url), ...proof }),
    lastNonce,

    async token({ scope, resource, parameters } = {}) {
      const as = await metadata()
      const body = new URLSearchParams({
        ...(scope === undefined ? undefined : { scope }),
        ...(resource === undefined ? undefined : { resource }),
        ...parameters,
      })
      return onceMoreWithNonce(async () => {
        const grant = { ...transport, ...(dpop && { DPoP: dpop }) }
        const response = await clientCredentialsGrantRequest(
          as,
          client,
          authentication,
          body,
          grant,
        )
        const token = await processClientCredentialsResponse(as, client, response)
        return {
          accessToken: token.access_token,
          tokenType: token.token_type,
          expiresIn: token.expires_in,
          scope: token.scope,
        }
      })
    },

    call(url, { method = 'GET', headers, body, accessToken }) {
      const attempt = () =>
        protectedResourceRequest(accessToken, method, new URL(url), new Headers(headers), body, {
          ...transport,
          ...(dpop && { DPoP: dpop }),
        })
      return readReply(() => onceMoreWithNonce(attempt))
    },

    async rawCall(url, call = {}) {
      const response = keepNonce(url, await connection.send(url, call))
      // The request that oauth4webapi makes is never sent: it is asked to read the challenges.
      const answered = { [customFetch]: async () => response }
      return readReply(() =>
        protectedResourceRequest('unsent', 'GET', new URL(url), undefined, undefined, answered),
      )
    },

    async introspect(token) {
      const as = await metadata()
      const response = await introspectionRequest(as, client, authentication, token, transport)
      return processIntrospectionResponse(as, client, response)
    },

    async revoke(token) {
      const as = await metadata()
      const response = await revocationRequest(as, client, authentication, token, transport)
      await processRevocationResponse(response)
    },

    disconnect: () => connection.disconnect(),
    close: () => connection.close(),
  }
}

async function discover(
  issuer: URL,
  send: (url: string, init: object) => Promise<Response>,
): Promise<AuthorizationServer> {
  const response = await discoveryRequest(issuer, { algorithm: 'oauth2', [customFetch]: send })
  return processDiscoveryResponse(issuer, response)
}

/** RFC 9449 §8 and §9: the answer that asks for a nonce brings it, and oauth4webapi has kept it. */
async function onceMoreWithNonce<T>(attempt: () => Promise<T>): Promise<T> {
  try {
    return await attempt()
  } catch (error) {
    if (!isDPoPNonceError(error)) throw error
    return attempt()
  }
}

async function readReply(respond: () => Promise<Response>): Promise<Reply> {
  try {
    return await reply(await respond(), [])
  } catch (error) {
    if (!(error instanceof WWWAuthenticateChallengeError)) throw error
    return reply(error.response, error.cause)
  }
}

async function reply(
  response: Response,
  challenges: readonly WWWAuthenticateChallenge[],
): Promise<Reply> {
  return {
    status: response.status,
    headers: response.headers,
    body: await response.text(),
    challenges,
  }
}
