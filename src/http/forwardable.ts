/**
 * Which fields cross the gateway (RFC 9110 §7.6.1, RFC 9700 §4.13, RFC 9440 §2.4).
 *
 * Upstreams trust what the gateway tells them about client, certificate and original request. So
 * a client's own field of such a name never passes, nor one that an upstream might take for it: CGI,
 * WSGI and their kin read `X_Client_Id` as `X-Client-Id`.
 *
 * @module
 */

import { isFieldName } from './field.ts'

/** RFC 9110 §7.6.1: meant for the next hop alone. */
export const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-authentication-info',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
])

/** Fields that mean something to everybody: nothing else is told under their names. */
export const MESSAGE_FIELDS: ReadonlySet<string> = new Set([
  'authorization',
  'dpop',
  'host',
  'content-length',
  'content-type',
  'content-encoding',
  'expect',
  'cookie',
  'via',
  'date',
])

/** What only a gateway may say to an upstream. */
export const GATEWAY_OWNED: ReadonlySet<string> = new Set([
  'forwarded',
  'x-forwarded',
  'x-real-ip',
  'true-client-ip',
  'x-client-ip',
  'x-cluster-client-ip',
  'x-original-forwarded-for',
  'x-azure-clientip',
  'fastly-client-ip',
  'cf-connecting-ip',
  'cf-connecting-ipv6',
  // RFC 9440 §2.4.
  'client-cert',
  'client-cert-chain',
  'x-arr-clientcert',
  'x-clientcert',
  'clientcert',
  'ssl-cert',
  'x-tls-cert',
  'x-mtls-cert',
  // These change which resource or method an upstream believes was asked for.
  'x-http-method-override',
  'x-http-method',
  'x-method-override',
  'x-original-url',
  'x-original-uri',
  'x-original-method',
  'x-rewrite-url',
  // CGI hands it to the program as HTTP_PROXY (CVE-2016-5385).
  'proxy',
])

/** The same, for families whose members cannot be listed. */
export const GATEWAY_OWNED_PREFIXES: readonly string[] = [
  'x-forwarded-',
  'client-cert-',
  'x-client-cert',
  'x-ssl-',
  'ssl-client-',
  'x-amzn-mtls-',
  'x-tls-client-',
  'x-mtls-client-',
  'cf-client-cert-',
  'wl-proxy-',
  'x-envoy-',
]

/** RFC 9112 §6: the gateway frames its own message, to the host it chose. */
const FRAMING: ReadonlySet<string> = new Set(['content-length', 'host', 'expect'])

/** How many decisions are remembered, and of which length of name: the names are a stranger's. */
const MAX_REMEMBERED = 512
const MAX_REMEMBERED_LENGTH = 64

/** The name as the most forgetful upstream reads it. */
export function foldFieldName(name: string): string {
  return name.toLowerCase().replace(/[_.]/g, '-')
}

/**
 * Makes the question whether a field of a client's request may be forwarded.
 *
 * The field names that `Connection` lists are not known here: they are the caller's to leave out.
 *
 * @param owned Names the gateway itself sets or keeps for itself, beside those it always owns.
 */
export function compileRequestFieldFilter(
  owned: readonly string[],
): (lowerName: string) => boolean {
  const own = new Set(owned.map(foldFieldName))
  return remembered(
    (name) =>
      // No field of ours has other characters, and look-alikes have.
      /^[a-z0-9-]+$/.test(name) &&
      !HOP_BY_HOP.has(name) &&
      !FRAMING.has(name) &&
      !GATEWAY_OWNED.has(name) &&
      !own.has(name) &&
      !GATEWAY_OWNED_PREFIXES.some((prefix) => name.startsWith(prefix)),
  )
}

/**
 * Makes the question whether a field of an upstream's response may be forwarded.
 *
 * @param dropped Names that are not passed on, because they are the gateway's to set or nobody's business.
 */
export function compileResponseFieldFilter(
  dropped: readonly string[],
): (lowerName: string) => boolean {
  const drop = new Set(dropped.map(foldFieldName))
  return remembered(
    (name) => isFieldName(name) && !HOP_BY_HOP.has(name) && !drop.has(foldFieldName(name)),
  )
}

/** When it is full nothing is forgotten: what strangers made up then only costs them the decision. */
function remembered(decide: (name: string) => boolean): (name: string) => boolean {
  const decisions = new Map<string, boolean>()
  return (name) => {
    const known = decisions.get(name)
    if (known !== undefined) return known
    const decision = decide(name)
    if (decisions.size < MAX_REMEMBERED && name.length <= MAX_REMEMBERED_LENGTH) {
      decisions.set(name, decision)
    }
    return decision
  }
}
