/**
 * Requests and routes as the checks see them, and DPoP proofs that fit.
 *
 * @module
 */

import { createHash, randomUUID } from 'node:crypto'
import { MemoryReplayStore } from '../../src/adapter/replay-memory.ts'
import type { CheckedRoute, Services } from '../../src/check/check.ts'
import { type Connection, ResourceRequest } from '../../src/check/request.ts'
import type { AlgorithmName } from '../../src/jose/algorithm.ts'
import type { ClientCertificate } from '../../src/sender-constraint/certificate.ts'
import { Nonces } from '../../src/sender-constraint/dpop/nonce.ts'
import { type KeyPair, signCompact } from './compact-signing.ts'
import { NOW, THUMBPRINT } from './issuer.ts'

export const TARGET_URI = 'https://api.bank.example/accounts'

export const CERTIFICATE: ClientCertificate = {
  der: Buffer.from('a certificate'),
  intermediates: [],
  thumbprint: THUMBPRINT,
  notBefore: NOW - 1000,
  notAfter: NOW + 1000,
  chainRequired: true,
  chainError: undefined,
  isTooLarge: false,
  hasWeakKey: false,
  isAuthority: false,
  isForClients: true,
  isDemanded: false,
  revocation: undefined,
  facts: undefined,
}

export const CONNECTION: Connection = {
  listener: 'main',
  remoteAddress: '127.0.0.1',
  serverName: 'api.bank.example',
  protocol: 'TLSv1.3',
  cipherSuite: 'TLS_AES_256_GCM_SHA384',
  certificate: undefined,
  certificateRequired: false,
  front: undefined,
}

export function createServices(replayEntries = 100): Services {
  return {
    replay: new MemoryReplayStore(replayEntries),
    nonces: new Nonces([Buffer.alloc(32, 1)], 30),
    proofKeys: new Map(),
    revocation: { statusOf: () => 'unavailable' },
  }
}

/** A route that takes both schemes, changed where told. */
export function createCheckedRoute(changed: Partial<CheckedRoute> = {}): CheckedRoute {
  return {
    isPublic: false,
    schemes: ['Bearer', 'DPoP'],
    issuers: [],
    maxToken: 8192,
    services: createServices(),
    ...changed,
  }
}

export interface RequestParts {
  readonly connection?: Connection
  readonly method?: string
  readonly targetUri?: string
  readonly rawFields?: readonly string[]
  readonly receivedAt?: number
}

export function createRequest(parts: RequestParts = {}): ResourceRequest {
  const connection = parts.connection ?? CONNECTION
  return new ResourceRequest(
    connection,
    parts.method ?? 'GET',
    '/accounts',
    '',
    parts.targetUri ?? TARGET_URI,
    parts.rawFields ?? [],
    parts.receivedAt ?? NOW,
    '6ba7b810-9dad-11d1-80b4-00c04fd430c8',
    connection.certificate,
  )
}

/** A request that brings a token, established as the `credentials` check would. */
export function createTokenRequest(token: string, parts: RequestParts = {}): ResourceRequest {
  const request = createRequest(parts)
  request.scheme = 'Bearer'
  request.credentials = token
  request.credentialsDigest = sha256(token)
  return request
}

export function sha256(text: string): string {
  return createHash('sha256').update(text).digest('base64url')
}

export interface ProofParts {
  readonly header?: Readonly<Record<string, unknown>>
  readonly claims?: Readonly<Record<string, unknown>>
}

/** A proof for a request of {@link createRequest} with this token, changed where told. */
export function signProof(
  name: AlgorithmName,
  { publicKey, privateKey }: KeyPair,
  token: string,
  { header = {}, claims = {} }: ProofParts = {},
): string {
  const jwk = publicKey.export({ format: 'jwk' })
  return signCompact(
    { typ: 'dpop+jwt', alg: name, jwk, ...header },
    { jti: randomUUID(), htm: 'GET', htu: TARGET_URI, iat: NOW, ath: sha256(token), ...claims },
    name,
    privateKey,
  )
}
