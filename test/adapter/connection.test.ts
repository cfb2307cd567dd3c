import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import {
  type ConnectionOptions,
  connect,
  createServer,
  type Server,
  type TLSSocket,
} from 'node:tls'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { readConnection } from '../../src/adapter/connection.ts'
import { Front } from '../../src/adapter/front.ts'
import type { Connection } from '../../src/check/request.ts'
import type { ClientCertificatePolicy } from '../../src/config/configuration.ts'
import { type Authority, type Credential, createAuthority } from '../../src/demo/certificates.ts'

const OPTIONAL: ClientCertificatePolicy = {
  mode: 'optional',
  from: 'tls',
  ca: 'as the server has it',
}

const NOBODY = new Front({ trustedProxies: [], clientAddress: undefined, certificates: [] })

let authority: Authority
let holder: Credential
let stranger: Credential
let server: Server

beforeAll(async () => {
  authority = await createAuthority({ name: 'test CA', keyKind: 'EC' })
  const { certificate, key } = await authority.issueServer({ keyKind: 'EC' })
  const commonName = 'holder'
  holder = await authority.issueClient({ commonName, keyKind: 'EC' })
  const other = await createAuthority({ name: 'other CA', keyKind: 'EC' })
  stranger = await other.issueClient({ commonName, keys: holder.keys })
  const mutual = { requestCert: true, rejectUnauthorized: false, ca: authority.certificate }
  server = createServer({ cert: certificate, key, ...mutual })
  // Of both families, so that an address of the older one comes in the clothes of the newer.
  server.listen(0, '::')
  await once(server, 'listening')
})
afterAll(() => void server.close())

/** The facts of a connection that is made like this. */
async function factsOf(
  options: ConnectionOptions = {},
  policy: ClientCertificatePolicy = OPTIONAL,
): Promise<{ facts: Connection; session: Buffer | undefined }> {
  const { port } = server.address() as AddressInfo
  const accepted = once(server, 'secureConnection') as Promise<[TLSSocket]>
  const ca = authority.certificate
  const to = { host: '127.0.0.1', port, ca, servername: 'localhost' }
  const client = connect({ ...to, ...options })
  // Of what is resumed there need not be a new one.
  const sent = options.session === undefined ? once(client, 'session') : undefined
  const [socket] = await accepted
  const facts = readConnection(socket, 'public', policy, NOBODY)
  const session: Buffer | undefined = (await sent)?.[0]
  client.destroy()
  socket.destroy()
  return { facts, session }
}

const showing = ({ certificate, key }: Credential) => ({ cert: certificate, key })

test.each(['TLSv1.2', 'TLSv1.3'] as const)('of %s', async (maxVersion) => {
  const { facts } = await factsOf({ maxVersion })
  expect(facts).toEqual({
    listener: 'public',
    remoteAddress: '127.0.0.1',
    serverName: 'localhost',
    protocol: maxVersion,
    cipherSuite: expect.stringMatching(/^TLS_.*GCM/),
    certificate: undefined,
    certificateRequired: false,
    front: undefined,
  })
})

test('RFC 6066 §3: a name is the same in capital letters, and need not be there', async () => {
  const checkServerIdentity = () => undefined
  const shouted = await factsOf({ servername: 'LOCALHOST', checkServerIdentity })
  expect(shouted.facts.serverName).toBe('localhost')
  const nameless = await factsOf({ servername: '', checkServerIdentity })
  expect(nameless.facts.serverName).toBeUndefined()
})

test('RFC 8705 §3.1: a certificate by its thumbprint and times [MTLS-1, MTLS-2]', async () => {
  const { facts } = await factsOf(showing(holder))
  expect(facts.certificate).toMatchObject({
    der: new X509Certificate(holder.certificate).raw,
    intermediates: [],
    thumbprint: holder.thumbprint,
    notBefore: expect.any(Number),
    notAfter: expect.any(Number),
    chainRequired: true,
    chainError: undefined,
  })
  const { notBefore = 0, notAfter = 0 } = facts.certificate ?? {}
  expect(notBefore).toBeLessThan(Date.now() / 1000)
  expect(notAfter).toBeGreaterThan(Date.now() / 1000)
})

test('RFC 8705 §2.1: one whose chain does not hold, and whether it has to', async () => {
  const { facts } = await factsOf(showing(stranger))
  expect(facts.certificate).toMatchObject({
    thumbprint: stranger.thumbprint,
    chainRequired: true,
    chainError: expect.stringMatching(/^[A-Z_]+$/),
  })
  const pinned = await factsOf(showing(stranger), { mode: 'request', from: 'tls', ca: undefined })
  expect(pinned.facts.certificate).toMatchObject({ chainRequired: false })
})

test('one that was not asked for is none', async () => {
  const { facts } = await factsOf(showing(holder), { mode: 'off', from: 'tls', ca: undefined })
  expect(facts.certificate).toBeUndefined()
})

test.each(['TLSv1.2', 'TLSv1.3'] as const)(
  'RFC 8446 §2.2: a session resumed with %s has the certificate that it began with',
  async (maxVersion) => {
    const { session } = await factsOf({ ...showing(holder), maxVersion })
    expect(session).toBeInstanceOf(Buffer)
    const { facts } = await factsOf({ ...showing(stranger), maxVersion, session: session! })
    expect(facts.certificate).toMatchObject({
      thumbprint: holder.thumbprint,
      chainError: undefined,
    })
  },
)
