/**
 * A stub in the place of an issuer, and what a configuration says of it.
 *
 * @module
 */

import type { IssuerConfig, OutboundTls } from '../../src/config/configuration.ts'
import { type Credential, createAuthority } from '../../src/demo/certificates.ts'
import { type Answering, type Stub, startStub } from './stub.ts'

export interface StubIssuer extends Stub {
  /** Trusts the stub. */
  readonly tls: OutboundTls
  readonly server: Credential
  /** A configuration that trusts it. */
  config(more?: Partial<IssuerConfig>): IssuerConfig
}

export async function startStubIssuer(answer: Answering, path = ''): Promise<StubIssuer> {
  const authority = await createAuthority({ name: 'stub CA', keyKind: 'EC' })
  const server = await authority.issueServer({ keyKind: 'EC' })
  const stub = await startStub({ server }, answer)
  const tls = {
    ca: authority.certificate,
    cert: undefined,
    key: undefined,
    serverName: undefined,
  }
  const config = (more: Partial<IssuerConfig> = {}): IssuerConfig => ({
    id: 'stub',
    issuer: stub.origin + path,
    audiences: ['https://api.bank.example'],
    tokens: 'jwt',
    algorithms: ['PS256', 'ES256'],
    clockSkew: 10,
    typeRequired: true,
    maxLifetime: undefined,
    revocationMaxDelay: undefined,
    jwksUri: undefined,
    jwks: { refresh: 600, cooldown: 30, staleIfError: 3600, timeout: 5 },
    introspection: undefined,
    encryption: undefined,
    tls,
    cache: { entries: 1000, bytes: 10_000_000 },
    ...more,
  })
  return Object.assign(stub, { tls, server, config })
}
