/**
 * HAProxy as a TLS proxy that verifies the signature of an ES256 token with every request: one thread, no
 * log, and nothing checked but algorithm and signature.
 *
 * @module
 */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../../support/ports.ts'
import { startChild } from '../child.ts'
import { pathOf } from '../programs.ts'
import type { Rig } from '../rig.ts'
import type { Subject } from './subject.ts'

/** Clients are asked for a certificate, and its chain is verified. */
export async function startHaproxy(rig: Rig): Promise<Subject> {
  const { folder } = rig
  const port = await freePort()
  const name = `haproxy-${port}`
  const file = join(folder, `${name}.cfg`)
  writeFileSync(
    file,
    `global
  nbthread 1
  maxconn 1000
defaults
  mode http
  timeout connect 5s
  timeout client 600s
  timeout server 30s
  timeout http-keep-alive 600s
frontend clients
  bind 127.0.0.1:${port} ssl crt ${folder}/server.pem ca-file ${folder}/ca.pem verify optional ssl-min-ver TLSv1.2
  http-request set-var(txn.token) http_auth_bearer
  http-request set-var(txn.alg) var(txn.token),jwt_header_query('$.alg')
  http-request deny deny_status 401 unless { var(txn.alg) -m str ES256 }
  http-request deny deny_status 401 unless { var(txn.token),jwt_verify(txn.alg,"${folder}/issuer.pem") 1 }
  default_backend bank
backend bank
  http-reuse always
  server bank 127.0.0.1:${rig.upstreamPort}
`,
  )
  const argv = [pathOf('haproxy'), '-db', '-f', file]
  const child = await startChild(argv, {
    folder,
    name,
    cores: rig.cores.measured,
    ports: [port],
  })
  return { port, pids: [child.pid], close: child.close }
}
