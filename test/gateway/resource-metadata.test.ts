import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { knowsCertificatesOf } from '../../src/adapter/tls-context.ts'
import type { Configuration } from '../../src/config/configuration.ts'
import { Failure } from '../../src/failure/failure.ts'
import { ResourceMetadata } from '../../src/gateway/resource-metadata.ts'
import { createWorkspace, gateway, type Workspace } from '../config/workspace.ts'

const WELL_KNOWN = '/.well-known/oauth-protected-resource'

let workspace: Workspace
beforeAll(async () => {
  workspace = await createWorkspace()
})
afterAll(() => workspace.remove())

const tls = (...certificates: string[]) => `{ certificates: [${certificates.join(', ')}] }`
const shown = (more: string) => `{ cert: tls/server.crt, key: tls/server.key, ${more} }`
const asking = 'client_certificate: { verify: optional, ca: tls/client-ca.pem }'

/** Two banks behind one gateway, and a host that only has a public route. */
const TWO = {
  listen: undefined,
  listeners: `
  one: { address: "127.0.0.1:1", public_url: "https://one.wild.example", tls: ${tls(shown(asking))} }
  two:
    address: 127.0.0.1:2
    public_urls: [https://two.wild.example/v2, https://open.wild.example]
    tls: ${tls(shown('names: [two.wild.example, open.wild.example]'))}`,
  issuers: `
  first: { issuer: https://as.one.example, audience: a }
  second: { issuer: https://as.two.example, audience: a }`,
  resource_metadata: 'true',
  routes: `
  - { id: a, match: { hosts: [one.wild.example], paths: [/**] }, issuers: [first], scopes: [secret-of-one], sender: mtls, upstream: "http://127.0.0.1:1" }
  - { id: b, match: { hosts: [two.wild.example], paths: [/**] }, issuers: [second], scopes: [payments], sender: dpop, upstream: "http://127.0.0.1:2",
      authorization: { authorization_details: { type: payment_initiation } } }
  - { id: c, match: { hosts: [open.wild.example], paths: [/**] }, public: true, upstream: "http://127.0.0.1:3" }`,
}

async function publish(change: Record<string, string | undefined>) {
  const { configuration, text } = await workspace.load(gateway(change))
  expect(configuration, text).toBeDefined()
  return { configuration: configuration!, ...of(configuration!) }
}

function of(configuration: Configuration) {
  const metadata = new ResourceMetadata(configuration, knowsCertificatesOf)
  const urls = configuration.listeners.flatMap(({ publicUrls }) => publicUrls)
  const urlOf = (host: string) => urls.find((one) => one.host === host)!
  /** What a host says under a path; undefined if that is none of its own. */
  const read = (host: string, path: string) => {
    const answer = metadata.find(urlOf(host), 'GET', path)
    if (answer === undefined || answer instanceof Failure) return answer
    return JSON.parse(String(answer.body))
  }
  return { metadata, urlOf, read }
}

describe('RFC 9728 §3: the metadata of a resource', () => {
  test('are of its own host and of no other [PRM-2, PRM-3]', async () => {
    const { read } = await publish(TWO)
    expect(read('one.wild.example', WELL_KNOWN)).toEqual({
      resource: 'https://one.wild.example',
      authorization_servers: ['https://as.one.example'],
      scopes_supported: ['secret-of-one'],
      bearer_methods_supported: ['header'],
      tls_client_certificate_bound_access_tokens: true,
      dpop_bound_access_tokens_required: false,
    })
    expect(read('two.wild.example', `${WELL_KNOWN}/v2`)).toEqual({
      resource: 'https://two.wild.example/v2',
      authorization_servers: ['https://as.two.example'],
      scopes_supported: ['payments'],
      bearer_methods_supported: ['header'],
      tls_client_certificate_bound_access_tokens: false,
      dpop_signing_alg_values_supported: ['ES256', 'EdDSA', 'PS256'],
      dpop_bound_access_tokens_required: true,
      authorization_details_types_supported: ['payment_initiation'],
    })
  })

  test('are not to be had of another host, by whatever path', async () => {
    const { read } = await publish(TWO)
    expect(read('one.wild.example', `${WELL_KNOWN}/v2`)).toBeUndefined()
    expect(read('two.wild.example', WELL_KNOWN)).toBeUndefined()
  })

  test('are not there where no token is asked for, and no challenge names them', async () => {
    const { read, metadata, urlOf } = await publish(TWO)
    expect(read('open.wild.example', WELL_KNOWN)).toBeUndefined()
    expect(metadata.urlOf(urlOf('open.wild.example'))).toBeUndefined()
    expect(metadata.urlOf(urlOf('two.wild.example'))).toBe(
      `https://two.wild.example${WELL_KNOWN}/v2`,
    )
  })

  test('say that tokens are bound to certificates where the very host asks for one', async () => {
    const routes = `[{ id: a, match: /**, scopes: [a], issuers: [first], upstream: "http://127.0.0.1:1" }]`
    const { read } = await publish({
      ...TWO,
      routes,
      listeners: `
  main:
    address: 127.0.0.1:1
    public_urls: [https://one.wild.example, https://two.wild.example]
    tls: ${tls(shown(`names: ["*.wild.example"], ${asking}`), shown('names: [two.wild.example]'))}`,
    })
    const isBound = (host: string) =>
      read(host, WELL_KNOWN).tls_client_certificate_bound_access_tokens
    expect([isBound('one.wild.example'), isBound('two.wild.example')]).toEqual([true, false])
  })

  test('RFC 9728 §3.2: have no list without elements', async () => {
    const routes = `[{ id: a, match: /**, claims: { acr: present }, issuers: [first], upstream: "http://127.0.0.1:1" }]`
    const { read } = await publish({ ...TWO, routes })
    expect(read('one.wild.example', WELL_KNOWN)).not.toHaveProperty('scopes_supported')
  })
})
