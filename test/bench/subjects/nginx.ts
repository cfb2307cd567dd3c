/**
 * nginx as a TLS proxy: one worker, no log, no authorization.
 *
 * @module
 */

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePort } from '../../support/ports.ts'
import { startChild } from '../child.ts'
import { pathOf } from '../programs.ts'
import type { Rig } from '../rig.ts'
import type { Subject } from './subject.ts'

export interface NginxOptions {
  /** Whether clients are asked for one, and its chain is verified. */
  readonly clientCertificates?: boolean
  /** Paths that go to another upstream. */
  readonly elsewhere?: Readonly<Record<string, string>>
}

export async function startNginx(
  rig: Rig,
  { clientCertificates = false, elsewhere = {} }: NginxOptions = {},
): Promise<Subject> {
  const port = await freePort()
  const verify = clientCertificates
    ? `ssl_client_certificate ${rig.folder}/ca.pem; ssl_verify_client on;`
    : ''
  const child = await startNginxProcess(
    rig.folder,
    `nginx-${port}`,
    rig.cores.measured,
    port,
    `upstream bank { server 127.0.0.1:${rig.upstreamPort}; keepalive 64; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port} ssl;
    server_name localhost;
    ssl_certificate ${rig.folder}/server.crt;
    ssl_certificate_key ${rig.folder}/server.key;
    ssl_protocols TLSv1.2 TLSv1.3;
    ${verify}
    client_max_body_size 0;
    proxy_request_buffering off;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $host;
    location / { proxy_pass http://bank; }
    ${Object.entries(elsewhere)
      .map(([path, url]) => `location ${path} { proxy_pass ${url}; }`)
      .join('\n')}
  }`,
  )
  return { port, pids: [child.pid], close: child.close }
}

/** @param server What stands in its `http`. */
export function startNginxProcess(
  folder: string,
  name: string,
  cores: string,
  port: number,
  server: string,
) {
  const own = join(folder, name)
  mkdirSync(own)
  const file = join(own, 'nginx.conf')
  const user = process.getuid?.() === 0 ? 'user root;' : ''
  writeFileSync(
    file,
    `${user}
daemon off;
worker_processes 1;
pid ${own}/pid;
error_log stderr error;
events { worker_connections 30000; }
http {
  access_log off;
  client_body_temp_path ${own}/body;
  proxy_temp_path ${own}/proxy;
  fastcgi_temp_path ${own}/fastcgi;
  uwsgi_temp_path ${own}/uwsgi;
  scgi_temp_path ${own}/scgi;
  keepalive_requests 1000000000;
  keepalive_timeout 600s;
  ${server}
}
`,
  )
  const argv = [pathOf('nginx'), '-p', own, '-c', file, '-e', 'stderr']
  return startChild(argv, { folder, name, cores, ports: [port] })
}
