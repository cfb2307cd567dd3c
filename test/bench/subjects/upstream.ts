/**
 * The API behind all subjects: nginx on the cores of the load, with an answer of 900 bytes.
 *
 * @module
 */

import { freePort } from '../../support/ports.ts'
import { startNginxProcess } from './nginx.ts'

const LENGTH = 900

/** What it serves beside: a file of the rig's folder. */
export const BULK_FILE = 'bulk'
export const BULK_PATH = '/bulk'

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
    sendfile on;
    location = ${BULK_PATH} { alias ${folder}/${BULK_FILE}; }
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
