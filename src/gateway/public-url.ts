/**
 * Which of its public URLs a request calls the gateway by.
 *
 * @module
 */

import type { PublicUrl } from '../config/configuration.ts'
import type { Authority } from '../http/target-uri.ts'

/**
 * How the gateway is called under an authority. The port tells several URLs of one host apart; otherwise
 * it does not matter, since a balancer in front may listen on another than we do.
 */
export function publicUrlOf(
  publicUrls: readonly PublicUrl[],
  { host, port = 443 }: Authority,
): PublicUrl | undefined {
  const ofHost = publicUrls.filter((one) => one.host === host)
  return ofHost.find((one) => one.port === port) ?? ofHost[0]
}
