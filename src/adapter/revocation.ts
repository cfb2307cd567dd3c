/**
 * Which certificates of a bundle of authorities were revoked: lists first, a responder where no list says.
 *
 * @module
 */

import type { RevocationConfig } from '../config/revocation-source.ts'
import type { ClientCertificate } from '../sender-constraint/certificate.ts'
import type { RevocationSource, RevocationStatus } from '../sender-constraint/revocation.ts'
import type { Logger } from '../telemetry/log.ts'
import type { Metrics } from '../telemetry/metrics.ts'
import { type Authority, issuerOf, parseAuthorities } from '../x509/authority.ts'
import type { CertificateFacts } from '../x509/certificate.ts'
import { covers } from '../x509/crl.ts'
import { OcspClient } from './ocsp-client.ts'
import { OutboundClient } from './outbound.ts'
import { ListSource, MAX_LIST } from './revocation-list.ts'

/** Seconds for a list to come, and for an answer of a responder while a client waits. */
const LIST_TIMEOUT = 10
const OCSP_TIMEOUT = 2
const MAX_OCSP_ANSWER = 65_536
/** Most authorities between a certificate and its root. */
const LONGEST_PATH = 10

const PLAIN = { ca: undefined, cert: undefined, key: undefined, serverName: undefined }

export interface RevocationParts {
  readonly metrics: Metrics
  readonly logger: Logger
  /** Seconds since the epoch. */
  readonly now: () => number
}

/** A certificate and who issued it. */
interface Link {
  readonly facts: CertificateFacts
  readonly issuer: Authority
  /** Names both, for what is remembered. */
  readonly key: string
}

/** The sources of one policy. */
export class RevocationSources implements RevocationSource {
  readonly config: RevocationConfig
  readonly sources: readonly ListSource[]
  readonly #authorities: readonly Authority[]
  readonly #ocsp: OcspClient | undefined
  readonly #clients: OutboundClient[] = []
  readonly #logger: Logger
  readonly #counters: ReturnType<typeof countersOf>
  /** Who issued a certificate does not change; null where it is not known. */
  readonly #paths = new WeakMap<ClientCertificate, readonly Link[] | null>()

  /** @param ca PEM bundle of the authorities. Nothing is read or asked before `start`. */
  constructor(config: RevocationConfig, ca: string, { metrics, logger, now }: RevocationParts) {
    this.config = config
    this.#authorities = parseAuthorities(ca)
    this.#logger = logger
    this.#counters = countersOf(metrics)
    const client = this.#client(LIST_TIMEOUT, MAX_LIST)
    const { refresh } = config
    const shared = { authorities: this.#authorities, refresh, client, logger, now }
    this.sources = config.lists.map((source) => new ListSource({ source, ...shared }))
    if (config.ocsp !== undefined) {
      const asking = this.#client(OCSP_TIMEOUT, MAX_OCSP_ANSWER)
      this.#ocsp = new OcspClient({ config: config.ocsp, client: asking, logger, now })
    }
  }

  /** Whether every list has been there once: whether it ended meanwhile is asked per request. */
  get ready(): boolean {
    return this.sources.every(({ loadedAt }) => loadedAt !== undefined)
  }

  /** Reads all lists, now. Never throws. */
  async start(): Promise<void> {
    await Promise.all(this.sources.map((source) => source.load()))
  }

  async close(): Promise<void> {
    for (const source of this.sources) source.close()
    await Promise.all(this.#clients.map((client) => client.close()))
  }

  statusOf(
    certificate: ClientCertificate,
    now: number,
  ): RevocationStatus | Promise<RevocationStatus> {
    const path = this.#pathOf(certificate)
    const link = path?.[0]
    if (path === null || link === undefined) return this.#count('crl', 'unavailable')
    for (let i = 1; i < path.length; i++) {
      const status = this.#statusAbove(path[i]!, now)
      if (status !== 'good') return this.#count('crl', status)
    }
    const listed = this.#listedStatus(link, now)
    if (listed !== undefined) return this.#count('crl', listed)
    if (this.#ocsp === undefined) return this.#count('crl', 'unavailable')
    const recalled = this.#ocsp.recall(link.key, now)
    if (recalled !== undefined) {
      this.#counters.ocsp.cached.inc()
      return recalled
    }
    return this.#ocsp
      .ask(link.key, link.facts, link.issuer)
      .then((status) => this.#count('ocsp', status))
  }

  /** RFC 5280 §6.3.3: what lists that are in force say. Undefined: there is none for the certificate. */
  #listedStatus({ facts, issuer }: Link, now: number): 'good' | 'revoked' | undefined {
    let found: 'good' | undefined
    for (const { lists } of this.sources) {
      for (const list of lists) {
        if (list.authority !== issuer || list.nextUpdate < now || !covers(list, facts)) continue
        if (list.revoked.has(facts.serialNumber)) return 'revoked'
        found = 'good'
      }
    }
    return found
  }

  /**
   * An authority in between is asked about where there is a list of its issuer: that has to be in force
   * then. Where some list is yet to come, it may be that one.
   */
  #statusAbove(link: Link, now: number): 'good' | 'revoked' | 'unavailable' {
    const listed = this.#listedStatus(link, now)
    if (listed !== undefined) return listed
    const isListed = this.sources.some(
      ({ lists, loadedAt }) =>
        loadedAt === undefined || lists.some(({ authority }) => authority === link.issuer),
    )
    return isListed ? 'unavailable' : 'good'
  }

  #pathOf(certificate: ClientCertificate): readonly Link[] | null {
    let path = this.#paths.get(certificate)
    if (path === undefined) {
      path = this.#findPath(certificate)
      this.#paths.set(certificate, path)
    }
    return path
  }

  #findPath({ facts, thumbprint }: ClientCertificate): readonly Link[] | null {
    const path: Link[] = []
    let subject = facts
    while (subject !== undefined && path.length < LONGEST_PATH) {
      // A root vouches for itself: nobody else could revoke it.
      if (path.length > 0 && subject.issuer.equals(subject.subject)) return path
      const issuer = issuerOf(subject, this.#authorities)
      if (issuer === undefined) break
      const key = `${issuer.facts.publicKey.toString('base64')} ${subject.serialNumber}`
      path.push({ facts: subject, issuer, key })
      subject = issuer.facts
    }
    const cause = facts === undefined ? 'unreadable' : 'an authority of its chain is not in ca'
    const cert_sha256_8 = thumbprint.slice(0, 8)
    this.#logger.warn({ cert_sha256_8, cause }, 'revocation of a certificate cannot be asked')
    return null
  }

  #client(timeout: number, maxAnswer: number): OutboundClient {
    const client = new OutboundClient(PLAIN, timeout, maxAnswer)
    this.#clients.push(client)
    return client
  }

  #count<S extends RevocationStatus>(method: 'crl' | 'ocsp', status: S): S {
    this.#counters[method][status].inc()
    return status
  }
}

/** Bound once: counting is on the path of requests. */
function countersOf({ revocationChecks }: Metrics) {
  const of = (method: string) => {
    const result = (name: string) => revocationChecks.labels({ method, result: name })
    return {
      good: result('good'),
      revoked: result('revoked'),
      unknown: result('unknown'),
      unavailable: result('unavailable'),
      cached: result('cached'),
    }
  }
  return { crl: of('crl'), ocsp: of('ocsp') }
}

/** The sources of all policies of a configuration, by their names. */
export class Revocations implements RevocationSource {
  readonly all: ReadonlyMap<string, RevocationSources>

  constructor(all: ReadonlyMap<string, RevocationSources>) {
    this.all = all
  }

  statusOf(
    certificate: ClientCertificate,
    now: number,
  ): RevocationStatus | Promise<RevocationStatus> {
    // A name that is not known is one of a former configuration.
    return this.all.get(certificate.revocation ?? '')?.statusOf(certificate, now) ?? 'unavailable'
  }
}
