/**
 * Apache with mod_oauth2, its caches as they are by default: one process with its threads, no log.
 *
 * @module
 */

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../../support/ports.ts'
import { startChild } from '../child.ts'
import { pathOf } from '../programs.ts'
import { KID, type Rig } from '../rig.ts'
import type { Subject } from './subject.ts'

const MODULES = [
  'mpm_event',
  'authn_core',
  'authz_core',
  'authz_user',
  'headers',
  'proxy',
  'proxy_http',
  'ssl',
  'oauth2',
]

/** What tokens have to be bound to, and how it is said. */
const BINDINGS = {
  none: { type: '', tls: '', accept: '' },
  mtls: {
    type: 'type=mtls&mtls.policy=required',
    tls: 'SSLVerifyClient optional\nSSLOptions +ExportCertData',
    accept: '',
  },
  dpop: {
    type: 'type=dpop',
    tls: '',
    accept: 'OAuth2AcceptTokenIn header name=Authorization&type=DPoP',
  },
} as const

export async function startApache(rig: Rig, binding: keyof typeof BINDINGS): Promise<Subject> {
  const { folder } = rig
  const port = await freePort()
  const own = join(folder, `apache-${port}`)
  mkdirSync(own)
  const jwk = JSON.stringify({ ...rig.issuer.key.jwk, kid: KID, use: 'sig', alg: 'ES256' })
  const { type, tls, accept } = BINDINGS[binding]
  const file = join(own, 'apache.conf')
  writeFileSync(
    file,
    `${MODULES.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`).join('\n')}
ServerRoot ${own}
PidFile ${own}/pid
DefaultRuntimeDir ${own}
Mutex file:${own}
ErrorLog ${own}/error.log
LogLevel crit
ServerName localhost:${port}
Listen 127.0.0.1:${port} https
${process.getuid?.() === 0 ? 'User www-data\nGroup www-data' : ''}
StartServers 1
ServerLimit 1
ThreadsPerChild 64
MaxRequestWorkers 64
AsyncRequestWorkerFactor 16
KeepAlive On
KeepAliveTimeout 600
MaxKeepAliveRequests 0
SSLEngine on
SSLProtocol -all +TLSv1.2 +TLSv1.3
SSLCertificateFile ${folder}/server.crt
SSLCertificateKeyFile ${folder}/server.key
SSLCACertificateFile ${folder}/ca.pem
${tls}
<Location />
  AuthType oauth2
  OAuth2TokenVerify jwk "${jwk.replaceAll('"', '\\"')}" ${type}
  ${accept}
  Require valid-user
</Location>
ProxyPass / http://127.0.0.1:${rig.upstreamPort}/
`,
  )
  const argv = [pathOf('apache2'), '-DFOREGROUND', '-f', file]
  const child = await startChild(argv, {
    folder,
    name: `apache-${port}.out`,
    cores: rig.cores.measured,
    ports: [port],
  })
  return { port, pids: [child.pid], close: child.close }
}
