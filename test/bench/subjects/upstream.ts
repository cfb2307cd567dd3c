/**
 * The API behind all subjects: nginx on the cores of the load, with an answer of 900 bytes.
 *
 * @module
 */

import { freePort } from '../child.ts'
import { startNginxProcess } from './nginx.ts'

const LENGTH = 900

export async function startUpstream(folder: string, cores: string) {
  const port = await freePort()
  const child = await startNginxProcess(
    folder,
    'upstream',
    cores,
    port,
    `server {
    listen 127.0.0.1:${port};
    default_type application/json;
    location / { return 200 '${answer()}'; }
  }`,
  )
  return { port, close: child.close }
}

/** An account with its transactions, cut to length. */
function answer(): string {
  const start = '{"account":"GB29NWBK60161331926819","filler":"'
  return `${start.padEnd(LENGTH - 2, 'x')}"}`
}
