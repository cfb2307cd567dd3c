/**
 * Clients that hold a certificate and ask with tokens that are bound to it.
 *
 * @module
 */

import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type ConnectionOptions, connect } from 'node:tls'
import { expect } from 'vitest'
import { loadFromDisk } from '../../src/adapter/files.ts'
import type { Credential } from '../../src/demo/certificates.ts'
import { type Fixture, HOST, type TestGateway } from './fixture.ts'
import type { Mint } from './minting.ts'
import { get } from './open-gateway.ts'
import { openSocket, type RawSocket } from './raw-socket.ts'

type Shown = Pick<Credential, 'certificate' | 'key' | 'thumbprint'>

export interface Holder {
  readonly raw: RawSocket
  /** Asks for accounts: the status, and why. */
  ask(path?: string, claims?: Record<string, unknown>): Promise<string>
  close(): void
}

/** Opens a connection with a certificate; `session` resumes one, and then nothing is shown. */
export async function openHolder(
  fixture: Fixture,
  gateway: TestGateway,
  mint: Mint,
  credential: Shown,
  options: ConnectionOptions = {},
): Promise<Holder> {
  const shown =
    options.session === undefined ? { cert: credential.certificate, key: credential.key } : {}
  const raw = await openSocket(fixture, gateway, { ...shown, ...options })
  return {
    raw,
    ask: async (path = '/accounts', claims = {}) => {
      const token = await mint({ cnf: { 'x5t#S256': credential.thumbprint }, ...claims })
      raw.write(get(path, [`Authorization: Bearer ${token}`]))
      const answer = await raw.response()
      const [id = ''] = answer.lines('x-fapi-interaction-id')
      const { reason } = await gateway.accessLine(id)
      return reason === undefined ? String(answer.status) : `${answer.status} ${reason}`
    },
    close: () => void raw.socket.destroy(),
  }
}

/** The same for one request. */
export async function askOnce(
  ...parts: [...Parameters<typeof openHolder>, path?: string]
): Promise<string> {
  const [fixture, gateway, mint, credential, options, path] = parts
  const holder = await openHolder(fixture, gateway, mint, credential, options)
  const outcome = await holder.ask(path)
  holder.close()
  return outcome
}

/** A session to resume, of a connection that was made with this certificate. */
export async function sessionOf(
  { authority }: Pick<Fixture, 'authority'>,
  { port }: Pick<TestGateway, 'port'>,
  { certificate: cert, key }: Shown,
  maxVersion: 'TLSv1.2' | 'TLSv1.3',
): Promise<Buffer> {
  const { certificate: ca } = authority
  const to = { host: '127.0.0.1', port, servername: HOST }
  const socket = connect({ ...to, ca, cert, key, maxVersion })
  const [session] = (await once(socket, 'session')) as [Buffer]
  socket.destroy()
  return session
}

/** Puts another file in force; `$BANK`, `$ISSUER` and `$HOST` in it are replaced. What kept it from that. */
export async function reload(
  fixture: Fixture,
  gateway: TestGateway,
  yaml: string,
): Promise<string | undefined> {
  const file = join(fixture.folder, `reloaded-${gateway.port}.yaml`)
  const { as, bank } = fixture
  const text = yaml.replaceAll('$BANK', bank.url).replaceAll('$ISSUER', as.issuer)
  await writeFile(file, text.replaceAll('$HOST', HOST))
  const loaded = loadFromDisk(file)
  expect(loaded.text).toBe('')
  return gateway.running.reload(loaded.configuration!)
}
