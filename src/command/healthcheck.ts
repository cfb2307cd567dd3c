/**
 * `healthcheck`: asks a running gateway whether it is ready, for images without a shell or curl.
 *
 * @module
 */

import { OutboundClient } from '../adapter/outbound.ts'
import { EXIT, type Output } from './output.ts'

const NO_TLS = { ca: undefined, cert: undefined, key: undefined, serverName: undefined }
/** Seconds. */
const TIMEOUT = 3

/**
 * @param url Base URL of the admin listener.
 * @returns 0 if it is ready, 1 if it is not, 2 if the URL is none.
 */
export async function runHealthcheck(url: string, output: Output): Promise<number> {
  if (!URL.canParse(url) || !/^https?:/i.test(url)) {
    output.error(`"${url}" is no URL; the admin listener is at one such as http://127.0.0.1:9901`)
    return EXIT.usage
  }
  const client = new OutboundClient(NO_TLS, TIMEOUT)
  try {
    const { status } = await client.call(new URL('/readyz', url).href, {
      method: 'GET',
      headers: {},
    })
    output.print(status === 200 ? 'ready' : `not ready: /readyz answered ${status}`)
    return status === 200 ? EXIT.ok : EXIT.failed
  } catch (error) {
    output.error(`no answer from ${url}: ${error instanceof Error ? error.message : error}`)
    return EXIT.failed
  } finally {
    await client.close()
  }
}
