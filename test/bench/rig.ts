/**
 * What every row needs around the subjects: certificates, an issuer, an upstream, a folder.
 *
 * @module
 */

import { once } from 'node:events'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Credential, createAuthority } from '../../src/demo/certificates.ts'
import { listen } from '../../src/demo/loopback.ts'
import { type Cores, chooseCores, pinSelf } from './cores.ts'
import { buildPackage } from './package-build.ts'
import { startUpstream } from './subjects/upstream.ts'
import { claimsOf, createSigningKey, type SigningKey, type TokenIssue } from './tokens.ts'

export const AUDIENCE = 'https://api.bank.example'
export const KID = 'bench'

export interface Rig {
  /** Holds server.crt, server.key, server.pem (both), ca.pem and issuer.pem (its public key). */
  readonly folder: string
  readonly cores: Cores
  readonly client: Credential
  readonly upstreamPort: number
  readonly issuer: TokenIssue & { readonly key: SigningKey }
  /** The script of the compiled gateway of a working tree. */
  program(root: string): string
  close(): Promise<void>
}

/** Starts it, and moves this process to the cores of the load. */
export async function startRig(): Promise<Rig> {
  const cores = chooseCores()
  pinSelf(cores.load)
  const folder = mkdtempSync(join(tmpdir(), 'fapi-gateway-bench-'))
  // Peers that are started by root become somebody else, and have to find their files.
  chmodSync(folder, 0o755)
  const remove = () => rmSync(folder, { recursive: true, force: true })
  process.once('exit', remove)

  const authority = await createAuthority({ name: 'bench CA' })
  const server = await authority.issueServer()
  const client = await authority.issueClient({ commonName: 'tpp-4711' })
  const key = await createSigningKey()
  const files = {
    'ca.pem': authority.certificate,
    'server.crt': server.certificate,
    'server.key': server.key,
    'server.pem': server.certificate + server.key,
    'issuer.pem': key.publicKey.export({ format: 'pem', type: 'spki' }).toString(),
  }
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)

  const issuer = await startIssuer(server, key, client.thumbprint)
  const upstream = await startUpstream(folder, cores.load)
  const built = new Map<string, string>()
  return {
    folder,
    cores,
    client,
    upstreamPort: upstream.port,
    issuer: { issuer: issuer.url, audience: AUDIENCE, kid: KID, key },
    program(root) {
      const known = built.get(root) ?? buildPackage(root, join(folder, `package-${built.size}`))
      built.set(root, known)
      return known
    },
    async close() {
      await Promise.all([issuer.close(), upstream.close()])
      process.off('exit', remove)
      remove()
    },
  }
}

/** Shows its keys to GET, and says to POST that a token is active, whatever it is, and bound to the client. */
async function startIssuer(server: Credential, { jwk }: SigningKey, thumbprint: string) {
  const https = createServer({ cert: server.certificate, key: server.key })
  const { port, close } = await listen(https, 0)
  const url = `https://localhost:${port}`
  https.on('request', async (request, response) => {
    if (request.method === 'POST') await once(request.resume(), 'end')
    const body =
      request.method === 'POST'
        ? { active: true, ...claimsOf(url, AUDIENCE), cnf: { 'x5t#S256': thumbprint } }
        : { keys: [{ ...jwk, kid: KID, alg: 'ES256', use: 'sig' }] }
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(body))
  })
  return { url, close }
}
