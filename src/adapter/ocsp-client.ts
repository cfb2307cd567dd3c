/**
 * Asks OCSP responders about certificates (RFC 6960, RFC 5019), and remembers what they say.
 *
 * @module
 */

import type { OcspConfig } from '../config/revocation-source.ts'
import type { RevocationStatus } from '../sender-constraint/revocation.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Authority } from '../x509/authority.ts'
import type { CertificateFacts } from '../x509/certificate.ts'
import { encodeRequest, type StatusAnswer, verifyResponse } from '../x509/ocsp.ts'
import { BoundedCache } from './bounded-cache.ts'
import type { NamedCache } from './cache-metrics.ts'
import type { OutboundClient } from './outbound.ts'

/** Bytes of an answer, whose key names the issuer by name and key. */
const ANSWER = 100
/** Answers that are remembered. */
const BOUNDS = { entries: 10_000, bytes: 16_777_216 }
/** Seconds for which an answer is remembered, whatever it says itself. */
const LONGEST = 3600
/** Seconds for which nobody is asked again after a fault. */
const COOL_DOWN = 5
/** Most questions under way: only holders of certificates of the configured authorities can cause any. */
const MOST_ASKED = 100

export interface OcspParts {
  readonly config: OcspConfig
  readonly client: OutboundClient
  readonly logger: Logger
  readonly now: () => number
}

interface Remembered {
  readonly status: RevocationStatus
  readonly until: number
}

export class OcspClient {
  readonly #parts: OcspParts
  readonly #remembered = new BoundedCache<Remembered>(BOUNDS, () => ANSWER)
  /** Of each certificate the latest answer, for longer than it is gone by. */
  readonly #latest = new BoundedCache<StatusAnswer>(BOUNDS, () => ANSWER)
  readonly #asked = new Map<string, Promise<RevocationStatus>>()

  constructor(parts: OcspParts) {
    this.#parts = parts
  }

  get caches(): readonly NamedCache[] {
    return [
      { name: 'ocsp', issuer: '', cache: this.#remembered },
      { name: 'ocsp_latest', issuer: '', cache: this.#latest },
    ]
  }

  /** What was said before, if it is still good. */
  recall(key: string, now: number): RevocationStatus | undefined {
    const remembered = this.#remembered.get(key)
    return remembered !== undefined && remembered.until > now ? remembered.status : undefined
  }

  /** @param key Names certificate and issuer. One question at a time for each. Never rejects. */
  ask(key: string, certificate: CertificateFacts, issuer: Authority): Promise<RevocationStatus> {
    const asked = this.#asked.get(key)
    if (asked !== undefined) return asked
    if (this.#asked.size >= MOST_ASKED) return Promise.resolve('unavailable')
    const asking = this.#askOnce(key, certificate, issuer).finally(() => this.#asked.delete(key))
    this.#asked.set(key, asking)
    return asking
  }

  async #askOnce(
    key: string,
    certificate: CertificateFacts,
    issuer: Authority,
  ): Promise<RevocationStatus> {
    const { logger, now } = this.#parts
    try {
      const { status, until } = this.#latestOf(key, await this.#call(certificate, issuer))
      this.#remembered.set(key, { status, until: Math.min(until, now() + LONGEST) })
      return status
    } catch (error) {
      const cause = error instanceof Error ? error.message : String(error)
      logger.warn({ ca: issuer.name, cause }, 'the OCSP responder did not say')
      this.#remembered.set(key, { status: 'unavailable', until: now() + COOL_DOWN })
      return 'unavailable'
    }
  }

  async #call(certificate: CertificateFacts, issuer: Authority) {
    const { client, now } = this.#parts
    const url = this.#responderOf(certificate)
    if (url === undefined) throw new Error('the certificate names no responder that may be asked')
    const answer = await client.call(url, {
      method: 'POST',
      headers: { 'content-type': 'application/ocsp-request', accept: 'application/ocsp-response' },
      body: encodeRequest(certificate, issuer),
    })
    if (answer.status !== 200) throw new Error(`${url} answered ${answer.status}`)
    const said = verifyResponse(answer.body, certificate, issuer, now())
    if (typeof said === 'string') throw new Error(`${url}: ${said}`)
    return said
  }

  /** Who sends an older answer wants something forgotten: the later one stays, for as long as it is good. */
  #latestOf(key: string, answer: StatusAnswer): StatusAnswer {
    const former = this.#latest.get(key)
    if (former === undefined || former.thisUpdate <= answer.thisUpdate) {
      this.#latest.set(key, answer)
      return answer
    }
    if (former.until < this.#parts.now()) throw new Error('its answer is older than one before')
    return former
  }

  /**
   * A certificate's own word for whom to ask is taken for hosts that the configuration names: else whoever
   * gets a certificate issued could have this gateway call what only it can reach.
   */
  #responderOf({ responders }: CertificateFacts): string | undefined {
    const { responder, hosts } = this.#parts.config
    return responder ?? responders.find((uri) => isAmong(uri, hosts))
  }
}

function isAmong(uri: string, hosts: readonly string[]): boolean {
  const url = URL.parse(uri)
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) return false
  return url.username === '' && url.password === '' && hosts.includes(url.host)
}
