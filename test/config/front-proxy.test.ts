import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createWorkspace, found, gateway, type Workspace } from './workspace.ts'

let workspace: Workspace
beforeAll(async () => {
  workspace = await createWorkspace()
})
afterAll(() => workspace.remove())

const CA = 'ca: tls/client-ca.pem'
const TRUSTED = 'trusted_proxies: [10.1.0.0/16]'

const load = (more: string) =>
  workspace.load(
    gateway({
      listen: `{ address: 127.0.0.1:8443, public_url: https://api.bank.example, certificate: tls/server.crt, key: tls/server.key, ${more} }`,
    }),
  )

/** The ids of what is said of a listener with these settings. */
const said = async (more: string) =>
  found(await load(more)).map((text) => text.replace(/^\d+ /, ''))

describe('trusted_proxies', () => {
  test.each([
    ['10.0.0.0/8', '10.0.0.0/8'],
    ['192.0.2.7', '192.0.2.7/32'],
    ['192.0.2.7/32', '192.0.2.7/32'],
    ['127.0.0.1/32', '127.0.0.1/32'],
    ['fd00::/8', 'fd00::/8'],
    ['fc00::/7', 'fc00::/7'],
    ['2001:db8:0:1::/64', '2001:db8:0:1::/64'],
    ['::1', '::1/128'],
    ['::/81', '::/81'],
    ['::fffe:0:0/96', '::fffe:0:0/96'],
  ])('%s is a range', async (range, expected) => {
    const { configuration } = await load(`trusted_proxies: ["${range}"]`)
    expect(configuration?.listeners[0]?.trustedProxies).toEqual([expected])
  })

  test.each([
    ['0.0.0.0/0', 'trusts half the Internet'],
    ['::/0', 'trusts half the Internet'],
    ['128.0.0.0/1', 'trusts half the Internet'],
    ['10.0.0.0/7', 'trusts half the Internet'],
    ['2000::/3', 'trusts half the Internet'],
    ['10.1.2.3/8', 'is an address within a range'],
    ['10.1.0.0/15', 'is an address within a range'],
    ['2001:db8::1/64', 'is an address within a range'],
    ['::1.2.3.4/64', 'is an address within a range'],
    ['10.1.0.0/33', 'is no range of addresses'],
    ['10.1.0.0/', 'is no range of addresses'],
    ['10.1.0.0/-1', 'is no range of addresses'],
    ['10.1.0.0/8/8', 'is no range of addresses'],
    ['10.1', 'is no range of addresses'],
    ['010.1.0.0/16', 'is no range of addresses'],
    ['fe80::1%eth0', 'is no range of addresses'],
    ['::ffff:10.0.0.0/104', 'is no range of addresses'],
    ['::/8', 'holds IPv4 addresses'],
    ['::/80', 'holds IPv4 addresses'],
    ['0:0:0:0:0:ffff::/96', 'holds IPv4 addresses'],
    ['0::ffff:0:0/96', 'holds IPv4 addresses'],
    ['0::ffff:10.0.0.0/104', 'holds IPv4 addresses'],
    ['0::ffff:0a00:0001', 'holds IPv4 addresses'],
    ['proxy.internal', 'is no range of addresses'],
    ['all', 'is no range of addresses'],
  ])('%s %s, and the configuration does not hold', async (range, fault) => {
    const outcome = await load(`trusted_proxies: [10.1.0.0/16, "${range}"]`)
    expect(found(outcome)).toEqual(['3 invalid-value'])
    expect(outcome.text).toContain(fault)
    expect(outcome.configuration).toBeUndefined()
  })
})

describe('client_certificate.from', () => {
  test.each([
    ['rfc9440', 'client-cert', 'client-cert-chain'],
    ['envoy', 'x-forwarded-client-cert', undefined],
    ['nginx', 'x-ssl-client-cert', undefined],
    ['haproxy', 'x-ssl-client-cert', undefined],
    ['aws', 'x-amzn-mtls-clientcert', undefined],
    ['azure', 'x-arr-clientcert', undefined],
  ])('%s has its own fields [MTLS-11]', async (format, field, chainField) => {
    const { configuration, text } = await load(
      `${TRUSTED}, client_certificate: { from: ${format}, ${CA} }`,
    )
    expect(text).toBe('')
    expect(configuration?.listeners[0]?.clientCertificate).toMatchObject({
      mode: 'optional',
      from: { format, field, chainField },
    })
  })

  test('and may have others', async () => {
    const from = '{ format: haproxy, field: X-Cert, chain_field: X-Chain }'
    const { configuration } = await load(`${TRUSTED}, client_certificate: { from: ${from}, ${CA} }`)
    expect(configuration?.listeners[0]?.clientCertificate.from).toEqual({
      format: 'haproxy',
      field: 'x-cert',
      chainField: 'x-chain',
    })
  })

  test.each([
    ['the handshake', `client_certificate: { from: tls, ${CA} }`, []],
    [
      'with the short form of CAs',
      `${TRUSTED}, client_certificate: { from: nginx }, client_ca: tls/client-ca.pem`,
      [],
    ],
    ['without a chain', `${TRUSTED}, client_certificate: { from: nginx, verify: request }`, []],
    ['without trusted_proxies', `client_certificate: { from: nginx, ${CA} }`, ['missing-key']],
    ['without verification', `${TRUSTED}, client_certificate: { from: nginx }`, ['invalid-value']],
    [
      'without CAs',
      `${TRUSTED}, client_certificate: { from: nginx, verify: required }`,
      ['missing-key'],
    ],
    [
      'of nobody’s make',
      `${TRUSTED}, client_certificate: { from: traefik, ${CA} }`,
      ['invalid-value'],
    ],
    [
      'a chain where there is none',
      `${TRUSTED}, client_certificate: { from: { format: envoy, chain_field: X-Chain }, ${CA} }`,
      ['invalid-value'],
    ],
    [
      'one field for both',
      `${TRUSTED}, client_certificate: { from: { format: nginx, field: X-A, chain_field: x-a }, ${CA} }`,
      ['invalid-value'],
    ],
    [
      'a field of another meaning',
      `${TRUSTED}, client_certificate: { from: { format: nginx, field: Authorization }, ${CA} }`,
      ['invalid-value'],
    ],
    [
      'a field that looks like another',
      `${TRUSTED}, client_certificate: { from: { format: nginx, field: X_Cert }, ${CA} }`,
      ['invalid-value'],
    ],
  ])('%s [MTLS-11]', async (_title, more, ids) => {
    expect(await said(more)).toEqual(ids)
  })

  test('it may differ by the name that clients call', async () => {
    const pair = 'cert: tls/server.crt, key: tls/server.key'
    const policy = `client_certificate: { from: nginx, ${CA} }`
    const listeners = (more: string) => ({
      listen: undefined,
      listeners: `{ main: { address: "[::1]:8443", public_url: https://api.bank.example, tls: { certificates: [{ ${pair}, ${policy} }] } ${more} } }`,
    })
    const { configuration } = await workspace.load(gateway(listeners(`, ${TRUSTED}`)))
    expect(configuration?.listeners).toMatchObject([
      {
        clientCertificate: { from: 'tls' },
        certificates: [{ clientCertificate: { from: { format: 'nginx' } } }],
      },
    ])
    expect(found(await workspace.load(gateway(listeners(''))))).toEqual(['7 missing-key'])
  })
})

describe('client_address', () => {
  test.each([
    ['', undefined],
    [TRUSTED, 'x-forwarded-for'],
    [`${TRUSTED}, client_address: x-forwarded-for`, 'x-forwarded-for'],
    [`${TRUSTED}, client_address: forwarded`, 'forwarded'],
    [
      `${TRUSTED}, client_address: connection, client_certificate: { from: nginx, ${CA} }`,
      undefined,
    ],
  ])('%s: %s [HTTP-29]', async (more, field) => {
    const { configuration } = await load(more)
    expect(configuration?.listeners[0]?.clientAddress).toBe(field)
  })

  test('without proxies to say it, it is a mistake', async () => {
    expect(await said('client_address: forwarded')).toEqual(['invalid-value'])
  })

  test('proxies that nothing is taken from are warned of', async () => {
    const outcome = await load(`${TRUSTED}, client_address: connection`)
    expect(found(outcome)).toEqual(['3 unused-proxies'])
    expect(outcome.configuration).toBeDefined()
  })
})
